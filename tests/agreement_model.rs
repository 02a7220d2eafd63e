//! The product's own agreement machine, unchanged, explored exhaustively at small bounds: two houses, two links, one
//! cycle, a network that loses, repeats and reorders, restarts at any moment, and the cut-off at any moment.
//!
//! `CROSSMARGIN_MODEL_BOUNDS=large` explores further: content that lags behind its manifest, amendments at both houses,
//! restarts of both in one run. It takes minutes, best with `--release`. `CROSSMARGIN_MODEL_PATHS=1` prints, with
//! `--nocapture`, the steps to each discovery.

#![expect(clippy::expect_used, reason = "a model that breaks its own premises must stop the test")]

#[path = "agreement_model/fair_runs.rs"]
mod fair_runs;
#[path = "agreement_model/house.rs"]
mod house;
#[path = "agreement_model/matter.rs"]
mod matter;
#[path = "agreement_model/model.rs"]
mod model;
#[path = "agreement_model/properties.rs"]
mod properties;

use std::time::Instant;

use gateway::arrangement::machine::Rules;
use house::{Appends, Disk, Network, World};
use model::TwoHouses;
use properties::{BOTH_OR_NEITHER, DURABLE, IN_TIME, ONE_WORD};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

/// Nothing but the network, the schedule and the cut-off at work.
const CALM: World = World {
    rules: Rules { max_rounds: 2, max_requested_cycles: 4 },
    amendments: [0, 0],
    restarts: [0, 0],
    has_cut_off: true,
    may_decline: false,
    content_lags: false,
    network: Network::Remembers,
    disk: Disk::Durable,
    appends: Appends::AsAsked,
};

/// Explores every state, and prints how many there were.
fn explore(name: &str, world: World, properties: fn() -> Vec<Property<TwoHouses>>) -> impl Checker<TwoHouses> {
    let start = Instant::now();
    // A failure decides; the wish that no protocol can grant is not one.
    let failures = properties().into_iter().filter(|property| property.expectation.discovery_is_failure());
    let failures = failures.map(|property| property.name).filter(|name| *name != BOTH_OR_NEITHER).collect();
    let checker = TwoHouses::new(world, properties).checker().finish_when(HasDiscoveries::AnyOf(failures));
    let checker = checker.spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64()
    );
    for (property, path) in checker.discoveries() {
        let actions = path.into_actions();
        println!("  {property}: after {} steps", actions.len());
        if std::env::var_os("CROSSMARGIN_MODEL_PATHS").is_some() {
            actions.iter().for_each(|action| println!("    {action:?}"));
        }
    }
    checker
}

/// Explores `world` and demands everything of it that can be had.
fn holds(name: &str, world: World, properties: fn() -> Vec<Property<TwoHouses>>) {
    let checker = explore(name, world, properties);
    for property in properties() {
        let is_found = checker.discovery(property.name).is_some();
        let must_be_found = property.name == BOTH_OR_NEITHER || property.expectation == Expectation::Sometimes;
        assert_eq!(is_found, must_be_found, "{name}: {}", property.name);
    }
}

fn is_large() -> bool {
    std::env::var("CROSSMARGIN_MODEL_BOUNDS").is_ok_and(|bounds| bounds == "large")
}

#[test]
fn two_houses_keep_every_invariant_through_an_amendment_and_a_restart() {
    let world = World { amendments: [1, 0], ..CALM };
    holds("amending house restarts", World { restarts: [1, 0], ..world }, properties::safety_and_reach);
    holds("other house restarts", World { restarts: [0, 1], ..world }, properties::safety_and_reach);
    holds("both restart", World { restarts: [1, 1], ..CALM }, properties::safety);
    if is_large() {
        let world = World { restarts: [1, 1], ..world };
        holds("amendment, both restart", world, properties::safety_and_reach);
        holds("lagging content", World { content_lags: true, ..world }, properties::safety_and_reach);
        holds("two amendments", World { amendments: [1, 1], restarts: [0, 0], ..world }, properties::safety_and_reach);
    }
}

#[test]
fn two_houses_keep_every_invariant_when_claims_do_not_stand_up() {
    let world = World { may_decline: true, restarts: [1, 1], ..CALM };
    holds("declines", world, properties::safety);
    if is_large() {
        holds("declines and an amendment", World { amendments: [1, 0], ..world }, properties::safety);
    }
}

#[test]
fn both_or_neither_at_the_deadline_cannot_be_had() {
    let checker = explore("both or neither", CALM, properties::safety_and_reach);
    assert!(checker.discovery(BOTH_OR_NEITHER).is_some(), "Two Generals have been reconciled: look at the model");
}

#[test]
fn without_a_cut_off_both_houses_agree_on_the_newest_books_whatever_the_order() {
    let world = World { has_cut_off: false, ..CALM };
    holds("agreement", World { restarts: [1, 1], ..world }, properties::liveness);
    // The other house may claim from the old book in the round after the amendment: that costs a third one.
    let rules = Rules { max_rounds: 3, ..CALM.rules };
    let amended = World { amendments: [1, 0], restarts: [1, 1], rules, ..world };
    holds("agreement on an amended book", amended, properties::liveness);
    let forgets = World { network: Network::ForgetsAtRestart, ..amended };
    holds("agreement over a network that forgets", forgets, properties::liveness);
}

#[test]
fn each_house_learns_how_the_other_ended_though_restarts_lose_what_was_not_delivered() {
    let world = World { restarts: [1, 1], network: Network::ForgetsAtRestart, ..CALM };
    holds("telling", world, properties::telling);
}

#[test]
fn the_invariants_need_a_disk_that_keeps_what_it_acknowledged() {
    let world = World { disk: Disk::LosesTheLast, amendments: [1, 0], restarts: [1, 0], ..CALM };
    assert_fails("a disk that forgets", world, properties::durability, DURABLE);
    assert_fails("a house that contradicts itself", world, properties::one_word, ONE_WORD);
}

#[test]
fn the_invariants_need_appends_in_the_order_asked() {
    let world = World { appends: Appends::InAnyOrder, ..CALM };
    assert_fails("appends in any order", world, properties::safety, IN_TIME);
}

fn assert_fails(name: &str, world: World, properties: fn() -> Vec<Property<TwoHouses>>, property: &'static str) {
    let checker = explore(name, world, properties);
    assert!(checker.discovery(property).is_some(), "{name}: {property:?} holds all the same");
}
