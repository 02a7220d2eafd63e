//! What a tail is made of: the part that each position, and each risk factor, has in it.
//!
//! A tail is the `k` worst scenarios of a portfolio. In each of them every position loses or gains a whole number of
//! 1e-8 USD, and these add up to the portfolio's loss exactly, so
//!
//! ```text
//! contribution to the expected shortfall = mean over the tail of the position's losses       (Euler)
//! contribution to the measure            = the same x measure / expected shortfall
//! ```
//!
//! with the measure the k-th worst loss. Both are rounded by largest remainders, so that contributions add up to the
//! expected shortfall as printed, rounded up to 1e-8 USD, and to the measure, to the last digit.
//!
//! Where the measure is not above zero there is no sound ratio; the contributions to it are then the losses in its own
//! scenario, which add up to it as well.

mod losses;
mod share;

pub use losses::{LossSource, factor_losses, position_losses};

use crate::{
    kernel::{KernelError, Tail},
    measure::{expected_shortfall, value_at_risk},
    money::Usd,
    revaluation::RevaluationError,
};

/// What one part of a portfolio adds to its tail, in 1e-8 USD. What offsets the rest is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// To the expected shortfall.
    pub to_shortfall: Usd,
    /// To the measure.
    pub to_measure: Usd,
}

/// Why a tail cannot be taken apart.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExplainError {
    /// A position that the matrix does not hold.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A P&L that cannot be split by factor.
    #[error(transparent)]
    Revaluation(#[from] RevaluationError),
    /// Losses of other positions, scenarios or units.
    #[error("the parts of a tail do not add up to it: take them from the tail's own positions and scenarios")]
    Sum,
}

/// What parts of a portfolio contribute to its tail, in their order: `losses` holds for each part its loss in every
/// scenario of the tail, the worst first.
///
/// # Errors
/// [`ExplainError::Sum`] when the losses do not add up to the tail's.
pub fn contributions(tail: &Tail, losses: &[Vec<Usd>]) -> Result<Vec<Contribution>, ExplainError> {
    check_sums(tail, losses)?;
    let sums: Vec<Usd> = losses.iter().map(|of_part| of_part.iter().copied().sum()).collect();
    let shortfall = expected_shortfall(tail).split(&sums).ok_or(ExplainError::Sum)?;
    let measure = value_at_risk(tail);
    let to_measure = if measure > Usd::ZERO {
        share::in_proportion(measure, &sums).ok_or(ExplainError::Sum)?
    } else {
        losses.iter().map(|of_part| of_part.last().copied().unwrap_or_default()).collect()
    };
    let both = shortfall.into_iter().zip(to_measure);
    Ok(both.map(|(to_shortfall, to_measure)| Contribution { to_shortfall, to_measure }).collect())
}

/// Every scenario for itself: sums over all of them could agree by chance.
fn check_sums(tail: &Tail, losses: &[Vec<Usd>]) -> Result<(), ExplainError> {
    let is_whole = losses.iter().all(|of_part| of_part.len() == tail.worst.len())
        && tail.worst.iter().enumerate().all(|(place, scenario)| {
            Usd::checked_sum(losses.iter().map(|of_part| of_part[place])) == Some(Usd::from_units(-scenario.pnl))
        });
    if is_whole { Ok(()) } else { Err(ExplainError::Sum) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::{Legs, Level, Position, ScenarioMatrix};

    fn tail_of(rows: &[Vec<i64>], positions: &[Position], count: usize) -> (ScenarioMatrix, Tail) {
        let matrix = ScenarioMatrix::new(rows[0].len(), rows).unwrap();
        let legs = Legs { first: positions, second: &[] };
        let tails = matrix.tails(Level::best(), count, &[legs]).unwrap();
        let tail = tails[0].both.clone();
        (matrix, tail)
    }

    fn held(units: &[i64]) -> Vec<Position> {
        (0..).zip(units).map(|(row, units)| Position { row, units: *units }).collect()
    }

    fn sums(parts: &[Contribution]) -> (Usd, Usd) {
        (parts.iter().map(|part| part.to_shortfall).sum(), parts.iter().map(|part| part.to_measure).sum())
    }

    fn units(parts: &[Contribution]) -> Vec<(i128, i128)> {
        parts.iter().map(|part| (part.to_shortfall.units(), part.to_measure.units())).collect()
    }

    #[test]
    fn a_hedge_takes_off_what_it_gains_in_the_tail() {
        // The worst two of the sum: -60 and -40. Long loses 90 and 70, the hedge gains 30 and 30.
        let rows = [vec![-90, 10, -70, 5], vec![-30, 20, -30, 0]];
        let positions = held(&[1, -1]);
        let (matrix, tail) = tail_of(&rows, &positions, 2);
        let parts = contributions(&tail, &position_losses(&matrix, &positions, &tail).unwrap()).unwrap();
        // Expected shortfall 50 = 80 - 30; the measure 40 is 4/5 of it: 64 - 24.
        assert_eq!(units(&parts), [(80, 64), (-30, -24)]);
    }

    #[test]
    fn a_tail_that_gains_is_shared_by_its_last_scenario() {
        // The worst two: a loss of 5 and a gain of 5. The expected shortfall is zero, the measure -5.
        let rows = [vec![-8, 2, 9], vec![3, 3, 9]];
        let positions = held(&[1, 1]);
        let (matrix, tail) = tail_of(&rows, &positions, 2);
        let parts = contributions(&tail, &position_losses(&matrix, &positions, &tail).unwrap()).unwrap();
        assert_eq!(units(&parts), [(3, -2), (-3, -3)]);
        assert_eq!(sums(&parts), (Usd::ZERO, Usd::from_units(-5)));
    }

    #[test]
    fn a_flat_portfolio_has_no_contributions() {
        let (matrix, tail) = tail_of(&[vec![-8, 2, 9]], &[], 2);
        let losses = position_losses(&matrix, &[], &tail).unwrap();
        assert_eq!(contributions(&tail, &losses), Ok(Vec::new()));
    }

    #[test]
    fn losses_of_another_portfolio_are_refused() {
        let rows = [vec![-90, 10, -70, 5], vec![-30, 20, -30, 0]];
        let (matrix, tail) = tail_of(&rows, &held(&[1, -1]), 2);
        for other in [held(&[1, -2]), held(&[1])] {
            let losses = position_losses(&matrix, &other, &tail).unwrap();
            assert_eq!(contributions(&tail, &losses), Err(ExplainError::Sum));
        }
        let cut: Vec<Vec<Usd>> = vec![vec![Usd::from_units(100)]];
        assert_eq!(contributions(&tail, &cut), Err(ExplainError::Sum));
        let nowhere = position_losses(&matrix, &[Position { row: 2, units: 1 }], &tail);
        assert!(matches!(nowhere, Err(ExplainError::Kernel(KernelError::RowOutOfRange { row: 2, rows: 2, .. }))));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn contributions_add_up_to_the_shortfall_and_to_the_measure(
            rows in prop::collection::vec(prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 12), 1..6),
            units in prop::collection::vec(-10_000_000_i64..10_000_000, 6),
            count in 1_usize..=12,
        ) {
            let positions = held(&units[..rows.len()]);
            let (matrix, tail) = tail_of(&rows, &positions, count);
            let parts = contributions(&tail, &position_losses(&matrix, &positions, &tail).unwrap()).unwrap();
            prop_assert_eq!(sums(&parts), (expected_shortfall(&tail).mean(), value_at_risk(&tail)));
        }

        #[test]
        fn no_contribution_to_the_measure_is_off_by_a_unit(
            rows in prop::collection::vec(prop::collection::vec(-1_000_000_i64..1_000_000, 9), 2..6),
            units in prop::collection::vec(-1_000_i64..1_000, 6),
        ) {
            let positions = held(&units[..rows.len()]);
            let (matrix, tail) = tail_of(&rows, &positions, 3);
            let (measure, whole) = (value_at_risk(&tail).units(), -tail.sum);
            prop_assume!(measure > 0);
            let losses = position_losses(&matrix, &positions, &tail).unwrap();
            let parts = contributions(&tail, &losses).unwrap();
            for (part, losses) in parts.iter().zip(&losses) {
                let own: i128 = losses.iter().map(|loss| loss.units()).sum();
                let off = part.to_measure.units() * whole - measure * own;
                prop_assert!(off.abs() < whole);
            }
        }
    }
}
