//! `crossmargin models`: the next models beside the ones in force.

use clap::{Args, Subcommand};
use crossmargin::v1;
use risk::money::Usd;
use serde::Serialize;

use super::{
    client::NodeArgs,
    explain::FiguresView,
    failure::Failure,
    listing,
    output::{self, grouped, percent},
};
use crate::{arrangement::cycle_id::CycleId, identity::Role};

/// Arguments of `crossmargin models`.
#[derive(Clone, Debug, Args)]
pub struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ModelsAction,
}

/// What to do with models.
#[derive(Clone, Debug, Subcommand)]
pub enum ModelsAction {
    /// Compare, account by account, what a cycle requires with what the next models of the arrangement would.
    Compare(CompareArgs),
}

/// Arguments of `crossmargin models compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The cycle, such as 2026-02-13/ITD/1; the newest that the house claimed on where it is not given.
    #[arg(long, value_name = "CYCLE")]
    pub cycle: Option<CycleId>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Both models over a cycle.
#[derive(Clone, Debug, Serialize)]
struct ComparisonView {
    cycle: String,
    /// In force: the Treasury house's, the futures house's.
    models: [String; 2],
    /// The next ones.
    next_models: [String; 2],
    links: Vec<LinkView>,
}

/// A link under both.
#[derive(Clone, Debug, Serialize)]
struct LinkView {
    link: String,
    treasury_account: String,
    futures_account: String,
    current: FiguresView,
    next: FiguresView,
}

/// Runs `crossmargin models`.
///
/// # Errors
/// What the node said.
pub async fn run(args: ModelsArgs) -> Result<(), Failure> {
    let ModelsAction::Compare(args) = args.action;
    let node = args.node.connect(Role::MarginReader)?;
    let answer = listing::comparisons(&node, args.cycle).await?;
    let view = ComparisonView {
        cycle: output::cycle(answer.cycle.as_ref()),
        models: [answer.treasury_model.clone(), answer.futures_model.clone()],
        next_models: [answer.next_treasury_model.clone(), answer.next_futures_model.clone()],
        links: answer.comparisons.iter().map(LinkView::from).collect(),
    };
    output::answer(args.json, &view, |view| text(view, &answer.comparisons))
}

impl From<&v1::ModelComparison> for LinkView {
    fn from(from: &v1::ModelComparison) -> Self {
        let link = from.link.clone().unwrap_or_default();
        Self {
            link: link.link_id,
            treasury_account: link.treasury_account,
            futures_account: link.futures_account,
            current: FiguresView::of(from.current.as_ref()),
            next: FiguresView::of(from.next.as_ref()),
        }
    }
}

fn text(view: &ComparisonView, wire: &[v1::ModelComparison]) -> String {
    let header =
        ["link", "Treasury", "futures", "Treasury in all", "next", "futures in all", "next", "applied", "next"];
    let mut table = output::table(&header, |at| at > 2);
    let mut sums = [Usd::ZERO; 4];
    for (row, wire) in view.links.iter().zip(wire) {
        let totals = [
            &row.current.treasury_total,
            &row.next.treasury_total,
            &row.current.futures_total,
            &row.next.futures_total,
        ];
        for (sum, total) in sums.iter_mut().zip(totals) {
            *sum = sum.saturating_add(total.parse().unwrap_or_default());
        }
        let applied = [&wire.current, &wire.next].map(|of| percent(of.as_ref().map_or(0, |of| of.applied_factor_bp)));
        let names = [row.link.clone(), row.treasury_account.clone(), row.futures_account.clone()];
        table.add_row(names.into_iter().chain(totals.map(|total| grouped(total))).chain(applied));
    }
    let all = ["all".to_owned(), String::new(), String::new()];
    table.add_row(all.into_iter().chain(sums.map(|sum| grouped(&sum.to_string()))));
    let names = |models: &[String; 2]| models.join(" and ");
    format!("{}, USD: {}, next {}\n{table}", view.cycle, names(&view.models), names(&view.next_models))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_is_the_sum_of_all_links() {
        let figures = |total: &str| {
            Some(v1::JointFigures {
                treasury_total: total.to_owned(),
                futures_total: "1.00".to_owned(),
                applied_factor_bp: 4_000,
                ..Default::default()
            })
        };
        let wire = [("999.50", "1.25"), ("0.50", "2.00")];
        let wire = wire.map(|(current, next)| v1::ModelComparison {
            current: figures(current),
            next: figures(next),
            ..Default::default()
        });
        let view = ComparisonView {
            cycle: "2026-02-13/ITD/1".to_owned(),
            models: ["a/1".to_owned(), "b/1".to_owned()],
            next_models: ["a/2".to_owned(), "b/1".to_owned()],
            links: wire.iter().map(LinkView::from).collect(),
        };
        let text = text(&view, &wire);
        assert!(text.starts_with("2026-02-13/ITD/1, USD: a/1 and b/1, next a/2 and b/1"), "{text}");
        let sum = text.lines().find(|line| line.contains("all") && line.contains("1,000.00")).unwrap();
        assert!(sum.contains("3.25") && sum.contains("2.00"), "{sum}");
    }
}
