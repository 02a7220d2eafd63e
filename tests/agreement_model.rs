//! The product's own agreement machine, explored exhaustively at small bounds: two houses, two links, one cycle, a
//! network that loses, repeats and reorders, restarts at any moment, and the cut-off at any moment; then a house that
//! lies; a house that lost the end of its ledger; then the machine with each of its safeguards left out.
//! `docs/model-check.md` tells what is explored and what was found.
//!
//! `CROSSMARGIN_MODEL_BOUNDS=large` explores further: restarts in every world, amendments at both houses, more of the
//! other house's evidence on its way to the disk, a loss while both houses' hours come. It takes minutes. `CROSSMARGIN_MODEL_PATHS=1` prints, with
//! `--nocapture`, the steps to each discovery.

#![expect(clippy::expect_used, reason = "a model that breaks its own premises must stop the test")]

#[path = "agreement_model/explore.rs"]
mod explore;
#[path = "agreement_model/fair_runs.rs"]
mod fair_runs;
#[path = "agreement_model/house.rs"]
mod house;
#[path = "agreement_model/liar.rs"]
mod liar;
#[path = "agreement_model/matter.rs"]
mod matter;
#[path = "agreement_model/model.rs"]
mod model;
#[path = "agreement_model/narrative.rs"]
mod narrative;
#[path = "agreement_model/properties.rs"]
mod properties;
#[path = "agreement_model/spoken.rs"]
mod spoken;
#[path = "agreement_model/without.rs"]
mod without;
#[path = "agreement_model/world.rs"]
mod world;
#[path = "agreement_model/worlds.rs"]
mod worlds;

use explore::{fails, holds, is_large, print_way, shortest_way};
use gateway::arrangement::{leg::Leg, machine::Rules};
use properties::{BOTH_OR_NEITHER, DURABLE, IN_TIME, ONE_WORD};
use world::{Appends, Disk, Loss, Network, Receipts, World};
use worlds::{
    AMENDMENT, AMENDMENT_IN_TURN, ASKED, CALM, DECLINES, ENTRIES, FAILURES, IN_TURN, LAG, LIES_ABOUT_CYCLES,
    LIES_ABOUT_DECLINES, LIES_ABOUT_INPUTS, LIES_ABOUT_ROUNDS, LINK_CHANGE, OLD_GUARD, OPERATORS, RECOVERY,
    RECOVERY_AND_OPERATORS, RECOVERY_OF_THE_ACCEPTING, RECOVERY_OF_THE_ASKING, RESTARTS, SINGLE_ROUND,
    TWO_ARRANGEMENTS, UNACCEPTED, on_something_else,
};

#[test]
fn two_houses_keep_every_invariant_through_restarts() {
    holds("both restart", RESTARTS, properties::safety_and_ends());
}

#[test]
fn two_houses_keep_every_invariant_through_an_amendment() {
    holds("amendment", AMENDMENT, properties::safety_and_reach());
    holds("amendment in a single round", SINGLE_ROUND, properties::safety());
    if is_large() {
        holds("amendment, its house restarts", World { restarts: [1, 0], ..AMENDMENT }, properties::safety_and_reach());
        holds(
            "amendment, other house restarts",
            World { restarts: [0, 1], ..AMENDMENT },
            properties::safety_and_reach(),
        );
        holds("amendment, content lags", World { content_lags: true, ..AMENDMENT }, properties::safety_and_reach());
        holds("two amendments", World { amendments: [1, 1], ..AMENDMENT }, properties::safety_and_reach());
    }
}

#[test]
fn two_houses_keep_every_invariant_when_links_change_in_the_middle_of_a_cycle() {
    let without_cut_off = World { has_cut_off: false, ..LINK_CHANGE };
    holds("change of links, no cut-off", without_cut_off, properties::safety_and_second_round());
    if is_large() {
        holds("change of links", LINK_CHANGE, properties::safety_and_reach());
        holds("change of links, its house restarts", World { restarts: [1, 0], ..LINK_CHANGE }, properties::safety());
    }
}

#[test]
fn two_houses_keep_every_invariant_whatever_else_goes_otherwise() {
    let worlds = [
        ("claims that do not stand up", DECLINES),
        ("margins that cannot be computed", FAILURES),
        ("content that lags", LAG),
        ("operators who cut off", OPERATORS),
        ("two arrangements", TWO_ARRANGEMENTS),
        ("evidence durable in its turn", IN_TURN),
    ];
    for (name, world) in worlds {
        holds(name, world, properties::safety());
        if is_large() {
            let name = format!("{name}, both restart");
            holds(&name, World { restarts: [1, 1], ..world }, properties::safety());
        }
    }
}

#[test]
fn a_run_that_one_house_asks_for_is_agreed_on_once_the_other_accepts_it_and_not_before() {
    holds("a run that is asked for", ASKED, properties::accepted());
    holds("a run that is not accepted", UNACCEPTED, properties::unaccepted());
    if is_large() {
        let restarts = World { restarts: [1, 1], ..ASKED };
        holds("a run that is asked for, both restart", restarts, properties::accepted());
    }
}

#[test]
fn an_honest_house_keeps_every_invariant_against_one_that_lies() {
    let worlds = [
        ("lies about rounds", LIES_ABOUT_ROUNDS),
        ("lies about declines", LIES_ABOUT_DECLINES),
        ("lies about inputs", LIES_ABOUT_INPUTS),
        ("lies about cycles", LIES_ABOUT_CYCLES),
    ];
    for (name, world) in worlds {
        holds(name, world, properties::lied_to(world.peer));
        if is_large() && world.restarts == CALM.restarts {
            let name = format!("{name}, restart");
            holds(&name, World { restarts: [1, 0], ..world }, properties::lied_to(world.peer));
        }
    }
    if is_large() {
        let world = World { receipts: Receipts::InTurn(3), ..LIES_ABOUT_ROUNDS };
        holds("lies about rounds, three in their turn", world, properties::lied_to(world.peer));
    }
}

#[test]
fn a_house_that_lost_the_end_of_its_ledger_keeps_every_invariant_once_it_recovers() {
    holds("recovery", RECOVERY, properties::recovered());
    holds("recovery of the house that accepts", RECOVERY_OF_THE_ACCEPTING, properties::recovered());
    if is_large() {
        holds("recovery of the house that asks", RECOVERY_OF_THE_ASKING, properties::recovered());
        let worlds = [
            ("recovery", RECOVERY),
            ("recovery of the house that accepts", RECOVERY_OF_THE_ACCEPTING),
            ("recovery of the house that asks", RECOVERY_OF_THE_ASKING),
        ];
        for (name, world) in worlds {
            let both_cut_off = World { clocks: [true; 2], ..world };
            holds(&format!("{name}, both cut off"), both_cut_off, properties::recovered());
        }
        holds("recovery, restart", World { restarts: [1, 0], ..RECOVERY }, properties::recovered());
        holds("recovery, operators who cut off", RECOVERY_AND_OPERATORS, properties::recovered());
        holds("recovery, amendment", World { amendments: [1, 0], ..RECOVERY }, properties::recovered());
    }
}

#[test]
fn a_house_whose_guard_is_old_too_hears_the_other_house_before_it_signs() {
    holds("old guard", OLD_GUARD, properties::recovered());
    if is_large() {
        holds("old guard, both cut off", World { clocks: [true; 2], ..OLD_GUARD }, properties::recovered());
    }
}

#[test]
fn the_invariants_need_a_house_that_hears_the_other_before_it_signs_on_an_old_ledger() {
    let world = World { loss: Loss::HearsNobody(Leg::Treasury), ..on_something_else(OLD_GUARD) };
    fails("an old guard, and nobody is heard", world, ONE_WORD);
}

#[test]
fn the_invariants_need_a_network_that_loses_what_was_on_its_way_when_ledger_and_guard_were_lost() {
    let world = World { network: Network::Remembers, ..on_something_else(OLD_GUARD) };
    fails("an old guard, and what was sent before arrives", world, ONE_WORD);
}

#[test]
fn both_or_neither_at_the_deadline_cannot_be_had() {
    holds("nothing but the network and the clocks", CALM, properties::both_or_neither());
    let way = shortest_way(CALM, BOTH_OR_NEITHER).expect("Two Generals have been reconciled: look at the model");
    print_way(BOTH_OR_NEITHER, way);
}

#[test]
fn without_a_cut_off_both_houses_agree_on_the_newest_books_and_links_whatever_the_order() {
    let world = World { has_cut_off: false, ..CALM };
    holds("agreement", World { restarts: [1, 1], ..world }, properties::liveness());
    holds("agreement in its turn", AMENDMENT_IN_TURN, properties::safety());
    holds("two entries", ENTRIES, properties::safety());
    // The other house may claim from the old inputs in the round after a change: that costs a third one.
    let rules = Rules { max_rounds: 3, ..CALM.rules };
    holds("agreement on changed links", World { entries: [1, 0], rules, ..world }, properties::liveness());
    let amended = World { amendments: [1, 0], rules, ..world };
    holds("agreement on an amended book", amended, properties::liveness());
    let forgets = World { network: Network::ForgetsAtRestart, restarts: [1, 0], ..amended };
    holds("agreement over a network that forgets", forgets, properties::liveness());
    if is_large() {
        holds("agreement after two entries", World { entries: [2, 0], rules, ..world }, properties::liveness());
        holds(
            "agreement on an amended book, both restart",
            World { restarts: [1, 1], ..amended },
            properties::liveness(),
        );
        let forgets = World { restarts: [1, 1], ..forgets };
        holds("agreement over a network that forgets, both restart", forgets, properties::liveness());
    }
}

#[test]
fn each_house_learns_how_the_other_ended_though_restarts_lose_what_was_not_delivered() {
    let world = World { network: Network::ForgetsAtRestart, ..RESTARTS };
    holds("telling", world, properties::telling());
}

#[test]
fn the_invariants_need_a_disk_that_keeps_what_it_acknowledged() {
    let world = World { disk: Disk::LosesTheLast, restarts: [1, 0], ..AMENDMENT };
    fails("a disk that forgets", world, DURABLE);
    fails("a disk that forgets what was received", world, properties::ACKNOWLEDGED);
    fails("a house that contradicts itself", world, ONE_WORD);
}

#[test]
fn the_invariants_need_appends_in_the_order_asked() {
    fails("appends in any order", World { appends: Appends::InAnyOrder, ..CALM }, IN_TIME);
}
