//! The overnight rates that were fixed: SOFR and the effective Fed funds rate, day by day.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{calendar::Calendar, date::days_between, fixed::Fixed8};

/// An overnight rate with a published fixing for each business day of its calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OvernightRate {
    /// The Secured Overnight Financing Rate.
    Sofr,
    /// The effective Fed funds rate.
    FedFunds,
}

/// The fixings of one overnight rate, in per cent, by the day for which the rate holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixings {
    rate: OvernightRate,
    by_day: BTreeMap<Date, Fixed8>,
}

/// A fixing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("the {rate} fixing of {day} is missing")]
pub struct MissingFixing {
    /// The rate.
    pub rate: OvernightRate,
    /// The business day without a fixing.
    pub day: Date,
}

/// Days for which one fixing holds: a business day and the weekend or holidays after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedDays {
    /// The fixing, in per cent, ACT/360.
    pub rate: Fixed8,
    /// The number of calendar days.
    pub days: i64,
}

impl OvernightRate {
    /// The calendar of the days on which the rate is fixed.
    #[must_use]
    pub fn calendar(self) -> Calendar {
        match self {
            Self::Sofr => Calendar::UsGovernmentBond,
            Self::FedFunds => Calendar::FederalReserve,
        }
    }
}

impl std::fmt::Display for OvernightRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Sofr => "SOFR",
            Self::FedFunds => "effective Fed funds",
        })
    }
}

impl Fixings {
    /// The fixings of a rate; of two for one day the later in `fixings` counts.
    #[must_use]
    pub fn new(rate: OvernightRate, fixings: impl IntoIterator<Item = (Date, Fixed8)>) -> Self {
        Self { rate, by_day: fixings.into_iter().collect() }
    }

    /// Which rate it is.
    #[must_use]
    pub fn rate(&self) -> OvernightRate {
        self.rate
    }

    /// Every day with its fixing, in order of date.
    pub fn iter(&self) -> impl Iterator<Item = (Date, Fixed8)> {
        self.by_day.iter().map(|(&day, &rate)| (day, rate))
    }

    /// The rate that holds on a calendar day: the fixing of that day, or of the last business day before it.
    ///
    /// # Errors
    ///
    /// [`MissingFixing`] when that business day has none.
    pub fn on(&self, day: Date) -> Result<Fixed8, MissingFixing> {
        let day = self.rate.calendar().on_or_before(day);
        self.by_day.get(&day).copied().ok_or(MissingFixing { rate: self.rate, day })
    }

    /// The rates of the calendar days from `start` up to, but not including, `end`, runs of equal ones together.
    ///
    /// # Errors
    ///
    /// [`MissingFixing`] for the first business day without one.
    pub fn over(&self, start: Date, end: Date) -> Result<Vec<FixedDays>, MissingFixing> {
        let mut runs = Vec::new();
        let mut day = start;
        while day < end {
            let next = self.rate.calendar().next(day).min(end);
            runs.push(FixedDays { rate: self.on(day)?, days: days_between(day, next) });
            day = next;
        }
        Ok(runs)
    }

    /// The business days from `start` up to, but not including, `end` whose rate holds there and is missing.
    #[must_use]
    pub fn missing(&self, start: Date, end: Date) -> Vec<MissingFixing> {
        let mut missing = Vec::new();
        let mut day = start;
        while day < end {
            missing.extend(self.on(day).err());
            day = self.rate.calendar().next(day);
        }
        missing
    }

    /// The growth of 1 invested overnight at the fixings from `start` up to `end`: weekends and holidays earn simple
    /// interest at the rate of the business day before them.
    ///
    /// # Errors
    ///
    /// [`MissingFixing`] for the first business day without one.
    pub fn growth(&self, start: Date, end: Date) -> Result<f64, MissingFixing> {
        let runs = self.over(start, end)?;
        Ok(runs.iter().fold(1.0, |growth, run| growth * (1.0 + run.rate.to_f64() * run.days as f64 / 36_000.0)))
    }
}
