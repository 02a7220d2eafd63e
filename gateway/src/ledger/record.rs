//! Records and the hash that chains them.

use std::fmt;

use super::head::push_party;
use crate::arrangement::parties::Party;

/// A record's place in the ledger, counted from 1; 0 stands for "before the first record".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first record: the sequence of an empty ledger's head.
    pub const GENESIS: Self = Self(0);

    /// The sequence after this one. Saturates at `u64::MAX`, which no ledger reaches.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The sequence `count` records after this one. Saturates at `u64::MAX`.
    #[must_use]
    pub fn plus(self, count: usize) -> Self {
        Self(self.0.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)))
    }

    /// The sequence before this one; the genesis is its own predecessor.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fencing epoch of a writer: a replica that leads by a lease writes with its lease's epoch, and a later lease
/// shuts the earlier out. A node without replicas uses one epoch for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record's body is, in the numbering of the records' owner; the ledger does not look into bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKind(pub u16);

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// BLAKE3 over a record and its predecessor's hash: names the record and all before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// What the first record of `party`'s ledger chains from, so that no record of one ledger has a hash of another's:
    /// neither another house's, nor that of the same house in another arrangement or mode.
    #[must_use]
    pub fn genesis(party: &Party) -> Self {
        let mut covered = Vec::with_capacity(96);
        push_party(&mut covered, party);
        Self(blake3::derive_key(GENESIS_CONTEXT, &covered))
    }

    /// The hash of the record with this content at `seq`, after a record with the hash `self`.
    ///
    /// Covers, integers little-endian: the previous hash (32 bytes), sequence (u64), kind (u16), time (i64), length of
    /// the body (u64), body; in BLAKE3's key-derivation mode, whose context string sets records apart from everything
    /// else that is hashed.
    #[must_use]
    pub fn chain(&self, seq: Sequence, kind: RecordKind, recorded_at_ms: i64, body: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(RECORD_CONTEXT);
        hasher.update(&self.0);
        hasher.update(&seq.0.to_le_bytes());
        hasher.update(&kind.0.to_le_bytes());
        hasher.update(&recorded_at_ms.to_le_bytes());
        hasher.update(&length_le(body));
        hasher.update(body);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordHash({self})")
    }
}

/// A record to append: the ledger adds sequence and hashes. The time comes from the caller; the ledger has no clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// What the body is.
    pub kind: RecordKind,
    /// The content, opaque to the ledger.
    pub body: Vec<u8>,
    /// When the house recorded it, milliseconds since 1970-01-01T00:00:00Z.
    pub recorded_at_ms: i64,
}

/// A record of the ledger, checked against its hash when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place, from 1.
    pub seq: Sequence,
    /// The hash of the record before it, or the ledger's genesis hash.
    pub prev_hash: RecordHash,
    /// Its own hash, over `prev_hash` and everything below.
    pub hash: RecordHash,
    /// What the body is.
    pub kind: RecordKind,
    /// When the house recorded it, milliseconds since 1970-01-01T00:00:00Z.
    pub recorded_at_ms: i64,
    /// The content, opaque to the ledger.
    pub body: Vec<u8>,
}

const GENESIS_CONTEXT: &str = "crossmargin ledger genesis v2";
const RECORD_CONTEXT: &str = "crossmargin ledger record v1";

/// The length of `bytes` as 8 little-endian bytes, as it precedes variable-length parts wherever they are hashed.
pub(super) fn length_le(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()
}
