//! The leaf of a claim: all figures of one link, and what must hold between them.

use crossmargin::v1;
use prost::{Message, bytes::Bytes};

use super::digest::Digest;

/// Basis points of the whole.
const WHOLE_BP: u32 = 10_000;
/// Hundred-millionths of a US dollar in a cent.
const E8_PER_CENT: i128 = 1_000_000;

/// The bounds within which a reduction is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactorBounds {
    /// The most that is granted, in basis points.
    pub max_bp: u32,
    /// Below this nothing is granted, in basis points.
    pub min_bp: u32,
    /// Whether requirements are raised until they cover the larger combined margin.
    pub closes_shortfall: bool,
}

/// What is wrong with a leaf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leaf of link {link:?}: {field}: {reason}")]
pub struct LeafError {
    /// The link as the leaf names it.
    pub link: String,
    /// The field.
    pub field: &'static str,
    /// What is wrong and what is needed.
    pub reason: String,
}

/// The bytes of a leaf: its fields in ascending order, defaults left out. These bytes are what the tree hashes.
#[must_use]
pub fn encode(leaf: &v1::MarginLeaf) -> Bytes {
    leaf.encode_to_vec().into()
}

/// Digest of a leg's positions: for each, ascending by instrument, the BLAKE3 of the instrument's name and its quantity.
/// The name stands in it by digest, because names have no fixed length.
#[must_use]
pub fn positions_digest(positions: impl IntoIterator<Item = (Digest, i64)>) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 positions of a leg");
    for (name, quantity) in positions {
        hasher.update(name.as_bytes());
        hasher.update(&quantity.to_le_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}

/// The lesser of both models' factors within the bounds, in basis points.
///
/// "The smaller reduction governs, and that percentage applies at both houses", at most the maximum, and nothing below
/// the minimum.
#[must_use]
pub fn applied_factor_bp(factors_bp: [u32; 2], bounds: &FactorBounds) -> u32 {
    let lesser = factors_bp[0].min(factors_bp[1]).min(bounds.max_bp);
    if lesser < bounds.min_bp { 0 } else { lesser }
}

/// A model's margin reduction factor `1 - combined / (treasury + futures)` in basis points, truncated; 0 where the
/// denominator is 0. All amounts in 1e-8 USD, not negative, the combined one at most the sum.
#[must_use]
pub fn factor_bp(treasury_alone_e8: i64, futures_alone_e8: i64, combined_e8: i64) -> u32 {
    let sum = i128::from(treasury_alone_e8) + i128::from(futures_alone_e8);
    if sum <= 0 {
        return 0;
    }
    let reduction = (sum - i128::from(combined_e8)) * i128::from(WHOLE_BP) / sum;
    u32::try_from(reduction.clamp(0, i128::from(WHOLE_BP))).unwrap_or_default()
}

/// What a house requires: its stand-alone margin in 1e-8 USD less the factor, rounded up to the cent. In US cents.
///
/// `None` for a negative margin or a factor above the whole.
#[must_use]
pub fn requirement_cents(standalone_e8: i64, factor_bp: u32) -> Option<i64> {
    let charged_bp = i128::from(WHOLE_BP.checked_sub(factor_bp)?);
    if standalone_e8 < 0 {
        return None;
    }
    let divisor = i128::from(WHOLE_BP) * E8_PER_CENT;
    let cents = (i128::from(standalone_e8) * charged_bp + divisor - 1) / divisor;
    i64::try_from(cents).ok()
}

/// Checks that a leaf follows from its own figures: factors from margins, the applied factor from factors and bounds,
/// requirements and shortfall from the applied factor. `requirement` is the rule of [`requirement_cents`].
///
/// # Errors
/// Names the first field that does not follow.
pub fn check(
    leaf: &v1::MarginLeaf,
    bounds: &FactorBounds,
    requirement: impl Fn(i64, u32) -> Option<i64>,
) -> Result<(), LeafError> {
    let wrong = |field, reason: String| Err(LeafError { link: leaf.link_id.clone(), field, reason });
    for (field, digest) in [
        ("terms", &leaf.terms),
        ("treasury_positions", &leaf.treasury_positions),
        ("futures_positions", &leaf.futures_positions),
        ("market", &leaf.market),
    ] {
        if let Err(error) = Digest::try_from(&digest[..]) {
            return wrong(field, error.to_string());
        }
    }
    if leaf.mode() == v1::LinkMode::Unspecified {
        return wrong("mode", "is not given or not known here".to_owned());
    }
    let Some(treasury) = &leaf.treasury_house else { return wrong("treasury_house", "is missing".to_owned()) };
    let Some(futures) = &leaf.futures_house else { return wrong("futures_house", "is missing".to_owned()) };
    for (field, model) in [("treasury_house", treasury), ("futures_house", futures)] {
        if let Err(reason) = check_model(model) {
            return wrong(field, reason);
        }
    }
    let most = applied_factor_bp([treasury.factor_bp, futures.factor_bp], bounds);
    // Below the lesser factor is allowed: a house may grant less, never more.
    if leaf.applied_factor_bp > most {
        return wrong("applied_factor_bp", format!("is {}, at most {most} follows", leaf.applied_factor_bp));
    }
    let margins = [treasury.treasury_alone_e8, futures.futures_alone_e8];
    let standalone = [leaf.treasury_standalone_cents, leaf.futures_standalone_cents];
    let required = [leaf.treasury_requirement_cents, leaf.futures_requirement_cents];
    let fields = [
        ("treasury_standalone_cents", "treasury_requirement_cents"),
        ("futures_standalone_cents", "futures_requirement_cents"),
    ];
    for side in 0..2 {
        let (standalone_field, requirement_field) = fields[side];
        let (Some(alone), Some(least)) =
            (requirement(margins[side], 0), requirement(margins[side], leaf.applied_factor_bp))
        else {
            return wrong(standalone_field, "the margin is out of range".to_owned());
        };
        if standalone[side] != alone {
            return wrong(standalone_field, format!("is {}, {alone} follows", standalone[side]));
        }
        let follows =
            if bounds.closes_shortfall { (least..=alone).contains(&required[side]) } else { required[side] == least };
        if !follows {
            return wrong(requirement_field, format!("is {}, {least} follows", required[side]));
        }
    }
    for (field, charges) in
        [("treasury_charges_cents", leaf.treasury_charges_cents), ("futures_charges_cents", leaf.futures_charges_cents)]
    {
        if charges < 0 {
            return wrong(field, format!("is {charges}: a charge is never below 0"));
        }
    }
    let larger_e8 = i128::from(treasury.combined_e8.max(futures.combined_e8));
    let larger_cents = (larger_e8 + E8_PER_CENT - 1) / E8_PER_CENT;
    let shortfall = (larger_cents - i128::from(required[0]) - i128::from(required[1])).max(0);
    if i128::from(leaf.shortfall_cents) != shortfall {
        return wrong("shortfall_cents", format!("is {}, {shortfall} follows", leaf.shortfall_cents));
    }
    Ok(())
}

fn check_model(model: &v1::ModelFigures) -> Result<(), String> {
    let (treasury, futures, combined) = (model.treasury_alone_e8, model.futures_alone_e8, model.combined_e8);
    if treasury < 0 || futures < 0 || combined < 0 {
        return Err("a margin is negative".to_owned());
    }
    if i128::from(combined) > i128::from(treasury) + i128::from(futures) {
        return Err(format!("combined_e8 {combined} is above the sum of both legs alone"));
    }
    let follows = factor_bp(treasury, futures, combined);
    if model.factor_bp != follows {
        return Err(format!("factor_bp is {}, {follows} follows", model.factor_bp));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
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
        let applied = applied_factor_bp([models[0].factor_bp, models[1].factor_bp], &BOUNDS);
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
        assert_eq!(applied_factor_bp([5_000, 3_000], &BOUNDS), 3_000);
        assert_eq!(applied_factor_bp([9_900, 9_000], &BOUNDS), 8_000);
        assert_eq!(applied_factor_bp([99, 9_000], &BOUNDS), 0);
        assert_eq!(applied_factor_bp([100, 9_000], &BOUNDS), 100);
    }

    #[test]
    fn every_figure_that_does_not_follow_is_named() {
        type Change = fn(&mut v1::MarginLeaf);
        let good = leaf_of("L1", [100_000_000, 50_000_000, 60_000_000], [80_000_000, 70_000_000, 90_000_000]);
        assert_eq!(check(&good, &BOUNDS, requirement_cents), Ok(()));
        let changes: [(&str, Change); 14] = [
            ("terms", |leaf| leaf.terms = Bytes::new()),
            ("treasury_positions", |leaf| leaf.treasury_positions = Bytes::from_static(&[0; 31])),
            ("futures_positions", |leaf| leaf.futures_positions = Bytes::from_static(&[0; 33])),
            ("market", |leaf| leaf.market = Bytes::new()),
            ("mode", |leaf| leaf.mode = 9),
            ("treasury_house", |leaf| leaf.treasury_house = None),
            ("futures_house", |leaf| leaf.futures_house.as_mut().unwrap().factor_bp += 1),
            ("futures_house", |leaf| leaf.futures_house.as_mut().unwrap().combined_e8 = 150_000_001),
            ("applied_factor_bp", |leaf| leaf.applied_factor_bp += 1),
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
    }
}
