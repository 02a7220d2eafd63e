//! Positions: the chunks of a frozen book, and what position keeping submits.

use std::collections::BTreeMap;

use crossmargin::v1::{self, submit_snapshot_request::Part};
use gateway::{
    arrangement::{leg::Leg, name::AccountId},
    book::{
        Accounts, columns,
        intake::{self, Eligibility, Snapshot},
    },
    sample, wire,
};
use jiff::civil::Date;
use prost::Message;
use risk::instrument::Instrument;

use super::{
    Verdict,
    fixture::{each_names_its_field, numbered},
};

/// A chunk of the other house's book: what is read is cut into chunks that read back to the same accounts.
pub fn chunk(data: &[u8]) -> Verdict {
    let probe: AccountId = "FICC-A-0001".parse().unwrap();
    let placed = columns::place(data, &probe);
    match columns::read(data) {
        Ok(held) => {
            assert!(held.is_empty() || placed.is_ok());
            let accounts: Accounts = held.iter().cloned().collect();
            assert_eq!(accounts.len(), held.len(), "an account is there twice");
            let cut = columns::chunks_of(&accounts);
            let again: Vec<_> = cut.iter().flat_map(|chunk| columns::read(&chunk.bytes).unwrap()).collect();
            assert_eq!(again, held);
            // The chunk has one form as columns.
            if let [chunk] = &cut[..] {
                assert_eq!(v1::PositionColumns::decode(&chunk.bytes[..]), v1::PositionColumns::decode(data));
            }
            Verdict::Accepted
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            Verdict::Refused
        }
    }
}

/// The chunks of a few accounts of both of the sample's books.
pub fn chunks() -> Vec<(String, Vec<u8>)> {
    let submitted = Leg::BOTH.map(|leg| intake::check(&sample_snapshot(leg), 0, &Anything).unwrap());
    numbered(submitted.into_iter().flat_map(|submission| {
        let few: Accounts = submission.accounts.into_iter().take(6).collect();
        columns::chunks_of(&few).into_iter().map(|chunk| chunk.bytes)
    }))
}

/// Takes every account and instrument: what is under test is the reading.
struct Anything;

impl Eligibility for Anything {
    fn check_account(&self, _: &AccountId) -> Result<(), String> {
        Ok(())
    }

    fn check(&self, _: &Instrument, _: i64, _: Date) -> Result<(), String> {
        Ok(())
    }
}

/// The parts of a snapshot, each behind its length: what is accepted has no empty account and no zero, and is cut into
/// chunks that read back the same; what is refused is told by field.
pub fn snapshot(mut data: &[u8]) -> Verdict {
    let mut snapshot = Snapshot::default();
    while !data.is_empty() {
        match v1::SubmitSnapshotRequest::decode_length_delimited(&mut data).map(|request| request.part) {
            Ok(Some(Part::Header(header))) => snapshot.header = header,
            Ok(Some(Part::Positions(columns))) => snapshot.positions.push(columns),
            Ok(Some(Part::Repos(columns))) => snapshot.repos.push(columns),
            Ok(None) | Err(_) => break,
        }
    }
    match intake::check(&snapshot, 1, &Anything) {
        Ok(submission) => {
            assert!(submission.version > 1);
            let quantities = submission.accounts.values().flat_map(|held| held.iter().map(|holding| holding.quantity));
            assert!(quantities.into_iter().all(|quantity| quantity != 0));
            assert!(submission.flat_accounts.iter().all(|account| !submission.accounts.contains_key(account)));
            let chunks = columns::chunks_of(&submission.accounts);
            let read: BTreeMap<_, _> = chunks.iter().flat_map(|chunk| columns::read(&chunk.bytes).unwrap()).collect();
            assert_eq!(read, submission.accounts);
            Verdict::Accepted
        }
        Err(problems) => {
            each_names_its_field(problems.list().iter().map(|p| (p.field.as_str(), p.description.clone())));
            Verdict::Refused
        }
    }
}

/// Snapshots of a few accounts of the sample.
pub fn snapshots() -> Vec<(String, Vec<u8>)> {
    numbered(Leg::BOTH.map(|leg| {
        let Snapshot { header, positions, repos } = sample_snapshot(leg);
        let parts = std::iter::once(Part::Header(header))
            .chain(positions.into_iter().map(Part::Positions))
            .chain(repos.into_iter().map(Part::Repos));
        parts.flat_map(|part| v1::SubmitSnapshotRequest { part: Some(part) }.encode_length_delimited_to_vec()).collect()
    }))
}

fn sample_snapshot(leg: Leg) -> Snapshot {
    let book = sample::book::book(leg).unwrap();
    let few: Vec<String> = book.accounts().iter().take(6).cloned().collect();
    let mut snapshot = Snapshot {
        header: v1::SnapshotHeader {
            request_id: "book-2".into(),
            business_date: sample::BUSINESS_DATE.to_string(),
            as_of: Some(wire::to_timestamp("2026-02-13T22:00:00Z".parse().unwrap())),
            book_version: 2,
            scope: v1::SnapshotScope::Full.into(),
            flat_accounts: Vec::new(),
            directions_through: 0,
        },
        ..Snapshot::default()
    };
    for part in book.of_accounts(|account| few.iter().any(|one| one == account)).into_wire(1_000) {
        match part {
            Part::Positions(columns) => snapshot.positions.push(columns),
            Part::Repos(columns) => snapshot.repos.push(columns),
            Part::Header(_) => {}
        }
    }
    snapshot
}
