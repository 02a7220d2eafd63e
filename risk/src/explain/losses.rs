//! What a tail's losses come from, scenario by scenario.

use std::fmt;

use super::ExplainError;
use crate::{
    kernel::{KernelError, Position, ScenarioMatrix, Tail},
    money::Usd,
    sensitivity::{RiskFactor, Sensitivities, SensitivityRevaluer},
};

/// What a loss comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossSource {
    /// The move of a risk factor, to second order.
    Factor(RiskFactor),
    /// What sensitivities do not explain: orders above the second of full revaluation, roundings otherwise.
    HigherOrder,
}

impl fmt::Display for LossSource {
    /// `curve 10Y`, `higher order`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor(factor) => factor.fmt(f),
            Self::HigherOrder => f.pad("higher order"),
        }
    }
}

/// The loss of each position in each scenario of a tail, the worst first, in 1e-8 USD; a gain is negative.
///
/// # Errors
/// A position or a scenario that the matrix does not hold.
pub fn position_losses(
    matrix: &ScenarioMatrix,
    positions: &[Position],
    tail: &Tail,
) -> Result<Vec<Vec<Usd>>, ExplainError> {
    let loss = |position: &Position, scenario: u32| {
        let entry = entry(matrix, position, scenario)?;
        Ok(Usd::from_units(-i128::from(entry) * i128::from(position.units)))
    };
    let of_position = |position| tail.worst.iter().map(|worst| loss(position, worst.scenario)).collect();
    positions.iter().map(of_position).collect()
}

/// The loss from each source in each scenario of a tail, the worst first, in 1e-8 USD, over all positions. Sources in
/// order; only those that move something, [`LossSource::HigherOrder`] always and last.
///
/// `sensitivities` hold those of each row of the matrix; a row without any is all higher order. The revaluer has the
/// scenarios of the matrix.
///
/// # Errors
/// A position or a scenario that matrix or revaluer does not hold.
pub fn factor_losses(
    revaluer: &SensitivityRevaluer<'_>,
    sensitivities: &[Option<Sensitivities>],
    matrix: &ScenarioMatrix,
    positions: &[Position],
    tail: &Tail,
) -> Result<Vec<(LossSource, Vec<Usd>)>, ExplainError> {
    let mut by_factor = vec![vec![0_i128; tail.worst.len()]; RiskFactor::COUNT];
    let mut higher = vec![0_i128; tail.worst.len()];
    for position in positions {
        let own = sensitivities.get(position.row as usize).and_then(Option::as_ref);
        let lost = -i128::from(position.units);
        for (place, worst) in tail.worst.iter().enumerate() {
            let entry = entry(matrix, position, worst.scenario)?;
            let Some(own) = own else {
                higher[place] += lost * i128::from(entry);
                continue;
            };
            let split = revaluer.split(own, worst.scenario as usize, entry)?;
            for (factor, part) in split.by_factor {
                if let Some(factor) = factor.place() {
                    by_factor[factor][place] += lost * i128::from(part);
                }
            }
            higher[place] += lost * i128::from(split.remainder);
        }
    }
    let usd = |losses: Vec<i128>| losses.into_iter().map(Usd::from_units).collect();
    let moved = RiskFactor::ALL.into_iter().zip(by_factor).filter(|(_, losses)| losses.iter().any(|loss| *loss != 0));
    let factors = moved.map(|(factor, losses)| (LossSource::Factor(factor), usd(losses)));
    Ok(factors.chain([(LossSource::HigherOrder, usd(higher))]).collect())
}

fn entry(matrix: &ScenarioMatrix, position: &Position, scenario: u32) -> Result<i64, KernelError> {
    let out = KernelError::RowOutOfRange { account: 0, row: position.row, rows: matrix.rows() };
    matrix.value(position.row as usize, scenario as usize).ok_or(out)
}
