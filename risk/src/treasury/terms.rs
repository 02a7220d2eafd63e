//! The terms of a Treasury issue that can be held or delivered.

use std::fmt;

use jiff::civil::Date;

use super::{CouponSchedule, TermsError, TermsProblem};
use crate::{date::add_months, fixed::Fixed8, instrument::Cusip};

/// The two kinds of Treasury that the arrangement takes: not bills, TIPS, STRIPS or floating-rate notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreasuryKind {
    /// Issued for more than one year and up to ten.
    Note,
    /// Issued for more than ten years and up to thirty.
    Bond,
}

/// The terms of an issue as announced, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreasuryIssue {
    /// The CUSIP.
    pub cusip: Cusip,
    /// Note or bond.
    pub kind: TreasuryKind,
    /// The coupon rate, in per cent a year.
    pub coupon: Fixed8,
    /// The date from which interest accrues.
    pub dated: Date,
    /// The date of first issue.
    pub issue: Date,
    /// The date of the first coupon.
    pub first_coupon: Date,
    /// The maturity.
    pub maturity: Date,
}

/// The checked terms of a Treasury note or bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreasuryTerms {
    issue: TreasuryIssue,
    schedule: CouponSchedule,
}

/// Months by which an issue may exceed its nominal term: dated dates fall up to a month before issue.
const TERM_TOLERANCE_MONTHS: i32 = 1;

impl TreasuryTerms {
    /// Checks the terms of an issue.
    ///
    /// # Errors
    ///
    /// [`TermsError`] names the issue and what is wrong with it.
    pub fn new(issue: TreasuryIssue) -> Result<Self, TermsError> {
        let wrong = |problem| TermsError { cusip: issue.cusip, problem };
        let schedule = CouponSchedule::new(issue.coupon, issue.dated, issue.first_coupon, issue.maturity)
            .map_err(|error| wrong(error.into()))?;
        if !(issue.dated <= issue.issue && issue.issue < issue.first_coupon) {
            return Err(wrong(TermsProblem::IssueDate {
                issue: issue.issue,
                dated: issue.dated,
                first_coupon: issue.first_coupon,
            }));
        }
        let (over, up_to) = match issue.kind {
            TreasuryKind::Note => (12, 120),
            TreasuryKind::Bond => (120, 360),
        };
        let runs = issue.maturity > add_months(issue.dated, over)
            && issue.maturity <= add_months(issue.dated, up_to + TERM_TOLERANCE_MONTHS);
        if !runs {
            return Err(wrong(TermsProblem::Term { kind: issue.kind, dated: issue.dated, maturity: issue.maturity }));
        }
        Ok(Self { issue, schedule })
    }

    /// The CUSIP.
    #[must_use]
    pub fn cusip(&self) -> Cusip {
        self.issue.cusip
    }

    /// The terms as announced.
    #[must_use]
    pub fn issue(&self) -> &TreasuryIssue {
        &self.issue
    }

    /// Whether more than one year is left to maturity on a date: what makes the issue, and a repo on it, eligible for
    /// cross-margining (published). The anniversary itself is not more than a year.
    #[must_use]
    pub fn more_than_a_year_left(&self, on: Date) -> bool {
        self.issue.maturity > add_months(on, 12)
    }

    /// The coupons and the redemption.
    #[must_use]
    pub fn schedule(&self) -> &CouponSchedule {
        &self.schedule
    }
}

impl fmt::Display for TreasuryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Bond => "bond",
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn issue() -> TreasuryIssue {
        TreasuryIssue {
            cusip: "91282CMM0".parse().unwrap(),
            kind: TreasuryKind::Note,
            coupon: "4.625".parse().unwrap(),
            dated: date(2025, 2, 15),
            issue: date(2025, 2, 18),
            first_coupon: date(2025, 8, 15),
            maturity: date(2035, 2, 15),
        }
    }

    #[test]
    fn an_issue_is_eligible_until_one_year_is_left() {
        let terms = TreasuryTerms::new(issue()).unwrap();
        assert!(terms.more_than_a_year_left(date(2034, 2, 14)));
        assert!(!terms.more_than_a_year_left(date(2034, 2, 15)));
    }

    #[test]
    fn wrong_terms_are_refused_by_name() {
        let message = |issue| TreasuryTerms::new(issue).unwrap_err().to_string();
        let bond = message(TreasuryIssue { kind: TreasuryKind::Bond, ..issue() });
        assert!(bond.starts_with("Treasury 91282CMM0: original term from 2025-02-15 to 2035-02-15 is not"), "{bond}");
        let early = message(TreasuryIssue { issue: date(2025, 2, 14), ..issue() });
        assert!(early.contains("issue date 2025-02-14 is not between"), "{early}");
        let off = message(TreasuryIssue { first_coupon: date(2025, 8, 14), ..issue() });
        assert!(off.contains("first coupon 2025-08-14 is not a whole number of half-years"), "{off}");
    }
}
