//! Prices, coupons, yields and fixings as the market states them: decimal numbers, held exactly.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;

/// A decimal number with eight places, held exactly: prices per 100 of face or in index points, coupons, yields and
/// fixings in per cent.
///
/// Eight places hold every price on the grid of a 256th of a point (0.00390625) without rounding. The range is about
/// ±92 billion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed8(i64);

/// Why a text or a decimal is not a [`Fixed8`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fixed8Error {
    /// Not digits with an optional sign and an optional decimal point.
    #[error("{0:?} is not a decimal number: digits with an optional sign and decimal point are needed")]
    Form(String),
    /// More than eight digits after the point that are not zero.
    #[error("{0:?} has more than eight decimal places: round it where it is made")]
    Places(String),
    /// Outside the range of about ±92 billion.
    #[error("{0:?} is out of range: about ±92 billion")]
    Range(String),
}

impl Fixed8 {
    /// Units of 1e-8 in one.
    pub const ONE: i64 = 100_000_000;

    /// The number of `units` times 1e-8.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// The number in units of 1e-8.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// The nearest binary floating-point number.
    ///
    /// Below 2^53 units (about 90 million) the integer converts exactly and the one division rounds once, so every
    /// machine reaches the same double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e8
    }
}

impl FromStr for Fixed8 {
    type Err = Fixed8Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || Fixed8Error::Form(text.to_owned());
        let range = || Fixed8Error::Range(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(form());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 8 {
            return Err(Fixed8Error::Places(text.to_owned()));
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| range())? };
        let fraction: i64 = format!("{fraction:0<8}").parse().map_err(|_| form())?;
        let units = whole.checked_mul(Self::ONE).and_then(|units| units.checked_add(fraction)).ok_or_else(range)?;
        Ok(Self(if negative { -units } else { units }))
    }
}

impl fmt::Display for Fixed8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&Decimal::from(*self).normalize().to_string())
    }
}

impl From<Fixed8> for Decimal {
    fn from(number: Fixed8) -> Self {
        Self::new(number.0, 8)
    }
}

impl TryFrom<Decimal> for Fixed8 {
    type Error = Fixed8Error;

    fn try_from(decimal: Decimal) -> Result<Self, Self::Error> {
        decimal.to_string().parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_back_as_written() {
        for text in ["0", "4.625", "99.106414", "-0.5", "126.578125", "0.00390625", "92000000000"] {
            assert_eq!(text.parse::<Fixed8>().unwrap().to_string(), text);
        }
        assert_eq!("4.6250000000".parse::<Fixed8>().unwrap().units(), 462_500_000);
        assert_eq!(".5".parse::<Fixed8>().unwrap(), "0.50".parse().unwrap());
    }

    #[test]
    fn what_is_not_exactly_a_decimal_is_refused() {
        for text in ["", ".", "-", "1e3", "1,000", " 1", "NaN", "--1", "1.2.3"] {
            assert!(matches!(text.parse::<Fixed8>(), Err(Fixed8Error::Form(_))), "{text}");
        }
        assert!(matches!("0.000000001".parse::<Fixed8>(), Err(Fixed8Error::Places(_))));
        assert!(matches!("99999999999999".parse::<Fixed8>(), Err(Fixed8Error::Range(_))));
    }

    #[test]
    fn decimals_convert_both_ways() {
        let decimal: Decimal = "101.234375".parse().unwrap();
        let fixed = Fixed8::try_from(decimal).unwrap();
        assert_eq!(Decimal::from(fixed), decimal);
        assert_eq!(fixed.to_f64(), 101.234375);
    }
}
