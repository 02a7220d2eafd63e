use proptest::prelude::*;

use super::*;
use crate::arrangement::leaf::requirement_cents;

const BOUNDS: FactorBounds = FactorBounds { max_bp: 8_000, min_bp: 100, closes_shortfall: false };

fn grant(haircut_bp: u32, cycles: u32) -> AdvanceGrant {
    AdvanceGrant::new(CycleKind::Eod, haircut_bp, cycles).unwrap()
}

fn cycle() -> CycleId {
    "2026-02-12/EOD/1".parse().unwrap()
}

/// A link that was agreed at 40 % and is granted 80 % of that for two cycles, of which this is the first.
fn case() -> GrantCase {
    let last = LastAgreed { cycle: cycle(), round: Round(1), grant: grant(2_000, 2), fallen_back: 1 };
    GrantCase { last, agreed: AgreedLink::Live(4_000), now: LinkNow::Live, override_bp: WHOLE_BP }
}

#[test]
fn every_rule_of_a_grant_is_broken_by_its_smallest_case() {
    type Change = fn(&mut GrantCase);
    let expired = Refusal::Expired { cycle: cycle(), cycles: 2 };
    let cases: [(&str, Change, Result<u32, Refusal>); 19] = [
        ("as it is", |_| {}, Ok(3_200)),
        ("its last cycle", |case| case.last.fallen_back = 2, Ok(3_200)),
        ("one cycle too many", |case| case.last.fallen_back = 3, Err(expired)),
        ("not agreed on", |case| case.agreed = AgreedLink::Absent, Err(Refusal::Absent(cycle()))),
        ("a break then", |case| case.agreed = AgreedLink::Broken, Err(Refusal::Broken(cycle()))),
        ("in rehearsal then", |case| case.agreed = AgreedLink::Rehearsal, Err(Refusal::WasRehearsal(cycle()))),
        ("in rehearsal now", |case| case.now = LinkNow::Rehearsal, Err(Refusal::Rehearsal)),
        ("suspended now", |case| case.now = LinkNow::Suspended, Err(Refusal::Suspended)),
        ("not in force now", |case| case.now = LinkNow::NotInForce, Err(Refusal::NotInForce)),
        ("no reduction then", |case| case.agreed = AgreedLink::Live(0), Err(Refusal::Nothing(cycle()))),
        ("truncated to the basis point", |case| case.agreed = AgreedLink::Live(4_001), Ok(3_200)),
        ("the next basis point", |case| case.agreed = AgreedLink::Live(4_004), Ok(3_203)),
        ("the whole haircut", |case| case.last.grant = grant(10_000, 2), Err(Refusal::Nothing(cycle()))),
        ("no haircut", |case| case.last.grant = grant(0, 2), Ok(4_000)),
        ("an override that does not bind", |case| case.override_bp = 3_200, Ok(3_200)),
        ("an override that binds", |case| case.override_bp = 3_199, Ok(3_199)),
        ("an override of nothing", |case| case.override_bp = 0, Err(Refusal::Nothing(cycle()))),
        ("the least that is granted", |case| case.agreed = AgreedLink::Live(125), Ok(100)),
        ("less than is granted at all", |case| case.agreed = AgreedLink::Live(124), Err(Refusal::Nothing(cycle()))),
    ];
    for (what, change, expected) in cases {
        let mut case = case();
        change(&mut case);
        assert_eq!(granted(&case, &BOUNDS).map(|granted| granted.factor_bp), expected, "{what}");
    }
}

#[test]
fn the_cycles_left_count_down_to_none() {
    let left = |fallen_back| {
        let last = LastAgreed { fallen_back, ..case().last };
        granted(&GrantCase { last, ..case() }, &BOUNDS).map(|granted| granted.cycles_left()).ok()
    };
    assert_eq!([1, 2, 3].map(left), [Some(1), Some(0), None]);
}

#[test]
fn every_field_of_a_grant_that_is_out_of_range_is_named() {
    for (kind, haircut_bp, cycles, expected) in [
        (CycleKind::Itd, 0, 1, vec![]),
        (CycleKind::EodXm, 10_000, 100, vec![]),
        (CycleKind::Cur, 0, 1, vec!["kind"]),
        (CycleKind::Eod, 10_001, 1, vec!["haircut_bp"]),
        (CycleKind::Eod, 0, 0, vec!["cycles"]),
        (CycleKind::Eod, 0, 101, vec!["cycles"]),
        (CycleKind::Cur, 10_001, 0, vec!["kind", "haircut_bp", "cycles"]),
    ] {
        let found = AdvanceGrant::new(kind, haircut_bp, cycles).err().unwrap_or_default();
        assert_eq!(found.iter().map(|problem| problem.field).collect::<Vec<_>>(), expected);
    }
}

proptest! {
    #[test]
    fn a_grant_never_requires_less_than_the_last_agreed_factor_nor_more_than_stand_alone(
        alone in 0..1_000_000_000_000_000_i64,
        agreed in 0..=8_000_u32,
        haircut in 0..=10_000_u32,
        override_bp in 0..=10_000_u32,
    ) {
        let last = LastAgreed { grant: grant(haircut, 2), ..case().last };
        let case = GrantCase { last, agreed: AgreedLink::Live(agreed), override_bp, ..case() };
        let factor = granted(&case, &BOUNDS).map_or(0, |granted| granted.factor_bp);
        let required = |factor| requirement_cents(alone, factor).unwrap();
        prop_assert!(required(factor) >= required(agreed));
        prop_assert!(required(factor) <= required(0));
        prop_assert!(factor <= override_bp);
        prop_assert!(factor == 0 || factor >= BOUNDS.min_bp);
    }
}
