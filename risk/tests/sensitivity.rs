//! Sensitivities against closed forms, and scenario P&L by them against full revaluation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{contract, input, instruments, market, parallel, scenarios, varied};
use proptest::prelude::*;
use risk::{
    date::{add_months, months_between},
    exposure::InstrumentFacts,
    futures::Family,
    instrument::Instrument,
    market::{Market, PricedTreasury},
    revaluation::{Revaluer, kernel_units},
    scenario::{ScenarioSet, Tenor},
    sensitivity::{Differences, RiskFactor, Sensitivities, SensitivityRevaluer},
    treasury::Convention,
};

/// Units of a row in one USD.
const UNITS: f64 = 1e8;

fn sensitivities(market: &Market, text: &str) -> Sensitivities {
    Differences::new(market).of(text.parse().unwrap()).unwrap()
}

/// The key rates of an issue and their weights at its maturity: two neighbours, by hand.
fn weights(treasury: &PricedTreasury) -> [(Tenor, f64); 2] {
    let months = months_between(treasury.settle, treasury.terms.issue().maturity);
    let after = Tenor::STANDARD.iter().position(|tenor| f64::from(tenor.0) > months).unwrap();
    let [left, right] = [after - 1, after].map(|place| Tenor::STANDARD[place]);
    let weight = (months - f64::from(left.0)) / f64::from(right.0 - left.0);
    [(left, 1.0 - weight), (right, weight)]
}

fn cube(x: f64) -> f64 {
    x * x * x
}

fn close(found: f64, expected: f64, relative: f64) -> bool {
    (found - expected).abs() <= relative * expected.abs().max(1e-3)
}

#[test]
fn a_treasury_has_the_dv01_of_its_closed_form_at_its_two_key_rates() {
    let market = market();
    for (cusip, treasury) in market.treasuries() {
        let found = sensitivities(&market, &format!("UST:{cusip}"));
        let dv01 = treasury.resolved.dv01(Convention::Street, treasury.yield_percent);
        assert!(close(found.dv01(), dv01, 1e-6), "{cusip}: {} and {dv01}", found.dv01());
        let weights = weights(treasury);
        for (tenor, fall) in found.key_rate_dv01() {
            let weight = weights.iter().find(|(key, _)| *key == tenor).map_or(0.0, |(_, weight)| *weight);
            assert!((fall - weight * dv01).abs() <= 1e-6 * dv01, "{cusip} at {tenor}: {fall}");
            // A spread moves a cash issue as the curve does.
            assert_eq!(found.delta(RiskFactor::Spread(tenor)), found.delta(RiskFactor::Curve(tenor)));
        }
        assert_eq!(found.delta(RiskFactor::Overnight), 0.0);
        assert!((found.value() - treasury.clean.to_f64() - treasury.resolved.accrued()).abs() < 1e-12);
    }
}

#[test]
fn a_treasury_has_the_convexity_of_its_closed_form() {
    let market = market();
    for (cusip, treasury) in market.treasuries() {
        let found = sensitivities(&market, &format!("UST:{cusip}"));
        // The slope of the analytic DV01, which is per basis point.
        let dv01 = |shift: f64| treasury.resolved.dv01(Convention::Street, treasury.yield_percent + shift);
        let convexity = (dv01(-1e-3) - dv01(1e-3)) / 2e-3 * 100.0;
        for (first, of_first) in weights(treasury).map(|(tenor, weight)| (RiskFactor::Curve(tenor), weight)) {
            for (second, of_second) in weights(treasury).map(|(tenor, weight)| (RiskFactor::Curve(tenor), weight)) {
                let gamma = found.gamma(first, second);
                assert!((gamma - of_first * of_second * convexity).abs() <= 1e-6 * convexity, "{cusip}: {gamma}");
                assert_eq!(gamma, found.gamma(second, first));
            }
        }
        let rest = RiskFactor::ALL.into_iter().filter(|factor| found.delta(*factor) == 0.0);
        assert!(rest.into_iter().all(|factor| RiskFactor::ALL.iter().all(|&other| found.gamma(factor, other) == 0.0)));
    }
}

#[test]
fn key_rates_sum_to_the_parallel_dv01() {
    let market = market();
    let set = parallel(&[-0.01, 0.01]);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let differences = Differences::new(&market);
    for instrument in instruments(&market) {
        let found = differences.of(instrument).unwrap();
        let [down, up] = revaluer.row(instrument).unwrap()[..] else { panic!() };
        let parallel = (down - up) as f64 / 2.0 / UNITS;
        let overnight = -found.delta(RiskFactor::Overnight) * 0.01;
        // Half a unit of rounding, and third order: 1e-6 of a thirty-year bond's.
        let tolerance = 1e-8 + 1e-5 * parallel.abs();
        assert!((found.dv01() + overnight - parallel).abs() <= tolerance, "{instrument}: {} {parallel}", found.dv01());
    }
}

#[test]
fn six_months_cash_has_the_sensitivities_of_its_discount_factor() {
    let market = market();
    let found = sensitivities(&market, "USD:2026-08-11");
    let (time, rate) = (0.5, 3.59);
    let factor = 1.0 / (1.0 + time * rate / 100.0);
    let six_months = RiskFactor::Curve(Tenor(6));
    assert!(close(found.value(), factor, 1e-14));
    assert!(close(found.delta(six_months), -time / 100.0 * factor * factor, 1e-9));
    assert!((found.gamma(six_months, six_months) - 2.0 * cube(factor) * time * time / 1e4).abs() < 1e-9);
    let others = RiskFactor::ALL.iter().filter(|&&factor| factor != six_months);
    assert!(others.into_iter().all(|&factor| found.delta(factor) == 0.0));
}

#[test]
fn a_future_moves_with_the_cheapest_to_deliver_and_not_with_spreads() {
    let market = market();
    let revaluer = Revaluer::without_scenarios(&market);
    for (contract, future) in market.futures() {
        let instrument = Instrument::Future(contract);
        let found = Differences::new(&market).of(instrument).unwrap();
        assert!(found.dv01() > 0.0, "{instrument}: {}", found.dv01());
        assert_eq!(found.value(), future.price.to_f64());
        for tenor in Tenor::STANDARD {
            assert_eq!(found.delta(RiskFactor::Spread(tenor)), 0.0, "{instrument} {tenor}");
        }
        let Family::Treasury(delivery) = future.specification.family else { continue };
        let cusip = revaluer.cheapest_to_deliver(instrument, contract).unwrap();
        let (_, factor) = future.basket.iter().find(|(deliverable, _)| *deliverable == cusip).unwrap();
        let cheapest = sensitivities(&market, &format!("UST:{cusip}"));
        let date = delivery.last_delivery_date(contract.month);
        let growth = 1.0 / revaluer.unit_value(Instrument::Cash { date }).unwrap();
        // Beyond delivery the curve moves the future through its bond alone.
        for tenor in Tenor::STANDARD.into_iter().filter(|tenor| tenor.0 >= 24) {
            let key = RiskFactor::Curve(tenor);
            let expected = cheapest.delta(key) * growth / factor.to_f64();
            assert!((found.delta(key) - expected).abs() < 1e-9, "{instrument} at {tenor}: {expected}");
        }
    }
}

#[test]
fn nothing_moves_when_the_market_does_not() {
    let market = market();
    let still = ScenarioSet { spread_shifts: vec![0.0; 22], ..parallel(&[0.0, 0.0]) };
    let revaluer = SensitivityRevaluer::new(&market, &still).unwrap();
    for instrument in instruments(&market) {
        assert_eq!(revaluer.row(instrument).unwrap(), [0, 0], "{instrument}");
    }
}

#[test]
fn a_spread_adds_its_delta() {
    let market = market();
    let held = varied(200);
    let spreads = ScenarioSet { spread_shifts: varied(400).curve_shifts[200 * 11..].to_vec(), ..held.clone() };
    let [without, with] = [&held, &spreads].map(|set| SensitivityRevaluer::new(&market, set).unwrap());
    for instrument in instruments(&market) {
        let found = with.sensitivities(instrument).unwrap();
        let rows = [&without, &with].map(|revaluer| revaluer.row(instrument).unwrap());
        for (shifts, (without, with)) in spreads.spread_shifts.chunks(11).zip(rows[0].iter().zip(&rows[1])) {
            let moves = Tenor::STANDARD.iter().zip(shifts);
            let spread: f64 = moves.map(|(&tenor, shift)| found.delta(RiskFactor::Spread(tenor)) * shift).sum();
            let difference = (with - without) as f64;
            assert!((difference - spread * UNITS).abs() <= 1.0 + 1e-6, "{instrument}: {difference}");
        }
    }
}

#[test]
fn a_split_adds_up_to_the_entry_exactly() {
    let market = market();
    let set = ScenarioSet { spread_shifts: varied(60).curve_shifts[33..].to_vec(), ..varied(57) };
    let (full, quick) = (Revaluer::new(&market, &set).unwrap(), SensitivityRevaluer::new(&market, &set).unwrap());
    for instrument in instruments(&market) {
        let found = quick.sensitivities(instrument).unwrap();
        let quick_row = quick.row_of(&found).unwrap();
        for (scenario, (&by_full, &by_quick)) in full.row(instrument).unwrap().iter().zip(&quick_row).enumerate() {
            for entry in [by_full, by_quick] {
                let split = quick.split(&found, scenario, entry).unwrap();
                let parts: i64 = split.by_factor.iter().map(|(_, part)| part).sum();
                assert_eq!(parts + split.remainder, entry, "{instrument}");
                assert!(split.by_factor.is_sorted_by_key(|(factor, _)| *factor));
                // A short position's split is the exact negative of the long one's: both are units times this.
                let [long, short] = [7, -7].map(|count| kernel_units(&market, instrument, count * 100).unwrap());
                let of = |units: i64| -> Vec<i64> { split.by_factor.iter().map(|(_, part)| part * units).collect() };
                assert!(of(long).iter().zip(of(short)).all(|(long, short)| *long == -short));
            }
            let rounding = quick.split(&found, scenario, by_quick).unwrap();
            assert!(rounding.remainder.unsigned_abs() <= rounding.by_factor.len() as u64 / 2 + 1, "{rounding:?}");
        }
    }
}

#[test]
fn a_bonds_profit_is_split_over_its_two_key_rates_and_spreads() {
    let market = market();
    let set = ScenarioSet { spread_shifts: vec![0.02; 11], ..parallel(&[-0.5]) };
    let revaluer = SensitivityRevaluer::new(&market, &set).unwrap();
    let found = revaluer.sensitivities("UST:91282CMM0".parse().unwrap()).unwrap();
    let split = revaluer.split(&found, 0, 0).unwrap();
    let names: Vec<String> = split.by_factor.iter().map(|(factor, _)| factor.to_string()).collect();
    assert_eq!(names, ["curve 7Y", "curve 10Y", "spread 7Y", "spread 10Y"]);
    // Rates fall and the issue gains; its spread widens and it loses.
    assert!(split.by_factor[..2].iter().all(|(_, part)| *part > 0));
    assert!(split.by_factor[2..].iter().all(|(_, part)| *part < 0));
}

#[test]
fn what_has_no_sensitivity_is_named() {
    let mut input = input();
    let (terms, _) = input.treasuries.remove(2);
    input.unpriced.push(terms);
    let market = Market::new(&input).unwrap();
    let differences = Differences::new(&market);
    for (text, reason) in [
        ("UST:91282CMU2", "no terms and price for 91282CMU2"),
        ("USD:2056-02-12", "more than thirty years"),
        ("FUT:ZN:2027-03", "no settlement price for ZN:2027-03"),
    ] {
        let message = differences.of(text.parse().unwrap()).unwrap_err().to_string();
        assert!(message.contains(reason) && message.contains(text), "{message}");
    }

    let set = parallel(&[0.1, 1e9]);
    let revaluer = SensitivityRevaluer::new(&market, &set).unwrap();
    let instrument: Instrument = "UST:91282CMK4".parse().unwrap();
    let beyond = "UST:91282CMK4: the scenario of 2020-01-02 moves it beyond what can be valued";
    assert_eq!(revaluer.row(instrument).unwrap_err().to_string(), beyond);
    let found = revaluer.sensitivities(instrument).unwrap();
    assert_eq!(revaluer.split(&found, 1, 0).unwrap_err().to_string(), beyond);
    assert_eq!(
        revaluer.split(&found, 2, 0).unwrap_err().to_string(),
        "UST:91282CMK4: there is no scenario 2, counted from 0: the set has 2"
    );

    let good = parallel(&[0.1]);
    let few = ScenarioSet { tenors: good.tenors[1..].to_vec(), curve_shifts: vec![0.1; 10], ..good.clone() };
    let short = ScenarioSet { spread_shifts: vec![0.1; 10], ..good };
    for (set, reason) in [
        (few, "its tenors are not the eleven standard ones, 1M to 30Y: sensitivities are by those"),
        (short, "10 spread shifts for 1 scenarios of 11 tenors: a row for each scenario or none"),
    ] {
        let error = SensitivityRevaluer::new(&market, &set).unwrap_err();
        assert_eq!(error.to_string(), format!("scenario set: {reason}"));
    }
}

#[test]
fn a_switch_of_the_cheapest_only_lowers_a_future() {
    let market = market();
    let set = parallel(&[2.5]);
    let instrument = Instrument::Future(contract("UB", "2026-03"));
    let full = Revaluer::new(&market, &set).unwrap().row(instrument).unwrap()[0];
    let quick = SensitivityRevaluer::new(&market, &set).unwrap().row(instrument).unwrap()[0];
    assert!(full < quick - 10_000_000, "the longer bond is cheaper now: {full} and {quick}");
}

/// The largest third derivative of a bond's price by its yield in per cent, over moves of at most `shift`: that at the
/// lowest yield, flow by flow.
fn third_derivative(treasury: &PricedTreasury, shift: f64) -> f64 {
    let schedule = treasury.terms.schedule();
    let flows = schedule.cash_flows(treasury.settle, schedule.maturity());
    let maturity = schedule.maturity();
    let before = add_months(flows[0].date, -6);
    let before = if maturity == maturity.last_of_month() { before.last_of_month() } else { before };
    let days = |from, to| risk::date::days_between(from, to) as f64;
    let broken = days(treasury.settle, flows[0].date) / days(before, flows[0].date);
    let growth = 1.0 + (treasury.yield_percent - shift.abs()) / 200.0;
    let of_flow = |(place, amount): (usize, f64)| {
        let periods = place as f64 + broken;
        amount * periods * (periods + 1.0) * (periods + 2.0) / 8e6 * libm::pow(growth, -periods - 3.0)
    };
    flows.iter().enumerate().map(|(place, flow)| of_flow((place, flow.amount))).sum()
}

/// A direction of the overnight rate and the curve, each at most one.
fn direction() -> impl Strategy<Value = [f64; 12]> {
    proptest::array::uniform12(-1.0_f64..1.0)
}

fn along(direction: &[f64; 12], size: f64) -> ScenarioSet {
    scenarios(&[(direction[0] * size, std::array::from_fn(|tenor| direction[1 + tenor] * size))])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_treasury_is_off_by_its_third_order_at_most(direction in direction(), size in 0.001_f64..1.0) {
        let market = market();
        let set = along(&direction, size);
        let (full, quick) = (Revaluer::new(&market, &set).unwrap(), SensitivityRevaluer::new(&market, &set).unwrap());
        for (cusip, treasury) in market.treasuries() {
            let instrument = Instrument::Treasury(cusip);
            let [full, quick] = [full.row(instrument).unwrap()[0], quick.row(instrument).unwrap()[0]];
            let moved = |&(tenor, weight): &(Tenor, f64)| {
                let place = Tenor::STANDARD.iter().position(|&standard| standard == tenor).unwrap();
                weight * direction[1 + place] * size
            };
            let shift: f64 = weights(treasury).iter().map(moved).sum();
            let bound = third_derivative(treasury, shift) * cube(shift.abs()) / 6.0;
            // Two roundings; the differences' own error is 1e-6 of what each factor's move does.
            let dv01 = treasury.resolved.dv01(Convention::Street, treasury.yield_percent);
            let tolerance = 1.01 + 1e-6 * dv01 * 100.0 * size * UNITS;
            let error = (full - quick) as f64;
            prop_assert!(error.abs() <= bound * UNITS + tolerance, "{cusip} by {shift}: {error}, bound {bound}");
            // The third derivative is negative: a rise of yields leaves less than the second order says.
            prop_assert!(error * shift <= tolerance * shift.abs(), "{cusip} by {shift}: {error}");
        }
    }

    #[test]
    fn every_instrument_is_off_by_third_order_and_futures_only_downwards(
        direction in direction(),
        size in 0.001_f64..1.0,
    ) {
        let market = market();
        let set = along(&direction, size);
        let (full, quick) = (Revaluer::new(&market, &set).unwrap(), SensitivityRevaluer::new(&market, &set).unwrap());
        for instrument in instruments(&market) {
            let facts = InstrumentFacts::of(&full, instrument).unwrap();
            // The third derivative of 100 paid in `t` years is about 100 (t/100)^3 by a yield in per cent; key rates that
            // move against each other move the discount rates by up to three times as much.
            let years = f64::from(facts.remaining_months + 1) / 12.0;
            let third = 100.0 * cube(3.0 * years / 100.0);
            let bound = third * cube(size) / 6.0 * UNITS;
            let found = quick.sensitivities(instrument).unwrap();
            let slope: f64 = RiskFactor::ALL.iter().map(|&factor| found.delta(factor).abs()).sum();
            let [full, quick] = [full.row(instrument).unwrap()[0], quick.row(instrument).unwrap()[0]];
            let error = (full - quick) as f64;
            let tolerance = 1.01 + bound + 2e-6 * slope * size * UNITS;
            prop_assert!(error <= tolerance, "{instrument}: {error}, bound {bound}");
            let may_switch = match instrument {
                Instrument::Future(contract) => market.future(contract).unwrap().basket.len() > 1,
                _ => false,
            };
            prop_assert!(may_switch || error >= -tolerance, "{instrument}: {error}, bound {bound}");
        }
    }
}
