//! Which moves of the past become scenarios: a lookback, with a stressed period where it holds none, or such periods
//! alone.

use std::{collections::BTreeSet, fmt, ops::Range};

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::ScenarioError;
use crate::history::CurveDay;

/// Which moves of the past become scenarios.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScenarioWindow {
    /// The newest moves, each ending one day after the one before, the last on the as-of day.
    ///
    /// If none of the stressed periods lies wholly within these days, the moves that end in one of them are added in
    /// front: in the latest that begins before the first of these days, as far as it lies before it.
    Lookback {
        /// How many moves, without those of a stressed period.
        scenarios: u32,
        /// Periods of which one is to be in the set; none for the newest moves alone.
        #[serde(default)]
        stressed: Vec<StressedPeriod>,
    },
    /// The moves that end in any of these periods, on or before the as-of day, each once: for a component that measures
    /// stress. A period that begins after the as-of day does not count.
    Periods {
        /// The periods, at least one.
        periods: Vec<StressedPeriod>,
    },
}

/// Days of stress in the market, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StressedPeriod {
    /// What it is known as, such as `2008 credit crisis`.
    pub name: String,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

impl ScenarioWindow {
    /// The newest moves alone.
    #[must_use]
    pub const fn lookback(scenarios: u32) -> Self {
        Self::Lookback { scenarios, stressed: Vec::new() }
    }

    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let periods = match self {
            Self::Lookback { scenarios: 0, .. } => {
                return Err(ScenarioError::Parameter("scenarios is 0: at least one is needed"));
            }
            Self::Periods { periods } if periods.is_empty() => {
                return Err(ScenarioError::Parameter("periods is empty: at least one is needed"));
            }
            Self::Lookback { stressed: periods, .. } | Self::Periods { periods } => periods,
        };
        for period in periods {
            let problem = if period.name.trim().is_empty() {
                "it has no name: give it one"
            } else if period.from > period.to {
                "it begins after it ends: exchange from and to"
            } else {
                continue;
            };
            return Err(ScenarioError::Period { period: period.clone(), problem });
        }
        Ok(())
    }

    /// Indices of the days on which the scenarios end, ascending, at least one.
    pub(super) fn ends(&self, reach: &Reach<'_>) -> Result<Vec<usize>, ScenarioError> {
        match self {
            Self::Lookback { scenarios, stressed } => {
                let newest = reach.newest(*scenarios)?;
                Ok(reach.missing_stress(stressed, newest.start)?.chain(newest).collect())
            }
            Self::Periods { periods } => {
                let mut ends = BTreeSet::new();
                for period in periods.iter().filter(|period| period.from <= reach.days[reach.last].date) {
                    ends.extend(reach.within(period, reach.last + 1)?);
                }
                match ends.is_empty() {
                    true => Err(ScenarioError::NoStressedPeriod { as_of: reach.as_of }),
                    false => Ok(ends.into_iter().collect()),
                }
            }
        }
    }
}

impl StressedPeriod {
    /// A period between two days, both included.
    #[must_use]
    pub fn new(name: &str, from: Date, to: Date) -> Self {
        Self { name: name.to_owned(), from, to }
    }

    /// Three periods of stress in dollar rates, assumed: from the failure of Lehman Brothers to the end of 2008; from
    /// the flight to quality to the end of the sales for cash in March 2020; from the failure of regional banks to the
    /// end of March 2023.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::new("2008 credit crisis", date(2008, 9, 15), date(2008, 12, 31)),
            Self::new("2020 dash for cash", date(2020, 2, 24), date(2020, 3, 31)),
            Self::new("2023 regional banks", date(2023, 3, 8), date(2023, 3, 31)),
        ]
    }
}

impl fmt::Display for StressedPeriod {
    /// `2008 credit crisis (2008-09-15 to 2008-12-31)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} to {})", self.name, self.from, self.to)
    }
}

/// What a history offers a window as of a day.
pub(super) struct Reach<'a> {
    /// All days of the curve's history, ascending.
    pub(super) days: &'a [CurveDay],
    /// Index of the first day that may be used: with a filter, the first of its seed.
    pub(super) first: usize,
    /// Index of the last day on or before the as-of day.
    pub(super) last: usize,
    /// Days that one scenario spans.
    pub(super) horizon: u16,
    /// The as-of day.
    pub(super) as_of: Date,
}

impl Reach<'_> {
    /// Whether the days that may be used reach for the seed of a filter.
    pub(super) fn check_seed(&self, seed_days: u16) -> Result<(), ScenarioError> {
        let (needed, held) = (usize::from(seed_days) + 1, self.held());
        if held < needed {
            let (from, as_of) = (self.from(), self.as_of);
            return Err(ScenarioError::SeedTooShort { from, as_of, held, needed, seed_days });
        }
        Ok(())
    }

    /// How many days may be used.
    fn held(&self) -> usize {
        (self.last + 1).saturating_sub(self.first)
    }

    /// The first day that may be used.
    fn from(&self) -> Date {
        self.days.get(self.first).map_or(self.as_of, |day| day.date)
    }

    fn newest(&self, scenarios: u32) -> Result<Range<usize>, ScenarioError> {
        let needed = scenarios as usize + usize::from(self.horizon);
        let held = self.held();
        if held < needed {
            let (from, as_of, horizon) = (self.from(), self.as_of, self.horizon);
            return Err(ScenarioError::TooShort { from, as_of, held, needed, scenarios, horizon });
        }
        Ok(self.last + 1 - scenarios as usize..self.last + 1)
    }

    /// The ends to add in front of a lookback that begins at an index: none where it holds a stressed period.
    fn missing_stress(&self, stressed: &[StressedPeriod], lookback: usize) -> Result<Range<usize>, ScenarioError> {
        let is_held = |period: &StressedPeriod| {
            let days = self.days_of(period);
            days.start >= lookback && !days.is_empty() && period.to <= self.as_of
        };
        if stressed.is_empty() || stressed.iter().any(is_held) {
            return Ok(0..0);
        }
        let before = stressed.iter().filter(|period| self.days_of(period).start < lookback);
        let latest = before.max_by_key(|period| (period.from, period.to));
        self.within(latest.ok_or(ScenarioError::NoStressedPeriod { as_of: self.as_of })?, lookback)
    }

    /// The days of a period that come before an index; at least one, and a scenario can end on each.
    fn within(&self, period: &StressedPeriod, before: usize) -> Result<Range<usize>, ScenarioError> {
        let days = self.days_of(period);
        let (period, horizon) = (period.clone(), usize::from(self.horizon));
        if days.start < horizon {
            let begins = self.days[0].date;
            return Err(ScenarioError::PeriodNotReached { period, begins, horizon: self.horizon });
        }
        if days.is_empty() {
            return Err(ScenarioError::PeriodEmpty { period });
        }
        if days.start < self.first + horizon {
            // With a filter alone; its seed was checked, so that a day follows its first.
            let (begins, first_forecast) = (self.days[days.start + 1 - horizon].date, self.days[self.first + 1].date);
            return Err(ScenarioError::PeriodBeforeForecasts { period, begins, first_forecast });
        }
        Ok(days.start..days.end.min(before))
    }

    /// Indices of the days of a period.
    fn days_of(&self, period: &StressedPeriod) -> Range<usize> {
        let index = |is_before: &dyn Fn(Date) -> bool| self.days.partition_point(|day| is_before(day.date));
        index(&|date| date < period.from)..index(&|date| date <= period.to)
    }
}

#[cfg(test)]
mod tests;
