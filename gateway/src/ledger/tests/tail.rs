//! Torn and damaged files: the ledger comes back with all that was acknowledged, or says that it did not.

use std::fs;

use super::common::{Files, append, flip, ledger_of};
use crate::ledger::{Ledger, LedgerError, Sequence, SqliteLedger, Standing};

const ACKNOWLEDGED: u64 = 8;

/// How a damaged ledger answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Whole,
    HeldByGuard,
    Refused,
}

/// Opens what is left and holds it against what was acknowledged.
fn open_again(files: &Files, what: &str) -> Outcome {
    match SqliteLedger::open(files.options()) {
        Ok(ledger) => match ledger.standing() {
            Standing::Writable => {
                let records = ledger.read_from_blocking(Sequence(1), 1000).unwrap();
                let bodies: Vec<_> = records.into_iter().map(|record| record.body).collect();
                let acknowledged: Vec<_> =
                    (1..=ACKNOWLEDGED).map(|number| format!("record {number}").into_bytes()).collect();
                assert_eq!(bodies, acknowledged, "{what}");
                append(&ledger, "life goes on").unwrap();
                Outcome::Whole
            }
            Standing::HeldByGuard(_) => {
                assert!(ledger.head().head.seq < Sequence(ACKNOWLEDGED), "{what}");
                assert!(append(&ledger, "never").is_err(), "{what}");
                assert!(files.problem_codes().contains(&"guard_behind"), "{what}");
                Outcome::HeldByGuard
            }
            Standing::Poisoned(error) => panic!("{what}: {error}"),
        },
        Err(LedgerError::Corrupted { .. } | LedgerError::Missing { .. } | LedgerError::NotALedger { .. }) => {
            Outcome::Refused
        }
        Err(other) => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_write_ahead_log_cut_anywhere_never_loses_an_acknowledged_record_silently() {
    let files = Files::new();
    let _ledger = ledger_of(&files, ACKNOWLEDGED);
    let whole = files.as_after_a_kill();
    assert_eq!(open_again(&whole, "uncut"), Outcome::Whole);

    let length = fs::metadata(files.wal_path()).unwrap().len();
    let mut held = 0;
    for cut in (0..length).step_by(509).chain([length - 1]) {
        let files = files.as_after_a_kill();
        fs::File::options().write(true).open(files.wal_path()).unwrap().set_len(cut).unwrap();
        let outcome = open_again(&files, &format!("cut at {cut}"));
        assert_ne!(outcome, Outcome::Whole, "cut at {cut}");
        held += usize::from(outcome == Outcome::HeldByGuard);
    }
    assert!(held > 0);
}

#[test]
fn a_write_ahead_log_with_a_flipped_byte_never_loses_an_acknowledged_record_silently() {
    let files = Files::new();
    let _ledger = ledger_of(&files, ACKNOWLEDGED);
    let length = usize::try_from(fs::metadata(files.wal_path()).unwrap().len()).unwrap();
    let mut outcomes = Vec::new();
    for position in (0..length).step_by(499) {
        let files = files.as_after_a_kill();
        flip(&files.wal_path(), position, 0x10);
        outcomes.push(open_again(&files, &format!("flipped at {position}")));
    }
    // SQLite drops a damaged frame and all behind it without a word; without the guard this would go unseen.
    assert!(outcomes.contains(&Outcome::HeldByGuard));
}

#[test]
fn a_database_cut_anywhere_never_loses_an_acknowledged_record_silently() {
    let files = Files::new();
    drop(ledger_of(&files, ACKNOWLEDGED));
    let length = fs::metadata(files.path()).unwrap().len();
    for cut in (0..length).step_by(509).chain([length - 1]) {
        let files = files.as_after_a_kill();
        fs::File::options().write(true).open(files.path()).unwrap().set_len(cut).unwrap();
        let outcome = open_again(&files, &format!("cut at {cut}"));
        // The last page is of the empty snapshots table: it loses only zeros.
        assert!(outcome != Outcome::Whole || cut > length - 4096, "cut at {cut}");
    }
}

#[test]
fn a_database_that_ends_within_a_long_snapshot_is_damaged_and_no_fault_of_the_disk() {
    let files = Files::new();
    let ledger = ledger_of(&files, ACKNOWLEDGED);
    // Queued at once, and durable when the ledger is closed.
    drop(ledger.put_snapshot(Sequence(ACKNOWLEDGED), vec![7; 100_000]));
    drop(ledger);
    let length = fs::metadata(files.path()).unwrap().len();
    for cut in [length - 5_000, length - 50_000] {
        let cut_off = files.as_after_a_kill();
        fs::File::options().write(true).open(cut_off.path()).unwrap().set_len(cut).unwrap();
        let error = SqliteLedger::open(cut_off.options()).unwrap_err();
        assert!(matches!(error, LedgerError::Corrupted { .. }), "cut at {cut}: {error}");
    }
}

#[test]
fn a_missing_database_is_not_begun_anew_when_the_guard_knows_of_records() {
    for remove_wal in [false, true] {
        let files = Files::new();
        let _ledger = ledger_of(&files, ACKNOWLEDGED);
        let left = files.as_after_a_kill();
        fs::remove_file(left.path()).unwrap();
        if remove_wal {
            fs::remove_file(left.wal_path()).unwrap();
        }
        let error = SqliteLedger::open(left.options()).unwrap_err();
        assert!(matches!(error, LedgerError::Missing { .. }), "{error}");
        assert!(!left.path().exists());
        assert_eq!(left.wal_path().exists(), !remove_wal);
    }
}

#[test]
fn a_damaged_write_ahead_log_is_left_as_it_is_for_repair() {
    let files = Files::new();
    let _ledger = ledger_of(&files, ACKNOWLEDGED);
    let damaged = files.as_after_a_kill();
    let good = fs::read(damaged.wal_path()).unwrap();
    flip(&damaged.wal_path(), good.len() / 2, 0x10);
    assert_eq!(open_again(&damaged, "damaged"), Outcome::HeldByGuard);
    // Mending the byte brings everything back.
    flip(&damaged.wal_path(), good.len() / 2, 0x10);
    assert_eq!(fs::read(damaged.wal_path()).unwrap(), good);
    assert_eq!(open_again(&damaged, "mended"), Outcome::Whole);
}

#[test]
fn an_old_copy_of_the_ledger_put_back_is_held_by_its_guard() {
    let files = Files::new();
    drop(ledger_of(&files, 5));
    let backup = files.as_after_a_kill();
    let ledger = files.open();
    for number in 6..=ACKNOWLEDGED {
        append(&ledger, &format!("record {number}")).unwrap();
    }
    drop(ledger);
    fs::copy(backup.path(), files.path()).unwrap();
    assert_eq!(open_again(&files, "backup"), Outcome::HeldByGuard);
}
