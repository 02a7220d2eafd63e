//! What a backtest found, for people and for programs.

use std::fmt::Write as _;

use jiff::civil::Date;
use risk::{
    backtest::{DailyRecord, LIGHT_DAYS, Light, LikelihoodRatio, Summary},
    measure::Confidence,
};
use serde::Serialize;

use crate::command::output::{self, grouped};

/// Breaches that the text lists; JSON has all.
const WORST_SHOWN: usize = 10;
/// A p-value below it speaks against what is tested: the usual level of such tests.
const SIGNIFICANT: f64 = 0.05;

/// What was tested.
pub(in crate::command) struct Tested {
    /// The margin in words: `99.00 % over 3 days, 2500 scenarios, plain`.
    pub(in crate::command) margin: String,
    /// The confidence that breaches are counted against.
    pub(in crate::command) confidence: Confidence,
    /// Days of the history that a result spans.
    pub(in crate::command) horizon_days: u32,
    /// What a reader should know of the portfolio; empty for nothing.
    pub(in crate::command) note: String,
}

/// A backtest with what it was of.
pub(in crate::command) struct Report<'a> {
    tested: &'a Tested,
    summary: &'a Summary,
    notes: Vec<String>,
}

/// The backtest in JSON. Amounts are decimal strings in USD.
#[derive(Debug, Serialize)]
pub(in crate::command) struct BacktestView {
    first: Date,
    last: Date,
    window: usize,
    breaches: usize,
    expected_breaches: f64,
    coverage: f64,
    light: LightView,
    kupiec: RatioView,
    christoffersen: IndependenceView,
    conditional_coverage: RatioView,
    longest_run: Option<RunView>,
    worst: Vec<DayView>,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<Vec<DayView>>,
}

#[derive(Debug, Serialize)]
struct LightView {
    colour: String,
    days: usize,
    breaches: usize,
    yellow_from: usize,
    red_from: usize,
}

#[derive(Debug, Serialize)]
struct RatioView {
    statistic: f64,
    p_value: f64,
}

#[derive(Debug, Serialize)]
struct IndependenceView {
    n00: usize,
    n01: usize,
    n10: usize,
    n11: usize,
    #[serde(flatten)]
    ratio: RatioView,
}

#[derive(Debug, Serialize)]
struct RunView {
    first: Date,
    days: usize,
}

#[derive(Debug, Serialize)]
struct DayView {
    date: Date,
    margin: String,
    realised: String,
    breach: bool,
    /// The loss less the margin.
    excess: String,
}

impl From<LikelihoodRatio> for RatioView {
    fn from(ratio: LikelihoodRatio) -> Self {
        Self { statistic: ratio.statistic, p_value: ratio.p_value }
    }
}

impl From<&DailyRecord> for DayView {
    fn from(record: &DailyRecord) -> Self {
        Self {
            date: record.date,
            margin: record.margin.to_string(),
            realised: record.realised.to_string(),
            breach: record.is_breach(),
            excess: record.excess().to_string(),
        }
    }
}

impl<'a> Report<'a> {
    pub(in crate::command) fn new(tested: &'a Tested, summary: &'a Summary) -> Self {
        Self { tested, summary, notes: notes(tested, summary) }
    }

    /// The heading of the picture.
    pub(in crate::command) fn title(&self) -> String {
        format!("Margin against realised P&L: {}", self.tested.margin)
    }

    /// What the picture is of, and what it shows.
    pub(in crate::command) fn subtitle(&self, portfolio: &str) -> String {
        let Summary { days, breaches, first, last, light, .. } = self.summary;
        format!("{portfolio}; {breaches} breaches in {days} days, {first} to {last}; traffic light {light}")
    }

    /// For programs; with each day where `rows` has them.
    pub(in crate::command) fn view(&self, rows: Option<&[DailyRecord]>) -> BacktestView {
        let found = self.summary;
        BacktestView {
            first: found.first,
            last: found.last,
            window: found.days,
            breaches: found.breaches,
            expected_breaches: found.expected,
            coverage: found.coverage,
            light: LightView {
                colour: found.light.to_string(),
                days: found.light_days,
                breaches: found.light_breaches,
                yellow_from: found.zones.yellow_from,
                red_from: found.zones.red_from,
            },
            kupiec: found.frequency.into(),
            christoffersen: IndependenceView {
                n00: found.transitions.covered_covered,
                n01: found.transitions.covered_breach,
                n10: found.transitions.breach_covered,
                n11: found.transitions.breach_breach,
                ratio: found.independence.into(),
            },
            conditional_coverage: found.conditional.into(),
            longest_run: found.longest_run.map(|run| RunView { first: run.first, days: run.days }),
            worst: found.worst.iter().map(DayView::from).collect(),
            notes: self.notes.clone(),
            days: rows.map(|rows| rows.iter().map(DayView::from).collect()),
        }
    }

    /// For people; each day of `rows` as well.
    pub(in crate::command) fn text(&self, rows: &[DailyRecord]) -> String {
        let found = self.summary;
        let mut table = output::table(&["test", "finding", "what to make of it"], |_| false);
        table.add_row([
            "coverage".to_owned(),
            format!("{} breaches in {} days, {:.1} expected", found.breaches, found.days, found.expected),
            format!("{:.2} % of days covered", 100.0 * found.coverage),
        ]);
        if let Some(run) = found.longest_run {
            let run = format!("{} from {}", days_in_words(run.days), run.first);
            table.add_row(["longest run of breaches".to_owned(), run, String::new()]);
        }
        table.add_row([
            "traffic light (Basel)".to_owned(),
            format!(
                "{}, {} in {} days: yellow from {}, red from {}",
                found.light, found.light_breaches, found.light_days, found.zones.yellow_from, found.zones.red_from
            ),
            light_in_words(found.light).to_owned(),
        ]);
        let often = if found.breaches as f64 > found.expected { "too often" } else { "too seldom" };
        let bunches =
            if self.tested.horizon_days > 1 { "breaches bunch, as overlapping results do" } else { "breaches bunch" };
        for (name, LikelihoodRatio { statistic, p_value }, against) in [
            ("frequency (Kupiec)", found.frequency, format!("breaches come {often}")),
            ("independence (Christoffersen)", found.independence, bunches.to_owned()),
            ("conditional coverage", found.conditional, format!("{often}, or in bunches")),
        ] {
            let words = if p_value < SIGNIFICANT { against } else { "nothing against the margin".to_owned() };
            table.add_row([name.to_owned(), format!("ratio {statistic:.4}, p-value {p_value:.4}"), words]);
        }
        let mut text = format!("backtest of {} to {}: {}\n{table}", found.first, found.last, self.tested.margin);
        if !found.worst.is_empty() {
            let shown = &found.worst[..found.worst.len().min(WORST_SHOWN)];
            let _ = write!(text, "\nworst breaches, {} of {}\n{}", shown.len(), found.worst.len(), days(shown));
        }
        if !rows.is_empty() {
            let _ = write!(text, "\nevery day\n{}", days(rows));
        }
        for note in &self.notes {
            let _ = write!(text, "\nnote: {note}");
        }
        text
    }
}

fn days(records: &[DailyRecord]) -> comfy_table::Table {
    let mut table = output::table(&["day", "margin", "realised", "excess", ""], |at| (1..=3).contains(&at));
    for record in records {
        let amount = |text: String| grouped(&text);
        table.add_row([
            record.date.to_string(),
            amount(record.margin.to_string()),
            amount(record.realised.to_string()),
            if record.is_breach() { amount(record.excess().to_string()) } else { String::new() },
            if record.is_breach() { "breach".to_owned() } else { String::new() },
        ]);
    }
    table
}

fn days_in_words(days: usize) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

fn light_in_words(light: Light) -> &'static str {
    match light {
        Light::Green => "nothing against the margin",
        Light::Yellow => "may be chance: look at the breaches",
        Light::Red => "hardly chance: find the cause",
    }
}

/// What a reader must know to read the figures rightly.
fn notes(tested: &Tested, summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    if tested.horizon_days > 1 {
        notes.push(format!(
            "results over {} days overlap from day to day, so breaches are not independent even where the margin is right: they come in runs, and the p-values are too small. Read the tests as indications, or test over 1 day.",
            tested.horizon_days
        ));
    }
    if !tested.note.is_empty() {
        notes.push(tested.note.clone());
    }
    if summary.light_days < LIGHT_DAYS || tested.confidence != Confidence::P99 {
        notes.push(format!(
            "the traffic light is published for {LIGHT_DAYS} days at 99 %; for {} days at {} it follows the same probabilities.",
            summary.light_days,
            output::percent(tested.confidence.basis_points().into())
        ));
    }
    notes
}
