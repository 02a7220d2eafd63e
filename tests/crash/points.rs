//! A node that ends itself exactly before and after each durable step and each call to the other house, and goes on as the
//! shipped binary.

#[path = "points/between.rs"]
mod between;
#[path = "points/node.rs"]
mod node;
#[path = "points/table.rs"]
mod table;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crossmargin::v1::{self, Disposition, peer_service_client::PeerServiceClient};
use gateway::{
    arrangement::{
        digest::Digest,
        envelope,
        evidence::{ChangeBatch, Evidence, RegistryContent, RegistryEntry},
        leg::{Leg, Pair},
        terms::Arrangement,
    },
    identity::signing::SigningKey,
};
use tokio::task::JoinSet;

use self::table::{Manner, Moment, Point, points};
use super::{
    BINARY,
    files::{Copies, ledger_file},
    keeper::{Keeper, Request, is_passing},
    long_form,
    story::assert_one_story,
    support::{Houses, NAMES, PATIENCE, books::cycle, programme::suspend_link},
};

/// With any number the long form: each point alone, at each house.
const POINTS_VARIABLE: &str = "CROSSMARGIN_CRASH_POINTS";
/// Pairs of houses that run at a time.
const LANES: usize = 2;

/// The points at which the houses end themselves in one run.
type Armed = Pair<Option<Point>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_any_named_point_goes_on_and_signs_nothing_twice() {
    let runs = Arc::new(if long_form(POINTS_VARIABLE).is_some() { one_by_one() } else { in_pairs() });
    let (copies, keeper) = prepared().await;
    let (copies, keeper, next) = (Arc::new(copies), Arc::new(keeper), Arc::new(AtomicUsize::new(0)));
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let (runs, copies, keeper, next) =
            (Arc::clone(&runs), Arc::clone(&copies), Arc::clone(&keeper), Arc::clone(&next));
        lanes.spawn(async move {
            let mut houses = Houses::new(BINARY);
            while let Some(armed) = runs.get(next.fetch_add(1, Ordering::SeqCst)) {
                copies.put_back(&houses);
                let mut run = Run { keeper: keeper.of_copy(&houses), armed: *armed, houses: &mut houses };
                run.through_a_day().await;
            }
        });
    }
    while let Some(ended) = lanes.join_next().await {
        ended.unwrap();
    }
    println!("{} points in {} runs", points().len(), runs.len());
}

/// Each point once, two at a time where both houses are honest and prompt.
fn in_pairs() -> Vec<Armed> {
    let (plain, others): (Vec<Point>, Vec<Point>) = points().into_iter().partition(|point| point.is_plain());
    let (futures, rest): (Vec<Point>, Vec<Point>) = plain.into_iter().partition(|point| point.is_of_directions());
    // Those of one moment, half at either house.
    let (mut at, rest): (Vec<Point>, Vec<(usize, Point)>) = (futures, rest.into_iter().enumerate().collect());
    let treasury: Vec<Point> = rest.iter().filter(|(index, _)| index % 2 == 0).map(|(_, point)| *point).collect();
    at.extend(rest.iter().filter(|(index, _)| index % 2 == 1).map(|(_, point)| *point));
    let count = treasury.len().max(at.len());
    let pairs =
        (0..count).map(|index| Pair { treasury: treasury.get(index).copied(), futures: at.get(index).copied() });
    pairs.chain(others.into_iter().enumerate().map(|(index, point)| alone(Leg::BOTH[index % 2], point))).collect()
}

/// Each point alone, at each house that comes there.
fn one_by_one() -> Vec<Armed> {
    let at = |leg: Leg| points().into_iter().filter(move |point| leg == Leg::Futures || !point.is_of_directions());
    Leg::BOTH.into_iter().flat_map(|leg| at(leg).map(move |point| alone(leg, point))).collect()
}

fn alone(leg: Leg, point: Point) -> Armed {
    Pair::from_fn(|other| (other == leg).then_some(point))
}

/// Houses with everything that they need before a cycle, stopped.
async fn prepared() -> (Copies, Keeper) {
    let mut houses = Houses::running(BINARY).await;
    let keeper = Keeper::new(&houses);
    for leg in Leg::BOTH {
        for request in Request::sample(leg) {
            keeper.until_kept(leg, &request).await;
        }
    }
    Leg::BOTH.iter().for_each(|leg| houses.kill(*leg));
    (Copies::take(&houses), keeper)
}

/// Two houses on their way through a day, at least one of which ends itself at a point.
struct Run<'a> {
    houses: &'a mut Houses,
    keeper: Keeper,
    /// What has not sprung yet.
    armed: Armed,
}

impl Run<'_> {
    async fn through_a_day(&mut self) {
        let when = format!("{:?}", self.armed);
        let begin = Instant::now();
        let manners = Pair::from_fn(|leg| self.manner(leg));
        for leg in Leg::BOTH {
            if self.armed[leg].is_some() || manners[leg] != Manner::Plain {
                let command = node::command(&self.houses.config(leg), self.armed[leg], manners[leg]);
                self.houses.spawn_as(leg, command);
            } else {
                self.houses.start(leg).await;
            }
        }

        let itd = cycle(v1::CycleKind::Itd, 1);
        for leg in Leg::BOTH {
            self.until_kept(leg, &Request::account("REG-3001")).await;
            self.until_kept(leg, &Request::Market { id: "market-2".to_owned() }).await;
        }
        self.until_kept(Leg::Futures, &Request::Direct { id: "direct-1".to_owned() }).await;
        for leg in Leg::BOTH {
            self.until_kept(leg, &Request::open(&itd, 600)).await;
        }
        self.until_both(&itd, "an agreement", |_, cycle| cycle.agreed_round > 0).await;
        // The house that keeps its amended book back is the first to amend it.
        let first = if manners.futures == Manner::Plain { Leg::Treasury } else { Leg::Futures };
        let mut revisions: Pair<u32> = Pair::from_fn(|_| 1);
        for leg in [first, first.other()] {
            self.until_kept(leg, &Request::book(2)).await;
            revisions[leg] = 2;
            self.until_both(&itd, "an agreement on the amended books", |leg, cycle| {
                let books = (cycle.own_manifest_revision, cycle.complete_peer_manifest_revision);
                books == (revisions[leg], revisions[leg.other()]) && cycle.agreed_round == cycle.round
            })
            .await;
        }
        for leg in Leg::BOTH {
            self.until_kept(leg, &Request::CutOff { cycle: itd.clone() }).await;
        }
        for leg in Leg::BOTH {
            self.contradict(leg).await;
        }
        self.until_sprung(&when).await;

        let fresh = cycle(v1::CycleKind::Itd, 2);
        for leg in Leg::BOTH {
            self.until_kept(leg, &Request::open(&fresh, 600)).await;
        }
        self.until_both(&fresh, "an agreement", |_, cycle| cycle.agreed_round > 0).await;
        for leg in Leg::BOTH {
            let status = self.keeper.status(leg).await;
            assert!(status.can_sign, "{when}: {status:?}");
            assert_eq!(status.contradiction_count, 1, "{when}: the one that the test forged: {status:?}");
            self.keeper.confirm(leg, usize::MAX, &when).await;
        }
        Leg::BOTH.iter().for_each(|leg| self.houses.kill(*leg));
        assert_one_story(self.houses, &[Leg::Treasury], &when);
        println!("{:5} ms  {when}", begin.elapsed().as_millis());
    }

    /// How a house deals with the other in this run.
    fn manner(&self, leg: Leg) -> Manner {
        let own = self.armed[leg].map_or(Manner::Plain, Point::manner);
        let asked = self.armed[leg.other()].map_or(Manner::Plain, Point::manner_of_other);
        if own == Manner::Plain { asked } else { own }
    }

    /// Starts nodes again that have ended themselves, as the shipped binary; with a house that was not honest the other
    /// becomes so too.
    async fn tend(&mut self) {
        for leg in Leg::BOTH {
            let Some(status) = self.houses.ended(leg) else { continue };
            let log = self.houses.log_text(leg);
            let Some(point) = self.armed[leg].take() else { panic!("{} ended with {status}:\n{log}", NAMES[leg]) };
            assert!(log.contains(&node::last_words(point)), "{} ended with {status}:\n{log}", NAMES[leg]);
            self.tear(leg, point);
            if point.manner_of_other() != Manner::Plain {
                self.houses.kill(leg.other());
                self.houses.start(leg.other()).await;
            }
            self.houses.start(leg).await;
        }
    }

    /// Gives the guard the state that it has at the point.
    fn tear(&self, leg: Leg, point: Point) {
        let Point::Record(_, _, moment) = point else { return };
        let data = self.houses.data(leg);
        let guard = ledger_file(&data, ".guard");
        let torn = match moment {
            Moment::GuardUnwritten => fs::read(node::guard_before(&data)).unwrap(),
            Moment::GuardTorn => torn(&fs::read(node::guard_before(&data)).unwrap(), &fs::read(&guard).unwrap()),
            _ => return,
        };
        assert_ne!(torn, fs::read(&guard).unwrap(), "the commit wrote the guard");
        fs::write(guard, torn).unwrap();
    }

    async fn until_kept(&mut self, leg: Leg, request: &Request) {
        let begin = Instant::now();
        loop {
            self.tend().await;
            let Err(status) = self.keeper.ask(leg, request).await else { return };
            assert!(is_passing(&status), "{}: {request:?} was refused: {status:?}", NAMES[leg]);
            self.stay(begin, leg, &format!("{request:?}")).await;
        }
    }

    /// Waits until a cycle is as wanted at both houses at one time.
    async fn until_both(&mut self, id: &v1::CycleId, what: &str, is_it: impl Fn(Leg, &v1::Cycle) -> bool) {
        let begin = Instant::now();
        loop {
            self.tend().await;
            let mut seen = Vec::new();
            for leg in Leg::BOTH {
                seen.push(self.keeper.clients(leg).cycle(id).await);
            }
            let wanting = Leg::BOTH.into_iter().zip(&seen).find(|(leg, cycle)| {
                let is_wanted = cycle.as_ref().is_some_and(|cycle| is_it(*leg, cycle));
                !is_wanted
            });
            let Some((leg, _)) = wanting else { return };
            self.stay(begin, leg, &format!("{what}: {seen:#?}")).await;
        }
    }

    /// Delivers to a house a word of the other that contradicts what it recorded of it, until that is on record.
    async fn contradict(&mut self, leg: Leg) {
        let other = NAMES[leg.other()];
        let text = fs::read_to_string(self.houses.directory().join("arrangement.toml")).unwrap();
        let parties = Arrangement::from_toml(&text).unwrap().parties;
        let pki = self.houses.directory().join("pki").join(other);
        let key = SigningKey::load(&pki.join("statement.key")).unwrap();
        let changes = vec![suspend_link("LNK-0001")];
        let batch = ChangeBatch { changes, by: "somebody".to_owned(), at: jiff::Timestamp::UNIX_EPOCH };
        let content = RegistryContent::Changes(batch);
        let entry = Evidence::RegistryEntry(RegistryEntry { sequence: 2, previous: Digest::of(b"another"), content });
        let forged = envelope::seal(&entry, &parties, leg.other(), &key.id().to_string(), |bytes| key.sign(bytes));
        let begin = Instant::now();
        loop {
            self.tend().await;
            let channel = self.houses.clients(leg).channel_with(pki.join("peer.pem"), pki.join("peer.key"));
            let request = v1::DeliverRequest { envelopes: vec![forged.clone()], own_head: None };
            match PeerServiceClient::new(channel).deliver(request).await {
                Ok(answer) => {
                    let receipts = answer.into_inner().receipts;
                    assert_eq!(receipts[0].disposition(), Disposition::Contradiction, "{receipts:?}");
                    return;
                }
                Err(status) => self.stay(begin, leg, &format!("a receipt: {status:?}")).await,
            }
        }
    }

    /// Waits until every armed point was reached.
    async fn until_sprung(&mut self, when: &str) {
        let begin = Instant::now();
        while Leg::BOTH.iter().any(|leg| self.armed[*leg].is_some()) {
            assert!(begin.elapsed() < Duration::from_secs(10), "{when}: never reached: {:?}", self.armed);
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.tend().await;
        }
    }

    async fn stay(&self, begin: Instant, leg: Leg, what: &str) {
        let log = || self.houses.log_text(leg);
        assert!(begin.elapsed() < PATIENCE, "{}: {:?}: {what} did not come:\n{}", NAMES[leg], self.armed, log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The guard with its newer slot half written over the older one.
fn torn(before: &[u8], after: &[u8]) -> Vec<u8> {
    const SLOT_BYTES: usize = 4096;
    const WRITTEN_BYTES: usize = 60;
    let mut torn = before.to_vec();
    let changed =
        (0..torn.len()).step_by(SLOT_BYTES).find(|at| before[*at..*at + SLOT_BYTES] != after[*at..*at + SLOT_BYTES]);
    let at = changed.expect("the commit wrote a slot");
    torn[at..at + WRITTEN_BYTES].copy_from_slice(&after[at..at + WRITTEN_BYTES]);
    torn
}
