//! What can be wrong with a ledger's files, and what each finding means.

use crate::{
    arrangement::parties::Party,
    ledger::{GuardConflict, Head, HeadRejection, RecordHash, Sequence, SignedHead},
};

/// One thing that is wrong. Its text says what was found, where, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is not a ledger of a known format.
    #[error("{problem}: the file is something else, or its first page is damaged")]
    NotALedger {
        /// What was found.
        problem: String,
    },
    /// SQLite cannot read on.
    #[error("{what} cannot be read ({detail}): the file is damaged there, and what lies behind it was not checked")]
    Unreadable {
        /// The part of the ledger.
        what: String,
        /// What SQLite said.
        detail: String,
    },
    /// SQLite's own integrity check found something.
    #[error("SQLite's integrity check says: {line}")]
    Integrity {
        /// SQLite's words.
        line: String,
    },
    /// A table or trigger differs.
    #[error("{difference}: somebody has altered the ledger's tables, or the file is damaged")]
    Schema {
        /// What differs.
        difference: String,
    },
    /// The ledger is of another house, arrangement or mode than asked for.
    #[error("the ledger belongs to {found}, not to {expected}")]
    OtherParty {
        /// Whose ledger it says that it is.
        found: Party,
        /// Whose it should be.
        expected: Party,
    },
    /// A record's content or hash has changed since it was written.
    #[error(
        "record {seq} is stored with the hash {stored}, but its content and the record before it give {computed}: \
         this record, or the hash of the one before it, has changed since it was written"
    )]
    RecordChanged {
        /// The record.
        seq: Sequence,
        /// The hash stored with it.
        stored: RecordHash,
        /// The hash that its content gives.
        computed: RecordHash,
    },
    /// Records are missing inside the chain.
    #[error("records {from} to {to} are missing inside the chain: they were removed, or their page is damaged")]
    Gap {
        /// The first missing.
        from: Sequence,
        /// The last missing.
        to: Sequence,
    },
    /// A row does not hold what its column says.
    #[error(
        "a row of {table} after {after} does not hold what it should ({detail}): it has changed since it was written"
    )]
    Malformed {
        /// The table.
        table: &'static str,
        /// The last good row before it.
        after: Sequence,
        /// What is wrong.
        detail: String,
    },
    /// A commit's signed hash is not that of the record it names.
    #[error(
        "the commit that ends at record {seq} signed the hash {signed}, but the chain has {chain} there: the chain was \
         rewritten up to this record, or the commit's row has changed"
    )]
    CommitHead {
        /// The commit's last record.
        seq: Sequence,
        /// The hash in the commit's row.
        signed: RecordHash,
        /// The hash in the chain.
        chain: RecordHash,
    },
    /// A commit's signature does not count.
    #[error("the commit that ends at record {seq}, key {key_id:?}: {rejection}; its records are not the house's word")]
    CommitSignature {
        /// The commit's last record.
        seq: Sequence,
        /// The key that the row names.
        key_id: String,
        /// Why it does not count.
        rejection: HeadRejection,
    },
    /// Commits do not follow one another.
    #[error(
        "the commit that ends at record {seq} starts at {found}, expected {expected}: a commit's row is missing or changed"
    )]
    CommitGap {
        /// The commit's last record.
        seq: Sequence,
        /// Where it should start.
        expected: Sequence,
        /// Where it says that it starts.
        found: Sequence,
    },
    /// A commit names an earlier epoch than the one before it.
    #[error(
        "the commit that ends at record {seq} has a lower epoch than the one before it: a shut-out writer wrote on"
    )]
    CommitEpoch {
        /// The commit's last record.
        seq: Sequence,
    },
    /// A commit is signed up to a record that is not there.
    #[error(
        "the commit that ends at record {signed_to} is signed, but the ledger has no such record and ends at {end}: \
         acknowledged records are lost"
    )]
    RecordsLost {
        /// The commit's last record.
        signed_to: Sequence,
        /// The newest record there is.
        end: Sequence,
    },
    /// Records after the last commit's signature.
    #[error(
        "records {from} to {to} are behind the last signature: they were added by something other than the node, or their commit's row is lost"
    )]
    UnsignedTail {
        /// The first of them.
        from: Sequence,
        /// The last of them.
        to: Sequence,
    },
    /// A state snapshot cannot be trusted.
    #[error(
        "the state snapshot at record {seq} cannot be trusted ({reason}): the node passes it over and replays from an earlier one"
    )]
    Snapshot {
        /// The snapshot's record.
        seq: Sequence,
        /// Why.
        reason: String,
    },
    /// The ledger contradicts its guard.
    #[error(transparent)]
    Guard(#[from] GuardConflict),
    /// The guard's head is not signed by the house.
    #[error("the guard's head {}, key {:?}: {rejection}; the guard file has been changed", head.head, head.signature.key_id)]
    GuardSignature {
        /// The head.
        head: SignedHead,
        /// Why it does not count.
        rejection: HeadRejection,
    },
    /// The older of the guard's slots is not sound.
    #[error(
        "the guard's slot {slot} {problem}: a write was torn by a power loss (the next start mends it), or a byte has \
         changed; the other slot holds {held}"
    )]
    GuardSlot {
        /// The slot, from 1.
        slot: usize,
        /// What it is.
        problem: &'static str,
        /// The head in the sound slot.
        held: Head,
    },
    /// A head that somebody else holds of this ledger does not count.
    #[error("the known head {}, key {:?}: {rejection}; it proves nothing about this ledger", head.head, head.signature.key_id)]
    KnownHeadSignature {
        /// The head.
        head: SignedHead,
        /// Why it does not count.
        rejection: HeadRejection,
    },
    /// Somebody else holds a newer head from this house than the ledger does.
    #[error("the house has signed {} to others, but the ledger ends at {ledger}: acknowledged records are lost", known.head)]
    BehindKnownHead {
        /// The newest record there is.
        ledger: Head,
        /// The head that others hold.
        known: SignedHead,
    },
    /// Somebody else holds a head of another history from this house.
    #[error("the house has signed {} to others, but the ledger has {on_chain} there: two histories were signed", known.head)]
    OffKnownHead {
        /// What the ledger holds there.
        on_chain: Head,
        /// The head that others hold.
        known: SignedHead,
    },
}

impl Problem {
    /// A stable name for programs that read reports.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotALedger { .. } => "not_a_ledger",
            Self::Unreadable { .. } => "unreadable",
            Self::Integrity { .. } => "integrity",
            Self::Schema { .. } => "schema",
            Self::OtherParty { .. } => "other_party",
            Self::RecordChanged { .. } => "record_changed",
            Self::Gap { .. } => "gap",
            Self::Malformed { .. } => "malformed",
            Self::CommitHead { .. } => "commit_head",
            Self::CommitSignature { .. } => "commit_signature",
            Self::CommitGap { .. } => "commit_gap",
            Self::CommitEpoch { .. } => "commit_epoch",
            Self::RecordsLost { .. } => "records_lost",
            Self::UnsignedTail { .. } => "unsigned_tail",
            Self::Snapshot { .. } => "snapshot",
            Self::Guard(GuardConflict::Behind { .. }) => "guard_behind",
            Self::Guard(GuardConflict::Diverged { .. }) => "guard_diverged",
            Self::Guard(GuardConflict::Missing { .. }) => "guard_missing",
            Self::Guard(GuardConflict::Unreadable { .. }) => "guard_unreadable",
            Self::GuardSignature { .. } => "guard_signature",
            Self::GuardSlot { .. } => "guard_slot",
            Self::KnownHeadSignature { .. } => "known_head_signature",
            Self::BehindKnownHead { .. } => "behind_known_head",
            Self::OffKnownHead { .. } => "off_known_head",
        }
    }

    /// The record that the problem is at, where it is at one.
    #[must_use]
    pub fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::NotALedger { .. }
            | Self::Unreadable { .. }
            | Self::Integrity { .. }
            | Self::Schema { .. }
            | Self::OtherParty { .. }
            | Self::Guard(GuardConflict::Missing { .. } | GuardConflict::Unreadable { .. }) => None,
            Self::RecordChanged { seq, .. }
            | Self::CommitHead { seq, .. }
            | Self::CommitSignature { seq, .. }
            | Self::CommitGap { seq, .. }
            | Self::CommitEpoch { seq }
            | Self::Snapshot { seq, .. } => Some(*seq),
            Self::Gap { from, .. } | Self::UnsignedTail { from, .. } => Some(*from),
            Self::Malformed { after, .. } => Some(after.next()),
            Self::RecordsLost { end, .. } => Some(end.next()),
            Self::Guard(GuardConflict::Behind { ledger, .. }) | Self::BehindKnownHead { ledger, .. } => {
                Some(ledger.seq.next())
            }
            Self::Guard(GuardConflict::Diverged { on_chain, .. }) | Self::OffKnownHead { on_chain, .. } => {
                Some(on_chain.seq)
            }
            Self::GuardSignature { head, .. } | Self::KnownHeadSignature { head, .. } => Some(head.head.seq),
            Self::GuardSlot { held, .. } => Some(held.seq),
        }
    }
}
