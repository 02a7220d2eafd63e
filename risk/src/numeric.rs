//! The few numeric helpers that pricing shares: every operation is one that IEEE 754 fixes, in a fixed order.

/// The largest magnitude that [`round_to_i64`] accepts: 2^51, where the spacing of doubles is still a half.
const ROUNDING_LIMIT: f64 = 2_251_799_813_685_248.0;

/// 1.5 x 2^52: adding it leaves no bits for a fraction, so the addition itself rounds to the nearest even integer.
const ROUNDING_SHIFT: f64 = 6_755_399_441_055_744.0;

/// The nearest integer, ties to the even one; `None` beyond ±2^51, infinite or not a number.
///
/// Rounding is odd-symmetric: the negative rounds to the negative.
pub(crate) fn round_to_i64(value: f64) -> Option<i64> {
    // What is not a number fails the comparison too.
    if value.abs() < ROUNDING_LIMIT {
        let shifted = value + ROUNDING_SHIFT;
        // Doubles between 2^52 and 2^53 are consecutive integers, and so are their bit patterns.
        Some(shifted.to_bits().cast_signed() - ROUNDING_SHIFT.to_bits().cast_signed())
    } else {
        None
    }
}

/// The straight line through two points, each a place and a value there, at a place. The places differ.
pub(crate) fn interpolated(low: (f64, f64), high: (f64, f64), at: f64) -> f64 {
    let weight = (at - low.0) / (high.0 - low.0);
    low.1 + (high.1 - low.1) * weight
}

/// The nearest integer, ties to the even one, over the whole range of 64 bits; `None` beyond it, infinite or not a number.
/// From 2^52 on a double is an integer already.
pub(crate) fn round_wide(value: f64) -> Option<i64> {
    const RANGE: f64 = 9_223_372_036_854_775_808.0;
    match round_to_i64(value) {
        None if value.abs() < RANGE =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "the rounded value lies inside the range")]
            Some(value.round_ties_even() as i64)
        }
        rounded => rounded,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounding_is_to_nearest_with_ties_to_even() {
        for (value, expected) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (2.4, 2), (-2.6, -3)] {
            assert_eq!(round_to_i64(value), Some(expected), "{value}");
        }
        for value in [f64::NAN, f64::INFINITY, ROUNDING_LIMIT, -ROUNDING_LIMIT] {
            assert_eq!(round_to_i64(value), None);
        }
        for (value, expected) in [(2.5, 2), (ROUNDING_LIMIT + 0.5, 1 << 51), (-9.2e18, -9_200_000_000_000_000_000)] {
            assert_eq!(round_wide(value), Some(expected), "{value}");
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9.3e18, -9.3e18] {
            assert_eq!(round_wide(value), None);
        }
    }

    proptest! {
        #[test]
        fn rounding_agrees_with_the_standard_library(value in -2e15_f64..2e15) {
            prop_assert_eq!(round_to_i64(value).map(|i| i as f64), Some(value.round_ties_even()));
        }
    }
}
