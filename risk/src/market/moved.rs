//! A market after a move of its prices, its curve and its overnight rate, on the same business date.

use std::collections::BTreeMap;

use super::{
    Market, MarketProblem, MarketProblems,
    check::{is_price, is_rate},
};
use crate::{
    calendar::Calendar,
    fixed::Fixed8,
    fixings::OvernightRate,
    instrument::{Contract, Cusip},
    scenario::Tenor,
    treasury::Convention,
};

/// By how much each part of a market moves; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketMove {
    /// Changes of the prices of Treasuries, per 100.
    pub treasuries: BTreeMap<Cusip, Fixed8>,
    /// Changes of the settlement prices of futures, in points.
    pub futures: BTreeMap<Contract, Fixed8>,
    /// Changes of the par yields, in percentage points.
    pub par_curve: BTreeMap<Tenor, Fixed8>,
    /// The change of the overnight rate that the cash curve begins at, in percentage points.
    pub overnight: Fixed8,
}

impl Market {
    /// The market after a move, on the same business date: nothing in it ages. Fixings of elapsed days are past and
    /// stay; baskets, terms and issues without a price stay. A move of nothing gives an equal market.
    ///
    /// # Errors
    ///
    /// [`MarketProblems`] lists every price or rate that the move takes out of its range.
    pub fn moved(&self, by: &MarketMove) -> Result<Self, MarketProblems> {
        let mut moved = self.clone();
        let mut problems = Vec::new();
        for (&cusip, treasury) in &mut moved.treasuries {
            treasury.clean = sum(treasury.clean, by.treasuries.get(&cusip));
            if !is_price(treasury.clean) {
                problems.push(MarketProblem::TreasuryPrice { cusip, price: treasury.clean });
                continue;
            }
            match treasury.resolved.yield_from_clean(Convention::Street, treasury.clean.to_f64()) {
                Ok(yield_percent) => treasury.yield_percent = yield_percent,
                Err(reason) => problems.push(MarketProblem::TreasuryValue { cusip, reason }),
            }
        }
        for (&contract, future) in &mut moved.futures {
            future.price = sum(future.price, by.futures.get(&contract));
            if !is_price(future.price) {
                problems.push(MarketProblem::ContractPrice { contract, price: future.price });
            }
        }
        for (tenor, value) in &mut moved.par_curve {
            *value = sum(*value, by.par_curve.get(tenor));
            if !is_rate(*value) {
                problems.push(MarketProblem::CurveYield { tenor: *tenor, value: *value });
            }
        }
        moved.overnight = sum(moved.overnight, Some(&by.overnight));
        if !is_rate(moved.overnight) {
            let (rate, day) = (OvernightRate::Sofr, Calendar::UsGovernmentBond.previous(self.business_date));
            problems.push(MarketProblem::FixingValue { rate, day, value: moved.overnight });
        }
        if problems.is_empty() { Ok(moved) } else { Err(MarketProblems(problems)) }
    }
}

/// The sum, at the range's end where it would leave it: far beyond what passes for a price or a rate.
fn sum(value: Fixed8, change: Option<&Fixed8>) -> Fixed8 {
    Fixed8::from_units(value.units().saturating_add(change.map_or(0, |change| change.units())))
}
