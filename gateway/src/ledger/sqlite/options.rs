//! What a ledger is opened with.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    arrangement::parties::Party,
    ledger::{HeadSigner, HeadVerifier},
};

/// Where a ledger is, whose it is, and how it is opened.
#[derive(Clone)]
pub struct LedgerOptions {
    /// The database file. SQLite keeps `-wal` and `-shm` beside it, the node a `.lock`.
    pub path: PathBuf,
    /// The guard file. Best on another disk than the ledger, so that one fault does not take both.
    pub guard_path: PathBuf,
    /// The house, and the arrangement and mode in which it keeps this ledger: part of every hash and signature.
    pub party: Party,
    /// Signs new heads and snapshots.
    pub signer: Arc<dyn HeadSigner>,
    /// Verifies stored heads and snapshots: must know every key that ever signed in this ledger.
    pub verifier: Arc<dyn HeadVerifier>,
    /// How much of the chain is checked at open.
    pub chain_check: ChainCheck,
    /// Whether SQLite's own integrity check runs at open: reads the whole file.
    pub integrity_check: bool,
    /// Sizes that nothing may exceed.
    pub limits: LedgerLimits,
    /// Stands in for a full disk, in pages of the database.
    #[cfg(test)]
    pub(in crate::ledger) pages_max: Option<u32>,
}

impl LedgerOptions {
    /// The ledger of `party` at `path`, its guard beside it with the ending `.guard`, everything else at its default.
    #[must_use]
    pub fn new(
        path: impl Into<PathBuf>,
        party: Party,
        signer: Arc<dyn HeadSigner>,
        verifier: Arc<dyn HeadVerifier>,
    ) -> Self {
        let path = path.into();
        Self {
            guard_path: with_ending(&path, ".guard"),
            path,
            party,
            signer,
            verifier,
            chain_check: ChainCheck::SinceSnapshot,
            integrity_check: false,
            limits: LedgerLimits::default(),
            #[cfg(test)]
            pages_max: None,
        }
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        with_ending(&self.path, ".lock")
    }
}

/// How much of the chain is checked at open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChainCheck {
    /// From the newest sound snapshot on, or all where there is none: what the node is about to replay.
    #[default]
    SinceSnapshot,
    /// From the first record on.
    Whole,
}

/// Sizes that nothing may exceed. Each append is one transaction; appends that wait together are committed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLimits {
    /// The longest body of a record, bytes.
    pub body_bytes_max: usize,
    /// The longest state of a snapshot, bytes.
    pub snapshot_bytes_max: usize,
    /// What may wait to be written, bytes; above it appends are refused.
    pub queued_bytes_max: usize,
    /// No further append joins a commit of this many records.
    pub commit_records_max: usize,
    /// No further append joins a commit of this many bytes.
    pub commit_bytes_max: usize,
    /// An answer to a read ends at the record that reaches this many bytes.
    pub read_bytes_max: usize,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            body_bytes_max: 64 * MIB,
            snapshot_bytes_max: 512 * MIB,
            queued_bytes_max: 256 * MIB,
            commit_records_max: 16_384,
            commit_bytes_max: 16 * MIB,
            read_bytes_max: 64 * MIB,
        }
    }
}

impl fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerOptions")
            .field("path", &self.path)
            .field("guard_path", &self.guard_path)
            .field("party", &self.party)
            .field("chain_check", &self.chain_check)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

pub(in crate::ledger) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
