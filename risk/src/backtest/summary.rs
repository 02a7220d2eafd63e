//! What a list of days says of a margin.

use std::cmp::Reverse;

use jiff::civil::Date;

use super::{
    BacktestError, DailyRecord, LIGHT_DAYS, Light, LikelihoodRatio, Transitions, Zones,
    likelihood::{share, tail_probability},
    proportion_of_failures,
};
use crate::measure::Confidence;

/// What a backtest found.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Days tested.
    pub days: usize,
    /// The first of them.
    pub first: Date,
    /// The last of them.
    pub last: Date,
    /// Days on which the loss was above the margin.
    pub breaches: usize,
    /// How many breaches the confidence allows on average: days times one less confidence.
    pub expected: f64,
    /// The share of days that the margin covered, 0 to 1.
    pub coverage: f64,
    /// Days that the light looks back on: [`LIGHT_DAYS`], or all where there are fewer.
    pub light_days: usize,
    /// Breaches among them.
    pub light_breaches: usize,
    /// Where the light changes for so many days.
    pub zones: Zones,
    /// The light.
    pub light: Light,
    /// Whether breaches come as often as the confidence says.
    pub frequency: LikelihoodRatio,
    /// What followed what.
    pub transitions: Transitions,
    /// Whether breaches come independently of each other.
    pub independence: LikelihoodRatio,
    /// Both together.
    pub conditional: LikelihoodRatio,
    /// Every breach, the largest excess first, of equal ones the earlier.
    pub worst: Vec<DailyRecord>,
    /// The longest run of breaches on days in a row, the earliest of equal ones; none without a breach.
    pub longest_run: Option<Run>,
}

/// Breaches on days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first day.
    pub first: Date,
    /// How many days.
    pub days: usize,
}

impl Summary {
    /// Reads the days of a backtest, in ascending order of date, against the confidence of the margin.
    ///
    /// # Errors
    /// Without a day.
    pub fn of(records: &[DailyRecord], confidence: Confidence) -> Result<Self, BacktestError> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Err(BacktestError::NoDays) };
        let flags: Vec<bool> = records.iter().map(DailyRecord::is_breach).collect();
        let days = records.len();
        let mut worst: Vec<DailyRecord> = records.iter().copied().filter(DailyRecord::is_breach).collect();
        worst.sort_by_key(|record| (Reverse(record.excess()), record.date));
        let recent = &flags[days.saturating_sub(LIGHT_DAYS)..];
        let light_breaches = recent.iter().filter(|is_breach| **is_breach).count();
        let zones = Zones::new(recent.len(), confidence);
        let transitions = Transitions::of(&flags);
        let frequency = proportion_of_failures(days, worst.len(), confidence)?;
        Ok(Self {
            days,
            first: first.date,
            last: last.date,
            breaches: worst.len(),
            expected: days as f64 * tail_probability(confidence),
            coverage: share(days - worst.len(), days),
            light_days: recent.len(),
            light_breaches,
            zones,
            light: zones.light(light_breaches),
            frequency,
            transitions,
            independence: transitions.independence(),
            conditional: transitions.conditional_coverage(frequency),
            longest_run: longest_run(records),
            worst,
        })
    }
}

fn longest_run(records: &[DailyRecord]) -> Option<Run> {
    let runs = records.chunk_by(|one, next| one.is_breach() == next.is_breach()).filter(|run| run[0].is_breach());
    // Of equal runs `max_by_key` would take the last.
    let longest = runs.rev().max_by_key(|run| run.len())?;
    Some(Run { first: longest[0].date, days: longest.len() })
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::date};

    use super::*;
    use crate::money::Usd;

    /// Days in a row with a margin of USD 100 and these realised results in USD.
    fn records(realised: &[i64]) -> Vec<DailyRecord> {
        let day = |(index, usd): (usize, &i64)| DailyRecord {
            date: date(2025, 1, 1) + i64::try_from(index).unwrap().days(),
            margin: Usd::from_cents(10_000),
            realised: Usd::from_cents(usd * 100),
        };
        realised.iter().enumerate().map(day).collect()
    }

    #[test]
    fn breaches_are_counted_ranked_and_found_in_runs() {
        let found = Summary::of(&records(&[5, -101, -300, 0, -100, -300, -102, 9, -150, 1]), Confidence::P99).unwrap();
        assert_eq!((found.days, found.breaches, found.coverage), (10, 5, 0.5));
        let ranked: Vec<i8> = found.worst.iter().map(|record| record.date.day()).collect();
        assert_eq!(ranked, [3, 6, 9, 7, 2], "the largest excess first, of equal ones the earlier");
        assert_eq!(found.longest_run, Some(Run { first: date(2025, 1, 2), days: 2 }), "of equal runs the earlier");
        assert_eq!(
            found.transitions,
            Transitions { covered_covered: 1, covered_breach: 3, breach_covered: 3, breach_breach: 2 }
        );
        assert_eq!((found.first, found.last), (date(2025, 1, 1), date(2025, 1, 10)));
        assert!((found.expected - 0.1).abs() < 1e-15);
    }

    #[test]
    fn the_light_looks_back_on_the_last_250_days() {
        // Ten breaches long ago, four of late.
        let mut realised = vec![-101; 10];
        realised.extend([0; 246]);
        realised.extend([-101; 4]);
        let found = Summary::of(&records(&realised), Confidence::P99).unwrap();
        assert_eq!((found.breaches, found.light_days, found.light_breaches, found.light), (14, 250, 4, Light::Green));
        realised.push(-101);
        let found = Summary::of(&records(&realised), Confidence::P99).unwrap();
        assert_eq!((found.light_breaches, found.light), (5, Light::Yellow));
    }

    #[test]
    fn a_backtest_without_a_breach_and_without_a_day_has_its_answer() {
        let found = Summary::of(&records(&[0; 250]), Confidence::P99).unwrap();
        assert_eq!((found.breaches, found.light, found.longest_run), (0, Light::Green, None));
        assert_eq!(found.coverage, 1.0);
        assert_eq!(Summary::of(&[], Confidence::P99), Err(BacktestError::NoDays));
    }
}
