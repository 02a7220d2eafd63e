//! Which factor a scenario's P&L comes from.

use super::{RiskFactor, Sensitivities, SensitivityRevaluer, factor::RATES};
use crate::{
    numeric::round_to_i64,
    revaluation::{ROW_UNITS_PER_USD, RevaluationError},
};

/// A row's entry by factor, in 1e-8 USD for one kernel unit; parts and remainder sum to the entry exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorSplit {
    /// The part of each factor that moves the instrument, in order: `x_f (delta_f + 1/2 sum over g of gamma_fg x_g)`, so
    /// that a product of two factors goes to both by halves.
    pub by_factor: Vec<(RiskFactor, i64)>,
    /// What sensitivities do not explain: of a row of full revaluation the higher order, of one by sensitivities the
    /// rounding.
    pub remainder: i64,
}

impl SensitivityRevaluer<'_> {
    /// Splits the entry of an instrument's row in one scenario, counted from 0 in the set's order.
    ///
    /// The entry may be from full revaluation or by sensitivities. Splits add up over instruments by kernel units, since
    /// all are integers.
    ///
    /// # Errors
    ///
    /// [`RevaluationError::NoScenario`] past the last scenario, [`RevaluationError::OutOfRange`] when a part is beyond
    /// what can be counted.
    pub fn split(
        &self,
        sensitivities: &Sensitivities,
        scenario: usize,
        row_entry: i64,
    ) -> Result<FactorSplit, RevaluationError> {
        let instrument = sensitivities.instrument;
        let Some(&date) = self.scenarios.dates.get(scenario) else {
            return Err(RevaluationError::NoScenario { instrument, scenario, scenarios: self.scenarios.len() });
        };
        let out_of_range = || RevaluationError::OutOfRange { instrument, scenario: Some(date) };
        let (mut by_factor, mut remainder) = (Vec::new(), row_entry);
        for (place, (factor, moves)) in RiskFactor::ALL.into_iter().zip(&self.moves).enumerate() {
            if !sensitivities.moves_with(place) {
                continue;
            }
            let mut slope = sensitivities.delta[place];
            if let Some(gamma) = sensitivities.gamma.get(place) {
                for (gamma, moves) in gamma.iter().zip(&self.moves[..RATES]) {
                    slope += 0.5 * gamma * moves[scenario];
                }
            }
            let part = round_to_i64(slope * moves[scenario] * ROW_UNITS_PER_USD).ok_or_else(out_of_range)?;
            remainder = remainder.checked_sub(part).ok_or_else(out_of_range)?;
            by_factor.push((factor, part));
        }
        Ok(FactorSplit { by_factor, remainder })
    }
}
