//! `crossmargin risk var`: value at risk and expected shortfall of a portfolio.

use clap::Args;
use jiff::civil::Date;
use risk::{
    measure::{expected_shortfall, value_at_risk},
    money::Usd,
};
use serde::Serialize;

use super::{
    portfolio::PortfolioArgs,
    scenario::{ScenarioArgs, ScenarioView},
    source::SourceArgs,
    valuation::Valuation,
};
use crate::command::{
    failure::Failure,
    output::{self, grouped},
};

/// Arguments of `crossmargin risk var`.
#[derive(Clone, Debug, Args)]
pub struct VarArgs {
    /// The histories, and the market.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The scenarios.
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// The portfolio.
    #[command(flatten)]
    pub portfolio: PortfolioArgs,
    /// Print JSON: an array of one object.
    #[arg(long)]
    pub json: bool,
}

/// The figures of a portfolio. Amounts are in USD, exact to 1e-8, and positive for a loss.
#[derive(Debug, Serialize)]
struct VarView {
    #[serde(flatten)]
    scenario: ScenarioView,
    /// The day of the history that stood for the as-of day: the end of the last scenario.
    last_scenario: Date,
    first_scenario: Date,
    /// Which loss, ranked from the largest, is the value at risk.
    k: usize,
    var: String,
    /// The mean of the k largest losses, rounded up to 1e-8 USD.
    es: String,
    worst: String,
    contributions: Vec<ContributionView>,
    tail: Vec<TailView>,
    notes: Vec<String>,
}

/// A position's share of the expected shortfall: the shares add up to it, digit for digit.
#[derive(Debug, Serialize)]
struct ContributionView {
    position: String,
    quantity: i64,
    contribution: String,
}

/// A scenario of the tail, the largest loss first.
#[derive(Debug, Serialize)]
struct TailView {
    date: Date,
    loss: String,
}

/// Runs `crossmargin risk var`.
///
/// # Errors
/// Every problem of the files, or what cannot be computed from them.
pub fn run(args: &VarArgs) -> Result<(), Failure> {
    let view = figures(args)?;
    output::answer(args.json, &[view], |[view]| text(args, view))
}

fn figures(args: &VarArgs) -> Result<VarView, Failure> {
    let asked = &args.scenario;
    let portfolio = args.portfolio.read()?;
    let source = args.source.read(&portfolio, asked.as_of)?;
    let set = asked.rule().scenarios(&source.curves, source.overnight.as_ref(), asked.as_of);
    let set = set.map_err(|error| Failure::of("taking scenarios from history", &error))?;
    let (Some(&first), Some(&last)) = (set.dates.first(), set.dates.last()) else {
        return Err(Failure::new("there is no scenario"));
    };
    // The rule has found the day already.
    let day = source.curves.index_at(asked.as_of).unwrap_or_default();
    let valuation = Valuation::new(&source, &portfolio, &set, day)?;
    let k = asked.confidence.tail_count(set.len());
    let tail = valuation.tail(k)?;
    let shortfall = expected_shortfall(&tail);
    let losses = valuation.losses(&tail);
    let shares = shortfall.split(&losses);
    let shares = shares.ok_or_else(|| Failure::new("the positions' losses do not add up to the portfolio's"))?;
    let contributions = portfolio.positions().iter().zip(shares).map(|(position, share)| ContributionView {
        position: position.holding.to_string(),
        quantity: position.quantity,
        contribution: share.to_string(),
    });
    let loss = |pnl: i128| Usd::from_units(-pnl).to_string();
    let of_tail =
        tail.worst.iter().map(|worst| TailView { date: set.dates[worst.scenario as usize], loss: loss(worst.pnl) });
    let mut notes = Vec::new();
    if set.len() * usize::from(10_000 - asked.confidence.basis_points()) < 10_000 {
        notes.push(format!(
            "{} of {} scenarios leaves less than one beyond it: the value at risk is the largest loss. Take more scenarios.",
            output::percent(asked.confidence.basis_points().into()),
            set.len()
        ));
    }
    notes.extend(source.filled_notes(&portfolio, day, first));
    if last != asked.as_of {
        notes.push(format!("the history has no {}: {last} stands for it", asked.as_of));
    }
    Ok(VarView {
        scenario: asked.view(),
        last_scenario: last,
        first_scenario: first,
        k,
        var: value_at_risk(&tail).to_string(),
        es: shortfall.mean().to_string(),
        worst: tail.worst.first().map_or_else(String::new, |worst| loss(worst.pnl)),
        contributions: contributions.collect(),
        tail: of_tail.collect(),
        notes,
    })
}

fn text(args: &VarArgs, view: &VarView) -> String {
    let mut figures = output::table(&["USD", "loss"], |at| at == 1);
    for (name, amount) in [
        (format!("value at risk, loss {} of {}", view.k, args.scenario.scenarios), &view.var),
        (format!("expected shortfall, mean of {}", view.k), &view.es),
        ("largest loss".to_owned(), &view.worst),
    ] {
        figures.add_row([name, grouped(amount)]);
    }
    let mut positions = output::table(&["position", "quantity", "share of the shortfall"], |at| at > 0);
    for share in &view.contributions {
        let quantity = grouped(&share.quantity.to_string());
        positions.add_row([share.position.clone(), quantity, grouped(&share.contribution)]);
    }
    let mut tail = output::table(&["scenario to", "loss"], |at| at == 1);
    for scenario in &view.tail {
        tail.add_row([scenario.date.to_string(), grouped(&scenario.loss)]);
    }
    let notes: String = view.notes.iter().map(|note| format!("\n{note}")).collect();
    format!(
        "as of {}: {}, {} to {}\n{figures}\n{positions}\n{tail}{notes}",
        view.last_scenario,
        args.scenario.words(),
        view.first_scenario,
        view.last_scenario
    )
}
