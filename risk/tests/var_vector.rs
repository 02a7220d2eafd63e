//! The value at risk of a ten-year par bond over ten published years, against figures that an independent program
//! computed from the same data. Runs on `ust_par_yield_daily.csv` in the folder that `CROSSMARGIN_DATA` names.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::PathBuf};

use jiff::civil::date;
use risk::{
    history::{CsvFile, CurveHistory},
    kernel::{AccountTails, Legs, Level, Position, ScenarioMatrix},
    measure::{expected_shortfall, value_at_risk},
    money::Usd,
    revaluation::ParBond,
    scenario::{ScenarioRule, ScenarioSet, Tenor, VolatilityFilter},
};

/// USD 100 million in units of USD 100 face.
const UNITS: i64 = 1_000_000;

#[test]
fn the_published_years_give_the_vector_to_the_cent() {
    let Some(history) = published_history() else { return };
    let as_of = date(2025, 12, 31);

    let three_day = ScenarioRule::overlapping(3, 2_500).scenarios(&history, None, as_of).unwrap();
    assert_eq!((three_day.dates[0], three_day.dates[2_499]), (date(2015, 12, 31), as_of));
    let long = tails(&history, &three_day, UNITS);
    assert_eq!(cents(value_at_risk(&long.first)), "1843739.15");
    assert_eq!(cents(expected_shortfall(&long.first).mean()), "2319847.63");
    assert_eq!(cents(Usd::from_units(-long.first.worst[0].pnl)), "3569643.94");
    // The 24th to 26th losses tie.
    assert_eq!(long.first.worst[23].pnl, long.first.worst[24].pnl);
    assert!(long.first.worst[23].scenario < long.first.worst[24].scenario);
    let short = tails(&history, &three_day, -UNITS);
    assert_eq!(cents(value_at_risk(&short.first)), "1967864.53");

    let filter = VolatilityFilter::default_filter();
    for (rule, var) in
        [(ScenarioRule::overlapping(1, 2_500), "1127122.23"), (ScenarioRule::filtered(1, 2_500, filter), "660579.54")]
    {
        let set = rule.scenarios(&history, None, as_of).unwrap();
        assert_eq!(cents(value_at_risk(&tails(&history, &set, UNITS).first)), var);
    }
}

#[test]
fn the_seed_of_the_filter_has_decayed_before_the_first_scenario() {
    let Some(history) = published_history() else { return };
    let filter = VolatilityFilter::default_filter();
    let other = VolatilityFilter { seed_from: date(2010, 1, 4), seed_days: 60, ..filter };
    let var = |filter| {
        let set = ScenarioRule::filtered(1, 2_500, filter).scenarios(&history, None, date(2025, 12, 31)).unwrap();
        cents(value_at_risk(&tails(&history, &set, UNITS).first))
    };
    assert_eq!(var(filter), var(other));
}

/// `None` where no data folder is named; a named folder must hold the file.
fn published_history() -> Option<CurveHistory> {
    let path = PathBuf::from(std::env::var_os("CROSSMARGIN_DATA")?).join("ust_par_yield_daily.csv");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(CurveHistory::from_csv(&[CsvFile { label: "ust_par_yield_daily.csv", text: &text }]).unwrap())
}

/// The tails of the ten-year par bond of 2025-12-31, repriced at each shifted yield and put through the kernel.
fn tails(history: &CurveHistory, scenarios: &ScenarioSet, units: i64) -> AccountTails {
    let day = history.index_at(date(2025, 12, 31)).unwrap();
    let row = ParBond::of_day(history, day, Tenor(120)).unwrap().row(scenarios).unwrap();
    let matrix = ScenarioMatrix::new(scenarios.len(), &[row]).unwrap();
    let positions = [Position { row: 0, units }];
    matrix.tails(Level::best(), 25, &[Legs { first: &positions, second: &[] }]).unwrap().remove(0)
}

/// To the nearest cent, as the independent program printed it.
fn cents(amount: Usd) -> String {
    Usd::from_units(amount.units() - 500_000).ceil_to_cent().to_string()
}
