//! The sample: a book and a market to start with, embedded in the program.
//!
//! Two houses, FICC and CME, with the linked accounts of six made-up member firms; real Treasury issues; prices that are
//! consistent with each other; a made-up past that has the statistics of the published one. The demo loads it, tests
//! and benchmarks use it. Everything is deterministic. `docs/sample.md` describes it.

pub mod book;
pub mod contracts;
pub mod history;
pub mod issues;
pub mod large;
mod pricing;
pub mod programme;
mod random;

use crossmargin::v1::{self, market_item::Item};
use jiff::civil::{Date, date};

use crate::arrangement::leg::Leg;

/// The business date of the sample: a Friday before a long weekend, so that trades settle four days later.
pub const BUSINESS_DATE: Date = date(2026, 2, 13);

/// Market and reference data of a business date, all seven kinds.
#[derive(Clone, Debug)]
pub struct Market {
    /// Terms of Treasuries.
    pub issues: v1::Issues,
    /// Prices of Treasuries.
    pub issue_prices: v1::IssuePrices,
    /// History of the par yield curve.
    pub curve_history: v1::CurveHistory,
    /// SOFR and the effective Fed funds rate.
    pub overnight_rates: v1::OvernightRates,
    /// Contract specifications.
    pub contract_specifications: v1::ContractSpecifications,
    /// Deliverable baskets.
    pub baskets: v1::Baskets,
    /// Settlement prices of futures.
    pub contract_prices: v1::ContractPrices,
}

/// The market of the sample.
#[must_use]
pub fn market() -> Market {
    Market::of(&issues::issues(), &contracts::RateMonths::listed(5, 5))
}

impl Market {
    /// A market of these issues, priced on the sample's curve, with all contracts and these months of rate futures.
    #[must_use]
    pub fn of(issues: &[issues::SampleIssue], rate_months: &contracts::RateMonths) -> Self {
        let prices = issues.iter().map(|issue| v1::IssuePrice {
            cusip: issue.cusip.clone().into_owned(),
            clean_price: format!("{:.6}", pricing::Curve::default().clean_price(issue)),
        });
        Self {
            issue_prices: v1::IssuePrices { prices: prices.collect() },
            issues: v1::Issues { issues: issues.iter().map(issues::SampleIssue::to_wire).collect() },
            curve_history: history::curve_history(),
            overnight_rates: history::overnight_rates(),
            contract_specifications: contracts::specifications(),
            baskets: contracts::baskets(issues),
            contract_prices: contracts::prices(issues, rate_months),
        }
    }

    /// The items of which the house that carries a leg is the authority.
    #[must_use]
    pub fn into_items(self, leg: Leg) -> Vec<v1::MarketItem> {
        let items = match leg {
            Leg::Treasury => vec![
                Item::Issues(self.issues),
                Item::IssuePrices(self.issue_prices),
                Item::CurveHistory(self.curve_history),
                Item::OvernightRates(self.overnight_rates),
            ],
            Leg::Futures => vec![
                Item::ContractSpecifications(self.contract_specifications),
                Item::Baskets(self.baskets),
                Item::ContractPrices(self.contract_prices),
            ],
        };
        items.into_iter().map(|item| v1::MarketItem { item: Some(item) }).collect()
    }
}
