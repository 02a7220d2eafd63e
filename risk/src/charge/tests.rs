use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::{
    exposure::{ExposureKind, InstrumentFacts},
    instrument::Instrument,
};

/// A Treasury worth `value_units` a unit with so many months left; names do not matter to charges.
fn treasury(value_units: i64, remaining_months: u32) -> (Instrument, InstrumentFacts) {
    let facts = InstrumentFacts {
        kind: ExposureKind::Treasury,
        value_units,
        remaining_months,
        days: 0,
        units_per_contract: 1,
        is_proxied: false,
    };
    (Instrument::Treasury("91282CMM0".parse().unwrap()), facts)
}

fn cash(days: u32) -> (Instrument, InstrumentFacts) {
    let facts = InstrumentFacts { kind: ExposureKind::Cash, days, ..treasury(100_000_000, 0).1 };
    (Instrument::Cash { date: date(2026, 2, 17) }, facts)
}

fn future(product: &str) -> (Instrument, InstrumentFacts) {
    let facts = InstrumentFacts {
        kind: ExposureKind::TreasuryFuture,
        units_per_contract: 1_000,
        ..treasury(11_000_000_000, 80).1
    };
    (format!("FUT:{product}:2026-03").parse().unwrap(), facts)
}

fn charged(rule: &ChargeRule, held: &[((Instrument, InstrumentFacts), i64)]) -> Usd {
    let holdings: Vec<Holding<'_>> = held
        .iter()
        .map(|((instrument, facts), units)| Holding { instrument: *instrument, facts, units: *units })
        .collect();
    rule.amount(&holdings).unwrap()
}

fn rates(rows: &[(u32, u32)]) -> MaturityRates {
    MaturityRates::new(rows.iter().map(|&(from_months, rate_e6)| MaturityRate { from_months, rate_e6 }).collect())
        .unwrap()
}

#[test]
fn market_impact_is_the_square_root_law_within_a_group_and_adds_up_over_groups() {
    let group = |from_months, daily_volume_usd| ImpactGroup { from_months, impact_e6: 10_000, daily_volume_usd };
    let rule = ChargeRule::MarketImpact { groups: vec![group(0, 1_000_000), group(60, 4_000_000)] };
    // USD 4 million net in the first group at a volume of one: 1 % x 4 million x 2.
    let first = [(treasury(10_000_000_000, 59), 60_000), (treasury(10_000_000_000, 12), -20_000)];
    assert_eq!(charged(&rule, &first), Usd::from_cents(8_000_000));
    // USD 1 million in the second at a volume of four: 1 % x 1 million x 1/2.
    let second = (treasury(10_000_000_000, 60), -10_000);
    assert_eq!(charged(&rule, &[second]), Usd::from_cents(500_000));
    assert_eq!(charged(&rule, &[first[0], first[1], second]), Usd::from_cents(8_500_000));
}

#[test]
fn bid_ask_counts_longs_and_shorts_of_every_issue() {
    let rule = ChargeRule::BidAsk { rates: rates(&[(0, 60), (120, 70)]) };
    let held = [(treasury(10_000_000_000, 119), 10_000), (treasury(10_000_000_000, 120), -10_000), (cash(5), 1 << 40)];
    assert_eq!(charged(&rule, &held), Usd::from_cents(13_000));
}

#[test]
fn repo_interest_is_a_rate_on_cash_for_its_days() {
    let rule = ChargeRule::RepoInterest { rate_e6: 1_000 };
    // USD 36 million for 10 days at ten basis points, whichever way it flows.
    assert_eq!(charged(&rule, &[(cash(10), 36_000_000)]), Usd::from_cents(100_000));
    assert_eq!(charged(&rule, &[(cash(10), -36_000_000), (cash(10), 36_000_000)]), Usd::from_cents(200_000));
}

#[test]
fn liquidity_is_by_contract_and_concentration_begins_beyond_the_threshold() {
    let code = |code: &str| code.parse().unwrap();
    let liquidity = ChargeRule::ContractLiquidity {
        products: vec![ProductLiquidity { product: code("ZN"), cents_per_contract: 782 }],
    };
    let held = [(future("ZN"), -100_000), (future("ZN"), 50_000), (future("ZB"), 1_000_000)];
    assert_eq!(charged(&liquidity, &held), Usd::from_cents(150 * 782));
    let concentration = ChargeRule::Concentration {
        products: vec![ProductConcentration {
            product: code("ZN"),
            daily_volume_contracts: 1_000,
            threshold_basis_points: 1_000,
            cents_per_contract: 50,
        }],
    };
    for (contracts, cents) in [(100, 0), (-100, 0), (200, 100 * 50), (-300, 400 * 50), (101, 1)] {
        let charge = charged(&concentration, &[(future("ZN"), contracts * 1_000)]);
        let expected = if contracts == 101 { Usd::from_units(500_000) } else { Usd::from_cents(cents) };
        assert_eq!(charge, expected, "{contracts}");
    }
}

#[test]
fn the_floor_by_maturity_nets_within_a_group_alone() {
    let floor = rates(&[(0, 0), (60, 1_000)]);
    let held = [
        (treasury(10_000_000_000, 61), 20_000),
        (treasury(10_000_000_000, 80), -10_000),
        (treasury(10_000_000_000, 12), 90_000),
    ];
    let holdings: Vec<Holding<'_>> =
        held.iter().map(|((i, facts), units)| Holding { instrument: *i, facts, units: *units }).collect();
    assert_eq!(floor.on_net_value(&holdings).unwrap(), Usd::from_cents(100_000));
}

#[test]
fn a_portfolio_differential_averages_increases_alone() {
    let usd = |dollars: i64| Usd::from_cents(dollars * 100);
    let cores = [usd(130), usd(100), usd(150), usd(150)];
    // Increases, the newest first: 30, 0, 0. At a decay of a half the weights are 4, 2, 1 of 7.
    assert_eq!(portfolio_differential(&cores, 5_000, 100, 10_000), Usd::from_units(1_714_285_715));
    assert_eq!(portfolio_differential(&cores, 5_000, 1, 10_000), usd(30));
    assert_eq!(portfolio_differential(&cores, 5_000, 1, 15_000), usd(45));
    assert_eq!(portfolio_differential(&cores[1..], 5_000, 9, 10_000), Usd::ZERO);
    assert_eq!(portfolio_differential(&cores[..1], 5_000, 9, 10_000), Usd::ZERO);
}

#[test]
fn rates_that_leave_a_maturity_out_are_refused() {
    for rows in [&[][..], &[(1, 5)], &[(0, 5), (0, 6)], &[(0, 5), (12, 6), (3, 1)], &[(0, 1_000_001)]] {
        let rows = rows.iter().map(|&(from_months, rate_e6)| MaturityRate { from_months, rate_e6 }).collect();
        assert_eq!(MaturityRates::new(rows), Err(MaturityRatesError));
    }
    assert!(serde_json::from_str::<MaturityRates>(r#"[{"from_months":3,"rate_e6":1}]"#).is_err());
}

#[test]
fn positions_beyond_any_book_are_refused() {
    let rule = ChargeRule::MarketImpact {
        groups: vec![ImpactGroup { from_months: 0, impact_e6: 1_000_000, daily_volume_usd: 1 }],
    };
    let (instrument, facts) = treasury(i64::MAX, 0);
    let holding = Holding { instrument, facts: &facts, units: i64::MAX };
    assert_eq!(rule.amount(&[holding, holding, holding]), Err(ChargeError));
}

proptest! {
    #[test]
    fn no_charge_is_negative_and_a_short_book_pays_what_the_long_one_pays(
        units in prop::collection::vec(-1_000_000_i64..1_000_000, 1..6),
        months in prop::collection::vec(0_u32..360, 6),
    ) {
        let rules = [
            ChargeRule::MarketImpact {
                groups: vec![ImpactGroup { from_months: 0, impact_e6: 3_000, daily_volume_usd: 1_000_000_000 }],
            },
            ChargeRule::BidAsk { rates: rates(&[(0, 60), (120, 70)]) },
        ];
        let book = |sign: i64| -> Vec<_> {
            units.iter().zip(&months).map(|(units, months)| (treasury(9_876_543_210, *months), sign * units)).collect()
        };
        for rule in rules {
            let long = charged(&rule, &book(1));
            prop_assert!(long >= Usd::ZERO);
            prop_assert_eq!(long, charged(&rule, &book(-1)));
        }
    }

    #[test]
    fn market_impact_grows_faster_than_the_position(units in 1_i64..1_000_000, times in 2_i64..50) {
        let rule = ChargeRule::MarketImpact {
            groups: vec![ImpactGroup { from_months: 0, impact_e6: 4_500, daily_volume_usd: 300_000_000_000 }],
        };
        let one = charged(&rule, &[(treasury(10_123_456_789, 100), units)]);
        let many = charged(&rule, &[(treasury(10_123_456_789, 100), units * times)]);
        // Every rounding is upwards and below a unit, so a unit a multiple is all that it can hide.
        prop_assert!(many.units() + i128::from(times) >= one.units() * i128::from(times));
    }
}
