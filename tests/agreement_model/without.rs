//! The machine with a safeguard left out: what each is there for, shown by what fails without it.

use gateway::arrangement::machine::{Safeguard, Safeguards, Whole};

use crate::{
    explore::{fails, holds},
    properties as rule,
    world::{Without, World},
    worlds::{
        AMENDMENT, AMENDMENT_IN_TURN, CALM, DECLINES, ENTRIES, FAILURES, LAG, LIES_ABOUT_CYCLES, LIES_ABOUT_DECLINES,
        LIES_ABOUT_INPUTS, LIES_ABOUT_ROUNDS, OPERATORS, RECOVERY, RECOVERY_BEFORE_THE_HOUR, RECOVERY_OF_THE_ACCEPTING,
        RECOVERY_OF_THE_ASKING, RESTARTS, SINGLE_ROUND, TWO_ARRANGEMENTS, UNACCEPTED, on_something_else,
    },
};

/// What leaving a safeguard out leads to.
enum Shown {
    /// The property fails.
    Fails(&'static str),
    /// Nothing fails while the other safeguard stands; without both the property fails.
    SecondLine(Safeguard, &'static str),
    /// Nothing fails: what the machine asks for cannot be answered otherwise.
    Implied,
}

use Shown::{Fails, Implied, SecondLine};

/// Each safeguard, the world in which it is left out, and what comes of it.
const TABLE: &[(Safeguard, World, Shown)] = &[
    (Safeguard::OpenedHere, UNACCEPTED, Fails(rule::OPENED)),
    (Safeguard::OneArrangement, TWO_ARRANGEMENTS, Fails(rule::ONE_ARRANGEMENT)),
    (Safeguard::ContentHeld, LAG, Fails(rule::SEEN)),
    (Safeguard::NewerInputs, CALM, Fails(rule::NEWER)),
    (Safeguard::RoundsBounded, SINGLE_ROUND, Fails(rule::BOUNDED)),
    (Safeguard::PartClosed, AMENDMENT, Fails(rule::CLOSED)),
    (Safeguard::FailedOnce, FAILURES, Fails(rule::NEWER)),
    (Safeguard::OneComputation, AMENDMENT, Fails(rule::ONE_WORD)),
    (Safeguard::RoundIsNext, AMENDMENT_IN_TURN, Implied),
    (Safeguard::BothClaims, DECLINES, Implied),
    (Safeguard::PartOpen, LIES_ABOUT_DECLINES, Fails(rule::ONE_WORD)),
    (Safeguard::OneClosing, LIES_ABOUT_DECLINES, Fails(rule::ONE_WORD)),
    (Safeguard::NotCutOff, RESTARTS, Fails(rule::IN_TIME)),
    (Safeguard::NotContradicted, LIES_ABOUT_ROUNDS, Fails(rule::CONTRADICTED)),
    (Safeguard::NotHalted, on_something_else(RECOVERY), Fails(rule::ONE_WORD)),
    (Safeguard::BeforeGuard, CALM, Fails(rule::IN_TIME)),
    (Safeguard::AskedOnce, OPERATORS, Fails(rule::REPEATED)),
    (Safeguard::OneFreezing, CALM, SecondLine(Safeguard::AskedOnce, rule::REPEATED)),
    (Safeguard::NewerBook, CALM, Fails(rule::NEWER)),
    (Safeguard::CutOffOnce, OPERATORS, Fails(rule::REPEATED)),
    (Safeguard::FallBackAtCutOff, CALM, Fails(rule::EARLY)),
    (Safeguard::OneOutcome, CALM, Fails(rule::FORWARD)),
    (Safeguard::OutcomeOnce, CALM, Fails(rule::REPEATED)),
    (Safeguard::OwnEvidence, CALM, Fails(rule::AUTHENTIC)),
    (Safeguard::SpeaksForItself, LIES_ABOUT_CYCLES, Fails(rule::AUTHENTIC)),
    (Safeguard::EntryOnce, ENTRIES, Fails(rule::REPEATED)),
    (Safeguard::EntryFollows, ENTRIES, Fails(rule::WITHOUT_GAPS)),
    (Safeguard::VersionOnce, CALM, Fails(rule::REPEATED)),
    (Safeguard::VersionBinds, LIES_ABOUT_INPUTS, Fails(rule::REPEATED)),
    (Safeguard::OpeningOnce, CALM, Fails(rule::REPEATED)),
    (Safeguard::WordOnce, CALM, Fails(rule::REPEATED)),
    (Safeguard::WordBinds, LIES_ABOUT_ROUNDS, Fails(rule::REPEATED)),
    (Safeguard::StatementOrDecline, LIES_ABOUT_DECLINES, SecondLine(Safeguard::SecondWordMarks, rule::MARKED)),
    (Safeguard::OutcomeSupersedes, CALM, Fails(rule::REPEATED)),
    (Safeguard::TheirRoundsBounded, LIES_ABOUT_ROUNDS, Fails(rule::BOUNDED)),
    (Safeguard::RequestsBounded, LIES_ABOUT_CYCLES, Fails(rule::BOUNDED)),
    (Safeguard::RecoveryOnce, RECOVERY, Fails(rule::REPEATED)),
    (Safeguard::FirstWordStands, LIES_ABOUT_ROUNDS, Fails(rule::STANDS)),
    (Safeguard::NewestVersionStands, AMENDMENT_IN_TURN, Fails(rule::STANDS)),
    (Safeguard::SecondWordMarks, LIES_ABOUT_ROUNDS, Fails(rule::MARKED)),
    (Safeguard::OutcomeStands, CALM, Fails(rule::REPEATED)),
    (Safeguard::FirstCutOffStands, OPERATORS, SecondLine(Safeguard::CutOffOnce, rule::LATE)),
    (Safeguard::OpenHalted, World { amendments: [1, 0], ..RECOVERY_OF_THE_ASKING }, Fails(rule::ONE_WORD)),
    (Safeguard::RequestedHalted, on_something_else(RECOVERY_OF_THE_ACCEPTING), Fails(rule::ONE_WORD)),
    (Safeguard::FallBackStands, RECOVERY, Fails(rule::LATE)),
    (Safeguard::LateStaysLate, World { restarts: [1, 0], ..RECOVERY }, Fails(rule::LATE)),
    (Safeguard::EndShowsCutOff, RECOVERY, Fails(rule::LATE)),
    (Safeguard::TimelyStaysTimely, RECOVERY_BEFORE_THE_HOUR, Fails(rule::LATE)),
];

fn without<const N: usize>(world: World, safeguards: [Safeguard; N]) -> (String, World) {
    let mut left_out = [None; 2];
    for (place, safeguard) in left_out.iter_mut().zip(safeguards) {
        *place = Some(safeguard);
    }
    let names = safeguards.map(|safeguard| format!("{safeguard:?}")).join(" and ");
    (format!("without {names}"), World { without: Without(left_out), ..world })
}

#[test]
fn in_a_node_every_safeguard_stands_and_there_is_nothing_to_switch() {
    assert!(Safeguard::ALL.iter().all(|safeguard| Whole.stand(*safeguard) && Without::NOTHING.stand(*safeguard)));
    assert_eq!(size_of::<Whole>(), 0);
}

#[test]
fn every_safeguard_is_in_the_table() {
    let listed: Vec<Safeguard> = TABLE.iter().map(|(safeguard, _, _)| *safeguard).collect();
    assert_eq!(listed, Safeguard::ALL);
}

#[test]
fn every_safeguard_is_told_of_in_the_documentation() {
    let text = include_str!("../../docs/model-check.md");
    for (safeguard, _, shown) in TABLE {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{safeguard:?}` |")));
        let row = row.unwrap_or_else(|| panic!("{safeguard:?} has no row"));
        let said = match shown {
            Fails(_) => "| `",
            SecondLine(..) => "| second line",
            Implied => "| implied |",
        };
        assert!(row.contains(said), "{row}");
    }
}

#[test]
fn without_its_safeguard_an_invariant_fails() {
    for (safeguard, world, shown) in TABLE {
        match shown {
            Fails(property) => {
                let (name, world) = without(*world, [*safeguard]);
                fails(&name, world, property);
            }
            SecondLine(first, property) => {
                let (name, both) = without(*world, [*first, *safeguard]);
                fails(&name, both, property);
                let (name, alone) = without(*world, [*safeguard]);
                holds(&name, alone, rule::of_one_house());
            }
            Implied => {
                let (name, world) = without(*world, [*safeguard]);
                holds(&name, world, rule::of_one_house());
            }
        }
    }
}
