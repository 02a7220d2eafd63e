//! `crossmargin risk backtest`: past margins against what the days after them brought.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use risk::{
    backtest::{DailyRecord, Summary, TestDay, test_days},
    measure::value_at_risk,
    money::Usd,
    scenario::ScenarioRule,
};

use serde::Serialize;

use super::{
    portfolio::{Portfolio, PortfolioArgs},
    scenario::{ScenarioArgs, ScenarioView},
    source::SourceArgs,
    valuation::Valuation,
};
use crate::command::{
    backtest::{
        plot::{self, Plot},
        report::{BacktestView, Report, Tested},
    },
    failure::Failure,
    output::{self, grouped},
};

/// Positions that a picture names.
const NAMED_MAX: usize = 3;

/// Arguments of `crossmargin risk backtest`.
#[derive(Clone, Debug, Args)]
pub struct BacktestArgs {
    /// The histories, and the market.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The scenarios of each day.
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// The portfolio.
    #[command(flatten)]
    pub portfolio: PortfolioArgs,
    /// Days to test: the last ones before the as-of day whose results are known by then.
    #[arg(long, value_name = "DAYS", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    pub window: u32,
    /// Draw margins and results as an SVG picture.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print JSON: an array of one object.
    #[arg(long)]
    pub json: bool,
    /// Print each day as well.
    #[arg(long)]
    pub rows: bool,
}

/// The backtest in JSON: what was asked for, then what was found.
#[derive(Debug, Serialize)]
struct View {
    #[serde(flatten)]
    scenario: ScenarioView,
    #[serde(flatten)]
    backtest: BacktestView,
}

/// Runs `crossmargin risk backtest`.
///
/// # Errors
/// Every problem of the files, or what cannot be computed from them. That the margin failed is none.
pub fn run(args: &BacktestArgs) -> Result<(), Failure> {
    let asked = &args.scenario;
    let portfolio = args.portfolio.read()?;
    let source = args.source.read(&portfolio, asked.as_of)?;
    let scenarios = |rule: &ScenarioRule, as_of| {
        rule.scenarios(&source.curves, source.overnight.as_ref(), as_of)
            .map_err(|error| Failure::of("taking scenarios from history", &error))
    };
    let (rule, outcome) = (asked.rule(), ScenarioRule::overlapping(asked.days, 1));
    // Refuses a history that ends too long before the day.
    scenarios(&outcome, asked.as_of)?;
    let window = usize::try_from(args.window).unwrap_or(usize::MAX);
    let days = test_days(&source.curves, asked.as_of, window, asked.days);
    let days = days.map_err(|error| Failure::of("choosing the days to test", &error))?;

    let margin = |day: &TestDay| {
        let set = scenarios(&rule, day.date)?;
        let valuation = Valuation::new(&source, &portfolio, &set, day.index)?;
        let tail = valuation.tail(asked.confidence.tail_count(set.len()))?;
        Ok(value_at_risk(&tail).max(Usd::ZERO))
    };
    let realised = |day: &TestDay| {
        let set = scenarios(&outcome, day.end)?;
        let profits = Valuation::new(&source, &portfolio, &set, day.index)?.profits()?;
        Ok(Usd::from_units(profits.into_iter().sum()))
    };
    let records = records(&days, margin, realised)?;
    let summary = Summary::of(&records, asked.confidence);
    let summary = summary.map_err(|error| Failure::of("reading the backtest", &error))?;
    let tested = Tested {
        margin: asked.words(),
        confidence: asked.confidence,
        horizon_days: asked.days.into(),
        note: note(asked, &portfolio),
    };
    let report = Report::new(&tested, &summary);
    if let Some(path) = &args.plot {
        let subtitle = report.subtitle(&names(&portfolio));
        plot::write(path, &[Plot { title: report.title(), subtitle, records: &records }])?;
    }
    let rows = if args.rows { &records[..] } else { &[] };
    let view = View { scenario: asked.view(), backtest: report.view(args.rows.then_some(rows)) };
    output::answer(args.json, &[view], |_| report.text(rows))
}

/// A portfolio in a few words.
fn names(portfolio: &Portfolio) -> String {
    let positions = portfolio.positions();
    let named = positions.iter().take(NAMED_MAX);
    let named = named.map(|position| format!("{} {}", position.holding, grouped(&position.quantity.to_string())));
    let names = named.collect::<Vec<_>>().join(", ");
    match positions.len() {
        more if more > NAMED_MAX => format!("{names} and {} more", more - NAMED_MAX),
        _ => names,
    }
}

fn note(asked: &ScenarioArgs, portfolio: &Portfolio) -> String {
    if portfolio.first_of_market().is_none() {
        return String::new();
    }
    format!(
        "instruments are valued in the market of {} on every day: the history moves today's portfolio, with today's terms and prices.",
        asked.as_of
    )
}

/// The record of each day, in their order, on all threads. Where margins and results come from is the caller's: a value
/// at risk here, a house's whole model over an account elsewhere. Of several days that fail the earliest is told.
fn records(
    days: &[TestDay],
    margin: impl Fn(&TestDay) -> Result<Usd, Failure> + Sync,
    realised: impl Fn(&TestDay) -> Result<Usd, Failure> + Sync,
) -> Result<Vec<DailyRecord>, Failure> {
    let progress = Progress::new(days.len());
    let record = |day: &TestDay| {
        let at = |error: Failure| Failure::new(format!("backtest of {}: {error}", day.date));
        let record =
            DailyRecord { date: day.date, margin: margin(day).map_err(at)?, realised: realised(day).map_err(at)? };
        progress.bar.inc(1);
        Ok(record)
    };
    let records: Vec<Result<DailyRecord, Failure>> = days.par_iter().map(record).collect();
    records.into_iter().collect()
}

/// A bar on a terminal; elsewhere a line at the end. On standard error.
struct Progress {
    bar: ProgressBar,
    days: usize,
    begun: Instant,
}

impl Progress {
    fn new(days: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(days).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_bar} {pos} of {len} days, {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, days, begun: Instant::now() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if self.bar.is_hidden() {
            eprintln!("  {:>6.2} s  {} days tested", self.begun.elapsed().as_secs_f64(), self.days);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn days() -> Vec<TestDay> {
        let day = |index: i8| date(2025, 6, index + 1);
        (0..9)
            .map(|index| TestDay { index: usize::try_from(index).unwrap(), date: day(index), end: day(index + 1) })
            .collect()
    }

    #[test]
    fn margins_can_come_from_anywhere_and_days_keep_their_order() {
        let cents = |day: &TestDay| Ok(Usd::from_cents(i64::from(day.date.day())));
        let found = records(&days(), cents, |_| Ok(Usd::from_cents(-5))).unwrap();
        assert!(found.iter().map(|record| record.date).eq(days().iter().map(|day| day.date)));
        assert_eq!(found.iter().filter(|record| record.is_breach()).count(), 4);
    }

    #[test]
    fn of_several_days_that_fail_the_earliest_is_told() {
        let failing = |day: &TestDay| if day.index < 3 { Ok(Usd::ZERO) } else { Err(Failure::new("no yield")) };
        let failure = records(&days(), failing, |_| Ok(Usd::ZERO)).unwrap_err();
        assert_eq!(failure.to_string(), "backtest of 2025-06-04: no yield");
    }
}
