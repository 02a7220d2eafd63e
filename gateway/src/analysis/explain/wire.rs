//! Parts of an explanation as the wire gives them.

use crossmargin::v1;
use risk::{explain::Contribution, kernel::Tail, margin::ChargeAmount, money::Usd, scenario::ScenarioSet};

use crate::analysis::figures::usd;

/// Decimal places of [`v1::TermExplanation::scaling`].
const SCALING_PLACES: u32 = 6;

/// The scenarios of a tail, the worst first.
pub(super) fn scenarios(set: &ScenarioSet, tail: &Tail) -> Vec<v1::TailScenario> {
    let scenario = |place: usize, pnl: i128| v1::TailScenario {
        date: set.dates.get(place).map(ToString::to_string).unwrap_or_default(),
        loss: usd(Usd::from_units(-pnl)),
        overnight_bp: set.overnight_shifts.get(place).copied().map(basis_points).unwrap_or_default(),
        curve_bp: set.curve_shift(place).iter().copied().map(basis_points).collect(),
        tenors_months: set.tenors.iter().map(|tenor| tenor.0.into()).collect(),
    };
    tail.worst.iter().map(|worst| scenario(worst.scenario as usize, worst.pnl)).collect()
}

/// Percentage points as basis points, for a reader: without the dust of binary fractions.
fn basis_points(points: f64) -> f64 {
    (points * 1e8).round() / 1e6
}

/// A contribution of a position or a risk factor.
pub(super) fn contribution(name: String, quantity: i64, part: &Contribution) -> v1::Contribution {
    v1::Contribution { name, quantity, amount: usd(part.to_shortfall), scaled: usd(part.to_measure) }
}

/// A charge by name.
pub(super) fn named(charge: &ChargeAmount) -> v1::NamedAmount {
    v1::NamedAmount { name: charge.name.clone(), amount: usd(charge.amount) }
}

/// `measure / shortfall` as a decimal, rounded down; 0 where there is no sound ratio.
pub(super) fn scaling(measure: Usd, shortfall: Usd) -> String {
    let one = 10_i128.pow(SCALING_PLACES);
    if measure <= Usd::ZERO || shortfall <= Usd::ZERO {
        return "0".to_owned();
    }
    // An account's largest loss times a million fits 128 bits.
    let ratio = measure.units().saturating_mul(one) / shortfall.units();
    format!("{}.{:0width$}", ratio / one, ratio % one, width = SCALING_PLACES as usize)
}

/// A number of things.
pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaling_is_a_fraction_of_one_and_nothing_where_there_is_no_ratio() {
        let of = |measure, shortfall| scaling(Usd::from_units(measure), Usd::from_units(shortfall));
        assert_eq!(
            [of(2, 3), of(3, 3), of(0, 3), of(-1, 3), of(-2, -1)],
            ["0.666666", "1.000000", "0", "0", "0"].map(str::to_owned)
        );
    }

    #[test]
    fn basis_points_have_no_dust() {
        assert_eq!(basis_points(0.07), 7.0);
        assert_eq!(basis_points(-0.012_345_67), -1.234_567);
    }
}
