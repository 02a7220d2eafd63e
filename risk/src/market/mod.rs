//! The market of one business date: everything that valuing an instrument needs, checked as a whole.

mod check;
mod moved;
mod problem;

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use moved::MarketMove;
pub use problem::{MarketProblem, MarketProblems};

use crate::{
    fixed::Fixed8,
    fixings::Fixings,
    futures::ContractSpecification,
    instrument::{Contract, Cusip, ProductCode},
    scenario::Tenor,
    treasury::{ResolvedTreasury, TreasuryTerms},
};

/// What a market is made of, not yet checked. Order does not matter anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketInput {
    /// The business date: prices are its settlement or closing prices.
    pub business_date: Date,
    /// Treasuries with their prices without accrued interest, per 100, for settlement on the next business day (a new
    /// issue: on its issue date, if that is later).
    pub treasuries: Vec<(TreasuryTerms, Fixed8)>,
    /// Issues whose terms are known, but that have no price on the business date: they cannot be valued.
    pub unpriced: Vec<TreasuryTerms>,
    /// The par curve of the day, in per cent compounded semiannually, by tenor. A tenor without a yield is a gap.
    pub par_curve: Vec<(Tenor, Option<Fixed8>)>,
    /// SOFR fixings up to the business date, in per cent, by the day for which the rate holds.
    pub sofr: Vec<(Date, Fixed8)>,
    /// Effective Fed funds fixings up to the business date, likewise.
    pub fed_funds: Vec<(Date, Fixed8)>,
    /// Contract specifications, any number of versions of each product.
    pub specifications: Vec<ContractSpecification>,
    /// Settlement prices of futures, in points.
    pub settlements: Vec<(Contract, Fixed8)>,
    /// The issues that can be delivered into each Treasury future.
    pub baskets: Vec<(Contract, Vec<Cusip>)>,
}

/// The checked market of one business date.
#[derive(Clone, Debug, PartialEq)]
pub struct Market {
    business_date: Date,
    settlement: Date,
    treasuries: BTreeMap<Cusip, PricedTreasury>,
    unpriced: BTreeMap<Cusip, TreasuryTerms>,
    par_curve: Vec<(Tenor, Fixed8)>,
    overnight: Fixed8,
    sofr: Fixings,
    fed_funds: Fixings,
    specifications: BTreeMap<ProductCode, ContractSpecification>,
    futures: BTreeMap<Contract, PricedFuture>,
}

/// A Treasury with its price and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PricedTreasury {
    /// The terms.
    pub terms: TreasuryTerms,
    /// The price without accrued interest, per 100.
    pub clean: Fixed8,
    /// The date for whose settlement the price is: the next business day, or a new issue's issue date if later.
    pub settle: Date,
    /// The bond as it stands for settlement on that date.
    pub resolved: ResolvedTreasury,
    /// The street yield of the price, in per cent.
    pub yield_percent: f64,
}

/// A future with its settlement price and, for a Treasury future, its basket.
#[derive(Clone, Debug, PartialEq)]
pub struct PricedFuture {
    /// The specification in force.
    pub specification: ContractSpecification,
    /// The settlement price, in points.
    pub price: Fixed8,
    /// What can be delivered, with conversion factors, in order of CUSIP; empty for a rate future.
    pub basket: Vec<(Cusip, Fixed8)>,
    /// What could be delivered as well, but has no price and is therefore left out of the basket, in order of CUSIP.
    pub unpriced_deliverables: Vec<Cusip>,
}

impl Market {
    /// Checks what a market is made of.
    ///
    /// # Errors
    ///
    /// [`MarketProblems`] lists everything that is wrong, each by the item's name.
    pub fn new(input: &MarketInput) -> Result<Self, MarketProblems> {
        check::check(input)
    }

    /// The business date.
    #[must_use]
    pub fn business_date(&self) -> Date {
        self.business_date
    }

    /// The date on which Treasuries bought on the business date settle: the next business day.
    #[must_use]
    pub fn settlement(&self) -> Date {
        self.settlement
    }

    /// A Treasury, if the market prices it.
    #[must_use]
    pub fn treasury(&self, cusip: Cusip) -> Option<&PricedTreasury> {
        self.treasuries.get(&cusip)
    }

    /// Every Treasury, in order of CUSIP.
    pub fn treasuries(&self) -> impl Iterator<Item = (Cusip, &PricedTreasury)> {
        self.treasuries.iter().map(|(&cusip, treasury)| (cusip, treasury))
    }

    /// The terms of an issue that the market knows but does not price.
    #[must_use]
    pub fn unpriced(&self, cusip: Cusip) -> Option<&TreasuryTerms> {
        self.unpriced.get(&cusip)
    }

    /// Every issue that the market knows but does not price, in order of CUSIP.
    pub fn unpriced_issues(&self) -> impl Iterator<Item = (Cusip, &TreasuryTerms)> {
        self.unpriced.iter().map(|(&cusip, terms)| (cusip, terms))
    }

    /// A future, if the market prices it.
    #[must_use]
    pub fn future(&self, contract: Contract) -> Option<&PricedFuture> {
        self.futures.get(&contract)
    }

    /// Every future, in order of contract.
    pub fn futures(&self) -> impl Iterator<Item = (Contract, &PricedFuture)> {
        self.futures.iter().map(|(&contract, future)| (contract, future))
    }

    /// The specification of a product in force on the business date.
    #[must_use]
    pub fn specification(&self, product: ProductCode) -> Option<&ContractSpecification> {
        self.specifications.get(&product)
    }

    /// The par curve, in per cent, ascending by tenor.
    #[must_use]
    pub fn par_curve(&self) -> &[(Tenor, Fixed8)] {
        &self.par_curve
    }

    /// The last SOFR fixing known when the business date ends, that of the business day before, in per cent ACT/360.
    #[must_use]
    pub fn overnight(&self) -> Fixed8 {
        self.overnight
    }

    /// The fixings of SOFR.
    #[must_use]
    pub fn sofr(&self) -> &Fixings {
        &self.sofr
    }

    /// The fixings of the effective Fed funds rate.
    #[must_use]
    pub fn fed_funds(&self) -> &Fixings {
        &self.fed_funds
    }
}
