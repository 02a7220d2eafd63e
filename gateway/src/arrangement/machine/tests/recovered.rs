//! After a house lost the end of its ledger.

use super::*;

fn halted() -> Fact {
    Fact::Halted { cycle: CYCLE }
}

#[test]
fn nothing_more_is_signed_in_a_halted_cycle_and_it_falls_back_with_its_own_cause() {
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    house.work_alone();
    house.hear_manifest();
    house.fact(halted());
    house.work_alone();
    house.hear(claim(Leg::Futures, ONE, 1));
    house.work_alone();
    assert!(house.cycle(CYCLE).claimed_round(Leg::Treasury).is_none());
    house.cut_off();
    assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::FallenBack(FallBackCause::LedgerRecovered)));
}

#[test]
fn a_halted_cycle_that_was_agreed_stays_agreed_and_opens_no_other_round() {
    let mut houses = opened();
    run(&mut houses);
    houses.treasury.fact(halted());
    houses.futures.amend();
    run(&mut houses);
    houses.treasury.cut_off();
    run(&mut houses);
    let house = &houses.treasury;
    assert_eq!(house.cycle(CYCLE).claimed_round(Leg::Treasury), Some(ONE));
    assert!(matches!(house.outcome(Leg::Treasury), Some(Outcome::Agreed { round: ONE, is_late: false, .. })));
}

#[test]
fn what_was_asked_for_before_a_cycle_was_halted_stands_no_more() {
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    let decline = Draft::Decline { cycle: CYCLE, round: ONE };
    assert!(house.machine.still_stands(&decline));
    house.fact(halted());
    assert!(!house.machine.still_stands(&decline));
    assert!(house.machine.still_stands(&Draft::CutOff { cycle: CYCLE }), "the hour comes all the same");
}

#[test]
fn the_other_houses_recovery_is_recorded_once_and_its_own_comes_from_nobody_else() {
    let mut house = House::new(Leg::Treasury);
    let recovered = |by| Fact::Recovered { by, recovery: Digest([7; 32]) };
    assert_eq!(house.machine.judge(&recovered(Leg::Futures)), Verdict::Record);
    house.fact(recovered(Leg::Futures));
    assert_eq!(house.machine.judge(&recovered(Leg::Futures)), Verdict::Duplicate);
    assert_eq!(house.machine.judge(&recovered(Leg::Treasury)), Verdict::Refuse(Refusal::NotTheirs));
}

#[test]
fn a_recovery_halts_what_is_open_here_and_what_the_other_house_opened_on_the_newest_day() {
    let mut house = House::new(Leg::Treasury);
    let run = |run| CycleId { run, ..CYCLE };
    let of_the_day_before = |run| CycleId { business_date: CYCLE.business_date.yesterday().unwrap(), run, ..CYCLE };
    let (us, them) = (Leg::Treasury, Leg::Futures);
    let opened = [
        (us, of_the_day_before(1)),
        (them, of_the_day_before(2)),
        (us, of_the_day_before(3)),
        (us, run(1)),
        (them, run(2)),
        (them, run(3)),
    ];
    opened.into_iter().for_each(|(by, cycle)| house.machine.replay(&Fact::Opened { by, cycle }));
    house.machine.replay(&Fact::CutOff { cycle: of_the_day_before(3) });
    house.machine.replay(&Fact::Halted { cycle: run(3) });
    assert_eq!(house.machine.signable(), [of_the_day_before(1), run(1), run(2)]);
}
