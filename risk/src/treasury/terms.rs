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
