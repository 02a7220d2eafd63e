//! The checks of a market: each part is read as far as it can be, and all problems are reported together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Market, MarketInput, MarketProblem, MarketProblems, PricedFuture, PricedTreasury};
use crate::{
    calendar::Calendar,
    fixed::Fixed8,
    fixings::{Fixings, MissingFixing, OvernightRate},
    futures::{ContractSpecification, Family, TreasuryDelivery, conversion_factor},
    instrument::{Contract, Cusip, ProductCode},
    scenario::Tenor,
    treasury::{Convention, TreasuryTerms},
};

pub(super) fn check(input: &MarketInput) -> Result<Market, MarketProblems> {
    let mut checker =
        Checker { input, settlement: Calendar::UsGovernmentBond.next(input.business_date), problems: Vec::new() };
    if !Calendar::UsGovernmentBond.is_business_day(input.business_date) {
        checker.problems.push(MarketProblem::BusinessDate(input.business_date));
    }
    let treasuries = checker.treasuries();
    let unpriced = checker.unpriced();
    let par_curve = checker.par_curve();
    let sofr = checker.fixings(OvernightRate::Sofr, &input.sofr);
    let fed_funds = checker.fixings(OvernightRate::FedFunds, &input.fed_funds);
    let specifications = checker.specifications();
    let futures = checker.futures(&specifications, &treasuries, &unpriced);
    let overnight = checker.needed_fixings(&sofr, &fed_funds, &futures);

    let Checker { settlement, problems, .. } = checker;
    if problems.is_empty() {
        let business_date = input.business_date;
        Ok(Market {
            business_date,
            settlement,
            treasuries,
            unpriced,
            par_curve,
            overnight,
            sofr,
            fed_funds,
            specifications,
            futures,
        })
    } else {
        Err(MarketProblems(problems))
    }
}

struct Checker<'a> {
    input: &'a MarketInput,
    settlement: Date,
    problems: Vec<MarketProblem>,
}

/// Bounds of a price, per 100 or in points, in units of [`Fixed8`].
const PRICE_MAXIMUM: Fixed8 = Fixed8::from_units(1_000 * Fixed8::ONE);
/// Bounds of a rate, in per cent.
const RATE_MINIMUM: Fixed8 = Fixed8::from_units(-20 * Fixed8::ONE);
const RATE_MAXIMUM: Fixed8 = Fixed8::from_units(100 * Fixed8::ONE);

impl Checker<'_> {
    fn treasuries(&mut self) -> BTreeMap<Cusip, PricedTreasury> {
        let mut treasuries = BTreeMap::new();
        for &(terms, clean) in &self.input.treasuries {
            let cusip = terms.cusip();
            if !is_price(clean) {
                self.problems.push(MarketProblem::TreasuryPrice { cusip, price: clean });
                continue;
            }
            match self.price(terms, clean) {
                Ok(priced) if treasuries.insert(cusip, priced).is_some() => {
                    self.problems.push(MarketProblem::TreasuryTwice(cusip));
                }
                Ok(_) => {}
                Err(reason) => self.problems.push(MarketProblem::TreasuryValue { cusip, reason }),
            }
        }
        treasuries
    }

    fn price(&self, terms: TreasuryTerms, clean: Fixed8) -> Result<PricedTreasury, crate::treasury::PriceError> {
        let settle = self.settlement.max(terms.issue().issue);
        let resolved = terms.schedule().resolve(settle)?;
        let yield_percent = resolved.yield_from_clean(Convention::Street, clean.to_f64())?;
        Ok(PricedTreasury { terms, clean, settle, resolved, yield_percent })
    }

    fn unpriced(&mut self) -> BTreeMap<Cusip, TreasuryTerms> {
        let priced: BTreeSet<Cusip> = self.input.treasuries.iter().map(|(terms, _)| terms.cusip()).collect();
        let mut unpriced = BTreeMap::new();
        for &terms in &self.input.unpriced {
            let (cusip, maturity, settlement) = (terms.cusip(), terms.issue().maturity, self.settlement);
            if priced.contains(&cusip) {
                self.problems.push(MarketProblem::UnpricedHasPrice(cusip));
            }
            if maturity <= settlement {
                self.problems.push(MarketProblem::UnpricedMatured { cusip, maturity, settlement });
            }
            if unpriced.insert(cusip, terms).is_some() {
                self.problems.push(MarketProblem::TreasuryTwice(cusip));
            }
        }
        unpriced
    }

    fn par_curve(&mut self) -> Vec<(Tenor, Fixed8)> {
        let mut curve = BTreeMap::new();
        for &(tenor, value) in &self.input.par_curve {
            let Some(value) = value else {
                self.problems.push(MarketProblem::CurveGap(tenor));
                continue;
            };
            if !is_rate(value) {
                self.problems.push(MarketProblem::CurveYield { tenor, value });
            }
            if curve.insert(tenor, value).is_some() || tenor == Tenor(0) {
                self.problems.push(MarketProblem::CurveTenor(tenor));
            }
        }
        if self.input.par_curve.len() < 2 {
            self.problems.push(MarketProblem::CurveLength(self.input.par_curve.len()));
        }
        curve.into_iter().collect()
    }

    fn fixings(&mut self, rate: OvernightRate, fixings: &[(Date, Fixed8)]) -> Fixings {
        let mut days = BTreeSet::new();
        for &(day, value) in fixings {
            if !days.insert(day) {
                self.problems.push(MarketProblem::FixingTwice { rate, day });
            }
            if day > self.input.business_date {
                self.problems.push(MarketProblem::FixingDay { rate, day });
            }
            if !is_rate(value) {
                self.problems.push(MarketProblem::FixingValue { rate, day, value });
            }
        }
        Fixings::new(rate, fixings.iter().copied())
    }

    /// The version of each product that is in force: the latest one effective by the business date.
    fn specifications(&mut self) -> BTreeMap<ProductCode, ContractSpecification> {
        let mut seen = BTreeSet::new();
        let mut in_force: BTreeMap<ProductCode, ContractSpecification> = BTreeMap::new();
        for specification in &self.input.specifications {
            let (product, effective_from) = (specification.product, specification.effective_from);
            if !seen.insert((product, effective_from)) {
                self.problems.push(MarketProblem::SpecificationTwice { product, effective_from });
            }
            if specification.points_value == 0 {
                self.problems.push(MarketProblem::SpecificationValue(product));
            }
            let newer = in_force.get(&product).is_none_or(|known| known.effective_from < effective_from);
            if effective_from <= self.input.business_date && newer {
                in_force.insert(product, *specification);
            }
        }
        in_force
    }

    fn futures(
        &mut self,
        specifications: &BTreeMap<ProductCode, ContractSpecification>,
        treasuries: &BTreeMap<Cusip, PricedTreasury>,
        unpriced: &BTreeMap<Cusip, TreasuryTerms>,
    ) -> BTreeMap<Contract, PricedFuture> {
        let mut futures = BTreeMap::new();
        for &(contract, price) in &self.input.settlements {
            let Some(&specification) = specifications.get(&contract.product) else {
                self.problems.push(MarketProblem::ContractUnknown(contract));
                continue;
            };
            let last_trading = specification.last_trading(contract.month);
            if last_trading < self.input.business_date {
                self.problems.push(MarketProblem::ContractExpired { contract, last_trading });
            }
            if !is_price(price) {
                self.problems.push(MarketProblem::ContractPrice { contract, price });
            }
            let (basket, unpriced_deliverables) = (Vec::new(), Vec::new());
            let future = PricedFuture { specification, price, basket, unpriced_deliverables };
            if futures.insert(contract, future).is_some() {
                self.problems.push(MarketProblem::ContractTwice(contract));
            }
        }
        let mut with_basket = BTreeSet::new();
        for (contract, cusips) in &self.input.baskets {
            if !with_basket.insert(*contract) {
                self.problems.push(MarketProblem::BasketTwice(*contract));
            }
            match futures.get_mut(contract) {
                Some(PricedFuture {
                    specification: ContractSpecification { family: Family::Treasury(delivery), .. },
                    basket,
                    unpriced_deliverables,
                    ..
                }) => {
                    let deliverables = self.deliverables(*contract, delivery, cusips, treasuries, unpriced);
                    let (priced, left_out): (Vec<_>, Vec<_>) =
                        deliverables.into_iter().partition(|(cusip, _)| treasuries.contains_key(cusip));
                    *basket = priced;
                    *unpriced_deliverables = left_out.into_iter().map(|(cusip, _)| cusip).collect();
                }
                _ => self.problems.push(MarketProblem::BasketOrphan(*contract)),
            }
        }
        for (&contract, future) in &futures {
            let needs_basket = matches!(future.specification.family, Family::Treasury(_));
            if needs_basket && future.basket.is_empty() {
                self.problems.push(MarketProblem::BasketEmpty(contract));
            }
        }
        futures
    }

    /// The issues of a basket with their conversion factors, priced or not.
    fn deliverables(
        &mut self,
        contract: Contract,
        delivery: &TreasuryDelivery,
        cusips: &[Cusip],
        treasuries: &BTreeMap<Cusip, PricedTreasury>,
        unpriced: &BTreeMap<Cusip, TreasuryTerms>,
    ) -> Vec<(Cusip, Fixed8)> {
        let mut basket = BTreeMap::new();
        for &cusip in cusips {
            let priced = treasuries.get(&cusip).map(|treasury| &treasury.terms);
            let Some(terms) = priced.or_else(|| unpriced.get(&cusip)) else {
                self.problems.push(MarketProblem::DeliverableUnknown { contract, cusip });
                continue;
            };
            let issue = terms.issue();
            let factor = conversion_factor(issue.coupon, issue.maturity, contract.month, delivery.rounding);
            match factor {
                Some(factor) if factor > Fixed8::default() && delivery.grade.admits(terms, contract.month) => {
                    if basket.insert(cusip, factor).is_some() {
                        self.problems.push(MarketProblem::DeliverableTwice { contract, cusip });
                    }
                }
                _ => self.problems.push(MarketProblem::DeliverableGrade { contract, cusip }),
            }
        }
        basket.into_iter().collect()
    }

    /// Looks for SOFR of the day before, which it returns, and for the elapsed days of every rate future.
    fn needed_fixings(
        &mut self,
        sofr: &Fixings,
        fed_funds: &Fixings,
        futures: &BTreeMap<Contract, PricedFuture>,
    ) -> Fixed8 {
        let today = self.input.business_date;
        let mut missing: BTreeSet<MissingFixing> = BTreeSet::new();
        let overnight = sofr.on(Calendar::UsGovernmentBond.previous(today));
        missing.extend(overnight.err());
        for (contract, future) in futures {
            // An expired contract is a problem of its own, and its fixings are not wanted.
            if future.specification.last_trading(contract.month) < today {
                continue;
            }
            let Some((start, end)) = future.specification.reference_period(contract.month) else { continue };
            let fixings = if future.specification.family == Family::FedFunds { fed_funds } else { sofr };
            missing.extend(fixings.missing(start, end.min(today)));
        }
        self.problems.extend(missing.into_iter().map(MarketProblem::from));
        overnight.unwrap_or_default()
    }
}

pub(super) fn is_price(price: Fixed8) -> bool {
    price > Fixed8::default() && price <= PRICE_MAXIMUM
}

pub(super) fn is_rate(rate: Fixed8) -> bool {
    (RATE_MINIMUM..=RATE_MAXIMUM).contains(&rate)
}
