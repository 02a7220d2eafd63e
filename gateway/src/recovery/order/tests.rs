use std::sync::Arc;

use crossmargin::v1;
use proptest::prelude::*;

use super::*;
use crate::{
    arrangement::{
        cycle_id::Round,
        digest::Digest,
        evidence::{CycleOpening, Decline, End, Outcome, Statement, Totals},
        grant::AdvanceGrants,
        leg::{Leg, Pair},
    },
    node::entry::Entry,
    recovery::{
        fixture::{ARRANGEMENT, US, at, cycle, told},
        story::fall_back,
    },
};

const THEM: Leg = Leg::Futures;
/// Seconds at which the cycle of these tests is cut off.
const CUT_OFF: i64 = 100;

fn kept() -> Story {
    Story::new(US, &ARRANGEMENT)
}

fn opening(by: Leg, second: i64) -> Told {
    told(by, second, Evidence::CycleOpening(CycleOpening { cycle: cycle(), as_of: at(0), cut_off: at(CUT_OFF) }))
}

fn statement(by: Leg, second: i64) -> Told {
    statement_of(1, by, second)
}

fn statement_of(round: u32, by: Leg, second: i64) -> Told {
    let statement = Statement {
        cycle: cycle(),
        round: Round(round),
        claims: Pair { treasury: Digest([1; 32]), futures: Digest([2; 32]) },
        agreed_root: Digest([3; 32]),
        live_count: 1,
        rehearsal_count: 0,
        breaks: Digest([4; 32]),
        break_counts: Vec::new(),
        live_totals: Totals::default(),
        rehearsal_totals: Totals::default(),
        suspended_count: 0,
        advance_grants: AdvanceGrants::default(),
    };
    told(by, second, Evidence::Statement(statement))
}

fn fell_back(by: Leg, second: i64) -> Told {
    let end = End::FellBack(v1::FallBackCause::NoPeerStatement);
    told(by, second, Evidence::Outcome(Outcome { cycle: cycle(), end }))
}

fn agreed(by: Leg, second: i64, is_late: bool) -> Told {
    agreed_in(1, by, second, is_late)
}

fn agreed_in(round: u32, by: Leg, second: i64, is_late: bool) -> Told {
    let agreement = statement_of(round, US, 0).held.digest;
    let end = End::Agreed { round: Round(round), agreement, is_late };
    told(by, second, Evidence::Outcome(Outcome { cycle: cycle(), end }))
}

fn decline(by: Leg, second: i64) -> Told {
    told(by, second, Evidence::Decline(Decline { cycle: cycle(), round: Round(2), reason: "a reason".to_owned() }))
}

/// The steps in short: who and what.
fn shown(steps: &[Step]) -> Vec<String> {
    let of = |step: &Step| match step {
        Step::CutOff { .. } => "cut off".to_owned(),
        Step::Evidence(told) => {
            let kind = told.held.evidence.kind().as_str_name().trim_start_matches("EVIDENCE_KIND_").to_lowercase();
            let who = if told.held.by == US { "our" } else { "their" };
            format!("{who} {kind}")
        }
    };
    steps.iter().map(of).collect()
}

#[test]
fn the_end_of_a_cycle_is_put_in_the_order_in_which_it_happened_here() {
    let cases: [(&str, Vec<Told>, &[&str]); 8] = [
        (
            "in time",
            vec![opening(US, 1), statement(US, 50), statement(THEM, 51), agreed(US, 52, false)],
            &["our cycle_opening", "our statement", "their statement", "our outcome"],
        ),
        (
            "in time, and heard of after the cut-off",
            vec![opening(US, 1), statement(THEM, 90), statement(US, 120), agreed(US, 121, false), opening(THEM, 130)],
            &["our cycle_opening", "their statement", "our statement", "our outcome", "cut off", "their cycle_opening"],
        ),
        (
            "fallen back, then late",
            vec![opening(US, 1), statement(US, 50), statement(THEM, 60), fell_back(US, 101), agreed(US, 110, true)],
            &["our cycle_opening", "our statement", "cut off", "our outcome", "their statement", "our outcome"],
        ),
        (
            "late, and the word of the fall-back between was never sent",
            vec![opening(US, 1), statement(US, 50), statement(THEM, 60), agreed(US, 110, true)],
            &["our cycle_opening", "our statement", "cut off", "their statement", "our outcome"],
        ),
        (
            "in time, then late in the next round",
            vec![
                opening(US, 1),
                statement(US, 40),
                statement(THEM, 41),
                agreed(US, 42, false),
                statement_of(2, US, 60),
                statement_of(2, THEM, 61),
                agreed_in(2, US, 110, true),
            ],
            &[
                "our cycle_opening",
                "our statement",
                "their statement",
                "our outcome",
                "our statement",
                "cut off",
                "their statement",
                "our outcome",
            ],
        ),
        (
            "fallen back by hand before its hour",
            vec![opening(US, 1), fell_back(US, 20)],
            &["our cycle_opening", "cut off", "our outcome"],
        ),
        (
            "over by the hour alone",
            vec![opening(US, 1), statement(US, 50), opening(THEM, 101)],
            &["our cycle_opening", "our statement", "cut off", "their cycle_opening"],
        ),
        (
            "the other house's word alone cuts nothing off here",
            vec![opening(US, 1), fell_back(THEM, 20)],
            &["our cycle_opening", "their outcome"],
        ),
    ];
    for (what, told, expected) in cases {
        assert_eq!(shown(&steps(&kept(), told)), expected, "{what}");
    }
}

#[test]
fn what_is_on_record_is_not_taken_up_again() {
    let mut story = kept();
    for told in [opening(US, 1), statement(US, 2)] {
        story.take(1, &Entry::Evidence(Arc::new(told.held))).unwrap();
    }
    let told = vec![opening(US, 1), statement(US, 2), statement(THEM, 3), statement(THEM, 4)];
    assert_eq!(shown(&steps(&story, told)), ["their statement"]);
}

#[test]
fn a_cut_off_that_is_on_record_is_not_put_back() {
    let mut story = kept();
    story.take(1, &Entry::Evidence(Arc::new(opening(US, 1).held))).unwrap();
    story.take(2, &Entry::CutOff { cycle: cycle(), at: at(CUT_OFF), is_restored: false }).unwrap();
    assert_eq!(shown(&steps(&story, vec![fell_back(US, 110)])), ["our outcome"]);
}

fn any_told() -> impl Strategy<Value = Told> {
    let leg = prop_oneof![Just(US), Just(THEM)];
    (leg, 0..6_u8, 0..200_i64).prop_map(|(by, what, second)| match what {
        0 => opening(by, second),
        1 => statement(by, second),
        2 => fell_back(by, second),
        3 => agreed(by, second, true),
        4 => agreed(by, second, false),
        _ => decline(by, second),
    })
}

proptest! {
    #[test]
    fn whatever_is_told_is_taken_up_once_and_our_fall_back_is_never_agreed(
        told in prop::collection::vec(any_told(), 0..12)
    ) {
        let mut distinct: Vec<(Leg, Digest)> = told.iter().map(|told| (told.held.by, told.held.digest)).collect();
        distinct.sort();
        distinct.dedup();
        let steps = steps(&kept(), told);
        let mut taken: Vec<(Leg, Digest)> = steps.iter().filter_map(|step| match step {
            Step::Evidence(told) => Some((told.held.by, told.held.digest)),
            Step::CutOff { .. } => None,
        }).collect();
        taken.sort();
        prop_assert_eq!(taken, distinct);
        let mut story = kept();
        for (place, step) in (1..).zip(&steps) {
            let entry = match step {
                Step::Evidence(told) => {
                    let is_fall_back = fall_back(&told.held).is_some() && told.held.by == US;
                    if is_fall_back {
                        let record = story.machine.on_record().cycle(cycle());
                        prop_assert!(record.is_none_or(|record| record.agreement().is_none()));
                        let is_opened = record.is_some_and(|record| record.opened[US]);
                        prop_assert_eq!(record.is_some_and(|record| record.is_cut_off), is_opened);
                    }
                    Entry::Evidence(Arc::new(told.held.clone()))
                }
                Step::CutOff { cycle, at } => Entry::CutOff { cycle: *cycle, at: *at, is_restored: true },
            };
            // What cannot be is not refused here: contradictions are told where it is taken up.
            drop(story.take(place, &entry));
        }
    }
}
