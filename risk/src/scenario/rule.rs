//! How scenarios are taken from history: overlapping changes, plain or rescaled to today's volatility.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ScenarioSet, Tenor};
use crate::history::{CurveHistory, OvernightDay, OvernightHistory, difference};

/// How a scenario set is taken from the histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRule {
    /// Days of the curve's history that one scenario spans: the margin period of risk.
    pub horizon_days: u16,
    /// How many scenarios there are, each one day after the one before, the last ending on the as-of day.
    pub scenarios: u32,
    /// Rescaling to today's volatility; without it the changes are taken as they were.
    pub filter: Option<VolatilityFilter>,
    /// Where the overnight rate's changes come from on days without one.
    pub overnight: OvernightRule,
    /// A history whose last day is more calendar days before the day it serves is too old to serve.
    pub age_days_max: u16,
}

/// Filtered historical simulation: each change is rescaled by the volatility forecast for tomorrow over the forecast
/// that held when the change began.
///
/// Each series (tenor, overnight rate) has its own forecasts: `v(i+1) = d v(i) + (1 - d) r(i)^2` with `r(i)` the
/// one-day change of day i and `v(i)` the variance forecast for it; the first forecast is the mean square of the first
/// `seed_days` one-day changes. A scenario that spans the k days i-k+1 to i is scaled by `sqrt(v(N+1)) / sqrt(v(i-k+1))`:
/// by the forecast in force when it began, so that its own moves do not shrink it. For one day that is the usual
/// `r* = r s(N+1) / s(i)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolatilityFilter {
    /// The decay `d` in basis points, 1 to 9,999: 9,700 is 0.97.
    pub decay_basis_points: u16,
    /// The first day used; a history that begins later is used from its beginning.
    pub seed_from: Date,
    /// One-day changes in the mean square of the seed.
    pub seed_days: u16,
    /// The least volatility a forecast can have, a day, in 1e-4 percentage points: keeps a rate that stood still for
    /// months from scaling its next move without limit.
    pub volatility_min_units: u32,
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

/// Why histories do not give the scenarios that a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// A parameter out of range.
    #[error("scenario rule: {0}")]
    Parameter(&'static str),
    /// Fewer days than the rule needs.
    #[error(
        "the curve's history holds {held} days from {from} to {as_of}, but {scenarios} scenarios of {horizon} days need {needed}: load a longer history"
    )]
    TooShort {
        /// The first day that counts.
        from: Date,
        /// The as-of day.
        as_of: Date,
        /// Days held.
        held: usize,
        /// Days needed.
        needed: usize,
        /// Scenarios asked for.
        scenarios: u32,
        /// Days that each spans.
        horizon: u16,
    },
    /// The history ends too long before the as-of day.
    #[error("the curve's history ends on {last}, more than {age_days_max} days before {as_of}: load the days since")]
    Stale {
        /// The history's last day on or before the as-of day.
        last: Date,
        /// The as-of day.
        as_of: Date,
        /// The most days between.
        age_days_max: u16,
    },
    /// The history begins after the as-of day.
    #[error("the curve's history holds no day on or before {as_of}")]
    NothingBefore {
        /// The as-of day.
        as_of: Date,
    },
    /// No overnight rate where the rule requires one.
    #[error(
        "no overnight rate is known for {date}, nor within {age_days_max} days before: load it, or let the shortest tenor stand in"
    )]
    OvernightMissing {
        /// The day.
        date: Date,
        /// The most days a rate is carried forward.
        age_days_max: u16,
    },
    /// Two days have no tenor in common.
    #[error("the curves of {from} and {to} have no tenor in common")]
    NoCommonTenor {
        /// The earlier day.
        from: Date,
        /// The later day.
        to: Date,
    },
}

/// The tenors of the curve, then the overnight rate.
const SERIES: usize = Tenor::STANDARD.len() + 1;
type Changes = [f64; SERIES];

impl VolatilityFilter {
    /// Decay 0.97, seeded with the first 250 one-day changes since 2007-01-03, at least half a basis point a day.
    #[must_use]
    pub const fn default_filter() -> Self {
        Self {
            decay_basis_points: 9_700,
            seed_from: jiff::civil::date(2007, 1, 3),
            seed_days: 250,
            volatility_min_units: 50,
        }
    }
}

impl ScenarioRule {
    /// Plain overlapping changes over so many days.
    #[must_use]
    pub const fn overlapping(horizon_days: u16, scenarios: u32) -> Self {
        Self { horizon_days, scenarios, filter: None, overnight: OvernightRule::ShortestTenor, age_days_max: 7 }
    }

    /// Overlapping changes over so many days, rescaled to the volatility of the as-of day.
    #[must_use]
    pub const fn filtered(horizon_days: u16, scenarios: u32, filter: VolatilityFilter) -> Self {
        Self { filter: Some(filter), ..Self::overlapping(horizon_days, scenarios) }
    }

    /// The scenarios as of a day, from the days on or before it alone.
    ///
    /// A scenario spans `horizon_days` days of the curve's history. The overnight rate of such a day is the one for
    /// that day, or the last before it by at most `age_days_max` calendar days.
    ///
    /// # Errors
    /// A parameter out of range; a history too short, too old, or with gaps that the rule does not allow.
    pub fn scenarios(
        &self,
        curve: &CurveHistory,
        overnight: Option<&OvernightHistory>,
        as_of: Date,
    ) -> Result<ScenarioSet, ScenarioError> {
        self.check()?;
        let last = curve.index_at(as_of).ok_or(ScenarioError::NothingBefore { as_of })?;
        let last_date = curve.days()[last].date;
        if !within(last_date, as_of, self.age_days_max) {
            return Err(ScenarioError::Stale { last: last_date, as_of, age_days_max: self.age_days_max });
        }
        let first = match self.filter {
            Some(filter) => curve.days().partition_point(|day| day.date < filter.seed_from),
            None => 0,
        };
        self.check_length(curve, first, last, as_of)?;

        let market = Market { curve, overnight, rule: self };
        let scales = match self.filter {
            Some(filter) => Some(Scales::new(&market, filter, first, last)?),
            None => None,
        };
        let (horizon, count) = (usize::from(self.horizon_days), self.scenarios as usize);
        let mut set = ScenarioSet {
            dates: Vec::with_capacity(count),
            tenors: Tenor::STANDARD.to_vec(),
            curve_shifts: Vec::with_capacity(count * Tenor::STANDARD.len()),
            overnight_shifts: Vec::with_capacity(count),
            spread_shifts: Vec::new(),
        };
        for end in last + 1 - count..=last {
            let mut changes = market.change(end - horizon, end)?;
            if let Some(scales) = &scales {
                scales.apply(&mut changes, end - horizon + 1);
            }
            set.dates.push(curve.days()[end].date);
            set.curve_shifts.extend_from_slice(&changes[..SERIES - 1]);
            set.overnight_shifts.push(changes[SERIES - 1]);
        }
        Ok(set)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let problem = match self.filter {
            _ if self.horizon_days == 0 => "horizon_days is 0: a scenario spans at least one day",
            _ if self.scenarios == 0 => "scenarios is 0: at least one is needed",
            Some(filter) if !(1..10_000).contains(&filter.decay_basis_points) => {
                "decay_basis_points lies outside 1 to 9999"
            }
            Some(filter) if filter.seed_days == 0 => "seed_days is 0: the seed needs at least one change",
            Some(filter) if filter.volatility_min_units == 0 => {
                "volatility_min_units is 0: a rate that stands still would scale its next move without limit"
            }
            _ => return Ok(()),
        };
        Err(ScenarioError::Parameter(problem))
    }

    fn check_length(&self, curve: &CurveHistory, first: usize, last: usize, as_of: Date) -> Result<(), ScenarioError> {
        let seed = self.filter.map_or(0, |filter| usize::from(filter.seed_days) + 1);
        let needed = (self.scenarios as usize + usize::from(self.horizon_days)).max(seed);
        let held = (last + 1).saturating_sub(first);
        if held >= needed {
            return Ok(());
        }
        let from = curve.days().get(first).map_or(as_of, |day| day.date);
        Err(ScenarioError::TooShort {
            from,
            as_of,
            held,
            needed,
            scenarios: self.scenarios,
            horizon: self.horizon_days,
        })
    }
}

struct Market<'a> {
    curve: &'a CurveHistory,
    overnight: Option<&'a OvernightHistory>,
    rule: &'a ScenarioRule,
}

impl Market<'_> {
    /// The change of every series between two days of the curve's history.
    fn change(&self, from: usize, to: usize) -> Result<Changes, ScenarioError> {
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

/// Volatility forecasts of every series.
struct Scales {
    /// The day that the first forecast is for.
    first: usize,
    forecasts: Vec<Changes>,
    next: Changes,
}

impl Scales {
    /// Forecasts for every day after `first` up to `last`, and for the day after that.
    fn new(market: &Market<'_>, filter: VolatilityFilter, first: usize, last: usize) -> Result<Self, ScenarioError> {
        let daily: Vec<Changes> =
            (first + 1..=last).map(|day| market.change(day - 1, day)).collect::<Result<_, _>>()?;
        let decay = f64::from(filter.decay_basis_points) / 10_000.0;
        let weight = f64::from(10_000 - filter.decay_basis_points) / 10_000.0;
        let least = f64::from(filter.volatility_min_units) / 10_000.0;

        let mut variance = [0.0; SERIES];
        for changes in &daily[..usize::from(filter.seed_days)] {
            for (sum, change) in variance.iter_mut().zip(changes) {
                *sum += change * change;
            }
        }
        for sum in &mut variance {
            *sum /= f64::from(filter.seed_days);
        }
        let volatility = |variance: &Changes| variance.map(|v| if v.sqrt() < least { least } else { v.sqrt() });
        let mut forecasts = Vec::with_capacity(daily.len());
        for changes in &daily {
            forecasts.push(volatility(&variance));
            for (v, change) in variance.iter_mut().zip(changes) {
                *v = decay * *v + weight * (change * change);
            }
        }
        Ok(Self { first: first + 1, forecasts, next: volatility(&variance) })
    }

    /// Rescales the changes of a scenario whose first day is `start`.
    fn apply(&self, changes: &mut Changes, start: usize) {
        let then = &self.forecasts[start - self.first];
        for (change, (next, then)) in changes.iter_mut().zip(self.next.iter().zip(then)) {
            *change *= next / then;
        }
    }
}

/// Whether a day on or before another is at most so many calendar days before it.
fn within(day: Date, serves: Date, age_days_max: u16) -> bool {
    (serves - day).get_days() <= i32::from(age_days_max)
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::date};

    use super::*;
    use crate::history::{CurveDay, Rate};

    /// Consecutive days, the ten-year yield given, the one-month twice it.
    fn curve(ten_year: &[i32]) -> CurveHistory {
        let first = date(2020, 1, 1);
        let days = ten_year
            .iter()
            .enumerate()
            .map(|(index, units)| {
                let mut yields = [None; Tenor::STANDARD.len()];
                yields[0] = Some(Rate::from_units(2 * units));
                yields[8] = Some(Rate::from_units(*units));
                CurveDay { date: first + i64::try_from(index).unwrap().days(), yields }
            })
            .collect();
        CurveHistory::new(days).unwrap()
    }

    fn shifts(set: &ScenarioSet) -> Vec<f64> {
        (0..set.len()).map(|scenario| set.curve_shift(scenario)[8]).collect()
    }

    #[test]
    fn changes_overlap_and_end_on_the_as_of_day() {
        let history = curve(&[10_000, 20_000, 40_000, 70_000, 110_000]);
        let set = ScenarioRule::overlapping(2, 2).scenarios(&history, None, date(2020, 1, 4)).unwrap();
        assert_eq!(set.dates, [date(2020, 1, 3), date(2020, 1, 4)]);
        assert_eq!(shifts(&set), [3.0, 5.0]);
        // Without an overnight history the one-month yield stands in.
        assert_eq!(set.overnight_shifts, [6.0, 10.0]);
    }

    #[test]
    fn a_short_history_says_how_many_days_it_lacks() {
        let history = curve(&[1, 2, 3, 4]);
        let error = ScenarioRule::overlapping(3, 2).scenarios(&history, None, date(2020, 1, 4)).unwrap_err();
        assert!(matches!(error, ScenarioError::TooShort { held: 4, needed: 5, .. }), "{error}");
        assert!(ScenarioRule::overlapping(3, 1).scenarios(&history, None, date(2020, 1, 4)).is_ok());
        let error = ScenarioRule::overlapping(1, 1).scenarios(&history, None, date(2020, 1, 12)).unwrap_err();
        assert!(matches!(error, ScenarioError::Stale { .. }), "{error}");
        let error = ScenarioRule::overlapping(1, 1).scenarios(&history, None, date(2019, 1, 1)).unwrap_err();
        assert!(matches!(error, ScenarioError::NothingBefore { .. }), "{error}");
    }

    #[test]
    fn the_overnight_rate_is_its_own_and_is_carried_a_few_days() {
        let history = curve(&[10_000; 12]);
        let rates = [(1, 10_000), (3, 12_500)];
        let overnight = OvernightHistory::new(
            rates.map(|(day, units)| OvernightDay { date: date(2020, 1, day), rate: Rate::from_units(units) }).to_vec(),
        )
        .unwrap();
        let mut rule = ScenarioRule::overlapping(1, 11);
        let set = rule.scenarios(&history, Some(&overnight), date(2020, 1, 12)).unwrap();
        assert_eq!(set.overnight_shifts[..3], [0.0, 0.25, 0.0]);
        rule.overnight = OvernightRule::Required;
        let error = rule.scenarios(&history, Some(&overnight), date(2020, 1, 12)).unwrap_err();
        assert_eq!(error, ScenarioError::OvernightMissing { date: date(2020, 1, 11), age_days_max: 7 });
    }

    #[test]
    fn a_filtered_change_is_scaled_by_tomorrow_s_forecast_over_its_own() {
        let history = curve(&[10_000, 20_000, 10_000, 40_000]);
        let filter = VolatilityFilter {
            decay_basis_points: 5_000,
            seed_from: date(2020, 1, 1),
            seed_days: 2,
            volatility_min_units: 1,
        };
        let set = ScenarioRule::filtered(1, 3, filter).scenarios(&history, None, date(2020, 1, 4)).unwrap();
        // Changes 1, -1, 3: forecasts 1, 1, 1, and (1 + 9) / 2 for the day after.
        let scale = 5.0_f64.sqrt();
        assert_eq!(shifts(&set), [scale, -scale, 3.0 * scale]);
    }

    #[test]
    fn a_filtered_span_is_scaled_by_the_forecast_in_force_when_it_began() {
        let history = curve(&[10_000, 20_000, 10_000, 40_000, 30_000]);
        let filter = VolatilityFilter {
            decay_basis_points: 5_000,
            seed_from: date(2020, 1, 1),
            seed_days: 2,
            volatility_min_units: 1,
        };
        let set = ScenarioRule::filtered(2, 2, filter).scenarios(&history, None, date(2020, 1, 5)).unwrap();
        // Forecasts for days 2 to 6: 1, 1, 1, 5, 3. Spans: days 3 to 4 and days 4 to 5.
        let scale = 3.0_f64.sqrt();
        assert_eq!(shifts(&set), [2.0 * scale, 2.0 * scale]);
    }

    #[test]
    fn a_rate_that_stood_still_is_scaled_from_the_floor() {
        let history = curve(&[10_000, 10_000, 10_000, 10_100]);
        let filter = VolatilityFilter {
            decay_basis_points: 5_000,
            seed_from: date(2020, 1, 1),
            seed_days: 1,
            volatility_min_units: 100,
        };
        let set = ScenarioRule::filtered(1, 1, filter).scenarios(&history, None, date(2020, 1, 4)).unwrap();
        // The forecast after a change of 1 basis point is 0.7 basis points: both ends of the ratio are the floor.
        assert_eq!(shifts(&set), [0.01]);
    }

    #[test]
    fn every_parameter_out_of_range_is_refused() {
        let history = curve(&[1, 2, 3, 4]);
        let filter = VolatilityFilter::default_filter();
        for rule in [
            ScenarioRule::overlapping(0, 1),
            ScenarioRule::overlapping(1, 0),
            ScenarioRule::filtered(1, 1, VolatilityFilter { decay_basis_points: 10_000, ..filter }),
            ScenarioRule::filtered(1, 1, VolatilityFilter { decay_basis_points: 0, ..filter }),
            ScenarioRule::filtered(1, 1, VolatilityFilter { seed_days: 0, ..filter }),
            ScenarioRule::filtered(1, 1, VolatilityFilter { volatility_min_units: 0, ..filter }),
        ] {
            let error = rule.scenarios(&history, None, date(2020, 1, 4)).unwrap_err();
            assert!(matches!(error, ScenarioError::Parameter(_)), "{error}");
        }
    }
}
