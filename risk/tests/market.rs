//! A market is taken whole or refused with every reason at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{BUSINESS_DATE, contract, fixed, input, terms_of};
use jiff::civil::{Date, date};
use risk::{
    market::{Market, MarketInput},
    scenario::Tenor,
};

/// The problems of the fixture's market after a change, as text.
fn problems(change: impl FnOnce(&mut MarketInput)) -> Vec<String> {
    let mut input = input();
    change(&mut input);
    match Market::new(&input) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

/// The one problem of the fixture's market after a change.
fn problem(change: impl FnOnce(&mut MarketInput)) -> String {
    let problems = problems(change);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

#[test]
fn the_fixture_is_a_market() {
    let market = Market::new(&input()).unwrap();
    assert_eq!(market.business_date(), BUSINESS_DATE);
    assert_eq!(market.settlement(), date(2026, 2, 11));
    assert_eq!(market.overnight(), fixed("3.65"));
    assert_eq!(market.treasuries().count(), 15);
    assert_eq!(market.futures().count(), 15);
    let five_year = market.future(contract("ZF", "2026-03")).unwrap();
    let basket: Vec<String> = five_year.basket.iter().map(|(cusip, factor)| format!("{cusip} {factor}")).collect();
    assert_eq!(basket, ["91282CNX5 0.909", "91282CPD7 0.906", "91282CPR6 0.903"]);
}

#[test]
fn every_problem_is_reported_at_once_by_name() {
    let problems = problems(|input| {
        input.treasuries[0].1 = fixed("0");
        input.par_curve[4].1 = None;
        input.sofr.retain(|(day, _)| *day != date(2026, 1, 20));
        input.settlements.push((contract("XX", "2026-03"), fixed("100")));
    });
    assert_eq!(
        problems,
        [
            "Treasury 91282CPS4: price 0 is not between 0 and 1000 per 100",
            "par curve tenor 24 months has no yield",
            "XX:2026-03 has a price, but no specification of its product is in force",
            "basket of ZT:2026-03 names 91282CPS4, which has no terms",
            "ZT:2026-03 has no deliverable issue in its basket",
            "the SOFR fixing of 2026-01-20 is missing: it is needed for the overnight rate or for a rate future's elapsed \
             days",
        ]
    );
}

#[test]
fn a_business_date_must_be_one() {
    let problems = problems(|input| input.business_date = date(2026, 2, 16));
    assert!(problems[0].contains("business date 2026-02-16 is not"), "Presidents' Day: {problems:?}");
}

#[test]
fn treasuries_are_checked() {
    assert_eq!(problem(|input| input.treasuries.push(input.treasuries[1])), "Treasury 91282CPP0 is given twice");
    let matured = terms_of("912828XG0", "2.125", date(2015, 6, 30), date(2015, 12, 31), date(2022, 6, 30));
    let text = problem(|input| input.treasuries.push((matured, fixed("100"))));
    assert_eq!(text, "Treasury 912828XG0: settlement 2026-02-11 is not before the maturity 2022-06-30");
}

#[test]
fn an_issue_without_a_price_is_known_but_not_delivered() {
    let mut input = input();
    let (terms, _) = input.treasuries.remove(2);
    let (left_out, _) = input.treasuries.remove(2);
    input.unpriced = vec![terms, left_out];
    let market = Market::new(&input).unwrap();
    assert_eq!(market.unpriced(terms.cusip()), Some(&terms));
    assert!(market.treasury(terms.cusip()).is_none());
    let cusips: Vec<String> = market.unpriced_issues().map(|(cusip, _)| cusip.to_string()).collect();
    assert_eq!(cusips, ["91282CMU2", "91282CNX5"]);
    let five_year = market.future(contract("ZF", "2026-03")).unwrap();
    let basket: Vec<String> = five_year.basket.iter().map(|(cusip, _)| cusip.to_string()).collect();
    assert_eq!(basket, ["91282CPD7", "91282CPR6"]);
    assert_eq!(five_year.unpriced_deliverables, [left_out.cusip()]);
}

#[test]
fn issues_without_a_price_are_checked() {
    let text = problem(|input| input.unpriced.push(input.treasuries[1].0));
    assert_eq!(text, "Treasury 91282CPP0 is given with a price and as unpriced");
    let unpriced = |input: &mut MarketInput| input.treasuries.remove(2).0;
    let text = problem(|input| input.unpriced = vec![unpriced(input); 2]);
    assert_eq!(text, "Treasury 91282CMU2 is given twice");
    let matured = terms_of("912828XG0", "2.125", date(2015, 6, 30), date(2015, 12, 31), date(2022, 6, 30));
    let text = problem(|input| input.unpriced.push(matured));
    assert_eq!(text, "Treasury 912828XG0 is unpriced, but matures on 2022-06-30, by settlement on 2026-02-11");
    // Its grade is checked all the same, and a basket of such issues alone delivers nothing.
    let text = problem(|input| {
        let terms = unpriced(input);
        input.unpriced.push(terms);
        input.baskets[3].1.push(terms.cusip());
    });
    assert_eq!(text, "basket of ZN:2026-03 names 91282CMU2, which is outside the deliverable grade");
    let text = problem(|input| input.unpriced = vec![input.treasuries.remove(0).0]);
    assert_eq!(text, "ZT:2026-03 has no deliverable issue in its basket");
}

#[test]
fn curves_and_fixings_are_checked() {
    let text = problem(|input| input.par_curve.push((Tenor(24), Some(fixed("3.5")))));
    assert_eq!(text, "par curve tenor 24 months is given twice or is zero");
    let text = problem(|input| input.par_curve[0].1 = Some(fixed("-21")));
    assert_eq!(text, "par curve tenor 1 months: yield -21 is not between -20 and 100 per cent");
    let text = problem(|input| input.par_curve.truncate(1));
    assert_eq!(text, "the par curve has 1 tenors: at least two are needed");
    let text = problem(|input| input.sofr.push((date(2026, 2, 11), fixed("3.65"))));
    assert_eq!(text, "SOFR fixing of 2026-02-11 is after the business date");
    let text = problem(|input| input.sofr.push(input.sofr[0]));
    assert_eq!(text, "SOFR fixing of 2025-12-17 is given twice");
    let text = problem(|input| input.fed_funds[3].1 = fixed("101"));
    assert_eq!(text, "effective Fed funds fixing of 2026-02-04: 101 is not between -20 and 100 per cent");
    // Sunday 1 February carries Friday's rate, so the month needs it.
    let text = problem(|input| input.fed_funds.retain(|(day, _)| *day != date(2026, 1, 30)));
    assert!(text.starts_with("the effective Fed funds fixing of 2026-01-30 is missing"), "{text}");
}

#[test]
fn yields_below_zero_are_a_market() {
    let change = |input: &mut MarketInput| {
        for point in &mut input.par_curve {
            point.1 = Some(fixed("-0.5"));
        }
        input.treasuries[0].1 = fixed("109");
    };
    assert!(problems(change).is_empty());
}

#[test]
fn contracts_and_baskets_are_checked() {
    let price = |product: &'static str, month: &'static str, price: &'static str| {
        problem(move |input| input.settlements.push((contract(product, month), fixed(price))))
    };
    assert_eq!(price("ZQ", "2026-01", "96.4"), "ZQ:2026-01 has a price, but stopped trading on 2026-01-30");
    assert_eq!(price("ZQ", "2026-04", "1001"), "ZQ:2026-04: price 1001 is not between 0 and 1000 points");
    assert_eq!(price("ZQ", "2026-05", "96.4"), "ZQ:2026-05 has two prices");
    assert_eq!(price("ZN", "2026-06", "112"), "ZN:2026-06 has no deliverable issue in its basket");

    let basket = |product: &'static str, month: &'static str, cusips: &'static [&'static str]| {
        problems(move |input| {
            let cusips = cusips.iter().map(|cusip| cusip.parse().unwrap()).collect();
            input.baskets.retain(|(known, _)| *known != contract(product, month));
            input.baskets.push((contract(product, month), cusips));
        })
    };
    assert_eq!(basket("SR3", "2026-03", &[]), ["basket of SR3:2026-03 belongs to no priced Treasury future"]);
    assert_eq!(basket("ZN", "2026-03", &["91282CNZ0", "91282CNZ0"]), ["basket of ZN:2026-03 names 91282CNZ0 twice"]);
    assert_eq!(
        basket("ZN", "2026-03", &["91282CNZ0", "91282CMM0"]),
        ["basket of ZN:2026-03 names 91282CMM0, which is outside the deliverable grade"]
    );
}

#[test]
fn the_latest_specification_in_force_counts() {
    let with = |effective_from: Date| {
        let mut input = input();
        let mut changed = *input.specifications.iter().find(|s| s.product.as_str() == "Z3N").unwrap();
        changed.points_value = 3_000;
        changed.effective_from = effective_from;
        input.specifications.insert(0, changed);
        let market = Market::new(&input).unwrap();
        market.specification("Z3N".parse().unwrap()).unwrap().points_value
    };
    assert_eq!(with(BUSINESS_DATE), 3_000);
    assert_eq!(with(date(2026, 2, 11)), 2_000);
    let text = problem(|input| input.specifications.push(input.specifications[0]));
    assert_eq!(text, "specification of ZT effective 2019-01-14 is given twice");
}
