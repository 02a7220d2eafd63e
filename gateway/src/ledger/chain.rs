//! Walking the chain: each row's hash computed again from its predecessor's.

use super::{Head, Record, RecordHash, RecordKind, Sequence};

/// A record as the store holds it: unchecked, and without its predecessor's hash, which the chain supplies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredRecord {
    pub(super) seq: Sequence,
    pub(super) kind: RecordKind,
    pub(super) recorded_at_ms: i64,
    pub(super) body: Vec<u8>,
    pub(super) hash: RecordHash,
}

/// Checks rows in order against the chain so far.
#[derive(Debug)]
pub(super) struct ChainWalk {
    at: Head,
}

/// What a row has wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainFault {
    /// Rows before this one are missing.
    Gap { expected: Sequence, found: Sequence },
    /// Its content does not give its hash.
    Hash { seq: Sequence, stored: RecordHash, computed: RecordHash },
}

impl ChainWalk {
    /// Starts after `at`, whose hash is taken as given.
    pub(super) fn after(at: Head) -> Self {
        Self { at }
    }

    /// The newest row walked.
    pub(super) fn at(&self) -> Head {
        self.at
    }

    /// Takes the next row. After a fault the walk goes on from the row's stored hash, so that one changed row is
    /// reported once and not at every row behind it.
    pub(super) fn step(&mut self, row: StoredRecord) -> Result<Record, ChainFault> {
        let StoredRecord { seq, kind, recorded_at_ms, body, hash } = row;
        let before = std::mem::replace(&mut self.at, Head { seq, hash });
        if seq != before.seq.next() {
            return Err(ChainFault::Gap { expected: before.seq.next(), found: seq });
        }
        let computed = before.hash.chain(seq, kind, recorded_at_ms, &body);
        if computed != hash {
            return Err(ChainFault::Hash { seq, stored: hash, computed });
        }
        Ok(Record { seq, prev_hash: before.hash, hash, kind, recorded_at_ms, body })
    }
}

impl std::fmt::Display for ChainFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gap { expected, found } => write!(f, "expected record {expected}, found record {found}"),
            Self::Hash { seq, stored, computed } => {
                write!(f, "record {seq} is stored with the hash {stored}, but its content gives {computed}")
            }
        }
    }
}
