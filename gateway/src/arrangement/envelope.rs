//! Signed envelopes: what exactly is signed, and what a receiver checks before it believes a word.

use std::fmt;

use crossmargin::v1;
use prost::bytes::Bytes;

use super::{
    digest::Digest,
    evidence::{Evidence, EvidenceError},
    leg::Leg,
    name::HouseId,
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
        house: HouseId,
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
    verify: impl FnOnce(&HouseId, &str, &[u8], &[u8]) -> Result<(), E>,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arrangement::evidence::tests::{every_kind, parties};

    /// Not a signature scheme: it tells every key and every byte apart, which is all that these tests need.
    fn sign(house: &str, key_id: &str, bytes: &[u8]) -> [u8; 64] {
        let digest = Digest::of_parts("test signature", [house.as_bytes(), key_id.as_bytes(), bytes]);
        [digest.0, digest.0].concat().try_into().unwrap()
    }

    fn verify(house: &HouseId, key_id: &str, bytes: &[u8], signature: &[u8]) -> Result<(), &'static str> {
        if sign(house.as_str(), key_id, bytes) == signature { Ok(()) } else { Err("the signature does not match") }
    }

    fn sealed(evidence: &Evidence, signer: Leg) -> v1::SignedEnvelope {
        let house = parties().houses[signer].to_string();
        seal(evidence, &parties(), signer, "key-1", |bytes| sign(&house, "key-1", bytes))
    }

    #[test]
    fn what_one_house_seals_the_other_opens() {
        for evidence in every_kind() {
            let envelope = sealed(&evidence, Leg::Futures);
            let opened = open(&envelope, &parties(), verify).unwrap();
            assert_eq!(opened.evidence, evidence);
            assert_eq!((opened.signer, opened.key_id.as_str()), (Leg::Futures, "key-1"));
            assert_eq!(opened.digest, Digest::of(&envelope.payload));
        }
    }

    #[test]
    fn a_statement_has_equal_bytes_at_both_houses_and_another_signature() {
        let statement = every_kind().into_iter().find(|evidence| matches!(evidence, Evidence::Statement(_))).unwrap();
        let [a, b] = Leg::BOTH.map(|leg| sealed(&statement, leg));
        assert_eq!(a.payload, b.payload);
        assert_ne!(bytes_to_sign(&a), bytes_to_sign(&b));
        assert_ne!(a.signature, b.signature);
    }

    #[test]
    fn every_field_of_the_envelope_is_under_the_signature() {
        type Change = fn(&mut v1::SignedEnvelope);
        let good = sealed(&every_kind()[4], Leg::Treasury);
        let changes: [(&str, Change); 8] = [
            ("arrangement:", |envelope| envelope.arrangement = "B-A".into()),
            ("mode:", |envelope| envelope.mode = v1::ArrangementMode::Rehearsal.into()),
            ("signature: not made", |envelope| envelope.kind = v1::EvidenceKind::Outcome.into()),
            ("house:", |envelope| envelope.house = "C".into()),
            ("signature: not made", |envelope| envelope.house = "B".into()),
            ("signature: not made", |envelope| envelope.key_id = "key-2".into()),
            ("signature: not made", |envelope| envelope.payload = Bytes::from_static(b"")),
            ("signature: has", |envelope| envelope.signature = Bytes::from_static(b"short")),
        ];
        for (expected, change) in changes {
            let mut envelope = good.clone();
            change(&mut envelope);
            let error = open(&envelope, &parties(), verify).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_malformed_payload_under_a_good_signature_is_the_signers_fault() {
        let mut envelope = sealed(&every_kind()[4], Leg::Treasury);
        envelope.payload = Bytes::from_static(b"\xff\xff");
        envelope.signature = Bytes::copy_from_slice(&sign("A", "key-1", &bytes_to_sign(&envelope)));
        assert!(matches!(open(&envelope, &parties(), verify), Err(EnvelopeError::Payload { .. })));
    }

    fn envelopes() -> impl Strategy<Value = v1::SignedEnvelope> {
        ("[a-c]{0,3}", 0..3, 0..4, "[a-c]{0,3}", "[a-c]{0,3}", prop::collection::vec(0..3_u8, 0..3)).prop_map(
            |(arrangement, mode, kind, house, key_id, payload)| v1::SignedEnvelope {
                arrangement,
                mode,
                kind,
                house,
                key_id,
                payload: payload.into(),
                signature: Bytes::new(),
            },
        )
    }

    proptest! {
        #[test]
        fn two_envelopes_never_have_the_same_bytes_to_sign((a, b) in (envelopes(), envelopes())) {
            prop_assert_eq!(a == b, bytes_to_sign(&a) == bytes_to_sign(&b));
        }
    }

    #[test]
    fn the_bytes_to_sign_are_as_documented() {
        let envelope = v1::SignedEnvelope {
            arrangement: "A-B".into(),
            mode: 1,
            kind: 6,
            house: "A".into(),
            key_id: "k".into(),
            payload: Bytes::from_static(b"xyz"),
            signature: Bytes::from_static(b"not covered"),
        };
        let expected =
            b"crossmargin/v1\0\0\0\x03A-B\0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0\x06\0\0\0\x01A\0\0\0\x01k\0\0\0\x03xyz";
        assert_eq!(bytes_to_sign(&envelope), expected);
    }
}
