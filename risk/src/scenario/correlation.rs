//! Rescaling to the correlations that are forecast for the day after the as-of day.

use serde::{Deserialize, Serialize};

use super::{
    ScenarioError,
    filter::weights,
    moves::{Changes, SERIES},
};

/// Rescales scenarios from the correlations forecast when their moves began to those forecast for tomorrow.
///
/// From the one-day changes over their volatility forecasts, `z(i) = r(i) / s(i)`, comes the forecast
/// `C(i+1) = d C(i) + (1 - d) z(i) z(i)'`, first the mean of `z z'` over the filter's seed. Brought to a unit diagonal
/// and shrunk towards the identity by the share `h`, it is `R = (1 - h) corr(C) + h I`, with the lower Cholesky factor
/// `L`, `R = L L'`; series are in the order of the tenors, then the overnight rate. A scenario that spans the days
/// i-k+1 to i becomes
///
/// `r* = S(N+1) L(N+1) L(i-k+1)^-1 S(i-k+1)^-1 r`
///
/// with `S` the diagonal of the volatility forecasts. A series that never moved is taken as uncorrelated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationScaling {
    /// The decay `d` in basis points, 1 to 9,999: 9,900 is 0.99.
    pub decay_basis_points: u16,
    /// The share `h` of the identity in basis points, 1 to 10,000. No combination of series is taken to have had less
    /// than this share of a series' variance, which bounds how far the inverse can stretch it; with 10,000 nothing but
    /// the volatilities is rescaled.
    pub shrinkage_basis_points: u16,
}

impl CorrelationScaling {
    /// Decay 0.99 and a shrinkage of 10 %: `docs/risk-measures.md` gives the reasons.
    #[must_use]
    pub const fn default_scaling() -> Self {
        Self { decay_basis_points: 9_900, shrinkage_basis_points: 1_000 }
    }

    pub(super) fn check(self) -> Result<(), ScenarioError> {
        let problem = if !(1..10_000).contains(&self.decay_basis_points) {
            "correlation.decay_basis_points lies outside 1 to 9999"
        } else if !(1..=10_000).contains(&self.shrinkage_basis_points) {
            "correlation.shrinkage_basis_points lies outside 1 to 10000: correlations of 1 could not be inverted without"
        } else {
            return Ok(());
        };
        Err(ScenarioError::Parameter(problem))
    }
}

/// The lower triangle of a square matrix over the series; what lies above it is zero.
type Lower = [Changes; SERIES];

/// The factors of the correlations in force when each scenario began, and of those for the day after the as-of day.
pub(super) struct Correlations {
    then: Vec<Lower>,
    next: Lower,
}

impl Correlations {
    /// Forecasts from standardised one-day changes; `starts` are the indices of the first changes of the scenarios,
    /// ascending.
    ///
    /// Fails with the number of changes known to a forecast that cannot be factored.
    pub(super) fn new(
        residuals: &[Changes],
        scaling: CorrelationScaling,
        seed_days: u16,
        starts: &[usize],
    ) -> Result<Self, usize> {
        let (decay, newest) = weights(scaling.decay_basis_points);
        let mut products = [[0.0; SERIES]; SERIES];
        for residual in &residuals[..usize::from(seed_days)] {
            for_lower(&mut products, |product, row, column| product + residual[row] * residual[column]);
        }
        for_lower(&mut products, |product, _, _| product / f64::from(seed_days));

        let mut then = Vec::with_capacity(starts.len());
        let mut remaining = starts.iter().peekable();
        for (known, residual) in residuals.iter().enumerate() {
            if remaining.next_if(|start| **start == known).is_some() {
                then.push(factor(&products, scaling).ok_or(known)?);
            }
            for_lower(&mut products, |product, row, column| {
                decay * product + newest * (residual[row] * residual[column])
            });
        }
        let next = factor(&products, scaling).ok_or(residuals.len())?;
        Ok(Self { then, next })
    }

    /// Turns a scenario's standardised changes, correlated as when it began, into ones correlated as tomorrow's.
    pub(super) fn apply(&self, scenario: usize, changes: &mut Changes) {
        let then = &self.then[scenario];
        // Independent shocks, by forward substitution.
        for row in 0..SERIES {
            changes[row] = (changes[row] - inner(&then[row][..row], changes)) / then[row][row];
        }
        // From the last row up, since each needs the shocks of the rows before it.
        for row in (0..SERIES).rev() {
            changes[row] = inner(&self.next[row][..=row], changes);
        }
    }
}

/// The sum of products, in the order of the series, as far as the shorter one reaches.
fn inner(one: &[f64], other: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (one, other) in one.iter().zip(other) {
        sum += one * other;
    }
    sum
}

/// Replaces each entry on and below the diagonal, row by row.
fn for_lower(matrix: &mut Lower, new: impl Fn(f64, usize, usize) -> f64) {
    for (row, entries) in matrix.iter_mut().enumerate() {
        for (column, entry) in entries[..=row].iter_mut().enumerate() {
            *entry = new(*entry, row, column);
        }
    }
}

/// The lower Cholesky factor of the shrunk correlations, by rows (Banachiewicz). `None` where a pivot is not above zero.
fn factor(products: &Lower, scaling: CorrelationScaling) -> Option<Lower> {
    let (kept, _) = weights(10_000_u16.saturating_sub(scaling.shrinkage_basis_points));
    let mut lower = [[0.0; SERIES]; SERIES];
    for row in 0..SERIES {
        for column in 0..=row {
            let correlation = if row == column {
                1.0
            } else {
                let scale = (products[row][row] * products[column][column]).sqrt();
                if scale > 0.0 { kept * (products[row][column] / scale) } else { 0.0 }
            };
            let rest = correlation - inner(&lower[row][..column], &lower[column]);
            if row > column {
                lower[row][column] = rest / lower[column][column];
            } else if rest > 0.0 {
                lower[row][row] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling(shrinkage_basis_points: u16) -> CorrelationScaling {
        CorrelationScaling { shrinkage_basis_points, ..CorrelationScaling::default_scaling() }
    }

    /// Two series of variance 4 and 9, with this product between them; the others never moved.
    fn products(between: f64) -> Lower {
        let mut products = [[0.0; SERIES]; SERIES];
        (products[0][0], products[1][0], products[1][1]) = (4.0, between, 9.0);
        products
    }

    #[test]
    fn a_factor_is_that_of_the_shrunk_correlation() {
        let lower = factor(&products(4.0), scaling(1_000)).unwrap();
        // 4 / (2 x 3) x 0.9 = 0.6, and 0.8 from 0.6^2 + 0.8^2 = 1.
        assert!((lower[1][0] - 0.6).abs() < 1e-15 && (lower[1][1] - 0.8).abs() < 1e-15, "{lower:?}");
        assert_eq!(
            (lower[0][0], lower[SERIES - 1]),
            (1.0, std::array::from_fn(|at| f64::from(u8::from(at + 1 == SERIES))))
        );
        let identity = factor(&products(6.0), scaling(10_000)).unwrap();
        assert!((0..SERIES).all(|row| identity[row].iter().sum::<f64>() == 1.0 && identity[row][row] == 1.0));
    }

    #[test]
    fn series_that_move_as_one_need_the_shrinkage() {
        assert!(factor(&products(6.0), scaling(1)).is_some());
        assert!(factor(&products(6.0), scaling(0)).is_none());
        // What cannot be factored says how many changes were known.
        let mut together = [0.0; SERIES];
        (together[0], together[1]) = (1.0, 2.0);
        let error = Correlations::new(&[together; 5], scaling(0), 2, &[3]).err();
        assert_eq!(error, Some(3));
        assert!(Correlations::new(&[together; 5], scaling(1), 2, &[3]).is_ok());
    }

    #[test]
    fn a_scenario_takes_on_the_correlation_of_tomorrow() {
        let [apart, together] = [0.0, 6.0].map(|between| factor(&products(between), scaling(1_000)).unwrap());
        let mut changes = [1.0; SERIES];
        Correlations { then: vec![apart], next: together }.apply(0, &mut changes);
        // The first keeps its move; the second takes 0.9 of it and 0.19^0.5 of its own.
        assert_eq!((changes[0], changes[2]), (1.0, 1.0));
        assert!((changes[1] - (0.9 + 0.19_f64.sqrt())).abs() < 1e-15, "{changes:?}");
        Correlations { then: vec![together], next: apart }.apply(0, &mut changes);
        assert!((changes[1] - 1.0).abs() < 1e-15, "{changes:?}");
    }
}
