//! Filtered historical simulation: changes of the past, rescaled to what is forecast for the day after the as-of day.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    ScenarioError,
    correlation::{CorrelationScaling, Correlations},
    moves::{Changes, Moves, SERIES},
};

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
    /// Rescaling to the correlations of the as-of day too; without it the series move together as they did.
    #[serde(default)]
    pub correlation: Option<CorrelationScaling>,
}

impl VolatilityFilter {
    /// Decay 0.97, seeded with the first 250 one-day changes since 2007-01-03, at least half a basis point a day;
    /// correlations as they were.
    #[must_use]
    pub const fn default_filter() -> Self {
        Self {
            decay_basis_points: 9_700,
            seed_from: jiff::civil::date(2007, 1, 3),
            seed_days: 250,
            volatility_min_units: 50,
            correlation: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let problem = if !(1..10_000).contains(&self.decay_basis_points) {
            "decay_basis_points lies outside 1 to 9999"
        } else if self.seed_days == 0 {
            "seed_days is 0: the seed needs at least one change"
        } else if self.volatility_min_units == 0 {
            "volatility_min_units is 0: a rate that stands still would scale its next move without limit"
        } else {
            return self.correlation.map_or(Ok(()), CorrelationScaling::check);
        };
        Err(ScenarioError::Parameter(problem))
    }
}

/// A decay in basis points, and the weight of the newest that goes with it.
pub(super) fn weights(decay_basis_points: u16) -> (f64, f64) {
    let (decay, newest) = (decay_basis_points, 10_000_u16.saturating_sub(decay_basis_points));
    (f64::from(decay) / 10_000.0, f64::from(newest) / 10_000.0)
}

/// The forecasts in force when each scenario began, and those for the day after the as-of day.
pub(super) struct Scales {
    then: Vec<Changes>,
    next: Changes,
    correlations: Option<Correlations>,
}

impl Scales {
    /// Forecasts from the days after `first` up to `last`; `starts` are the first days that the scenarios span, ascending,
    /// each after `first`.
    pub(super) fn new(
        moves: &Moves<'_>,
        filter: &VolatilityFilter,
        (first, last): (usize, usize),
        starts: &[usize],
    ) -> Result<Self, ScenarioError> {
        let mut daily: Vec<Changes> =
            (first + 1..=last).map(|day| moves.between(day - 1, day)).collect::<Result<_, _>>()?;
        let (decay, newest) = weights(filter.decay_basis_points);
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
                *v = decay * *v + newest * (change * change);
            }
        }

        let offsets: Vec<usize> = starts.iter().map(|start| start - first - 1).collect();
        let correlations = match filter.correlation {
            None => None,
            Some(scaling) => {
                for (changes, forecast) in daily.iter_mut().zip(&forecasts) {
                    for (change, volatility) in changes.iter_mut().zip(forecast) {
                        *change /= volatility;
                    }
                }
                let correlations = Correlations::new(&daily, scaling, filter.seed_days, &offsets);
                let date = |known: usize| moves.curve.days()[first + known].date;
                Some(correlations.map_err(|known| ScenarioError::Correlation { date: date(known) })?)
            }
        };
        let then = offsets.into_iter().map(|offset| forecasts[offset]).collect();
        Ok(Self { then, next: volatility(&variance), correlations })
    }

    /// Rescales the changes of a scenario, numbered as its start was given.
    pub(super) fn apply(&self, scenario: usize, changes: &mut Changes) {
        let then = &self.then[scenario];
        match &self.correlations {
            None => {
                for (change, (next, then)) in changes.iter_mut().zip(self.next.iter().zip(then)) {
                    *change *= next / then;
                }
            }
            Some(correlations) => {
                for (change, then) in changes.iter_mut().zip(then) {
                    *change /= then;
                }
                correlations.apply(scenario, changes);
                for (change, next) in changes.iter_mut().zip(&self.next) {
                    *change *= next;
                }
            }
        }
    }
}
