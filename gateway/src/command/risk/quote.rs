//! Dates and numbers as the calculators take them, on the command line and in files alike.

use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    instrument::{ContractMonth, Cusip},
    treasury::YIELD_RANGE_PERCENT,
};

use crate::arrangement::cycle_id::iso_date;

/// A date, `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Result<Date, String> {
    iso_date(text).ok_or_else(|| format!("{text:?} is not a date: YYYY-MM-DD is needed"))
}

/// A delivery month: `YYYY-MM`, or its first day.
pub(super) fn month(text: &str) -> Result<ContractMonth, String> {
    let month = text.strip_suffix("-01").filter(|rest| rest.len() == 7).unwrap_or(text);
    let wrong = |_| format!("{text:?} is not a delivery month: YYYY-MM or its first day, YYYY-MM-01, is needed");
    month.parse().map_err(wrong)
}

/// A CUSIP with its check digit, or the eight characters before it, as given.
pub(super) fn cusip(text: &str) -> Result<String, String> {
    let is_short = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if !is_short {
        text.parse::<Cusip>().map_err(|error| error.to_string())?;
    }
    Ok(text.to_owned())
}

/// A number, as printed by any program: digits with an optional sign, decimal point and exponent.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let parsed = text.parse().ok().filter(|number: &f64| is_plain && number.is_finite());
    parsed.ok_or_else(|| format!("{text:?} is not a number: digits with an optional sign and decimal point are needed"))
}

/// A yield in per cent, between the bounds within which prices exist.
pub(super) fn yield_percent(text: &str) -> Result<f64, String> {
    let (low, high) = YIELD_RANGE_PERCENT;
    let given = number(text)?;
    if (low..=high).contains(&given) { Ok(given) } else { Err(format!("{text} is outside {low} to {high} per cent")) }
}

/// A price above zero: a decimal, or points and 32nds such as `126-18.5` or `100-23+`, the sign being half a 32nd.
///
/// A third digit without a point is refused: futures count quarters of a 32nd with it and cash Treasuries eighths.
pub(super) fn price(text: &str) -> Result<f64, String> {
    let price = match text.split_once('-') {
        Some((points, ticks)) if !points.is_empty() && points.bytes().all(|byte| byte.is_ascii_digit()) => {
            number(points)? + thirty_seconds(ticks).ok_or_else(|| wrong_ticks(text))? / 32.0
        }
        _ => number(text)?,
    };
    if price > 0.0 { Ok(price) } else { Err(format!("{text} is not a price: it must be above zero")) }
}

/// `23`, `18.5` or `23+`, below 32.
fn thirty_seconds(text: &str) -> Option<f64> {
    let (digits, half) = text.strip_suffix('+').map_or((text, 0.0), |rest| (rest, 0.5));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_form = whole.len() <= 2 && are_digits(whole) && fraction.is_none_or(|part| half == 0.0 && are_digits(part));
    digits.parse::<f64>().ok().filter(|ticks| is_form && *ticks < 32.0).map(|ticks| ticks + half)
}

fn wrong_ticks(text: &str) -> String {
    format!(
        "{text:?} is not a price: after the dash 00 to 31 thirty-seconds are needed, with a fraction as in 126-18.5 or \
         + for a half; a third digit without a point means quarters to some and eighths to others"
    )
}

/// A coupon rate in per cent a year.
pub(super) fn coupon_percent(text: &str) -> Result<Fixed8, String> {
    text.parse().map_err(|error: risk::fixed::Fixed8Error| error.to_string())
}

/// The coupon of a note or bond, in per cent. None is below an eighth of a per cent (31 CFR 356.20), so what is below
/// is a fraction by mistake.
pub(super) fn issue_coupon(text: &str) -> Result<Fixed8, String> {
    let coupon = coupon_percent(text)?;
    if coupon.units() >= Fixed8::ONE / 8 {
        return Ok(coupon);
    }
    Err(format!("coupon {text} is below the lowest of a note or bond, 0.125: it is needed in per cent"))
}

/// A coupon rate given as a fraction, 0.02125 for 2.125 per cent, in per cent.
pub(super) fn coupon_fraction(text: &str) -> Result<Fixed8, String> {
    let fraction = coupon_percent(text)?;
    if (0..=Fixed8::ONE / 5).contains(&fraction.units()) {
        return Ok(Fixed8::from_units(fraction.units() * 100));
    }
    Err(format!("coupon {text} is outside 0 to 0.2: a fraction is needed, 0.02125 for 2.125 per cent"))
}

/// A conversion factor: above zero, with at most the four places that the exchange publishes.
pub(super) fn factor(text: &str) -> Result<Fixed8, String> {
    const FOURTH_PLACE: i64 = Fixed8::ONE / 10_000;
    let factor = coupon_percent(text)?;
    if factor.units() > 0 && factor.units() % FOURTH_PLACE == 0 {
        return Ok(factor);
    }
    Err(format!("{text} is not a conversion factor: a number above zero with at most four decimals is needed"))
}

/// A decimal with exactly so many places.
pub(super) fn places(number: Fixed8, places: usize) -> String {
    format!("{:.places$}", rust_decimal::Decimal::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_decimals_or_32nds() {
        for (text, value) in [
            ("99.057893", 99.057_893),
            ("100-23", 100.718_75),
            ("126-18.5", 126.578_125),
            ("100-23+", 100.734_375),
            ("99-00", 99.0),
            ("119-8.25", 119.257_812_5),
            ("1e2", 100.0),
        ] {
            assert_eq!(price(text), Ok(value), "{text}");
        }
        for text in
            ["", "100-235", "100-32", "100-", "100-23.", "100-2x", "100-18.5+", "-5", "0", "NaN", "inf", "1e999"]
        {
            assert!(price(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert_eq!(yield_percent("-0.55"), Ok(-0.55));
        assert_eq!(number("5e-05"), Ok(0.000_05));
        for text in ["", "nan", "infinity", "4,25", "4.25%", "0x4", "-180.1", "2001"] {
            assert!(yield_percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_and_months_have_one_form_each() {
        assert_eq!(month("2015-12"), month("2015-12-01"));
        for text in ["2015-12-02", "201512", "2015-13", "2015-1-01", "01-2015-01"] {
            assert!(month(text).is_err(), "{text}");
        }
        for text in ["2025-02-29", "2025-2-14", "02/14/2025", "2025-02-14T00:00", ""] {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_coupon_in_the_wrong_unit_is_noticed() {
        assert_eq!(coupon_fraction("0.02125"), coupon_percent("2.125"));
        assert!(coupon_fraction("2.125").unwrap_err().contains("0.02125 for 2.125 per cent"));
    }

    #[test]
    fn a_cusip_may_lack_its_check_digit_and_not_fail_it() {
        assert!(cusip("912828XG").is_ok() && cusip("91282CMK4").is_ok());
        assert!(cusip("91282CMK5").is_err() && cusip("912828xg").is_err());
    }
}
