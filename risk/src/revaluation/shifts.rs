//! The scenarios by tenor: each tenor's moves side by side, which is the order in which pricing reads them.

use super::{Column, ScenarioProblem};
use crate::scenario::ScenarioSet;

/// The moves of the overnight rate and of each tenor, in percentage points: zero first, then one a scenario.
#[derive(Debug)]
pub(super) struct Shifts {
    overnight: Column,
    /// Tenors in months, ascending.
    months: Vec<f64>,
    tenors: Vec<Column>,
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

impl Shifts {
    pub(super) fn new(set: &ScenarioSet) -> Result<Self, ScenarioProblem> {
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
        for ((curve, overnight), &date) in
            set.curve_shifts.chunks_exact(tenors).zip(&set.overnight_shifts).zip(&set.dates)
        {
            if !(overnight.is_finite() && curve.iter().all(|shift| shift.is_finite())) {
                return Err(ScenarioProblem::NotFinite(date));
            }
        }
        let with_base = |moves: &mut dyn Iterator<Item = f64>| std::iter::once(0.0).chain(moves).collect::<Column>();
        Ok(Self {
            overnight: with_base(&mut set.overnight_shifts.iter().map(|shift| shift * ACT_360_TO_BOND)),
            months: set.tenors.iter().map(|tenor| f64::from(tenor.0)).collect(),
            tenors: (0..tenors)
                .map(|tenor| with_base(&mut set.curve_shifts.iter().skip(tenor).step_by(tenors).copied()))
                .collect(),
        })
    }

    /// One more than the number of scenarios: the market as it is comes first.
    pub(super) fn len(&self) -> usize {
        self.overnight.len()
    }

    /// The move of the par yield at a maturity: linear between tenors, flat outside them.
    pub(super) fn par_yield(&self, months: f64) -> Blend<'_> {
        match bracket(&self.months, months) {
            (place, None) => Blend::of(&self.tenors[place]),
            (place, Some(weight)) => Blend { left: &self.tenors[place], right: &self.tenors[place + 1], weight },
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
