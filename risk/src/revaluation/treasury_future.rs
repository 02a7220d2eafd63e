//! Treasury futures: `F_s = min_i(Fwd_{i,s} / CF_i) + (F_0 - min_i(Fwd_{i,0} / CF_i))` over the basket.
//!
//! `Fwd_i = V_i / DF(t) - AI_i(t)` is the forward price without accrued interest of deliverable `i` on the last delivery
//! date `t`, with `V_i` as in [`super::forward`], its spread held, and financing at the cash curve. The cheapest is
//! picked again in every scenario and the observed basis between the future and the cheapest is held, so the delivery
//! option is re-priced at its intrinsic value. `P&L_s = F_s - F_0` in points.

use jiff::civil::Date;

use super::{Column, RevaluationError, Revaluer, treasury::Spread};
use crate::{
    fixed::Fixed8,
    futures::TreasuryDelivery,
    instrument::{Contract, Cusip, Instrument},
    market::PricedFuture,
};

/// Which issue stands for the basket of a Treasury future in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cheapest {
    /// The cheapest of that scenario: the price has a kink where the cheapest changes.
    Repicked,
    /// The cheapest of the market as it is, in all scenarios: the price is smooth.
    AsItIs,
}

impl Revaluer<'_> {
    /// The price of the future, in points, the observed basis left out, since it is held; with it the cheapest to
    /// deliver in the market as it is, of equals the first by CUSIP.
    pub(super) fn treasury_future(
        &self,
        instrument: Instrument,
        contract: Contract,
        future: &PricedFuture,
        delivery: &TreasuryDelivery,
        pick: Cheapest,
    ) -> Result<(Cusip, Column), RevaluationError> {
        let date = delivery.last_delivery_date(contract.month).max(self.market.settlement());
        let to_delivery = self.discount(instrument, date)?;
        let growth: Column = to_delivery.iter().map(|factor| 1.0 / factor).collect();
        let mut cheapest: Option<(Cusip, Column)> = None;
        for &(cusip, factor) in &future.basket {
            let forward = self.converted_forward(instrument, cusip, factor, date, &growth)?;
            let Some((first, column)) = &mut cheapest else {
                cheapest = Some((cusip, forward));
                continue;
            };
            let cheaper_as_it_is = forward[0] < column[0];
            if cheaper_as_it_is {
                *first = cusip;
            }
            match pick {
                Cheapest::Repicked => {
                    for (cheapest, forward) in column.iter_mut().zip(forward) {
                        *cheapest = if forward < *cheapest { forward } else { *cheapest };
                    }
                }
                Cheapest::AsItIs if cheaper_as_it_is => *column = forward,
                Cheapest::AsItIs => {}
            }
        }
        cheapest.ok_or(RevaluationError::NoDeliverable { instrument })
    }

    /// `Fwd / CF` of one deliverable, with `growth` the inverse of the discount factor to delivery.
    fn converted_forward(
        &self,
        instrument: Instrument,
        cusip: Cusip,
        factor: Fixed8,
        date: Date,
        growth: &[f64],
    ) -> Result<Column, RevaluationError> {
        let treasury = self.treasury(instrument, cusip)?;
        let delivered = date.max(treasury.settle);
        let resolved = treasury.terms.schedule().resolve(delivered);
        let accrued = resolved.map_err(|reason| RevaluationError::Price { instrument, reason })?.accrued();
        let mut value = self.without_coupons_to(instrument, treasury, delivered, Spread::Held)?;
        let inverse_factor = 1.0 / factor.to_f64();
        for (value, growth) in value.iter_mut().zip(growth) {
            *value = (*value * growth - accrued) * inverse_factor;
        }
        Ok(value)
    }
}
