//! Scenarios that move issues' spreads over the par curve.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{instruments, market, scenarios, varied};
use risk::{
    date::months_between,
    instrument::Instrument,
    revaluation::{Revaluer, revalue},
    scenario::ScenarioSet,
    treasury::Convention,
};

/// The set with its curve moves as moves of the spreads, and nothing else moving.
fn as_spreads(set: &ScenarioSet) -> ScenarioSet {
    ScenarioSet {
        curve_shifts: vec![0.0; set.curve_shifts.len()],
        overnight_shifts: vec![0.0; set.overnight_shifts.len()],
        spread_shifts: set.curve_shifts.clone(),
        ..set.clone()
    }
}

#[test]
fn a_spread_moves_a_treasury_as_the_curve_does() {
    let market = market();
    let (curve, spreads) = (varied(60), as_spreads(&varied(60)));
    for (cusip, _) in market.treasuries() {
        let rows = [&curve, &spreads].map(|set| {
            let revaluer = Revaluer::new(&market, set).unwrap();
            revaluer.row(Instrument::Treasury(cusip)).unwrap()
        });
        assert_eq!(rows[0], rows[1], "{cusip}");
    }
}

#[test]
fn a_spread_adds_to_the_move_of_the_curve() {
    let market = market();
    let set = ScenarioSet { spread_shifts: varied(61).curve_shifts[11..].to_vec(), ..varied(60) };
    let at = |row: &[f64], months: f64| {
        let after = set.tenors.iter().position(|tenor| f64::from(tenor.0) > months).unwrap();
        let [left, right] = [after - 1, after].map(|place| f64::from(set.tenors[place].0));
        row[after - 1] + (months - left) / (right - left) * (row[after] - row[after - 1])
    };
    for (cusip, treasury) in market.treasuries() {
        let months = months_between(treasury.settle, treasury.terms.issue().maturity);
        let row = Revaluer::new(&market, &set).unwrap().row(Instrument::Treasury(cusip)).unwrap();
        for (scenario, &entry) in row.iter().enumerate() {
            let rows = [&set.curve_shifts, &set.spread_shifts].map(|rows| &rows[scenario * 11..][..11]);
            let shift = at(rows[0], months) + at(rows[1], months);
            let price = |shift| treasury.resolved.dirty(Convention::Street, treasury.yield_percent + shift);
            let expected = (price(shift) - price(0.0)) * 1e8;
            assert!((entry as f64 - expected).abs() < 0.6, "{cusip} in scenario {scenario}: {entry} and {expected}");
        }
    }
}

#[test]
fn a_spread_moves_a_forward_by_its_bond_and_nothing_else() {
    let market = market();
    let set = as_spreads(&varied(60));
    let revaluer = Revaluer::new(&market, &set).unwrap();
    for instrument in instruments(&market) {
        let row = revaluer.row(instrument).unwrap();
        match instrument {
            Instrument::ForwardTreasury { cusip, .. } => {
                // The coupons given up before the date are cash, which spreads do not move.
                let spot = revaluer.row(Instrument::Treasury(cusip)).unwrap();
                assert!(row.iter().zip(&spot).all(|(forward, spot)| (forward - spot).abs() <= 1), "{instrument}");
            }
            Instrument::Treasury(_) => assert!(row.iter().any(|&entry| entry != 0), "{instrument}"),
            Instrument::Cash { .. } | Instrument::Future(_) => {
                assert!(row.iter().all(|&entry| entry == 0), "{instrument}");
            }
        }
    }
}

#[test]
fn spreads_that_stand_still_change_no_digit() {
    let market = market();
    let held = varied(60);
    let still = ScenarioSet { spread_shifts: vec![0.0; held.curve_shifts.len()], ..held.clone() };
    let instruments = instruments(&market);
    assert_eq!(revalue(&market, &instruments, &held), revalue(&market, &instruments, &still));
}

#[test]
fn spread_moves_that_do_not_fit_the_set_are_refused() {
    let market = market();
    let good = scenarios(&[(0.1, [0.1; 11]), (0.2, [0.2; 11])]);
    let short = ScenarioSet { spread_shifts: vec![0.0; 21], ..good.clone() };
    let mut infinite = ScenarioSet { spread_shifts: vec![0.0; 22], ..good };
    infinite.spread_shifts[11] = f64::INFINITY;
    for (set, reason) in [
        (short, "21 spread shifts for 2 scenarios of 11 tenors: a row for each scenario or none"),
        (infinite, "a shift of the scenario of 2020-01-02 is not a finite number"),
    ] {
        assert_eq!(Revaluer::new(&market, &set).unwrap_err().to_string(), format!("scenario set: {reason}"));
    }
}
