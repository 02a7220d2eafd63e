//! Par bonds: the bonds that a par curve is quoted in, on a coupon date.
//!
//! A par bond of a day at tenor `m` pays half its coupon every half-year, the next one in half a year, and 100 at the
//! end; its coupon is the par yield of the day, `y`, a blank one interpolated as [`CurveHistory::filled`] says, so that it
//! is worth 100. A scenario moves its yield by the par curve's move at the tenor, and
//!
//! ```text
//! P&L = D(y + dy) - D(y),   D(z) = (y/2)(v + ... + v^n) + 100 v^n,   v = 1/(1 + z/200),   n = m/6
//! ```
//!
//! is full revaluation: no carry, no roll down the curve. Operations are those of IEEE 754 in this order.

use jiff::civil::Date;

use super::{ROW_LIMIT, ROW_UNITS_PER_USD};
use crate::{
    history::CurveHistory,
    numeric::round_wide,
    scenario::{ScenarioSet, Tenor},
};

/// Months of a coupon period.
const HALF_YEAR: u16 = 6;

/// USD of face in a kernel unit.
const FACE_PER_UNIT: i64 = 100;

/// The par bond of a day at a tenor. Its kernel unit is USD 100 of face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParBond {
    tenor: Tenor,
    /// In per cent a year, and the yield at which it is worth 100.
    coupon: f64,
}

/// Why a par bond has no terms or no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParBondError {
    /// A tenor that is not a point of the curve, or not whole half-years.
    #[error("there is no par bond of {0}: the tenors are 6M, 1Y, 2Y, 3Y, 5Y, 7Y, 10Y, 20Y, 30Y")]
    Tenor(Tenor),
    /// The history ends before the day.
    #[error("the curve's history has no day {0}")]
    NoDay(usize),
    /// The scenarios do not move the tenor.
    #[error("the scenarios have no move of the {0} par yield")]
    NotMoved(Tenor),
    /// A scenario moves the yield to -100 per cent or below, or the bond beyond the range of a row.
    #[error("the scenario of {date} moves the {tenor} par bond beyond what can be valued")]
    OutOfRange {
        /// The tenor.
        tenor: Tenor,
        /// The date of the scenario.
        date: Date,
    },
}

impl ParBond {
    /// The tenors at which there is a par bond: the points of the curve that are whole half-years.
    pub fn tenors() -> impl Iterator<Item = Tenor> {
        Tenor::STANDARD.into_iter().filter(|tenor| tenor.0 % HALF_YEAR == 0)
    }

    /// The par bond of the day with this index in the history.
    ///
    /// # Errors
    /// A tenor without a par bond, or a day past the last.
    pub fn of_day(history: &CurveHistory, day: usize, tenor: Tenor) -> Result<Self, ParBondError> {
        if !Self::tenors().any(|known| known == tenor) {
            return Err(ParBondError::Tenor(tenor));
        }
        let filled = history.filled(day).ok_or(ParBondError::NoDay(day))?;
        let yields = Tenor::STANDARD.iter().zip(filled);
        let coupon = yields.filter(|(standard, _)| **standard == tenor).map(|(_, per_cent)| per_cent).next();
        Ok(Self { tenor, coupon: coupon.ok_or(ParBondError::Tenor(tenor))? })
    }

    /// The coupon in per cent a year: the par yield that the bond was struck at.
    #[must_use]
    pub fn coupon(&self) -> f64 {
        self.coupon
    }

    /// The price per 100 of face after a move of the par yield in percentage points.
    #[must_use]
    pub fn price(&self, shift: f64) -> f64 {
        let discount = 1.0 / (1.0 + (self.coupon + shift) / 200.0);
        let payment = self.coupon / 2.0;
        let mut price = 0.0;
        let mut factor = 1.0;
        for _ in 0..self.tenor.0 / HALF_YEAR {
            factor *= discount;
            price += payment * factor;
        }
        price + 100.0 * factor
    }

    /// The scenario P&L of USD 100 of face, in 1e-8 USD, one entry a scenario in their order: the nearest integer, ties
    /// to even.
    ///
    /// # Errors
    /// Scenarios without the tenor, or beyond what can be valued.
    pub fn row(&self, scenarios: &ScenarioSet) -> Result<Vec<i64>, ParBondError> {
        self.position_row(scenarios, FACE_PER_UNIT)
    }

    /// The scenario P&L of a whole position of a face in USD, negative when short: as [`Self::row`], but rounded once for
    /// the position and not for each USD 100, so that it is right to the cent for a position of any size.
    ///
    /// # Errors
    /// As [`Self::row`].
    pub fn position_row(&self, scenarios: &ScenarioSet, face: i64) -> Result<Vec<i64>, ParBondError> {
        // Exact: a face is below 2^53.
        let units = face as f64 / FACE_PER_UNIT as f64;
        let place = scenarios.tenors.iter().position(|tenor| *tenor == self.tenor);
        let place = place.ok_or(ParBondError::NotMoved(self.tenor))?;
        let base = self.price(0.0);
        let shifts = scenarios.curve_shifts.iter().skip(place).step_by(scenarios.tenors.len());
        let value = |(shift, date): (&f64, &Date)| {
            let is_priced = self.coupon + shift > -100.0;
            let profit = self.price(*shift) - base;
            is_priced
                .then(|| round_wide(profit * units * ROW_UNITS_PER_USD))
                .flatten()
                .filter(|_| profit.abs() * ROW_UNITS_PER_USD <= ROW_LIMIT as f64)
                .ok_or(ParBondError::OutOfRange { tenor: self.tenor, date: *date })
        };
        shifts.zip(&scenarios.dates).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::history::{CurveDay, Rate};

    /// A day with yields at 5 and 10 years alone.
    fn history() -> CurveHistory {
        let mut yields = [None; Tenor::STANDARD.len()];
        (yields[6], yields[8]) = (Some(Rate::from_units(40_000)), Some(Rate::from_units(45_000)));
        CurveHistory::new(vec![CurveDay { date: date(2025, 6, 2), yields }]).unwrap()
    }

    fn moved(shifts: &[f64]) -> ScenarioSet {
        ScenarioSet {
            dates: vec![date(2025, 6, 2); shifts.len()],
            tenors: vec![Tenor(60), Tenor(120)],
            curve_shifts: shifts.iter().flat_map(|shift| [0.0, *shift]).collect(),
            overnight_shifts: vec![0.0; shifts.len()],
            spread_shifts: Vec::new(),
        }
    }

    #[test]
    fn a_par_bond_is_worth_par_and_gains_what_the_annuity_says() {
        let bond = ParBond::of_day(&history(), 0, Tenor(120)).unwrap();
        assert_eq!(bond.coupon(), 4.5);
        assert!((bond.price(0.0) - 100.0).abs() < 1e-12);
        let row = bond.row(&moved(&[0.0, 0.5, -0.5])).unwrap();
        assert_eq!(row[0], 0);
        // By the closed form of the annuity: 100 (1 - (y/z)) (v^20 - 1) at z = 5.0 and 4.0.
        for (entry, z) in [(row[1], 5.0_f64), (row[2], 4.0)] {
            let last = (0..20).fold(1.0, |v, _| v / (1.0 + z / 200.0));
            let closed = (4.5 / z) * 100.0 * (1.0 - last) + 100.0 * last - 100.0;
            assert!((entry as f64 / 1e8 - closed).abs() < 2e-8, "{z}: {entry} {closed}");
        }
        assert!(row[1] < 0 && row[2] > -row[1], "a bond is convex");
    }

    #[test]
    fn a_blank_yield_is_filled_as_the_history_says() {
        let history = history();
        // Halfway in months between 60 and 120 lies 84 at 40 per cent; flat outside.
        assert!((ParBond::of_day(&history, 0, Tenor(84)).unwrap().coupon() - 4.2).abs() < 1e-12);
        assert_eq!(ParBond::of_day(&history, 0, Tenor(360)).unwrap().coupon(), 4.5);
    }

    #[test]
    fn what_has_no_value_is_refused_by_name() {
        let history = history();
        for months in [1, 3, 48, 0] {
            let error = ParBond::of_day(&history, 0, Tenor(months)).unwrap_err();
            assert_eq!(error, ParBondError::Tenor(Tenor(months)));
        }
        assert_eq!(ParBond::of_day(&history, 1, Tenor(120)), Err(ParBondError::NoDay(1)));
        let error = ParBond::of_day(&history, 0, Tenor(24)).unwrap().row(&moved(&[0.0])).unwrap_err();
        assert_eq!(error, ParBondError::NotMoved(Tenor(24)));
        let bond = ParBond::of_day(&history, 0, Tenor(120)).unwrap();
        for shift in [-104.5, -200.0, f64::NAN, f64::NEG_INFINITY] {
            let error = bond.row(&moved(&[0.0, shift])).unwrap_err();
            assert_eq!(error, ParBondError::OutOfRange { tenor: Tenor(120), date: date(2025, 6, 2) }, "{shift}");
        }
        let known: String = ParBond::tenors().map(|tenor| tenor.to_string()).collect::<Vec<_>>().join(", ");
        assert!(ParBondError::Tenor(Tenor(1)).to_string().ends_with(&known), "the message lists {known}");
    }
}
