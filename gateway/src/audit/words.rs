//! Judging each record for itself: what was signed, by whom, and whether it was said once.

use std::{collections::HashSet, sync::Arc};

use crossmargin::v1;
use jiff::Timestamp;

use super::{
    Counts, Subject,
    findings::Findings,
    history::{History, Word},
};
use crate::{
    arrangement::{digest::Digest, envelope, evidence::Evidence, leg::Leg},
    identity::HouseId,
    ledger::Record,
    market::kind_name,
    node::entry::{Entry, Held},
};

/// Judges a record and takes what it says into the history.
pub(super) fn take(
    subject: &Subject,
    record: &Record,
    history: &mut History,
    findings: &mut Findings,
    counts: &mut Counts,
) {
    let sequence = record.seq.0;
    let entry = match Entry::decode(&record.body, &subject.arrangement.parties) {
        Ok(entry) => entry,
        Err(error) => return findings.problem(sequence, "unreadable", format!("cannot be read: {error}")),
    };
    let recorded_at = Timestamp::from_millisecond(record.recorded_at_ms).unwrap_or(Timestamp::MIN);
    // A key that was good when the other house recorded it may have ended since.
    let recorded_at = entry.happened_at(recorded_at);
    match entry {
        Entry::Evidence(held) => {
            counts.signatures += 1;
            if let Err(reason) = check_signature(subject, &held.envelope, recorded_at) {
                findings.problem(sequence, "signature", reason);
            }
            check_content(subject, sequence, &held, &mut history.whole, findings, counts);
            let word = Word { sequence, held };
            if let Some(first) = history.add(subject.us, &word) {
                let (house, kind) = (name(subject, word.held.by), word.held.evidence.kind().as_str_name());
                let meaning =
                    format!("{house} signed {kind} twice, differently; the first is record {}", first.sequence);
                findings.problem(sequence, "signed_twice", meaning);
            }
            check_registry(subject, &word, history, findings);
        }
        Entry::Book(book) => {
            for chunk in &book.chunks {
                check_blob(subject, sequence, &chunk.digest, &mut history.whole, findings, counts);
            }
            if book.directions_through > history.directions {
                let (through, last) = (book.directions_through, history.directions);
                let meaning =
                    format!("the book includes directions up to {through}, but the last one before it is {last}");
                findings.problem(sequence, "direction", meaning);
            }
            history.items.extend(book.items.iter().map(|item| item.item_id.clone()));
        }
        Entry::Direction(direction) => {
            let expected = history.directions + 1;
            if direction.number != expected {
                let meaning = format!("direction {} stands where number {expected} comes next", direction.number);
                findings.problem(sequence, "direction", meaning);
            }
            history.directions = direction.number;
        }
        Entry::Resolution(settled) => {
            if !history.items.contains(&settled.item.to_string()) {
                let meaning = format!("it settles item {}, which no book before it brought", settled.item);
                findings.problem(sequence, "direction", meaning);
            }
        }
        Entry::CutOff { cycle, .. } => {
            history.cut_offs.entry(cycle).or_insert(sequence);
        }
        Entry::Contradiction { record, .. } => {
            counts.contradictions += 1;
            let envelopes = [&record.first, &record.second];
            for envelope in envelopes.into_iter().flatten() {
                counts.signatures += 1;
                if let Err(reason) = check_signature(subject, envelope, recorded_at) {
                    findings.problem(sequence, "signature", format!("one side of a contradiction: {reason}"));
                }
            }
            let payloads = envelopes.map(|envelope| envelope.as_ref().map(|envelope| &envelope.payload));
            if payloads[0] == payloads[1] {
                findings.problem(sequence, "contradiction", "both sides of the contradiction are the same");
            }
        }
    }
}

fn check_signature(subject: &Subject, envelope: &v1::SignedEnvelope, at: Timestamp) -> Result<(), String> {
    let opened = envelope::open(envelope, &subject.arrangement.parties, |house, key_id, bytes, signature| {
        let house = HouseId::new(house.as_str()).map_err(|error| error.to_string())?;
        let key_id = key_id.parse().map_err(|error| format!("{error}"))?;
        subject.keys.verify(&house, key_id, at, bytes, signature).map_err(|error| error.to_string())
    });
    opened.map(drop).map_err(|error| error.to_string())
}

/// What a house's manifests name must be in its own store; market data only from its authority.
fn check_content(
    subject: &Subject,
    sequence: u64,
    held: &Held,
    whole: &mut HashSet<Digest>,
    findings: &mut Findings,
    counts: &mut Counts,
) {
    let is_ours = held.by == subject.us;
    match &held.evidence {
        Evidence::MarketManifest(manifest) => {
            if let Some(kind) = subject.arrangement.foreign_item(held.by, manifest) {
                let meaning = format!("{} is not the authority of {}", name(subject, held.by), kind_name(kind));
                findings.problem(sequence, "authority", meaning);
            }
            for item in manifest.items.iter().filter(|_| is_ours) {
                check_blob(subject, sequence, item.digest.as_bytes(), whole, findings, counts);
            }
        }
        Evidence::PositionManifest(manifest) => {
            for chunk in manifest.chunks.iter().filter(|_| is_ours) {
                check_blob(subject, sequence, chunk.digest.as_bytes(), whole, findings, counts);
            }
            // What was left out of the frozen book.
            if let Some(digest) = held.keeping.attachment {
                check_blob(subject, sequence, digest.as_bytes(), whole, findings, counts);
            }
        }
        _ => {}
    }
}

fn check_blob(
    subject: &Subject,
    sequence: u64,
    digest: &[u8],
    whole: &mut HashSet<Digest>,
    findings: &mut Findings,
    counts: &mut Counts,
) {
    let found = Digest::try_from(digest).map_err(|error| error.to_string()).and_then(|digest| {
        // A version of market data names again what the one before it named.
        if whole.contains(&digest) {
            return Ok(());
        }
        counts.contents += 1;
        let found = subject.blobs.get(&digest).map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("content {digest} is not in the store"))?;
        whole.insert(digest);
        Ok(())
    });
    if let Err(reason) = found {
        findings.problem(sequence, "content", reason);
    }
}

/// An entry of a registry log follows on the one before, and its links are well-formed.
fn check_registry(subject: &Subject, word: &Word, history: &mut History, findings: &mut Findings) {
    let Evidence::RegistryEntry(entry) = &word.held.evidence else { return };
    let by = word.held.by;
    if let Err(reason) = history.record(by, entry, word.held.digest) {
        findings.problem(word.sequence, "registry", format!("the registry log of {}: {reason}", name(subject, by)));
    }
}

/// The name of a house.
pub(super) fn name(subject: &Subject, leg: Leg) -> Arc<str> {
    subject.arrangement.parties.houses[leg].as_str().into()
}
