//! The futures of the sample: all eleven products with their specifications, baskets and settlement prices.

use crossmargin::v1::{self, ContractFamily};
use jiff::civil::{Date, Weekday, date};
use risk::{
    calendar::Calendar,
    date::{add_days, add_months, days_between},
    instrument::ContractMonth,
};

use crate::market::contracts::specification_to_wire;

use super::{
    BUSINESS_DATE, history,
    issues::SampleIssue,
    pricing::{Curve, Rounding, conversion_factor},
};

/// What the sample needs to know of a product to settle it.
struct Product {
    code: &'static str,
    family: ContractFamily,
    /// Smallest price step in points: of Treasuries exact in binary, of rate futures that of all but nearby months.
    tick: f64,
}

const fn product(code: &'static str, family: ContractFamily, tick: f64) -> Product {
    Product { code, family, tick }
}

/// Ascending by code. Ticks of the CME rulebook, chapters 18 to 26 and 460 to 462, as of early 2026.
const PRODUCTS: [Product; 11] = [
    product("SR1", ContractFamily::SofrOneMonth, 0.005),
    product("SR3", ContractFamily::SofrThreeMonth, 0.005),
    product("TN", ContractFamily::Treasury, 0.015_625),
    product("TWE", ContractFamily::Treasury, 0.031_25),
    product("UB", ContractFamily::Treasury, 0.031_25),
    product("Z3N", ContractFamily::Treasury, 0.003_906_25),
    product("ZB", ContractFamily::Treasury, 0.031_25),
    product("ZF", ContractFamily::Treasury, 0.007_812_5),
    product("ZN", ContractFamily::Treasury, 0.015_625),
    product("ZQ", ContractFamily::FedFunds, 0.005),
    product("ZT", ContractFamily::Treasury, 0.003_906_25),
];

/// The delivery months of the Treasury contracts.
pub(super) const DELIVERY_MONTHS: [Date; 2] = [date(2026, 3, 1), date(2026, 6, 1)];

/// The specifications of all products, ascending.
#[must_use]
pub fn specifications() -> v1::ContractSpecifications {
    let mut specifications: Vec<_> =
        risk::futures::default_specifications().iter().map(specification_to_wire).collect();
    specifications.sort_by(|one, next| one.product.cmp(&next.product));
    v1::ContractSpecifications { specifications }
}

/// The baskets of the Treasury contracts: those of the issues that meet each contract's rule.
#[must_use]
pub fn baskets(issues: &[SampleIssue]) -> v1::Baskets {
    let mut baskets: Vec<v1::Basket> = treasury_contracts()
        .map(|(product, month)| v1::Basket {
            contract: contract(product.code, month),
            deliverables: deliverables(product.code, month, issues).map(|issue| issue.cusip.clone().into()).collect(),
        })
        .collect();
    baskets.sort_by(|one, next| one.contract.cmp(&next.contract));
    v1::Baskets { baskets }
}

/// Settlement prices of the Treasury contracts and of the months of rate futures given.
///
/// A Treasury contract settles at its cheapest deliverable's forward price by conversion factor, down to the tick, since
/// the short owns the choice. A rate future settles at 100 less the rate that fixings and curve give its period.
#[must_use]
pub fn prices(issues: &[SampleIssue], rate_months: &RateMonths) -> v1::ContractPrices {
    let treasury = treasury_contracts().map(|(product, month)| {
        let cheapest = cheapest(Curve::default(), product.code, month, issues);
        (contract(product.code, month), (cheapest / product.tick).floor() * product.tick)
    });
    let rates = PRODUCTS.iter().flat_map(|product| {
        let months: &[Date] = match product.family {
            ContractFamily::SofrThreeMonth => &rate_months.sofr_three_month,
            ContractFamily::SofrOneMonth => &rate_months.sofr_one_month,
            ContractFamily::FedFunds => &rate_months.fed_funds,
            _ => &[],
        };
        months.iter().map(|month| {
            let settlement = 100.0 - rate(product.family, *month);
            (contract(product.code, *month), (settlement / product.tick).round() * product.tick)
        })
    });
    let mut prices: Vec<v1::ContractPrice> = treasury
        .chain(rates)
        .map(|(contract, price)| v1::ContractPrice { contract, settlement_price: decimal(price) })
        .collect();
    prices.sort_by(|one, next| one.contract.cmp(&next.contract));
    v1::ContractPrices { prices }
}

/// The contract months of rate futures, each as its first day.
#[derive(Clone, Debug)]
pub struct RateMonths {
    /// Of SR3, by the start month of the reference quarter.
    pub sofr_three_month: Vec<Date>,
    /// Of SR1.
    pub sofr_one_month: Vec<Date>,
    /// Of ZQ.
    pub fed_funds: Vec<Date>,
}

impl RateMonths {
    /// So many quarters and months from the first ones whose period has not ended on the business date.
    #[must_use]
    pub fn listed(quarters: u16, months: u16) -> Self {
        let from = |first: Date, step: i32, count: u16| {
            (0..i32::from(count)).map(|place| add_months(first, place * step)).collect::<Vec<_>>()
        };
        let first = BUSINESS_DATE.first_of_month();
        Self {
            sofr_three_month: from(DELIVERY_MONTHS[0], 3, quarters),
            sofr_one_month: from(first, 1, months),
            fed_funds: from(first, 1, months),
        }
    }
}

/// The rate at which positions of the sample are financed, and the overnight rate of days to come before the curve's
/// first point, in per cent.
pub(super) const SOFR_PERCENT: f64 = 3.65;

/// The third Wednesday of a month, on which reference quarters of SR3 begin and end.
fn third_wednesday(month: Date) -> Date {
    let first = month.first_of_month();
    (14..21).map(|days| add_days(first, days)).find(|day| day.weekday() == Weekday::Wednesday).unwrap_or(first)
}

/// The rate of a contract's period in per cent: fixings for the days past, the forward rate for those to come.
fn rate(family: ContractFamily, month: Date) -> f64 {
    let (from, to) = match family {
        ContractFamily::SofrThreeMonth => (third_wednesday(month), third_wednesday(add_months(month, 3))),
        _ => (month.first_of_month(), add_days(month.last_of_month(), 1)),
    };
    let today = settlement_of_fixings();
    let past = span(from, to.min(today)).max(0.0);
    let coming = span(from.max(today), to);
    let fixed = if past > 0.0 { fixed_average(family, from, to.min(today)) } else { 0.0 };
    let forward = if coming > 0.0 { forward_rate(from.max(today), to) } else { 0.0 };
    (fixed * past + forward * coming) / (past + coming)
}

/// The first day whose overnight rate is not in the history.
fn settlement_of_fixings() -> Date {
    add_days(BUSINESS_DATE, 1)
}

/// The calendar-day average of overnight rates over days of the history.
fn fixed_average(family: ContractFamily, from: Date, to: Date) -> f64 {
    let rates = history::overnight_rates();
    let column = if family == ContractFamily::FedFunds { &rates.effr_e4 } else { &rates.sofr_e4 };
    let days = days_between(from, to);
    let sum: f64 = (0..days)
        .map(|day| {
            // A weekend or holiday has the rate of the business day before.
            let day = history::epoch_days(add_days(from, day));
            let newest = rates.dates.partition_point(|date| *date <= day).saturating_sub(1);
            f64::from(column[newest]) / 10_000.0
        })
        .sum();
    sum / span(from, to)
}

/// The rate between two days to come: what the longer of the two points of the curve pays beyond the shorter.
fn forward_rate(from: Date, to: Date) -> f64 {
    let paid = |day: Date| {
        let months = span(BUSINESS_DATE, day) / 365.25 * 12.0;
        // Bills yield a few hundredths above overnight repo at the front; the gap closes with time.
        (Curve::default().par_yield(months) - 0.05 / (1.0 + months / 3.0)) * span(BUSINESS_DATE, day)
    };
    (paid(to) - paid(from)) / span(from, to)
}

fn treasury_contracts() -> impl Iterator<Item = (&'static Product, Date)> {
    PRODUCTS
        .iter()
        .filter(|product| product.family == ContractFamily::Treasury)
        .flat_map(|product| DELIVERY_MONTHS.into_iter().map(move |month| (product, month)))
}

fn contract(code: &str, month: Date) -> String {
    format!("FUT:{code}:{}", ContractMonth::from(month))
}

fn rounding(code: &str) -> Rounding {
    if matches!(code, "ZT" | "Z3N" | "ZF") { Rounding::Month } else { Rounding::Quarter }
}

/// The issues that may be delivered into a contract.
fn deliverables<'a>(code: &str, month: Date, issues: &'a [SampleIssue]) -> impl Iterator<Item = &'a SampleIssue> {
    issues.iter().filter(move |issue| is_deliverable(code, month, issue))
}

/// The least forward price by conversion factor of a contract's basket, in points.
pub(super) fn cheapest(curve: Curve, code: &str, month: Date, issues: &[SampleIssue]) -> f64 {
    let delivery = Calendar::UsGovernmentBond.on_or_before(month.last_of_month());
    deliverables(code, month, issues)
        .map(|issue| {
            let factor = conversion_factor(issue.coupon, issue.maturity, month, rounding(code));
            curve.forward_price(issue, delivery, SOFR_PERCENT) / factor
        })
        .fold(f64::INFINITY, f64::min)
}

/// The rule of a contract on original and remaining maturity.
fn is_deliverable(code: &str, first: Date, issue: &SampleIssue) -> bool {
    let runs_at_least = |years: i32, months: i32| issue.maturity >= add_months(first, years * 12 + months);
    let runs_less_than = |years: i32, months: i32| !runs_at_least(years, months);
    let runs_from_last_day_at_most = |years: i32| issue.maturity <= add_months(first.last_of_month(), years * 12);
    // Month ends differ by days, which counts as a part of a month.
    let original_at_most = |months: f64| issue.original_months() <= months + 0.5;
    let original_at_least = |months: f64| issue.original_months() >= months - 0.5;
    match code {
        "ZT" => original_at_most(63.0) && runs_at_least(1, 9) && runs_from_last_day_at_most(2),
        "Z3N" => original_at_most(84.0) && runs_at_least(2, 9) && runs_from_last_day_at_most(3),
        "ZF" => original_at_most(63.0) && runs_at_least(4, 2),
        "ZN" => original_at_most(120.0) && runs_at_least(6, 6) && runs_less_than(8, 0),
        "TN" => {
            original_at_least(120.0)
                && original_at_most(120.0)
                && runs_at_least(9, 5)
                && issue.maturity <= add_months(first, 120)
        }
        "TWE" => runs_at_least(19, 2) && runs_less_than(19, 11),
        "ZB" => runs_at_least(15, 0) && runs_less_than(25, 0),
        "UB" => runs_at_least(25, 0),
        _ => false,
    }
}

/// Calendar days as a number.
fn span(from: Date, to: Date) -> f64 {
    f64::from(i32::try_from(days_between(from, to)).unwrap_or(i32::MAX))
}

/// A price without trailing zeros, at most eight decimals.
fn decimal(price: f64) -> String {
    let text = format!("{price:.8}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::issues::issues;

    #[test]
    fn every_treasury_contract_has_a_deliverable() {
        let baskets = baskets(&issues()).baskets;
        assert_eq!(baskets.len(), 16);
        for basket in &baskets {
            assert!(!basket.deliverables.is_empty(), "{}", basket.contract);
        }
        let of = |contract: &str| {
            let basket = baskets.iter().find(|basket| basket.contract == contract).unwrap();
            basket.deliverables.clone()
        };
        assert_eq!(of("FUT:ZT:2026-03"), ["91282CPS4"]);
        assert_eq!(of("FUT:ZF:2026-03"), ["91282CNX5", "91282CPD7", "91282CPR6"]);
        assert_eq!(of("FUT:TN:2026-03"), ["91282CNT4", "91282CPJ4"]);
        assert_eq!(of("FUT:TWE:2026-03"), ["912810UN6"]);
        assert!(of("FUT:ZN:2026-03").contains(&"91282CNZ0".to_owned()));
    }

    #[test]
    fn settlement_prices_lie_on_their_tick_and_in_the_range_of_the_market() {
        let prices = prices(&issues(), &RateMonths::listed(5, 5)).prices;
        assert_eq!(prices.len(), 16 + 15);
        assert!(prices.is_sorted_by(|one, next| one.contract < next.contract));
        for price in &prices {
            let points: f64 = price.settlement_price.parse().unwrap();
            let code = price.contract.split(':').nth(1).unwrap();
            let product = PRODUCTS.iter().find(|product| product.code == code).unwrap();
            let ticks = points / product.tick;
            assert!((ticks - ticks.round()).abs() < 1e-6, "{price:?}");
            let range = if product.family == ContractFamily::Treasury { 100.0..130.0 } else { 96.0..97.0 };
            assert!(range.contains(&points), "{price:?}");
        }
    }

    #[test]
    fn reference_quarters_begin_on_third_wednesdays() {
        assert_eq!(third_wednesday(date(2026, 3, 1)), date(2026, 3, 18));
        assert_eq!(third_wednesday(date(2023, 3, 1)), date(2023, 3, 15));
    }
}
