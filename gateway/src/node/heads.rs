//! Signed heads of the two ledgers: what one house tells the other, what it believes, and what follows for its own ledger.
//!
//! A chain that lost its end is still a chain. So each house keeps the newest head that the other signed and tells it on
//! every greeting: a ledger that does not hold what its own house signed takes nothing more.

use crossmargin::v1;
use prost::bytes::Bytes;

use super::context::Context;
use crate::{
    arrangement::{
        digest::Digest,
        evidence::LostHead,
        leg::Leg,
        parties::{Parties, Party},
    },
    identity::VerifyingKeys,
    ledger::{Epoch, Head, HeadPlace, HeadSignature, LedgerError, RecordHash, Sequence, SignedHead},
    node::head_verifier,
    wire::{self, WireError},
};

/// Most characters of the name of a signing key.
const KEY_ID_CHARACTERS_MAX: usize = 128;

/// What the other house's memory of this house's ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnWord {
    /// The ledger holds the record that the other house names, or the other house names none that counts.
    Held,
    /// The other house names a head whose signature this house cannot check. It may be made up, or signed by a key that
    /// an old configuration does not have: nothing is concluded from it, and after a start nothing that binds is signed and
    /// nothing sent until one can be checked.
    Unknown(UncheckedHead),
    /// The ledger does not hold what this house signed: nothing is signed or recorded any more.
    Lost(Box<LostWord>),
}

/// A head of this house's ledger that the other house names and whose signature does not count here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedHead {
    /// The record that it names.
    pub sequence: u64,
    /// Why its signature does not count, with the key.
    pub reason: String,
}

/// A head that this house signed, that the other house holds, and that is not in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostWord {
    /// The head; its signature is checked.
    pub(crate) word: SignedHead,
    /// Why nothing is signed or recorded any more, and what to do.
    pub(crate) reason: String,
}

/// A head as the wire carries it.
pub(crate) fn to_wire(head: &SignedHead) -> v1::LedgerHead {
    v1::LedgerHead {
        sequence: head.head.seq.0,
        hash: Bytes::copy_from_slice(&head.head.hash.0),
        epoch: head.epoch.0,
        key_id: head.signature.key_id.clone(),
        signature: Bytes::copy_from_slice(&head.signature.bytes),
    }
}

/// Reads a head of `party`'s ledger. Its signature is not checked here.
///
/// # Errors
/// A hash that has not 32 bytes, or the name of a key that is too long.
pub(crate) fn read(party: &Party, wire: &v1::LedgerHead) -> Result<SignedHead, WireError> {
    let hash = wire::digest("head.hash", &wire.hash)?;
    let length = wire.key_id.len();
    if length > KEY_ID_CHARACTERS_MAX {
        let reason = format!("has {length} characters, at most {KEY_ID_CHARACTERS_MAX} are allowed");
        return Err(WireError::new("head.key_id", reason));
    }
    Ok(SignedHead {
        party: party.clone(),
        head: Head { seq: Sequence(wire.sequence), hash: RecordHash(hash.0) },
        epoch: Epoch(wire.epoch),
        signature: HeadSignature { key_id: wire.key_id.clone(), bytes: wire.signature.to_vec() },
    })
}

/// Reads a head of the house that carries `leg`, and checks that the house signed it for its ledger of this arrangement in
/// this mode.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn believe(
    parties: &Parties,
    keys: &VerifyingKeys,
    leg: Leg,
    wire: &v1::LedgerHead,
) -> Result<SignedHead, WireError> {
    let party = parties.party(leg);
    let head = read(&party, wire)?;
    let checked = head.check(&party, &head_verifier(keys, party.house.as_str()));
    checked.map_err(|rejection| WireError::new("head.signature", format!("key {:?}: {rejection}", wire.key_id)))?;
    Ok(head)
}

/// Checks that the house that carries `leg` signed a head that a recovery names as lost.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn believe_lost(
    parties: &Parties,
    keys: &VerifyingKeys,
    leg: Leg,
    lost: &LostHead,
) -> Result<SignedHead, WireError> {
    let wire = v1::LedgerHead {
        sequence: lost.sequence,
        hash: wire::bytes_of(lost.hash),
        epoch: lost.epoch,
        key_id: lost.key_id.clone(),
        signature: lost.signature.clone(),
    };
    believe(parties, keys, leg, &wire)
}

/// A head as a recovery names it.
pub(crate) fn to_lost(head: &SignedHead) -> LostHead {
    LostHead {
        sequence: head.head.seq.0,
        hash: Digest(head.head.hash.0),
        epoch: head.epoch.0,
        key_id: head.signature.key_id.clone(),
        signature: Bytes::copy_from_slice(&head.signature.bytes),
    }
}

/// Whether a head names a record and comes with a signature.
fn is_signed(head: &v1::LedgerHead) -> bool {
    head.sequence > 0 && !head.signature.is_empty()
}

impl Context {
    /// The newest head of this house's own ledger, for the other house to keep; `None` before that house has said, since the
    /// start, how far it holds this house's word, and while the ledger does not have that. The other house keeps the newest
    /// head alone: one of an old copy that went on would take the place of the one that it lost. A
    /// recovery alone is told with the head before that, since it names what was lost.
    pub(crate) fn told_head(&self) -> Option<v1::LedgerHead> {
        self.stands_by_its_word().then(|| self.own_head())
    }

    /// Whether the other house has said, since the start, how far it holds this house's word, and the ledger has all of that.
    /// Nothing is sent to it before: the ledger may be an old copy, and what was signed on that a second word.
    pub(crate) fn stands_by_its_word(&self) -> bool {
        let catalog = self.catalog.read();
        catalog.is_word_known && catalog.refusal_to_sign.is_none()
    }

    /// The newest durable head of this house's own ledger.
    pub(crate) fn own_head(&self) -> v1::LedgerHead {
        to_wire(&self.ledger.head())
    }

    /// A head of the ledger of the house that carries `leg`, where that house signed it. One that names no record, or comes
    /// without a signature, counts for nothing.
    pub(crate) fn believed_head(&self, leg: Leg, told: Option<v1::LedgerHead>) -> Option<v1::LedgerHead> {
        let told = told.filter(is_signed)?;
        self.believe(leg, &told).is_ok().then_some(told)
    }

    fn believe(&self, leg: Leg, told: &v1::LedgerHead) -> Result<SignedHead, WireError> {
        believe(&self.parties, &self.verifying_keys, leg, told).inspect_err(|error| {
            let house = &self.parties.houses[leg];
            tracing::error!(%house, sequence = told.sequence, %error, "ALARM: the other house tells a head that {house} did not sign");
        })
    }

    /// Compares this house's ledger with the newest head of it that the other house says it holds.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn own_word(&self, told: Option<v1::LedgerHead>) -> Result<OwnWord, LedgerError> {
        let Some(told) = told.filter(is_signed) else { return Ok(OwnWord::Held) };
        let word = match self.believe(self.us, &told) {
            Ok(word) => word,
            Err(error) => {
                let reason = error.to_string();
                return Ok(OwnWord::Unknown(UncheckedHead { sequence: told.sequence, reason }));
            }
        };
        let ends = self.ledger.head().head;
        let what = match self.ledger.place_of(word.head).await? {
            HeadPlace::OnChain => return Ok(OwnWord::Held),
            // A loss that this house has recovered from; the other house is told so before all else.
            _ if self.catalog.read().has_lost(word.head) => return Ok(OwnWord::Held),
            HeadPlace::Beyond => format!("the ledger ends at {ends}: it lost its end"),
            HeadPlace::Off => {
                format!("the ledger, which ends at {ends}, has another record there: it is of another history")
            }
        };
        let reason = format!(
            "the other house holds this house's signed word up to {}, but {what}. Nothing is signed and nothing recorded. \
             Stop the node, put back the newest copy of the ledger's files that reaches that record, and check it with \
             `crossmargin ledger verify`; where there is none, run `crossmargin ledger recover`: see docs/disaster.md",
            word.head
        );
        Ok(OwnWord::Lost(Box::new(LostWord { word, reason })))
    }
}

#[cfg(test)]
mod tests;
