//! Scenario rows against independent routes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{BUSINESS_DATE, SETTLEMENT, contract, fixed, instruments, market, parallel, scenarios, varied};
use jiff::civil::date;
use proptest::prelude::*;
use risk::{
    date::months_between,
    fixed::Fixed8,
    futures::Family,
    instrument::{Contract, Cusip, Instrument},
    market::Market,
    revaluation::{Revaluer, UnitsError, kernel_units, revalue},
    treasury::Convention,
};

/// Units of a row in one USD.
const UNITS: f64 = 1e8;

fn cusip(text: &str) -> Cusip {
    text.parse().unwrap()
}

fn row(market: &Market, instrument: Instrument, moves: &[f64]) -> Vec<f64> {
    let set = parallel(moves);
    let row = Revaluer::new(market, &set).unwrap().row(instrument).unwrap();
    row.iter().map(|&entry| entry as f64 / UNITS).collect()
}

#[test]
fn nothing_moves_when_the_market_does_not() {
    let market = market();
    for row in revalue(&market, &instruments(&market), &parallel(&[0.0, 0.0])).unwrap() {
        assert_eq!(row, [0, 0]);
    }
}

#[test]
fn a_treasury_reprices_at_its_moved_yield() {
    let market = market();
    let moves = [-6.5, -3.3, -3.0, -0.25, 0.01, 0.37, 3.0, 3.3, 20.0];
    for (cusip, treasury) in market.treasuries() {
        let bond = treasury.resolved;
        let base = bond.dirty(Convention::Street, treasury.yield_percent);
        assert!((base - treasury.clean.to_f64() - bond.accrued()).abs() < 1e-12);
        for (shift, pnl) in moves.iter().zip(row(&market, Instrument::Treasury(cusip), &moves)) {
            let moved = bond.dirty(Convention::Street, treasury.yield_percent + shift);
            assert!((pnl - (moved - base)).abs() < 0.6e-8, "{cusip} by {shift}: {pnl} against {}", moved - base);
        }
    }
}

#[test]
fn a_treasury_is_worth_its_flows_discounted_one_by_one() {
    let market = market();
    for (cusip, treasury) in market.treasuries() {
        let schedule = treasury.terms.schedule();
        let value = |yield_percent: f64| -> f64 {
            let flows = schedule.cash_flows(treasury.settle, schedule.maturity());
            let discount = libm::log(1.0 + yield_percent / 200.0);
            let flow_value = |(place, amount): (usize, f64)| {
                let half_years = place as f64 + treasury_fraction(&market, cusip);
                amount * libm::exp(-discount * half_years)
            };
            flows.iter().enumerate().map(|(place, flow)| flow_value((place, flow.amount))).sum()
        };
        let expected = value(treasury.yield_percent + 1.0) - value(treasury.yield_percent);
        let pnl = row(&market, Instrument::Treasury(cusip), &[1.0])[0];
        assert!((pnl - expected).abs() < 2e-8, "{cusip}: {pnl} against {expected}");
    }
}

/// The share of the running half-year that is left, counted in days by hand.
fn treasury_fraction(market: &Market, cusip: Cusip) -> f64 {
    let treasury = market.treasury(cusip).unwrap();
    let schedule = treasury.terms.schedule();
    let next = schedule.cash_flows(treasury.settle, schedule.maturity())[0].date;
    let before = if schedule.maturity() == schedule.maturity().last_of_month() {
        risk::date::add_months(next, -6).last_of_month()
    } else {
        risk::date::add_months(next, -6)
    };
    risk::date::days_between(treasury.settle, next) as f64 / risk::date::days_between(before, next) as f64
}

#[test]
fn dv01_is_the_slope_of_the_scenario_price() {
    let market = market();
    for (cusip, treasury) in market.treasuries() {
        let [down, up] = row(&market, Instrument::Treasury(cusip), &[-0.01, 0.01])[..] else { panic!() };
        let dv01 = treasury.resolved.dv01(Convention::Street, treasury.yield_percent);
        assert!((f64::midpoint(down, -up) - dv01).abs() < 1e-6 * dv01.max(0.01), "{cusip}: {down} {up} {dv01}");
    }
}

#[test]
fn a_forward_without_a_coupon_between_moves_like_the_spot() {
    let market = market();
    let set = varied(50);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let cusip = cusip("91282CPJ4");
    let spot = revaluer.row(Instrument::Treasury(cusip)).unwrap();
    for settle in [SETTLEMENT, date(2026, 5, 14)] {
        assert_eq!(revaluer.row(Instrument::ForwardTreasury { cusip, settle }).unwrap(), spot, "{settle}");
    }
}

#[test]
fn a_forward_gives_up_the_coupons_before_it() {
    let market = market();
    let set = varied(50);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let cusip = cusip("91282CPJ4");
    let spot = revaluer.row(Instrument::Treasury(cusip)).unwrap();
    let forward = revaluer.row(Instrument::ForwardTreasury { cusip, settle: date(2026, 6, 1) }).unwrap();
    let coupon_day = revaluer.row(Instrument::Cash { date: date(2026, 5, 15) }).unwrap();
    for ((spot, forward), cash) in spot.iter().zip(forward).zip(coupon_day) {
        assert!((spot - forward - 2 * cash).abs() <= 2, "the half-coupon is 2 per 100");
    }
}

#[test]
fn buying_forward_at_the_fair_price_is_worth_nothing() {
    let market = market();
    let set = parallel(&[]);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let (cusip, settle) = (cusip("912810UG1"), date(2026, 9, 15));
    let spot = revaluer.unit_value(Instrument::Treasury(cusip)).unwrap();
    let coupons: f64 = [date(2026, 2, 15), date(2026, 8, 15)]
        .map(|date| 2.3125 * revaluer.unit_value(Instrument::Cash { date }).unwrap())
        .iter()
        .sum();
    let delivery = revaluer.unit_value(Instrument::Cash { date: settle }).unwrap();
    let forward_price = (spot - coupons) / delivery;
    let value = revaluer.unit_value(Instrument::ForwardTreasury { cusip, settle }).unwrap();
    assert!((value - forward_price * delivery).abs() < 1e-12);
}

/// The forward price over the conversion factor of each deliverable, from the rows of forwards and cash.
fn converted_forwards(
    revaluer: &Revaluer<'_>,
    market: &Market,
    contract: Contract,
    scenario: Option<usize>,
) -> Vec<f64> {
    let future = market.future(contract).unwrap();
    let Family::Treasury(delivery) = future.specification.family else { panic!("{contract}") };
    let date = delivery.last_delivery_date(contract.month);
    let value = |instrument| {
        let pnl = scenario.map_or(0.0, |scenario| revaluer.row(instrument).unwrap()[scenario] as f64 / UNITS);
        revaluer.unit_value(instrument).unwrap() + pnl
    };
    let converted = |&(cusip, factor): &(Cusip, Fixed8)| {
        let accrued = market.treasury(cusip).unwrap().terms.schedule().resolve(date).unwrap().accrued();
        let invoice = value(Instrument::ForwardTreasury { cusip, settle: date }) / value(Instrument::Cash { date });
        (invoice - accrued) / factor.to_f64()
    };
    future.basket.iter().map(converted).collect()
}

/// The place and the price of the cheapest.
fn cheapest(forwards: &[f64]) -> (usize, f64) {
    let lower = |best: (usize, f64), next: (usize, f64)| if next.1 < best.1 { next } else { best };
    forwards.iter().copied().enumerate().fold((0, f64::INFINITY), lower)
}

#[test]
fn a_future_reads_its_price_from_the_cheapest_to_deliver() {
    let market = market();
    let set = varied(200);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    for (contract, future) in market.futures() {
        if future.basket.is_empty() {
            continue;
        }
        let row = revaluer.row(Instrument::Future(contract)).unwrap();
        let (_, base) = cheapest(&converted_forwards(&revaluer, &market, contract, None));
        for scenario in (0..200).step_by(13) {
            let (_, moved) = cheapest(&converted_forwards(&revaluer, &market, contract, Some(scenario)));
            let found = row[scenario] as f64 / UNITS;
            // A cash row is rounded at 1e-8 of 1, which the price takes a hundredfold.
            assert!((found - (moved - base)).abs() < 1e-6, "{contract} scenario {scenario}: {found}");
        }
    }
}

#[test]
fn the_cheapest_to_deliver_is_picked_again_in_every_scenario() {
    let market = market();
    let contract = contract("UB", "2026-03");
    let set = parallel(&[-2.5, 2.5]);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let pick = |scenario| cheapest(&converted_forwards(&revaluer, &market, contract, Some(scenario)));
    let ((low, _), (high, moved)) = (pick(0), pick(1));
    // Below the notional six per cent the shorter bond is the cheaper to deliver, above it the longer.
    assert_eq!(
        [low, high].map(|place| market.future(contract).unwrap().basket[place].0.to_string()),
        ["912810UG1", "912810UP1"]
    );
    // A future that held on to the first pick would fall by too little.
    let held = converted_forwards(&revaluer, &market, contract, Some(1))[low];
    assert!(held > moved);
}

#[test]
fn a_rate_future_loses_a_basis_point_for_a_basis_point_of_its_period() {
    let market = market();
    for (product, month) in [("SR3", "2026-03"), ("ZQ", "2026-05")] {
        let pnl = row(&market, Instrument::Future(contract(product, month)), &[0.01])[0];
        assert!((-0.0101..-0.0097).contains(&pnl), "{product} {month}: {pnl}");
    }
}

#[test]
fn elapsed_days_of_a_rate_future_no_longer_move() {
    let market = market();
    // Nine of the 28 days of February are fixed, and 55 of the 91 days of the quarter from 17 December.
    for (product, month, left) in [("SR1", "2026-02", 19.0 / 28.0), ("SR3", "2025-12", 36.0 / 91.0)] {
        let pnl = row(&market, Instrument::Future(contract(product, month)), &[0.01])[0];
        assert!((pnl / -0.01 / left - 1.0).abs() < 0.015, "{product}: {pnl}");
    }
}

#[test]
fn cash_discounts_at_the_curve() {
    let market = market();
    let set = parallel(&[0.01]);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let six_months = Instrument::Cash { date: date(2026, 8, 11) };
    assert!((revaluer.unit_value(six_months).unwrap() - 1.0 / (1.0 + 0.0359 / 2.0)).abs() < 1e-15);
    let years = months_between(SETTLEMENT, date(2027, 3, 10)) / 12.0;
    let pnl = row(&market, Instrument::Cash { date: date(2027, 3, 10) }, &[0.01])[0];
    assert!((pnl / (-years * 0.0001) - 0.95).abs() < 0.03, "{pnl}");
}

#[test]
fn what_cannot_be_valued_is_named() {
    let market = market();
    let set = parallel(&[0.1, -150.0]);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let message = |text: &str| revaluer.row(text.parse().unwrap()).unwrap_err().to_string();
    for (instrument, reason) in [
        ("UST:912828XG0", "no terms and price for 912828XG0"),
        ("FWD:91282CMK4:2026-02-10", "not after the business date 2026-02-10"),
        ("FWD:91282CMK4:2032-01-31", "not before the maturity 2032-01-31"),
        ("USD:2026-02-10", "not after the business date"),
        ("USD:2056-02-12", "more than thirty years"),
        ("FUT:ZN:2027-03", "no settlement price for ZN:2027-03"),
        ("UST:91282CMK4", "the scenario of 2020-01-02 moves it beyond"),
    ] {
        let message = message(instrument);
        assert!(message.contains(reason) && message.contains(instrument), "{message}");
    }
    let errors = revalue(&market, &["UST:912828XG0".parse().unwrap(), "USD:2026-02-10".parse().unwrap()], &set);
    assert_eq!(errors.unwrap_err().len(), 2, "all problems at once");
}

#[test]
fn a_scenario_set_that_does_not_fit_together_is_refused() {
    let market = market();
    let good = parallel(&[0.1, 0.2]);
    let mut short = good.clone();
    short.curve_shifts.pop();
    let mut unordered = good.clone();
    unordered.tenors.swap(0, 1);
    let mut not_a_number = good.clone();
    not_a_number.curve_shifts[12] = f64::NAN;
    let mut overnight = good.clone();
    overnight.overnight_shifts.clear();
    for (set, reason) in [
        (short, "21 curve shifts for 2 scenarios of 11 tenors"),
        (unordered, "tenor 1 months does not follow 3 months"),
        (not_a_number, "a shift of the scenario of 2020-01-02 is not a finite number"),
        (overnight, "0 overnight shifts for 2 scenarios"),
    ] {
        let error = Revaluer::new(&market, &set).unwrap_err();
        assert_eq!(error.to_string(), format!("scenario set: {reason}"));
    }
}

#[test]
fn quantities_become_kernel_units() {
    let market = market();
    let units = |text: &str, quantity| kernel_units(&market, text.parse().unwrap(), quantity);
    assert_eq!(units("UST:91282CMK4", -1_000_000), Ok(-10_000));
    assert_eq!(units("USD:2026-03-02", 17), Ok(17));
    assert_eq!(units("FUT:ZN:2026-03", -3), Ok(-3_000));
    assert_eq!(units("FUT:ZT:2026-03", 1), Ok(2_000));
    assert_eq!(units("FUT:SR3:2026-03", 2), Ok(5_000));
    assert_eq!(units("FUT:ZQ:2026-03", 1), Ok(4_167));
    assert!(matches!(units("UST:91282CMK4", 150), Err(UnitsError::Face { face: 150, .. })));
    assert!(matches!(units("FUT:XX:2026-03", 1), Err(UnitsError::NoSpecification(_))));
    assert!(matches!(units("FUT:ZN:2026-03", i64::MAX), Err(UnitsError::TooLarge { .. })));
}

#[test]
fn a_when_issued_note_settles_on_its_issue_date() {
    let mut input = fixture::input();
    let mut issue = *input.treasuries[6].0.issue();
    issue.cusip = cusip("91282CQB0");
    issue.dated = date(2026, 2, 28);
    issue.issue = date(2026, 3, 2);
    issue.first_coupon = date(2026, 8, 31);
    issue.maturity = date(2028, 2, 29);
    input.treasuries.push((risk::treasury::TreasuryTerms::new(issue).unwrap(), fixed("99.84")));
    let market = Market::new(&input).unwrap();
    assert_eq!(market.treasury(issue.cusip).unwrap().settle, date(2026, 3, 2));
    assert_eq!(market.business_date(), BUSINESS_DATE);
    assert!(row(&market, Instrument::Treasury(issue.cusip), &[0.1])[0] < 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_entry_is_within_half_a_unit_of_the_price_difference(shift in -2.9_f64..2.9, place in 0_usize..15) {
        let market = market();
        let (cusip, treasury) = market.treasuries().nth(place).unwrap();
        let bond = treasury.resolved;
        let price = |shift: f64| bond.dirty(Convention::Street, treasury.yield_percent + shift);
        let set = parallel(&[shift]);
        let entry = Revaluer::new(&market, &set).unwrap().row(Instrument::Treasury(cusip)).unwrap()[0];
        // Half a unit of quantisation, and a twentieth for the double precision of both routes.
        prop_assert!((entry as f64 - (price(shift) - price(0.0)) * UNITS).abs() <= 0.55);
    }

    #[test]
    fn rates_up_is_bad_for_every_long_and_good_for_no_cash(shift in 0.001_f64..2.0) {
        let market = market();
        let set = scenarios(&[(shift, [shift; 11])]);
        for instrument in instruments(&market) {
            let entry = Revaluer::new(&market, &set).unwrap().row(instrument).unwrap()[0];
            prop_assert!(entry < 0, "{instrument}: {entry}");
        }
    }
}
