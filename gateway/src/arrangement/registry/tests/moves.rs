//! A customer's link that moves to another member: it takes both houses, and leaves it at one member on every date.

use super::{wire::*, *};

const FROM: &str = "2026-05-01";

fn movable() -> Registry {
    let mut registry = adopted();
    for leg in Leg::BOTH {
        try_record(&mut registry, leg, &[&onboarding(LINK)[..], &[member("M2"), customer("M2", always())]].concat())
            .unwrap();
    }
    registry
}

fn moved(moves: &[(Leg, &str, &str)]) -> Registry {
    let mut registry = movable();
    for (leg, to, from) in moves {
        try_record(&mut registry, *leg, &[port(LINK, to, from)]).unwrap();
    }
    registry
}

/// The member and the mode of the link on a date.
fn at(registry: &Registry, date: &str) -> (String, LinkMode) {
    let (terms, mode) = registry.link_on(&LINK.parse().unwrap(), day(date)).unwrap();
    (terms.member.to_string(), mode)
}

#[test]
fn a_move_is_in_effect_from_its_date_on_where_both_houses_recorded_it() {
    use Leg::{Futures, Treasury};
    let live = |member: &str| (member.to_owned(), LinkMode::Live);
    for (moves, before, from, after) in [
        (&[][..], "M1", "M1", "M1"),
        (&[(Treasury, "M2", FROM)], "M1", "M1", "M1"),
        (&[(Futures, "M2", FROM)], "M1", "M1", "M1"),
        (&[(Treasury, "M2", FROM), (Futures, "M2", FROM)], "M1", "M2", "M2"),
        // Different dates are two moves, and each lacks the other house.
        (&[(Treasury, "M2", FROM), (Futures, "M2", "2026-05-02")], "M1", "M1", "M1"),
        (&[(Treasury, "M2", FROM), (Futures, "M2", FROM), (Treasury, "M1", "2026-05-02")], "M1", "M2", "M2"),
        (
            &[
                (Treasury, "M2", FROM),
                (Treasury, "M1", "2026-05-02"),
                (Futures, "M2", FROM),
                (Futures, "M1", "2026-05-02"),
            ],
            "M1",
            "M2",
            "M1",
        ),
    ] {
        let registry = moved(moves);
        let found = ["2026-04-30", FROM, "2026-05-02"].map(|date| at(&registry, date));
        assert_eq!(found, [live(before), live(from), live(after)], "{moves:?}");
    }
}

#[test]
fn a_link_that_moved_stands_by_the_records_of_its_new_member() {
    for (change, stage) in [
        (suspend(of_member("M2")), Stage::Suspended),
        (suspend(of_member("M1")), Stage::Live),
        (customer("M2", range(SINCE, "2026-04-30")), Stage::Suspended),
        (customer("M1", range(SINCE, "2026-04-30")), Stage::Live),
    ] {
        for leg in Leg::BOTH {
            let mut registry = moved(&[(Leg::Treasury, "M2", FROM), (Leg::Futures, "M2", FROM)]);
            try_record(&mut registry, leg, std::slice::from_ref(&change)).unwrap();
            let found = registry.standing(&LINK.parse().unwrap(), day(FROM)).unwrap();
            assert_eq!(found.stage, stage, "{change:?}: {:?}", found.obstacles);
        }
    }
}

#[test]
fn limits_follow_the_member_that_a_link_is_at() {
    let mut registry = moved(&[(Leg::Treasury, "M2", FROM), (Leg::Futures, "M2", FROM)]);
    try_record(&mut registry, Leg::Futures, &[limit(of_member("M2"), 300)]).unwrap();
    for (date, cap) in [("2026-04-30", 10_000), (FROM, 300)] {
        let terms = registry.terms_on(&LINK.parse().unwrap(), day(date)).unwrap();
        assert_eq!(registry.cap_bp(terms, day(date)), cap, "{date}");
    }
}

#[test]
fn a_move_keeps_the_link_its_owner_and_its_accounts() {
    let registry = moved(&[(Leg::Treasury, "M2", FROM), (Leg::Futures, "M2", FROM)]);
    let on = |date| registry.terms_on(&LINK.parse().unwrap(), day(date)).unwrap();
    let (before, after) = (on("2026-04-30"), on(FROM));
    assert_eq!((&before.link, &before.owner, &before.accounts), (&after.link, &after.owner, &after.accounts));
    assert_eq!(
        (before.kind, after.kind),
        (super::super::LinkTerms::from_wire(&terms(LINK)).unwrap().kind, before.kind)
    );
}
