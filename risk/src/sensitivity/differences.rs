//! Sensitivities as central differences of full revaluation.
//!
//! The market is revalued once over a set of small moves `h`: each factor up and down, and each pair of rates up and
//! down together. With `V(..)` the value before rounding,
//!
//! ```text
//! delta_f  = (V(+f) - V(-f)) / 2h
//! gamma_ff = ((V(+f) - V_0) + (V(-f) - V_0)) / h^2
//! gamma_fg = ((V(+f+g) - V(+f)) - (V(+g) - V_0) + (V(-f-g) - V(-f)) - (V(-g) - V_0)) / 2h^2
//! ```
//!
//! A factor that does not touch the value gives exactly zero everywhere.

use std::sync::LazyLock;

use jiff::civil::Date;

use super::{
    Sensitivities,
    factor::{RATES, RiskFactor, TENORS},
};
use crate::{
    instrument::Instrument,
    market::Market,
    revaluation::{Cheapest, RevaluationError, Revaluer},
    scenario::{ScenarioSet, Tenor},
};

/// `h`, in percentage points: 0.4 of a basis point, a power of two so that `+h` and `-h` are exact opposites.
///
/// It lies between two errors. For a thirty-year par bond at 5 per cent (`V' = -15.5`, `V'' = 3.5`, `V''' = -0.92`, `V'''' =
/// 0.26`, per percentage point) what the differences leave out, `h^2 V'''/6` of the delta and `h^2 V''''/12` of the gamma,
/// is 2e-6 USD and 3e-7 USD; the last bits of a price, 1.4e-14, make 2e-12 USD in the first and 4e-9 USD in the second.
const BUMP: f64 = 1.0 / 256.0;

/// The small moves: for each factor up and down, then for each pair of rates.
static BUMPS: LazyLock<ScenarioSet> = LazyLock::new(bumps);

/// Takes the sensitivities of instruments in one market.
///
/// Work that instruments share is done once. Instruments can be asked for from many threads; the results do not depend
/// on which.
#[derive(Debug)]
pub struct Differences<'a> {
    revaluer: Revaluer<'a>,
}

impl<'a> Differences<'a> {
    /// Prepares the small moves for a market.
    #[must_use]
    pub fn new(market: &'a Market) -> Self {
        Self { revaluer: Revaluer::of_checked(market, &BUMPS) }
    }

    /// The sensitivities of one kernel unit of an instrument.
    ///
    /// A Treasury future is taken by the issue that is cheapest to deliver in the market as it is: a price with a kink
    /// has no second derivative.
    ///
    /// # Errors
    ///
    /// [`RevaluationError`] names the instrument that cannot be valued.
    pub fn of(&self, instrument: Instrument) -> Result<Sensitivities, RevaluationError> {
        let values = self.revaluer.values(instrument, Cheapest::AsItIs).map_err(without_scenario)?;
        let mut sensitivities = Sensitivities {
            instrument,
            value: self.revaluer.unit_value(instrument)?,
            delta: [0.0; RiskFactor::COUNT],
            gamma: [[0.0; RATES]; RATES],
        };
        let base = values[0];
        let [up, down] = [0, 1].map(|side| move |factor: usize| single(factor, side));
        for (factor, delta) in sensitivities.delta.iter_mut().enumerate() {
            *delta = (values[up(factor)] - values[down(factor)]) / (2.0 * BUMP);
        }
        for f in 0..RATES {
            let curvature = (values[up(f)] - base) + (values[down(f)] - base);
            sensitivities.gamma[f][f] = curvature / (BUMP * BUMP);
            for g in f + 1..RATES {
                let rise = (values[pair(f, g, 0)] - values[up(f)]) - (values[up(g)] - base);
                let fall = (values[pair(f, g, 1)] - values[down(f)]) - (values[down(g)] - base);
                let gamma = (rise + fall) / (2.0 * BUMP * BUMP);
                sensitivities.gamma[f][g] = gamma;
                sensitivities.gamma[g][f] = gamma;
            }
        }
        Ok(sensitivities)
    }
}

/// The place in a column of one factor's move, up (side 0) or down (side 1); the market as it is has place 0.
const fn single(factor: usize, side: usize) -> usize {
    1 + 2 * factor + side
}

/// The place in a column of the move of two rates, `f < g`, together.
const fn pair(f: usize, g: usize, side: usize) -> usize {
    // Pairs go by the larger place, then by the smaller.
    1 + 2 * RiskFactor::COUNT + 2 * (g * (g - 1) / 2 + f) + side
}

fn bumps() -> ScenarioSet {
    let singles = (0..RiskFactor::COUNT).map(|factor| vec![factor]);
    let pairs = (1..RATES).flat_map(|g| (0..g).map(move |f| vec![f, g]));
    let moves = singles.chain(pairs).flat_map(|factors| [(factors.clone(), BUMP), (factors, -BUMP)]);
    let mut set = ScenarioSet {
        dates: Vec::new(),
        tenors: Tenor::STANDARD.to_vec(),
        curve_shifts: Vec::new(),
        overnight_shifts: Vec::new(),
        spread_shifts: Vec::new(),
    };
    for (factors, bump) in moves {
        let mut row = [0.0; RiskFactor::COUNT];
        factors.iter().for_each(|&factor| row[factor] = bump);
        // No date has a small move; errors leave it out.
        set.dates.push(Date::ZERO);
        set.overnight_shifts.push(row[0]);
        set.curve_shifts.extend_from_slice(&row[1..RATES]);
        set.spread_shifts.extend_from_slice(&row[RATES..RATES + TENORS]);
    }
    set
}

/// A small move that cannot be valued is the fault of the market as it is.
fn without_scenario(error: RevaluationError) -> RevaluationError {
    match error {
        RevaluationError::OutOfRange { instrument, .. } => RevaluationError::OutOfRange { instrument, scenario: None },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revaluation::check_scenarios;

    #[test]
    fn every_small_move_is_where_the_differences_look_for_it() {
        let set = &*BUMPS;
        check_scenarios(set).unwrap();
        let row = |place: usize| -> Vec<f64> {
            let scenario = place - 1;
            let [curve, spread] =
                [&set.curve_shifts, &set.spread_shifts].map(|rows| &rows[scenario * TENORS..][..TENORS]);
            [&set.overnight_shifts[scenario..=scenario], curve, spread].concat()
        };
        for (side, bump) in [BUMP, -BUMP].into_iter().enumerate() {
            for f in 0..RiskFactor::COUNT {
                let mut expected = vec![0.0; RiskFactor::COUNT];
                expected[f] = bump;
                assert_eq!(row(single(f, side)), expected);
                for g in f + 1..RATES {
                    let mut expected = expected.clone();
                    expected[g] = bump;
                    assert_eq!(row(pair(f, g, side)), expected);
                }
            }
        }
        assert_eq!(set.len(), pair(RATES - 2, RATES - 1, 1));
    }
}
