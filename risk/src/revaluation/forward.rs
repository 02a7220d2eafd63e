//! Forward Treasuries: `V_s = D_s - sum of coupon_j DF_s(t_j)` over the coupons with `S < t_j <= t`.
//!
//! Who receives the bond on `t` without paying then owns today's bond less the coupons that somebody else collects until
//! `t`; the money paid on `t` is a cash flow of its own. So `P&L_s = V_s - V_0` is in present value at `S`, and buying
//! forward at the fair forward price is worth nothing: `V_0 = F DF_0(t)`. No repo specialness of the issue is modelled.
//! A forward date by `S` is spot.

use jiff::civil::Date;

use super::{Column, RevaluationError, Revaluer};
use crate::{
    instrument::{Cusip, Instrument},
    market::PricedTreasury,
    treasury::PriceError,
};

impl Revaluer<'_> {
    /// The value at settlement of 100 of face delivered on a date, free of payment.
    pub(super) fn forward(&self, instrument: Instrument, cusip: Cusip, date: Date) -> Result<Column, RevaluationError> {
        let business_date = self.market.business_date();
        if date <= business_date {
            return Err(RevaluationError::Settled { instrument, date, business_date });
        }
        self.without_coupons_to(instrument, self.treasury(instrument, cusip)?, date)
    }

    /// The price with accrued interest less the value of the coupons paid up to a date.
    pub(super) fn without_coupons_to(
        &self,
        instrument: Instrument,
        treasury: &PricedTreasury,
        date: Date,
    ) -> Result<Column, RevaluationError> {
        let maturity = treasury.terms.issue().maturity;
        if date >= maturity {
            let reason = PriceError::Matured { settle: date, maturity };
            return Err(RevaluationError::Price { instrument, reason });
        }
        let mut value = self.dirty(instrument, treasury.terms.cusip())?.clone();
        for flow in treasury.terms.schedule().cash_flows(treasury.settle, date) {
            let factors = self.discount(instrument, flow.date)?;
            for (value, factor) in value.iter_mut().zip(&factors) {
                *value -= flow.amount * factor;
            }
        }
        Ok(value)
    }
}
