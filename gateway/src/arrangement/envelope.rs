//! Signed envelopes: what exactly is signed, and what a receiver checks before it believes a word.

use std::fmt;

use crossmargin::v1;
use prost::bytes::Bytes;

use super::{
    digest::Digest,
    evidence::{Evidence, EvidenceError},
    leg::Leg,
    name::HouseName,
    parties::Parties,
};

/// The tag before everything that is signed: no signature made for another purpose can pass for evidence.
const DOMAIN: &str = "crossmargin/v1";
/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// Most characters of the name of a signing key.
const KEY_ID_CHARACTERS_MAX: usize = 128;

/// Evidence whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The leg of the house that signed.
    pub signer: Leg,
    /// The signing key.
    pub key_id: String,
    /// BLAKE3 of the payload: the name of this evidence.
    pub digest: Digest,
    /// The content.
    pub evidence: Evidence,
}

/// Why an envelope is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A field of the envelope itself.
    #[error("{field}: {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong and what is needed.
        reason: String,
    },
    /// The signature is not that of the house's key over these bytes.
    #[error("signature: not made by key {key_id:?} of {house} over this envelope: {reason}")]
    Signature {
        /// The house that is said to have signed.
        house: HouseName,
        /// The key.
        key_id: String,
        /// What the verifier says.
        reason: String,
    },
    /// The signature holds, but the payload is not well-formed: the signer is at fault.
    #[error("payload {digest}: {error}")]
    Payload {
        /// BLAKE3 of the payload.
        digest: Digest,
        /// What is wrong.
        error: EvidenceError,
    },
}

/// The bytes that a signature of `envelope` covers: the tag, then arrangement, mode, kind, house, key id and payload,
/// each with its length before it as four bytes, the most significant first. Mode and kind are four bytes likewise.
/// The signature field does not matter.
#[must_use]
pub fn bytes_to_sign(envelope: &v1::SignedEnvelope) -> Vec<u8> {
    let (mode, kind) = (envelope.mode.to_be_bytes(), envelope.kind.to_be_bytes());
    let parts: [&[u8]; 6] = [
        envelope.arrangement.as_bytes(),
        &mode,
        &kind,
        envelope.house.as_bytes(),
        envelope.key_id.as_bytes(),
        &envelope.payload,
    ];
    let mut bytes = Vec::with_capacity(DOMAIN.len() + parts.iter().map(|part| 4 + part.len()).sum::<usize>());
    bytes.extend_from_slice(DOMAIN.as_bytes());
    for part in parts {
        // Longer than four bytes can say is longer than any limit: such a part never passes `open`, and here it
        // only makes a signature that nobody accepts.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Puts `evidence` of the house of `signer` into an envelope; `sign` makes the signature over the bytes that it is given.
pub fn seal(
    evidence: &Evidence,
    parties: &Parties,
    signer: Leg,
    key_id: &str,
    sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE_BYTES],
) -> v1::SignedEnvelope {
    let mut envelope = v1::SignedEnvelope {
        arrangement: parties.arrangement.to_string(),
        mode: v1::ArrangementMode::from(parties.mode).into(),
        kind: evidence.kind().into(),
        house: parties.houses[signer].to_string(),
        key_id: key_id.to_owned(),
        payload: evidence.encode(parties, signer),
        signature: Bytes::new(),
    };
    envelope.signature = Bytes::copy_from_slice(&sign(&bytes_to_sign(&envelope)));
    envelope
}

/// Checks an envelope and reads its payload. `verify` is given the house, the key id, the signed bytes and the signature.
///
/// # Errors
/// Names the field of the envelope or of the payload that is wrong. The payload is read only under a good signature.
pub fn open<E: fmt::Display>(
    envelope: &v1::SignedEnvelope,
    parties: &Parties,
    verify: impl FnOnce(&HouseName, &str, &[u8], &[u8]) -> Result<(), E>,
) -> Result<Opened, EnvelopeError> {
    let field = |field, reason: String| Err(EnvelopeError::Field { field, reason });
    if envelope.arrangement != parties.arrangement.as_str() {
        let reason = format!("is {:?}, but this node serves {}", envelope.arrangement, parties.arrangement);
        return field("arrangement", reason);
    }
    if envelope.mode() != v1::ArrangementMode::from(parties.mode) {
        return field("mode", format!("is {}, but the arrangement is {:?}", envelope.mode, parties.mode));
    }
    let Some(signer) = parties.leg_of(&envelope.house) else {
        return field("house", format!("{:?} is not a party to {}", envelope.house, parties.arrangement));
    };
    if !(1..=KEY_ID_CHARACTERS_MAX).contains(&envelope.key_id.len()) {
        let length = envelope.key_id.len();
        return field("key_id", format!("has {length} characters: 1 to {KEY_ID_CHARACTERS_MAX} are needed"));
    }
    if envelope.signature.len() != SIGNATURE_BYTES {
        let length = envelope.signature.len();
        return field("signature", format!("has {length} bytes: {SIGNATURE_BYTES} are needed"));
    }
    let house = &parties.houses[signer];
    verify(house, &envelope.key_id, &bytes_to_sign(envelope), &envelope.signature).map_err(|error| {
        let (house, key_id) = (house.clone(), envelope.key_id.clone());
        EnvelopeError::Signature { house, key_id, reason: error.to_string() }
    })?;
    let digest = Digest::of(&envelope.payload);
    let evidence = Evidence::decode(envelope.kind(), &envelope.payload, parties, signer)
        .map_err(|error| EnvelopeError::Payload { digest, error })?;
    Ok(Opened { signer, key_id: envelope.key_id.clone(), digest, evidence })
}
