//! `crossmargin explain`: how the margins of an account come about, and what moved them.

mod text;
mod view;

use clap::Args;
use crossmargin::v1;

use super::{
    client::NodeArgs,
    failure::{Failure, Told},
    output,
};
use crate::{arrangement::cycle_id::CycleId, identity::Role};
use view::ExplanationView;
pub(super) use view::FiguresView;

/// Arguments of `crossmargin explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// The account, of either house.
    pub account: String,

    /// The cycle, such as 2026-02-13/ITD/1; the newest that the house claimed on where it is not given.
    #[arg(long, value_name = "CYCLE")]
    pub cycle: Option<CycleId>,

    /// The round; 0 for the one in force.
    #[arg(long, default_value_t = 0)]
    pub round: u32,

    /// The earlier cycle from which movement is counted; the one before, of the same kind, where it is not given.
    #[arg(long, value_name = "CYCLE")]
    pub since: Option<CycleId>,

    /// Print JSON: everything, where the tables show the largest alone.
    #[arg(long)]
    pub json: bool,

    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Runs `crossmargin explain`.
///
/// # Errors
/// What the node said.
pub async fn run(args: ExplainArgs) -> Result<(), Failure> {
    let node = args.node.connect(Role::MarginReader)?;
    let request = v1::ExplainMarginRequest {
        account: args.account.clone(),
        cycle: args.cycle.map(|cycle| node.cycle(cycle)),
        round: args.round,
        movement_since: args.since.map(|cycle| node.cycle(cycle)),
    };
    let answer = node.analysis().explain_margin(request).await;
    let answer = answer.told(&format!("explaining the margins of {}", args.account))?;
    output::answer(args.json, &ExplanationView::from(&answer), text::of)
}
