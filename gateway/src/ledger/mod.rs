//! The ledger: the house's append-only sequence of hash-chained records, the only truth of a node.
//!
//! Each record carries a hash over its predecessor's hash and its own content; each commit signs the newest hash; each
//! signed head is also synced to a guard file beside the ledger, because a chain that lost its tail still verifies.
//! An acknowledgement means: the records, their signed head and the guard's copy of that head are on the disk.
//!
//! [`SqliteLedger`] is the ledger of a node; [`MemoryLedger`] keeps the same promises without a disk, for tests and
//! simulation. [`verify`] checks a ledger's files offline and lists everything that is wrong with them.

mod chain;
mod error;
mod guard;
mod head;
mod lost;
mod memory;
mod record;
mod snapshot;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
mod ticket;
mod verify;

use futures_util::future::BoxFuture;

use crate::words::chain;

pub use error::{Cause, GuardConflict, LedgerError};
pub use head::{Head, HeadRejection, HeadSignature, HeadSigner, HeadVerifier, SignedHead, SigningFault};
pub use lost::Lost;
pub use memory::MemoryLedger;
pub use record::{Epoch, NewRecord, Record, RecordHash, RecordKind, Sequence};
pub use snapshot::StateSnapshot;
pub use sqlite::{ChainCheck, LedgerLimits, LedgerOptions, LostLedger, SqliteLedger, rebase_guard};
pub use ticket::{Appended, Ticket};
pub use verify::{
    GuardReport, Problem, Scanned, VerifyOptions, VerifyReport, party_offline, places_offline, read_offline,
    scan_offline, verify,
};

/// An append-only, hash-chained sequence of records with one writer at a time. It is of one [`Party`]: a house in one
/// arrangement and mode, which its genesis hash and every signature in it name.
///
/// [`Party`]: crate::arrangement::parties::Party
///
/// Shared as `Arc<dyn Ledger>`. All sequences start at 1; an empty ledger's head is sequence 0.
pub trait Ledger: Send + Sync + 'static {
    /// Appends `records`, all or none, so that the first gets the sequence `expected`.
    ///
    /// Answers at once: the records are queued in the order of the calls, and the ticket completes when they are
    /// durable, with the error if they are not. `expected` counts records that are queued and not yet durable, so a
    /// caller can append again without waiting.
    ///
    /// `epoch` is the caller's fencing epoch: an append with a higher epoch than any before shuts out all lower ones.
    ///
    /// Once a commit has failed, every ticket of that commit and after it fails with [`LedgerError::Poisoned`] or the
    /// commit's own error: the ledger must be opened again, which establishes what is on the disk.
    fn append(&self, expected: Sequence, epoch: Epoch, records: Vec<NewRecord>) -> Ticket;

    /// Reads up to `limit` durable records from the sequence `from` on, in order, each checked against its hash.
    ///
    /// May answer fewer than `limit` (an answer's bytes are bounded too); only an empty answer means that there is
    /// nothing at `from` or after it.
    fn read_from(&self, from: Sequence, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, LedgerError>>;

    /// The newest durable head, signed by this house: what it tells the other house to hold.
    fn head(&self) -> SignedHead;

    /// Stores the state as it was after the record `at`, durably. Earlier snapshots may be dropped.
    fn put_snapshot(&self, at: Sequence, state: Vec<u8>) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// The newest snapshot that passes its checks. A damaged one is passed over with a warning: replay is always
    /// possible without it.
    fn latest_snapshot(&self) -> BoxFuture<'_, Result<Option<StateSnapshot>, LedgerError>>;

    /// Whether appends are possible at all, and if not, why.
    fn standing(&self) -> Standing;

    /// Has the guard hold a head that somebody else holds of this ledger and that the ledger does not have: its house
    /// signed it, so acknowledged records are lost. What was appended before is committed first. From then on the ledger
    /// takes neither appends nor snapshots, no head that it signed takes the word's place in the guard, and every later
    /// opening finds the conflict.
    ///
    /// Answers the conflict that stands now, an earlier one where the guard held the ledger already; `None`, with nothing
    /// changed, where the ledger has the head.
    ///
    /// # Errors
    /// The head is not this house's signed word. Or the guard cannot be written: the ledger takes no appends all the same
    /// until it is opened again, and asking again writes again.
    fn hold_to(&self, word: SignedHead) -> BoxFuture<'_, Result<Option<GuardConflict>, LedgerError>>;

    /// Where a head that somebody else holds from this house is in this ledger: what a node asks when the other house
    /// tells it the newest head that it holds.
    fn place_of(&self, head: Head) -> BoxFuture<'_, Result<HeadPlace, LedgerError>> {
        Box::pin(async move {
            let newest = self.head();
            if head.seq > newest.head.seq {
                return Ok(HeadPlace::Beyond);
            }
            let hash = if head.seq == Sequence::GENESIS {
                Some(RecordHash::genesis(&newest.party))
            } else {
                self.read_from(head.seq, 1).await?.first().map(|record| record.hash)
            };
            Ok(if hash == Some(head.hash) { HeadPlace::OnChain } else { HeadPlace::Off })
        })
    }
}

/// Where a head of this house is in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadPlace {
    /// It is one of the ledger's records.
    OnChain,
    /// The ledger ends before it. If the house did sign it, the ledger has lost acknowledged records: sign nothing.
    Beyond,
    /// The ledger has another record there. If the house did sign it, it has signed two histories: sign nothing.
    Off,
}

/// Whether a ledger takes appends.
#[derive(Debug, Clone)]
pub enum Standing {
    /// Appends are taken.
    Writable,
    /// The ledger contradicts its guard file: readable, but it takes no appends, and its house must sign nothing.
    HeldByGuard(GuardConflict),
    /// A commit failed, so that it is unknown what is on the disk: open the ledger again.
    Poisoned(LedgerError),
}

impl Standing {
    /// Whether appends are taken.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        matches!(self, Self::Writable)
    }

    /// Why no appends are taken and what to do, in words; `None` where they are.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Writable => None,
            Self::HeldByGuard(conflict) => Some(format!(
                "{conflict}. Where no copy reaches it, run `crossmargin ledger recover`: see docs/disaster.md"
            )),
            Self::Poisoned(error) => Some(chain(error)),
        }
    }
}
