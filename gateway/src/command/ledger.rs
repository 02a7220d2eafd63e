//! `crossmargin ledger`: verifies a house's ledger offline.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{failure::Failure, output};
use crate::{
    audit::{self, Choice, Report},
    config::Config,
};

/// Arguments of `crossmargin ledger`.
#[derive(Clone, Debug, Args)]
pub struct LedgerArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: LedgerAction,
}

/// What to do with a ledger.
#[derive(Clone, Debug, Subcommand)]
pub enum LedgerAction {
    /// Verify a ledger offline: the chain and its guard, everything that either house signed, that claims, statements
    /// and outcomes follow from each other, and each granted factor by computing the margins again. Changes nothing;
    /// also while the node runs. Exits with 1 when anything is wrong.
    Verify {
        /// The node's configuration: it names the ledger, the house and the keys.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Another copy of the ledger than the configured one, its guard file beside it; and its blobs, else the
        /// configured ones are read.
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// The other house's data directory: its ledger is verified too, and that both tell one story.
        #[arg(long, value_name = "DIR")]
        other: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The ledger's file in a node's data directory.
pub const LEDGER_FILE: &str = "ledger.sqlite";

#[derive(Serialize)]
struct ReportView<'a> {
    is_sound: bool,
    #[serde(flatten)]
    report: &'a Report,
}

/// Runs `crossmargin ledger`.
///
/// # Errors
/// When the files cannot be opened, or anything in them is wrong.
pub fn run(args: LedgerArgs) -> Result<(), Failure> {
    let LedgerAction::Verify { config, ledger, other, json } = args.action;
    let config = Config::load(&config).map_err(|error| Failure::of("--config", &error))?;
    let report = audit::verify(&config, &Choice { ledger, other });
    let report = report.map_err(|error| Failure::of("verifying the ledger", &error))?;
    let view = ReportView { is_sound: report.is_sound(), report: &report };
    output::answer(json, &view, |view| view.report.to_string())?;
    if report.is_sound() { Ok(()) } else { Err(Failure::new("the ledger is not sound")) }
}
