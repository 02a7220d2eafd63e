//! Full revaluation: what every instrument gains or loses in every scenario.
//!
//! A row holds an instrument's gain, positive, or loss, negative, in each scenario, in units of 1e-8 USD for one
//! *kernel unit*: USD 100 of face for a Treasury, settled or forward; USD 1 for cash; one point of price times one
//! dollar for a future, whose contract is as many units as a point is worth in USD (1,000 for `ZN`, 2,500 for `SR3`).
//! A short position is a negative number of units, so its P&L is the exact negative of the long one's by construction.
//!
//! `s` stands for a scenario and `0` for the market as it is; both go through the same operations in the same order,
//! so that a scenario without a move gives exactly zero. `T` is the business date and `S` the settlement date after it.
//! Each kind of instrument states its formula in its own module:
//!
//! - Treasuries: the street price at the yield moved with the par curve, and with the issues' spreads where the set has
//!   moves of them (`treasury`).
//! - Forward Treasuries: the same, less the coupons paid before the forward date (`forward`).
//! - Cash: the discount factor of the cash curve (`cash_curve`).
//! - Treasury futures: the cheapest to deliver re-picked, spreads and the observed basis held (`treasury_future`).
//! - SOFR and Fed funds futures: the days still to come move with the cash curve (`rate_future`).
//!
//! **Quantisation.** A row entry is the nearest integer, ties to even, to the P&L in double precision: at most half of
//! 1e-8 USD off for each unit. A position of USD 1 billion of face is 10 million units, so its P&L is off by at most
//! USD 0.05 in any scenario; a position of 10,000 `ZN` contracts likewise. The double itself carries a relative error
//! below 1e-13 of the price: less than a thousandth of that.

mod cash_curve;
mod error;
mod forward;
mod key_rates;
mod par_bond;
mod rate_future;
mod shifts;
mod treasury;
mod treasury_future;
mod units;

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use jiff::civil::Date;

pub use error::{RevaluationError, ScenarioProblem};
pub(crate) use forward::check_before_maturity;
pub use key_rates::key_rate_dv01;
pub use par_bond::{ParBond, ParBondError};
pub(crate) use shifts::{check as check_scenarios, of_tenor};
pub(crate) use treasury_future::Cheapest;
pub use units::{UnitsError, kernel_units};

use self::{
    cash_curve::CashCurves,
    shifts::Shifts,
    treasury::{Prices, Spread},
};
use crate::{
    futures::Family,
    instrument::{Contract, Cusip, Instrument},
    market::{Market, PricedFuture, PricedTreasury},
    numeric::round_to_i64,
    scenario::ScenarioSet,
};

/// The largest scenario P&L that a row holds for one unit, in 1e-8 USD: 1e13, which is USD 100,000 for a unit of 100.
const ROW_LIMIT: i64 = 10_000_000_000_000;

/// Units of a row in one USD.
pub(crate) const ROW_UNITS_PER_USD: f64 = 1e8;

/// Values instruments in one market over one scenario set.
///
/// Work that instruments share (a Treasury's prices, the cash curve's bootstrap) is done once, on first use, by
/// whichever thread needs it; the results do not depend on which. Rows can be asked for from many threads.
#[derive(Debug)]
pub struct Revaluer<'a> {
    market: &'a Market,
    scenarios: &'a ScenarioSet,
    shifts: Shifts,
    curves: CashCurves,
    dirty: BTreeMap<Cusip, Prices>,
}

/// The standard tenors and no scenario.
static NO_SCENARIOS: LazyLock<ScenarioSet> = LazyLock::new(ScenarioSet::none);

/// A quantity in the market as it is (first) and in every scenario.
type Column = Vec<f64>;

/// The rows of many instruments, in their order.
///
/// # Errors
///
/// Every instrument that cannot be valued, or the one reason why none can.
pub fn revalue(
    market: &Market,
    instruments: &[Instrument],
    scenarios: &ScenarioSet,
) -> Result<Vec<Vec<i64>>, Vec<RevaluationError>> {
    let revaluer = Revaluer::new(market, scenarios).map_err(|error| vec![error])?;
    let (mut rows, mut errors) = (Vec::with_capacity(instruments.len()), Vec::new());
    for &instrument in instruments {
        match revaluer.row(instrument) {
            Ok(row) => rows.push(row),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

impl<'a> Revaluer<'a> {
    /// Prepares the scenarios for a market.
    ///
    /// # Errors
    ///
    /// [`RevaluationError::Scenarios`] when the set's lengths do not fit together, a tenor is out of order, or a
    /// shift is not a finite number.
    pub fn new(market: &'a Market, scenarios: &'a ScenarioSet) -> Result<Self, RevaluationError> {
        shifts::check(scenarios)?;
        Ok(Self::of_checked(market, scenarios))
    }

    /// Prepares the valuation of the market as it is alone: rows are empty.
    #[must_use]
    pub fn without_scenarios(market: &'a Market) -> Self {
        Self::of_checked(market, &NO_SCENARIOS)
    }

    /// Of a set that [`shifts::check`] has passed.
    pub(crate) fn of_checked(market: &'a Market, scenarios: &'a ScenarioSet) -> Self {
        let dirty = market.treasuries().map(|(cusip, _)| (cusip, Prices::default())).collect();
        Self { market, scenarios, shifts: Shifts::of_checked(scenarios), curves: CashCurves::new(market), dirty }
    }

    /// The market.
    #[must_use]
    pub fn market(&self) -> &'a Market {
        self.market
    }

    /// The scenario P&L of one kernel unit of an instrument, in 1e-8 USD, one entry a scenario in their order.
    ///
    /// # Errors
    ///
    /// [`RevaluationError`] names the instrument, and the scenario if one is at fault.
    pub fn row(&self, instrument: Instrument) -> Result<Vec<i64>, RevaluationError> {
        let values = self.values(instrument, Cheapest::Repicked)?;
        let Some((base, moved)) = values.split_first() else { return Ok(Vec::new()) };
        quantise(instrument, moved.iter().map(|value| value - base), &self.scenarios.dates)
    }

    /// What one kernel unit is worth in the market as it is, in USD: the price with accrued interest of USD 100 of face,
    /// a forward Treasury less the coupons that it does not get, the discount factor of USD 1 of cash, the settlement
    /// price of a future in points.
    ///
    /// # Errors
    ///
    /// As [`Self::row`].
    pub fn unit_value(&self, instrument: Instrument) -> Result<f64, RevaluationError> {
        match instrument {
            Instrument::Future(contract) => Ok(self.priced_future(instrument, contract)?.price.to_f64()),
            _ => Ok(self.values(instrument, Cheapest::Repicked)?[0]),
        }
    }

    /// The values that a row is the differences of, before rounding: in the market as it is, then in every scenario. A
    /// future's are up to a constant.
    pub(crate) fn values(&self, instrument: Instrument, pick: Cheapest) -> Result<Cow<'_, [f64]>, RevaluationError> {
        Ok(match instrument {
            Instrument::Treasury(cusip) => Cow::from(self.dirty(instrument, cusip, Spread::Moved)?),
            Instrument::ForwardTreasury { cusip, settle } => Cow::from(self.forward(instrument, cusip, settle)?),
            Instrument::Cash { date } => Cow::from(self.cash(instrument, date)?),
            Instrument::Future(contract) => Cow::from(self.future(instrument, contract, pick)?),
        })
    }

    /// The issue that is cheapest to deliver into a Treasury future in the market as it is: the one of the lowest
    /// forward price over conversion factor, of equals the first by CUSIP.
    ///
    /// # Errors
    ///
    /// As [`Self::row`]; [`RevaluationError::NoDeliverable`] for a rate future.
    pub fn cheapest_to_deliver(&self, instrument: Instrument, contract: Contract) -> Result<Cusip, RevaluationError> {
        let future = self.priced_future(instrument, contract)?;
        let Family::Treasury(delivery) = &future.specification.family else {
            return Err(RevaluationError::NoDeliverable { instrument });
        };
        self.treasury_future(instrument, contract, future, delivery, Cheapest::AsItIs).map(|(cusip, _)| cusip)
    }

    /// Refuses the date of a forward or cash flow that is due before the business date ends.
    pub(crate) fn check_unsettled(&self, instrument: Instrument, date: Date) -> Result<(), RevaluationError> {
        let business_date = self.market.business_date();
        if date > business_date {
            return Ok(());
        }
        Err(RevaluationError::Settled { instrument, date, business_date })
    }

    fn priced_future(&self, instrument: Instrument, contract: Contract) -> Result<&'a PricedFuture, RevaluationError> {
        self.market.future(contract).ok_or(RevaluationError::NoSettlement { instrument, contract })
    }

    fn treasury(&self, instrument: Instrument, cusip: Cusip) -> Result<&'a PricedTreasury, RevaluationError> {
        self.market.treasury(cusip).ok_or(RevaluationError::NoPrice { instrument, cusip })
    }
}

/// Scenario P&L in USD as the integers of a row; `dates` name the scenarios.
pub(crate) fn quantise(
    instrument: Instrument,
    profits: impl ExactSizeIterator<Item = f64>,
    dates: &[Date],
) -> Result<Vec<i64>, RevaluationError> {
    let mut row = Vec::with_capacity(profits.len());
    for profit in profits {
        // An entry that is not a number or beyond the range is found below, out of the loop that matters.
        row.push(round_to_i64(profit * ROW_UNITS_PER_USD).unwrap_or(i64::MAX));
    }
    match row.iter().position(|entry| !(-ROW_LIMIT..=ROW_LIMIT).contains(entry)) {
        None => Ok(row),
        Some(place) => Err(RevaluationError::OutOfRange { instrument, scenario: dates.get(place).copied() }),
    }
}
