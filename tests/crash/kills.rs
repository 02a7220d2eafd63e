//! Both nodes under load, killed at random.

use std::{sync::Arc, time::Duration};

use crossmargin::v1;
use gateway::arrangement::leg::Leg;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    BINARY,
    keeper::{Keeper, Request},
    long_form,
    story::assert_one_story,
    support::{Houses, NAMES, PATIENCE, books::cycle},
};

/// Kills of the short form; the long one takes their number from this variable.
const KILLS: usize = 10;
const KILLS_VARIABLE: &str = "CROSSMARGIN_CRASH_KILLS";
/// The seed of an earlier run, to take the same victims at the same moments as far as real processes are the same.
const SEED_VARIABLE: &str = "CROSSMARGIN_CRASH_SEED";
/// Answers that are asked for again after each restart; at the end all are.
const NEWEST: usize = 8;
/// Directions that the regular account's positions suffice for.
const DIRECTIONS_MAX: u64 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_killed_at_random_lose_nothing_that_they_acknowledged_and_tell_one_story() {
    let kills = long_form(KILLS_VARIABLE).unwrap_or(KILLS);
    let seed = long_form(SEED_VARIABLE).unwrap_or_else(|| std::process::id() as usize);
    println!("seed {seed}: {SEED_VARIABLE}={seed} takes the same victims at the same moments");
    let mut random = Random(seed as u64);
    let mut houses = Houses::running(BINARY).await;
    let keeper = Arc::new(Keeper::new(&houses));
    for leg in Leg::BOTH {
        for request in Request::sample(leg) {
            keeper.until_kept(leg, &request).await;
        }
    }
    let stop = CancellationToken::new();
    let mut load = JoinSet::new();
    for leg in Leg::BOTH {
        load.spawn(submit(Arc::clone(&keeper), leg, stop.clone()));
    }
    load.spawn(run_cycles(Arc::clone(&keeper), stop.clone()));

    for kill in 1..=kills {
        tokio::time::sleep(random.millis(50, 700)).await;
        let victims: &[Leg] = match random.below(5) {
            0 | 1 => &[Leg::Treasury],
            2 | 3 => &[Leg::Futures],
            _ => &Leg::BOTH,
        };
        let when = format!("seed {seed}, kill {kill} of {kills} ({victims:?})");
        victims.iter().for_each(|leg| houses.kill(*leg));
        tokio::time::sleep(random.millis(0, 150)).await;
        for leg in victims {
            houses.start(*leg).await;
        }
        for leg in victims {
            let status = keeper.status(*leg).await;
            assert!(status.can_sign && status.contradiction_count == 0, "{when}: {status:?}");
            keeper.confirm(*leg, NEWEST, &when).await;
        }
        if let Some(ended) = load.try_join_next() {
            ended.unwrap();
            panic!("{when}: the load ended before its time");
        }
        if kill % 50 == 0 {
            println!("{when}: {} acknowledged", Leg::BOTH.map(|leg| keeper.all(leg).len()).iter().sum::<usize>());
            assert_one_story(&houses, &[], &when);
        }
    }

    stop.cancel();
    while let Some(ended) = load.join_next().await {
        ended.unwrap();
    }
    let fresh = cycle(v1::CycleKind::Eod, 1);
    for leg in Leg::BOTH {
        keeper.until_kept(leg, &Request::open(&fresh, 300)).await;
    }
    for leg in Leg::BOTH {
        keeper.clients(leg).wait(&fresh, "an agreement", |cycle| cycle.agreed_round > 0).await;
        keeper.confirm(leg, usize::MAX, "at the end").await;
    }
    assert_one_story(&houses, &Leg::BOTH, &format!("seed {seed}, at the end"));
    for leg in Leg::BOTH {
        println!("{}: {} acknowledged and there", NAMES[leg], keeper.all(leg).len());
    }
}

/// The house's own systems: books, market data, changes of the programme, directions.
async fn submit(keeper: Arc<Keeper>, leg: Leg, stop: CancellationToken) {
    let mut directed = 0;
    for number in 2.. {
        if stop.is_cancelled() {
            return;
        }
        let request = match number % 4 {
            0 => Request::Market { id: format!("market-{number}") },
            1 => Request::account(&format!("REG-{}", 20_000 + number)),
            2 if leg == Leg::Futures && directed < DIRECTIONS_MAX => {
                directed += 1;
                Request::Direct { id: format!("direct-{number}") }
            }
            _ => Request::book(number),
        };
        keeper.until_kept(leg, &request).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Operators who open runs of a cycle at both houses, wait for an agreement, and cut them off.
async fn run_cycles(keeper: Arc<Keeper>, stop: CancellationToken) {
    for run in 1.. {
        if stop.is_cancelled() {
            return;
        }
        let itd = cycle(v1::CycleKind::Itd, run);
        for leg in Leg::BOTH {
            keeper.until_kept(leg, &Request::open(&itd, 600)).await;
        }
        let begin = std::time::Instant::now();
        for leg in Leg::BOTH {
            // No answer while the node is away.
            while keeper.clients(leg).cycle(&itd).await.is_none_or(|cycle| cycle.agreed_round == 0) {
                assert!(begin.elapsed() < PATIENCE, "{}: {itd:?} was never agreed", NAMES[leg]);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        for leg in Leg::BOTH {
            keeper.until_kept(leg, &Request::CutOff { cycle: itd.clone() }).await;
        }
    }
}

/// SplitMix64: a run of the same seed draws the same numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}
