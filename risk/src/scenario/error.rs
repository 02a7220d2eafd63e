//! Why histories do not give the scenarios that a rule asks for.

use jiff::civil::Date;

use super::StressedPeriod;

/// Why histories do not give the scenarios that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// A parameter out of range.
    #[error("scenario rule: {0}")]
    Parameter(&'static str),
    /// A stressed period that cannot be one.
    #[error("scenario rule: the stressed period {period}: {problem}")]
    Period {
        /// The period.
        period: StressedPeriod,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Fewer days than the lookback needs.
    #[error(
        "the curve's history holds {held} days from {from} to {as_of}, but {scenarios} scenarios of {horizon} days need {needed}: load a longer history"
    )]
    TooShort {
        /// The first day that counts.
        from: Date,
        /// The as-of day.
        as_of: Date,
        /// Days held.
        held: usize,
        /// Days needed.
        needed: usize,
        /// Scenarios asked for.
        scenarios: u32,
        /// Days that each spans.
        horizon: u16,
    },
    /// Fewer days than the filter's seed needs.
    #[error(
        "the curve's history holds {held} days from {from} to {as_of}, but the filter's seed of {seed_days} changes needs {needed}: load a longer history"
    )]
    SeedTooShort {
        /// The first day that counts.
        from: Date,
        /// The as-of day.
        as_of: Date,
        /// Days held.
        held: usize,
        /// Days needed.
        needed: usize,
        /// Changes in the seed.
        seed_days: u16,
    },
    /// The history begins too late for a stressed period.
    #[error(
        "the stressed period {period} needs {horizon} days of the curve's history before its first, but the history begins on {begins}: load the days before {from}", from = period.from
    )]
    PeriodNotReached {
        /// The period.
        period: StressedPeriod,
        /// The history's first day.
        begins: Date,
        /// Days that each scenario spans.
        horizon: u16,
    },
    /// The history holds no day of a stressed period, though days before it.
    #[error("the curve's history holds no day of the stressed period {period}: load its days")]
    PeriodEmpty {
        /// The period.
        period: StressedPeriod,
    },
    /// A stressed period begins before the filter has a forecast for it.
    #[error(
        "the stressed period {period}: its first scenario begins on {begins}, before the filter's first forecast, which is for {first_forecast}: set seed_from to an earlier day"
    )]
    PeriodBeforeForecasts {
        /// The period.
        period: StressedPeriod,
        /// The first day that its first scenario spans.
        begins: Date,
        /// The day of the first forecast.
        first_forecast: Date,
    },
    /// No stressed period lies early enough.
    #[error("no stressed period begins early enough to count as of {as_of}: list one that lies before it")]
    NoStressedPeriod {
        /// The as-of day.
        as_of: Date,
    },
    /// The history ends too long before the as-of day.
    #[error("the curve's history ends on {last}, more than {age_days_max} days before {as_of}: load the days since")]
    Stale {
        /// The history's last day on or before the as-of day.
        last: Date,
        /// The as-of day.
        as_of: Date,
        /// The most days between.
        age_days_max: u16,
    },
    /// The history begins after the as-of day.
    #[error("the curve's history holds no day on or before {as_of}")]
    NothingBefore {
        /// The as-of day.
        as_of: Date,
    },
    /// A realised move between days that the history does not hold in this order.
    #[error(
        "a realised move from day {from} to day {to} of a curve's history of {held}: the first must lie before the second, and both within it"
    )]
    NoSuchMove {
        /// Index of the first day.
        from: usize,
        /// Index of the second day.
        to: usize,
        /// Days held.
        held: usize,
    },
    /// No overnight rate where the rule requires one.
    #[error(
        "no overnight rate is known for {date}, nor within {age_days_max} days before: load it, or let the shortest tenor stand in"
    )]
    OvernightMissing {
        /// The day.
        date: Date,
        /// The most days a rate is carried forward.
        age_days_max: u16,
    },
    /// Two days have no tenor in common.
    #[error("the curves of {from} and {to} have no tenor in common")]
    NoCommonTenor {
        /// The earlier day.
        from: Date,
        /// The later day.
        to: Date,
    },
    /// A forecast of the correlations that has no Cholesky factor in double precision.
    #[error(
        "the correlations forecast for the day after {date} cannot be factored: raise correlation.shrinkage_basis_points"
    )]
    Correlation {
        /// The last day that the forecast knows.
        date: Date,
    },
}
