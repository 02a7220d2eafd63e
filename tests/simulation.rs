//! Both nodes, whole, under deterministic simulation: the real services, rules, gRPC and TLS over a simulated network,
//! simulated disks and simulated clocks, with faults at every moment. `docs/simulation.md` says what is covered.
//!
//! ```text
//! CROSSMARGIN_SIMULATION_SEEDS=2000   so many seeds, in parallel
//! CROSSMARGIN_SIMULATION_FIRST=1      from this one on
//! CROSSMARGIN_SIMULATION_SEED=4711    one seed, with its trace
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    unreachable_pub,
    reason = "a simulation: what it cannot go on from is a failure"
)]

#[path = "simulation/administrator.rs"]
mod administrator;
#[path = "simulation/aftermath.rs"]
mod aftermath;
#[path = "simulation/checker.rs"]
mod checker;
#[path = "simulation/clock.rs"]
mod clock;
#[path = "simulation/desk.rs"]
mod desk;
#[path = "simulation/dice.rs"]
mod dice;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/driver.rs"]
mod driver;
#[path = "simulation/last_second.rs"]
mod last_second;
#[path = "simulation/loss.rs"]
mod loss;
#[path = "simulation/margin.rs"]
mod margin;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/operators.rs"]
mod operators;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/report.rs"]
mod report;
#[path = "simulation/setting.rs"]
mod setting;
#[path = "simulation/submitters.rs"]
mod submitters;
#[path = "simulation/told.rs"]
mod told;
#[path = "simulation/trace.rs"]
mod trace;
#[path = "simulation/world.rs"]
mod world;

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use disk::Honesty;
use report::Report;
use setting::Timing;
use world::{World, run};

/// A seed in which the network is cut at the last of two statements, so that one house agrees and the other falls back.
const LAST_SECOND: u64 = 5;
/// A seed in which a node runs on an old copy of its ledger for a while, and the house recovers.
const OLD_COPY: u64 = 7;
/// A seed in which a whole disk is lost but for the guard, and the recovery breaks off and is run again.
const LOST_DISK: u64 = 16;
/// A seed in which a node cuts a cycle off on an old copy, so that the copy is put in place again before the recovery.
const USED_COPY: u64 = 101;
/// The seeds of the short form.
const SHORT: [u64; 7] = [1, 2, 3, 4, LAST_SECOND, 6, OLD_COPY];

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")))
}

fn replay(seed: u64) -> String {
    format!("CROSSMARGIN_SIMULATION_SEED={seed} cargo test -p gateway --test simulation -- --nocapture")
}

#[test]
fn what_two_houses_promise_holds_whatever_fails() {
    if let Some(seed) = number("CROSSMARGIN_SIMULATION_SEED") {
        drop(tracing_subscriber::fmt().with_env_filter(env::var("RUST_LOG").unwrap_or_default()).try_init());
        let outcome = run(seed, World::default());
        outcome.lines.iter().for_each(|line| println!("{line}"));
        let mut report = Report::default();
        report.add(seed, &outcome);
        println!("{report}");
        assert!(outcome.violations.is_empty(), "seed {seed}: {:#?}", outcome.violations);
        return;
    }
    let seeds: Vec<u64> = match number("CROSSMARGIN_SIMULATION_SEEDS") {
        None => SHORT.to_vec(),
        Some(count) => {
            let first = number("CROSSMARGIN_SIMULATION_FIRST").unwrap_or(1);
            (first..first + count).collect()
        }
    };
    let (next, report) = (AtomicU64::new(0), Mutex::new(Report::default()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
                    let outcome = run(*seed, World::default());
                    for violation in &outcome.violations {
                        println!("seed {seed}: {violation}\n  {}", replay(*seed));
                    }
                    report.lock().unwrap().add(*seed, &outcome);
                }
            });
        }
    });
    let report = report.into_inner().unwrap();
    println!("{report}");
    let failed: Vec<String> = report.failed.iter().map(|seed| replay(*seed)).collect();
    assert!(failed.is_empty(), "{} seeds of {} fail:\n{}", failed.len(), seeds.len(), failed.join("\n"));
}

#[test]
fn one_seed_is_one_history_to_the_last_line() {
    let seeds = number("CROSSMARGIN_SIMULATION_SEED").map_or_else(|| vec![LAST_SECOND, OLD_COPY], |seed| vec![seed]);
    for seed in seeds {
        let (first, second) = (run(seed, World::default()).lines, run(seed, World::default()).lines);
        let differs = first.iter().zip(&second).position(|(one, other)| one != other);
        if let Some(at) = differs.or((first.len() != second.len()).then(|| first.len().min(second.len()))) {
            let around = |lines: &[String]| lines[at.saturating_sub(8)..lines.len().min(at + 8)].join("\n");
            panic!("the two runs of seed {seed} part at line {at}:\n{}\n\n{}", around(&first), around(&second));
        }
        assert!(first.len() > 500, "{} lines", first.len());
    }
}

/// Runs a seed in which no promise is broken, and in which all this was counted.
fn comes_to(seed: u64, expected: &[&str]) {
    let outcome = run(seed, World::default());
    assert!(outcome.violations.is_empty(), "{}\n{:#?}", replay(seed), outcome.violations);
    for what in expected {
        assert!(outcome.counts.contains_key(*what), "{what}\n{}\n{:#?}", replay(seed), outcome.counts);
    }
}

#[test]
fn a_cycle_that_is_agreed_at_one_house_in_the_last_second_is_learnt_late_by_the_other() {
    comes_to(LAST_SECOND, &["fault: last second", "cycles agreed at one house, late at the other"]);
}

#[test]
fn a_house_that_lost_its_disk_signs_nothing_until_it_has_recovered_and_tells_one_story_then() {
    comes_to(LOST_DISK, &["fault: lost disk", "losses: GuardRenewed", "losses: recoveries on record"]);
}

#[test]
fn a_house_that_ran_on_an_old_copy_puts_it_in_place_again_and_recovers() {
    comes_to(USED_COPY, &["fault: old copy", "losses: copies put in place again", "losses: recoveries on record"]);
}

#[test]
fn a_house_that_lost_its_end_and_takes_nothing_up_is_noticed() {
    let violations = run(OLD_COPY, World { rebases_only: true, ..World::default() }).violations;
    assert!(violations.iter().any(|violation| violation.contains("cannot sign")), "{violations:#?}");
}

/// The violations of the first of some seeds under which a broken world is noticed.
fn noticed(world: World, what: &str) -> Vec<String> {
    for seed in 1..20 {
        let violations = run(seed, world).violations;
        if !violations.is_empty() {
            println!("{what}: seed {seed}: {} violations, the first: {}", violations.len(), violations[0]);
            return violations;
        }
    }
    panic!("{what}: nothing was noticed");
}

#[test]
fn a_disk_that_loses_what_it_acknowledged_is_noticed() {
    let violations = noticed(World { honesty: Honesty::LosesRecords, ..World::default() }, "lost records");
    let is_loss = |violation: &String| violation.contains("was acknowledged") || violation.contains("cannot sign");
    assert!(violations.iter().any(is_loss), "{violations:#?}");
}

#[test]
fn a_store_that_loses_content_is_noticed() {
    noticed(World { honesty: Honesty::LosesContent, ..World::default() }, "lost content");
}

#[test]
fn clocks_farther_apart_than_the_guard_are_noticed() {
    let timing = Timing { guard_seconds: 1, permitted_skew_seconds: 0 };
    let world = World { timing, secret_skew_millis: -20_000, ..World::default() };
    let violations = noticed(world, "clocks apart");
    assert!(
        violations.iter().any(|violation| violation.contains("after the other house's cut-off")),
        "{violations:#?}"
    );
}

#[test]
fn houses_that_never_hear_of_each_other_again_are_noticed() {
    let violations = noticed(World { stays_cut: true, ..World::default() }, "a network that stays cut");
    assert!(
        violations.iter().any(|violation| violation.contains("is not agreed though all is well")),
        "{violations:#?}"
    );
}

/// Simulated time as hours with two places.
fn hours(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() / 3_600.0)
}
