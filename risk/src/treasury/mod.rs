//! US Treasury notes and bonds: their terms, their coupons, and the two conventions between price and yield.
//!
//! Source of the formulas: 31 CFR part 356, Appendix B (published). Yields are in per cent a year compounded
//! semiannually, prices per 100 of face, everywhere in this module.
//!
//! With `c` half the coupon rate per 100, `v = 1 / (1 + y/200)`, `w = r/s` the share of the half-year that is left from
//! settlement to its end, and `n` full half-years after it, the flows are worth at the end of the running half-year
//!
//! ```text
//! B = c (1 + v + ... + v^n) + 100 v^n + e0 + e1 v
//! ```
//!
//! where `e0` and `e1` correct the first two flows while a short or long first coupon is outstanding, and
//!
//! ```text
//! price + accrued = v^w B              street convention
//! price + accrued = B / (1 + w y/200)  Treasury convention
//! ```
//!
//! All the variants of the regulation (new issues, short and long first coupons, reopenings) are this one formula.

mod auction;
mod error;
mod resolved;
mod schedule;
mod terms;

pub use auction::{AuctionPrice, accrued_per_1000, auction_price, auction_yield};
pub use error::{PriceError, ScheduleError, TermsError, TermsProblem};
pub use resolved::{Convention, ResolvedTreasury, YIELD_RANGE_PERCENT};
pub use schedule::{CashFlow, CouponSchedule, FirstCoupon};
pub use terms::{TreasuryIssue, TreasuryKind, TreasuryTerms};
