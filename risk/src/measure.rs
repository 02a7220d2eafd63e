//! Risk measures of a tail: value at risk as an order statistic, expected shortfall as an exact mean.

use serde::{Deserialize, Serialize};

use crate::{kernel::Tail, money::Usd};

/// A confidence level in basis points: 9,900 is 99 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Confidence(u16);

/// Not a confidence level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} basis points is not a confidence level: 1 to 9999 are possible, 9900 is 99 %")]
pub struct ConfidenceError(u16);

impl Confidence {
    /// 99 %.
    pub const P99: Self = Self(9_900);

    /// A confidence level in basis points.
    ///
    /// # Errors
    /// 0, or 10,000 and more.
    pub const fn from_basis_points(basis_points: u16) -> Result<Self, ConfidenceError> {
        if basis_points > 0 && basis_points < 10_000 {
            Ok(Self(basis_points))
        } else {
            Err(ConfidenceError(basis_points))
        }
    }

    /// The level in basis points.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// `ceil((1 - a) N)`: which of the losses, ranked from the largest, is the value at risk. In integers: in floating
    /// point 1 % of 2,500 comes out above 25.
    #[must_use]
    pub fn tail_count(self, scenarios: usize) -> usize {
        let beyond = usize::from(10_000 - self.0);
        // Split so that no count of scenarios overflows.
        scenarios / 10_000 * beyond + (scenarios % 10_000 * beyond).div_ceil(10_000)
    }
}

impl TryFrom<u16> for Confidence {
    type Error = ConfidenceError;

    fn try_from(basis_points: u16) -> Result<Self, Self::Error> {
        Self::from_basis_points(basis_points)
    }
}

impl From<Confidence> for u16 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

/// Expected shortfall as the exact fraction `sum of losses / count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedShortfall {
    /// The sum of the worst losses; positive is a loss.
    pub losses: Usd,
    /// How many they are.
    pub count: usize,
}

impl ExpectedShortfall {
    /// The mean, rounded up to 1e-8 USD.
    #[must_use]
    pub fn mean(self) -> Usd {
        // A tail has at least one scenario.
        let count = i128::try_from(self.count.max(1)).unwrap_or(i128::MAX);
        let (quotient, rest) = (self.losses.units().div_euclid(count), self.losses.units().rem_euclid(count));
        Usd::from_units(quotient + i128::from(rest != 0))
    }

    /// Splits [`Self::mean`] over positions by their shares (Euler): each has the mean of its own losses in the tail
    /// scenarios, and all add up to the whole.
    ///
    /// `losses` are the sums of each position's losses over the tail. A share is rounded down to 1e-8 USD; the units that
    /// are then missing go, one each, to the positions with the largest remainders, of equal ones to the earlier. So the
    /// shares add up to the rounded mean, and none is off by a unit or more.
    ///
    /// `None` where the losses do not add up to the tail's.
    #[must_use]
    pub fn split(self, losses: &[Usd]) -> Option<Vec<Usd>> {
        if Usd::checked_sum(losses.iter().copied())? != self.losses {
            return None;
        }
        let count = i128::try_from(self.count.max(1)).ok()?;
        let mut shares: Vec<i128> = losses.iter().map(|loss| loss.units().div_euclid(count)).collect();
        let missing = self.mean().units() - shares.iter().sum::<i128>();
        let mut ranked: Vec<usize> = (0..losses.len()).collect();
        // A stable sort: of equal remainders the earlier position comes first.
        ranked.sort_by_key(|place| std::cmp::Reverse(losses[*place].units().rem_euclid(count)));
        for place in ranked.into_iter().take(usize::try_from(missing).ok()?) {
            shares[place] += 1;
        }
        Some(shares.into_iter().map(Usd::from_units).collect())
    }
}

/// The value at risk of a tail: its k-th worst loss, positive for a loss.
#[must_use]
pub fn value_at_risk(tail: &Tail) -> Usd {
    Usd::from_units(-tail.order_statistic)
}

/// The expected shortfall of a tail: the mean of its losses.
#[must_use]
pub fn expected_shortfall(tail: &Tail) -> ExpectedShortfall {
    ExpectedShortfall { losses: Usd::from_units(-tail.sum), count: tail.worst.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tail_count_is_the_ceiling_in_integers() {
        for (level, scenarios, count) in [
            (9_900, 2_500, 25),
            (9_900, 2_501, 26),
            (9_900, 1, 1),
            (9_750, 1_000, 25),
            (9_999, 2_500, 1),
            (9_950, 250, 2),
        ] {
            assert_eq!(
                Confidence::from_basis_points(level).unwrap().tail_count(scenarios),
                count,
                "{level} {scenarios}"
            );
        }
        // What the integers guard against.
        assert_eq!(((1.0 - 0.99) * 2_500.0_f64).ceil(), 26.0);
    }

    #[test]
    fn a_certain_or_impossible_confidence_is_refused() {
        assert_eq!(Confidence::from_basis_points(0), Err(ConfidenceError(0)));
        assert_eq!(Confidence::from_basis_points(10_000), Err(ConfidenceError(10_000)));
    }

    #[test]
    fn a_shortfall_rounds_against_the_member() {
        let shortfall = |losses, count| ExpectedShortfall { losses: Usd::from_units(losses), count }.mean().units();
        assert_eq!(shortfall(10, 4), 3);
        assert_eq!(shortfall(8, 4), 2);
        assert_eq!(shortfall(-10, 4), -2);
    }

    #[test]
    fn the_units_that_rounding_leaves_go_to_the_largest_remainders() {
        let split = |losses: &[i128], count| {
            let shortfall = ExpectedShortfall { losses: Usd::from_units(losses.iter().sum()), count };
            let losses: Vec<Usd> = losses.iter().copied().map(Usd::from_units).collect();
            shortfall.split(&losses).unwrap().into_iter().map(Usd::units).collect::<Vec<_>>()
        };
        // 10/4 rounds up to 3: 1.25 + 1.25 + 0 -> 2 + 1 + 0.
        assert_eq!(split(&[5, 5, 0], 4), [2, 1, 0]);
        // A hedge has a negative share: 11/4 + -2/4 = 9/4, up to 3.
        assert_eq!(split(&[11, -2], 4), [3, 0]);
        assert_eq!(split(&[8, -8], 4), [2, -2]);
        let shortfall = ExpectedShortfall { losses: Usd::from_units(10), count: 4 };
        assert_eq!(shortfall.split(&[Usd::from_units(9)]), None);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_none_is_off_by_a_unit(
            losses in prop::collection::vec(-1_000_000_i128..1_000_000, 1..20),
            count in 1_usize..100,
        ) {
            let shortfall = ExpectedShortfall { losses: Usd::from_units(losses.iter().sum()), count };
            let shares = shortfall.split(&losses.iter().copied().map(Usd::from_units).collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(shares.iter().copied().sum::<Usd>(), shortfall.mean());
            for (share, loss) in shares.iter().zip(&losses) {
                let off = share.units() * i128::try_from(count).unwrap() - loss;
                prop_assert!(off.abs() < i128::try_from(count).unwrap(), "{} of {}", share, loss);
            }
        }
    }
}
