//! Moves of single issues over the curve.

use serde::{Deserialize, Serialize};

use super::{ScenarioError, Tenor};
use crate::numeric::interpolated;

/// How the spreads of single issues over the curve move in a scenario.
///
/// What a tenor does that its neighbours do not is taken for relative value between issues, which an issue near it
/// follows by a share. The spread's move at an interior tenor is the share times the residual: the tenor's change less
/// the change interpolated in months between the two tenors next to it. The first and the last tenor, which have one
/// neighbour only, take the move of the tenor next to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadRule {
    /// The share in basis points, 1 to 10,000: 5,000 is a half.
    pub share_basis_points: u16,
}

impl SpreadRule {
    pub(super) fn check(self) -> Result<(), ScenarioError> {
        if (1..=10_000).contains(&self.share_basis_points) {
            return Ok(());
        }
        Err(ScenarioError::Parameter("spread.share_basis_points lies outside 1 to 10000: leave spread out to hold it"))
    }

    /// The spread's moves at the standard tenors, from the curve's.
    pub(super) fn moves(self, curve: &[f64; Tenor::STANDARD.len()]) -> [f64; Tenor::STANDARD.len()] {
        let share = f64::from(self.share_basis_points) / 10_000.0;
        let point = |tenor: usize| (f64::from(Tenor::STANDARD[tenor].0), curve[tenor]);
        std::array::from_fn(|tenor| {
            let interior = tenor.clamp(1, curve.len() - 2);
            let between = interpolated(point(interior - 1), point(interior + 1), point(interior).0);
            share * (curve[interior] - between)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_in_line_with_the_neighbours_leaves_spreads_alone() {
        let line = Tenor::STANDARD.map(|tenor| 0.25 + 0.5 * f64::from(tenor.0));
        for spread in (SpreadRule { share_basis_points: 10_000 }).moves(&line) {
            assert!(spread.abs() < 1e-12, "{spread}");
        }
    }

    #[test]
    fn an_issue_follows_its_tenor_s_own_move_by_the_share() {
        // Ten years alone rises by 12 basis points: its neighbours' lines run through 0.
        let mut curve = [0.0; Tenor::STANDARD.len()];
        curve[8] = 0.12;
        let moves = SpreadRule { share_basis_points: 5_000 }.moves(&curve);
        assert_eq!(moves[8], 0.06);
        // Seven years lies 24 of 60 months along the line from five to ten, twenty 120 of 240 from ten to thirty.
        assert!((moves[7] + 0.5 * 0.12 * 24.0 / 60.0).abs() < 1e-15, "{}", moves[7]);
        assert_eq!(moves[9], -0.03);
        // Thirty years has one neighbour, and takes its move.
        assert_eq!(moves[10], moves[9]);
        assert_eq!(moves[..7], [0.0; 7]);
    }

    #[test]
    fn the_shortest_tenor_takes_the_move_of_the_next() {
        let mut curve = [0.0; Tenor::STANDARD.len()];
        curve[0] = 0.05;
        let moves = SpreadRule { share_basis_points: 10_000 }.moves(&curve);
        // Three months lies 2 of 5 months along the line from one to six.
        assert!((moves[1] + 0.05 * 0.6).abs() < 1e-15, "{}", moves[1]);
        assert_eq!(moves[0], moves[1]);
        assert_eq!(moves[2..], [0.0; 9]);
    }
}
