//! A customer's link that moves to another member: it takes both houses, and leaves it at one member on every date.

use super::{wire::*, *};

const FROM: &str = "2026-05-01";

fn movable() -> Registry {
    let mut registry = adopted();
    for leg in Leg::BOTH {
        let more = [&[member("M2"), customer("M2", always())][..], &documents("M2")].concat();
        try_record(&mut registry, leg, &[onboarding(LINK), more].concat()).unwrap();
    }
    registry
}

/// The documents that a member signed for the link.
fn documents(member: &str) -> Vec<v1::ProgrammeChange> {
    CUSTOMER_DOCUMENTS.map(|kind| document_of(member, LINK, kind, SINCE)).into()
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
fn a_link_that_moved_needs_the_documents_of_its_new_member_at_both_houses() {
    for leg in Leg::BOTH {
        for kind in CUSTOMER_DOCUMENTS {
            let mut registry = adopted();
            for by in Leg::BOTH {
                let given = documents("M2").into_iter().zip(CUSTOMER_DOCUMENTS);
                let given = given.filter(|(_, own)| (by, *own) != (leg, kind)).map(|(document, _)| document);
                let more = [member("M2"), customer("M2", always())].into_iter().chain(given);
                try_record(&mut registry, by, &onboarding(LINK).into_iter().chain(more).collect::<Vec<_>>()).unwrap();
                try_record(&mut registry, by, &[port(LINK, "M2", FROM)]).unwrap();
            }
            let on = |registry: &Registry, date| registry.standing(&LINK.parse().unwrap(), day(date)).unwrap();
            assert_eq!(on(&registry, "2026-04-30").stage, Stage::Live);
            let lacking = on(&registry, FROM);
            assert_eq!((lacking.stage, lacking.obstacles), (Stage::Suspended, vec![Obstacle::Document(leg, kind)]));
            assert_eq!(lacking.stage.mode(), Some(LinkMode::Suspended), "its figures are still agreed");
            // One that binds the former member does not help, and one that is signed later does from then on.
            try_record(&mut registry, leg, &[document(LINK, kind), document_of("M2", LINK, kind, "2026-05-04")])
                .unwrap();
            let stages = [FROM, "2026-05-03", "2026-05-04"].map(|date| on(&registry, date).stage);
            assert_eq!(stages, [Stage::Suspended, Stage::Suspended, Stage::Live]);
        }
    }
}

#[test]
fn an_account_that_is_recorded_stands_at_the_member_that_carries_the_link() {
    for leg in Leg::BOTH {
        let at_member = |member: &str| {
            let name = if leg == Leg::Treasury { "T-customer" } else { "F-customer" };
            account_at(member, name, CUSTOMER, v1::AccountUse::CrossMargin)
        };
        let mut registry = moved(&[(Leg::Treasury, "M2", FROM), (Leg::Futures, "M2", FROM)]);
        let on = |registry: &Registry, date| registry.standing(&LINK.parse().unwrap(), day(date)).unwrap();
        for (member, date, elsewhere) in [("M1", FROM, "2026-04-30"), ("M2", "2026-04-30", FROM)] {
            try_record(&mut registry, leg, &[at_member(member)]).unwrap();
            let found = on(&registry, date);
            assert_eq!((found.stage, found.obstacles), (Stage::Suspended, vec![Obstacle::AccountMember(leg)]));
            assert_eq!(on(&registry, elsewhere).stage, Stage::Live);
        }
        assert_eq!(Obstacle::AccountMember(leg).left_to(), Some(leg));
        let text = Obstacle::AccountMember(leg).text(&registry);
        assert!(text.contains(rules().houses[leg].as_ref()) && text.contains("another member"), "{text}");
    }
}

#[test]
fn a_move_that_is_not_in_effect_is_named_and_stops_nothing() {
    use Leg::{Futures, Treasury};
    let (later, to) = ("2026-05-02", |member: &str| member.parse::<crate::arrangement::name::MemberId>().unwrap());
    let awaits = |leg, member: &str, from| Remark::MoveAwaits(leg, to(member), day(from));
    let mut registry = movable();
    for leg in Leg::BOTH {
        try_record(&mut registry, leg, &[member("M3"), customer("M3", always())]).unwrap();
    }
    let both = [(Treasury, "M2", later), (Futures, "M2", later)];
    for (moves, on_later, wanted) in [
        (&[][..], "M1", vec![]),
        (&both[..], "M2", vec![]),
        (&[(Treasury, "M2", FROM)], "M1", vec![awaits(Futures, "M2", FROM)]),
        (&[(Futures, "M2", FROM)], "M1", vec![awaits(Treasury, "M2", FROM)]),
        (
            &[(Treasury, "M2", FROM), (Futures, "M2", later)],
            "M1",
            vec![awaits(Futures, "M2", FROM), awaits(Treasury, "M2", later)],
        ),
        (
            &[(Treasury, "M2", FROM), (Futures, "M3", FROM)],
            "M1",
            vec![Remark::MovesDiffer(day(FROM), Pair { treasury: to("M2"), futures: to("M3") })],
        ),
        // The same move at both from a later date on settles it, and what it overtook is not told any more.
        (&[&[(Treasury, "M2", FROM), (Futures, "M3", FROM)][..], &both[..]].concat(), "M2", vec![]),
    ] {
        let mut registry = registry.clone();
        for (leg, to, from) in moves {
            try_record(&mut registry, *leg, &[port(LINK, to, from)]).unwrap();
        }
        let found = registry.standing(&LINK.parse().unwrap(), day(later)).unwrap();
        assert_eq!((found.stage, found.obstacles, found.remarks.clone()), (Stage::Live, vec![], wanted), "{moves:?}");
        assert_eq!(at(&registry, later).0, on_later, "{moves:?}");
        for remark in found.remarks {
            let text = remark.text(&registry);
            assert!(text.contains(FROM) || text.contains(later), "{text}");
            assert!(text.contains("FICC") || text.contains("CME"), "{text}");
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
