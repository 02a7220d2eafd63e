//! Forward Treasuries: `V_s = D_s - sum of coupon_j DF_s(t_j)` over the coupons with `S < t_j <= t`.
//!
//! Who receives the bond on `t` without paying then owns today's bond less the coupons that somebody else collects until
//! `t`; the money paid on `t` is a cash flow of its own. So `P&L_s = V_s - V_0` is in present value at `S`, and buying
//! forward at the fair forward price is worth nothing: `V_0 = F DF_0(t)`. No repo specialness of the issue is modelled.
//! A forward date by `S` is spot.

use jiff::civil::Date;

use super::{Column, RevaluationError, Revaluer, treasury::Spread};
use crate::{
    instrument::{Cusip, Instrument},
    market::PricedTreasury,
    treasury::{PriceError, TreasuryTerms},
};

impl Revaluer<'_> {
    /// The value at settlement of 100 of face delivered on a date, free of payment.
    pub(super) fn forward(&self, instrument: Instrument, cusip: Cusip, date: Date) -> Result<Column, RevaluationError> {
        self.check_unsettled(instrument, date)?;
        self.without_coupons_to(instrument, self.treasury(instrument, cusip)?, date, Spread::Moved)
    }

    /// The price with accrued interest less the value of the coupons paid up to a date.
    pub(super) fn without_coupons_to(
        &self,
        instrument: Instrument,
        treasury: &PricedTreasury,
        date: Date,
        spread: Spread,
    ) -> Result<Column, RevaluationError> {
        check_before_maturity(instrument, &treasury.terms, date)?;
        let mut value = self.dirty(instrument, treasury.terms.cusip(), spread)?.clone();
        for flow in treasury.terms.schedule().cash_flows(treasury.settle, date) {
            let factors = self.discount(instrument, flow.date)?;
            for (value, factor) in value.iter_mut().zip(&factors) {
                *value -= flow.amount * factor;
            }
        }
        Ok(value)
    }
}

/// Refuses a forward date on which the issue has matured.
pub(crate) fn check_before_maturity(
    instrument: Instrument,
    terms: &TreasuryTerms,
    date: Date,
) -> Result<(), RevaluationError> {
    let maturity = terms.issue().maturity;
    if date < maturity {
        return Ok(());
    }
    Err(RevaluationError::Price { instrument, reason: PriceError::Matured { settle: date, maturity } })
}
