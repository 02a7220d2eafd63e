//! Rebuilding a node's state from its ledger.

use std::sync::Arc;

use jiff::Timestamp;
use prost::bytes::Bytes;

use super::{NodeError, catalog::Catalog, core::Replayed, entry::Entry};
use crate::{
    arrangement::{
        digest::Digest,
        leg::Leg,
        machine::{Machine, Rules},
        parties::Parties,
    },
    blobs::BlobStore,
    book::{Accounts, Book, Scope, Submission, columns},
    ledger::{Ledger, Sequence},
    wire,
};

/// Records read at a time.
const BATCH: usize = 1_024;

/// Folds every record of the ledger.
pub(crate) async fn replay(
    ledger: &dyn Ledger,
    blobs: &dyn BlobStore,
    parties: &Parties,
    us: Leg,
    rules: Rules,
) -> Result<(Replayed, Catalog), NodeError> {
    let mut machine = Machine::new(us, rules);
    let mut catalog = Catalog::new(us, parties.mode);
    let mut next = Sequence::GENESIS.next();
    loop {
        let records = ledger.read_from(next, BATCH).await?;
        let Some(last) = records.last() else { break };
        let head = (last.seq, last.hash);
        for record in &records {
            let at =
                |error: &dyn std::fmt::Display| NodeError::Record { sequence: record.seq.0, reason: error.to_string() };
            let entry = Entry::decode(&record.body, parties).map_err(|error| at(&error))?;
            let facts = entry.facts().map_err(|error| at(&error))?;
            let book = match &entry {
                Entry::Book(recorded) => Some(read_book(recorded, blobs, catalog.book()).map_err(|error| at(&error))?),
                _ => None,
            };
            let recorded_at = Timestamp::from_millisecond(record.recorded_at_ms).map_err(|error| at(&error))?;
            catalog.apply(&entry, &facts, book, recorded_at);
            for fact in &facts {
                machine.replay(fact);
                catalog.note_agreement(fact, machine.on_record(), recorded_at);
            }
        }
        next = head.0.next();
        catalog.head = Some(head);
    }
    Ok((Replayed { machine, next }, catalog))
}

/// The book that a record makes, read from its chunks.
fn read_book(
    recorded: &crossmargin::v1::RecordedBook,
    blobs: &dyn BlobStore,
    before: Option<&Arc<Book>>,
) -> Result<Arc<Book>, wire::WireError> {
    let wrong = |error: &dyn std::fmt::Display| wire::WireError::new("book", error);
    let mut accounts = Accounts::new();
    for chunk in &recorded.chunks {
        let digest = wire::digest("book.chunks", &chunk.digest)?;
        accounts.extend(columns::read(&blob(blobs, digest)?).map_err(|error| wrong(&error))?);
    }
    let flat = recorded.flat_accounts.iter().map(|name| name.parse());
    let submission = Submission {
        request_id: recorded.request_id.clone(),
        version: recorded.book_version,
        business_date: wire::date("book.business_date", &recorded.business_date)?,
        as_of: wire::timestamp("book.as_of", recorded.as_of.as_ref())?,
        scope: match recorded.scope() {
            crossmargin::v1::SnapshotScope::Amendment => Scope::Amendment,
            _ => Scope::Full,
        },
        accounts,
        flat_accounts: flat.collect::<Result<_, _>>().map_err(|error| wrong(&error))?,
    };
    Ok(Arc::new(submission.apply_to(before.map(AsRef::as_ref))))
}

fn blob(blobs: &dyn BlobStore, digest: Digest) -> Result<Bytes, wire::WireError> {
    let found = blobs.get(&digest).map_err(|error| wire::WireError::new("content", error))?;
    found.ok_or_else(|| {
        wire::WireError::new("content", format!("{digest} is not in the store; restore it from a backup"))
    })
}
