//! What can go wrong with a ledger, and what to do about it.

use std::{error::Error, path::PathBuf, sync::Arc};

use super::{Epoch, Head, Sequence, SignedHead};
use crate::arrangement::parties::Party;

/// A lower layer's error, shared by all the tickets that it failed.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why the ledger did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The caller does not know the newest records.
    #[error(
        "append expected to start at record {expected}, but the next record is {next}: \
         read from {next} or before, and decide again"
    )]
    WrongSequence {
        /// What the caller expected.
        expected: Sequence,
        /// What the next append must expect, unless another comes first.
        next: Sequence,
    },
    /// A writer with a later lease has taken over.
    #[error("append with epoch {epoch}, but epoch {current} has taken over: stop writing and follow the new leader")]
    Fenced {
        /// The caller's epoch.
        epoch: Epoch,
        /// The highest epoch seen.
        current: Epoch,
    },
    /// An append needs at least one record.
    #[error("append of no records: give at least one")]
    EmptyAppend,
    /// A record's body or a snapshot is above its limit.
    #[error(
        "{what} of {bytes} bytes is above the limit of {bytes_max}: keep bulk data in the blob store and cite its digest"
    )]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The disk does not keep up with the appends.
    #[error(
        "{queued_bytes} bytes wait to be written, the limit is {queued_bytes_max}: wait for earlier tickets, then append again"
    )]
    Overloaded {
        /// Bytes waiting, with this append's.
        queued_bytes: usize,
        /// The limit.
        queued_bytes_max: usize,
    },
    /// A snapshot names a record that is not durable yet.
    #[error("snapshot at record {at}, but the newest durable record is {head}: wait for its ticket first")]
    SnapshotAhead {
        /// The snapshot's last record.
        at: Sequence,
        /// The newest durable record.
        head: Sequence,
    },
    /// The disk, or the file's quota, is full.
    #[error("no space left to {doing} {}: free space, then start the node again", path.display())]
    StorageFull {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The store failed.
    #[error("cannot {doing} {}", path.display())]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// What is on the disk is not what was written.
    #[error(
        "the ledger {} is damaged: {problem}. Keep all its files as they are, run `crossmargin ledger verify --config \
         FILE` for the whole list, and restore the ledger; see docs/ledger.md, \"Restoring\"",
        path.display()
    )]
    Corrupted {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong.
        problem: String,
    },
    /// A commit failed before, so nothing after it can be trusted to be durable.
    #[error("an earlier commit failed, so no append can be acknowledged: start the node again")]
    Poisoned {
        /// The failure.
        #[source]
        cause: Arc<LedgerError>,
    },
    /// A new head could not be signed.
    #[error("cannot sign the ledger's new head")]
    Signing {
        /// What the signer said.
        #[source]
        source: Cause,
    },
    /// The ledger contradicts its guard file.
    #[error(transparent)]
    HeldByGuard(Box<GuardConflict>),
    /// A head was given to the guard that its house did not sign.
    #[error("{head} is not the signed word of {party} ({reason}): the guard holds no other")]
    NotOwnWord {
        /// Whose ledger it is.
        party: Party,
        /// The head.
        head: Head,
        /// Why it does not count.
        reason: String,
    },
    /// The database file is gone or empty, but the guard knows of records.
    #[error(
        "the ledger {} is missing or empty, but its guard names {guard} of {party}: put the ledger's files (with its \
         -wal file) back from a copy that reaches that record, and run `crossmargin ledger verify --config FILE`; see \
         docs/ledger.md, \"Restoring\"",
        path.display()
    )]
    Missing {
        /// Where the ledger should be.
        path: PathBuf,
        /// The newest head that the guard holds.
        guard: Head,
        /// Whose head it says that it is.
        party: Party,
    },
    /// Another process, or another handle of this one, has the ledger open.
    #[error("the ledger {} is in use (its lock file is held): stop the other node first", path.display())]
    InUse {
        /// The ledger.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{} is not a ledger that this program knows: {problem}. Check the path and the release; if the file was damaged, \
         keep all its files as they are, and run `crossmargin ledger verify --config FILE`; see docs/ledger.md, \
         \"Restoring\"",
        path.display()
    )]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        problem: String,
    },
    /// The ledger is another house's, or this house's of another arrangement or mode.
    #[error(
        "the ledger {} belongs to {found}, not to {expected}: correct the path, the house's name or the arrangement's \
         document, or start a new data directory",
        path.display()
    )]
    OtherParty {
        /// The file.
        path: PathBuf,
        /// Whose ledger it is.
        found: Party,
        /// Whose it should be.
        expected: Party,
    },
    /// The ledger was closed before the append's outcome was known.
    #[error(
        "the ledger closed before the append was acknowledged: open it again and read its head to learn the outcome"
    )]
    Closed,
}

/// How a ledger contradicts its guard: the house has given its word on records that the ledger does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardConflict {
    /// The ledger lost its tail, or an old copy was put back.
    #[error(
        "the ledger ends at {ledger}, behind its own word: the guard holds {}, signed by key {:?}. Acknowledged records \
         are missing, so the node signs nothing. Put back a copy of the ledger's files (with its -wal file) that reaches \
         that record and run `crossmargin ledger verify --config FILE`; see docs/ledger.md, \"Restoring\"",
        guard.head,
        guard.signature.key_id
    )]
    Behind {
        /// Where the ledger ends.
        ledger: Head,
        /// The newest head that the guard holds.
        guard: SignedHead,
    },
    /// The ledger holds a different record where the guard's is.
    #[error(
        "the guard holds {}, signed by key {:?}, but the ledger has another record there ({on_chain}): the two are not of \
         one history, so the node signs nothing. Leave the guard as it is, put back a copy of the ledger's files (with its \
         -wal file) that has that record and run `crossmargin ledger verify --config FILE`; see docs/ledger.md, \
         \"Restoring\"",
        guard.head,
        guard.signature.key_id
    )]
    Diverged {
        /// What the ledger holds at the guard's sequence.
        on_chain: Head,
        /// The newest head that the guard holds.
        guard: SignedHead,
    },
    /// There is no guard file beside a ledger that has records.
    #[error(
        "the guard file {} is missing, so a lost tail of the ledger (which ends at {ledger}) would not show. Put the \
         guard back, or run `crossmargin ledger verify --config FILE --other DIR`, compare with the newest head that the \
         other house holds; see docs/ledger.md, \"Restoring\"",
        path.display()
    )]
    Missing {
        /// Where the guard should be.
        path: PathBuf,
        /// Where the ledger ends.
        ledger: Head,
    },
    /// The guard file is there, but no slot of it can be trusted.
    #[error(
        "the guard file {} cannot be trusted ({problem}), so a lost tail of the ledger (which ends at {ledger}) would \
         not show. Put the guard back, or run `crossmargin ledger verify --config FILE --other DIR`, compare with the \
         newest head that the other house holds; see docs/ledger.md, \"Restoring\"",
        path.display()
    )]
    Unreadable {
        /// The guard file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// Where the ledger ends.
        ledger: Head,
    },
}

impl GuardConflict {
    /// The signed head that the guard holds and the ledger does not have; `None` where no guard can be trusted.
    #[must_use]
    pub fn word(&self) -> Option<&SignedHead> {
        match self {
            Self::Behind { guard, .. } | Self::Diverged { guard, .. } => Some(guard),
            Self::Missing { .. } | Self::Unreadable { .. } => None,
        }
    }
}

impl From<GuardConflict> for LedgerError {
    fn from(conflict: GuardConflict) -> Self {
        Self::HeldByGuard(Box::new(conflict))
    }
}
