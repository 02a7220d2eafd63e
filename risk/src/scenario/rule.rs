//! How scenarios are taken from history: overlapping changes, plain or rescaled to what is forecast for tomorrow.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    ScenarioError, ScenarioSet, ScenarioWindow, SpreadRule, StressedPeriod, Tenor, VolatilityFilter,
    filter::Scales,
    moves::{Changes, Moves, within},
    window::Reach,
};
use crate::history::{CurveHistory, OvernightHistory};

/// How a scenario set is taken from the histories.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRule {
    /// Days of the curve's history that one scenario spans: the margin period of risk.
    pub horizon_days: u16,
    /// Which moves of the past become scenarios.
    pub window: ScenarioWindow,
    /// Rescaling to today's volatility; without it the changes are taken as they were.
    pub filter: Option<VolatilityFilter>,
    /// Moves of single issues over the curve; without it their spreads are held.
    #[serde(default)]
    pub spread: Option<SpreadRule>,
    /// Where the overnight rate's changes come from on days without one.
    pub overnight: OvernightRule,
    /// A history whose last day is more calendar days before the day it serves is too old to serve.
    pub age_days_max: u16,
}

/// Where the overnight rate's change comes from when the rate is not known at both ends of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OvernightRule {
    /// The change of the curve's shortest tenor stands in.
    ShortestTenor,
    /// A missing rate is an error.
    Required,
}

impl ScenarioRule {
    /// Plain overlapping changes over so many days.
    #[must_use]
    pub const fn overlapping(horizon_days: u16, scenarios: u32) -> Self {
        Self::over(horizon_days, ScenarioWindow::lookback(scenarios), None)
    }

    /// Overlapping changes over so many days, rescaled to the volatility of the as-of day.
    #[must_use]
    pub const fn filtered(horizon_days: u16, scenarios: u32, filter: VolatilityFilter) -> Self {
        Self::over(horizon_days, ScenarioWindow::lookback(scenarios), Some(filter))
    }

    /// Plain overlapping changes over so many days that end in stressed periods.
    #[must_use]
    pub const fn stressed(horizon_days: u16, periods: Vec<StressedPeriod>) -> Self {
        Self::over(horizon_days, ScenarioWindow::Periods { periods }, None)
    }

    const fn over(horizon_days: u16, window: ScenarioWindow, filter: Option<VolatilityFilter>) -> Self {
        Self { horizon_days, window, filter, spread: None, overnight: OvernightRule::ShortestTenor, age_days_max: 7 }
    }

    /// The scenarios as of a day, from the days on or before it alone.
    ///
    /// A scenario spans `horizon_days` days of the curve's history. The overnight rate of such a day is the one for
    /// that day, or the last before it by at most `age_days_max` calendar days. How many scenarios there are follows
    /// from the window and the history: take it from the set.
    ///
    /// # Errors
    /// A parameter out of range; a history too short, too old, without a stressed period that is needed, or with gaps
    /// that the rule does not allow.
    pub fn scenarios(
        &self,
        curve: &CurveHistory,
        overnight: Option<&OvernightHistory>,
        as_of: Date,
    ) -> Result<ScenarioSet, ScenarioError> {
        self.check()?;
        let days = curve.days();
        let last = curve.index_at(as_of).ok_or(ScenarioError::NothingBefore { as_of })?;
        if !within(days[last].date, as_of, self.age_days_max) {
            return Err(ScenarioError::Stale { last: days[last].date, as_of, age_days_max: self.age_days_max });
        }
        let first = self.filter.map_or(0, |filter| days.partition_point(|day| day.date < filter.seed_from));
        let reach = Reach { days, first, last, horizon: self.horizon_days, as_of };
        if let Some(filter) = self.filter {
            reach.check_seed(filter.seed_days)?;
        }
        let ends = self.window.ends(&reach)?;

        let moves = Moves { curve, overnight, rule: self };
        let horizon = usize::from(self.horizon_days);
        let scales = match &self.filter {
            None => None,
            Some(filter) => {
                let starts: Vec<usize> = ends.iter().map(|end| end - horizon + 1).collect();
                Some(Scales::new(&moves, filter, (first, last), &starts)?)
            }
        };
        let mut set = self.empty_set(ends.len());
        for (scenario, end) in ends.into_iter().enumerate() {
            let mut changes = moves.between(end - horizon, end)?;
            if let Some(scales) = &scales {
                scales.apply(scenario, &mut changes);
            }
            self.push(&mut set, days[end].date, &changes);
        }
        Ok(set)
    }

    /// What is wrong with the parameters, the first of it.
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        if self.horizon_days == 0 {
            return Err(ScenarioError::Parameter("horizon_days is 0: a scenario spans at least one day"));
        }
        self.window.check()?;
        self.filter.as_ref().map_or(Ok(()), VolatilityFilter::check)?;
        self.spread.map_or(Ok(()), SpreadRule::check)
    }

    fn empty_set(&self, count: usize) -> ScenarioSet {
        let shifts = count * Tenor::STANDARD.len();
        ScenarioSet {
            dates: Vec::with_capacity(count),
            tenors: Tenor::STANDARD.to_vec(),
            curve_shifts: Vec::with_capacity(shifts),
            overnight_shifts: Vec::with_capacity(count),
            spread_shifts: Vec::with_capacity(if self.spread.is_some() { shifts } else { 0 }),
        }
    }

    /// Adds a scenario: the spreads move by the final shifts of the curve.
    fn push(&self, set: &mut ScenarioSet, date: Date, changes: &Changes) {
        let [curve @ .., overnight] = changes;
        set.dates.push(date);
        set.curve_shifts.extend_from_slice(curve);
        set.overnight_shifts.push(*overnight);
        if let Some(spread) = self.spread {
            set.spread_shifts.extend_from_slice(&spread.moves(curve));
        }
    }
}

/// The one scenario that came true between two days of the curve's history: the move as it was, neither filtered nor
/// scaled, with the spreads' part of it if the rule has them move. What a margin is tested against.
///
/// # Errors
/// Indices that are no two days of the history in this order; a spread's share out of range; gaps that the rule does not
/// allow.
pub fn realised(
    curve: &CurveHistory,
    overnight: Option<&OvernightHistory>,
    rule: &ScenarioRule,
    from_index: usize,
    to_index: usize,
) -> Result<ScenarioSet, ScenarioError> {
    rule.spread.map_or(Ok(()), SpreadRule::check)?;
    let held = curve.days().len();
    if from_index >= to_index || to_index >= held {
        return Err(ScenarioError::NoSuchMove { from: from_index, to: to_index, held });
    }
    let changes = Moves { curve, overnight, rule }.between(from_index, to_index)?;
    let mut set = rule.empty_set(1);
    rule.push(&mut set, curve.days()[to_index].date, &changes);
    Ok(set)
}

#[cfg(test)]
mod tests;
