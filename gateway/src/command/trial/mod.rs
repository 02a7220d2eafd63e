//! `crossmargin try`: what positions would require, along a path of stressed days too, and which futures would lower it.

mod changes;
mod days;
mod table;
mod view;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use crossmargin::v1;

use self::view::{PathView, SuggestionsView, TrialView};
use super::{
    cycle::Reach,
    failure::{Failure, Told},
    output,
};
use crate::identity::Role;

/// Arguments of `crossmargin try`.
#[derive(Clone, Debug, Args)]
pub struct TryArgs {
    /// What to try.
    #[command(subcommand)]
    pub action: TryAction,
}

/// What to try. No book, no cycle and no charge is changed by it.
#[derive(Clone, Debug, Subcommand)]
pub enum TryAction {
    /// What an account would require with changes of its positions, or a portfolio of its own.
    Positions {
        /// The positions.
        #[command(flatten)]
        positions: PositionsArgs,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// What it would require, and gain or lose, along a path of stressed days.
    Path {
        /// The positions.
        #[command(flatten)]
        positions: PositionsArgs,
        /// A move of the whole curve and of the overnight rate for each day, in basis points: 50,-25,0. At most 60 days.
        #[arg(
            long,
            value_name = "BP,BP,...",
            value_delimiter = ',',
            allow_hyphen_values = true,
            required_unless_present = "days"
        )]
        shock: Vec<f64>,
        /// The days as CSV, in basis points: overnight,1M,3M,6M,1Y,2Y,3Y,5Y,7Y,10Y,20Y,30Y.
        #[arg(long, value_name = "FILE", conflicts_with = "shock")]
        days: Option<PathBuf>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Which futures would lower what both houses require.
    Futures {
        /// The positions to start from.
        #[command(flatten)]
        positions: PositionsArgs,
        /// A future that may be added, such as FUT:ZN:2026-03; can be given again. Every future with a price otherwise.
        #[arg(long, value_name = "FUTURE")]
        candidate: Vec<String>,
        /// A position held elsewhere at the futures house of which some may be directed into the account, such as
        /// FUT:ZN:2026-03:-500; can be given again.
        #[arg(long, value_name = "FUTURE:CONTRACTS")]
        held: Vec<String>,
        /// At most so many suggestions of each kind.
        #[arg(long, default_value_t = 5, value_name = "COUNT")]
        suggestions: u16,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

/// The positions to try.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Positions")]
pub struct PositionsArgs {
    /// The account, of either house, whose newest positions are the start. Without it changes build a portfolio from
    /// nothing.
    #[arg(long, value_name = "ACCOUNT", required_unless_present_any = ["change", "csv"])]
    pub account: Option<String>,
    /// A change, in order: add:UST:91282CMM0:1000000, replace:FUT:ZN:2026-03:-500, remove:USD:2026-02-17. Can be given
    /// again.
    #[arg(long, value_name = "CHANGE")]
    pub change: Vec<String>,
    /// Changes as CSV, before those of --change: change,instrument,quantity.
    #[arg(long = "in", value_name = "FILE", id = "csv")]
    pub csv: Option<PathBuf>,
    /// The business date whose market to use; the newest that both houses' market data cover otherwise.
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,
}

/// Runs `crossmargin try`.
///
/// # Errors
/// What cannot be read, or what the node said.
pub async fn run(args: TryArgs) -> Result<(), Failure> {
    match args.action {
        TryAction::Positions { positions, reach } => {
            let request = positions.request()?;
            let node = reach.node.connect(Role::MarginReader)?;
            let answer = node.analysis().try_positions(request).await.told("trying positions")?;
            output::answer(reach.json, &TrialView::from(&answer), table::trial)
        }
        TryAction::Path { positions, shock, days, reach } => {
            let days = match days {
                Some(file) => days::read(&file)?,
                None => shock.into_iter().map(|bp| v1::CurveMove { overnight_bp: bp, curve_bp: vec![bp] }).collect(),
            };
            let request = v1::TryPathRequest { positions: Some(positions.request()?), days };
            let node = reach.node.connect(Role::MarginReader)?;
            let answer = node.analysis().try_path(request).await.told("trying a path")?;
            output::answer(reach.json, &PathView::from(&answer), table::path)
        }
        TryAction::Futures { positions, candidate, held, suggestions, reach } => {
            let held = held.iter().map(|text| changes::holding(text)).collect::<Result<_, _>>()?;
            let request = v1::SuggestFuturesRequest {
                positions: Some(positions.request()?),
                candidates: candidate,
                directable: held,
                suggestion_count: suggestions.into(),
            };
            let node = reach.node.connect(Role::MarginReader)?;
            let answer = node.analysis().suggest_futures(request).await.told("looking for futures")?;
            output::answer(reach.json, &SuggestionsView::from(&answer), table::suggestions)
        }
    }
}

impl PositionsArgs {
    fn request(&self) -> Result<v1::TryPositionsRequest, Failure> {
        let mut all = match &self.csv {
            Some(file) => changes::read(file)?,
            None => Vec::new(),
        };
        for text in &self.change {
            all.push(changes::change(text)?);
        }
        Ok(v1::TryPositionsRequest {
            account: self.account.clone().unwrap_or_default(),
            changes: all,
            business_date: self.date.clone().unwrap_or_default(),
        })
    }
}
