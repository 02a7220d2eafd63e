//! Cash: `P&L_s = DF_s(t) - DF_0(t)` for USD 1 paid on `t`.
//!
//! The cash curve gives the discount factor from `S` to `t`, by the time `t` in months of [`months_between`]:
//!
//! - up to six months, `DF = 1 / (1 + r t/1200)`, where the rate `r` per cent is linear between the overnight rate at
//!   zero (the last SOFR fixing, moved from ACT/360 to the bond basis by 365/360) and the par yields at their tenors;
//! - at every half-year beyond, by bootstrap of par bonds: with `y` the par yield linear between tenors and flat outside
//!   them, `DF_k = (1 - y/200 (DF_1 + ... + DF_{k-1})) / (1 + y/200)`;
//! - between half-years, simple interest at the forward rate of the half-year.
//!
//! Scenarios move the overnight rate and the par yields; their moves are interpolated in the same way. A flow due by
//! `S` is worth its amount. Source: assumed; par bonds price to par on it by construction.
//!
//! [`months_between`]: crate::date::months_between

use std::sync::OnceLock;

use jiff::civil::Date;

use super::{
    Column, RevaluationError, Revaluer,
    shifts::{ACT_360_TO_BOND, Shifts, bracket},
};
use crate::{date::months_between, instrument::Instrument, market::Market};

/// The cash curve of the market, and its half-year discount factors in every scenario once somebody needs them.
#[derive(Debug)]
pub(super) struct CashCurves {
    /// Zero for the overnight rate, then the tenors, in months.
    months: Vec<f64>,
    /// The overnight rate and the par yields, per cent on the bond basis.
    rates: Vec<f64>,
    half_years: OnceLock<Vec<Column>>,
}

/// Half-years of the bootstrap: thirty years.
const HALF_YEARS: usize = 60;

/// Months of a half-year.
const HALF_YEAR: f64 = 6.0;

impl CashCurves {
    pub(super) fn new(market: &Market) -> Self {
        let overnight = market.overnight();
        let curve = market.par_curve();
        Self {
            months: std::iter::once(0.0).chain(curve.iter().map(|(tenor, _)| f64::from(tenor.0))).collect(),
            rates: std::iter::once(overnight.to_f64() * ACT_360_TO_BOND)
                .chain(curve.iter().map(|(_, value)| value.to_f64()))
                .collect(),
            half_years: OnceLock::new(),
        }
    }

    /// Discount factors from settlement to `months` later, in the market as it is and in every scenario; `None` beyond
    /// thirty years.
    pub(super) fn discount(&self, shifts: &Shifts, months: f64) -> Option<Column> {
        if months <= 0.0 {
            return Some(vec![1.0; shifts.len()]);
        }
        if months <= HALF_YEAR {
            return Some(self.short(shifts, months));
        }
        let mut before = 1;
        while (before + 1) as f64 * HALF_YEAR < months {
            before += 1;
        }
        if before >= HALF_YEARS {
            return None;
        }
        let nodes = self.half_years.get_or_init(|| self.bootstrap(shifts));
        let share = (months - before as f64 * HALF_YEAR) / HALF_YEAR;
        let between = |(near, far): (&f64, &f64)| near / (1.0 + (near / far - 1.0) * share);
        Some(nodes[before].iter().zip(&nodes[before + 1]).map(between).collect())
    }

    fn short(&self, shifts: &Shifts, months: f64) -> Column {
        let (rate, moves) = (self.rate(months), shifts.cash_rate(months));
        let time = months / 1_200.0;
        (0..shifts.len()).map(|place| 1.0 / (1.0 + (rate + moves.at(place)) * time)).collect()
    }

    /// The discount factors at half-years from 0 on.
    fn bootstrap(&self, shifts: &Shifts) -> Vec<Column> {
        let mut nodes = vec![vec![1.0; shifts.len()], self.short(shifts, HALF_YEAR)];
        let mut annuity = nodes[1].clone();
        for half_year in 2..=HALF_YEARS {
            let months = half_year as f64 * HALF_YEAR;
            let (rate, moves) = (self.rate(months), shifts.cash_rate(months));
            let node: Column = annuity
                .iter()
                .enumerate()
                .map(|(place, annuity)| {
                    let coupon = (rate + moves.at(place)) / 200.0;
                    (1.0 - coupon * annuity) / (1.0 + coupon)
                })
                .collect();
            for (annuity, factor) in annuity.iter_mut().zip(&node) {
                *annuity += factor;
            }
            nodes.push(node);
        }
        nodes
    }

    /// The rate of the market as it is at a term.
    fn rate(&self, months: f64) -> f64 {
        match bracket(&self.months, months) {
            (place, None) => self.rates[place],
            (place, Some(weight)) => self.rates[place] + weight * (self.rates[place + 1] - self.rates[place]),
        }
    }
}

impl Revaluer<'_> {
    /// The value at settlement of USD 1 paid on a date.
    pub(super) fn cash(&self, instrument: Instrument, date: Date) -> Result<Column, RevaluationError> {
        let business_date = self.market.business_date();
        if date <= business_date {
            return Err(RevaluationError::Settled { instrument, date, business_date });
        }
        self.discount(instrument, date)
    }

    /// Discount factors to a date: one up to settlement, positive beyond it.
    pub(super) fn discount(&self, instrument: Instrument, date: Date) -> Result<Column, RevaluationError> {
        let months = months_between(self.market.settlement(), date);
        let factors =
            self.curves.discount(&self.shifts, months).ok_or(RevaluationError::BeyondCurve { instrument, date })?;
        match factors.iter().position(|&factor| !(factor > 0.0 && factor.is_finite())) {
            None => Ok(factors),
            Some(place) => Err(RevaluationError::OutOfRange { instrument, scenario: self.scenario(place) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::scenario::{ScenarioSet, Tenor};

    fn shifts(overnight: f64, curve: [f64; 4]) -> Shifts {
        Shifts::new(&ScenarioSet {
            dates: vec![date(2020, 1, 2)],
            tenors: [3, 12, 60, 360].map(Tenor).to_vec(),
            curve_shifts: curve.to_vec(),
            overnight_shifts: vec![overnight],
            spread_shifts: vec![],
        })
        .unwrap()
    }

    fn curves() -> CashCurves {
        CashCurves {
            months: vec![0.0, 3.0, 12.0, 60.0, 360.0],
            rates: vec![3.7, 3.6, 3.5, 3.8, 4.8],
            half_years: OnceLock::new(),
        }
    }

    #[test]
    fn par_bonds_are_worth_par_in_every_scenario() {
        let (curves, shifts) = (curves(), shifts(0.3, [0.5, -0.25, 1.0, -6.0]));
        for half_years in [2, 7, 10, 31, 60] {
            let months = f64::from(half_years) * HALF_YEAR;
            for place in [0, 1] {
                let coupon = (curves.rate(months) + shifts.cash_rate(months).at(place)) / 2.0;
                let flow = |k: u32| curves.discount(&shifts, f64::from(k) * HALF_YEAR).unwrap()[place];
                let value = coupon * (1..=half_years).map(flow).sum::<f64>() + 100.0 * flow(half_years);
                assert!((value - 100.0).abs() < 1e-11, "{half_years} half-years: {value}");
            }
        }
    }

    #[test]
    fn discount_factors_join_without_a_step() {
        let (curves, shifts) = (curves(), shifts(0.3, [0.5, -0.25, 1.0, -6.0]));
        for months in [3.0, 6.0, 12.0, 18.0, 60.0, 354.0] {
            let near = curves.discount(&shifts, months).unwrap();
            let far = curves.discount(&shifts, months + 1e-9).unwrap();
            for (near, far) in near.iter().zip(far) {
                assert!((near - far).abs() < 1e-10, "{months} months");
            }
        }
        assert_eq!(curves.discount(&shifts, 0.0), Some(vec![1.0; 2]));
        assert!(curves.discount(&shifts, 360.0).is_some());
        assert!(curves.discount(&shifts, 360.1).is_none());
    }

    #[test]
    fn the_overnight_rate_moves_the_short_end_alone() {
        let (curves, shifts) = (curves(), shifts(1.0, [0.0; 4]));
        let moved = |months: f64| {
            let factors = curves.discount(&shifts, months).unwrap();
            factors[1] != factors[0]
        };
        assert!(moved(0.1) && moved(2.9));
        assert!(!moved(3.0) && !moved(12.0) && !moved(40.0));
    }
}
