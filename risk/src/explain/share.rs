//! Shares of an amount in proportion to weights, rounded so that they add up to it.

use std::cmp::Reverse;

use crate::money::Usd;

/// Shares of `total` in proportion to `weights`, in their order: each rounded down to 1e-8 USD, and the units that are
/// then missing given, one each, to the largest remainders, of equal ones to the earlier.
///
/// `None` unless `0 < total <= sum of weights`. Single weights may be of any sign and size.
pub(super) fn in_proportion(total: Usd, weights: &[Usd]) -> Option<Vec<Usd>> {
    let whole = Usd::checked_sum(weights.iter().copied())?;
    if total <= Usd::ZERO || total > whole {
        return None;
    }
    let (total, whole) = (total.units().unsigned_abs(), whole.units().unsigned_abs());
    let parts: Vec<(i128, u128)> =
        weights.iter().map(|weight| floor_of(total, weight.units(), whole)).collect::<Option<_>>()?;
    let mut shares: Vec<i128> = parts.iter().map(|(share, _)| *share).collect();
    let given = shares.iter().try_fold(0_i128, |sum, share| sum.checked_add(*share))?;
    let missing = i128::try_from(total).ok()?.checked_sub(given)?;
    let mut ranked: Vec<usize> = (0..parts.len()).collect();
    // A stable sort: of equal remainders the earlier comes first.
    ranked.sort_by_key(|place| Reverse(parts[*place].1));
    for place in ranked.into_iter().take(usize::try_from(missing).ok()?) {
        shares[place] += 1;
    }
    Some(shares.into_iter().map(Usd::from_units).collect())
}

/// `total x weight / whole` rounded down, and the remainder in units of `1 / whole`.
fn floor_of(total: u128, weight: i128, whole: u128) -> Option<(i128, u128)> {
    let (quotient, rest) = multiply_divide(total, weight.unsigned_abs(), whole);
    let quotient = i128::try_from(quotient).ok()?;
    Some(match (weight < 0, rest) {
        (false, rest) => (quotient, rest),
        (true, 0) => (-quotient, 0),
        (true, rest) => (-quotient - 1, whole - rest),
    })
}

/// Quotient and rest of `total x weight / whole` for `total <= whole < 2^127`, bit by bit: the product has up to 254
/// bits.
fn multiply_divide(total: u128, weight: u128, whole: u128) -> (u128, u128) {
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for bit in (0..u128::BITS).rev() {
        // The quotient stays at or below the bits of the weight so far: nothing overflows.
        (quotient, rest) = (quotient * 2, rest * 2);
        if rest >= whole {
            (quotient, rest) = (quotient + 1, rest - whole);
        }
        if weight >> bit & 1 == 1 {
            rest += total;
            if rest >= whole {
                (quotient, rest) = (quotient + 1, rest - whole);
            }
        }
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(total: i128, weights: &[i128]) -> Option<Vec<i128>> {
        let weights: Vec<Usd> = weights.iter().copied().map(Usd::from_units).collect();
        Some(in_proportion(Usd::from_units(total), &weights)?.into_iter().map(Usd::units).collect())
    }

    #[test]
    fn missing_units_go_to_the_largest_remainders_and_among_equals_to_the_earlier() {
        // 10 x (1, 1, 2) / 4 = 2.5, 2.5, 5.
        assert_eq!(split(4, &[1, 1, 2]), Some(vec![1, 1, 2]));
        assert_eq!(split(2, &[1, 1, 1]), Some(vec![1, 1, 0]));
        // 3 x (9, -2) / 7 = 3.86, -0.86.
        assert_eq!(split(3, &[9, -2]), Some(vec![4, -1]));
    }

    #[test]
    fn there_are_no_shares_of_nothing_or_of_more_than_the_whole() {
        for (total, weights) in [(0, &[1][..]), (-1, &[1]), (2, &[1]), (1, &[]), (1, &[2, -2]), (1, &[i128::MAX, 1])] {
            assert_eq!(split(total, weights), None, "{total} {weights:?}");
        }
    }

    #[test]
    fn a_product_beyond_128_bits_is_exact() {
        let large = 1_u128 << 120;
        assert_eq!(multiply_divide(large - 1, large, large), (large - 1, 0));
        assert_eq!(multiply_divide(large, 12_345, large), (12_345, 0));
        // (2^120 - 1) (2^119 + 1) = 2^120 2^119 + 2^120 - 2^119 - 1 = 2^120 x 2^119 + 2^119 - 1.
        assert_eq!(multiply_divide(large - 1, (1 << 119) + 1, large), (1 << 119, (1 << 119) - 1));
    }

    proptest! {
        #[test]
        fn a_product_within_128_bits_is_divided_as_usual(total in 0_u64.., weight: u64, whole in 1_u64..) {
            prop_assume!(total <= whole);
            let [total, weight, whole] = [total, weight, whole].map(u128::from);
            let product = total * weight;
            prop_assert_eq!(multiply_divide(total, weight, whole), (product / whole, product % whole));
        }
    }
}
