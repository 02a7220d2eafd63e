//! Every record of a ledger that can be read, as lines of JSON: offline, and from a damaged ledger as far as it reads.

use std::{io::Write, path::Path};

use crossmargin::v1;
use jiff::Timestamp;
use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    arrangement::parties::{Parties, Party},
    ledger::{self, Record, Sequence, SignedHead},
    node::entry::Entry,
};

/// One line of an export. Bytes are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// The first line: whose ledger it is, and of which arrangement and mode.
    Ledger(Party),
    /// A record.
    Record(RecordLine),
    /// The last line but one: the newest signed head that the ledger has.
    Head(HeadLine),
    /// The last line: the newest head in the guard.
    Guard(HeadLine),
}

/// A record of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// Its place, counted from 1.
    pub sequence: u64,
    /// When it was recorded, milliseconds since 1970 UTC by the house's clock.
    pub recorded_at_ms: i64,
    /// The same for a reader.
    pub recorded_at: String,
    /// Number of its kind.
    pub kind: u16,
    /// Its hash.
    pub hash: String,
    /// The hash of the record before it.
    pub previous_hash: String,
    /// The encoded `LedgerRecord`.
    pub body: String,
    /// What it holds, for a reader.
    pub summary: Summary,
}

/// What a record holds, for a reader. Fields that do not apply are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What is recorded: `evidence`, `book`, `cut_off`, `contradiction`, `direction`, `resolution`, or why it cannot be read.
    pub what: String,
    /// The kind of evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The house that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub house: Option<String>,
    /// The cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<String>,
    /// The round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

/// A signed head of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadLine {
    /// The newest record.
    pub sequence: u64,
    /// Its hash.
    pub hash: String,
    /// Fencing epoch of its writer.
    pub epoch: u64,
    /// The signing key.
    pub key_id: String,
    /// The signature.
    pub signature: String,
}

/// What an export came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records that were written.
    pub records: u64,
    /// What could not be read, and where.
    pub gaps: Vec<String>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger's files cannot be opened at all.
    #[error(transparent)]
    Ledger(#[from] ledger::LedgerError),
    /// The export cannot be written.
    #[error("writing the export: {0}")]
    Write(#[from] std::io::Error),
}

impl HeadLine {
    fn of(head: &SignedHead) -> Self {
        Self {
            sequence: head.head.seq.0,
            hash: hex::encode(head.head.hash.0),
            epoch: head.epoch.0,
            key_id: head.signature.key_id.clone(),
            signature: hex::encode(&head.signature.bytes),
        }
    }

    /// The head as the wire carries it.
    ///
    /// # Errors
    /// What is not hexadecimal.
    pub(super) fn to_wire(&self) -> Result<v1::LedgerHead, hex::FromHexError> {
        let bytes = |text: &str| hex::decode(text).map(Bytes::from);
        Ok(v1::LedgerHead {
            sequence: self.sequence,
            hash: bytes(&self.hash)?,
            epoch: self.epoch,
            key_id: self.key_id.clone(),
            signature: bytes(&self.signature)?,
        })
    }
}

/// Writes the records of the ledger at `path` from the sequence `from` on, between a line for the ledger and lines for its
/// head and its guard's. Changes nothing; also while the node runs.
///
/// # Errors
/// The files cannot be opened, or the export cannot be written. What cannot be read inside them is in the answer.
pub fn export(path: &Path, from: Sequence, parties: &Parties, out: &mut dyn Write) -> Result<Exported, ExportError> {
    let mut exported = Exported::default();
    let mut failure = None;
    write(out, &Line::Ledger(ledger::party_offline(path)?))?;
    let scanned = ledger::scan_offline(path, &mut |found| match found {
        Ok(record) if record.seq < from || failure.is_some() => {}
        Ok(record) => match write(out, &Line::Record(line_of(&record, parties))) {
            Ok(()) => exported.records += 1,
            Err(error) => failure = Some(error),
        },
        Err(gap) => exported.gaps.push(gap),
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    if let Some(head) = &scanned.head {
        write(out, &Line::Head(HeadLine::of(head)))?;
    }
    match &scanned.guard {
        Some(head) => write(out, &Line::Guard(HeadLine::of(head)))?,
        None => exported.gaps.push("the guard is missing, or no slot of it is sound".to_owned()),
    }
    out.flush()?;
    Ok(exported)
}

fn write(out: &mut dyn Write, line: &Line) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn line_of(record: &Record, parties: &Parties) -> RecordLine {
    RecordLine {
        sequence: record.seq.0,
        recorded_at_ms: record.recorded_at_ms,
        recorded_at: Timestamp::from_millisecond(record.recorded_at_ms).map(|at| at.to_string()).unwrap_or_default(),
        kind: record.kind.0,
        hash: hex::encode(record.hash.0),
        previous_hash: hex::encode(record.prev_hash.0),
        body: hex::encode(&record.body),
        summary: summary(record, parties),
    }
}

fn summary(record: &Record, parties: &Parties) -> Summary {
    let plain = |what: &str| Summary { what: what.to_owned(), ..Summary::default() };
    match Entry::decode(&record.body, parties) {
        Err(error) => plain(&format!("unreadable: {error}")),
        Ok(Entry::Book(_)) => plain("book"),
        Ok(Entry::CutOff { cycle, .. }) => Summary { cycle: Some(cycle.to_string()), ..plain("cut_off") },
        Ok(Entry::Contradiction { .. }) => plain("contradiction"),
        Ok(Entry::Direction(_)) => plain("direction"),
        Ok(Entry::Resolution(_)) => plain("resolution"),
        Ok(Entry::Evidence(held)) => Summary {
            evidence: Some(held.evidence.kind().as_str_name().to_owned()),
            house: Some(held.envelope.house.clone()),
            cycle: held.evidence.cycle().map(|cycle| cycle.to_string()),
            round: held.evidence.round().map(|round| round.0),
            key_id: Some(held.envelope.key_id.clone()),
            ..plain("evidence")
        },
    }
}
