//! One simulation: two houses' nodes, their systems, the network between them, and the faults of a seed.

use std::{
    cell::Cell,
    collections::BTreeMap,
    panic,
    sync::{Arc, Once, atomic::AtomicBool},
    time::{Duration, Instant},
};

use gateway::arrangement::leg::{Leg, Pair};
use turmoil::Builder;

use super::{
    checker,
    desk::Desk,
    disk::Honesty,
    driver::Driver,
    network::Lives,
    node::Site,
    plan::{FAULTS_SECONDS, HEALING_SECONDS_MAX, Plan},
    setting::{DESKS, NODES, Setting, Timing},
    told::Told,
    trace::Trace,
};

/// Simulated time goes on in steps of this.
const TICK: Duration = Duration::from_millis(20);

/// What a simulation is like, beside its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    pub timing: Timing,
    pub honesty: Honesty,
    /// How far the futures house's clock is ahead in secret: the checker believes it to be right.
    pub secret_skew_millis: i64,
    /// Whether the network between the nodes stays cut though the faults are said to be over.
    pub stays_cut: bool,
    /// Whether an operator whose ledger lost its end makes a new guard and takes nothing up.
    pub rebases_only: bool,
}

impl World {
    /// Whether disks are lost: where they do not keep their word, it could not be told apart.
    fn loses_disks(self) -> bool {
        Self { rebases_only: false, ..self } == Self::default()
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            honesty: Honesty::Honest,
            secret_skew_millis: 0,
            stays_cut: false,
            rebases_only: false,
        }
    }
}

/// What came of a simulation.
pub struct Outcome {
    pub lines: Vec<String>,
    pub counts: BTreeMap<String, u64>,
    pub violations: Vec<String>,
    pub simulated: Duration,
    pub wall: Duration,
}

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the panics of this thread: the runtime swallows those of the tasks of a node.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            before(info);
        }));
    });
    PANICS.set(0);
}

/// Runs the simulation of a seed.
pub fn run(seed: u64, world: World) -> Outcome {
    let begun = Instant::now();
    count_panics();
    let trace = Trace::default();
    let setting = Arc::new(Setting::new(world.timing));
    let plan = Plan::of(seed);
    let plan = Arc::new(if world.loses_disks() { plan } else { plan.without_losses() });
    let lives = Lives::default();
    let told = Told::new(&trace);
    let sites = Pair::from_fn(|leg| Arc::new(Site::new(leg, &setting, &lives, &told, world, seed)));
    sites.futures.clock.set(world.secret_skew_millis * 1_000, 0);
    let is_healing = Arc::new(AtomicBool::new(false));
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(3 * (FAULTS_SECONDS + HEALING_SECONDS_MAX)))
        .min_message_latency(plan.latency.0)
        .max_message_latency(plan.latency.1)
        .tcp_capacity(1_024)
        .build();
    for leg in Leg::BOTH {
        let site = Arc::clone(&sites[leg]);
        sim.host(NODES[leg], move || Arc::clone(&site).run());
    }
    for leg in Leg::BOTH {
        let desk = Desk::new(leg, &setting, &plan, &told, &is_healing, seed, &trace);
        sim.client(DESKS[leg], work(desk, lives.clone()));
    }
    let mut driver = Driver::new(sim, world, &plan, &sites, &told, &lives, &is_healing);
    driver.drive();
    let simulated = driver.sim.elapsed();
    let within_skew = std::mem::take(&mut driver.within_skew);
    // What the hosts drop belongs to the simulation too.
    drop(driver);
    checker::check(&setting, &sites, &told, &within_skew, &trace);
    if PANICS.get() > 0 {
        trace.violation(format!("{} panics", PANICS.get()));
    }
    Outcome {
        lines: trace.lines(),
        counts: trace.counts(),
        violations: trace.violations(),
        simulated,
        wall: begun.elapsed(),
    }
}

/// What a house's systems do from the beginning to the end.
async fn work(desk: Desk, lives: Lives) -> turmoil::Result {
    let desk = desk.connect(&lives);
    desk.set_up().await;
    tokio::join!(
        desk.keep_positions(),
        desk.give_prices(),
        desk.administer(),
        desk.direct(),
        desk.open_cycles(),
        desk.cut_off_early(),
        desk.look(),
        desk.charge(),
        desk.watch(),
    );
    desk.says("heals");
    desk.close().await;
    Ok(())
}
