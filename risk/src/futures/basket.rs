//! The deliverable basket: implied repo, basis, and the issue that is cheapest to deliver.

use jiff::civil::Date;

use crate::{
    date::days_between,
    fixed::Fixed8,
    treasury::{Convention, CouponSchedule, PriceError},
};

/// An issue that can be delivered, with its price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deliverable {
    /// The coupons and the redemption.
    pub schedule: CouponSchedule,
    /// The price without accrued interest, per 100.
    pub clean: f64,
    /// The conversion factor.
    pub factor: Fixed8,
}

/// What the measures of a basket are taken at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BasketTerms {
    /// The price of the future, in points.
    pub futures_price: f64,
    /// The settlement date of the cash Treasuries.
    pub settle: Date,
    /// The delivery date.
    pub delivery: Date,
    /// The financing rate, in per cent ACT/360, that turns a gross into a net basis.
    pub repo_percent: f64,
}

/// How one deliverable stands against the future.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeliverableMeasures {
    /// The return of buying the issue, delivering it and receiving the invoice, in per cent ACT/360.
    pub implied_repo_percent: f64,
    /// Price less futures price times factor, in points per 100.
    pub gross_basis: f64,
    /// The gross basis less the carry to delivery at the financing rate, in points per 100.
    pub net_basis: f64,
    /// Futures price times factor plus the accrued interest at delivery, per 100.
    pub invoice: f64,
    /// The issue's own fall for a basis point, per 100.
    pub dv01: f64,
    /// The future's fall for a basis point if this issue is delivered, per 100: `dv01` over the factor.
    pub futures_dv01: f64,
}

impl BasketTerms {
    /// The measures of one deliverable.
    ///
    /// `implied repo = (F x CF + AI_delivery + coupons - P - AI_settle) x 360 / ((P + AI_settle) x days - sum of coupon
    /// x days left)`: coupons before delivery are reinvested at the implied repo itself.
    ///
    /// # Errors
    ///
    /// [`PriceError`] when the issue cannot be settled or delivered on the dates, or has no yield.
    pub fn measure(&self, deliverable: &Deliverable) -> Result<DeliverableMeasures, PriceError> {
        let now = deliverable.schedule.resolve(self.settle)?;
        let then = deliverable.schedule.resolve(self.delivery)?;
        let factor = deliverable.factor.to_f64();
        let dirty = deliverable.clean + now.accrued();
        let invoice = self.futures_price * factor + then.accrued();
        let days = days_between(self.settle, self.delivery) as f64;
        let (mut coupons, mut coupon_days) = (0.0, 0.0);
        for flow in deliverable.schedule.cash_flows(self.settle, self.delivery) {
            coupons += flow.amount;
            coupon_days += flow.amount * days_between(flow.date, self.delivery) as f64;
        }
        let tied_up = dirty * days - coupon_days;
        let gross_basis = deliverable.clean - self.futures_price * factor;
        let carry = then.accrued() - now.accrued() + coupons - self.repo_percent / 36_000.0 * tied_up;
        let yield_percent = now.yield_from_clean(Convention::Street, deliverable.clean)?;
        let dv01 = now.dv01(Convention::Street, yield_percent);
        Ok(DeliverableMeasures {
            implied_repo_percent: (invoice + coupons - dirty) * 36_000.0 / tied_up,
            gross_basis,
            net_basis: gross_basis - carry,
            invoice,
            dv01,
            futures_dv01: dv01 / factor,
        })
    }
}

/// The place of the cheapest to deliver, the one with the highest implied repo; of equals the first. `None` for no
/// deliverable.
#[must_use]
pub fn cheapest_to_deliver(measures: &[DeliverableMeasures]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (place, measure) in measures.iter().enumerate() {
        if best.is_none_or(|(_, repo)| measure.implied_repo_percent > repo) {
            best = Some((place, measure.implied_repo_percent));
        }
    }
    best.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Two real baskets' cheapest to deliver, traded 2015-11-18, settled 2015-11-19 (computed by others from prices
    /// of the day).
    #[test]
    fn the_baskets_of_december_2015_come_out_as_computed_elsewhere() {
        let ty = Deliverable {
            schedule: CouponSchedule::new(
                "2.125".parse().unwrap(),
                date(2015, 6, 30),
                date(2015, 12, 31),
                date(2022, 6, 30),
            )
            .unwrap(),
            clean: 100.0 + 23.0 / 32.0,
            factor: "0.7939".parse().unwrap(),
        };
        let fv = Deliverable {
            schedule: CouponSchedule::new(
                "1.375".parse().unwrap(),
                date(2015, 2, 28),
                date(2015, 8, 31),
                date(2020, 2, 29),
            )
            .unwrap(),
            clean: 99.0 + 3.0 / 32.0,
            factor: "0.8317".parse().unwrap(),
        };
        let settle = date(2015, 11, 19);
        for (deliverable, futures_price, delivery, basis_32nds, repo, dv01, futures_dv01) in [
            (ty, 126.0 + 18.5 / 32.0, date(2015, 12, 31), 7.31, 0.1195, 61.90, 77.97),
            (fv, 119.0, date(2016, 1, 6), 3.89, 0.4517, 41.01, 49.31),
        ] {
            let terms = BasketTerms { futures_price, settle, delivery, repo_percent: repo };
            let measures = terms.measure(&deliverable).unwrap();
            assert!((measures.gross_basis * 32.0 - basis_32nds).abs() < 0.005, "{measures:?}");
            assert!((measures.implied_repo_percent - repo).abs() < 0.000_05, "{measures:?}");
            assert!((measures.dv01 * 1_000.0 - dv01).abs() < 0.005, "{measures:?}");
            assert!((measures.futures_dv01 * 1_000.0 - futures_dv01).abs() < 0.005, "{measures:?}");
            // Financed at the implied repo nothing is left of the basis.
            assert!(measures.net_basis.abs() < 1e-5, "{measures:?}");
        }
    }
}
