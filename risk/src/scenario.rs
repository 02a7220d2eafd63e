//! Scenarios: the moves of the market that margins are computed over.

use jiff::civil::Date;

/// A point of the par yield curve, in months to maturity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenor(pub u16);

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
}
