//! The facts of instruments that charges need, against independent routes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{contract, fixed, input, instruments, market, varied};
use risk::{
    date::add_months,
    exposure::{ExposureKind, InstrumentFacts},
    futures::{BasketTerms, Deliverable, Family, cheapest_to_deliver},
    instrument::Instrument,
    market::Market,
    revaluation::Revaluer,
};

fn facts(market: &Market, text: &str) -> InstrumentFacts {
    InstrumentFacts::of(&Revaluer::without_scenarios(market), text.parse().unwrap()).unwrap()
}

#[test]
fn a_treasury_is_worth_its_price_with_accrued_interest() {
    let market = market();
    for (cusip, treasury) in market.treasuries() {
        let facts = facts(&market, &format!("UST:{cusip}"));
        let accrued = (treasury.resolved.accrued() * 1e8).round();
        // The price is exact, so only the rounding of the sum and of the accrued interest can differ.
        assert!((facts.value_units as f64 - treasury.clean.units() as f64 - accrued).abs() <= 1.0, "{cusip}");
        let months = i32::try_from(facts.remaining_months).unwrap();
        let maturity = treasury.terms.issue().maturity;
        assert!(add_months(market.settlement(), months) <= maturity, "{cusip}");
        assert!(add_months(market.settlement(), months + 1) > maturity, "{cusip}");
        assert_eq!((facts.kind, facts.is_proxied, facts.days), (ExposureKind::Treasury, false, 0));
    }
}

#[test]
fn a_forward_is_worth_its_bond_less_the_coupons_before_it() {
    let market = market();
    let [spot, forward] = ["UST:91282CPJ4", "FWD:91282CPJ4:2026-06-01"].map(|text| facts(&market, text));
    // The half-coupon of 2 is paid on 15 May, three months from settlement at about 3.67 per cent.
    let coupon = Revaluer::without_scenarios(&market).unit_value("USD:2026-05-15".parse().unwrap()).unwrap() * 2e8;
    assert!((spot.value_units as f64 - coupon - forward.value_units as f64).abs() <= 1.5);
    assert_eq!((forward.kind, forward.remaining_months), (ExposureKind::ForwardTreasury, spot.remaining_months));
}

#[test]
fn cash_is_worth_its_amount_and_counts_its_days() {
    let market = market();
    let cash = facts(&market, "USD:2026-03-13");
    let expected = InstrumentFacts {
        kind: ExposureKind::Cash,
        is_proxied: false,
        value_units: 100_000_000,
        remaining_months: 1,
        days: 30,
        units_per_contract: 1,
    };
    assert_eq!(cash, expected);
    assert_eq!(facts(&market, "USD:2026-02-11").days, 0);
}

#[test]
fn a_treasury_future_runs_as_long_as_its_cheapest_to_deliver() {
    let market = market();
    for (contract, future) in market.futures() {
        let Family::Treasury(delivery) = future.specification.family else { continue };
        let facts = facts(&market, &format!("FUT:{contract}"));
        // The route of the desk: the highest implied repo at the forward price of the cheapest itself. Prices here are
        // made up, so each future is put on its cheapest forward first; then the order by implied repo is that by price.
        let schedules = future.basket.iter().map(|&(cusip, factor)| {
            let treasury = market.treasury(cusip).unwrap();
            Deliverable { schedule: *treasury.terms.schedule(), clean: treasury.clean.to_f64(), factor }
        });
        let deliverables: Vec<Deliverable> = schedules.collect();
        let terms = |futures_price: f64| BasketTerms {
            futures_price,
            settle: market.settlement(),
            delivery: delivery.last_delivery_date(contract.month),
            repo_percent: 3.7,
        };
        let fair = |deliverable: &Deliverable| {
            let net_basis = terms(100.0).measure(deliverable).unwrap().net_basis;
            100.0 + net_basis / deliverable.factor.to_f64()
        };
        let lowest = deliverables.iter().map(fair).fold(f64::INFINITY, f64::min);
        let measures: Vec<_> = deliverables.iter().map(|d| terms(lowest).measure(d).unwrap()).collect();
        let cheapest = deliverables[cheapest_to_deliver(&measures).unwrap()].schedule;
        assert!(add_months(market.settlement(), i32::try_from(facts.remaining_months).unwrap()) <= cheapest.maturity());
        assert!(
            add_months(market.settlement(), i32::try_from(facts.remaining_months).unwrap() + 1) > cheapest.maturity()
        );
        assert_eq!((facts.kind, facts.value_units), (ExposureKind::TreasuryFuture, future.price.units()));
        assert_eq!(facts.units_per_contract, future.specification.points_value);
    }
}

#[test]
fn a_rate_future_runs_to_the_end_of_its_period() {
    let market = market();
    let three_month = facts(&market, "FUT:SR3:2026-03");
    // To 17 June 2026, the third Wednesday.
    assert_eq!((three_month.kind, three_month.remaining_months), (ExposureKind::RateFuture, 4));
    assert_eq!((three_month.value_units, three_month.units_per_contract), (fixed("96.385").units(), 2_500));
    assert_eq!(facts(&market, "FUT:SR1:2026-02").remaining_months, 0);
}

#[test]
fn an_issue_without_a_price_counts_at_its_face() {
    let mut input = input();
    let (terms, _) = input.treasuries.remove(2);
    input.unpriced.push(terms);
    let market = Market::new(&input).unwrap();
    for (text, kind) in
        [("UST:91282CMU2", ExposureKind::Treasury), ("FWD:91282CMU2:2026-06-01", ExposureKind::ForwardTreasury)]
    {
        let facts = facts(&market, text);
        assert_eq!((facts.kind, facts.is_proxied, facts.value_units), (kind, true, 10_000_000_000));
        assert_eq!(facts.remaining_months, 49, "to 31 March 2030");
    }
    let revaluer = Revaluer::without_scenarios(&market);
    let message = revaluer.row("UST:91282CMU2".parse().unwrap()).unwrap_err().to_string();
    assert_eq!(message, "UST:91282CMU2: the market has no terms and price for 91282CMU2");
    for (text, reason) in [
        ("FWD:91282CMU2:2026-02-10", "not after the business date"),
        ("FWD:91282CMU2:2030-03-31", "not before the maturity"),
    ] {
        let message = InstrumentFacts::of(&revaluer, text.parse().unwrap()).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn what_cannot_be_valued_has_no_facts() {
    let market = market();
    let revaluer = Revaluer::without_scenarios(&market);
    for (text, reason) in [
        ("UST:912828XG0", "no terms and price for 912828XG0"),
        ("USD:2026-02-10", "not after the business date"),
        ("USD:2056-02-12", "more than thirty years"),
        ("FUT:ZN:2027-03", "no settlement price for ZN:2027-03"),
    ] {
        let message = InstrumentFacts::of(&revaluer, text.parse().unwrap()).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
    let rate = contract("SR3", "2026-03");
    let error = revaluer.cheapest_to_deliver(Instrument::Future(rate), rate).unwrap_err();
    assert_eq!(error.to_string(), "FUT:SR3:2026-03: the basket has no deliverable");
}

#[test]
fn facts_do_not_depend_on_scenarios() {
    let market = market();
    let set = varied(17);
    let [with, without] = [Revaluer::new(&market, &set).unwrap(), Revaluer::without_scenarios(&market)];
    for instrument in instruments(&market) {
        assert_eq!(InstrumentFacts::of(&with, instrument), InstrumentFacts::of(&without, instrument));
        assert!(without.row(instrument).unwrap().is_empty());
    }
}

#[test]
fn facts_have_one_form_in_bytes() {
    let facts = InstrumentFacts {
        kind: ExposureKind::RateFuture,
        is_proxied: false,
        value_units: 0x0102,
        remaining_months: 4,
        days: 0,
        units_per_contract: 2_500,
    };
    assert_eq!(facts.to_bytes(), [5, 0, 2, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xC4, 9, 0, 0]);
    let mut hasher = blake3::Hasher::new();
    facts.hash_into(&mut hasher);
    assert_eq!(hasher.finalize(), blake3::hash(&facts.to_bytes()));
}
