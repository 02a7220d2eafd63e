//! The path of the few accounts that the narrow path cannot hold: 128-bit sums, scenario by scenario.

use super::{Position, ScenarioMatrix};

/// The P&L vector of positions, in ascending order of date. The caller has checked the rows, and that no sum leaves
/// [`super::block::REACH_MAX`].
pub(super) fn vector(matrix: &ScenarioMatrix, positions: &[Position]) -> Vec<i128> {
    let mut vector = vec![0i128; matrix.scenarios()];
    for position in positions {
        let row = position.row as usize;
        for (scenario, sum) in vector.iter_mut().enumerate() {
            // Invariant: the row was checked against the matrix, and the scenario counts its columns.
            let value = matrix.value(row, scenario).unwrap_or_default();
            *sum += i128::from(position.units) * i128::from(value);
        }
    }
    vector
}
