//! Histories of the par yield curve and of the overnight rate, exact as published.

mod csv;

use std::fmt;

use jiff::civil::Date;

use crate::{numeric::interpolated, scenario::Tenor};

pub use csv::{CsvFile, CsvProblem, CsvProblems};

/// A rate in 1e-4 per cent: 4.69 % is 46,900. Yields are published to a hundredth, some rates to a thousandth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(i32);

impl Rate {
    /// Units in one per cent.
    pub const UNITS_PER_PER_CENT: i32 = 10_000;
    /// The largest magnitude taken for a rate: 100 %.
    pub const LARGEST: Self = Self(100 * Self::UNITS_PER_PER_CENT);

    /// A rate given in 1e-4 per cent.
    #[must_use]
    pub const fn from_units(units: i32) -> Self {
        Self(units)
    }

    /// The rate in 1e-4 per cent.
    #[must_use]
    pub const fn units(self) -> i32 {
        self.0
    }

    /// The rate in per cent: one correctly rounded division.
    #[must_use]
    pub fn per_cent(self) -> f64 {
        f64::from(self.0) / f64::from(Self::UNITS_PER_PER_CENT)
    }

    fn is_plausible(self) -> bool {
        self.0.unsigned_abs() <= Self::LARGEST.0.unsigned_abs()
    }
}

/// The par yields of one day at the [`Tenor::STANDARD`] points, `None` where nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurveDay {
    /// The day.
    pub date: Date,
    /// Semiannual bond-basis yields, one a standard tenor.
    pub yields: [Option<Rate>; Tenor::STANDARD.len()],
}

/// The overnight rate of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OvernightDay {
    /// The day for which the rate holds.
    pub date: Date,
    /// The rate.
    pub rate: Rate,
}

/// A history of par yield curves: days ascending, each with at least one yield.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveHistory {
    days: Vec<CurveDay>,
}

/// A history of the overnight rate (SOFR, and before it a rate that stands in for it): days ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OvernightHistory {
    days: Vec<OvernightDay>,
}

/// One thing wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryProblem {
    /// There is no day in it.
    #[error("the history holds no day")]
    Empty,
    /// A date is not after the one before it.
    #[error("{date} follows {before}: dates must ascend, each once")]
    NotAscending {
        /// The date out of order.
        date: Date,
        /// The date in front of it.
        before: Date,
    },
    /// A day without any yield.
    #[error("{date} has no yield at any standard tenor: leave the day out")]
    NoYield {
        /// The day.
        date: Date,
    },
    /// A rate beyond all experience, likely a wrong unit.
    #[error("{date}{tenor} has a rate of {} per cent: rates are per cent a year, between -100 and 100", .rate.per_cent())]
    Implausible {
        /// The day.
        date: Date,
        /// The tenor, or the overnight rate.
        tenor: SeriesName,
        /// The rate.
        rate: Rate,
    },
}

/// Names a series inside a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesName {
    /// A point of the curve.
    Curve(Tenor),
    /// The overnight rate.
    Overnight,
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curve(tenor) => write!(f, ", tenor {tenor},"),
            Self::Overnight => f.write_str(", overnight,"),
        }
    }
}

/// All that is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct HistoryProblems(pub Vec<HistoryProblem>);

impl fmt::Display for HistoryProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0)
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, problems: &[impl fmt::Display]) -> fmt::Result {
    for (index, problem) in problems.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        write!(f, "{separator}{problem}")?;
    }
    Ok(())
}

impl CurveHistory {
    /// A history of these days.
    ///
    /// # Errors
    /// All problems at once: no day, dates that do not ascend, days without a yield, implausible yields.
    pub fn new(days: Vec<CurveDay>) -> Result<Self, HistoryProblems> {
        let mut problems = date_problems(days.iter().map(|day| day.date));
        for day in &days {
            if day.yields.iter().all(Option::is_none) {
                problems.push(HistoryProblem::NoYield { date: day.date });
            }
            for (tenor, rate) in Tenor::STANDARD.into_iter().zip(day.yields) {
                if let Some(rate) = rate.filter(|rate| !rate.is_plausible()) {
                    problems.push(HistoryProblem::Implausible {
                        date: day.date,
                        tenor: SeriesName::Curve(tenor),
                        rate,
                    });
                }
            }
        }
        if problems.is_empty() { Ok(Self { days }) } else { Err(HistoryProblems(problems)) }
    }

    /// The days, ascending.
    #[must_use]
    pub fn days(&self) -> &[CurveDay] {
        &self.days
    }

    /// Index of the last day on or before a date.
    #[must_use]
    pub fn index_at(&self, date: Date) -> Option<usize> {
        self.days.partition_point(|day| day.date <= date).checked_sub(1)
    }

    /// The yields of a day in per cent at every standard tenor. A blank tenor is interpolated in months to maturity
    /// between the nearest given ones, and takes the nearest one's yield outside them. `None` past the last day.
    #[must_use]
    pub fn filled(&self, index: usize) -> Option<[f64; Tenor::STANDARD.len()]> {
        let day = self.days.get(index)?;
        fill(&day.yields.map(|rate| rate.map(Rate::per_cent)))
    }

    /// The change of the curve from one day to a later one, in percentage points.
    ///
    /// A tenor that is blank on either day takes its *change* from the neighbours given on both days, interpolated in
    /// months to maturity and flat outside: filling the levels instead would read the first quotation of a tenor as a
    /// move of the market. `None` past the last day, or where the two days share no tenor.
    #[must_use]
    pub fn change(&self, from: usize, to: usize) -> Option<[f64; Tenor::STANDARD.len()]> {
        let (from, to) = (self.days.get(from)?, self.days.get(to)?);
        let mut changes = [None; Tenor::STANDARD.len()];
        for (change, (from, to)) in changes.iter_mut().zip(from.yields.into_iter().zip(to.yields)) {
            *change = from.zip(to).map(|(from, to)| difference(from, to));
        }
        fill(&changes)
    }

    /// BLAKE3 of the published yields, blanks as blanks: two houses with equal histories have equal digests.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("crossmargin risk 2026 par yield curve history");
        for day in &self.days {
            hash_date(&mut hasher, day.date);
            for rate in day.yields {
                match rate {
                    Some(rate) => hasher.update(&[1]).update(&rate.0.to_le_bytes()),
                    None => hasher.update(&[0]),
                };
            }
        }
        *hasher.finalize().as_bytes()
    }
}

impl OvernightHistory {
    /// A history of these days.
    ///
    /// # Errors
    /// All problems at once: no day, dates that do not ascend, implausible rates.
    pub fn new(days: Vec<OvernightDay>) -> Result<Self, HistoryProblems> {
        let mut problems = date_problems(days.iter().map(|day| day.date));
        for day in days.iter().filter(|day| !day.rate.is_plausible()) {
            problems.push(HistoryProblem::Implausible { date: day.date, tenor: SeriesName::Overnight, rate: day.rate });
        }
        if problems.is_empty() { Ok(Self { days }) } else { Err(HistoryProblems(problems)) }
    }

    /// The days, ascending.
    #[must_use]
    pub fn days(&self) -> &[OvernightDay] {
        &self.days
    }

    /// The last day on or before a date.
    #[must_use]
    pub fn at(&self, date: Date) -> Option<OvernightDay> {
        self.days.get(self.days.partition_point(|day| day.date <= date).checked_sub(1)?).copied()
    }

    /// BLAKE3 of the published rates.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("crossmargin risk 2026 overnight rate history");
        for day in &self.days {
            hash_date(&mut hasher, day.date);
            hasher.update(&day.rate.0.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// `to - from` in percentage points, from an exact difference.
pub(crate) fn difference(from: Rate, to: Rate) -> f64 {
    // Both are at most 100 %: the difference fits.
    Rate(to.0 - from.0).per_cent()
}

pub(crate) fn hash_date(hasher: &mut blake3::Hasher, date: Date) {
    hasher.update(&date.year().to_le_bytes()).update(&date.month().to_le_bytes()).update(&date.day().to_le_bytes());
}

fn date_problems(dates: impl Iterator<Item = Date>) -> Vec<HistoryProblem> {
    let mut problems = Vec::new();
    let mut before: Option<Date> = None;
    for date in dates {
        if let Some(before) = before.filter(|before| *before >= date) {
            problems.push(HistoryProblem::NotAscending { date, before });
        }
        before = Some(date);
    }
    if before.is_none() {
        problems.push(HistoryProblem::Empty);
    }
    problems
}

/// Fills blanks linearly in months to maturity between the nearest given values, flat outside. `None` where nothing is
/// given.
fn fill(values: &[Option<f64>; Tenor::STANDARD.len()]) -> Option<[f64; Tenor::STANDARD.len()]> {
    let months = |index: usize| f64::from(Tenor::STANDARD[index].0);
    let mut filled = [0.0; Tenor::STANDARD.len()];
    for (index, slot) in filled.iter_mut().enumerate() {
        let below = (0..=index).rev().find_map(|i| values[i].map(|value| (i, value)));
        let above = (index..values.len()).find_map(|i| values[i].map(|value| (i, value)));
        *slot = match (below, above) {
            (Some((low, value)), Some((high, _))) if low == high => value,
            (Some((low, low_value)), Some((high, high_value))) => {
                interpolated((months(low), low_value), (months(high), high_value), months(index))
            }
            (Some((_, value)), None) | (None, Some((_, value))) => value,
            (None, None) => return None,
        };
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn day(day: i8, given: &[(usize, i32)]) -> CurveDay {
        let mut yields = [None; Tenor::STANDARD.len()];
        for (index, units) in given {
            yields[*index] = Some(Rate::from_units(*units));
        }
        CurveDay { date: date(2020, 5, day), yields }
    }

    #[test]
    fn a_history_names_all_that_is_wrong_with_it() {
        let problems =
            CurveHistory::new(vec![day(2, &[(0, 100)]), day(1, &[]), day(1, &[(3, 2_000_000)])]).unwrap_err().0;
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(matches!(problems[0], HistoryProblem::NotAscending { .. }));
        assert!(matches!(problems[1], HistoryProblem::NotAscending { .. }));
        assert!(matches!(problems[2], HistoryProblem::NoYield { .. }));
        assert!(matches!(problems[3], HistoryProblem::Implausible { tenor: SeriesName::Curve(Tenor(12)), .. }));
        assert_eq!(CurveHistory::new(vec![]).unwrap_err().0, [HistoryProblem::Empty]);
        assert_eq!(OvernightHistory::new(vec![]).unwrap_err().0, [HistoryProblem::Empty]);
    }

    #[test]
    fn a_blank_is_filled_between_its_neighbours_and_flat_outside() {
        // 1Y 1.00, 3Y 3.00, 10Y 4.00: 2Y lies halfway, 1M and 30Y are outside.
        let history = CurveHistory::new(vec![day(1, &[(3, 10_000), (5, 30_000), (8, 40_000)])]).unwrap();
        let filled = history.filled(0).unwrap();
        assert_eq!(filled[4], 2.0);
        assert_eq!(filled[0], 1.0);
        assert_eq!(filled[10], 4.0);
        assert_eq!(history.filled(1), None);
    }

    #[test]
    fn the_first_quotation_of_a_tenor_is_not_a_move_of_the_market() {
        // The 20-year point appears on the second day, far from where the level would be interpolated.
        let history = CurveHistory::new(vec![
            day(1, &[(8, 10_000), (10, 12_000)]),
            day(2, &[(8, 10_200), (9, 15_000), (10, 12_400)]),
        ])
        .unwrap();
        let change = history.change(0, 1).unwrap();
        assert_eq!((change[8], change[10]), (0.02, 0.04));
        assert!((change[9] - 0.03).abs() < 1e-15, "{}", change[9]);
    }

    #[test]
    fn a_digest_tells_a_blank_from_a_zero() {
        let of = |given: &[(usize, i32)]| CurveHistory::new(vec![day(1, given)]).unwrap().digest();
        assert_ne!(of(&[(0, 0), (1, 5)]), of(&[(1, 5)]));
        assert_eq!(of(&[(1, 5)]), of(&[(1, 5)]));
    }
}
