//! `crossmargin ledger`: verifies a house's ledger offline, and rebases its guard after a loss.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{failure::Failure, output};
use crate::{
    audit::{self, Choice, Report},
    config::Config,
    ledger, node,
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
    /// Give the guard the ledger as it is, where the newer ledger is gone for good: the last resort of docs/ledger.md.
    /// The node must be stopped. Checks the whole chain first and keeps the old guard as evidence.
    RebaseGuard {
        /// The node's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
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
    match args.action {
        LedgerAction::Verify { config, ledger, other, json } => verify(&config, &Choice { ledger, other }, json),
        LedgerAction::RebaseGuard { config } => rebase(&config),
    }
}

fn rebase(config: &Path) -> Result<(), Failure> {
    let config = Config::load(config).map_err(|error| Failure::of("--config", &error))?;
    let key = config.signing_key().map_err(|error| Failure::of("statement_key", &error))?;
    let keys = config.verifying_keys(&key).map_err(|error| Failure::of("statement keys", &error))?;
    let rebased = ledger::rebase_guard(&node::ledger_options(&config, &key, &keys));
    let text = match rebased.map_err(|error| Failure::of("rebasing the guard", &error))? {
        Some(head) => format!(
            "the guard now holds {}; the old one is kept beside it. Record the reason. Sign nothing for the cycles that \
             the lost records may have touched: let them fall back",
            head.head
        ),
        None => "ledger and guard agree; nothing was changed".to_owned(),
    };
    output::print(&text)
}

fn verify(config: &Path, choice: &Choice, json: bool) -> Result<(), Failure> {
    let config = Config::load(config).map_err(|error| Failure::of("--config", &error))?;
    let report = audit::verify(&config, choice);
    let report = report.map_err(|error| Failure::of("verifying the ledger", &error))?;
    let view = ReportView { is_sound: report.is_sound(), report: &report };
    output::answer(json, &view, |view| view.report.to_string())?;
    if report.is_sound() { Ok(()) } else { Err(Failure::new("the ledger is not sound")) }
}
