//! Scenarios: the moves of the market that margins are computed over.

mod correlation;
mod error;
mod filter;
mod moves;
mod rule;
mod spread;
mod window;

use std::fmt;

use jiff::civil::Date;

use crate::history::hash_date;

pub use correlation::CorrelationScaling;
pub use error::ScenarioError;
pub use filter::VolatilityFilter;
pub use rule::{OvernightRule, ScenarioRule, realised};
pub use spread::SpreadRule;
pub use window::{ScenarioWindow, StressedPeriod};

/// A point of the par yield curve, in months to maturity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenor(pub u16);

impl Tenor {
    /// The points at which the Treasury has published par yields through the decades: 1, 3, 6 months; 1, 2, 3, 5, 7,
    /// 10, 20, 30 years.
    pub const STANDARD: [Self; 11] =
        [Self(1), Self(3), Self(6), Self(12), Self(24), Self(36), Self(60), Self(84), Self(120), Self(240), Self(360)];
}

impl fmt::Display for Tenor {
    /// `6M`, `10Y`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 12 && self.0.is_multiple_of(12) { write!(f, "{}Y", self.0 / 12) } else { write!(f, "{}M", self.0) }
    }
}

/// A set of scenarios, each one a move of the whole curve and of the overnight rates.
///
/// Scenarios are in ascending order of date; among equal losses the earlier date ranks first.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioSet {
    /// The last day of the historical move behind each scenario.
    pub dates: Vec<Date>,
    /// The tenors of the curve, ascending.
    pub tenors: Vec<Tenor>,
    /// Changes of the par yields in percentage points, a row of `tenors.len()` for each scenario.
    pub curve_shifts: Vec<f64>,
    /// Changes of the overnight rates (SOFR and effective Fed funds alike) in percentage points, one a scenario.
    pub overnight_shifts: Vec<f64>,
    /// Changes of single issues' spreads over the curve in percentage points, positive for a yield that rises by more
    /// than the curve's; a row of `tenors.len()` for each scenario, or nothing where spreads are held.
    pub spread_shifts: Vec<f64>,
}

impl ScenarioSet {
    /// How many scenarios there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dates.len()
    }

    /// The set of no scenario, over the standard tenors and with spreads held.
    #[must_use]
    pub fn none() -> Self {
        Self {
            dates: Vec::new(),
            tenors: Tenor::STANDARD.to_vec(),
            curve_shifts: Vec::new(),
            overnight_shifts: Vec::new(),
            spread_shifts: Vec::new(),
        }
    }

    /// Adds scenarios over the same tenors, from the same rule and of later dates.
    pub fn append(&mut self, later: Self) {
        self.dates.extend(later.dates);
        self.curve_shifts.extend(later.curve_shifts);
        self.overnight_shifts.extend(later.overnight_shifts);
        self.spread_shifts.extend(later.spread_shifts);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty()
    }

    /// The curve's changes in one scenario, one a tenor, in percentage points. Empty past the last scenario.
    #[must_use]
    pub fn curve_shift(&self, scenario: usize) -> &[f64] {
        self.row(&self.curve_shifts, scenario)
    }

    /// The changes of spreads over the curve in one scenario, one a tenor, in percentage points. Empty where spreads are
    /// held, and past the last scenario.
    #[must_use]
    pub fn spread_shift(&self, scenario: usize) -> &[f64] {
        self.row(&self.spread_shifts, scenario)
    }

    fn row<'a>(&self, shifts: &'a [f64], scenario: usize) -> &'a [f64] {
        shifts.chunks(self.tenors.len().max(1)).nth(scenario).unwrap_or_default()
    }

    /// BLAKE3 of every date, tenor and shift, bit for bit.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("crossmargin risk 2026 scenario set");
        for count in [self.dates.len(), self.tenors.len()] {
            hasher.update(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes());
        }
        for date in &self.dates {
            hash_date(&mut hasher, *date);
        }
        for tenor in &self.tenors {
            hasher.update(&tenor.0.to_le_bytes());
        }
        // The counts say how many of each there are: held spreads add nothing.
        for shift in self.curve_shifts.iter().chain(&self.overnight_shifts).chain(&self.spread_shifts) {
            hasher.update(&shift.to_bits().to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
