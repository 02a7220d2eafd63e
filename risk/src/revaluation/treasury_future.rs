//! Treasury futures: `F_s = min_i(Fwd_{i,s} / CF_i) + (F_0 - min_i(Fwd_{i,0} / CF_i))` over the basket.
//!
//! `Fwd_i = V_i / DF(t) - AI_i(t)` is the forward price without accrued interest of deliverable `i` on the last delivery
//! date `t`, with `V_i` as in [`super::forward`] and financing at the cash curve. The cheapest is picked again in every
//! scenario and the observed basis between the future and the cheapest is held, so the delivery option is re-priced at
//! its intrinsic value. `P&L_s = F_s - F_0` in points.

use super::{Column, RevaluationError, Revaluer};
use crate::{
    futures::TreasuryDelivery,
    instrument::{Contract, Instrument},
    market::PricedFuture,
};

impl Revaluer<'_> {
    /// The price of the future, in points; the observed basis left out, since it is held.
    pub(super) fn treasury_future(
        &self,
        instrument: Instrument,
        contract: Contract,
        future: &PricedFuture,
        delivery: &TreasuryDelivery,
    ) -> Result<Column, RevaluationError> {
        let date = delivery.last_delivery_date(contract.month).max(self.market.settlement());
        let to_delivery = self.discount(instrument, date)?;
        let growth: Column = to_delivery.iter().map(|factor| 1.0 / factor).collect();
        let mut cheapest: Option<Column> = None;
        for &(cusip, factor) in &future.basket {
            let treasury = self.treasury(instrument, cusip)?;
            let delivered = date.max(treasury.settle);
            let accrued = treasury
                .terms
                .schedule()
                .resolve(delivered)
                .map_err(|reason| RevaluationError::Price { instrument, reason })?
                .accrued();
            let value = self.without_coupons_to(instrument, treasury, delivered)?;
            let inverse_factor = 1.0 / factor.to_f64();
            let forward = value.iter().zip(&growth).map(|(value, growth)| (value * growth - accrued) * inverse_factor);
            match &mut cheapest {
                None => cheapest = Some(forward.collect()),
                Some(cheapest) => {
                    for (cheapest, forward) in cheapest.iter_mut().zip(forward) {
                        *cheapest = if forward < *cheapest { forward } else { *cheapest };
                    }
                }
            }
        }
        cheapest.ok_or(RevaluationError::NoDeliverable { instrument })
    }
}
