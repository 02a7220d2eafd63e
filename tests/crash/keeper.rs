//! Clients that send until they are answered, remember every answer, and ask for it again later.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crossmargin::v1::{self, submit_snapshot_request::Part};
use gateway::{
    arrangement::leg::{Leg, Pair},
    csv_book, sample, wire,
};
use jiff::{SignedDuration, Timestamp};
use tonic::{Code, Status};

use super::support::{Houses, NAMES, PATIENCE, clients::Clients, programme::change};

/// The regular account at the futures house from which positions are directed, and its member's administration.
pub(crate) const REGULAR: &str = "REG-1001";
const MEMBER_ROLE: &str = "member-administrator-alder-point";
const ZN: &str = "FUT:ZN:2026-03";

/// Something that a house is asked to do and that goes on record. Asked again it is the same, and changes nothing.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Changes of the programme.
    Changes { id: String, changes: Vec<v1::ProgrammeChange> },
    /// All the market data of the house, once more.
    Market { id: String },
    /// A version of the book: the whole sample as version 1, an amendment of one account as any later one.
    Book { version: u64, as_of: Timestamp },
    /// A contract that is directed from the regular account into the cross-margin account.
    Direct { id: String },
    /// A cycle with its cut-off.
    Open { cycle: v1::CycleId, cut_off: Timestamp },
    /// The cut-off of a cycle, now.
    CutOff { cycle: v1::CycleId },
}

impl Request {
    /// A version of the book as of now.
    pub(crate) fn book(version: u64) -> Self {
        Self::Book { version, as_of: Timestamp::now() }
    }

    /// A cycle that has so many seconds.
    pub(crate) fn open(cycle: &v1::CycleId, seconds: i64) -> Self {
        Self::Open { cycle: cycle.clone(), cut_off: Timestamp::now() + SignedDuration::from_secs(seconds) }
    }

    /// A new regular account, which changes nothing of any cycle.
    pub(crate) fn account(id: &str) -> Self {
        Self::Changes { id: format!("account-{id}"), changes: vec![regular_account(id)] }
    }

    /// Everything that the house needs before its first cycle.
    pub(crate) fn sample(leg: Leg) -> Vec<Self> {
        let mut changes = sample::programme::onboarding(&sample::book::links());
        if leg == Leg::Futures {
            changes.push(regular_account(REGULAR));
        }
        vec![
            Self::Changes { id: "onboarding".to_owned(), changes },
            Self::Market { id: "market-1".to_owned() },
            Self::book(1),
        ]
    }
}

fn regular_account(account: &str) -> v1::ProgrammeChange {
    change(v1::programme_change::Change::Account(v1::AccountRecord {
        account: account.to_owned(),
        member: "alder-point".to_owned(),
        owner: "alder-point".to_owned(),
        r#use: v1::AccountUse::Regular.into(),
    }))
}

/// A request and what the house acknowledged it with.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    request: Request,
    answer: String,
}

/// The clients of both houses, and everything that was acknowledged.
pub(crate) struct Keeper {
    clients: Pair<Clients>,
    kept: Pair<Mutex<Vec<Kept>>>,
}

impl Keeper {
    pub(crate) fn new(houses: &Houses) -> Self {
        Self { clients: Pair::from_fn(|leg| houses.clients(leg)), kept: Pair::default() }
    }

    /// A keeper of other nodes, with what was acknowledged by the nodes whose data these hold.
    pub(crate) fn of_copy(&self, houses: &Houses) -> Self {
        let kept = Pair::from_fn(|leg| Mutex::new(self.all(leg)));
        Self { clients: Pair::from_fn(|leg| houses.clients(leg)), kept }
    }

    pub(crate) fn clients(&self, leg: Leg) -> &Clients {
        &self.clients[leg]
    }

    /// Everything that a house acknowledged.
    pub(crate) fn all(&self, leg: Leg) -> Vec<Kept> {
        self.kept[leg].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request once.
    pub(crate) async fn ask(&self, leg: Leg, request: &Request) -> Result<(), Status> {
        let answer = ask(&self.clients[leg], leg, request).await?;
        self.kept[leg].lock().unwrap_or_else(PoisonError::into_inner).push(Kept { request: request.clone(), answer });
        Ok(())
    }

    /// Sends a request until it is acknowledged; whoever kills the node starts it again.
    pub(crate) async fn until_kept(&self, leg: Leg, request: &Request) {
        let begin = Instant::now();
        while let Err(status) = self.ask(leg, request).await {
            assert!(is_passing(&status), "{}: {request:?} was refused: {status:?}", NAMES[leg]);
            assert!(begin.elapsed() < PATIENCE, "{}: {request:?} was never answered: {status:?}", NAMES[leg]);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks again for everything, or for the newest so many, that was acknowledged: each answer is the same.
    pub(crate) async fn confirm(&self, leg: Leg, newest: usize, when: &str) {
        let kept = self.all(leg);
        for kept in kept.iter().rev().take(newest) {
            let answer = confirm(&self.clients[leg], leg, &kept.request).await;
            let answer = answer.unwrap_or_else(|status| panic!("{when}: {}: {kept:?} is gone: {status:?}", NAMES[leg]));
            assert_eq!(answer, kept.answer, "{when}: {}: {:?} is answered differently", NAMES[leg], kept.request);
        }
    }

    pub(crate) async fn status(&self, leg: Leg) -> v1::GetNodeStatusResponse {
        let status = self.clients[leg].operations().get_node_status(v1::GetNodeStatusRequest {}).await;
        status.unwrap().into_inner()
    }
}

/// Whether a request may be answered when it is sent again: the node is going, away or coming.
pub(crate) fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Aborted | Code::DeadlineExceeded | Code::Internal
    )
}

/// Asks for what was acknowledged, without asking for anything new where the request has no id.
async fn confirm(clients: &Clients, leg: Leg, request: &Request) -> Result<String, Status> {
    let (Request::Open { cycle, .. } | Request::CutOff { cycle }) = request else {
        return ask(clients, leg, request).await;
    };
    let asked = v1::GetCycleRequest { cycle: Some(cycle.clone()) };
    let found = clients.operations().get_cycle(asked).await?.into_inner().cycle.unwrap();
    Ok(if matches!(request, Request::Open { .. }) { opening(&found) } else { ending(&found) })
}

async fn ask(clients: &Clients, leg: Leg, request: &Request) -> Result<String, Status> {
    let business_date = sample::BUSINESS_DATE.to_string();
    Ok(match request.clone() {
        Request::Changes { id, changes } => {
            let answer = clients.record_changes(&id, changes).await?;
            format!("entry {}, suspensions {:?}", answer.sequence, answer.suspension_ids)
        }
        Request::Market { id } => {
            let items = sample::market().into_items(leg);
            let request = v1::SubmitMarketDataRequest { request_id: id, business_date, items };
            let answer = clients.market().submit_market_data(request).await?.into_inner();
            answer.manifest_digest
        }
        Request::Book { version, as_of } => {
            let is_first = version == 1;
            let scope = if is_first { v1::SnapshotScope::Full } else { v1::SnapshotScope::Amendment };
            let header = v1::SnapshotHeader {
                request_id: format!("book-{version}"),
                business_date,
                as_of: Some(wire::to_timestamp(as_of)),
                book_version: version,
                scope: scope.into(),
                flat_accounts: Vec::new(),
                directions_through: 0,
            };
            let book = csv_book::parse(book_text(leg, version).as_bytes(), "a book of the test").unwrap();
            let parts = std::iter::once(Part::Header(header)).chain(book.into_wire(50_000));
            let parts: Vec<_> = parts.map(|part| v1::SubmitSnapshotRequest { part: Some(part) }).collect();
            let answer = clients.positions().submit_snapshot(tokio_stream::iter(parts)).await?.into_inner();
            format!("version {} of {} accounts", answer.book_version, answer.account_count)
        }
        Request::Direct { id } => {
            let leg = v1::PositionLeg {
                from_account: REGULAR.to_owned(),
                to_account: "XM-1001".to_owned(),
                instrument: ZN.to_owned(),
                quantity: -1,
            };
            let request =
                v1::DirectPositionsRequest { request_id: id, business_date, legs: vec![leg], ..Default::default() };
            let answer = clients.directions(MEMBER_ROLE).direct_positions(request).await?.into_inner();
            format!("direction {}", answer.number)
        }
        Request::Open { cycle, cut_off } => {
            let request = v1::OpenCycleRequest { cycle: Some(cycle), cut_off: Some(wire::to_timestamp(cut_off)) };
            opening(&clients.operations().open_cycle(request).await?.into_inner().cycle.unwrap())
        }
        Request::CutOff { cycle } => {
            let request = v1::CutOffCycleRequest { cycle: Some(cycle) };
            ending(&clients.operations().cut_off_cycle(request).await?.into_inner().cycle.unwrap())
        }
    })
}

fn opening(cycle: &v1::Cycle) -> String {
    format!("as of {:?}, cut off {:?}", cycle.as_of, cycle.cut_off)
}

/// How a cycle ended: what is agreed later, where both statements come together after the cut-off, replaces a fall-back.
fn ending(cycle: &v1::Cycle) -> String {
    format!("cut off: {}", cycle.is_cut_off)
}

/// The sample's book with the regular account, or an amendment of one account to what the version says.
fn book_text(leg: Leg, version: u64) -> String {
    let number = i64::try_from(version).unwrap();
    match (leg, version) {
        (Leg::Treasury, 1) => sample::book::csv(leg).to_owned(),
        (Leg::Futures, 1) => format!("{}{REGULAR},{ZN},-500,,,,\n", sample::book::csv(leg)),
        (Leg::Treasury, _) => format!("{COLUMNS}GSD-1002,UST:91282CPJ4,{},,,,\n", 1_500_000_000 + number * 1_000_000),
        (Leg::Futures, _) => format!("{COLUMNS}XM-1002,FUT:ZN:2026-03,{},,,,\n", -5_000 - number),
    }
}

const COLUMNS: &str = "account,instrument,quantity,start_date,start_cash,end_date,end_cash\n";
