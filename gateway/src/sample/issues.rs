//! The Treasuries of the sample: real notes and bonds with their public terms.
//!
//! Source: the Treasury's auction announcements and results (TreasuryDirect). Every CUSIP carries its check digit. Each
//! issue has a normal first coupon period of six months.

use std::borrow::Cow;

use crossmargin::v1;
use jiff::civil::{Date, date as d};
use risk::date::{add_months, months_between};

/// The terms of one note or bond.
#[derive(Clone, Debug)]
pub struct SampleIssue {
    /// CUSIP.
    pub cusip: Cow<'static, str>,
    /// Coupon in per cent a year, a multiple of an eighth and so exact in binary.
    pub coupon: f64,
    /// The date from which interest accrues.
    pub dated: Date,
    /// The date of the first issue; reopenings came later.
    pub issued: Date,
    /// The maturity date.
    pub maturity: Date,
}

impl SampleIssue {
    /// The original term in months.
    #[must_use]
    pub fn original_months(&self) -> f64 {
        months_between(self.dated, self.maturity)
    }

    /// The date of the first coupon, six months after the dated date, at the end of the month for issues that mature
    /// at the end of one.
    #[must_use]
    pub fn first_coupon(&self) -> Date {
        coupon_date(self.maturity, add_months(self.dated, 6))
    }

    /// The terms on the wire. Notes run for ten years at most, bonds for longer.
    #[must_use]
    pub fn to_wire(&self) -> v1::Issue {
        let kind = if self.original_months() > 121.0 { v1::IssueKind::Bond } else { v1::IssueKind::Note };
        v1::Issue {
            cusip: self.cusip.clone().into_owned(),
            kind: kind.into(),
            coupon: format!("{:.3}", self.coupon),
            dated_date: self.dated.to_string(),
            issue_date: self.issued.to_string(),
            first_coupon_date: self.first_coupon().to_string(),
            maturity_date: self.maturity.to_string(),
        }
    }
}

/// The day in the month of `near` on which an issue with this maturity pays.
pub(super) fn coupon_date(maturity: Date, near: Date) -> Date {
    let is_month_end = maturity == maturity.last_of_month();
    let last = near.last_of_month();
    if is_month_end || maturity.day() > last.day() {
        last
    } else {
        last.saturating_sub(days(last.day() - maturity.day()))
    }
}

fn days(count: i8) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(i64::from(count) * 24)
}

/// All issues of the sample, ascending by CUSIP.
#[must_use]
pub fn issues() -> Vec<SampleIssue> {
    let mut issues = ISSUES.to_vec();
    issues.sort_by(|one, next| one.cusip.cmp(&next.cusip));
    issues
}

const fn issue(cusip: &'static str, coupon: f64, dated: Date, issued: Date, maturity: Date) -> SampleIssue {
    SampleIssue { cusip: Cow::Borrowed(cusip), coupon, dated, issued, maturity }
}

/// CUSIP, coupon, dated date, issue date, maturity.
const ISSUES: [SampleIssue; 48] = [
    // 2-year notes
    issue("91282CNL1", 3.75, d(2025, 6, 30), d(2025, 6, 30), d(2027, 6, 30)),
    issue("91282CPL9", 3.375, d(2025, 11, 30), d(2025, 12, 1), d(2027, 11, 30)),
    issue("91282CPS4", 3.375, d(2025, 12, 31), d(2025, 12, 31), d(2027, 12, 31)),
    // 3-year notes
    issue("91282CMW8", 3.75, d(2025, 4, 15), d(2025, 4, 15), d(2028, 4, 15)),
    issue("91282CPC9", 3.5, d(2025, 10, 15), d(2025, 10, 15), d(2028, 10, 15)),
    issue("91282CPK1", 3.5, d(2025, 11, 15), d(2025, 11, 17), d(2028, 11, 15)),
    issue("91282CPP0", 3.5, d(2025, 12, 15), d(2025, 12, 15), d(2028, 12, 15)),
    issue("91282CPT2", 3.5, d(2026, 1, 15), d(2026, 1, 15), d(2029, 1, 15)),
    // 5-year notes
    issue("91282CKP5", 4.625, d(2024, 4, 30), d(2024, 4, 30), d(2029, 4, 30)),
    issue("91282CKX8", 4.25, d(2024, 6, 30), d(2024, 7, 1), d(2029, 6, 30)),
    issue("91282CMU2", 4.0, d(2025, 3, 31), d(2025, 3, 31), d(2030, 3, 31)),
    issue("91282CNX5", 3.625, d(2025, 8, 31), d(2025, 9, 2), d(2030, 8, 31)),
    issue("91282CPD7", 3.625, d(2025, 10, 31), d(2025, 10, 31), d(2030, 10, 31)),
    issue("91282CPR6", 3.625, d(2025, 12, 31), d(2025, 12, 31), d(2030, 12, 31)),
    // 7-year notes
    issue("91282CMK4", 4.375, d(2025, 1, 31), d(2025, 1, 31), d(2032, 1, 31)),
    issue("91282CNZ0", 3.875, d(2025, 9, 30), d(2025, 9, 30), d(2032, 9, 30)),
    issue("91282CPF2", 3.75, d(2025, 10, 31), d(2025, 10, 31), d(2032, 10, 31)),
    // 10-year notes
    issue("91282CFV8", 4.125, d(2022, 11, 15), d(2022, 11, 15), d(2032, 11, 15)),
    issue("91282CGM7", 3.5, d(2023, 2, 15), d(2023, 2, 15), d(2033, 2, 15)),
    issue("91282CHC8", 3.375, d(2023, 5, 15), d(2023, 5, 15), d(2033, 5, 15)),
    issue("91282CHT1", 3.875, d(2023, 8, 15), d(2023, 8, 15), d(2033, 8, 15)),
    issue("91282CJJ1", 4.5, d(2023, 11, 15), d(2023, 11, 15), d(2033, 11, 15)),
    issue("91282CJZ5", 4.0, d(2024, 2, 15), d(2024, 2, 15), d(2034, 2, 15)),
    issue("91282CKQ3", 4.375, d(2024, 5, 15), d(2024, 5, 15), d(2034, 5, 15)),
    issue("91282CLF6", 3.875, d(2024, 8, 15), d(2024, 8, 15), d(2034, 8, 15)),
    issue("91282CLW9", 4.25, d(2024, 11, 15), d(2024, 11, 15), d(2034, 11, 15)),
    issue("91282CMM0", 4.625, d(2025, 2, 15), d(2025, 2, 18), d(2035, 2, 15)),
    issue("91282CNC1", 4.25, d(2025, 5, 15), d(2025, 5, 15), d(2035, 5, 15)),
    issue("91282CNT4", 4.25, d(2025, 8, 15), d(2025, 8, 15), d(2035, 8, 15)),
    issue("91282CPJ4", 4.0, d(2025, 11, 15), d(2025, 11, 17), d(2035, 11, 15)),
    // 20-year bonds
    issue("912810TM0", 4.0, d(2022, 11, 15), d(2022, 11, 30), d(2042, 11, 15)),
    issue("912810TW8", 4.75, d(2023, 11, 15), d(2023, 11, 30), d(2043, 11, 15)),
    issue("912810TZ1", 4.5, d(2024, 2, 15), d(2024, 2, 29), d(2044, 2, 15)),
    issue("912810UJ5", 4.75, d(2025, 2, 15), d(2025, 2, 28), d(2045, 2, 15)),
    issue("912810UN6", 4.875, d(2025, 8, 15), d(2025, 9, 2), d(2045, 8, 15)),
    // 30-year bonds
    issue("912810QQ4", 4.375, d(2011, 5, 15), d(2011, 5, 16), d(2041, 5, 15)),
    issue("912810QS0", 3.75, d(2011, 8, 15), d(2011, 8, 15), d(2041, 8, 15)),
    issue("912810RB6", 2.875, d(2013, 5, 15), d(2013, 5, 15), d(2043, 5, 15)),
    issue("912810SX7", 2.375, d(2021, 5, 15), d(2021, 5, 17), d(2051, 5, 15)),
    issue("912810TV0", 4.75, d(2023, 11, 15), d(2023, 11, 15), d(2053, 11, 15)),
    issue("912810TX6", 4.25, d(2024, 2, 15), d(2024, 2, 15), d(2054, 2, 15)),
    issue("912810UA4", 4.625, d(2024, 5, 15), d(2024, 5, 15), d(2054, 5, 15)),
    issue("912810UC0", 4.25, d(2024, 8, 15), d(2024, 8, 15), d(2054, 8, 15)),
    issue("912810UE6", 4.5, d(2024, 11, 15), d(2024, 11, 15), d(2054, 11, 15)),
    issue("912810UG1", 4.625, d(2025, 2, 15), d(2025, 2, 18), d(2055, 2, 15)),
    issue("912810UK2", 4.75, d(2025, 5, 15), d(2025, 5, 15), d(2055, 5, 15)),
    issue("912810UM8", 4.75, d(2025, 8, 15), d(2025, 8, 15), d(2055, 8, 15)),
    issue("912810UP1", 4.625, d(2025, 11, 15), d(2025, 11, 17), d(2055, 11, 15)),
];

#[cfg(test)]
mod tests {
    use risk::{calendar::Calendar, instrument::Cusip};

    use super::*;
    use crate::sample::BUSINESS_DATE;

    #[test]
    fn every_issue_has_a_valid_cusip_a_normal_first_coupon_and_more_than_a_year_to_run() {
        for issue in issues() {
            issue.cusip.parse::<Cusip>().unwrap();
            assert!(Calendar::UsGovernmentBond.is_business_day(issue.issued), "{issue:?}");
            assert!(issue.dated <= issue.issued && issue.issued <= BUSINESS_DATE, "{issue:?}");
            assert!(issue.maturity > add_months(BUSINESS_DATE, 12), "{issue:?}");
            assert!((issue.coupon * 8.0).fract() == 0.0);
            assert!(
                [24.0, 36.0, 60.0, 84.0, 120.0, 240.0, 360.0].contains(&issue.original_months().round()),
                "{issue:?}"
            );
            let months = months_between(issue.first_coupon(), issue.maturity);
            assert!((months / 6.0 - (months / 6.0).round()).abs() < 0.05, "{issue:?}");
        }
        assert!(issues().is_sorted_by(|one, next| one.cusip < next.cusip), "a CUSIP stands twice");
    }

    #[test]
    fn first_coupons_are_those_of_the_auction_announcements() {
        // TreasuryDirect: first interest payment dates.
        for (cusip, day) in [
            ("912810UE6", d(2025, 5, 15)),
            ("91282CMU2", d(2025, 9, 30)),
            ("91282CNX5", d(2026, 2, 28)),
            ("91282CPF2", d(2026, 4, 30)),
            ("91282CPL9", d(2026, 5, 31)),
            ("91282CMK4", d(2025, 7, 31)),
            ("91282CPR6", d(2026, 6, 30)),
            ("91282CMW8", d(2025, 10, 15)),
        ] {
            let found = issues().into_iter().find(|issue| issue.cusip == cusip).unwrap();
            assert_eq!(found.first_coupon(), day, "{cusip}");
        }
    }
}
