//! SOFR and Fed funds futures: the days that are still to come move with the cash curve.
//!
//! The observed price fixes the rate of the remaining days, given the fixings of the elapsed ones; a scenario adds the
//! change of the cash curve's simple forward rate `c` (per cent, ACT/360) over the remaining days. What is left:
//!
//! ```text
//! SR3:      P&L_s = -G (D_r / D) (c_s - c_0)
//! SR1, ZQ:  P&L_s = -(D_r / D) (c_s - c_0)
//! ```
//!
//! in points, with `D` the days of the period, `D_r` those from the business date on, and `G` the growth over the
//! elapsed days at their fixings. The sensitivity decays day by day to nothing. The curve starts at `S`; where the
//! remaining days end by then, `c` is the overnight rate. Fed funds move with the same curve as SOFR (assumed).

use super::{Cheapest, Column, RevaluationError, Revaluer};
use crate::{
    date::days_between,
    futures::Family,
    instrument::{Contract, Instrument},
    market::PricedFuture,
    revaluation::shifts::ACT_360_TO_BOND,
};

impl Revaluer<'_> {
    /// The price of a future, in points up to a constant.
    pub(super) fn future(
        &self,
        instrument: Instrument,
        contract: Contract,
        pick: Cheapest,
    ) -> Result<Column, RevaluationError> {
        let future = self.priced_future(instrument, contract)?;
        match &future.specification.family {
            Family::Treasury(delivery) => {
                self.treasury_future(instrument, contract, future, delivery, pick).map(|(_, column)| column)
            }
            Family::SofrThreeMonth | Family::SofrOneMonth | Family::FedFunds => {
                self.rate_future(instrument, contract, future)
            }
        }
    }

    fn rate_future(
        &self,
        instrument: Instrument,
        contract: Contract,
        future: &PricedFuture,
    ) -> Result<Column, RevaluationError> {
        let today = self.market.business_date();
        // Every rate future has a period.
        let (start, end) = future.specification.reference_period(contract.month).unwrap_or((today, today));
        let from = start.max(today);
        let growth = match future.specification.family {
            Family::SofrThreeMonth if start < today => self
                .market
                .sofr()
                .growth(start, today)
                .map_err(|reason| RevaluationError::Fixing { instrument, reason })?,
            _ => 1.0,
        };
        let scale = -growth * days_between(from, end) as f64 / days_between(start, end) as f64;

        let curve_from = from.max(self.market.settlement());
        let days = days_between(curve_from, end);
        if days <= 0 {
            let overnight = self.shifts.overnight();
            return Ok((0..self.shifts.len()).map(|place| scale * (overnight.at(place) / ACT_360_TO_BOND)).collect());
        }
        let (near, far) = (self.discount(instrument, curve_from)?, self.discount(instrument, end)?);
        let per_cent = 36_000.0 / days as f64;
        Ok(near.iter().zip(&far).map(|(near, far)| scale * ((near / far - 1.0) * per_cent)).collect())
    }
}
