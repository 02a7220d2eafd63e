use proptest::prelude::*;

use super::*;

const BOUNDS: FactorBounds = FactorBounds { max_bp: 8_000, min_bp: 100, closes_shortfall: false };

/// A leaf whose figures follow from the margins of both models: the Treasury leg alone, the futures leg alone, both.
pub(crate) fn leaf_of(link: &str, treasury: [i64; 3], futures: [i64; 3]) -> v1::MarginLeaf {
    let model = |[treasury, futures, combined]: [i64; 3]| v1::ModelFigures {
        treasury_alone_e8: treasury,
        futures_alone_e8: futures,
        combined_e8: combined,
        factor_bp: factor_bp(treasury, futures, combined),
    };
    let models = [model(treasury), model(futures)];
    let applied = applied_factor_bp([models[0].factor_bp, models[1].factor_bp], WHOLE_BP, &BOUNDS);
    let required = [treasury[0], futures[1]].map(|margin| requirement_cents(margin, applied).unwrap());
    let larger = requirement_cents(treasury[2].max(futures[2]), 0).unwrap();
    v1::MarginLeaf {
        link_id: link.to_owned(),
        terms: Bytes::from_static(&[1; 32]),
        mode: v1::LinkMode::Live.into(),
        treasury_positions: Bytes::from_static(&[2; 32]),
        futures_positions: Bytes::from_static(&[3; 32]),
        market: Bytes::from_static(&[4; 32]),
        treasury_house: Some(models[0]),
        futures_house: Some(models[1]),
        applied_factor_bp: applied,
        treasury_requirement_cents: required[0],
        futures_requirement_cents: required[1],
        treasury_standalone_cents: requirement_cents(treasury[0], 0).unwrap(),
        futures_standalone_cents: requirement_cents(futures[1], 0).unwrap(),
        shortfall_cents: (larger - required[0] - required[1]).max(0),
        treasury_charges_cents: treasury[0] / 100_000_000,
        futures_charges_cents: futures[1] / 100_000_000,
        override_bp: WHOLE_BP,
    }
}

#[test]
fn the_published_sample_falls_by_exactly_the_highest_factor() {
    // 343.24 million USD at 80 % leaves 68.648 million, published as 68.65.
    assert_eq!(requirement_cents(34_324_000_000_000_000, 8_000), Some(6_864_800_000));
}

#[test]
fn a_requirement_rounds_up_to_the_cent_and_a_factor_down_to_the_basis_point() {
    assert_eq!(requirement_cents(1, 0), Some(1));
    assert_eq!(requirement_cents(1_000_000, 0), Some(1));
    assert_eq!(requirement_cents(1_000_001, 0), Some(2));
    assert_eq!(requirement_cents(0, 8_000), Some(0));
    assert_eq!(requirement_cents(-1, 0), None);
    assert_eq!(requirement_cents(1, 10_001), None);
    assert_eq!(requirement_cents(i64::MAX, 0), Some(9_223_372_036_855));
    assert_eq!(factor_bp(1, 2, 2), 3_333);
    assert_eq!(factor_bp(0, 0, 0), 0);
}

#[test]
fn the_lesser_factor_governs_within_the_bounds() {
    for (factors, override_bp, applied) in [
        ([5_000, 3_000], WHOLE_BP, 3_000),
        ([9_900, 9_000], WHOLE_BP, 8_000),
        ([99, 9_000], WHOLE_BP, 0),
        ([100, 9_000], WHOLE_BP, 100),
        ([5_000, 3_000], 3_001, 3_000),
        ([5_000, 3_000], 2_999, 2_999),
        ([5_000, 3_000], 100, 100),
        ([5_000, 3_000], 99, 0),
        ([5_000, 3_000], 0, 0),
    ] {
        assert_eq!(applied_factor_bp(factors, override_bp, &BOUNDS), applied, "{factors:?} {override_bp}");
    }
    assert_eq!(override_factor(2_500).basis_points(), 2_500);
    assert_eq!(override_factor(10_001), Factor::ZERO);
}

/// The same leaf when at most so much is granted, and what follows from it.
fn granting(leaf: &v1::MarginLeaf, override_bp: u32, applied: u32) -> v1::MarginLeaf {
    let (treasury, futures) = (leaf.treasury_house.unwrap(), leaf.futures_house.unwrap());
    let margins = [treasury.treasury_alone_e8, futures.futures_alone_e8];
    let required = margins.map(|margin| requirement_cents(margin, applied).unwrap());
    let larger = requirement_cents(treasury.combined_e8.max(futures.combined_e8), 0).unwrap();
    v1::MarginLeaf {
        applied_factor_bp: applied,
        treasury_requirement_cents: required[0],
        futures_requirement_cents: required[1],
        shortfall_cents: (larger - required[0] - required[1]).max(0),
        override_bp,
        ..leaf.clone()
    }
}

#[test]
fn exactly_what_follows_is_applied_neither_more_nor_less() {
    let leaf = leaf_of("L1", [100_000_000, 50_000_000, 60_000_000], [80_000_000, 70_000_000, 90_000_000]);
    let field = |leaf: &v1::MarginLeaf| check(leaf, &BOUNDS, requirement_cents).err().map(|error| error.field);
    for (override_bp, applied, expected) in [
        (WHOLE_BP, 4_000, None),
        (WHOLE_BP, 3_999, Some("applied_factor_bp")),
        (WHOLE_BP, 4_001, Some("applied_factor_bp")),
        (4_000, 4_000, None),
        (3_999, 3_999, None),
        (3_999, 3_998, Some("applied_factor_bp")),
        (3_999, 4_000, Some("applied_factor_bp")),
        (100, 100, None),
        (99, 0, None),
        (99, 99, Some("applied_factor_bp")),
        (0, 0, None),
        (10_001, 4_000, Some("override_bp")),
    ] {
        assert_eq!(field(&granting(&leaf, override_bp, applied)), expected, "{override_bp} {applied}");
    }
}

#[test]
fn where_requirements_must_cover_the_larger_combined_margin_the_factor_that_does_is_applied() {
    let closing = FactorBounds { closes_shortfall: true, ..BOUNDS };
    // 1.00 and 0.70 alone; the larger combined margin is 0.90, so 0.80 of 1.70 is left over: 47.05 %.
    let leaf = leaf_of("L1", [100_000_000, 50_000_000, 60_000_000], [80_000_000, 70_000_000, 90_000_000]);
    assert_eq!(check(&leaf, &closing, requirement_cents), Ok(()), "the lesser factor, 40 %, covers it already");
    // The lesser factor is 60 %; 0.90 of 1.70 is covered up to 47.05 % alone.
    let leaf = leaf_of("L1", [100_000_000, 50_000_000, 60_000_000], [160_000_000, 70_000_000, 90_000_000]);
    assert_eq!(leaf.applied_factor_bp, 6_000);
    let field = |leaf: &v1::MarginLeaf| check(leaf, &closing, requirement_cents).err().map(|error| error.field);
    assert_eq!(field(&leaf), Some("applied_factor_bp"));
    assert_eq!(field(&granting(&leaf, WHOLE_BP, 4_705)), None);
    assert_eq!(field(&granting(&leaf, WHOLE_BP, 4_704)), Some("applied_factor_bp"));
    assert_eq!(field(&granting(&leaf, 2_000, 2_000)), None);
    let raised = v1::MarginLeaf { treasury_requirement_cents: 53 + 1, ..granting(&leaf, WHOLE_BP, 4_705) };
    assert_eq!(field(&raised), Some("treasury_requirement_cents"));
}

#[test]
fn every_figure_that_does_not_follow_is_named() {
    type Change = fn(&mut v1::MarginLeaf);
    let good = leaf_of("L1", [100_000_000, 50_000_000, 60_000_000], [80_000_000, 70_000_000, 90_000_000]);
    assert_eq!(check(&good, &BOUNDS, requirement_cents), Ok(()));
    let changes: [(&str, Change); 16] = [
        ("terms", |leaf| leaf.terms = Bytes::new()),
        ("treasury_positions", |leaf| leaf.treasury_positions = Bytes::from_static(&[0; 31])),
        ("futures_positions", |leaf| leaf.futures_positions = Bytes::from_static(&[0; 33])),
        ("market", |leaf| leaf.market = Bytes::new()),
        ("mode", |leaf| leaf.mode = 9),
        ("treasury_house", |leaf| leaf.treasury_house = None),
        ("futures_house", |leaf| leaf.futures_house.as_mut().unwrap().factor_bp += 1),
        ("futures_house", |leaf| leaf.futures_house.as_mut().unwrap().combined_e8 = 150_000_001),
        ("applied_factor_bp", |leaf| leaf.applied_factor_bp += 1),
        ("applied_factor_bp", |leaf| leaf.override_bp = leaf.applied_factor_bp - 1),
        ("override_bp", |leaf| leaf.override_bp = 10_001),
        ("treasury_standalone_cents", |leaf| leaf.treasury_standalone_cents -= 1),
        ("futures_requirement_cents", |leaf| leaf.futures_requirement_cents -= 1),
        ("shortfall_cents", |leaf| leaf.shortfall_cents += 1),
        ("futures_charges_cents", |leaf| leaf.futures_charges_cents = -1),
        ("treasury_house", |leaf| leaf.treasury_house.as_mut().unwrap().treasury_alone_e8 = -1),
    ];
    for (field, change) in changes {
        let mut leaf = good.clone();
        change(&mut leaf);
        assert_eq!(check(&leaf, &BOUNDS, requirement_cents).unwrap_err().field, field);
    }
}

proptest! {
    #[test]
    fn what_follows_from_any_margins_passes_the_check_and_never_favours_the_member(
        legs in prop::array::uniform4(0..1_000_000_000_000_000_i64),
        offsets in prop::array::uniform2(0..=10_000_i128),
    ) {
        let combined = |a: i64, b: i64, offset: i128| {
            i64::try_from((i128::from(a) + i128::from(b)) * offset / 10_000).unwrap()
        };
        let leaf = leaf_of(
            "L1",
            [legs[0], legs[1], combined(legs[0], legs[1], offsets[0])],
            [legs[2], legs[3], combined(legs[2], legs[3], offsets[1])],
        );
        prop_assert_eq!(check(&leaf, &BOUNDS, requirement_cents), Ok(()));
        let charged = i128::from(10_000 - leaf.applied_factor_bp);
        prop_assert!(
            i128::from(leaf.treasury_requirement_cents) * 10_000 * E8_PER_CENT >= i128::from(legs[0]) * charged
        );
        prop_assert!(leaf.futures_requirement_cents <= leaf.futures_standalone_cents);
    }

    #[test]
    fn the_applied_factor_is_never_above_either_houses_own_an_override_or_the_bounds(
        treasury in model_figures(),
        futures in model_figures(),
        override_bp in 0..=WHOLE_BP,
        [min_bp, max_bp] in prop::array::uniform2(0..=WHOLE_BP).prop_map(|[one, two]| [one.min(two), one.max(two)]),
        closes_shortfall: bool,
        pick: prop::sample::Index,
        any_bp in 0..=WHOLE_BP,
    ) {
        let bounds = FactorBounds { max_bp, min_bp, closes_shortfall };
        let own = [treasury, futures].map(|[treasury, futures, combined]| {
            // The factor in whole numbers, without the code under test: 0 of nothing, else truncated to the basis
            // point.
            let sum = i128::from(treasury) + i128::from(futures);
            u32::try_from((sum - i128::from(combined)) * 10_000 / sum.max(1)).unwrap()
        });
        // Whatever a house may like to see applied; the check lets one of them through.
        let applied_bp = *pick.get(&[own[0], own[1], override_bp, max_bp, 0, any_bp]);
        let leaf = granting(&leaf_of("L1", treasury, futures), override_bp, applied_bp);
        if check(&leaf, &bounds, requirement_cents).is_ok() {
            prop_assert!(own.iter().chain([&override_bp, &max_bp]).all(|most| applied_bp <= *most));
            prop_assert!(applied_bp == 0 || applied_bp >= min_bp);
        }
        let bounds = FactorBounds { closes_shortfall: false, ..bounds };
        let leaf = granting(&leaf, override_bp, applied_factor_bp(own, override_bp, &bounds));
        prop_assert_eq!(check(&leaf, &bounds, requirement_cents), Ok(()), "one factor always follows, if only 0");
    }

    #[test]
    fn where_nothing_is_held_at_either_house_no_factor_follows_but_0(combined in 0_i64.., applied_bp in 1..=WHOLE_BP) {
        prop_assert_eq!(factor_bp(0, 0, combined), 0);
        let bounds = FactorBounds { min_bp: 0, ..BOUNDS };
        let leaf = leaf_of("L1", [0, 0, 0], [0, 0, 0]);
        prop_assert_eq!(check(&leaf, &bounds, requirement_cents), Ok(()));
        let error = check(&granting(&leaf, WHOLE_BP, applied_bp), &bounds, requirement_cents).unwrap_err();
        prop_assert_eq!(error.field, "applied_factor_bp");
    }
}

/// A model's margins: the Treasury leg alone, the futures leg alone, and both, which are at most the sum. Small legs
/// let factors meet bounds and each other.
fn model_figures() -> impl Strategy<Value = [i64; 3]> {
    let leg = || prop_oneof![0..=3_i64, 0..=20_000_i64, 0..=1_000_000_000_000_000_i64];
    (leg(), leg(), 0..=10_000_i128).prop_map(|(treasury, futures, share)| {
        let combined = (i128::from(treasury) + i128::from(futures)) * share / 10_000;
        [treasury, futures, i64::try_from(combined).unwrap()]
    })
}
