//! Market and reference data between the wire and `risk`: checked when a house submits it, read again when margins
//! are computed.

pub mod contracts;
pub mod histories;
pub mod reference;
pub mod treasuries;

use std::sync::Arc;

use crossmargin::v1::{self, market_item::Item};
use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    history::{CurveHistory, OvernightHistory},
    market::{Market, MarketInput, MarketProblems},
    treasury::TreasuryTerms,
};

use crate::problem::{Collector, Problems};

/// The items of both houses for one business date; an item that is not here was never given.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// Terms of Treasuries.
    pub issues: Option<v1::Issues>,
    /// Prices of Treasuries.
    pub issue_prices: Option<v1::IssuePrices>,
    /// Par curves.
    pub curve_history: Option<v1::CurveHistory>,
    /// Overnight rates.
    pub overnight_rates: Option<v1::OvernightRates>,
    /// Contract specifications.
    pub contract_specifications: Option<v1::ContractSpecifications>,
    /// Deliverable baskets.
    pub baskets: Option<v1::Baskets>,
    /// Settlement prices.
    pub contract_prices: Option<v1::ContractPrices>,
}

/// Everything that margins are computed from, apart from positions.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// The market of the business date.
    pub market: Arc<Market>,
    /// The par curves behind the scenarios.
    pub curve_history: CurveHistory,
    /// The overnight rates behind the scenarios.
    pub overnight_history: OvernightHistory,
}

/// The kind of an item.
#[must_use]
pub fn kind_of(item: &Item) -> v1::MarketItemKind {
    match item {
        Item::Issues(_) => v1::MarketItemKind::Issues,
        Item::IssuePrices(_) => v1::MarketItemKind::IssuePrices,
        Item::CurveHistory(_) => v1::MarketItemKind::CurveHistory,
        Item::OvernightRates(_) => v1::MarketItemKind::OvernightRates,
        Item::ContractSpecifications(_) => v1::MarketItemKind::ContractSpecifications,
        Item::Baskets(_) => v1::MarketItemKind::Baskets,
        Item::ContractPrices(_) => v1::MarketItemKind::ContractPrices,
    }
}

/// The name of a kind, as in `market show`.
#[must_use]
pub fn kind_name(kind: v1::MarketItemKind) -> &'static str {
    kind.as_str_name().strip_prefix("MARKET_ITEM_KIND_").unwrap_or_default()
}

/// Every kind, in order.
pub const KINDS: [v1::MarketItemKind; 7] = [
    v1::MarketItemKind::Issues,
    v1::MarketItemKind::IssuePrices,
    v1::MarketItemKind::CurveHistory,
    v1::MarketItemKind::OvernightRates,
    v1::MarketItemKind::ContractSpecifications,
    v1::MarketItemKind::Baskets,
    v1::MarketItemKind::ContractPrices,
];

/// Whether a price can be one: above 0 and up to 1,000, as the engine takes it.
pub(crate) fn is_price(price: Fixed8) -> bool {
    price.units() > 0 && price.units() <= 1_000 * Fixed8::ONE
}

/// Checks one item for itself; `field` names it in problems.
pub fn check(item: &Item, field: &str, problems: &mut Collector) {
    match item {
        Item::Issues(issues) => drop(treasuries::read_issues(issues, field, problems)),
        Item::IssuePrices(prices) => drop(treasuries::read_prices(prices, field, problems)),
        Item::CurveHistory(history) => drop(histories::read_curves(history, field, problems)),
        Item::OvernightRates(rates) => drop(histories::read_overnight(rates, field, problems)),
        Item::ContractSpecifications(specs) => drop(contracts::read_specifications(specs, field, problems)),
        Item::Baskets(baskets) => drop(contracts::read_baskets(baskets, field, problems)),
        Item::ContractPrices(prices) => drop(contracts::read_prices(prices, field, problems)),
    }
}

impl Items {
    /// Takes in an item.
    pub fn insert(&mut self, item: Item) {
        match item {
            Item::Issues(issues) => self.issues = Some(issues),
            Item::IssuePrices(prices) => self.issue_prices = Some(prices),
            Item::CurveHistory(history) => self.curve_history = Some(history),
            Item::OvernightRates(rates) => self.overnight_rates = Some(rates),
            Item::ContractSpecifications(specifications) => self.contract_specifications = Some(specifications),
            Item::Baskets(baskets) => self.baskets = Some(baskets),
            Item::ContractPrices(prices) => self.contract_prices = Some(prices),
        }
    }

    /// Kinds that are missing.
    #[must_use]
    pub fn missing(&self) -> Vec<v1::MarketItemKind> {
        let is_there = [
            self.issues.is_some(),
            self.issue_prices.is_some(),
            self.curve_history.is_some(),
            self.overnight_rates.is_some(),
            self.contract_specifications.is_some(),
            self.baskets.is_some(),
            self.contract_prices.is_some(),
        ];
        KINDS.into_iter().zip(is_there).filter(|(_, is_there)| !is_there).map(|(kind, _)| kind).collect()
    }

    /// The market of a business date with its histories.
    ///
    /// Issues that are not notes or bonds or that have matured are left out: a position in one cannot be valued, and
    /// says so. Notes and bonds without a price of the day are known as unpriced; none of them is delivered.
    ///
    /// # Errors
    /// Everything that is missing or does not fit together.
    pub fn assemble(&self, business_date: Date) -> Result<Assembled, Problems> {
        let mut problems = Collector::default();
        let need_curves = self.curve_history.clone().unwrap_or_default();
        for kind in self.missing() {
            // Without futures data a Treasury book still has a stand-alone margin; without a curve nothing has. Issues
            // without any price are no market: a margin proxy is for the one that has none.
            let is_needed = match kind {
                v1::MarketItemKind::CurveHistory | v1::MarketItemKind::OvernightRates => true,
                v1::MarketItemKind::IssuePrices => self.issues.is_some(),
                _ => false,
            };
            if is_needed {
                problems.add(kind_name(kind), "is missing");
            }
        }
        if !problems.is_empty() {
            return Err(problems.finish(()).err().unwrap_or_else(|| Problems::one("market", "is missing")));
        }
        let terms = self.issues.as_ref().map(|issues| treasuries::read_issues(issues, "ISSUES", &mut problems));
        let prices = self.issue_prices.as_ref().map(|p| treasuries::read_prices(p, "ISSUE_PRICES", &mut problems));
        let specifications = self.contract_specifications.as_ref();
        let specifications =
            specifications.map(|s| contracts::read_specifications(s, "CONTRACT_SPECIFICATIONS", &mut problems));
        let baskets = self.baskets.as_ref().map(|b| contracts::read_baskets(b, "BASKETS", &mut problems));
        let settlements =
            self.contract_prices.as_ref().map(|p| contracts::read_prices(p, "CONTRACT_PRICES", &mut problems));
        let curves = histories::read_curves(&need_curves, "CURVE_HISTORY", &mut problems);
        let overnight = self.overnight_rates.clone().unwrap_or_default();
        let overnight = histories::read_overnight(&overnight, "OVERNIGHT_RATES", &mut problems);
        let (Some(curve_history), Some(overnight)) = (curves, overnight) else {
            return Err(problems.finish(()).err().unwrap_or_else(|| Problems::one("market", "is missing")));
        };
        let live = treasuries::live(&terms.unwrap_or_default(), business_date);
        let known: std::collections::BTreeSet<_> = live.iter().map(TreasuryTerms::cusip).collect();
        let (treasuries, unpriced) = treasuries::by_price(live, &prices.unwrap_or_default());
        let input = MarketInput {
            business_date,
            par_curve: histories::par_curve(&curve_history, business_date),
            sofr: overnight.sofr.clone(),
            fed_funds: overnight.fed_funds,
            specifications: specifications.unwrap_or_default(),
            settlements: settlements.unwrap_or_default(),
            baskets: contracts::deliverable_now(baskets.unwrap_or_default(), &known),
            treasuries,
            unpriced,
        };
        let market =
            problems.finish(()).and_then(|()| Market::new(&input).map_err(|problems| market_problems(&problems)))?;
        Ok(Assembled { market: Arc::new(market), curve_history, overnight_history: overnight.history })
    }
}

fn market_problems(found: &MarketProblems) -> Problems {
    let mut problems = Collector::default();
    found.0.iter().for_each(|problem| problems.add("market", problem));
    problems.finish(()).err().unwrap_or_else(|| Problems::one("market", "is not complete"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arrangement::leg::Leg, sample};

    #[test]
    fn an_issue_without_a_price_is_known_and_named_by_the_futures_that_it_delivers_into() {
        let mut items = Items::default();
        let sample = [Leg::Treasury, Leg::Futures].map(|leg| sample::market().into_items(leg));
        sample.into_iter().flatten().filter_map(|item| item.item).for_each(|item| items.insert(item));
        let whole = items.assemble(sample::BUSINESS_DATE).unwrap().market;
        assert_eq!(whole.unpriced_issues().count(), 0);
        let (contract, basket) =
            whole.futures().map(|(c, future)| (c, &future.basket)).find(|f| f.1.len() > 1).unwrap();
        let cusip = basket[0].0;

        items.issue_prices.as_mut().unwrap().prices.retain(|price| price.cusip != cusip.to_string());
        let market = items.assemble(sample::BUSINESS_DATE).unwrap().market;
        assert_eq!(market.unpriced(cusip), whole.treasury(cusip).map(|treasury| &treasury.terms));
        assert!(market.treasury(cusip).is_none());
        let future = market.future(contract).unwrap();
        assert_eq!(future.unpriced_deliverables, [cusip]);
        assert_eq!(future.basket, basket[1..]);
    }
}
