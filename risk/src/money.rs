//! Money: US dollars in exact hundred-millionths.

use std::{fmt, iter::Sum, str::FromStr};

use rust_decimal::Decimal;

/// An amount of US dollars, exact to 1e-8 USD. Positive is what an account must hold or has gained.
///
/// Inside it is an integer, so that sums of any length stay exact; [`Usd::to_decimal`] leads to the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i128);

/// Why a text or a number is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// Not an amount of dollars.
    #[error("{0:?} is not an amount in USD: digits with at most eight decimals, such as 1843739.15, are needed")]
    Form(String),
    /// More digits than a decimal holds.
    #[error("{0} USD has more than the 28 digits that a decimal holds")]
    TooLarge(Usd),
}

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// One dollar in units of the kernel.
    pub const UNITS_PER_DOLLAR: i128 = 100_000_000;
    const UNITS_PER_CENT: i128 = Self::UNITS_PER_DOLLAR / 100;

    /// An amount given in 1e-8 USD.
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// An amount given in cents.
    #[must_use]
    pub const fn from_cents(cents: i64) -> Self {
        // Widening; `From` is not const.
        Self(cents as i128 * Self::UNITS_PER_CENT)
    }

    /// The amount in 1e-8 USD.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The next whole cent at or above the amount: a requirement never rounds in the member's favour.
    #[must_use]
    pub const fn ceil_to_cent(self) -> Self {
        let below = self.0.rem_euclid(Self::UNITS_PER_CENT);
        Self(if below == 0 { self.0 } else { self.0.saturating_add(Self::UNITS_PER_CENT - below) })
    }

    /// The sum, `None` past 128 bits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// The difference, `None` past 128 bits.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// The sum of many amounts, `None` past 128 bits.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The difference, or the end of the range where it would leave it. Amounts of money are far from both ends: the
    /// largest is above 1e30 USD.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, or the end of the range where it would leave it.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The amount as a decimal with two to eight places.
    ///
    /// # Errors
    /// Past 28 digits, that is 1e20 USD.
    pub fn to_decimal(self) -> Result<Decimal, UsdError> {
        let decimal = Decimal::try_from_i128_with_scale(self.0, 8).map_err(|_| UsdError::TooLarge(self))?;
        let mut decimal = decimal.normalize();
        if decimal.scale() < 2 {
            decimal.rescale(2);
        }
        Ok(decimal)
    }
}

impl Sum for Usd {
    /// The sum, which ends at the range's end: see [`Usd::saturating_add`].
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Usd {
    /// Plain digits with two decimals, and up to eight where they are not zero: `1843739.15`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let scale = Self::UNITS_PER_DOLLAR.unsigned_abs();
        let mut digits = format!("{}.{:08}", magnitude / scale, magnitude % scale);
        let places = digits.len() - 6;
        let kept = digits.trim_end_matches('0').len().max(places);
        digits.truncate(kept);
        f.pad_integral(self.0 >= 0, "", &digits)
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || UsdError::Form(text.to_owned());
        let units = crate::decimal::parse_scaled(text, 8).ok_or_else(form)?;
        Ok(Self(units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_requirement_rounds_up_to_the_cent() {
        for (units, cents) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (-1, 0), (-1_000_001, -1)] {
            assert_eq!(Usd::from_units(units).ceil_to_cent(), Usd::from_cents(cents), "{units}");
        }
    }

    #[test]
    fn an_amount_prints_its_cents_and_no_more_than_it_has() {
        for (units, text) in [
            (0, "0.00"),
            (184_373_915_000_000, "1843739.15"),
            (-5, "-0.00000005"),
            (100_000_000, "1.00"),
            (10_000_000, "0.10"),
            (123_456_789, "1.23456789"),
        ] {
            assert_eq!(Usd::from_units(units).to_string(), text);
            assert_eq!(Usd::from_units(units).to_decimal().unwrap().to_string(), text);
        }
        assert_eq!(format!("{:>12}", Usd::from_cents(150)), "        1.50");
    }

    #[test]
    fn a_malformed_amount_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1,000",
            "1e3",
            "+1",
            "0x1",
            "1.123456789",
            " 1",
            "99999999999999999999999999999999999999999",
        ] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sum_past_the_range_is_noticed() {
        assert_eq!(Usd::from_units(i128::MAX).checked_add(Usd::from_units(1)), None);
        assert!(matches!(Usd::from_units(i128::MAX).to_decimal(), Err(UsdError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_printed(units in -(1i128 << 90)..(1i128 << 90)) {
            let amount = Usd::from_units(units);
            prop_assert_eq!(amount.to_string().parse::<Usd>().unwrap(), amount);
        }
    }
}
