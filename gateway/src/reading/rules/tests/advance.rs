//! Requirements of cycles that fell back where the last agreement grants a part of its reduction in advance.

use super::*;
use crate::arrangement::grant::{AdvanceGrant, LastAgreed};

const CAUSE: FallBackCause = FallBackCause::NoPeerStatement;
const INFORMS: Standing = Standing::Agreed { effect: Effect::Informs, superseded_by: None, is_one_sided: false };

/// 32 %: 40 % that was agreed less a fifth of it, in the first of two cycles.
fn granted() -> Granted {
    let grant = AdvanceGrant::new(CycleKind::Eod, 2_000, 2).unwrap();
    let cycle = "2026-02-12/EOD/1".parse().unwrap();
    let last = LastAgreed { cycle, round: Round(1), grant, fallen_back: 1 };
    Granted { last, agreed_bp: 4_000, factor_bp: 3_200 }
}

fn advance(outcome: Result<Granted, Refusal>) -> Option<Advance> {
    Some(Advance { cause: CAUSE, outcome })
}

/// The leaf with the margins that its cents are of.
fn leaf() -> v1::MarginLeaf {
    let treasury = v1::ModelFigures { treasury_alone_e8: 100_000_000_000, factor_bp: 6_000, ..Default::default() };
    let futures = v1::ModelFigures { futures_alone_e8: 40_000_900_000, factor_bp: 5_000, ..Default::default() };
    v1::MarginLeaf { treasury_house: Some(treasury), futures_house: Some(futures), ..super::leaf() }
}

fn found(us: Leg, standing: Standing, change: impl FnOnce(&mut Basis<'_>)) -> (v1::Requirement, Charged) {
    let (terms, leaf) = (terms(), leaf());
    let basis = basis_of(&terms, Figures::Joint(&leaf), standing);
    let mut basis = Basis { us, advance: advance(Ok(granted())), ..basis };
    change(&mut basis);
    (basis.requirement(), basis.charged())
}

#[test]
fn the_house_that_fell_back_charges_its_own_leg_by_the_grant_and_shows_what_it_rests_on() {
    for standing in [FELL_BACK, INFORMS] {
        for (us, required, totals) in [
            (Leg::Treasury, ["680.00", "400.01"], ["690.50", "400.08"]),
            (Leg::Futures, ["1000.00", "272.01"], ["1010.50", "272.08"]),
        ] {
            let (found, charged) = found(us, standing, |_| {});
            assert_eq!(found.status(), RequirementStatus::AdvanceGrant);
            assert_eq!([found.treasury_requirement.as_str(), found.futures_requirement.as_str()], required);
            assert_eq!([found.treasury_total.as_str(), found.futures_total.as_str()], totals, "charges stay whole");
            assert_eq!((found.applied_factor_bp, charged), (3_200, Charged::AdvanceGrant(3_200)));
            let used = found.advance_grant.unwrap();
            let cycle = used.agreed_cycle.unwrap();
            assert_eq!((cycle.arrangement.as_str(), cycle.business_date.as_str()), ("A-B", "2026-02-12"));
            assert_eq!(
                (used.agreed_round, used.agreed_factor_bp, used.haircut_bp, used.cycles_left),
                (1, 4_000, 2_000, 1)
            );
            assert_eq!(v1::FallBackCause::try_from(used.fall_back_cause), Ok(CAUSE.into()));
            let reason = "this house's own leg is charged with a reduction of 32.00 %: the 40.00 % agreed in \
                          2026-02-12/EOD/1 round 1 less a haircut of 20.00 %; 1 further cycle may be charged so";
            assert!(found.reason.ends_with(reason), "{}", found.reason);
            assert!(!found.reason.contains("stand-alone"), "{}", found.reason);
        }
    }
}

#[test]
fn a_grant_is_used_only_where_the_cycle_fell_back_on_figures_that_are_known_and_never_on_a_break() {
    use RequirementStatus as S;
    type Change = fn(&mut Basis<'_>);
    let same: Change = |_| {};
    let broken: Change = |basis| basis.break_cause = Some(BreakCause::Position);
    let none: Change = |basis| basis.advance = None;
    let unknown: Change = |basis| basis.figures = Figures::Unknown("nothing was submitted");
    let cases: [(Standing, Change, S); 8] = [
        (ON_TIME, same, S::Agreed),
        (OPEN, same, S::Pending),
        (Standing::CutOff { in_force: Round(1) }, same, S::FallenBack),
        (FELL_BACK, broken, S::Break),
        (INFORMS, broken, S::Break),
        (FELL_BACK, none, S::FallenBack),
        (INFORMS, none, S::FallenBack),
        (FELL_BACK, unknown, S::FallenBack),
    ];
    for (standing, change, status) in cases {
        let (found, charged) = found(Leg::Treasury, standing, change);
        assert_eq!((found.status(), found.advance_grant), (status, None), "{standing:?}");
        assert!(!found.reason.contains("grant"), "{}", found.reason);
        assert!(!matches!(charged, Charged::AdvanceGrant(_)));
        if status != S::Agreed && !found.treasury_standalone.is_empty() {
            assert_eq!(found.treasury_requirement, found.treasury_standalone);
        }
    }
}

#[test]
fn without_a_grant_the_reason_says_which_rule_it_breaks() {
    let cycle = "2026-02-12/EOD/1".parse().unwrap();
    for (refusal, reason) in [
        (Refusal::NoAgreement, "holds no earlier agreement"),
        (Refusal::Unreadable(cycle), "cannot be read"),
        (Refusal::Absent(cycle), "not part of what was last agreed"),
        (Refusal::Broken(cycle), "differed on the link"),
        (Refusal::WasRehearsal(cycle), "was in rehearsal"),
        (Refusal::NotInForce, "not in force"),
        (Refusal::Suspended, "is suspended"),
        (Refusal::Rehearsal, "is in rehearsal"),
        (Refusal::Expired { cycle, cycles: 2 }, "has expired"),
        (Refusal::Nothing(cycle), "nothing is left"),
    ] {
        let (found, charged) = found(Leg::Treasury, FELL_BACK, |basis| basis.advance = advance(Err(refusal)));
        assert_eq!((found.status(), charged), (RequirementStatus::FallenBack, Charged::StandAlone));
        assert_eq!(found.treasury_requirement, found.treasury_standalone);
        assert!(found.reason.starts_with("stand-alone: "), "{}", found.reason);
        assert!(found.reason.contains("; no advance grant: ") && found.reason.contains(reason), "{}", found.reason);
    }
}

#[test]
fn without_the_other_houses_positions_the_own_leg_is_charged_by_the_grant_all_the_same() {
    let (found, _) = found(Leg::Treasury, FELL_BACK, |basis| {
        if let Figures::Joint(leaf) = basis.figures {
            basis.figures = Figures::OwnLeg(leaf);
        }
    });
    assert_eq!((found.treasury_requirement.as_str(), found.futures_requirement.as_str()), ("680.00", ""));
    assert_eq!(found.status(), RequirementStatus::AdvanceGrant);
}

#[test]
fn an_override_that_holds_the_grant_down_is_told() {
    let held = Granted { factor_bp: 3_000, ..granted() };
    let (found, _) = found(Leg::Treasury, FELL_BACK, |basis| basis.advance = advance(Ok(held)));
    assert_eq!(found.treasury_requirement, "700.00");
    assert!(found.reason.contains("at most what is let be granted now"), "{}", found.reason);
}
