//! Answers to trials for people.

use comfy_table::Table;

use super::view::{FiguresView, PathView, SuggestionView, SuggestionsView, TrialView};
use crate::command::output::{grouped, table};

/// Positions that were tried: before, after, and what the changes add.
pub(super) fn trial(view: &TrialView) -> String {
    let mut rows = figures_table("");
    for (name, figures) in [("before", &view.before), ("after", &view.after)] {
        if let Some(figures) = figures {
            rows.add_row(figures_row(name.to_owned(), figures));
        }
    }
    format!(
        "market of {}, USD\n{rows}\nincremental: {} (Treasury house {}, futures house {})",
        view.business_date,
        grouped(&view.incremental_requirement),
        grouped(&view.incremental_treasury_requirement),
        grouped(&view.incremental_futures_requirement),
    )
}

/// A path: a row a day.
pub(super) fn path(view: &PathView) -> String {
    let header = [
        "day",
        "P&L",
        "Treasury alone",
        "futures alone",
        "factors",
        "",
        "applied",
        "Treasury in all",
        "futures in all",
    ];
    let mut rows = table(&header, |_| true);
    for point in &view.points {
        let Some(figures) = &point.figures else { continue };
        rows.add_row([
            point.day.to_string(),
            grouped(&point.profit_and_loss),
            grouped(&figures.treasury_standalone),
            grouped(&figures.futures_standalone),
            percent(figures.treasury_factor),
            percent(figures.futures_factor),
            percent(figures.applied_factor),
            grouped(&figures.treasury_total),
            grouped(&figures.futures_total),
        ]);
    }
    format!("from the market of {}, USD\n{rows}", view.business_date)
}

/// Futures that were suggested: what to add, then what to direct into the account.
pub(super) fn suggestions(view: &SuggestionsView) -> String {
    let mut before = figures_table("");
    if let Some(figures) = &view.before {
        before.add_row(figures_row("before".to_owned(), figures));
    }
    let mut text = format!("market of {}, USD\n{before}", view.business_date);
    for (title, found) in [("to add", &view.additions), ("to direct into the account", &view.directions)] {
        if !found.is_empty() {
            text.push_str(&format!("\n{title}\n{}", suggestions_table(found)));
        }
    }
    if view.additions.is_empty() && view.directions.is_empty() {
        text.push_str("\nnothing lowers what both houses require");
    }
    text
}

fn suggestions_table(found: &[SuggestionView]) -> Table {
    let header = ["future", "contracts", "frees", "applied", "Treasury in all", "futures in all"];
    let mut rows = table(&header, |at| at > 0);
    for found in found {
        let Some(after) = &found.after else { continue };
        rows.add_row([
            found.instrument.clone(),
            grouped(&found.contracts.to_string()),
            grouped(&found.freed),
            percent(after.applied_factor),
            grouped(&after.treasury_total),
            grouped(&after.futures_total),
        ]);
    }
    rows
}

fn figures_table(first: &str) -> Table {
    let header = [
        first,
        "Treasury alone",
        "futures alone",
        "factors",
        "",
        "applied",
        "Treasury core",
        "futures core",
        "Treasury in all",
        "futures in all",
    ];
    table(&header, |at| at > 0)
}

fn figures_row(name: String, figures: &FiguresView) -> [String; 10] {
    [
        name,
        grouped(&figures.treasury_standalone),
        grouped(&figures.futures_standalone),
        percent(figures.treasury_factor),
        percent(figures.futures_factor),
        percent(figures.applied_factor),
        grouped(&figures.treasury_requirement),
        grouped(&figures.futures_requirement),
        grouped(&figures.treasury_total),
        grouped(&figures.futures_total),
    ]
}

/// A fraction of basis points in per cent.
fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

#[cfg(test)]
mod tests {
    use crossmargin::v1;

    use super::*;

    fn figures() -> v1::JointFigures {
        v1::JointFigures {
            applied_factor_bp: 4_321,
            treasury_total: "1234567.89".into(),
            futures_total: "50.00".into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_trial_shows_what_the_changes_add() {
        let wire = v1::TryPositionsResponse {
            business_date: "2026-02-13".into(),
            before: Some(figures()),
            after: Some(figures()),
            incremental_requirement: "-1000.00".into(),
            ..Default::default()
        };
        let text = trial(&TrialView::from(&wire));
        for part in ["before", "after", "43.21 %", "1,234,567.89", "incremental: -1,000.00"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let portfolio = trial(&TrialView::from(&v1::TryPositionsResponse { before: None, ..wire }));
        assert!(!portfolio.contains("before"), "{portfolio}");
    }

    #[test]
    fn a_path_has_a_row_for_each_day_and_suggestions_say_where_there_are_none() {
        let point = |day| v1::PathPoint { day, figures: Some(figures()), profit_and_loss: "-250000.00".into() };
        let wire = v1::TryPathResponse { business_date: "2026-02-13".into(), points: vec![point(0), point(1)] };
        assert_eq!(path(&PathView::from(&wire)).matches("-250,000.00").count(), 2);

        let mut wire = v1::SuggestFuturesResponse { before: Some(figures()), ..Default::default() };
        assert!(suggestions(&SuggestionsView::from(&wire)).contains("nothing lowers"));
        wire.directions.push(v1::FuturesSuggestion {
            instrument: "FUT:ZN:2026-03".into(),
            contracts: -1_500,
            after: Some(figures()),
            freed: "12.00".into(),
        });
        let text = suggestions(&SuggestionsView::from(&wire));
        assert!(text.contains("to direct") && text.contains("-1,500") && !text.contains("to add"), "{text}");
    }
}
