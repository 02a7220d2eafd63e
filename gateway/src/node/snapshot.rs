//! Snapshots of a node's state: the records that still count, so that a start need not read all.
//!
//! A book that a later full book replaced is most of what a replay would read, and no position follows from it any more: what
//! is left of it answers its request again. Everything that was signed is kept.

use std::collections::BTreeSet;

use crossmargin::v1::{self, ledger_record};
use prost::Message;

use crate::ledger::{Ledger, LedgerError, Sequence};

/// Records between two snapshots, at least.
const INTERVAL_LEAST: u64 = 2_000;
/// Records read at a time.
const BATCH: usize = 1_024;
/// Business dates whose books count.
pub(crate) const BOOK_DATES: usize = 4;

/// A snapshot as it is read at a start.
pub(crate) struct Kept {
    /// The last record that it covers.
    pub(crate) at: Sequence,
    /// The records that still count.
    pub(crate) records: Vec<v1::KeptRecord>,
}

/// Whether a ledger that ends at `last` has grown enough since the snapshot at `taken`: by half, and by 2,000 records at
/// least. A snapshot copies every record that is kept, so snapshots at equal distances would cost the square of a day;
/// at growing ones all of them together copy a bounded number of times what the ledger holds.
pub(crate) fn is_due(taken: Sequence, last: Sequence) -> bool {
    last.0.saturating_sub(taken.0) >= INTERVAL_LEAST.max(taken.0 / 2)
}

/// The newest snapshot; `None` without one that can be read.
///
/// # Errors
/// Those of the ledger.
pub(crate) async fn newest(ledger: &dyn Ledger) -> Result<Option<Kept>, LedgerError> {
    let Some(snapshot) = ledger.latest_snapshot().await? else { return Ok(None) };
    match v1::LedgerSnapshot::decode(&snapshot.state[..]) {
        Ok(state) => Ok(Some(Kept { at: snapshot.at.seq, records: state.records })),
        Err(error) => {
            tracing::warn!(%error, "the newest snapshot cannot be read; the whole ledger is replayed");
            Ok(None)
        }
    }
}

/// Takes a snapshot as of the newest durable record.
///
/// # Errors
/// Those of the ledger.
pub(crate) async fn take(ledger: &dyn Ledger) -> Result<(), LedgerError> {
    let before = newest(ledger).await?;
    let mut next = before.as_ref().map_or(Sequence::GENESIS, |kept| kept.at).next();
    let mut records = before.map(|kept| kept.records).unwrap_or_default();
    let mut at = None;
    loop {
        let batch = ledger.read_from(next, BATCH).await?;
        let Some(last) = batch.last() else { break };
        next = last.seq.next();
        at = Some(last.seq);
        records.extend(batch.into_iter().map(|record| v1::KeptRecord {
            sequence: record.seq.0,
            recorded_at_ms: record.recorded_at_ms,
            body: record.body.into(),
        }));
    }
    // Nothing new, nothing to take.
    let Some(at) = at else { return Ok(()) };
    let state = v1::LedgerSnapshot { records: compact(records) };
    ledger.put_snapshot(at, state.encode_to_vec()).await
}

/// The records from which something still follows.
fn compact(records: Vec<v1::KeptRecord>) -> Vec<v1::KeptRecord> {
    let contents: Vec<Content> = records.iter().map(content_of).collect();
    let books: Vec<Option<&v1::RecordedBook>> = contents.iter().map(Content::book).collect();
    let dates: BTreeSet<&str> = books.iter().flatten().map(|book| book.business_date.as_str()).collect();
    // The newest book of a date is made from the last full book up to it.
    let base_of = |date: &str| {
        let is_of_date = |book: &v1::RecordedBook| book.business_date == date;
        let newest = books.iter().rposition(|book| book.is_some_and(is_of_date))?;
        let is_full = |book: &v1::RecordedBook| book.scope() == v1::SnapshotScope::Full;
        books[..=newest].iter().rposition(|book| book.is_some_and(is_full))
    };
    let newest_dates: BTreeSet<String> = dates.iter().rev().take(BOOK_DATES).map(|date| (*date).to_owned()).collect();
    let Some(base) = newest_dates.iter().map(String::as_str).map(|date| base_of(date).unwrap_or(0)).min() else {
        return records;
    };
    // A direction counts until every book that is kept includes it; one of the newest day also answers its request again.
    let kept_books = books[base..].iter().flatten();
    let included = kept_books.map(|book| book.directions_through).min().unwrap_or(0);
    let today = dates.last().map(|date| (*date).to_owned()).unwrap_or_default();
    let kept = records.into_iter().zip(contents).enumerate().filter_map(|(place, (record, content))| match content {
        Content::Book(book) if place < base => {
            let answers = newest_dates.contains(&book.business_date);
            left_of(record, book, answers)
        }
        Content::Direction { number, business_date } if number <= included && business_date < today => None,
        _ => Some(record),
    });
    kept.collect()
}

/// What is left of a book that a later one replaced: the reconciliation items that it brought, and the answer to its request
/// while its business date is one of the newest.
fn left_of(record: v1::KeptRecord, book: v1::RecordedBook, answers: bool) -> Option<v1::KeptRecord> {
    if book.items.is_empty() && !answers {
        return None;
    }
    let left = v1::RecordedBook { chunks: Vec::new(), flat_accounts: Vec::new(), is_replaced: true, ..book };
    let body = v1::LedgerRecord { record: Some(ledger_record::Record::Book(left)) }.encode_to_vec();
    Some(v1::KeptRecord { body: body.into(), ..record })
}

/// What a record holds, as far as it may stop counting.
enum Content {
    Book(v1::RecordedBook),
    Direction { number: u64, business_date: String },
    Other,
}

impl Content {
    /// The book, where it is one that still stands for positions.
    fn book(&self) -> Option<&v1::RecordedBook> {
        match self {
            Self::Book(book) if !book.is_replaced => Some(book),
            _ => None,
        }
    }
}

fn content_of(record: &v1::KeptRecord) -> Content {
    match v1::LedgerRecord::decode(&record.body[..]).ok().and_then(|record| record.record) {
        Some(ledger_record::Record::Book(book)) => Content::Book(book),
        Some(ledger_record::Record::Direction(direction)) => {
            Content::Direction { number: direction.number, business_date: direction.business_date }
        }
        _ => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(sequence: u64, business_date: &str, scope: v1::SnapshotScope) -> v1::KeptRecord {
        let book = v1::RecordedBook { business_date: business_date.into(), scope: scope.into(), ..Default::default() };
        let record = v1::LedgerRecord { record: Some(ledger_record::Record::Book(book)) };
        v1::KeptRecord { sequence, recorded_at_ms: 0, body: record.encode_to_vec().into() }
    }

    fn cut_off(sequence: u64) -> v1::KeptRecord {
        let record = ledger_record::Record::CutOff(v1::RecordedCutOff::default());
        let body = v1::LedgerRecord { record: Some(record) }.encode_to_vec().into();
        v1::KeptRecord { sequence, recorded_at_ms: 0, body }
    }

    /// Of books that stand for positions, and of everything else, the places.
    fn standing(records: &[v1::KeptRecord]) -> Vec<u64> {
        let stands = |record: &&v1::KeptRecord| !matches!(content_of(record), Content::Book(book) if book.is_replaced);
        records.iter().filter(stands).map(|record| record.sequence).collect()
    }

    #[test]
    fn books_of_the_last_days_and_their_base_are_kept_and_everything_else_but_older_books() {
        let (full, amendment) = (v1::SnapshotScope::Full, v1::SnapshotScope::Amendment);
        let records = vec![
            book(1, "2026-02-02", full),
            cut_off(2),
            book(3, "2026-02-03", full),
            book(4, "2026-02-04", amendment),
            book(5, "2026-02-05", full),
            book(6, "2026-02-06", amendment),
            book(7, "2026-02-09", amendment),
        ];
        let kept: Vec<u64> = compact(records).iter().map(|record| record.sequence).collect();
        // The oldest of four dates is 2026-02-04, whose amendment was made from the full book of the day before.
        assert_eq!(kept, [2, 3, 4, 5, 6, 7]);
    }

    fn direction(sequence: u64, number: u64, business_date: &str) -> v1::KeptRecord {
        let direction = v1::RecordedDirection { number, business_date: business_date.into(), ..Default::default() };
        let record = v1::LedgerRecord { record: Some(ledger_record::Record::Direction(direction)) };
        v1::KeptRecord { sequence, recorded_at_ms: 0, body: record.encode_to_vec().into() }
    }

    fn book_through(sequence: u64, business_date: &str, through: u64, items: usize) -> v1::KeptRecord {
        let book = v1::RecordedBook {
            business_date: business_date.into(),
            scope: v1::SnapshotScope::Full.into(),
            directions_through: through,
            chunks: vec![v1::ChunkRef::default()],
            items: vec![v1::ReconciliationItem::default(); items],
            ..Default::default()
        };
        let record = v1::LedgerRecord { record: Some(ledger_record::Record::Book(book)) };
        v1::KeptRecord { sequence, recorded_at_ms: 0, body: record.encode_to_vec().into() }
    }

    fn sequences(records: &[v1::KeptRecord]) -> Vec<u64> {
        records.iter().map(|record| record.sequence).collect()
    }

    #[test]
    fn a_direction_is_kept_until_every_kept_book_includes_it_and_its_day_is_over() {
        let mut records = vec![
            book_through(1, "2026-02-02", 0, 0),
            direction(2, 1, "2026-02-02"),
            direction(3, 2, "2026-02-02"),
            book_through(4, "2026-02-02", 1, 0),
        ];
        assert_eq!(standing(&compact(records.clone())), [2, 3, 4], "of the day");
        records.push(book_through(5, "2026-02-03", 2, 0));
        assert_eq!(standing(&compact(records.clone())), [3, 4, 5], "the book of the 2nd can be frozen still");
        records.extend([direction(6, 3, "2026-02-03"), book_through(7, "2026-02-04", 3, 0)]);
        records.extend([book_through(8, "2026-02-05", 3, 0), book_through(9, "2026-02-06", 3, 0)]);
        assert_eq!(standing(&compact(records)), [5, 6, 7, 8, 9]);
    }

    #[test]
    fn of_a_replaced_book_its_items_are_kept_and_on_the_newest_dates_the_answer_to_its_request() {
        let mut records = vec![
            book_through(1, "2026-02-02", 0, 0),
            book_through(2, "2026-02-02", 0, 2),
            book_through(3, "2026-02-02", 0, 0),
        ];
        let kept = compact(records.clone());
        assert_eq!(sequences(&kept), [1, 2, 3]);
        for (kept, items) in kept.iter().zip([0, 2]) {
            let Content::Book(left) = content_of(kept) else { panic!("it is a book") };
            assert_eq!((left.is_replaced, left.chunks.len(), left.items.len()), (true, 0, items));
        }
        records.extend((3..=6).map(|day| book_through(day + 1, &format!("2026-02-0{day}"), 0, 0)));
        assert_eq!(sequences(&compact(records)), [2, 4, 5, 6, 7], "of an older date the items alone");
        // And again: what is left stays left, and makes no book.
        assert_eq!(compact(kept.clone()), kept);
    }

    #[test]
    fn a_correction_of_an_earlier_day_takes_no_later_day_with_it() {
        let full = v1::SnapshotScope::Full;
        let records = vec![book(1, "2026-02-02", full), book(2, "2026-02-03", full), book(3, "2026-02-02", full)];
        assert_eq!(standing(&compact(records)), [2, 3], "the book of the 3rd counts still");
    }

    #[test]
    fn snapshots_of_a_million_records_copy_a_bounded_number_of_times_what_the_ledger_holds() {
        let mut taken = Sequence::GENESIS;
        let mut places = Vec::new();
        for last in (1..=1_000_000).map(Sequence) {
            if is_due(taken, last) {
                taken = last;
                places.push(last.0);
            }
        }
        assert_eq!(places[..4], [2_000, 4_000, 6_000, 9_000]);
        assert!(places.len() < 20, "{places:?}");
        assert!(places.iter().sum::<u64>() <= 3 * 1_000_000, "{places:?}");
        // What a start reads behind the newest snapshot is never more than half of what lies before it.
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] <= (pair[0] / 2).max(INTERVAL_LEAST)));
    }

    #[test]
    fn without_books_everything_is_kept() {
        assert_eq!(compact(vec![cut_off(1), cut_off(2)]).len(), 2);
    }
}
