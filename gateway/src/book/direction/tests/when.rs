//! In which cycles directions count.

use super::*;
use crate::{
    arrangement::{cycle_id::CycleId, leg::Leg},
    book::direction::{
        expected::expected_cycle,
        item::{Item, ItemId, ItemKind},
        state::Directions,
    },
};

fn cycle(text: &str) -> CycleId {
    text.parse().unwrap()
}

fn numbers(directions: &[Arc<Direction>]) -> Vec<u64> {
    directions.iter().map(|direction| direction.number).collect()
}

#[test]
fn a_direction_counts_in_every_cycle_that_is_opened_after_it_and_in_no_other() {
    let mut directions = Directions::default();
    let base = book(1, DATE, 0, &[("REG", ZN, 10)]);
    directions.accept(&base, &[]);
    directions.record(direction(1, DATE, &[("REG", "XM", ZN, 1)]));
    directions.open(cycle("2026-02-13/CUR/1"), 1);
    directions.record(direction(2, DATE, &[("REG", "XM", ZN, 1)]));
    directions.open(cycle("2026-02-13/CUR/2"), 2);
    assert_eq!(numbers(&directions.over(&base, 1)), [1]);
    assert_eq!(numbers(&directions.over(&base, 2)), [1, 2]);
    let counted = |number: u64| directions.first_counted_in(directions.direction(number).unwrap());
    assert_eq!(counted(1), Some(cycle("2026-02-13/CUR/1")));
    assert_eq!(counted(2), Some(cycle("2026-02-13/CUR/2")));
    // A cycle that was opened before a direction stays without it, though its book is amended and frozen anew.
    let amended = book(2, DATE, 1, &[("REG", ZN, 9), ("XM", ZN, 1)]);
    assert_eq!(numbers(&directions.over(&amended, 1)), [] as [u64; 0]);
    assert_eq!(numbers(&directions.over(&amended, 2)), [2]);
}

#[test]
fn a_cycle_of_another_business_date_takes_no_directions() {
    let mut directions = Directions::default();
    let base = book(1, DATE, 0, &[("REG", ZN, 10)]);
    directions.accept(&base, &[]);
    directions.open(cycle("2026-02-13/CUR/1"), 0);
    directions.record(direction(1, DATE, &[("REG", "XM", ZN, 1)]));
    directions.open(cycle("2026-02-12/EODXM/2"), 1);
    let earlier = book(2, "2026-02-12", 0, &[("REG", ZN, 10)]);
    assert_eq!(numbers(&directions.over(&earlier, 1)), [] as [u64; 0]);
    let first = Arc::clone(directions.direction(1).unwrap());
    assert_eq!(directions.first_counted_in(&first), None);
    directions.open(cycle("2026-02-13/CUR/2"), 1);
    assert_eq!(directions.first_counted_in(&first), Some(cycle("2026-02-13/CUR/2")));
}

#[test]
fn a_direction_that_was_set_aside_before_a_cycle_never_counted_and_one_set_aside_after_it_did() {
    let aside = |number: u64| Item {
        id: ItemId(number),
        kind: ItemKind::SetAside,
        business_date: date(DATE),
        book_version: 2,
        account: account("REG"),
        member: "M1".parse().unwrap(),
        instrument: instrument(ZN),
        expected: 1,
        found: 0,
        directions: vec![number],
        direction_count: 1,
    };
    let mut directions = Directions::default();
    directions.accept(&book(1, DATE, 0, &[("REG", ZN, 10)]), &[]);
    directions.record(direction(1, DATE, &[("REG", "XM", ZN, 1)]));
    directions.record(direction(2, DATE, &[("REG", "XM", ZN, 1)]));
    directions.note(&[aside(1)]);
    directions.open(cycle("2026-02-13/CUR/1"), 2);
    directions.note(&[aside(2)]);
    let counted = |number: u64| directions.first_counted_in(directions.direction(number).unwrap());
    assert_eq!((counted(1), counted(2)), (None, Some(cycle("2026-02-13/CUR/1"))));
}

#[test]
fn the_expected_cycle_is_the_next_of_the_day_and_else_the_first_of_the_next_business_day() {
    // Friday, 13 February 2026; Monday is a holiday of both houses. Noon in Chicago is 18:00 UTC.
    for (opened, now, expected) in [
        (&[][..], "2026-02-13T12:00:00Z", Some("2026-02-13/CUR/1")),
        (&["2026-02-13/CUR/1"], "2026-02-13T13:00:00Z", Some("2026-02-13/CUR/2")),
        // By the clock a cycle is about to be opened, and one that was missed is not opened any more.
        (&[], "2026-02-13T18:00:00Z", Some("2026-02-13/CUR/7")),
        // One that was opened by hand before its time.
        (&["2026-02-13/ITD/1"], "2026-02-13T13:30:00Z", Some("2026-02-13/CUR/6")),
        (&["2026-02-13/EODXM/1"], "2026-02-13T13:30:00Z", Some("2026-02-17/CUR/1")),
        (&[], "2026-02-14T03:00:00Z", Some("2026-02-17/CUR/1")),
        // A day in the past: what this house has opened says where it stands, not the clock.
        (&["2026-02-13/CUR/1"], "2026-06-01T12:00:00Z", Some("2026-02-13/CUR/2")),
        // A re-run says nothing about the schedule.
        (&["2026-02-13/CUR/99"], "2026-06-01T12:00:00Z", Some("2026-02-13/CUR/1")),
    ] {
        let opened = opened.iter().map(|text| cycle(text));
        let found = expected_cycle(&ARRANGEMENT, Leg::Futures, date(DATE), opened, now.parse().unwrap());
        assert_eq!(found, expected.map(cycle), "{now}");
    }
}

#[test]
fn without_a_schedule_no_cycle_is_expected() {
    let mut arrangement = ARRANGEMENT.clone();
    arrangement.schedule.clear();
    let now = "2026-02-13T12:00:00Z".parse().unwrap();
    assert_eq!(expected_cycle(&arrangement, Leg::Futures, date(DATE), std::iter::empty(), now), None);
}
