//! What the other house holds, read from its node or from an export of its ledger, and believed by its signatures alone.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
    time::Duration,
};

use crossmargin::v1;
use jiff::Timestamp;
use prost::Message;

use super::{RecoverError, export::Line, story::Told};
use crate::{
    arrangement::{envelope, leg::Leg, terms::Arrangement},
    identity::{HouseId, VerifyingKeys},
    ledger::{Head, RecordKind, SignedHead},
    node::{
        entry::{Entry, Held, Keeping},
        heads,
    },
    peer::link::Link,
    wire,
};

/// How long the other house may take to tell both houses' story.
const STORY_MAX: Duration = Duration::from_secs(600);
/// Bytes of the story: what two houses sign in years, and what a machine can hold.
const STORY_BYTES_MAX: usize = 4 << 30;
/// Pieces of evidence that are not believed, before nothing more is read.
const PROBLEMS_MAX: usize = 1_000;

/// The other house's word of both houses' story.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Heads of this house's ledger that the other house holds; this house signed them.
    pub(super) heads: Vec<SignedHead>,
    /// The newest head of the other house's own ledger, which it signed and stands by.
    pub(super) peer_head: Option<v1::LedgerHead>,
    /// Evidence of both houses in the order of the other house's ledger.
    pub(super) told: Vec<Told>,
    /// What was not believed, and why.
    pub(super) problems: Vec<String>,
}

/// Believes what is read, piece by piece.
pub(super) struct Reader {
    pub(super) us: Leg,
    pub(super) arrangement: Arc<Arrangement>,
    pub(super) keys: VerifyingKeys,
}

impl Reader {
    /// Reads from the other house's node.
    ///
    /// # Errors
    /// The node does not answer, refuses, or breaks off.
    pub(super) async fn read_peer(&self, link: &Link) -> Result<Source, RecoverError> {
        let parties = &self.arrangement.parties;
        let request = v1::ReadSharedRequest {
            house: parties.houses[self.us].to_string(),
            arrangement_digest: wire::bytes_of(self.arrangement.digest()),
        };
        let failed = |status: tonic::Status| RecoverError::Peer {
            house: parties.houses[self.us.other()].to_string(),
            reason: format!("{}: {}", status.code(), status.message()),
        };
        let mut stream = link.read_shared(request).await.map_err(failed)?;
        let mut source = Source::default();
        let end = tokio::time::Instant::now() + STORY_MAX;
        let late = |_| failed(tonic::Status::deadline_exceeded("it has not told its story in time"));
        let mut bytes = 0;
        while let Some(part) = tokio::time::timeout_at(end, stream.message()).await.map_err(late)?.map_err(failed)? {
            bytes += part.encoded_len();
            let is_empty = part.evidence.is_empty() && part.own_head.is_none();
            if is_empty || bytes > STORY_BYTES_MAX || source.problems.len() > PROBLEMS_MAX {
                return Err(failed(tonic::Status::resource_exhausted("its story is none, or without end")));
            }
            for evidence in part.evidence {
                let at = Timestamp::from_millisecond(evidence.recorded_at_ms).unwrap_or(Timestamp::MIN);
                self.take(evidence.envelope.unwrap_or_default(), at, &mut source);
            }
            if let Some(own_head) = part.own_head {
                part.caller_heads.iter().for_each(|head| self.take_head(head, &mut source));
                // A house that is itself behind its word must not take the place of the head that shows it.
                source.peer_head = self.peer_head(own_head, &mut source.problems).filter(|_| part.stands_by_own_head);
                return Ok(source);
            }
        }
        // The heads come last: without them something is missing.
        Err(failed(tonic::Status::unavailable("its answer ended too early; run the command again")))
    }

    /// Reads from an export of the other house's ledger.
    ///
    /// # Errors
    /// The file cannot be read, or a line is not of an export.
    pub(super) fn read_export(&self, path: &Path) -> Result<Source, RecoverError> {
        let wrong = |reason: String| RecoverError::Setup(format!("{}: {reason}", path.display()));
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let mut source = Source::default();
        // A part of an export would pass for the whole story: only a chain from its first record to its head is one.
        let peer = self.arrangement.parties.party(self.us.other());
        let mut end = Head::genesis(&peer);
        let mut is_whole = false;
        for (number, line) in (1..).zip(BufReader::new(file).lines()) {
            let at_line = |reason: &dyn std::fmt::Display| wrong(format!("line {number}: {reason}"));
            let line = line.map_err(|error| at_line(&error))?;
            match serde_json::from_str(&line).map_err(|error| at_line(&error))? {
                Line::Ledger(party) => {
                    if party != peer {
                        return Err(wrong(format!("it is the ledger of {party}, but that of {peer} is needed")));
                    }
                }
                Line::Record(record) => {
                    let body = hex::decode(&record.body).map_err(|error| at_line(&error))?;
                    let seq = end.seq.next();
                    let hash = end.hash.chain(seq, RecordKind(record.kind), record.recorded_at_ms, &body);
                    if record.sequence != seq.0 || record.hash != hash.to_string() {
                        let number = record.sequence;
                        return Err(at_line(&format!(
                            "record {number} does not follow on record {}: export the whole ledger",
                            end.seq
                        )));
                    }
                    end = Head { seq, hash };
                    let entry = Entry::decode(&body, &self.arrangement.parties).map_err(|error| at_line(&error))?;
                    let at = Timestamp::from_millisecond(record.recorded_at_ms).unwrap_or(Timestamp::MIN);
                    let at = entry.happened_at(at);
                    if let Entry::Evidence(held) = entry {
                        if let Some(head) = &held.keeping.peer_head {
                            // Of those on record the last one counts.
                            source.heads.clear();
                            self.take_head(head, &mut source);
                        }
                        self.take(held.envelope.clone(), at, &mut source);
                    }
                }
                Line::Head(head) => {
                    let head = head.to_wire().map_err(|error| at_line(&error))?;
                    is_whole = head.sequence == end.seq.0 && head.hash[..] == end.hash.0;
                    source.peer_head = self.peer_head(head, &mut source.problems);
                }
                Line::Guard(_) => {}
            }
        }
        if !is_whole {
            return Err(wrong(format!(
                "it ends at record {} without the head of it: export the whole ledger",
                end.seq
            )));
        }
        Ok(source)
    }

    fn take(&self, envelope: v1::SignedEnvelope, at: Timestamp, source: &mut Source) {
        let opened = envelope::open(&envelope, &self.arrangement.parties, |house, key_id, bytes, signature| {
            let house = HouseId::new(house.as_str()).map_err(|error| error.to_string())?;
            let key_id = key_id.parse().map_err(|error| format!("{error}"))?;
            self.keys.verify(&house, key_id, at, bytes, signature).map_err(|error| error.to_string())
        });
        match opened {
            Ok(opened) => {
                let keeping = Keeping { restored_at: Some(at), ..Keeping::default() };
                let (by, digest, evidence) = (opened.signer, opened.digest, opened.evidence);
                source.told.push(Told { held: Held { by, digest, envelope, evidence, keeping }, at });
            }
            Err(error) => {
                let (house, kind) = (&envelope.house, envelope.kind().as_str_name());
                source.problems.push(format!("{kind} of {house}, which the other house recorded at {at}: {error}"));
            }
        }
    }

    fn take_head(&self, head: &v1::LedgerHead, source: &mut Source) {
        match heads::believe(&self.arrangement.parties, &self.keys, self.us, head) {
            Ok(head) => source.heads.push(head),
            Err(error) => source.problems.push(format!(
                "the other house says that this house signed the head of record {}: {error}",
                head.sequence
            )),
        }
    }

    fn peer_head(&self, head: v1::LedgerHead, problems: &mut Vec<String>) -> Option<v1::LedgerHead> {
        match heads::believe(&self.arrangement.parties, &self.keys, self.us.other(), &head) {
            Ok(_) => Some(head),
            Err(error) => {
                problems.push(format!("the other house's own head, record {}: {error}", head.sequence));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
