//! Signed evidence: envelopes, the payload of every kind, and what the registry makes of an entry.

use crossmargin::v1;
use gateway::{
    arrangement::{
        digest::Digest,
        envelope::{self as envelopes_of, EnvelopeError},
        evidence::{Evidence, RegistryContent, RegistryEntry},
        leg::Leg,
        registry::{Asked, Recorded, Registry},
    },
    sample,
};
use prost::Message;

use super::{
    Verdict,
    fixture::{ARRANGEMENT, any_signature, every_kind, numbered, sealed},
};

/// A signed envelope: what opens is sealed again to the same evidence.
pub fn envelope(data: &[u8]) -> Verdict {
    let Ok(wire) = v1::SignedEnvelope::decode(data) else { return Verdict::Refused };
    // Any envelope has bytes to sign, whether it is well-formed or not.
    assert!(envelopes_of::bytes_to_sign(&wire).starts_with(b"crossmargin/v1"));
    let opened = match envelopes_of::open(&wire, &ARRANGEMENT.parties, any_signature) {
        Ok(opened) => opened,
        Err(EnvelopeError::Field { field, reason }) => {
            assert!(!field.is_empty() && !reason.is_empty());
            return Verdict::Refused;
        }
        Err(EnvelopeError::Payload { digest, error }) => {
            assert_eq!(digest, Digest::of(&wire.payload));
            assert!(!error.field.is_empty() && !error.reason.is_empty());
            return Verdict::Refused;
        }
        Err(error @ EnvelopeError::Signature { .. }) => panic!("any signature holds here: {error}"),
    };
    let again = envelopes_of::seal(&opened.evidence, &ARRANGEMENT.parties, opened.signer, &opened.key_id, |_| [7; 64]);
    let reopened = envelopes_of::open(&again, &ARRANGEMENT.parties, any_signature).unwrap();
    assert_eq!(reopened.evidence, opened.evidence);
    assert_eq!((reopened.signer, reopened.key_id), (opened.signer, opened.key_id));
    Verdict::Accepted
}

/// An envelope of each kind of evidence, from both houses.
pub fn envelopes() -> Vec<(String, Vec<u8>)> {
    let all = every_kind().into_iter().zip(Leg::BOTH.into_iter().cycle());
    numbered(all.map(|(evidence, leg)| sealed(&evidence, leg).encode_to_vec()))
}

/// The kind and the signer in the first two bytes, then a payload: what is read is written and read back the same, and the
/// second writing has the bytes of the first.
pub fn payload(data: &[u8]) -> Verdict {
    let [kind, signer, payload @ ..] = data else { return Verdict::Refused };
    let Ok(kind) = v1::EvidenceKind::try_from(i32::from(*kind)) else { return Verdict::Refused };
    let signer = Leg::BOTH[usize::from(*signer) % 2];
    let parties = &ARRANGEMENT.parties;
    match Evidence::decode(kind, payload, parties, signer) {
        Ok(evidence) => {
            assert_eq!(evidence.kind(), kind);
            let written = evidence.encode(parties, signer);
            let read = Evidence::decode(kind, &written, parties, signer).unwrap();
            assert_eq!(read, evidence);
            assert_eq!(read.encode(parties, signer), written);
            Verdict::Accepted
        }
        Err(error) => {
            assert!(!error.field.is_empty() && !error.reason.is_empty(), "{error}");
            Verdict::Refused
        }
    }
}

/// A payload of each kind.
pub fn payloads() -> Vec<(String, Vec<u8>)> {
    numbered(every_kind().into_iter().map(|evidence| {
        let kind = u8::try_from(i32::from(evidence.kind())).unwrap();
        let payload = evidence.encode(&ARRANGEMENT.parties, Leg::Treasury);
        [&[kind, 0][..], &payload].concat()
    }))
}

/// The changes of an entry, as the registry takes them behind an adoption and the sample's links: both houses come to one
/// registry, recording twice changes nothing, and a request is refused with every problem's field.
pub fn registry_entry(data: &[u8]) -> Verdict {
    let Ok(batch) = v1::ChangeBatch::decode(data) else { return Verdict::Refused };
    let mut registry = Registry::new(ARRANGEMENT.programme.clone());
    let mut record = |leg: Leg, changes: Option<Vec<v1::ProgrammeChange>>| {
        let (sequence, previous) = registry.next(leg);
        let content = match changes {
            None => RegistryContent::Adoption(ARRANGEMENT.digest()),
            Some(changes) => RegistryContent::Changes(gateway::arrangement::evidence::ChangeBatch {
                changes,
                by: "administrator".into(),
                at: jiff::Timestamp::UNIX_EPOCH,
            }),
        };
        let entry = RegistryEntry { sequence, previous, content };
        let digest = Digest::of(&Evidence::RegistryEntry(entry.clone()).encode(&ARRANGEMENT.parties, leg));
        let recorded = registry.record(leg, &entry, digest);
        if recorded.is_ok() {
            assert_eq!(registry.record(leg, &entry, digest), Ok(Recorded::Before));
        }
        recorded
    };
    for leg in Leg::BOTH {
        assert_eq!(record(leg, None), Ok(Recorded::Now));
        let known = sample::programme::onboarding(&sample::book::links()[..2]);
        assert_eq!(record(leg, Some(known)), Ok(Recorded::Now));
    }
    let recorded = record(Leg::Treasury, Some(batch.changes.clone()));
    let day = sample::BUSINESS_DATE;
    let asked = Asked { on: day, last_cycle: Some(day), is_derived: false };
    if let Err(problems) = registry.check(Leg::Futures, &batch.changes, asked) {
        assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.to_string().is_empty()));
    }
    // What follows from both logs must follow whatever they hold.
    let links = registry.links_on(day).count();
    assert!(links <= 2 + batch.changes.len());
    match recorded {
        Ok(_) => Verdict::Accepted,
        Err(error) => {
            super::fixture::names_its_place(&error.to_string());
            Verdict::Refused
        }
    }
}

/// Batches of changes, small enough to be mutated well.
pub fn registry_entries() -> Vec<(String, Vec<u8>)> {
    let links = sample::book::links();
    let batches = [
        sample::programme::onboarding(&links[2..3]),
        sample::programme::approvals(),
        sample::programme::parties(&links[3..5]),
        vec![sample::programme::stage(vec![links[0].link_id.clone()], v1::LinkStage::Closing, "a reason")],
        vec![v1::ProgrammeChange {
            reason: "a reason".into(),
            change: Some(v1::programme_change::Change::Suspension(v1::Suspension {
                scope: Some(v1::Scope { scope: Some(v1::scope::Scope::Everything(true)) }),
                is_default: false,
            })),
        }],
    ];
    numbered(batches.map(|changes| v1::ChangeBatch { changes, recorded: None }.encode_to_vec()))
}
