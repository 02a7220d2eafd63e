//! Signed heads: the house's word on the newest record of its ledger.

use std::{error::Error, fmt};

use super::{Epoch, RecordHash, Sequence, record::length_le};
use crate::arrangement::parties::Party;

/// The newest record of a ledger: its sequence and hash name the whole chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// The newest record's sequence; 0 in an empty ledger.
    pub seq: Sequence,
    /// Its hash; the ledger's genesis hash in an empty ledger.
    pub hash: RecordHash,
}

impl Head {
    /// The head of `party`'s ledger before its first record.
    #[must_use]
    pub fn genesis(party: &Party) -> Self {
        Self { seq: Sequence::GENESIS, hash: RecordHash::genesis(party) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} ({})", self.seq, self.hash)
    }
}

/// A signature and the id of the key that made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeadSignature {
    /// Names the key, so that a verifier finds the public half.
    pub key_id: String,
    /// The signature (Ed25519: 64 bytes).
    pub bytes: Vec<u8>,
}

/// A head as its house signed it. The other house keeps the newest it has seen, so that neither can lose its tail
/// unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedHead {
    /// Whose ledger it is, and of which arrangement and mode.
    pub party: Party,
    /// The newest record.
    pub head: Head,
    /// The fencing epoch of the writer that appended it.
    pub epoch: Epoch,
    /// The house's signature over [`SignedHead::message`].
    pub signature: HeadSignature,
}

impl SignedHead {
    /// Signs `head` of `party`'s ledger.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(party: &Party, head: Head, epoch: Epoch, signer: &dyn HeadSigner) -> Result<Self, SigningFault> {
        let signature = signer.sign(&Self::message(party, head, epoch))?;
        Ok(Self { party: party.clone(), head, epoch, signature })
    }

    /// The bytes that the signature covers: the domain tag after its length (u64), the party, then epoch (u64), sequence
    /// (u64) and hash (32 bytes). The party is, as in an envelope of evidence, the arrangement, its mode and the house:
    /// arrangement and house after their length (u64), the mode an i32. Integers are little-endian.
    #[must_use]
    pub fn message(party: &Party, head: Head, epoch: Epoch) -> Vec<u8> {
        let mut message = Vec::with_capacity(192);
        push_part(&mut message, HEAD_TAG);
        push_party(&mut message, party);
        message.extend_from_slice(&epoch.0.to_le_bytes());
        message.extend_from_slice(&head.seq.0.to_le_bytes());
        message.extend_from_slice(&head.hash.0);
        message
    }

    /// Checks that it is a head of `party`'s ledger, and the signature. A house may sign the heads of several ledgers by
    /// one key: what counts for one of them counts for no other.
    ///
    /// # Errors
    /// It is of another ledger, or those of the verifier: the key is unknown, or the signature is not its own over these
    /// bytes.
    pub fn check(&self, party: &Party, verifier: &dyn HeadVerifier) -> Result<(), HeadRejection> {
        if self.party != *party {
            return Err(HeadRejection::OtherParty);
        }
        let message = Self::message(party, self.head, self.epoch);
        verifier.verify(&self.signature.key_id, &message, &self.signature.bytes)
    }
}

/// Signs for the house, so that the ledger holds no keys. Any `Fn(&[u8]) -> Result<HeadSignature, SigningFault>` is one.
pub trait HeadSigner: Send + Sync {
    /// Signs `message` with the house's current key.
    ///
    /// # Errors
    /// When the key cannot be used; the commit then fails.
    fn sign(&self, message: &[u8]) -> Result<HeadSignature, SigningFault>;
}

impl<F> HeadSigner for F
where
    F: Fn(&[u8]) -> Result<HeadSignature, SigningFault> + Send + Sync,
{
    fn sign(&self, message: &[u8]) -> Result<HeadSignature, SigningFault> {
        self(message)
    }
}

/// Verifies the house's signatures, current and past keys alike. Any
/// `Fn(&str, &[u8], &[u8]) -> Result<(), HeadRejection>` (key id, message, signature) is one.
pub trait HeadVerifier: Send + Sync {
    /// Verifies `signature` by the key `key_id` over `message`.
    ///
    /// # Errors
    /// When the key is not known or the signature is not its own.
    fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), HeadRejection>;
}

impl<F> HeadVerifier for F
where
    F: Fn(&str, &[u8], &[u8]) -> Result<(), HeadRejection> + Send + Sync,
{
    fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), HeadRejection> {
        self(key_id, message, signature)
    }
}

/// Why a head could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the signing key {key_id:?} cannot sign")]
pub struct SigningFault {
    /// The key.
    pub key_id: String,
    /// What the key's holder said.
    pub source: Box<dyn Error + Send + Sync>,
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadRejection {
    /// The verifier knows no key of this id.
    #[error("the signing key is not known: add its public half to the house's keys (`statement_key.former`)")]
    UnknownKey,
    /// The signature is not this key's over these bytes.
    #[error("the signature is not the key's own over these bytes")]
    BadSignature,
    /// It is of the ledger of another house, arrangement or mode.
    #[error("it is of the ledger of another house, arrangement or mode")]
    OtherParty,
}

/// Appends `part` after its length, as every variable-length part of a signed message is.
pub(super) fn push_part(message: &mut Vec<u8>, part: &[u8]) {
    message.extend_from_slice(&length_le(part));
    message.extend_from_slice(part);
}

/// Appends whose ledger it is, as its genesis hash and every signature in it cover it.
pub(super) fn push_party(message: &mut Vec<u8>, party: &Party) {
    push_part(message, party.arrangement.as_str().as_bytes());
    message.extend_from_slice(&party.mode.number().to_le_bytes());
    push_part(message, party.house.as_str().as_bytes());
}

const HEAD_TAG: &[u8] = b"crossmargin/ledger/head/v2";
