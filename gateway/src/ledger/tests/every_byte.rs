//! Any byte of a small ledger's file flipped: either verification finds it, or nothing that is stored has changed.

use std::{fs, os::unix::fs::FileExt};

use rusqlite::types::Value;

use super::common::{EPOCH, Files, record};
use crate::ledger::{Ledger, Sequence, VerifyReport, sqlite::connect_read_only};

fn small_ledger(files: &Files) {
    let ledger = files.open();
    ledger.append(Sequence(1), EPOCH, vec![record("first"), record("second")]).wait().unwrap();
    ledger.append(Sequence(3), EPOCH, vec![record("third")]).wait().unwrap();
    // Longer than a page, so that overflow pages are there too.
    ledger.append(Sequence(4), EPOCH, vec![record(&"long ".repeat(1000))]).wait().unwrap();
    futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(3), b"state".to_vec()));
}

type Rows = Vec<Vec<Value>>;

/// Everything that the ledger stores.
fn stored(files: &Files) -> rusqlite::Result<Vec<Rows>> {
    let connection = connect_read_only(&files.path())?;
    ["ledger", "records", "batches", "snapshots"]
        .iter()
        .map(|table| {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = statement.column_count();
            statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?.collect()
        })
        .collect()
}

/// Flips bytes that `choose` picks (by position and value) and answers how many of the flips were found.
fn flip_bytes(choose: impl Fn(usize, u8) -> bool) -> (usize, usize) {
    let files = Files::new();
    small_ledger(&files);
    let good = fs::read(files.path()).unwrap();
    let before = stored(&files).unwrap();
    let sound = files.verify();
    assert!(sound.is_sound());
    let same_figures = |report: &VerifyReport| report.head == sound.head && report.records == sound.records;

    let file = fs::File::options().write(true).open(files.path()).unwrap();
    let (mut found, mut harmless) = (0, 0);
    for (position, byte) in good.iter().enumerate().filter(|(position, byte)| choose(*position, **byte)) {
        let mask = 1 << (position % 8);
        file.write_all_at(&[byte ^ mask], position as u64).unwrap();
        let report = files.verify();
        if report.is_sound() {
            harmless += 1;
            assert!(same_figures(&report), "position {position}");
            assert_eq!(stored(&files).unwrap(), before, "position {position}");
        } else {
            found += 1;
        }
        file.write_all_at(&[*byte], position as u64).unwrap();
    }
    assert!(files.verify().is_sound());
    (found, harmless)
}

#[test]
fn a_flipped_byte_is_found_or_changes_nothing_that_is_stored() {
    // The zeros between a page's header and its cells hold nothing; a sample of them will do.
    let (found, harmless) = flip_bytes(|position, byte| byte != 0 && position % 5 == 0 || position % 101 == 0);
    assert!(found > harmless, "{found} found, {harmless} harmless");
}

#[test]
#[ignore = "every byte in turn takes a minute; the test above takes a sample of them"]
fn every_flipped_byte_is_found_or_changes_nothing_that_is_stored() {
    let (found, harmless) = flip_bytes(|_, _| true);
    assert!(found > 0, "{found} found, {harmless} harmless");
}
