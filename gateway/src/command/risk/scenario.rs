//! Which scenarios, as of which day, at which confidence: the options that `var` and `backtest` share.

use clap::Args;
use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    measure::Confidence,
    scenario::{ScenarioRule, VolatilityFilter},
};
use serde::Serialize;

use super::quote;
use crate::command::output;

/// Options of scenarios and measure.
#[derive(Clone, Debug, Args)]
pub struct ScenarioArgs {
    /// The day, YYYY-MM-DD: only days of history on or before it count. Where it is none of them, the last one before
    /// it, by at most 7 calendar days, stands for it.
    #[arg(long, value_name = "DATE", value_parser = quote::date)]
    pub as_of: Date,

    /// Days of history that each scenario spans.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    pub days: u16,

    /// How many scenarios, each one day after the one before, the last ending on the day.
    #[arg(long, value_name = "COUNT", default_value_t = 2_500, value_parser = clap::value_parser!(u32).range(1..=SCENARIOS_MAX))]
    pub scenarios: u32,

    /// The confidence as a fraction with at most four decimals.
    #[arg(long, value_name = "FRACTION", default_value = "0.99", value_parser = confidence)]
    pub confidence: Confidence,

    /// Rescale each change to today's volatility, with this decay of the volatility forecast, such as 0.97.
    #[arg(long, value_name = "DECAY", value_parser = decay)]
    pub filtered: Option<u16>,

    /// First day of history behind the volatility forecasts; 2007-01-03 where it is not given.
    #[arg(long, value_name = "DATE", requires = "filtered", value_parser = quote::date)]
    pub seed_from: Option<Date>,

    /// One-day changes behind the first forecast; 250 where it is not given.
    #[arg(long, value_name = "COUNT", requires = "filtered", value_parser = clap::value_parser!(u16).range(1..))]
    pub seed_days: Option<u16>,
}

/// The most scenarios, as many as the kernel numbers.
const SCENARIOS_MAX: i64 = 1 << 20;

/// What was asked for, in the JSON of both commands.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ScenarioView {
    as_of: Date,
    horizon_days: u16,
    scenarios: u32,
    confidence: f64,
    filter: Option<FilterView>,
}

#[derive(Clone, Debug, Serialize)]
struct FilterView {
    decay: f64,
    seed_from: Date,
    seed_days: u16,
}

impl ScenarioArgs {
    /// The rule behind the scenarios.
    pub(super) fn rule(&self) -> ScenarioRule {
        match self.filter() {
            Some(filter) => ScenarioRule::filtered(self.days, self.scenarios, filter),
            None => ScenarioRule::overlapping(self.days, self.scenarios),
        }
    }

    /// What was asked for, as JSON shows it.
    pub(super) fn view(&self) -> ScenarioView {
        let filter = self.filter().map(|filter| FilterView {
            decay: output::fraction(filter.decay_basis_points.into()),
            seed_from: filter.seed_from,
            seed_days: filter.seed_days,
        });
        ScenarioView {
            as_of: self.as_of,
            horizon_days: self.days,
            scenarios: self.scenarios,
            confidence: output::fraction(self.confidence.basis_points().into()),
            filter,
        }
    }

    /// What was asked for, in words: `99.00 % over 3 days, 2500 scenarios, plain`.
    pub(super) fn words(&self) -> String {
        let level = output::percent(self.confidence.basis_points().into());
        let filter = self.filter().map_or_else(
            || "plain".to_owned(),
            |filter| format!("filtered with decay {}", output::fraction(filter.decay_basis_points.into())),
        );
        let days = if self.days == 1 { "1 day".to_owned() } else { format!("{} days", self.days) };
        format!("{level} over {days}, {} scenarios, {filter}", self.scenarios)
    }

    fn filter(&self) -> Option<VolatilityFilter> {
        let default = VolatilityFilter::default_filter();
        self.filtered.map(|decay_basis_points| VolatilityFilter {
            decay_basis_points,
            seed_from: self.seed_from.unwrap_or(default.seed_from),
            seed_days: self.seed_days.unwrap_or(default.seed_days),
            ..default
        })
    }
}

fn confidence(text: &str) -> Result<Confidence, String> {
    let needed = "a fraction above 0 and below 1 with at most four decimals is needed, such as 0.99";
    basis_points(text).and_then(|level| Confidence::from_basis_points(level).ok()).ok_or_else(|| needed.to_owned())
}

fn decay(text: &str) -> Result<u16, String> {
    let needed = "a decay above 0 and below 1 with at most four decimals is needed, such as 0.97";
    basis_points(text).filter(|decay| (1..10_000).contains(decay)).ok_or_else(|| needed.to_owned())
}

/// A fraction in basis points, if it is a whole number of them.
fn basis_points(text: &str) -> Option<u16> {
    const BASIS_POINT: i64 = Fixed8::ONE / 10_000;
    let units = text.parse::<Fixed8>().ok()?.units();
    if units % BASIS_POINT == 0 { u16::try_from(units / BASIS_POINT).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_is_read_strictly_into_basis_points() {
        for (text, level) in [("0.99", 9_900), ("0.975", 9_750), ("0.9999", 9_999), ("0.9900000", 9_900), (".5", 5_000)]
        {
            assert_eq!(confidence(text).unwrap().basis_points(), level, "{text}");
        }
        for text in
            ["1", "0", "1.0", "-0.99", "0.99999", "99", "99%", "0,99", "1e-1", "", "NaN", "0x1", "0_99", " 0.99"]
        {
            assert!(confidence(text).unwrap_err().contains("such as 0.99"), "{text}");
        }
    }

    #[test]
    fn as_many_scenarios_can_be_asked_for_as_the_kernel_numbers() {
        assert_eq!(usize::try_from(SCENARIOS_MAX).unwrap(), risk::kernel::ScenarioMatrix::LIMIT);
    }

    #[test]
    fn a_decay_lies_strictly_between_nothing_and_one() {
        assert_eq!(decay("0.97"), Ok(9_700));
        for text in ["0", "1", "1.01", "-0.5", "0.97001", "97"] {
            assert!(decay(text).unwrap_err().contains("such as 0.97"), "{text}");
        }
    }
}
