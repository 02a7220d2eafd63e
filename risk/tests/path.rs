//! Paths of stressed days against revaluation and the laws of the filter.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{BUSINESS_DATE, instruments, market, scenarios};
use proptest::prelude::*;
use risk::{
    calendar::Calendar,
    fixed::Fixed8,
    history::{CurveDay, CurveHistory, OvernightDay, OvernightHistory, Rate},
    instrument::Instrument,
    path::{DayMove, Path, PathError},
    revaluation::Revaluer,
    scenario::{ScenarioRule, ScenarioSet, Tenor, VolatilityFilter},
};

/// 1e-4 per cent in a percentage point.
const UNITS: f64 = 10_000.0;

/// Histories of so many days that end on the business date, moving to and fro by three basis points.
fn histories(days: u32) -> (CurveHistory, OvernightHistory) {
    let mut dates = vec![BUSINESS_DATE];
    while dates.len() < days as usize {
        let before = Calendar::UsGovernmentBond.previous(*dates.last().unwrap());
        dates.push(before);
    }
    dates.reverse();
    let rate = |at: usize| Rate::from_units(40_000 + 300 * i32::from(u8::try_from(at % 2).unwrap()));
    let mut curve: Vec<CurveDay> = (dates.iter().enumerate())
        .map(|(at, &date)| CurveDay { date, yields: [Some(rate(at)); Tenor::STANDARD.len()] })
        .collect();
    // A tenor that the newest day does not publish stays blank.
    curve.last_mut().unwrap().yields[9] = None;
    let overnight = dates.iter().enumerate().map(|(at, &date)| OvernightDay { date, rate: rate(at) });
    // The newest fixing is that of the day before.
    let overnight = overnight.take(days as usize - 1).collect();
    (CurveHistory::new(curve).unwrap(), OvernightHistory::new(overnight).unwrap())
}

fn parallel(units: i32) -> DayMove {
    DayMove { overnight: units, curve: [units; Tenor::STANDARD.len()] }
}

fn filtered() -> ScenarioRule {
    let filter = VolatilityFilter { seed_from: jiff::civil::date(2000, 1, 3), ..VolatilityFilter::default_filter() };
    ScenarioRule::filtered(1, 300, filter)
}

#[test]
fn a_path_of_nothing_leaves_the_market_as_it_is_while_the_filter_forgets() {
    let (start, (curve, overnight)) = (market(), histories(700));
    let path = Path::new(&start, &curve, &overnight, &[DayMove::default(); 5]).unwrap();
    assert_eq!(path.dates()[0], Calendar::UsGovernmentBond.next(BUSINESS_DATE));
    assert!(path.dates().is_sorted() && path.dates().len() == 5);
    for day in 0..5 {
        assert_eq!(path.market(day).unwrap().unwrap(), start);
    }
    assert!(path.market(5).is_none());
    let rows = path.profits(&instruments(&start)).unwrap();
    assert!(rows.iter().all(|row| row.as_slice() == [0; 5]));
    let largest = |as_of| {
        let set = filtered().scenarios(path.curve_history(), Some(path.overnight_history()), as_of).unwrap();
        set.curve_shifts.iter().copied().fold(0.0, f64::max)
    };
    let by_day: Vec<f64> = [BUSINESS_DATE].iter().chain(path.dates()).map(|day| largest(*day)).collect();
    assert!(by_day.windows(2).all(|pair| pair[1] < pair[0]), "{by_day:?}");
}

#[test]
fn a_shock_is_a_scenario_of_its_day_and_raises_the_forecast() {
    let (start, (curve, overnight)) = (market(), histories(700));
    let path = Path::new(&start, &curve, &overnight, &[parallel(4_000), DayMove::default()]).unwrap();
    let sets = |rule: &ScenarioRule, as_of| {
        rule.scenarios(path.curve_history(), Some(path.overnight_history()), as_of).unwrap()
    };
    let plain = ScenarioRule::overlapping(1, 300);
    let of_the_day = sets(&plain, path.dates()[0]);
    let last = of_the_day.len() - 1;
    assert_eq!(of_the_day.dates[last], path.dates()[0]);
    assert!(of_the_day.curve_shift(last).iter().all(|shift| *shift == 0.4), "{:?}", of_the_day.curve_shift(last));
    assert_eq!(of_the_day.overnight_shifts[last], 0.4);
    let newest = |set: &ScenarioSet| set.curve_shift(0)[8].abs();
    // 0.4 points after a steady 0.03: the variance becomes 0.97 of what it was and 0.03 of the square.
    let rise = newest(&sets(&filtered(), path.dates()[0])) / newest(&sets(&filtered(), BUSINESS_DATE));
    let expected = (0.97 + 0.03 * (0.4 / 0.03) * (0.4 / 0.03_f64)).sqrt();
    assert!((rise - expected).abs() < 1e-6, "{rise} and {expected}");
    // Histories that go on past the business date give the same path.
    let day = CurveDay { date: path.dates()[0], yields: [Some(Rate::from_units(1)); Tenor::STANDARD.len()] };
    let longer = CurveHistory::new(curve.days().iter().copied().chain([day]).collect()).unwrap();
    let same = Path::new(&start, &longer, &overnight, &[parallel(4_000), DayMove::default()]).unwrap();
    assert_eq!(same.curve_history(), path.curve_history());
}

#[test]
fn prices_of_a_day_value_instruments_as_the_paths_profit_says() {
    let (start, (curve, overnight)) = (market(), histories(30));
    let mut twist = parallel(2_500);
    for (tenor, change) in twist.curve.iter_mut().enumerate() {
        *change -= 173 * i32::try_from(tenor).unwrap();
    }
    let path = Path::new(&start, &curve, &overnight, &[parallel(-1_234), twist]).unwrap();
    let before = Revaluer::without_scenarios(&start);
    for day in 0..2 {
        let market = path.market(day).unwrap().unwrap();
        let after = Revaluer::without_scenarios(&market);
        for instrument in instruments(&start) {
            if matches!(instrument, Instrument::Cash { .. }) {
                // A dollar is not discounted in its unit value.
                continue;
            }
            let gain = path.profits(&[instrument]).unwrap()[0][day];
            let value = after.unit_value(instrument).unwrap() - before.unit_value(instrument).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "a P&L of a unit fits a double's mantissa")]
            let error = value - gain as f64 / 1e8;
            assert!(error.abs() < 5e-8, "{instrument} on day {day}: {value} and {gain}");
        }
    }
    // What discounts a dollar moves with it: the curve at each point, and where it begins.
    let moved = path.market(0).unwrap().unwrap();
    let gap = |one: Fixed8, next: Fixed8| next.units() - one.units();
    assert!(start.par_curve().iter().zip(moved.par_curve()).all(|(one, next)| gap(one.1, next.1) == -12_340_000));
    assert_eq!(gap(start.overnight(), moved.overnight()), -12_340_000);
}

#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let (start, (curve, overnight)) = (market(), histories(30));
    let beyond = Path::new(&start, &curve, &overnight, &[parallel(i32::MAX), parallel(i32::MAX)]).unwrap_err();
    assert!(matches!(beyond, PathError::History(_)), "{beyond}");
    // 4 per cent less 30: no price, or no rate, can be that.
    let below = Path::new(&start, &curve, &overnight, &[parallel(-300_000)]);
    let below = below.and_then(|path| path.market(0).unwrap()).unwrap_err();
    assert!(matches!(below, PathError::Market { .. } | PathError::Value(_)), "{below}");
    let late = CurveHistory::new(vec![CurveDay {
        date: Calendar::UsGovernmentBond.next(BUSINESS_DATE),
        yields: [Some(Rate::from_units(1)); Tenor::STANDARD.len()],
    }]);
    let late = Path::new(&start, &late.unwrap(), &overnight, &[parallel(1)]).unwrap_err();
    assert!(late.to_string().contains("2026-02-10"), "{late}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn profit_is_that_of_the_sum_of_the_moves_to_the_last_digit(
        moves in prop::collection::vec((-3_000..3_000_i32, prop::array::uniform11(-3_000..3_000_i32)), 1..5),
    ) {
        let (start, (curve, overnight)) = (market(), histories(10));
        let days: Vec<DayMove> = moves.iter().map(|&(overnight, curve)| DayMove { overnight, curve }).collect();
        let path = Path::new(&start, &curve, &overnight, &days).unwrap();
        let points = |units: i32| f64::from(units) / UNITS;
        let overnight = points(moves.iter().map(|day| day.0).sum());
        let curve = std::array::from_fn(|tenor| points(moves.iter().map(|day| day.1[tenor]).sum()));
        let sum = scenarios(&[(overnight, curve)]);
        let revaluer = Revaluer::new(&start, &sum).unwrap();
        let all = instruments(&start);
        for (instrument, row) in all.iter().zip(path.profits(&all).unwrap()) {
            prop_assert_eq!(row.last().copied(), revaluer.row(*instrument).unwrap().first().copied());
        }
    }
}
