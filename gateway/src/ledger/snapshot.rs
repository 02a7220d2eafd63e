//! State snapshots: what bounds the replay at start-up. A cache of the records, never a source.

use super::{
    Head, HeadSignature,
    head::{push_part, push_party},
    record::length_le,
};
use crate::arrangement::parties::Party;

/// The state as it was after one record of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSnapshot {
    /// The last record that the state contains.
    pub at: Head,
    /// The state, opaque to the ledger.
    pub state: Vec<u8>,
}

impl StateSnapshot {
    /// The bytes that the house signs, so that nobody can slip a state under a node that its records do not give.
    pub(super) fn message(&self, party: &Party) -> Vec<u8> {
        let mut message = Vec::with_capacity(192);
        push_part(&mut message, SNAPSHOT_TAG);
        push_party(&mut message, party);
        message.extend_from_slice(&self.at.seq.0.to_le_bytes());
        message.extend_from_slice(&self.at.hash.0);
        let mut hasher = blake3::Hasher::new_derive_key(SNAPSHOT_CONTEXT);
        hasher.update(&length_le(&self.state));
        hasher.update(&self.state);
        message.extend_from_slice(hasher.finalize().as_bytes());
        message
    }
}

/// A snapshot with the signature it is stored with.
#[derive(Debug, Clone)]
pub(super) struct SignedSnapshot {
    pub(super) snapshot: StateSnapshot,
    pub(super) signature: HeadSignature,
}

const SNAPSHOT_TAG: &[u8] = b"crossmargin/ledger/snapshot/v2";
const SNAPSHOT_CONTEXT: &str = "crossmargin ledger snapshot v1";
