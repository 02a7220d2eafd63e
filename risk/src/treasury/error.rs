//! What can be wrong with a Treasury's terms or with a price asked of it.

use jiff::civil::Date;

use crate::{fixed::Fixed8, instrument::Cusip};

/// Why dates and a coupon do not make a semiannual schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The coupon rate is outside 0 to 20 per cent.
    #[error("coupon {0} is outside 0 to 20 per cent")]
    Coupon(Fixed8),
    /// A year outside 1900 to 2200.
    #[error("{0} is outside the years 1900 to 2200")]
    Year(Date),
    /// The dates are not in the order dated < first coupon <= maturity.
    #[error("dated date {dated}, first coupon {first_coupon} and maturity {maturity} are not in this order")]
    Order {
        /// The dated date.
        dated: Date,
        /// The first coupon date.
        first_coupon: Date,
        /// The maturity.
        maturity: Date,
    },
    /// The first coupon is not a whole number of half-years before the maturity.
    #[error("first coupon {first_coupon} is not a whole number of half-years before maturity {maturity}")]
    FirstCouponOffCycle {
        /// The first coupon date.
        first_coupon: Date,
        /// The maturity.
        maturity: Date,
    },
    /// The first interest period is longer than a year.
    #[error("first interest period from {dated} to {first_coupon} is longer than two half-years")]
    FirstPeriodTooLong {
        /// The dated date.
        dated: Date,
        /// The first coupon date.
        first_coupon: Date,
    },
}

/// Why a Treasury has no price or yield.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// Settlement before interest starts to accrue.
    #[error("settlement {settle} is before the dated date {dated}")]
    BeforeDated {
        /// The settlement date.
        settle: Date,
        /// The dated date.
        dated: Date,
    },
    /// Settlement on or after the maturity.
    #[error("settlement {settle} is not before the maturity {maturity}")]
    Matured {
        /// The settlement date.
        settle: Date,
        /// The maturity.
        maturity: Date,
    },
    /// A price that no number here holds: its yield is near -200 per cent, or it is none.
    #[error("a price of {price} is out of range")]
    TooLarge {
        /// The price, per 100.
        price: f64,
    },
    /// No yield between -180 and +2,000 per cent gives the price.
    #[error("no yield between -180 and 2000 per cent gives a price with accrued interest of {dirty}")]
    NoYield {
        /// The price with accrued interest, per 100.
        dirty: f64,
    },
}

/// Why an issue is not an eligible Treasury note or bond; names the issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Treasury {cusip}: {problem}")]
pub struct TermsError {
    /// The issue.
    pub cusip: Cusip,
    /// What is wrong with it.
    pub problem: TermsProblem,
}

/// What is wrong with the terms of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsProblem {
    /// The coupon dates do not fit together.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Issued before interest starts to accrue, or not before the first coupon.
    #[error("issue date {issue} is not between the dated date {dated} and the first coupon {first_coupon}")]
    IssueDate {
        /// The issue date.
        issue: Date,
        /// The dated date.
        dated: Date,
        /// The first coupon date.
        first_coupon: Date,
    },
    /// A note of more than ten years, a bond of ten or less or of more than thirty.
    #[error(
        "original term from {dated} to {maturity} is not that of a {kind}: notes run from over 1 to 10 years, bonds from over 10 to 30"
    )]
    Term {
        /// Note or bond.
        kind: super::TreasuryKind,
        /// The dated date.
        dated: Date,
        /// The maturity.
        maturity: Date,
    },
}
