//! `crossmargin ledger`: verifies a house's ledger offline, recovers it after a loss, and exports its records.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{failure::Failure, output};
use crate::{
    audit::{self, Choice, Report},
    config::Config,
    ledger::{self, Sequence},
    node,
    recovery::{self, Choice as RecoverChoice, export},
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
    /// Recover a ledger that lost its end, where no copy reaches the guard's head: take up what the other house holds of
    /// both houses' story, after every signature is checked, and go on from there. The node must be stopped, the other
    /// house's running. A second run completes one that broke off. docs/disaster.md says who does what.
    Recover {
        /// The node's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Read an export of the other house's ledger instead of its node: without its content.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Report what would be done, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write every record that can be read as lines of JSON, with the signed heads of ledger and guard; from a damaged
    /// ledger as far as it reads. Changes nothing; also while the node runs. Exits with 1 where something cannot be read.
    Export {
        /// The node's configuration: it names the ledger and the arrangement.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Another copy of the ledger than the configured one, its guard file beside it.
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// The first record to write.
        #[arg(long, value_name = "N", default_value_t = 1)]
        from: u64,
        /// Where to write; standard output without it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Give the guard the ledger as it is, without the other house's word: only where `recover` is not possible. The node
    /// must be stopped. Checks the whole chain first and keeps the old guard as evidence.
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
pub async fn run(args: LedgerArgs) -> Result<(), Failure> {
    match args.action {
        LedgerAction::Verify { config, ledger, other, json } => verify(&config, &Choice { ledger, other }, json),
        LedgerAction::Recover { config, from, dry_run, json } => {
            recover(&config, &RecoverChoice { from, is_dry_run: dry_run }, json).await
        }
        LedgerAction::Export { config, ledger, from, out } => export(&config, ledger, Sequence(from), out.as_deref()),
        LedgerAction::RebaseGuard { config } => rebase(&config),
    }
}

async fn recover(config: &Path, choice: &RecoverChoice, json: bool) -> Result<(), Failure> {
    let config = Config::load(config).map_err(|error| Failure::of("--config", &error))?;
    let report = recovery::recover(&config, choice).await;
    let report = report.map_err(|error| Failure::of("recovering the ledger", &error))?;
    output::answer(json, &report, ToString::to_string)
}

fn export(config: &Path, ledger: Option<PathBuf>, from: Sequence, out: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(config).map_err(|error| Failure::of("--config", &error))?;
    let arrangement = node::load_arrangement(&config.arrangement);
    let arrangement = arrangement.map_err(|error| Failure::of("arrangement", &error))?;
    let path = ledger.unwrap_or_else(|| config.data_directory.join(LEDGER_FILE));
    let mut out: Box<dyn Write> = match out {
        Some(file) => Box::new(BufWriter::new(File::create(file).map_err(|error| Failure::of("--out", &error))?)),
        None => Box::new(BufWriter::new(io::stdout())),
    };
    let exported = export::export(&path, from, &arrangement.parties, &mut out);
    let exported = exported.map_err(|error| Failure::of("exporting the ledger", &error))?;
    for gap in &exported.gaps {
        output::note(gap);
    }
    match exported.gaps.len() {
        0 => Ok(()),
        gaps => Err(Failure::new(format!("{} records were written; {gaps} gaps are named above", exported.records))),
    }
}

fn rebase(config: &Path) -> Result<(), Failure> {
    let config = Config::load(config).map_err(|error| Failure::of("--config", &error))?;
    let own = node::load_own_arrangement(&config);
    let (arrangement, us) = own.map_err(|error| Failure::of("arrangement", &error))?;
    let key = config.signing_key().map_err(|error| Failure::of("statement_key", &error))?;
    let keys = config.verifying_keys(&key).map_err(|error| Failure::of("statement keys", &error))?;
    let rebased = ledger::rebase_guard(&node::ledger_options(&config, arrangement.parties.party(us), &key, &keys));
    let text = match rebased.map_err(|error| Failure::of("rebasing the guard", &error))? {
        Some(head) => format!(
            "the guard now holds {}; the old one is kept beside it. Record the reason. What the house signed in the lost \
             records is not here: if the other house holds any of it, the node refuses to sign once it is told. `crossmargin \
             ledger recover` takes it up from there",
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
