use jiff::ToSpan;

use super::*;
use crate::{history::Rate, scenario::Tenor};

/// One day of May 2020 after the other, each by its day of the month.
fn days(of_may: &[i8]) -> Vec<CurveDay> {
    let yields = [Some(Rate::from_units(10_000)); Tenor::STANDARD.len()];
    of_may.iter().map(|day| CurveDay { date: date(2020, 5, *day), yields }).collect()
}

fn may(name: &str, from: i64, to: i64) -> StressedPeriod {
    let day = |of_may: i64| date(2020, 5, 1) + (of_may - 1).days();
    StressedPeriod::new(name, day(from), day(to))
}

/// The days of May on which scenarios of two days end, as of 20 May, from a history of 3 to 25 May without the 8th.
fn ends(window: &ScenarioWindow, first: usize) -> Result<Vec<i8>, ScenarioError> {
    let days = days(&(3..=25).filter(|day| *day != 8).collect::<Vec<i8>>());
    let last = days.iter().position(|day| day.date == date(2020, 5, 20)).unwrap();
    let reach = Reach { days: &days, first, last, horizon: 2, as_of: date(2020, 5, 20) };
    window.check()?;
    Ok(window.ends(&reach)?.into_iter().map(|end| days[end].date.day()).collect())
}

fn lookback(scenarios: u32, stressed: &[StressedPeriod]) -> ScenarioWindow {
    ScenarioWindow::Lookback { scenarios, stressed: stressed.to_vec() }
}

#[test]
fn a_lookback_that_holds_no_stressed_period_gets_the_latest_before_it() {
    let of = |stressed: &[StressedPeriod]| ends(&lookback(3, stressed), 0).unwrap();
    let newest = [18, 19, 20];
    assert_eq!(of(&[]), newest);
    // Wholly within, to the day.
    assert_eq!(of(&[may("old", 5, 6), may("held", 18, 20)]), newest);
    // The latest before, in whichever order they are listed; a day without a curve is no scenario.
    assert_eq!(of(&[may("late", 7, 10), may("old", 5, 6)]), [7, 9, 10, 18, 19, 20]);
    assert_eq!(of(&[may("old", 5, 6), may("late", 7, 10)]), [7, 9, 10, 18, 19, 20]);
    // Overlapping: the earlier part alone, no date twice.
    assert_eq!(of(&[may("old", 5, 6), may("overlapping", 16, 19)]), [16, 17, 18, 19, 20]);
    assert_eq!(of(&[may("around", 17, 24)]), [17, 18, 19, 20]);
    // Not over yet as of the day, or still to come: an earlier one is needed.
    assert_eq!(of(&[may("old", 5, 6), may("lasting", 19, 21), may("to come", 23, 24)]), [5, 6, 18, 19, 20]);
}

#[test]
fn periods_give_each_of_their_days_once_up_to_the_as_of_day() {
    let of = |periods: &[StressedPeriod]| ends(&ScenarioWindow::Periods { periods: periods.to_vec() }, 0).unwrap();
    assert_eq!(of(&[may("two", 18, 24), may("one", 6, 9)]), [6, 7, 9, 18, 19, 20]);
    assert_eq!(of(&[may("one", 6, 10), may("two", 9, 11)]), [6, 7, 9, 10, 11]);
    assert_eq!(of(&[may("one", 6, 6), may("to come", 21, 24)]), [6]);
}

#[test]
fn a_period_that_the_history_cannot_give_is_refused_by_its_name() {
    let periods = |period: StressedPeriod| ScenarioWindow::Periods { periods: vec![period] };
    let cases = [
        // The 3rd and the 4th are needed for a move that ends on the 5th.
        (periods(may("early", 4, 9)), 0, "the stressed period early (2020-05-04 to 2020-05-09) needs 2 days"),
        (periods(may("earlier", -40, -30)), 0, "the stressed period earlier"),
        (lookback(3, &[may("early", 4, 9)]), 0, "the stressed period early"),
        (periods(may("hole", 8, 8)), 0, "the curve's history holds no day of the stressed period hole"),
        (lookback(3, &[may("hole", 8, 8)]), 0, "the curve's history holds no day of the stressed period hole"),
        // A filter from the 5th on has its first forecast for the 6th; a move that ends on the 6th begins on the 5th.
        (periods(may("unseen", 6, 9)), 2, "the stressed period unseen (2020-05-06 to 2020-05-09): its first scenario"),
        (lookback(3, &[may("unseen", 6, 9)]), 2, "the stressed period unseen"),
        (periods(may("to come", 21, 22)), 0, "no stressed period begins early enough to count as of 2020-05-20"),
        (lookback(3, &[may("to come", 21, 22)]), 0, "no stressed period begins early enough"),
        (lookback(3, &[may("lasting", 19, 21)]), 0, "no stressed period begins early enough"),
        (lookback(17, &[]), 0, "the curve's history holds 17 days from 2020-05-03 to 2020-05-20, but 17 scenarios"),
        (lookback(3, &[may("turned", 9, 8)]), 0, "scenario rule: the stressed period turned"),
        (periods(may(" ", 8, 9)), 0, "scenario rule: the stressed period"),
        (lookback(0, &[]), 0, "scenario rule: scenarios is 0"),
    ];
    for (window, first, expected) in cases {
        let error = ends(&window, first).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    // One day later each is given.
    assert_eq!(ends(&periods(may("early", 5, 5)), 0).unwrap(), [5]);
    assert_eq!(ends(&periods(may("seen", 7, 7)), 2).unwrap(), [7]);
}

#[test]
fn the_default_periods_are_in_order() {
    let periods = StressedPeriod::defaults();
    assert!(ScenarioWindow::Periods { periods: periods.clone() }.check().is_ok());
    assert!(periods.is_sorted_by(|one, next| one.to < next.from));
}
