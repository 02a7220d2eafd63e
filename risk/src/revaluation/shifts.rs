//! The scenarios by tenor: each tenor's moves side by side, which is the order in which pricing reads them.

use super::{Column, ScenarioProblem};
use crate::scenario::ScenarioSet;

/// The moves of the overnight rate, of each tenor and of the spread there, in percentage points: zero first, then one a scenario.
#[derive(Debug)]
pub(super) struct Shifts {
    overnight: Column,
    /// Tenors in months, ascending.
    months: Vec<f64>,
    tenors: Vec<Column>,
    /// The spreads' moves by tenor; empty where spreads are held.
    spreads: Vec<Column>,
}

/// Two columns and the weight of the second: linear interpolation, decided once for all scenarios.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blend<'a> {
    pub(super) left: &'a [f64],
    pub(super) right: &'a [f64],
    pub(super) weight: f64,
}

/// Money-market days in a bond-market year: turns an ACT/360 rate into the bond basis.
pub(super) const ACT_360_TO_BOND: f64 = 365.0 / 360.0;

/// Checks that a set's parts fit together.
pub(crate) fn check(set: &ScenarioSet) -> Result<(), ScenarioProblem> {
    let (scenarios, tenors) = (set.dates.len(), set.tenors.len());
    if tenors == 0 {
        return Err(ScenarioProblem::NoTenors);
    }
    if let Some(pair) = set.tenors.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(ScenarioProblem::TenorOrder { tenor: pair[0], next: pair[1] });
    }
    let shifts = set.curve_shifts.len();
    if shifts != scenarios * tenors {
        return Err(ScenarioProblem::CurveShifts { shifts, scenarios, tenors });
    }
    let shifts = set.overnight_shifts.len();
    if shifts != scenarios {
        return Err(ScenarioProblem::OvernightShifts { shifts, scenarios });
    }
    let shifts = set.spread_shifts.len();
    if shifts != 0 && shifts != scenarios * tenors {
        return Err(ScenarioProblem::SpreadShifts { shifts, scenarios, tenors });
    }
    // The scenario of the first entry that is not finite.
    let wrong =
        |shifts: &[f64], row: usize| shifts.iter().position(|shift| !shift.is_finite()).map(|place| place / row);
    let found = [wrong(&set.overnight_shifts, 1), wrong(&set.curve_shifts, tenors), wrong(&set.spread_shifts, tenors)];
    match found.into_iter().flatten().min().and_then(|scenario| set.dates.get(scenario)) {
        Some(&date) => Err(ScenarioProblem::NotFinite(date)),
        None => Ok(()),
    }
}

/// The moves of one tenor in every scenario, out of a set's rows of `tenors` each.
pub(crate) fn of_tenor(rows: &[f64], tenors: usize, tenor: usize) -> impl Iterator<Item = f64> + '_ {
    rows.iter().skip(tenor).step_by(tenors).copied()
}

impl Shifts {
    /// The moves of a set that [`check`] has passed.
    pub(super) fn of_checked(set: &ScenarioSet) -> Self {
        let tenors = set.tenors.len();
        let with_base = |moves: &mut dyn Iterator<Item = f64>| std::iter::once(0.0).chain(moves).collect::<Column>();
        let by_tenor = |rows: &[f64]| -> Vec<Column> {
            (0..tenors).map(|tenor| with_base(&mut of_tenor(rows, tenors, tenor))).collect()
        };
        Self {
            overnight: with_base(&mut set.overnight_shifts.iter().map(|shift| shift * ACT_360_TO_BOND)),
            months: set.tenors.iter().map(|tenor| f64::from(tenor.0)).collect(),
            tenors: by_tenor(&set.curve_shifts),
            spreads: if set.spread_shifts.is_empty() { Vec::new() } else { by_tenor(&set.spread_shifts) },
        }
    }

    /// One more than the number of scenarios: the market as it is comes first.
    pub(super) fn len(&self) -> usize {
        self.overnight.len()
    }

    /// The move of the par yield at a maturity: linear between tenors, flat outside them.
    pub(super) fn par_yield(&self, months: f64) -> Blend<'_> {
        self.at_maturity(&self.tenors, months)
    }

    /// The move of an issue's spread over the par curve at a maturity, blended as the par yield's; `None` where spreads
    /// are held.
    pub(super) fn spread(&self, months: f64) -> Option<Blend<'_>> {
        (!self.spreads.is_empty()).then(|| self.at_maturity(&self.spreads, months))
    }

    fn at_maturity<'a>(&self, tenors: &'a [Column], months: f64) -> Blend<'a> {
        match bracket(&self.months, months) {
            (place, None) => Blend::of(&tenors[place]),
            (place, Some(weight)) => Blend { left: &tenors[place], right: &tenors[place + 1], weight },
        }
    }

    /// The move of the cash curve's rate at a term: as [`Self::par_yield`], but joined to the overnight rate at zero.
    pub(super) fn cash_rate(&self, months: f64) -> Blend<'_> {
        let first = self.months[0];
        if months < first {
            return Blend { left: &self.overnight, right: &self.tenors[0], weight: months.max(0.0) / first };
        }
        self.par_yield(months)
    }

    /// The move of the overnight rate, bond basis.
    pub(super) fn overnight(&self) -> Blend<'_> {
        Blend::of(&self.overnight)
    }
}

impl<'a> Blend<'a> {
    fn of(column: &'a [f64]) -> Self {
        Self { left: column, right: column, weight: 0.0 }
    }

    /// The blended value in the market as it is (0) or in a scenario (from 1 on).
    pub(super) fn at(&self, place: usize) -> f64 {
        self.left[place] + self.weight * (self.right[place] - self.left[place])
    }
}

/// Where a point falls on an ascending grid: the place left of it and, strictly between two places, the weight of the
/// right one. Outside the grid its end holds.
pub(super) fn bracket(grid: &[f64], point: f64) -> (usize, Option<f64>) {
    let after = grid.partition_point(|&node| node <= point);
    match after {
        0 => (0, None),
        _ if after == grid.len() || grid[after - 1] == point => (after - 1, None),
        _ => (after - 1, Some((point - grid[after - 1]) / (grid[after] - grid[after - 1]))),
    }
}
