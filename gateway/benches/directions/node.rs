//! A node of the futures house with its ledger on the disk, in this process and without its peer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossmargin::v1::{self, programme_change::Change, submit_snapshot_request::Part};
use futures_util::{StreamExt, stream};
use gateway::{
    arrangement::{leg::Leg, terms::Arrangement},
    blobs::FileBlobStore,
    book::intake::Snapshot,
    config::Config,
    csv_book,
    ledger::SqliteLedger,
    node::{self, Parts, Running, catalog::Answer},
    sample,
    seam::{Executor, SystemClock},
    wire,
};
use jiff::Timestamp;
use tonic::transport::Endpoint;

use super::{accounts, request, support::Houses};

/// Pairs of accounts that are directed between.
const PAIRS: usize = 1_000;
/// Changes of one entry of the registry log.
const CHANGES_EACH: usize = 10_000;
/// Until a node has stopped.
const DEADLINE: Duration = Duration::from_secs(600);

/// Keys, configuration and data.
pub(crate) struct House(Houses);

impl House {
    pub(crate) fn new() -> Self {
        Self(Houses::new(env!("CARGO_BIN_EXE_crossmargin")))
    }

    pub(crate) async fn start(&self) -> Node {
        let config = Config::load(&self.0.config(Leg::Futures)).unwrap();
        let signing_key = config.signing_key().unwrap();
        let verifying_keys = config.verifying_keys(&signing_key).unwrap();
        let arrangement = Arrangement::from_toml(&std::fs::read_to_string(&config.arrangement).unwrap()).unwrap();
        std::fs::create_dir_all(&config.data_directory).unwrap();
        let party = arrangement.parties.party(Leg::Futures);
        let options = node::ledger_options(&config, party, &signing_key, &verifying_keys);
        let ledger = SqliteLedger::open(options).unwrap();
        let running = node::start(Parts {
            us: Leg::Futures,
            arrangement: Arc::new(arrangement),
            clock: Arc::new(SystemClock),
            executor: Executor::Threads,
            ledger: Arc::new(ledger),
            blobs: Arc::new(FileBlobStore::open(config.data_directory.join("blobs")).unwrap()),
            signing_key,
            verifying_keys,
            // Nothing listens there: the other house takes no part.
            peer: Endpoint::from_static("http://127.0.0.1:1").connect_lazy(),
            limits: config.limits.clone(),
        })
        .await
        .unwrap();
        Node(running)
    }
}

/// A node that runs.
pub(crate) struct Node(Running);

impl Node {
    /// Gives it links, market data and a book.
    pub(crate) async fn fill(&self, links: usize) {
        let handle = &self.0.handle;
        let cross_margin: Vec<String> = (0..links).map(|place| accounts(place).0).collect();
        let regular: Vec<String> = (0..PAIRS).map(|place| accounts(place).1).collect();
        let changes = std::iter::once(member()).chain(cross_margin.iter().map(|account| link(account)));
        let changes: Vec<Change> = changes.chain(regular.iter().map(|account| regular_account(account))).collect();
        for (batch, changes) in changes.chunks(CHANGES_EACH).enumerate() {
            let changes = changes.iter().cloned();
            let changes = changes.map(|change| v1::ProgrammeChange { reason: String::new(), change: Some(change) });
            let request = v1::RecordChangesRequest {
                request_id: format!("links-{batch}"),
                changes: changes.collect(),
                validate_only: false,
            };
            handle.record_changes(request, "administrator".to_owned()).await.unwrap();
        }
        let market = v1::SubmitMarketDataRequest {
            request_id: "market".to_owned(),
            business_date: sample::BUSINESS_DATE.to_string(),
            items: sample::market().into_items(Leg::Futures),
        };
        handle.submit_market(market).await.unwrap();
        let rows = cross_margin.iter().chain(&regular).map(|account| format!("{account},FUT:ZN:2026-03,100,,,,\n"));
        let text = rows.fold(format!("{}\n", csv_book::HEADER), |text, row| text + &row);
        let mut snapshot = Snapshot {
            header: v1::SnapshotHeader {
                request_id: "book".to_owned(),
                business_date: sample::BUSINESS_DATE.to_string(),
                as_of: Some(wire::to_timestamp(Timestamp::now())),
                book_version: 1,
                scope: v1::SnapshotScope::Full.into(),
                flat_accounts: Vec::new(),
                directions_through: 0,
            },
            ..Snapshot::default()
        };
        for part in csv_book::parse(text.as_bytes(), "book").unwrap().into_wire(50_000) {
            match part {
                Part::Positions(columns) => snapshot.positions.push(columns),
                Part::Repos(columns) => snapshot.repos.push(columns),
                Part::Header(_) => {}
            }
        }
        handle.submit_snapshot(snapshot).await.unwrap();
    }

    /// What each of so many directions costs, so many of them waiting at once.
    pub(crate) async fn direct(&self, first: u64, count: u64, waiting: usize) -> Duration {
        let begin = Instant::now();
        let directed = stream::iter(first..first + count).map(|number| self.direct_one(number)).buffered(waiting);
        directed.for_each(|(_, is_replay)| async move { assert!(!is_replay) }).await;
        begin.elapsed() / u32::try_from(count).unwrap()
    }

    /// Directs the request of a number: the number that it got, and whether it had been recorded before.
    pub(crate) async fn direct_one(&self, number: u64) -> (u64, bool) {
        let request = request(number, PAIRS);
        let (answer, is_replay) = self.0.handle.direct(&request, None, "administrator".to_owned()).await.unwrap();
        let Answer::Direction { number, .. } = answer else { panic!("{answer:?}") };
        (number, is_replay)
    }

    pub(crate) async fn stop(self) {
        self.0.stop(DEADLINE).await;
    }
}

fn link(account: &str) -> Change {
    Change::Link(v1::LinkTerms {
        link_id: format!("L-{account}"),
        kind: v1::LinkKind::House.into(),
        member: "M1".to_owned(),
        owner: "M1".to_owned(),
        treasury_account: format!("GSD-{account}"),
        futures_account: account.to_owned(),
    })
}

fn regular_account(account: &str) -> Change {
    Change::Account(v1::AccountRecord {
        account: account.to_owned(),
        member: "M1".to_owned(),
        owner: "M1".to_owned(),
        r#use: v1::AccountUse::Regular.into(),
    })
}

fn member() -> Change {
    let since = || Some(v1::DateRange { from: "2020-01-02".to_owned(), until: String::new() });
    Change::Member(v1::MemberRecord {
        member: "M1".to_owned(),
        broker_dealer: since(),
        futures_commission_merchant: since(),
        membership: since(),
    })
}
