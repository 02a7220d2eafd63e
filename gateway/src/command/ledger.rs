//! `crossmargin ledger`: verifies a house's ledger offline.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{failure::Failure, output};
use crate::{
    config::Config,
    identity::{HouseId, KeyId, VerifyingKeys},
    ledger::{self, GuardReport, HeadRejection, HeadVerifier, VerifyOptions, VerifyReport},
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
    /// Verify a ledger's files offline: the chain, every signature, and the guard of the last signed head. Changes
    /// nothing; also while the node runs. Exits with 1 when anything is wrong.
    Verify {
        /// The node's configuration: it names the ledger, the house and the keys.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Another copy of the ledger than the configured one, its guard file beside it.
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The ledger's file in a node's data directory.
pub const LEDGER_FILE: &str = "ledger.sqlite";

#[derive(Serialize)]
struct ReportView {
    house: String,
    ledger: String,
    sequence: u64,
    hash: String,
    records: u64,
    commits: u64,
    snapshots: u64,
    guard: String,
    is_sound: bool,
    problems: Vec<String>,
}

/// Runs `crossmargin ledger`.
///
/// # Errors
/// When the files cannot be opened, or anything in them is wrong.
pub fn run(args: LedgerArgs) -> Result<(), Failure> {
    let LedgerAction::Verify { config, ledger, json } = args.action;
    let config = Config::load(&config).map_err(|error| Failure::of("--config", &error))?;
    let path = ledger.unwrap_or_else(|| config.data_directory.join(LEDGER_FILE));
    let mut options = VerifyOptions::new(path, head_verifier(&config)?);
    options.house = Some(config.house.to_string());
    let report = ledger::verify(&options).map_err(|error| Failure::of("verifying the ledger", &error))?;
    let view = view(&options, &report);
    let count = view.problems.len();
    output::answer(json, &view, text)?;
    if count == 0 { Ok(()) } else { Err(Failure::new(format!("the ledger is not sound: {count} problems"))) }
}

/// Believes the keys that the configuration names for this house.
fn head_verifier(config: &Config) -> Result<Arc<dyn HeadVerifier>, Failure> {
    let own = config.signing_key().map_err(|error| Failure::of("loading the statement key", &error))?;
    let keys = config.verifying_keys(&own).map_err(|error| Failure::of("loading the public keys", &error))?;
    Ok(Arc::new(verifier_of(config.house.clone(), keys)))
}

fn verifier_of(house: HouseId, keys: VerifyingKeys) -> impl Fn(&str, &[u8], &[u8]) -> Result<(), HeadRejection> {
    move |key_id: &str, message: &[u8], signature: &[u8]| {
        let id: KeyId = key_id.parse().map_err(|_| HeadRejection::UnknownKey)?;
        let (owner, public) = keys.get(id).ok_or(HeadRejection::UnknownKey)?;
        if *owner != house {
            return Err(HeadRejection::UnknownKey);
        }
        if public.verifies(message, signature) { Ok(()) } else { Err(HeadRejection::BadSignature) }
    }
}

fn view(options: &VerifyOptions, report: &VerifyReport) -> ReportView {
    ReportView {
        house: report.house.clone(),
        ledger: options.path.display().to_string(),
        sequence: report.head.seq.0,
        hash: hex::encode(report.head.hash.0),
        records: report.records,
        commits: report.commits,
        snapshots: report.snapshots,
        guard: match &report.guard {
            GuardReport::Absent => "absent".to_owned(),
            GuardReport::Unreadable => "unreadable".to_owned(),
            GuardReport::Holds(head) => format!("holds record {}", head.head.seq.0),
        },
        is_sound: report.is_sound(),
        problems: report.problems.iter().map(ToString::to_string).collect(),
    }
}

fn text(view: &ReportView) -> String {
    let mut text = format!(
        "{}: ledger of {}\n  head      record {}, {}\n  records   {}, each hash right after the one before it\n  commits   {}, each signed\n  snapshots {}\n  guard     {}\n",
        view.ledger, view.house, view.sequence, view.hash, view.records, view.commits, view.snapshots, view.guard
    );
    if view.is_sound {
        text.push_str("sound: nothing is wrong");
    }
    for problem in &view.problems {
        text.push_str(&format!("  PROBLEM   {problem}\n"));
    }
    text
}
