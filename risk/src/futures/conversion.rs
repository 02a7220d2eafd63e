//! Conversion factors: the price per 1 of face at which an issue yields six per cent.

use jiff::civil::Date;

use crate::{fixed::Fixed8, instrument::ContractMonth, numeric::round_to_i64};

/// To what the remaining maturity is rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactorRounding {
    /// To whole quarters: the 10-year, Ultra 10-year, 20-year, bond and Ultra bond contracts.
    Quarter,
    /// To whole months: the 2-, 3- and 5-year contracts.
    Month,
}

/// Units of [`Fixed8`] in the fourth decimal place.
const FOURTH_PLACE: i64 = 10_000;

/// The conversion factor of an issue for a delivery month, to four places; `None` when the issue matures before the
/// month or its coupon is out of range.
///
/// Source: CME, Calculating U.S. Treasury Futures Conversion Factors (published):
/// `factor = a (c/2 + C + D) - b` with `c` the coupon rate as a fraction, `n` whole years and `z` months from the first
/// day of the delivery month to maturity, `v = z` if `z < 7`, else `3` (quarters) or `z - 6` (months),
/// `a = 1.03^(-v/6)`, `b = (c/2)(6 - v)/6`, `C = 1.03^(-2n)` if `z < 7`, else `1.03^(-2n - 1)`, `D = (c/0.06)(1 - C)`.
#[must_use]
pub fn conversion_factor(
    coupon_percent: Fixed8,
    maturity: Date,
    month: ContractMonth,
    rounding: FactorRounding,
) -> Option<Fixed8> {
    let first = month.first_day();
    let months = (i32::from(maturity.year()) - i32::from(first.year())) * 12 + i32::from(maturity.month())
        - i32::from(first.month());
    if months < 0 {
        return None;
    }
    let (n, z) = match rounding {
        FactorRounding::Month => (months / 12, months % 12),
        FactorRounding::Quarter => (months / 12, months % 12 / 3 * 3),
    };
    let v = match rounding {
        _ if z < 7 => z,
        FactorRounding::Quarter => 3,
        FactorRounding::Month => z - 6,
    };
    let half_years = if z < 7 { 2 * n } else { 2 * n + 1 };
    let (v, half_years) = (f64::from(v), f64::from(half_years));
    let c = coupon_percent.to_f64() / 100.0;
    let a = libm::pow(1.03, -v / 6.0);
    let b = c / 2.0 * (6.0 - v) / 6.0;
    let discount = libm::pow(1.03, -half_years);
    let annuity = c / 0.06 * (1.0 - discount);
    let factor = a * (c / 2.0 + discount + annuity) - b;
    round_to_i64(factor * 1e4).map(|units| Fixed8::from_units(units * FOURTH_PLACE))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// CME's tables of conversion factors.
    #[test]
    fn published_factors_come_out_to_the_last_digit() {
        use FactorRounding::{Month, Quarter};
        for (coupon, maturity, month, rounding, factor) in [
            ("2.125", date(2022, 6, 30), "2015-12", Quarter, "0.7939"),
            ("2.25", date(2024, 11, 15), "2015-12", Quarter, "0.7475"),
            ("6.625", date(2027, 2, 15), "2011-09", Quarter, "1.0618"),
            ("2.875", date(2045, 8, 15), "2015-12", Quarter, "0.5702"),
            ("1.375", date(2020, 2, 29), "2015-12", Month, "0.8317"),
            ("0.375", date(2013, 7, 31), "2011-09", Month, "0.9037"),
            ("1.125", date(2012, 1, 15), "2009-03", Month, "0.8747"),
        ] {
            let computed = conversion_factor(coupon.parse().unwrap(), maturity, month.parse().unwrap(), rounding);
            assert_eq!(computed, Some(factor.parse().unwrap()), "{coupon} {maturity}");
        }
    }

    #[test]
    fn an_issue_that_has_matured_has_no_factor() {
        let month = "2015-12".parse().unwrap();
        assert_eq!(conversion_factor(Fixed8::default(), date(2015, 11, 30), month, FactorRounding::Month), None);
    }
}
