//! Scenario P&L by sensitivities.

use super::{
    Differences, Sensitivities,
    factor::{RATES, RiskFactor, TENORS},
};
use crate::{
    instrument::Instrument,
    market::Market,
    revaluation::{RevaluationError, ScenarioProblem, check_scenarios, of_tenor, quantise},
    scenario::{ScenarioSet, Tenor},
};

/// Scenarios that are summed side by side: what is summed then stays in the first-level cache.
const BLOCK: usize = 128;

/// Values instruments in one market over one scenario set by their sensitivities.
///
/// The counterpart of [`crate::revaluation::Revaluer`]: rows have the same unit and the same rounding. Every sum is in
/// the order of the factors, so that rows do not depend on threads or instruction sets.
#[derive(Debug)]
pub struct SensitivityRevaluer<'a> {
    pub(super) scenarios: &'a ScenarioSet,
    differences: Differences<'a>,
    /// The moves in percentage points, by factor, then by scenario; without the spreads where they are held.
    pub(super) moves: Vec<Vec<f64>>,
}

/// What one factor adds: `x (slope + sum of coefficient x_other)`.
struct Term {
    factor: usize,
    slope: f64,
    /// Half the factor's own gamma, and the cross gammas with the factors after it.
    quadratic: Vec<(usize, f64)>,
}

impl<'a> SensitivityRevaluer<'a> {
    /// Prepares the scenarios for a market.
    ///
    /// # Errors
    ///
    /// [`RevaluationError::Scenarios`] when the set's parts do not fit together, a shift is not a finite number, or its
    /// tenors are not the standard ones.
    pub fn new(market: &'a Market, scenarios: &'a ScenarioSet) -> Result<Self, RevaluationError> {
        check_scenarios(scenarios)?;
        if scenarios.tenors != Tenor::STANDARD {
            return Err(ScenarioProblem::NotStandardTenors.into());
        }
        let by_tenor = |rows: &'a [f64]| (0..TENORS).map(|tenor| of_tenor(rows, TENORS, tenor).collect());
        let mut moves = vec![scenarios.overnight_shifts.clone()];
        moves.extend(by_tenor(&scenarios.curve_shifts));
        if !scenarios.spread_shifts.is_empty() {
            moves.extend(by_tenor(&scenarios.spread_shifts));
        }
        Ok(Self { scenarios, differences: Differences::new(market), moves })
    }

    /// The sensitivities of one kernel unit of an instrument.
    ///
    /// # Errors
    ///
    /// As [`Differences::of`].
    pub fn sensitivities(&self, instrument: Instrument) -> Result<Sensitivities, RevaluationError> {
        self.differences.of(instrument)
    }

    /// The scenario P&L of one kernel unit of an instrument, in 1e-8 USD, one entry a scenario in their order.
    ///
    /// # Errors
    ///
    /// [`RevaluationError`] names the instrument, and the scenario if one moves it beyond the range of a row.
    pub fn row(&self, instrument: Instrument) -> Result<Vec<i64>, RevaluationError> {
        self.row_of(&self.sensitivities(instrument)?)
    }

    /// The row of sensitivities that are at hand.
    ///
    /// # Errors
    ///
    /// [`RevaluationError::OutOfRange`] when a scenario's P&L is beyond the range of a row.
    pub fn row_of(&self, sensitivities: &Sensitivities) -> Result<Vec<i64>, RevaluationError> {
        let mut profits = vec![0.0; self.scenarios.len()];
        let terms = self.terms(sensitivities);
        for (block, profits) in profits.chunks_mut(BLOCK).enumerate() {
            let moves = |factor: usize| &self.moves[factor][block * BLOCK..][..profits.len()];
            let mut sums = [0.0; BLOCK];
            let sums = &mut sums[..profits.len()];
            for term in &terms {
                let mut slopes = [term.slope; BLOCK];
                let slopes = &mut slopes[..sums.len()];
                for &(other, coefficient) in &term.quadratic {
                    for (slope, x) in slopes.iter_mut().zip(moves(other)) {
                        *slope += coefficient * x;
                    }
                }
                for ((sum, slope), x) in sums.iter_mut().zip(&*slopes).zip(moves(term.factor)) {
                    *sum += slope * x;
                }
            }
            profits.copy_from_slice(sums);
        }
        quantise(sensitivities.instrument, profits.into_iter(), &self.scenarios.dates)
    }

    /// The factors that move the value; most instruments have a handful.
    fn terms(&self, sensitivities: &Sensitivities) -> Vec<Term> {
        let quadratic = |f: usize| -> Vec<(usize, f64)> {
            let Some(gamma) = sensitivities.gamma.get(f) else { return Vec::new() };
            let halved = |g: usize| (g, if g == f { 0.5 * gamma[g] } else { gamma[g] });
            (f..RATES).map(halved).filter(|&(_, coefficient)| coefficient != 0.0).collect()
        };
        let moved = 0..self.moves.len().min(RiskFactor::COUNT);
        moved
            .filter(|&factor| sensitivities.moves_with(factor))
            .map(|factor| Term { factor, slope: sensitivities.delta[factor], quadratic: quadratic(factor) })
            .collect()
    }
}
