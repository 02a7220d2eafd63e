//! Treasuries: `P&L_s = D(y_0 + dy_s) - D(y_0)`.
//!
//! `D` is the street price with accrued interest for settlement on `S`, `y_0` the yield of the observed price, and
//! `dy_s` the scenario's change of the par yield at the remaining maturity, counted in months from settlement, linear
//! between tenors and flat outside them. The spread of the issue over the curve stays as observed, or moves by the
//! scenario's change of spreads, blended alike: `dy_s` is then the sum of both. A spread is the cash issue's against the
//! curve, and so against futures; what delivers into a future is therefore priced with its spread held.
//!
//! With `u = 1 + y/200` and `v = 1/u`, `D = u^-w (c (1 + v + ... + v^n) + 100 v^n + e0 + e1 v)`. The sum comes by
//! doubling, without a division; the broken period comes from the base as `u_0^-w (1 + e)^-w`, `e = (u - u_0) / u_0`,
//! the last factor by its binomial series while `|e| <= 1/64` (a move of the yield by about three percentage points),
//! whose ten terms leave less than 2^-59, and by `libm` beyond. Scenarios go eight at a time, each by the same
//! operations, so vector units change the time and not one digit.

use std::sync::OnceLock;

use super::{Column, RevaluationError, Revaluer, shifts::Blend};
use crate::{
    date::months_between,
    instrument::{Cusip, Instrument},
    market::PricedTreasury,
    treasury::ResolvedTreasury,
};

/// Scenarios priced side by side.
const LANES: usize = 8;
/// Terms of the binomial series, the constant one included.
const TERMS: usize = 10;
/// Where the series hands over to `libm`.
const SERIES_LIMIT: f64 = 1.0 / 64.0;
/// The smallest `1 + y/200` that is priced: a yield of -100 per cent.
const GROWTH_MINIMUM: f64 = 0.5;

/// The prices of an issue in every scenario, computed on first use.
#[derive(Debug, Default)]
pub(super) struct Prices {
    held: OnceLock<Result<Column, RevaluationError>>,
    moved: OnceLock<Result<Column, RevaluationError>>,
}

/// What a scenario does to the spread of an issue over the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// It stays as observed: for what delivers into a future.
    Held,
    /// It moves by the scenario's change of spreads, if the set has one: for a cash issue.
    Moved,
}

impl Revaluer<'_> {
    /// The price with accrued interest of an issue, per 100, in the market as it is and in every scenario.
    pub(super) fn dirty(
        &self,
        instrument: Instrument,
        cusip: Cusip,
        spread: Spread,
    ) -> Result<&Column, RevaluationError> {
        let treasury = self.treasury(instrument, cusip)?;
        let Some(prices) = self.dirty.get(&cusip) else { return Err(RevaluationError::NoPrice { instrument, cusip }) };
        let months = months_between(treasury.settle, treasury.terms.issue().maturity);
        let (cell, spread) = match (spread, self.shifts.spread(months)) {
            (Spread::Moved, Some(blend)) => (&prices.moved, Some(blend)),
            _ => (&prices.held, None),
        };
        let price = || self.reprice(Instrument::Treasury(cusip), treasury, self.shifts.par_yield(months), spread);
        cell.get_or_init(price).as_ref().map_err(Clone::clone)
    }

    fn reprice(
        &self,
        instrument: Instrument,
        treasury: &PricedTreasury,
        curve: Blend<'_>,
        spread: Option<Blend<'_>>,
    ) -> Result<Column, RevaluationError> {
        let formula = StreetFormula::new(&treasury.resolved, treasury.yield_percent);
        let mut prices = Vec::with_capacity(self.shifts.len() + LANES);
        let mut start = 0;
        while start < self.shifts.len() {
            let mut moves = [0.0; LANES];
            let filled = (self.shifts.len() - start).min(LANES);
            curve.read(start, &mut moves[..filled]);
            if let Some(spread) = spread {
                spread.add(start, &mut moves[..filled]);
            }
            let (block, lowest) = formula.price(&moves);
            if lowest < GROWTH_MINIMUM {
                let place = moves.iter().position(|&shift| formula.growth(shift) < GROWTH_MINIMUM).unwrap_or_default();
                return Err(RevaluationError::OutOfRange { instrument, scenario: self.scenario(start + place) });
            }
            prices.extend_from_slice(&block);
            start += LANES;
        }
        prices.truncate(self.shifts.len());
        Ok(prices)
    }

    /// The date of the scenario at a place of a column, none for the market as it is.
    pub(super) fn scenario(&self, place: usize) -> Option<jiff::civil::Date> {
        place.checked_sub(1).and_then(|scenario| self.scenarios.dates.get(scenario).copied())
    }
}

impl Blend<'_> {
    /// The blended values from a place on.
    fn read(&self, start: usize, out: &mut [f64]) {
        let end = start + out.len();
        for ((out, left), right) in out.iter_mut().zip(&self.left[start..end]).zip(&self.right[start..end]) {
            *out = left + self.weight * (right - left);
        }
    }

    /// Adds the blended values from a place on.
    fn add(&self, start: usize, out: &mut [f64]) {
        let end = start + out.len();
        for ((out, left), right) in out.iter_mut().zip(&self.left[start..end]).zip(&self.right[start..end]) {
            *out += left + self.weight * (right - left);
        }
    }
}

/// The street price of one bond as a function of the move of its yield.
struct StreetFormula<'a> {
    bond: &'a ResolvedTreasury,
    /// `1 + y_0/200`.
    growth: f64,
    inverse_growth: f64,
    /// `u_0^-w`.
    broken: f64,
    /// Binomial coefficients of `(1 + e)^-w`.
    series: [f64; TERMS],
}

impl<'a> StreetFormula<'a> {
    fn new(bond: &'a ResolvedTreasury, yield_percent: f64) -> Self {
        let growth = 1.0 + yield_percent / 200.0;
        let mut series = [1.0; TERMS];
        for term in 1..TERMS {
            let k = term as f64;
            series[term] = series[term - 1] * ((1.0 - k - bond.fraction) / k);
        }
        Self { bond, growth, inverse_growth: 1.0 / growth, broken: libm::pow(growth, -bond.fraction), series }
    }

    fn growth(&self, shift: f64) -> f64 {
        self.growth + shift * 0.005
    }

    /// Prices for moves of the yield in percentage points, and the smallest growth among them.
    fn price(&self, moves: &[f64; LANES]) -> ([f64; LANES], f64) {
        let mut v = [0.0; LANES];
        let mut relative = [0.0; LANES];
        let mut lowest = f64::INFINITY;
        for lane in 0..LANES {
            let growth = self.growth(moves[lane]);
            v[lane] = 1.0 / growth;
            relative[lane] = moves[lane] * 0.005 * self.inverse_growth;
            lowest = lowest.min(growth);
        }
        let (power, sum) = powers_and_sums(&v, self.bond.periods);
        let c = self.bond.half_coupon;
        let [e0, e1] = self.bond.corrections;
        let mut price = [0.0; LANES];
        for lane in 0..LANES {
            let mut broken = self.series[TERMS - 1];
            for coefficient in self.series[..TERMS - 1].iter().rev() {
                broken = broken * relative[lane] + coefficient;
            }
            let flows = c * (sum[lane] + power[lane]) + 100.0 * power[lane] + (e0 + e1 * v[lane]);
            price[lane] = self.broken * broken * flows;
        }
        for lane in 0..LANES {
            if relative[lane].abs() > SERIES_LIMIT {
                let flows = c * (sum[lane] + power[lane]) + 100.0 * power[lane] + (e0 + e1 * v[lane]);
                price[lane] = libm::pow(v[lane], self.bond.fraction) * flows;
            }
        }
        (price, lowest)
    }
}

/// `base` to a whole power and the geometric sum `1 + base + ... + base^(exponent - 1)`, by doubling.
///
/// Neither divides, so a base of one (a yield of zero) needs no special case.
fn powers_and_sums(base: &[f64; LANES], exponent: u32) -> ([f64; LANES], [f64; LANES]) {
    let (mut power, mut sum) = ([1.0; LANES], [0.0; LANES]);
    for bit in (0..u32::BITS - exponent.leading_zeros()).rev() {
        for lane in 0..LANES {
            sum[lane] += sum[lane] * power[lane];
            power[lane] *= power[lane];
        }
        if exponent >> bit & 1 == 1 {
            for lane in 0..LANES {
                sum[lane] = 1.0 + base[lane] * sum[lane];
                power[lane] *= base[lane];
            }
        }
    }
    (power, sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn doubling_agrees_with_one_multiplication_at_a_time(base in 0.9_f64..1.1, exponent in 0_u32..100) {
            let (power, sum) = powers_and_sums(&[base; LANES], exponent);
            let (mut p, mut s) = (1.0, 0.0);
            for _ in 0..exponent {
                s += p;
                p *= base;
            }
            for lane in 0..LANES {
                prop_assert!((power[lane] - p).abs() <= 1e-13 * p);
                prop_assert!((sum[lane] - s).abs() <= 1e-13 * s.max(1.0));
            }
        }
    }
}
