//! The leaf of a claim: all figures of one link, and what must hold between them.

use crossmargin::v1;
use prost::{Message, bytes::Bytes};
use risk::factor::Factor;

use super::digest::Digest;

/// Basis points of the whole.
pub const WHOLE_BP: u32 = 10_000;
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

/// The lesser of both models' factors within the bounds and the houses' overrides, in basis points.
///
/// "The smaller reduction governs, and that percentage applies at both houses", at most the maximum, at most what the
/// houses' overrides let be granted (10,000 without one), and nothing below the minimum.
#[must_use]
pub fn applied_factor_bp(factors_bp: [u32; 2], override_bp: u32, bounds: &FactorBounds) -> u32 {
    let lesser = factors_bp[0].min(factors_bp[1]).min(override_bp).min(bounds.max_bp);
    if lesser < bounds.min_bp { 0 } else { lesser }
}

/// What the houses' overrides let be granted, as a factor. No override is above the whole; one that were would grant
/// nothing.
#[must_use]
pub fn override_factor(override_bp: u32) -> Factor {
    u16::try_from(override_bp).ok().and_then(|bp| Factor::from_basis_points(bp).ok()).unwrap_or(Factor::ZERO)
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

/// Checks that a leaf follows from its own figures: factors from margins, the applied factor from factors, override and
/// bounds, requirements and shortfall from the applied factor. `requirement` is the rule of [`requirement_cents`].
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
    if leaf.override_bp > WHOLE_BP {
        return wrong("override_bp", format!("is {}, at most {WHOLE_BP} is the whole", leaf.override_bp));
    }
    let factors = governing_factors(treasury, futures, bounds);
    let follows = applied_factor_bp(factors, leaf.override_bp, bounds);
    if leaf.applied_factor_bp != follows {
        return wrong("applied_factor_bp", format!("is {}, {follows} follows", leaf.applied_factor_bp));
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
        let (Some(alone), Some(follows)) =
            (requirement(margins[side], 0), requirement(margins[side], leaf.applied_factor_bp))
        else {
            return wrong(standalone_field, "the margin is out of range".to_owned());
        };
        if standalone[side] != alone {
            return wrong(standalone_field, format!("is {}, {alone} follows", standalone[side]));
        }
        if required[side] != follows {
            return wrong(requirement_field, format!("is {}, {follows} follows", required[side]));
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

/// Both models' factors. Where requirements must cover the larger combined margin, neither is above the factor at which
/// both requirements together do.
fn governing_factors(treasury: &v1::ModelFigures, futures: &v1::ModelFigures, bounds: &FactorBounds) -> [u32; 2] {
    let factors = [treasury.factor_bp, futures.factor_bp];
    if !bounds.closes_shortfall {
        return factors;
    }
    let larger = treasury.combined_e8.max(futures.combined_e8);
    let covering = factor_bp(treasury.treasury_alone_e8, futures.futures_alone_e8, larger);
    factors.map(|factor| factor.min(covering))
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
pub(crate) mod tests;
