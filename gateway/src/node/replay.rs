//! Rebuilding a node's state from its ledger.

use std::sync::Arc;

use jiff::Timestamp;
use prost::bytes::Bytes;

use super::{
    NodeError,
    catalog::{BookVersion, Catalog},
    core::Replayed,
    entry::Entry,
    links_changed, snapshot,
};
use crate::{
    arrangement::{
        digest::Digest,
        leg::Leg,
        machine::{Machine, Rules},
        parties::Parties,
        programme,
    },
    blobs::BlobStore,
    book::{Accounts, Book, Scope, Submission, columns, direction::item::Item},
    ledger::{Ledger, Sequence},
    wire,
};

/// Records read at a time.
const BATCH: usize = 1_024;

/// Folds the ledger: what the newest snapshot kept, then every record after it.
pub(crate) async fn replay(
    ledger: &dyn Ledger,
    blobs: &dyn BlobStore,
    parties: &Parties,
    programme: &programme::Rules,
    us: Leg,
    rules: Rules,
) -> Result<(Replayed, Catalog), NodeError> {
    let mut fold = Fold { blobs, parties, machine: Machine::new(us, rules), catalog: Catalog::new(us, programme) };
    let mut last = Sequence::GENESIS;
    if let Some(kept) = snapshot::newest(ledger).await? {
        for record in &kept.records {
            fold.take(record.sequence, record.recorded_at_ms, &record.body)?;
        }
        last = kept.at;
    }
    let snapshot_at = last;
    loop {
        let records = ledger.read_from(last.next(), BATCH).await?;
        let Some(newest) = records.last() else { break };
        last = newest.seq;
        for record in &records {
            fold.take(record.seq.0, record.recorded_at_ms, &record.body)?;
        }
    }
    let head = ledger.head().head;
    let Fold { machine, mut catalog, .. } = fold;
    catalog.head = (head.seq > Sequence::GENESIS).then_some((head.seq, head.hash));
    Ok((Replayed { machine, next: last.next(), snapshot_at }, catalog))
}

/// A fold over records.
struct Fold<'a> {
    blobs: &'a dyn BlobStore,
    parties: &'a Parties,
    machine: Machine,
    catalog: Catalog,
}

impl Fold<'_> {
    fn take(&mut self, sequence: u64, recorded_at_ms: i64, body: &[u8]) -> Result<(), NodeError> {
        let at = |error: &dyn std::fmt::Display| NodeError::Record { sequence, reason: error.to_string() };
        let entry = Entry::decode(body, self.parties).map_err(|error| at(&error))?;
        let mut facts = entry.facts(self.machine.us()).map_err(|error| at(&error))?;
        let version = match &entry {
            Entry::Book(recorded) => {
                Some(read_version(recorded, self.blobs, &self.catalog).map_err(|error| at(&error))?)
            }
            _ => None,
        };
        let recorded_at = Timestamp::from_millisecond(recorded_at_ms).map_err(|error| at(&error))?;
        let recorded_at = entry.happened_at(recorded_at);
        let before = Arc::clone(&self.catalog.registry);
        self.catalog.apply(&entry, &facts, version, recorded_at);
        let us = self.machine.us();
        facts.extend(links_changed::fact(&entry, &before, &self.catalog.registry, self.machine.on_record(), us));
        for fact in &facts {
            self.machine.replay(fact);
            self.catalog.note_agreement(fact, self.machine.on_record(), recorded_at);
        }
        Ok(())
    }
}

/// The version of the book that a record makes.
fn read_version(
    recorded: &crossmargin::v1::RecordedBook,
    blobs: &dyn BlobStore,
    catalog: &Catalog,
) -> Result<BookVersion, wire::WireError> {
    let items = recorded.items.iter().map(Item::read).collect::<Result<_, _>>()?;
    let book = if recorded.is_replaced { None } else { Some(read_book(recorded, blobs, catalog)?) };
    Ok(BookVersion { book, items })
}

/// The book that a record makes, read from its chunks.
fn read_book(
    recorded: &crossmargin::v1::RecordedBook,
    blobs: &dyn BlobStore,
    catalog: &Catalog,
) -> Result<Arc<Book>, wire::WireError> {
    let wrong = |error: &dyn std::fmt::Display| wire::WireError::new("book", error);
    let mut accounts = Accounts::new();
    for chunk in &recorded.chunks {
        let digest = wire::digest("book.chunks", &chunk.digest)?;
        accounts.extend(columns::read(&blob(blobs, digest)?).map_err(|error| wrong(&error))?);
    }
    let flat = recorded.flat_accounts.iter().map(|name| name.parse());
    let submission = Submission {
        version: recorded.book_version,
        business_date: wire::date("book.business_date", &recorded.business_date)?,
        as_of: wire::timestamp("book.as_of", recorded.as_of.as_ref())?,
        scope: match recorded.scope() {
            crossmargin::v1::SnapshotScope::Amendment => Scope::Amendment,
            _ => Scope::Full,
        },
        directions_through: recorded.directions_through,
        accounts,
        flat_accounts: flat.collect::<Result<_, _>>().map_err(|error| wrong(&error))?,
    };
    let before = catalog.book();
    let included = catalog.directions.included(before.map(AsRef::as_ref), submission.directions_through);
    Ok(Arc::new(submission.apply_to(before.map(AsRef::as_ref), &included)))
}

fn blob(blobs: &dyn BlobStore, digest: Digest) -> Result<Bytes, wire::WireError> {
    let found = blobs.get(&digest).map_err(|error| wire::WireError::new("content", error))?;
    found.ok_or_else(|| {
        wire::WireError::new("content", format!(
            "{digest} is not in the blob store; restore the store from a copy (`crossmargin ledger verify --config FILE` lists \
             everything that is missing)"
        ))
    })
}
