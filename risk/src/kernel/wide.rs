//! The path of the few accounts that the narrow path cannot hold: 128-bit sums, scenario by scenario.

use super::{KernelError, Position, ScenarioMatrix};

/// The P&L vector of positions, in ascending order of date.
pub(super) fn vector(
    matrix: &ScenarioMatrix,
    positions: &[Position],
    account: usize,
) -> Result<Vec<i128>, KernelError> {
    let mut vector = vec![0i128; matrix.scenarios()];
    for position in positions {
        let row = position.row as usize;
        for (scenario, sum) in vector.iter_mut().enumerate() {
            // Invariant: the row was checked against the matrix, and the scenario counts its columns.
            let value = matrix.value(row, scenario).unwrap_or_default();
            // A product of two 64-bit integers fits 127 bits; only the sum can leave them.
            *sum = sum
                .checked_add(i128::from(position.units) * i128::from(value))
                .ok_or(KernelError::Overflow { account })?;
        }
    }
    Ok(vector)
}
