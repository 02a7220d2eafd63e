//! Backtests: did the margin of a day cover the loss of the days after it, as often as its confidence promises?
//!
//! A backtest is a list of [`DailyRecord`]s, and [`Summary::of`] reads it: how often the loss was above the margin, the
//! traffic light of the Basel Committee ([`Zones`]), the tests of Kupiec ([`proportion_of_failures`]) and Christoffersen
//! ([`Transitions`]), and the worst breaches by date. Where the margins come from is the caller's business: a value at
//! risk, a house's whole model, what was charged. [`test_days`] says on which days of a history a margin can be tested.
//!
//! Counts are integers and money is exact; likelihood ratios and p-values are doubles, for reading.

mod days;
mod independence;
mod light;
mod likelihood;
mod record;
mod summary;

pub use days::{TestDay, test_days};
pub use independence::Transitions;
pub use light::{LIGHT_DAYS, Light, Zones};
pub use likelihood::{LikelihoodRatio, proportion_of_failures};
pub use record::DailyRecord;
pub use summary::{Run, Summary};

use jiff::civil::Date;

/// Why there is no backtest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BacktestError {
    /// There is no day to test on.
    #[error("a backtest needs at least one day")]
    NoDays,
    /// More breaches than days.
    #[error("{breaches} breaches in {days} days: a day is one breach at most")]
    Breaches {
        /// Breaches given.
        breaches: usize,
        /// Days given.
        days: usize,
    },
    /// A horizon of no day.
    #[error("a margin is tested over at least one day, not over 0")]
    NoHorizon,
    /// The history has fewer days than the test needs.
    #[error(
        "the curve's history holds {held} days up to {as_of}, but {window} days of backtest, each with the {horizon} days after it, need {needed}: load a longer history or test fewer days"
    )]
    TooShort {
        /// Days held on or before the as-of day.
        held: usize,
        /// Days needed.
        needed: usize,
        /// The as-of day.
        as_of: Date,
        /// Days of backtest asked for.
        window: usize,
        /// Days that each result spans.
        horizon: u16,
    },
}
