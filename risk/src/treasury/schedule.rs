//! The coupon dates and amounts of a semiannual bond.

use jiff::civil::Date;

use super::{PriceError, ResolvedTreasury, ScheduleError};
use crate::{
    date::{add_months, days_between},
    fixed::Fixed8,
};

/// The coupons and the redemption of a semiannual bond, counted in half-years before maturity.
///
/// A bond that matures on the last day of a month pays its coupons on last days of months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CouponSchedule {
    coupon: Fixed8,
    dated: Date,
    first_coupon: Date,
    maturity: Date,
    /// Half-years from the first coupon to maturity.
    first_index: u32,
    first: FirstCoupon,
}

/// The length of the first interest period. The two numbers are days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstCoupon {
    /// One half-year.
    Regular,
    /// Less than a half-year.
    Short {
        /// Days from the dated date to the first coupon.
        accrued_days: i64,
        /// Days of the half-year that ends with the first coupon.
        period_days: i64,
    },
    /// More than a half-year: a fraction of one, then a whole one.
    Long {
        /// Days of the fraction, from the dated date to the start of the whole half-year.
        accrued_days: i64,
        /// Days of the half-year that the fraction is a part of.
        period_days: i64,
    },
}

/// An amount paid on a date.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CashFlow {
    /// The nominal payment date, not moved for holidays: the conventions discount to it.
    pub date: Date,
    /// The amount per 100 of face, the redemption included at maturity.
    pub amount: f64,
}

impl CouponSchedule {
    /// A schedule of `coupon` per cent a year, accruing from `dated`, first paid on `first_coupon`, redeemed on `maturity`.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when the coupon, a year, the order of the dates or the first interest period is wrong.
    pub fn new(coupon: Fixed8, dated: Date, first_coupon: Date, maturity: Date) -> Result<Self, ScheduleError> {
        if coupon.units() < 0 || coupon.units() > 20 * Fixed8::ONE {
            return Err(ScheduleError::Coupon(coupon));
        }
        for date in [dated, first_coupon, maturity] {
            if !(1900..=2200).contains(&date.year()) {
                return Err(ScheduleError::Year(date));
            }
        }
        if !(dated < first_coupon && first_coupon <= maturity) {
            return Err(ScheduleError::Order { dated, first_coupon, maturity });
        }
        let mut schedule = Self { coupon, dated, first_coupon, maturity, first_index: 0, first: FirstCoupon::Regular };
        schedule.first_index = schedule.index_after(first_coupon.yesterday().unwrap_or(first_coupon));
        if schedule.half_year(schedule.first_index) != first_coupon {
            return Err(ScheduleError::FirstCouponOffCycle { first_coupon, maturity });
        }
        let before = schedule.half_year(schedule.first_index + 1);
        let before_that = schedule.half_year(schedule.first_index + 2);
        schedule.first = if dated == before {
            FirstCoupon::Regular
        } else if dated > before {
            FirstCoupon::Short {
                accrued_days: days_between(dated, first_coupon),
                period_days: days_between(before, first_coupon),
            }
        } else if dated >= before_that {
            FirstCoupon::Long {
                accrued_days: days_between(dated, before),
                period_days: days_between(before_that, before),
            }
        } else {
            return Err(ScheduleError::FirstPeriodTooLong { dated, first_coupon });
        };
        Ok(schedule)
    }

    /// A schedule of which the dated date, the first coupon or both are not known, completed so that as much as possible
    /// is regular.
    ///
    /// Half-year dates are counted back from the maturity. Without a dated date interest accrues from the half-year date
    /// before the first coupon. Without a first coupon the first half-year date after the dated date pays it: the first
    /// period is regular or short, since a long one needs its first coupon. With neither, the first period is the
    /// half-year that holds the day `on`.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] as for [`Self::new`].
    pub fn completed(
        coupon: Fixed8,
        dated: Option<Date>,
        first_coupon: Option<Date>,
        maturity: Date,
        on: Date,
    ) -> Result<Self, ScheduleError> {
        let first_coupon =
            first_coupon.unwrap_or_else(|| half_year(maturity, index_after(maturity, dated.unwrap_or(on))));
        let dated = dated.unwrap_or_else(|| {
            let before = first_coupon.yesterday().unwrap_or(first_coupon);
            half_year(maturity, index_after(maturity, before) + 1)
        });
        Self::new(coupon, dated, first_coupon, maturity)
    }

    /// The coupon rate, in per cent a year.
    #[must_use]
    pub fn coupon(&self) -> Fixed8 {
        self.coupon
    }

    /// The date from which interest accrues.
    #[must_use]
    pub fn dated(&self) -> Date {
        self.dated
    }

    /// The date of the first coupon.
    #[must_use]
    pub fn first_coupon(&self) -> Date {
        self.first_coupon
    }

    /// The date of the last coupon and of the redemption.
    #[must_use]
    pub fn maturity(&self) -> Date {
        self.maturity
    }

    /// The length of the first interest period.
    #[must_use]
    pub fn first(&self) -> FirstCoupon {
        self.first
    }

    /// The bond as it stands when bought for settlement on a date.
    ///
    /// # Errors
    ///
    /// [`PriceError::BeforeDated`] and [`PriceError::Matured`].
    pub fn resolve(&self, settle: Date) -> Result<ResolvedTreasury, PriceError> {
        ResolvedTreasury::new(self, settle)
    }

    /// The coupons and the redemption that are paid after `from` and not after `to`, in order of date.
    #[must_use]
    pub fn cash_flows(&self, from: Date, to: Date) -> Vec<CashFlow> {
        let next = self.index_after(from).min(self.first_index);
        (0..=next)
            .rev()
            .map(|index| (index, self.half_year(index)))
            .filter(|&(_, date)| date > from && date <= to)
            .map(|(index, date)| {
                let redemption = if index == 0 { 100.0 } else { 0.0 };
                CashFlow { date, amount: self.coupon_amount(index) + redemption }
            })
            .collect()
    }

    /// Half a year's coupon per 100.
    pub(super) fn half_coupon(&self) -> f64 {
        self.coupon.to_f64() / 2.0
    }

    /// Half-years from the first coupon to maturity.
    pub(super) fn first_index(&self) -> u32 {
        self.first_index
    }

    /// The date `index` half-years before maturity.
    pub(super) fn half_year(&self, index: u32) -> Date {
        half_year(self.maturity, index)
    }

    /// The number of whole half-years before maturity of the first half-year date after `date`; zero from the last
    /// half-year on.
    pub(super) fn index_after(&self, date: Date) -> u32 {
        index_after(self.maturity, date)
    }

    /// The coupon paid `index` half-years before maturity, per 100.
    fn coupon_amount(&self, index: u32) -> f64 {
        let half = self.half_coupon();
        if index < self.first_index {
            return half;
        }
        match self.first {
            FirstCoupon::Regular => half,
            FirstCoupon::Short { accrued_days, period_days } => half * (accrued_days as f64 / period_days as f64),
            FirstCoupon::Long { accrued_days, period_days } => half * (1.0 + accrued_days as f64 / period_days as f64),
        }
    }
}

/// The date `index` half-years before a maturity, last days of months for one that is.
fn half_year(maturity: Date, index: u32) -> Date {
    let months = i32::try_from(index).unwrap_or(i32::MAX / 6).saturating_mul(6);
    let date = add_months(maturity, -months);
    if maturity == maturity.last_of_month() { date.last_of_month() } else { date }
}

/// How many half-years before a maturity the first half-year date after `date` is; zero from the last half-year on.
fn index_after(maturity: Date, date: Date) -> u32 {
    let months = (i32::from(maturity.year()) - i32::from(date.year())) * 12 + i32::from(maturity.month())
        - i32::from(date.month());
    let mut index = u32::try_from(months / 6 + 1).unwrap_or(0);
    while index > 0 && half_year(maturity, index) <= date {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn schedule(coupon: &str, dated: Date, first: Date, maturity: Date) -> CouponSchedule {
        CouponSchedule::new(coupon.parse().unwrap(), dated, first, maturity).unwrap()
    }

    #[test]
    fn a_month_end_bond_pays_on_month_ends() {
        let bond = schedule("3.375", date(2026, 2, 28), date(2026, 8, 31), date(2028, 2, 29));
        let dates: Vec<Date> =
            bond.cash_flows(date(2026, 3, 2), bond.maturity()).iter().map(|flow| flow.date).collect();
        assert_eq!(dates, [date(2026, 8, 31), date(2027, 2, 28), date(2027, 8, 31), date(2028, 2, 29)]);
        assert_eq!(bond.first(), FirstCoupon::Regular);
    }

    #[test]
    fn odd_first_coupons_pay_for_the_days_that_accrued() {
        let long = schedule("9.75", date(1988, 10, 15), date(1989, 6, 15), date(1994, 12, 15));
        assert_eq!(long.first(), FirstCoupon::Long { accrued_days: 61, period_days: 183 });
        let first = long.cash_flows(long.dated(), long.first_coupon());
        assert_eq!(first, [CashFlow { date: date(1989, 6, 15), amount: 4.875 * (1.0 + 61.0 / 183.0) }]);
        let short = schedule("8.5", date(1990, 4, 2), date(1990, 9, 30), date(1992, 3, 31));
        assert_eq!(short.first(), FirstCoupon::Short { accrued_days: 181, period_days: 183 });
    }

    #[test]
    fn dates_that_are_not_known_are_completed_as_a_regular_schedule() {
        let completed = |dated, first, on| {
            let bond = CouponSchedule::completed("4".parse().unwrap(), dated, first, date(2032, 1, 31), on).unwrap();
            (bond.dated(), bond.first_coupon(), bond.first())
        };
        let regular = (date(2025, 1, 31), date(2025, 7, 31), FirstCoupon::Regular);
        let on = date(2025, 3, 14);
        assert_eq!(completed(None, None, on), regular);
        assert_eq!(completed(None, None, regular.0), regular, "the first day of a half-year");
        assert_eq!(completed(Some(regular.0), None, date(2030, 3, 14)), regular);
        assert_eq!(completed(None, Some(regular.1), date(2030, 3, 14)), regular);
        let short = FirstCoupon::Short { accrued_days: 133, period_days: 181 };
        assert_eq!(completed(Some(date(2025, 3, 20)), None, on), (date(2025, 3, 20), regular.1, short));
        // What is given stands, and is checked.
        let off = CouponSchedule::completed("4".parse().unwrap(), None, Some(on), date(2032, 1, 31), on);
        assert!(matches!(off, Err(ScheduleError::FirstCouponOffCycle { .. })), "{off:?}");
    }

    #[test]
    fn impossible_schedules_are_refused_with_the_reason() {
        let new = |coupon: &str, dated, first, maturity| {
            CouponSchedule::new(coupon.parse().unwrap(), dated, first, maturity).unwrap_err()
        };
        let (d, f, m) = (date(2025, 1, 31), date(2025, 7, 31), date(2032, 1, 31));
        assert!(matches!(new("-0.1", d, f, m), ScheduleError::Coupon(_)));
        assert!(matches!(new("20.125", d, f, m), ScheduleError::Coupon(_)));
        assert!(matches!(new("4", date(1850, 1, 31), f, m), ScheduleError::Year(_)));
        assert!(matches!(new("4", f, f, m), ScheduleError::Order { .. }));
        assert!(matches!(new("4", d, date(2025, 7, 30), m), ScheduleError::FirstCouponOffCycle { .. }));
        assert!(matches!(new("4", date(2024, 7, 30), f, m), ScheduleError::FirstPeriodTooLong { .. }));
    }
}
