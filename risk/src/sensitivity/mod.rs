//! Sensitivities: how the value of an instrument moves with each risk factor, and scenario P&L by them.
//!
//! For one kernel unit of [`crate::revaluation`]. With `x_f` the scenario's move of factor `f` in percentage points,
//!
//! ```text
//! P&L = sum over f of delta_f x_f + 1/2 sum over rates f, g of gamma_fg x_f x_g
//! ```
//!
//! Key rates, convexity and spread, as FICC publishes its sensitivity approach; full revaluation is the reference. The
//! sensitivities are central differences of that revaluation ([`Differences`]), so both models agree to second order in
//! the rates by construction. What is left out:
//!
//! - third order: at most `|V'''| |x|^3 / 6`, with `V'''` the largest third derivative on the way;
//! - the spread's second order, alone and with the curve: at most `V'' |s| (|c| + |s|/2)` for a move `s` of the spread
//!   and `c` of the curve, with `V''` the largest convexity on the way;
//! - a change of the cheapest to deliver, which only ever lowers a future below this value.
//!
//! Rows are quantised like those of full revaluation, to the nearest 1e-8 USD with ties to even.

mod differences;
mod factor;
mod row;
mod split;

pub use differences::Differences;
pub use factor::RiskFactor;
pub use row::SensitivityRevaluer;
pub use split::FactorSplit;

use self::factor::RATES;
use crate::{instrument::Instrument, scenario::Tenor};

/// Percentage points in a basis point.
const PER_BASIS_POINT: f64 = 0.01;

/// The sensitivities of one kernel unit of an instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivities {
    instrument: Instrument,
    value: f64,
    delta: [f64; RiskFactor::COUNT],
    gamma: [[f64; RATES]; RATES],
}

impl Sensitivities {
    /// The instrument.
    #[must_use]
    pub fn instrument(&self) -> Instrument {
        self.instrument
    }

    /// What one kernel unit is worth in the market as it is, in USD, as [`crate::revaluation::Revaluer::unit_value`].
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The gain for a rise of a factor, in USD per percentage point: negative in the curve for a bond. Zero for a tenor
    /// that is not a standard one.
    #[must_use]
    pub fn delta(&self, factor: RiskFactor) -> f64 {
        factor.place().map_or(0.0, |place| self.delta[place])
    }

    /// The change of the delta in one rate with the other, in USD per percentage point squared; symmetric. Zero where
    /// either is a spread: its second order is left out.
    #[must_use]
    pub fn gamma(&self, first: RiskFactor, second: RiskFactor) -> f64 {
        match (first.place(), second.place()) {
            (Some(first), Some(second)) if first < RATES && second < RATES => self.gamma[first][second],
            _ => 0.0,
        }
    }

    /// The fall of the value for a rise of each tenor's par yield by a basis point, in USD: positive for a long bond.
    #[must_use]
    pub fn key_rate_dv01(&self) -> [(Tenor, f64); Tenor::STANDARD.len()] {
        std::array::from_fn(|place| (Tenor::STANDARD[place], -self.delta[1 + place] * PER_BASIS_POINT))
    }

    /// The fall of the value for a rise of the whole par curve by a basis point, in USD: the sum of the key rates. The
    /// overnight rate stands still.
    #[must_use]
    pub fn dv01(&self) -> f64 {
        self.key_rate_dv01().iter().map(|(_, fall)| fall).sum()
    }

    /// Whether a factor moves the value at all.
    fn moves_with(&self, place: usize) -> bool {
        self.delta[place] != 0.0 || self.gamma.get(place).is_some_and(|row| row.iter().any(|&gamma| gamma != 0.0))
    }
}
