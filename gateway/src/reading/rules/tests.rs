mod advance;

use super::*;
use crate::arrangement::{leg::Pair, link::LinkKind};

const ROUND: Round = Round(2);
const ON_TIME: Standing = Standing::Agreed { effect: Effect::OnTime, superseded_by: None, is_one_sided: false };
const OPEN: Standing = Standing::Open { in_force: None };
const FELL_BACK: Standing = Standing::FallenBack { cause: FallBackCause::NoPeerStatement, is_one_sided: false };

fn terms() -> LinkTerms {
    LinkTerms {
        link: "L1".parse().unwrap(),
        kind: LinkKind::House,
        member: "BD1".parse().unwrap(),
        owner: "BD1".parse().unwrap(),
        accounts: Pair { treasury: "T1".parse().unwrap(), futures: "F1".parse().unwrap() },
    }
}

fn leaf() -> v1::MarginLeaf {
    let figures = |factor_bp| Some(v1::ModelFigures { factor_bp, ..Default::default() });
    v1::MarginLeaf {
        link_id: "L1".into(),
        treasury_house: figures(6_000),
        futures_house: figures(5_000),
        applied_factor_bp: 5_000,
        treasury_standalone_cents: 100_000,
        futures_standalone_cents: 40_001,
        treasury_requirement_cents: 50_000,
        futures_requirement_cents: 20_001,
        treasury_charges_cents: 1_050,
        futures_charges_cents: 7,
        override_bp: 10_000,
        ..Default::default()
    }
}

/// A requirement in a live arrangement, of a live link, changed.
fn requirement(standing: Standing, change: impl FnOnce(&mut Basis<'_>)) -> v1::Requirement {
    with_basis(standing, change, |basis| basis.requirement())
}

/// What follows from a basis of that kind.
fn with_basis<T>(standing: Standing, change: impl FnOnce(&mut Basis<'_>), read: impl FnOnce(&Basis<'_>) -> T) -> T {
    let (terms, leaf) = (terms(), leaf());
    let mut basis = basis_of(&terms, Figures::Joint(&leaf), standing);
    change(&mut basis);
    read(&basis)
}

fn basis_of<'a>(terms: &'a LinkTerms, figures: Figures<'a>, standing: Standing) -> Basis<'a> {
    Basis {
        us: Leg::Treasury,
        kind: Some(CycleKind::Eod),
        round: Some(ROUND),
        arrangement: "A-B",
        arrangement_mode: ArrangementMode::Live,
        terms,
        mode: LinkMode::Live,
        figures,
        standing,
        break_cause: None,
        advance: None,
    }
}

/// Whether the reduction, or else the stand-alone margin, is charged at both houses.
fn charges_reduction(requirement: &v1::Requirement) -> bool {
    let required = (requirement.treasury_requirement.as_str(), requirement.futures_requirement.as_str());
    match requirement.applied_factor_bp {
        5_000 => {
            assert_eq!(required, ("500.00", "200.01"));
            true
        }
        0 => {
            assert_eq!(required, ("1000.00", "400.01"));
            false
        }
        other => panic!("{other} is neither the factor nor 0"),
    }
}

#[test]
fn every_standing_of_a_link_has_its_status_its_charge_and_its_reason() {
    use RequirementStatus as S;
    let rehearsal = |basis: &mut Basis<'_>| basis.mode = LinkMode::Rehearsal;
    let arrangement_rehearsal = |basis: &mut Basis<'_>| basis.arrangement_mode = ArrangementMode::Rehearsal;
    let broken = |basis: &mut Basis<'_>| basis.break_cause = Some(BreakCause::Position);
    let same = |_: &mut Basis<'_>| {};
    let late = |effect| Standing::Agreed { effect, superseded_by: None, is_one_sided: false };
    let one_sided = Standing::Agreed { effect: Effect::OnTime, superseded_by: None, is_one_sided: true };
    let superseded = Standing::Agreed { effect: Effect::OnTime, superseded_by: Some(Round(3)), is_one_sided: false };
    let only_there = Standing::FallenBack { cause: FallBackCause::NoPeerStatement, is_one_sided: true };
    let cut_off = Standing::CutOff { in_force: Round(1) };
    let later_round = Standing::Open { in_force: Some(Round(1)) };
    type Change<'a> = &'a dyn Fn(&mut Basis<'_>);
    let table: [(Standing, Change<'_>, S, bool, &str); 15] = [
        (ON_TIME, &same, S::Agreed, true, "agreed in round 2"),
        (ON_TIME, &rehearsal, S::Rehearsal, false, "in rehearsal"),
        (ON_TIME, &arrangement_rehearsal, S::Rehearsal, false, "in rehearsal"),
        (ON_TIME, &broken, S::Break, false, "positions differ"),
        (OPEN, &broken, S::Break, false, "positions differ"),
        (late(Effect::FromThenOn), &same, S::Agreed, true, "charged from then on"),
        (late(Effect::Informs), &same, S::FallenBack, false, "too late for settlement"),
        (late(Effect::Informs), &rehearsal, S::FallenBack, false, "too late for settlement"),
        (one_sided, &same, S::Agreed, true, "the other house fell back"),
        (superseded, &same, S::Agreed, true, "the agreement of round 3 supersedes it"),
        (FELL_BACK, &same, S::FallenBack, false, "stand-alone: the other house's statement did not arrive"),
        (only_there, &same, S::FallenBack, false, "agreed at the other house"),
        (cut_off, &same, S::FallenBack, false, "the agreement of round 1 is in force"),
        (later_round, &same, S::Pending, false, "the agreement of round 1 is in force"),
        (OPEN, &same, S::Pending, false, "until the cycle is agreed"),
    ];
    for (standing, change, status, is_reduced, reason) in table {
        let found = requirement(standing, change);
        assert_eq!(found.status(), status, "{standing:?}");
        assert_eq!(charges_reduction(&found), is_reduced, "{standing:?}");
        assert!(found.reason.contains(reason), "{standing:?}: {}", found.reason);
        // What would be charged is shown whatever is charged.
        assert_eq!(found.would_be_factor_bp, 5_000);
        assert_eq!(found.would_be_treasury_requirement, "500.00");
        assert_eq!(found.would_be_futures_requirement, "200.01");
    }
}

#[test]
fn a_break_names_its_cause_and_whose_figures_are_shown() {
    let found = requirement(ON_TIME, |basis| basis.break_cause = Some(BreakCause::Price));
    assert_eq!(found.break_cause(), BreakCause::Price);
    assert!(found.reason.contains("the figures are those of this house"), "{}", found.reason);
}

#[test]
fn without_the_other_houses_positions_its_amounts_and_all_reductions_are_unknown() {
    let leaf = leaf();
    for (us, own, other) in [(Leg::Treasury, "1000.00", ""), (Leg::Futures, "", "400.01")] {
        let terms = terms();
        let basis = basis_of(&terms, Figures::OwnLeg(&leaf), FELL_BACK);
        let found = Basis { us, kind: Some(CycleKind::Itd), round: None, ..basis }.requirement();
        assert_eq!((found.treasury_standalone.as_str(), found.futures_standalone.as_str()), (own, other));
        assert_eq!((found.treasury_requirement.as_str(), found.futures_requirement.as_str()), (own, other));
        assert_eq!((found.treasury_factor_bp, found.futures_factor_bp, found.would_be_factor_bp), (0, 0, 0));
        assert_eq!(found.would_be_treasury_requirement, "");
        assert_eq!(found.round, 0);
    }
}

#[test]
fn an_override_is_shown_and_it_is_said_whose_limit_binds() {
    for (override_bp, factors, applied, shown, reason) in [
        (10_000, [6_000, 5_000], 5_000, None, "agreed in round 2"),
        (
            2_500,
            [6_000, 5_000],
            2_500,
            Some(2_500),
            "at most 25.00 % be granted, which binds: the lesser factor is 50.00 %",
        ),
        (5_500, [6_000, 5_000], 5_000, Some(5_500), "but the futures house's factor, 50.00 %, binds"),
        (5_000, [5_000, 6_000], 5_000, Some(5_000), "but the Treasury house's factor, 50.00 %, binds"),
        (7_000, [5_000, 5_000], 5_000, Some(7_000), "but both houses' factors, 50.00 %, binds"),
        (9_000, [9_500, 9_500], 8_000, Some(9_000), "but the arrangement's bounds bind"),
        (99, [6_000, 5_000], 0, Some(99), "at most 0.99 % be granted, less than the arrangement grants at all"),
        (0, [6_000, 5_000], 0, Some(0), "at most 0.00 % be granted, which binds: the lesser factor is 50.00 %"),
        (2_500, [0, 5_000], 0, Some(2_500), "but the Treasury house's factor, 0.00 %, binds"),
    ] {
        let [treasury, futures] = factors.map(|factor_bp| Some(v1::ModelFigures { factor_bp, ..Default::default() }));
        let changed = v1::MarginLeaf {
            treasury_house: treasury,
            futures_house: futures,
            applied_factor_bp: applied,
            override_bp,
            ..leaf()
        };
        let terms = terms();
        let found = basis_of(&terms, Figures::Joint(&changed), ON_TIME).requirement();
        assert_eq!(found.override_bp, shown);
        assert!(found.reason.ends_with(reason), "{}", found.reason);
    }
    // What is not charged by the figures says nothing of their limits.
    let fallen = requirement(FELL_BACK, |_| {});
    assert!(!fallen.reason.contains("override"), "{}", fallen.reason);
}

#[test]
fn charges_outside_the_core_are_added_whole_whether_or_not_a_reduction_is_charged() {
    let totals = |found: v1::Requirement| [found.treasury_total, found.futures_total];
    assert_eq!(totals(requirement(ON_TIME, |_| {})), ["510.50", "200.08"]);
    assert_eq!(totals(requirement(FELL_BACK, |_| {})), ["1010.50", "400.08"]);
    let rehearsed = requirement(ON_TIME, |basis| basis.mode = LinkMode::Rehearsal);
    assert_eq!((rehearsed.treasury_charges.as_str(), rehearsed.futures_charges.as_str()), ("10.50", "0.07"));
    assert_eq!(totals(rehearsed), ["1010.50", "400.08"]);
    let own = requirement(FELL_BACK, |basis| {
        if let Figures::Joint(leaf) = basis.figures {
            basis.figures = Figures::OwnLeg(leaf);
        }
    });
    assert_eq!(totals(own), ["1010.50", ""]);
}

#[test]
fn nothing_is_made_up_where_nothing_is_known() {
    let found = requirement(OPEN, |basis| basis.figures = Figures::Unknown("no positions were submitted"));
    assert_eq!((found.treasury_requirement.as_str(), found.futures_standalone.as_str()), ("", ""));
    assert!(found.reason.contains("no positions were submitted"), "{}", found.reason);
}

#[test]
fn a_link_that_an_agreed_round_does_not_hold_is_not_agreed() {
    let leaf = leaf();
    for figures in [Figures::OwnLeg(&leaf), Figures::Unknown("")] {
        let terms = terms();
        let found = basis_of(&terms, figures, ON_TIME).requirement();
        assert_eq!(found.status(), RequirementStatus::FallenBack);
        assert_eq!(found.applied_factor_bp, 0);
    }
}

#[test]
fn a_cycle_for_information_says_that_it_charges_nothing() {
    let found = requirement(ON_TIME, |basis| basis.kind = Some(CycleKind::Cur));
    assert!(found.reason.contains("a CUR cycle charges nothing"), "{}", found.reason);
}

#[test]
fn figures_are_charged_as_agreed_only_where_their_round_is_in_force() {
    let superseded = Standing::Agreed { effect: Effect::OnTime, superseded_by: Some(Round(3)), is_one_sided: false };
    let late = Standing::Agreed { effect: Effect::Informs, superseded_by: None, is_one_sided: false };
    let unchanged: fn(&mut Basis<'_>) = |_| {};
    let broken: fn(&mut Basis<'_>) = |basis| basis.break_cause = Some(BreakCause::Position);
    let cases = [
        (ON_TIME, unchanged, Charged::Agreed),
        (ON_TIME, broken, Charged::StandAlone),
        (ON_TIME, |basis: &mut Basis<'_>| basis.mode = LinkMode::Rehearsal, Charged::StandAlone),
        (ON_TIME, |basis: &mut Basis<'_>| basis.kind = Some(CycleKind::Cur), Charged::Nothing),
        (late, unchanged, Charged::StandAlone),
        (FELL_BACK, unchanged, Charged::StandAlone),
        (OPEN, unchanged, Charged::StandAlone),
        (superseded, unchanged, Charged::OtherRound(Round(3))),
        (superseded, broken, Charged::OtherRound(Round(3))),
        (Standing::CutOff { in_force: Round(1) }, unchanged, Charged::OtherRound(Round(1))),
        (Standing::Open { in_force: Some(Round(1)) }, unchanged, Charged::OtherRound(Round(1))),
    ];
    for (standing, change, expected) in cases {
        assert_eq!(with_basis(standing, change, |basis| basis.charged()), expected, "{standing:?}");
        let decides = standing != OPEN && matches!(expected, Charged::Agreed | Charged::StandAlone);
        assert_eq!(with_basis(standing, change, |basis| basis.has_ended()), decides, "{standing:?}");
    }
}
