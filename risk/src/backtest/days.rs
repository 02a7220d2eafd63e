//! The days of a history on which a margin can be tested.

use jiff::civil::Date;

use super::BacktestError;
use crate::history::CurveHistory;

/// A day with a margin, and the day at which its result is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestDay {
    /// Index of the day in the curve's history.
    pub index: usize,
    /// The day.
    pub date: Date,
    /// The day of the history that is the horizon after it.
    pub end: Date,
}

/// The last `window` days of a history, ascending, for which the `horizon` days after them are known as of a day. Days
/// are days of the history: a holiday, or a gap, is none.
///
/// # Errors
/// A window or a horizon of no day; a history that is too short.
pub fn test_days(
    history: &CurveHistory,
    as_of: Date,
    window: usize,
    horizon: u16,
) -> Result<Vec<TestDay>, BacktestError> {
    if window == 0 {
        return Err(BacktestError::NoDays);
    }
    if horizon == 0 {
        return Err(BacktestError::NoHorizon);
    }
    let span = usize::from(horizon);
    let held = history.index_at(as_of).map_or(0, |last| last + 1);
    let needed = window.saturating_add(span);
    if held < needed {
        return Err(BacktestError::TooShort { held, needed, as_of, window, horizon });
    }
    let date = |index: usize| history.days()[index].date;
    Ok((held - needed..held - span)
        .map(|index| TestDay { index, date: date(index), end: date(index + span) })
        .collect())
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::date};

    use super::*;
    use crate::{
        history::{CurveDay, Rate},
        scenario::Tenor,
    };

    fn history(days: i64) -> CurveHistory {
        let day = |index: i64| CurveDay {
            date: date(2025, 1, 1) + index.days(),
            yields: [Some(Rate::from_units(40_000)); Tenor::STANDARD.len()],
        };
        CurveHistory::new((0..days).map(day).collect()).unwrap()
    }

    #[test]
    fn the_last_day_tested_is_the_last_whose_result_is_known() {
        let days = test_days(&history(10), date(2025, 1, 9), 3, 2).unwrap();
        let expected = [4, 5, 6].map(|index| TestDay {
            index,
            date: date(2025, 1, i8::try_from(index + 1).unwrap()),
            end: date(2025, 1, i8::try_from(index + 3).unwrap()),
        });
        assert_eq!(days, expected);
    }

    #[test]
    fn a_history_that_is_too_short_says_what_it_holds_and_what_is_needed() {
        let history = history(10);
        assert!(test_days(&history, date(2025, 1, 10), 8, 2).is_ok());
        let error = test_days(&history, date(2025, 1, 10), 9, 2).unwrap_err();
        assert!(matches!(error, BacktestError::TooShort { held: 10, needed: 11, .. }), "{error}");
        let error = test_days(&history, date(2024, 1, 1), 1, 1).unwrap_err();
        assert!(matches!(error, BacktestError::TooShort { held: 0, needed: 2, .. }), "{error}");
        assert_eq!(test_days(&history, date(2025, 1, 10), 0, 1), Err(BacktestError::NoDays));
        assert_eq!(test_days(&history, date(2025, 1, 10), 1, 0), Err(BacktestError::NoHorizon));
    }
}
