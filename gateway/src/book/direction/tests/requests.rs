//! Every way in which a request can be wrong.

use crossmargin::v1;

use super::*;
use crate::{
    arrangement::cycle_id::CycleId,
    book::direction::{
        account::OfMember,
        proposal::{LEGS_MAX, Proposal, Standing},
        state::Directions,
    },
};

const OPENED: &str = "2026-02-13/CUR/1";

fn leg(from: &str, to: &str, instrument: &str, quantity: i64) -> v1::PositionLeg {
    v1::PositionLeg {
        from_account: from.to_owned(),
        to_account: to.to_owned(),
        instrument: instrument.to_owned(),
        quantity,
    }
}

fn request(legs: Vec<v1::PositionLeg>) -> v1::DirectPositionsRequest {
    v1::DirectPositionsRequest {
        request_id: "r".to_owned(),
        business_date: DATE.to_owned(),
        legs,
        ..Default::default()
    }
}

fn standing() -> Directions {
    let mut directions = Directions::default();
    let rows = [
        ("REG", ZN, 10),
        ("REG", ZF, -4),
        ("XM", ZN, 2),
        ("XM-CLOSING", ZN, 2),
        ("XM-SUSPENDED", ZN, 2),
        ("XM-CLOSED", ZN, 2),
        ("REG-OTHER-OWNER", ZN, 9),
        ("REG-OTHER-MEMBER", ZN, 9),
    ];
    directions.accept(&book(7, DATE, 0, &rows), &[]);
    directions
}

/// What a request leads to: the legs, or every problem as `field: description`.
fn check_over(
    directions: &Directions,
    request: &v1::DirectPositionsRequest,
    member: Option<&str>,
) -> Result<Vec<DirectedLeg>, String> {
    let directory = Directory::sample();
    let member = member.map(|member| member.parse().unwrap());
    let checked = Proposal::read(request, "FICC-CME").check(&Standing {
        directions,
        accounts: &OfMember { directory: &directory, member: member.as_ref() },
        eligible: &ARRANGEMENT.eligible,
        is_opened: &|cycle: CycleId| cycle.to_string() == OPENED,
    });
    checked.map(|(_, legs)| legs).map_err(|problems| problems.to_string())
}

fn check(request: &v1::DirectPositionsRequest) -> Result<Vec<DirectedLeg>, String> {
    check_over(&standing(), request, None)
}

#[test]
fn a_quantity_that_is_held_moves_into_the_cross_margin_account_and_back() {
    for (from, to, instrument, quantity) in
        [("REG", "XM", ZN, 10), ("REG", "XM", ZF, -4), ("XM", "REG", ZN, 2), ("XM-CLOSING", "REG", ZN, 1)]
    {
        assert_eq!(check(&request(vec![leg(from, to, instrument, quantity)])).unwrap().len(), 1, "{from} {quantity}");
    }
}

#[test]
fn every_wrong_leg_is_told_with_its_field_and_what_would_pass() {
    let cases = [
        (leg("REG", "REG", ZN, 1), "legs[0].to_account", "must be another one"),
        (leg("REG", "NOBODY", ZN, 1), "legs[0].to_account", "account NOBODY is not known"),
        (leg("NOBODY", "XM", ZN, 1), "legs[0].from_account", "account NOBODY is not known"),
        (leg("a b", "XM", ZN, 1), "legs[0].from_account", "not a name of a account"),
        (leg("REG", "REG-2", ZN, 1), "legs[0].to_account", "both regular|are regular accounts"),
        (leg("XM", "XM-2", ZN, 1), "legs[0].to_account", "both accounts of links"),
        (
            leg("REG", "XM-UNLINKED", ZN, 1),
            "legs[0].to_account",
            "XM-UNLINKED is a cross-margin account that stands in no",
        ),
        (
            leg("XM-UNLINKED", "REG", ZN, 1),
            "legs[0].from_account",
            "that stands in no link: the house records its link",
        ),
        (leg("XM-UNLINKED", "XM", ZN, 1), "legs[0].from_account", "that stands in no link"),
        (leg("XM-UNLINKED", "XM-UNLINKED-2", ZN, 1), "legs[0].from_account", "that stands in no link"),
        (leg("XM-UNLINKED", "XM-UNLINKED-2", ZN, 1), "legs[0].to_account", "that stands in no link"),
        (leg("REG-OTHER-OWNER", "XM", ZN, 1), "legs[0].to_account", "one owner is needed"),
        (leg("REG-OTHER-MEMBER", "XM", ZN, 1), "legs[0].to_account", "one member is needed"),
        (leg("REG", "XM-SUSPENDED", ZN, 1), "legs[0].to_account", "link L3 of account XM-SUSPENDED is suspended"),
        (leg("XM-SUSPENDED", "REG", ZN, 1), "legs[0].from_account", "is suspended"),
        (leg("REG", "XM-CLOSING", ZN, 1), "legs[0].to_account", "is closing: positions leave it and none enter"),
        (leg("REG", "XM-CLOSED", ZN, 1), "legs[0].to_account", "is closed"),
        (leg("XM-CLOSED", "REG", ZN, 1), "legs[0].from_account", "is closed"),
        (leg("REG", "XM", "UST:91282CMK4", 100), "legs[0].instrument", "is not a future"),
        (leg("REG", "XM", "ZN", 1), "legs[0].instrument", "ZN"),
        (leg("REG", "XM", "FUT:ES:2026-03", 1), "legs[0].instrument", "product ES is not eligible"),
        (leg("REG", "XM", ZN, 0), "legs[0].quantity", "is zero"),
        (leg("REG", "XM", ZN, i64::MIN), "legs[0].quantity", "out of range"),
        (leg("REG", "XM", ZN, 11), "legs[0].quantity", "at most 10 can be moved, not 11"),
        (leg("REG", "XM", ZN, -1), "legs[0].quantity", "a quantity with the sign of the position"),
        (leg("REG", "XM", ZF, 1), "legs[0].quantity", "a quantity with the sign of the position"),
        (leg("XM", "REG", ZF, -1), "legs[0].quantity", "there is nothing to move"),
    ];
    for (wrong, field, words) in cases {
        let problems = check(&request(vec![wrong.clone()])).unwrap_err();
        assert!(
            problems.lines().any(|line| line.starts_with(field) && words.split('|').any(|word| line.contains(word))),
            "{wrong:?}: {problems}"
        );
    }
}

#[test]
fn a_wrong_request_is_told_by_field() {
    let good = || request(vec![leg("REG", "XM", ZN, 1)]);
    let cycle = |text: &str| text.parse::<CycleId>().unwrap().to_wire("FICC-CME");
    type Edit<'a> = Box<dyn Fn(&mut v1::DirectPositionsRequest) + 'a>;
    let cases: Vec<(Edit<'_>, &str, &str)> = vec![
        (Box::new(|r| r.request_id.clear()), "request_id", "1 to 64"),
        (Box::new(|r| r.business_date = "13.2.".into()), "business_date", "YYYY-MM-DD"),
        (Box::new(|r| r.business_date = "2026-02-12".into()), "business_date", "version 7 of 2026-02-13"),
        (Box::new(|r| r.legs.clear()), "legs", "1 to 10000 are needed"),
        (Box::new(|r| r.legs = vec![leg("REG", "XM", ZN, 1); LEGS_MAX + 1]), "legs", "10001 are given"),
        (Box::new(|r| r.not_before = Some(cycle(OPENED))), "not_before", "has opened cycle 2026-02-13/CUR/1"),
        (Box::new(|r| r.not_before = Some(cycle("2026-02-12/EOD/1"))), "not_before", "earlier business date"),
        (Box::new(|r| r.not_before = Some(v1::CycleId::default())), "not_before", "arrangement"),
    ];
    for (edit, field, words) in cases {
        let mut wrong = good();
        edit(&mut wrong);
        let problems = check(&wrong).unwrap_err();
        assert!(problems.lines().any(|line| line.starts_with(field) && line.contains(words)), "{field}: {problems}");
    }
    let mut later = good();
    later.not_before = Some(cycle("2026-02-13/ITD/1"));
    assert!(check(&later).is_ok(), "a cycle that is not open yet may be named");
}

#[test]
fn all_problems_of_a_request_are_told_at_once() {
    let mut wrong = request(vec![leg("REG", "REG", ZN, 1), leg("REG", "XM", ZN, 0), leg("REG", "XM", ZN, 11)]);
    wrong.business_date = "x".to_owned();
    let problems = check(&wrong).unwrap_err();
    let fields: Vec<&str> = problems.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(fields, ["business_date", "legs[1].quantity", "legs[0].to_account", "legs[2].quantity"]);
}

#[test]
fn legs_of_a_batch_count_for_those_after_them() {
    let more_than_held = vec![leg("REG", "XM", ZN, 6), leg("REG", "XM", ZN, 5)];
    let problems = check(&request(more_than_held)).unwrap_err();
    assert!(problems.starts_with("legs[1].quantity") && problems.contains("at most 4"), "{problems}");
    // What comes in can go out again.
    let and_back = vec![leg("REG", "XM", ZN, 10), leg("XM", "REG-2", ZN, 12)];
    assert_eq!(check(&request(and_back)).unwrap().len(), 2);
}

#[test]
fn directions_count_for_those_after_them() {
    let mut directions = standing();
    directions.record(direction(1, DATE, &[("REG", "XM", ZN, 9)]));
    let problems = check_over(&directions, &request(vec![leg("REG", "XM", ZN, 2)]), None).unwrap_err();
    assert!(problems.contains("at most 1 can be moved, not 2"), "{problems}");
    assert!(check_over(&directions, &request(vec![leg("XM", "REG", ZN, 11)]), None).is_ok());
}

#[test]
fn accounts_of_another_member_are_as_unknown_to_a_member_as_those_that_do_not_exist() {
    let of_m2 = |from: &str| {
        check_over(&standing(), &request(vec![leg(from, "XM", ZN, 1)]), Some("M2")).unwrap_err().replace(from, "?")
    };
    assert_eq!(of_m2("REG"), of_m2("NOBODY"));
    assert!(check_over(&standing(), &request(vec![leg("REG", "XM", ZN, 1)]), Some("M1")).is_ok());
}

#[test]
fn nothing_is_directed_before_there_is_a_book() {
    let problems = check_over(&Directions::default(), &request(vec![leg("REG", "XM", ZN, 1)]), None).unwrap_err();
    assert!(problems.contains("no book yet"), "{problems}");
}
