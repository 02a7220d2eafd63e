//! The margin reduction factor: what share of the stand-alone margin two hedged legs save.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Usd;

/// A share in whole basis points, 0 to 10,000. A computed factor is truncated: never in the member's favour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Factor(u16);

/// More than 10,000 basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} basis points is more than the whole: a factor lies between 0 and 10000")]
pub struct FactorError(u16);

/// Within which limits the arrangement grants a reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorBounds {
    /// No reduction is larger.
    pub largest: Factor,
    /// A smaller one is not granted at all.
    pub smallest: Factor,
}

impl Factor {
    /// No reduction.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const ONE: Self = Self(Self::WHOLE);
    const WHOLE: u16 = 10_000;

    /// A factor of whole basis points.
    ///
    /// # Errors
    /// More than 10,000.
    pub const fn from_basis_points(basis_points: u16) -> Result<Self, FactorError> {
        if basis_points <= Self::WHOLE { Ok(Self(basis_points)) } else { Err(FactorError(basis_points)) }
    }

    /// The factor in basis points.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// `1 - combined / (first + second)`, truncated to the basis point, in integers throughout.
    ///
    /// Zero where the stand-alone margins sum to nothing or to less, or where the combined margin is not below them;
    /// the whole where the combined margin is not above zero.
    #[must_use]
    pub fn of_reduction(combined: Usd, first: Usd, second: Usd) -> Self {
        let alone = first.saturating_add(second);
        if alone <= Usd::ZERO || combined >= alone {
            return Self::ZERO;
        }
        let saved = alone.saturating_sub(combined.max(Usd::ZERO));
        Self(share_in_basis_points(saved.units().unsigned_abs(), alone.units().unsigned_abs()))
    }

    /// The lesser of the two houses' factors, at most the largest and at least the smallest that the bounds grant;
    /// zero where it stays below the smallest.
    #[must_use]
    pub fn applied(first: Self, second: Self, bounds: FactorBounds) -> Self {
        let lesser = first.min(second).min(bounds.largest);
        if lesser < bounds.smallest { Self::ZERO } else { lesser }
    }

    /// `(1 - factor) x alone`, rounded up to the cent.
    #[must_use]
    pub fn requirement(self, alone: Usd) -> Usd {
        let whole = i128::from(Self::WHOLE);
        let kept = whole - i128::from(self.0);
        // Quotient and remainder apart, so that no amount overflows in between.
        let (dollars, rest) = (alone.units().div_euclid(whole), alone.units().rem_euclid(whole));
        let units = dollars * kept + (rest * kept).div_euclid(whole) + i128::from((rest * kept).rem_euclid(whole) != 0);
        Usd::from_units(units).ceil_to_cent()
    }
}

impl FactorBounds {
    /// At most 80 % (published), nothing below 1 % (assumed).
    pub const DEFAULT: Self = Self { largest: Factor(8_000), smallest: Factor(100) };
}

impl Default for FactorBounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u16> for Factor {
    type Error = FactorError;

    fn try_from(basis_points: u16) -> Result<Self, Self::Error> {
        Self::from_basis_points(basis_points)
    }
}

impl From<Factor> for u16 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

impl fmt::Display for Factor {
    /// As a fraction of one with four decimals: `0.8000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:04}", self.0 / Self::WHOLE, self.0 % Self::WHOLE))
    }
}

/// `part / whole` in basis points, truncated; `part` is at most `whole`, which is not zero.
fn share_in_basis_points(part: u128, whole: u128) -> u16 {
    // The largest b with b x whole <= part x 10,000, without the product: both sides split by 10,000.
    let at_most = |basis_points: u16| {
        let (quotient, rest) = (whole / 10_000, whole % 10_000);
        let scaled = u128::from(basis_points) * quotient + (u128::from(basis_points) * rest) / 10_000;
        let remainder = (u128::from(basis_points) * rest) % 10_000;
        scaled < part || (scaled == part && remainder == 0)
    };
    let (mut low, mut high) = (0u16, Factor::WHOLE);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if at_most(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(cents: i64) -> Usd {
        Usd::from_cents(cents)
    }

    #[test]
    fn the_published_sample_is_exactly_eighty_per_cent() {
        // A published calculator sample: 343.24 million stand-alone, 68.65 million after the reduction of 80 %.
        let alone = usd(34_324_000_000);
        let factor = Factor::from_basis_points(8_000).unwrap();
        assert_eq!(factor.requirement(alone), usd(6_864_800_000));
    }

    #[test]
    fn a_factor_truncates_to_the_basis_point() {
        // One third and two thirds of a reduction.
        assert_eq!(Factor::of_reduction(usd(200), usd(100), usd(200)).basis_points(), 3_333);
        assert_eq!(Factor::of_reduction(usd(100), usd(100), usd(200)).basis_points(), 6_666);
        assert_eq!(Factor::of_reduction(Usd::from_units(1), Usd::from_units(10_000), Usd::ZERO).basis_points(), 9_999);
        assert_eq!(Factor::of_reduction(Usd::from_units(2), Usd::from_units(10_001), Usd::ZERO).basis_points(), 9_998);
    }

    #[test]
    fn there_is_no_factor_without_a_stand_alone_margin() {
        for (combined, first, second) in [(0, 0, 0), (-5, 0, 0), (0, -10, 5), (-10, -10, 5), (5, 0, 0)] {
            assert_eq!(Factor::of_reduction(usd(combined), usd(first), usd(second)), Factor::ZERO);
        }
    }

    #[test]
    fn the_lesser_factor_governs_within_the_bounds() {
        let of = |bp| Factor::from_basis_points(bp).unwrap();
        for (first, second, applied) in [
            (5_000, 6_000, 5_000),
            (6_000, 5_000, 5_000),
            (9_000, 9_500, 8_000),
            (99, 5_000, 0),
            (100, 5_000, 100),
            (0, 0, 0),
        ] {
            assert_eq!(Factor::applied(of(first), of(second), FactorBounds::DEFAULT), of(applied));
        }
    }

    #[test]
    fn a_factor_reads_as_a_fraction() {
        assert_eq!(Factor::from_basis_points(8_000).unwrap().to_string(), "0.8000");
        assert_eq!(Factor::ONE.to_string(), "1.0000");
        assert_eq!(Factor::from_basis_points(10_001), Err(FactorError(10_001)));
    }

    proptest! {
        #[test]
        fn a_factor_is_the_largest_basis_point_not_above_the_share(alone in 1u64.., combined in 0u64..) {
            prop_assume!(combined <= alone);
            let (alone, combined) = (i128::from(alone), i128::from(combined));
            let factor = Factor::of_reduction(Usd::from_units(combined), Usd::from_units(alone), Usd::ZERO);
            let expected = (alone - combined) * 10_000 / alone;
            prop_assert_eq!(i128::from(factor.basis_points()), expected);
        }

        #[test]
        fn a_requirement_is_the_least_cent_not_below_the_exact_amount(alone in 0i128..1i128 << 80, bp in 0u16..=10_000) {
            let requirement = Factor::from_basis_points(bp).unwrap().requirement(Usd::from_units(alone)).units();
            let exact = alone * i128::from(10_000 - bp);
            prop_assert!(requirement * 10_000 >= exact);
            prop_assert!((requirement - 1_000_000) * 10_000 < exact);
            prop_assert_eq!(requirement % 1_000_000, 0);
        }
    }
}
