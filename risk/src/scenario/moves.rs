//! The moves of the market between two days of the histories.

use jiff::civil::Date;

use super::{OvernightRule, ScenarioError, ScenarioRule, Tenor};
use crate::history::{CurveHistory, OvernightDay, OvernightHistory, difference};

/// The tenors of the curve, then the overnight rate.
pub(super) const SERIES: usize = Tenor::STANDARD.len() + 1;

/// One change of every series, in percentage points.
pub(super) type Changes = [f64; SERIES];

/// The histories as a rule reads them.
pub(super) struct Moves<'a> {
    pub(super) curve: &'a CurveHistory,
    pub(super) overnight: Option<&'a OvernightHistory>,
    pub(super) rule: &'a ScenarioRule,
}

impl Moves<'_> {
    /// The change of every series between two days of the curve's history, which holds both.
    pub(super) fn between(&self, from: usize, to: usize) -> Result<Changes, ScenarioError> {
        let days = self.curve.days();
        let (start, end) = (days[from].date, days[to].date);
        let curve = self.curve.change(from, to).ok_or(ScenarioError::NoCommonTenor { from: start, to: end })?;
        let overnight = match (self.overnight_at(start), self.overnight_at(end), self.rule.overnight) {
            (Some(from), Some(to), _) => difference(from.rate, to.rate),
            (_, _, OvernightRule::ShortestTenor) => curve[0],
            (from, _, OvernightRule::Required) => {
                let date = if from.is_none() { start } else { end };
                return Err(ScenarioError::OvernightMissing { date, age_days_max: self.rule.age_days_max });
            }
        };
        let mut changes = [overnight; SERIES];
        changes[..SERIES - 1].copy_from_slice(&curve);
        Ok(changes)
    }

    fn overnight_at(&self, date: Date) -> Option<OvernightDay> {
        self.overnight?.at(date).filter(|day| within(day.date, date, self.rule.age_days_max))
    }
}

/// Whether a day on or before another is at most so many calendar days before it.
pub(super) fn within(day: Date, serves: Date, age_days_max: u16) -> bool {
    (serves - day).get_days() <= i32::from(age_days_max)
}
