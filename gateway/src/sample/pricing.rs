//! Prices of the sample's issues and contracts, consistent with its ending curve.
//!
//! A house submits prices; it does not take them from the margin engine. So the sample computes its own, by the
//! regulation's convention (31 CFR 356 Appendix B) and the exchange's conversion factors, with + - x / alone.

use jiff::civil::Date;
use risk::{
    calendar::Calendar,
    date::{add_months, days_between, months_between},
};

use super::{
    BUSINESS_DATE,
    history::{ENDING_CURVE, TENORS_MONTHS},
    issues::{SampleIssue, coupon_date},
};

/// The sample's ending curve, moved in parallel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Curve {
    /// Added to every par yield, in per cent; zero for the market of the sample.
    pub(super) shift_percent: f64,
}

impl Curve {
    /// Par yield in per cent for a maturity, linear between the tenors and flat beyond them.
    pub(super) fn par_yield(self, months: f64) -> f64 {
        let points = TENORS_MONTHS.map(f64::from);
        let above = points.partition_point(|tenor| *tenor < months);
        let unmoved = match above {
            0 => ENDING_CURVE[0],
            end if end == points.len() => ENDING_CURVE[end - 1],
            place => {
                let share = (months - points[place - 1]) / (points[place] - points[place - 1]);
                ENDING_CURVE[place - 1] + (ENDING_CURVE[place] - ENDING_CURVE[place - 1]) * share
            }
        };
        unmoved + self.shift_percent
    }

    /// Clean price per 100 of face at the issue's yield, for settlement on the next business day.
    pub(super) fn clean_price(self, issue: &SampleIssue) -> f64 {
        let settle = settlement();
        clean_at(issue, settle, self.market_yield(months_between(settle, issue.maturity)))
    }

    /// Forward price of an issue for delivery on a date, clean, per 100 of face: the price financed at the repo rate.
    pub(super) fn forward_price(self, issue: &SampleIssue, delivery: Date, repo_rate_percent: f64) -> f64 {
        let settle = settlement();
        let grown = |from: Date| 1.0 + repo_rate_percent / 100.0 * days(from, delivery) / 360.0;
        let coupons: f64 = coupons_after(issue, settle)
            .take_while(|day| *day <= delivery)
            .map(|day| issue.coupon / 2.0 * grown(day))
            .sum();
        (self.clean_price(issue) + accrued(issue, settle)) * grown(settle) - coupons - accrued(issue, delivery)
    }

    /// The yield at which an issue trades, in per cent: the par yield and, between the ten- and the twenty-year point,
    /// the spread of old bonds above the straight line, a parabola with its top half-way.
    fn market_yield(self, months: f64) -> f64 {
        let beyond_ten = (months - 120.0).clamp(0.0, 120.0);
        self.par_yield(months) + OLD_BOND_SPREAD_PERCENT * beyond_ten * (120.0 - beyond_ten) / (60.0 * 60.0)
    }
}

/// How far fifteen-year bonds yield more than the average of ten and twenty years: about ten basis points, as secondary
/// market quotations of early 2026 have it.
const OLD_BOND_SPREAD_PERCENT: f64 = 0.10;

/// The day on which trades of the business date settle.
pub(super) fn settlement() -> Date {
    Calendar::UsGovernmentBond.next(BUSINESS_DATE)
}

/// Accrued interest per 100 of face.
fn accrued(issue: &SampleIssue, settle: Date) -> f64 {
    let (last, next) = coupon_period(issue, settle);
    issue.coupon / 2.0 * days(last, settle) / days(last, next)
}

/// Clean price at a yield: the broken period at simple interest, as the regulation prices auctions.
fn clean_at(issue: &SampleIssue, settle: Date, yield_percent: f64) -> f64 {
    let (last, next) = coupon_period(issue, settle);
    let half_coupon = issue.coupon / 2.0;
    let half_yield = yield_percent / 200.0;
    let broken = days(settle, next) / days(last, next);
    let (mut discount, mut annuity) = (1.0, 0.0);
    for _ in coupons_after(issue, next) {
        discount /= 1.0 + half_yield;
        annuity += discount;
    }
    let at_next_coupon = half_coupon + half_coupon * annuity + 100.0 * discount;
    at_next_coupon / (1.0 + broken * half_yield) - accrued(issue, settle)
}

/// The coupon dates around a settlement date: the last one on or before it, or the dated date, and the next.
fn coupon_period(issue: &SampleIssue, settle: Date) -> (Date, Date) {
    let next = coupons_after(issue, settle).next().unwrap_or(issue.maturity);
    (coupon_date(issue.maturity, add_months(next, -6)), next)
}

/// The coupon dates after a date, ascending, the last one being the maturity.
fn coupons_after(issue: &SampleIssue, after: Date) -> impl Iterator<Item = Date> {
    let maturity = issue.maturity;
    let count = (0..).take_while(|back| coupon_date(maturity, add_months(maturity, -6 * back)) > after).count();
    let count = i32::try_from(count).unwrap_or_default();
    (0..count).rev().map(move |back| coupon_date(maturity, add_months(maturity, -6 * back)))
}

/// How a contract rounds the remaining maturity for its conversion factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// Down to the quarter: ten years and longer.
    Quarter,
    /// Down to the month: 2-, 3- and 5-year notes.
    Month,
}

/// The conversion factor of an issue (CME, "Calculating U.S. Treasury Futures Conversion Factors"), four decimals.
pub(super) fn conversion_factor(coupon: f64, maturity: Date, first_delivery_day: Date, rounding: Rounding) -> f64 {
    let c = coupon / 100.0;
    let whole_months = (0..).take_while(|months| add_months(first_delivery_day, months + 1) <= maturity).count();
    let (n, beyond) = (whole_months / 12, whole_months % 12);
    let z = if rounding == Rounding::Quarter { beyond / 3 * 3 } else { beyond };
    let v = match (z < 7, rounding) {
        (true, _) => z,
        (false, Rounding::Quarter) => 3,
        (false, Rounding::Month) => z - 6,
    };
    let v = f64::from(u32::try_from(v).unwrap_or_default());
    let a = 1.0 / power(SIXTH_ROOT_OF_1_03, v);
    let b = c / 2.0 * (6.0 - v) / 6.0;
    let periods = if z < 7 { 2 * n } else { 2 * n + 1 };
    let discount = 1.0 / power(1.03, f64::from(u32::try_from(periods).unwrap_or_default()));
    let d = c / 0.06 * (1.0 - discount);
    ((a * (c / 2.0 + discount + d) - b) * 10_000.0).round() / 10_000.0
}

/// 1.03 to the power of one sixth.
const SIXTH_ROOT_OF_1_03: f64 = 1.004_938_622_031_196_9;

/// A whole power, by multiplication.
fn power(base: f64, exponent: f64) -> f64 {
    let (mut product, mut left) = (1.0, exponent);
    while left >= 1.0 {
        product *= base;
        left -= 1.0;
    }
    product
}

/// Calendar days as a number.
fn days(from: Date, to: Date) -> f64 {
    f64::from(i32::try_from(days_between(from, to)).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use jiff::civil::date;

    use super::*;

    #[test]
    fn prices_follow_the_regulation() {
        // 31 CFR 356 Appendix B, example A; and the auction of 2025-01-28.
        for (coupon, dated, maturity, settle, percent, price) in [
            (8.75, date(1990, 5, 15), date(2020, 5, 15), date(1990, 5, 15), 8.84, 99.057893),
            (4.375, date(2025, 1, 31), date(2032, 1, 31), date(2025, 1, 31), 4.457, 99.511534),
            (4.75, date(2025, 2, 15), date(2045, 2, 15), date(2025, 4, 30), 4.81, 99.225787),
        ] {
            let issue = SampleIssue { cusip: Cow::Borrowed(""), coupon, dated, issued: dated, maturity };
            let found = clean_at(&issue, settle, percent);
            assert!((found - price).abs() < 1e-6, "{coupon} {maturity}: {found}");
        }
    }

    #[test]
    fn conversion_factors_are_those_that_the_exchange_published() {
        let quarter = Rounding::Quarter;
        for (coupon, maturity, delivery, rounding, published) in [
            (1.125, date(2012, 1, 15), date(2009, 3, 1), Rounding::Month, 0.8747),
            (1.375, date(2020, 2, 29), date(2015, 12, 1), Rounding::Month, 0.8317),
            (0.625, date(2017, 9, 30), date(2015, 12, 1), Rounding::Month, 0.9119),
            (2.125, date(2022, 6, 30), date(2015, 12, 1), quarter, 0.7939),
            (4.75, date(2041, 2, 15), date(2015, 12, 1), quarter, 0.8392),
            (6.5, date(2026, 11, 15), date(2011, 9, 1), quarter, 1.049),
            (4.5, date(2038, 5, 15), date(2008, 12, 1), quarter, 0.7943),
        ] {
            assert_eq!(conversion_factor(coupon, maturity, delivery, rounding), published, "{coupon} {maturity}");
        }
    }

    #[test]
    fn the_sixth_root_of_1_03_is_one() {
        assert!((power(SIXTH_ROOT_OF_1_03, 6.0) - 1.03).abs() < 1e-15);
    }

    #[test]
    fn a_forward_earns_its_carry() {
        let issues = crate::sample::issues::issues();
        let issue = issues.iter().find(|issue| issue.cusip == "91282CPJ4").unwrap();
        let delivery = date(2026, 3, 31);
        let (spot, forward) =
            (Curve::default().clean_price(issue), Curve::default().forward_price(issue, delivery, 3.65));
        // 42 days: coupon 4.00 % of 100, financing 3.65 % of the dirty price.
        let carry = 4.0 * 42.0 / 362.0 - 3.65 * (spot + accrued(issue, settlement())) / 100.0 * 42.0 / 360.0;
        assert!((spot - forward - carry).abs() < 0.002, "{spot} {forward} {carry}");
    }
}
