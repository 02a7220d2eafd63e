//! Recovering a ledger that lost its end from what the other house holds of both houses' story.
//!
//! Whatever a house signed and sent is on record at the other house, with the signature; so is everything of the other house
//! that it knew when it signed. So the shared part of the story can be taken up again, and believed by its signatures alone.
//! What was recorded for this house alone, books and directions, is gone for good. So is what was signed and not sent: in the
//! cycles that were open the house therefore signs nothing more.
//!
//! Everything that is taken up goes into the ledger in one commit, with the house's signed word of the recovery behind it.
//! Until that is on the disk the guard holds the ledger, so that a crash leaves it as it was or a second run completes it.

mod content;
pub mod export;
#[cfg(test)]
mod fixture;
mod order;
mod plan;
mod report;
mod source;
mod story;
mod survey;

use std::{path::PathBuf, sync::Arc};

pub use report::{HeadReport, Report, Result as Outcome};
pub use survey::{Origin, Parts, Survey};

use crate::{
    blobs::{BlobStore, FileBlobStore},
    config::Config,
    identity::{self, NodeTls, TcpDial},
    ledger::{LedgerError, LostLedger},
    node,
    seam::{Executor, SystemClock},
    telemetry,
};

/// How a recovery is made.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// An export of the other house's ledger, where its node cannot be reached.
    pub from: Option<PathBuf>,
    /// Whether to report only.
    pub is_dry_run: bool,
}

/// Why a ledger is not recovered. Nothing was changed then, unless the error is of the disk.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Something that is needed cannot be used.
    #[error("{0}")]
    Setup(String),
    /// The ledger's files.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A record that is left cannot be read, or contradicts another.
    #[error("record {sequence} of the ledger that is left: {reason}")]
    Record {
        /// The record.
        sequence: u64,
        /// What is wrong.
        reason: String,
    },
    /// The other house's node cannot be read.
    #[error(
        "reading what {house} holds: {reason}. Its node must run and be reachable from here; or have {house} make a file with \
         `crossmargin ledger export`, and give it with --from"
    )]
    Peer {
        /// The other house.
        house: String,
        /// What went wrong.
        reason: String,
    },
    /// Content cannot be fetched or stored now.
    #[error("fetching {what}: {reason}. Nothing was changed: run the command again")]
    Content {
        /// What it is of.
        what: String,
        /// What went wrong.
        reason: String,
    },
    /// What the other house holds cannot be taken up: every reason, at once.
    #[error(
        "what the other house holds does not continue this ledger; nothing was changed. Keep both ledgers and clear it up \
         between the houses:\n  {}",
        .0.join("\n  ")
    )]
    Contradicted(Vec<String>),
}

/// Recovers the ledger of a node's configuration. The node must be stopped.
///
/// # Errors
/// What cannot be opened, read or used; every contradiction.
pub async fn recover(config: &Config, choice: &Choice) -> Result<Report, RecoverError> {
    let (arrangement, us) = node::load_own_arrangement(config).map_err(|error| setup(&error))?;
    let arrangement = Arc::new(arrangement);
    let signing_key = config.signing_key().map_err(|error| setup(&error))?;
    let verifying_keys = config.verifying_keys(&signing_key).map_err(|error| setup(&error))?;
    std::fs::create_dir_all(&config.data_directory).map_err(|error| setup(&error))?;
    let options = node::ledger_options(config, arrangement.parties.party(us), &signing_key, &verifying_keys);
    let ledger =
        telemetry::spawn_blocking(move || LostLedger::open(&options)).await.map_err(|error| setup(&error))??;
    let origin = match &choice.from {
        Some(export) => Origin::Export(export.clone()),
        None => other_node(config)?,
    };
    let (clock, executor) = (Arc::new(SystemClock), Executor::Threads);
    let survey =
        Survey::of(Parts { us, arrangement, clock, executor, ledger, signing_key, verifying_keys, origin }).await?;
    if choice.is_dry_run || survey.is_complete() {
        return Ok(survey.report(choice.is_dry_run));
    }
    let blobs = FileBlobStore::open(config.data_directory.join("blobs")).map_err(|error| setup(&error))?;
    survey.complete(Arc::new(blobs) as Arc<dyn BlobStore>).await
}

fn setup(error: &dyn std::fmt::Display) -> RecoverError {
    RecoverError::Setup(error.to_string())
}

fn other_node(config: &Config) -> Result<Origin, RecoverError> {
    let tls = NodeTls::load(config.server_files(), config.peer_files()).map_err(|error| setup(&error))?;
    let channel = identity::channel(&config.peer.address, tls.peer.subscribe(), TcpDial, &config.limits);
    Ok(Origin::Node { channel: channel.map_err(|error| setup(&error))?, limits: Box::new(config.limits.clone()) })
}
