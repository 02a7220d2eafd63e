use std::fs;

use super::common::{EPOCH, Files, append, flip, ledger_of, party, record};
use crate::ledger::{
    GuardConflict, Head, HeadPlace, Ledger, LedgerError, Lost, LostLedger, Sequence, SqliteLedger, Standing, verify,
};

/// A ledger of `kept` records with the guard of one of `signed`, and the head that is lost.
fn behind(kept: u64, signed: u64) -> (Files, Head) {
    let files = Files::new();
    drop(ledger_of(&files, kept));
    let ledger = fs::read(files.path()).unwrap();
    let open = files.open();
    for number in kept + 1..=signed {
        append(&open, &format!("record {number}")).unwrap();
    }
    let lost = open.head().head;
    drop(open);
    fs::write(files.path(), ledger).unwrap();
    drop(fs::remove_file(files.wal_path()));
    (files, lost)
}

fn conflict(files: &Files) -> Option<GuardConflict> {
    match files.open().standing() {
        Standing::HeldByGuard(conflict) => Some(conflict),
        _ => None,
    }
}

#[test]
fn a_lost_end_is_completed_in_one_commit_and_the_guard_follows() {
    let (files, lost) = behind(3, 6);
    assert!(matches!(conflict(&files), Some(GuardConflict::Behind { .. })));
    let ledger = LostLedger::open(&files.options()).unwrap();
    assert_eq!(ledger.head().head.seq, Sequence(3));
    assert_eq!(ledger.guard().map(|guard| guard.head), Some(lost));
    assert_eq!(ledger.place_of(lost).unwrap(), HeadPlace::Beyond);
    assert_eq!(ledger.place_of(ledger.head().head).unwrap(), HeadPlace::OnChain);
    let mut read = 0;
    ledger.read(&mut |_| read += 1).unwrap();
    assert_eq!(read, 3);
    let head = ledger.complete(&[record("restored"), record("recovery")]).unwrap();
    assert_eq!(head.head.seq, Sequence(5));
    assert_eq!(conflict(&files), None);
    assert!(files.verify().is_sound());
    assert!(files.path().with_file_name("ledger.db.guard.superseded-5").exists());
    assert_eq!(append(&files.open(), "goes on").unwrap().last, Sequence(6));
}

#[test]
fn a_crash_between_commit_and_guard_leaves_a_ledger_that_the_guard_holds_and_a_second_run_completes() {
    // The new end is before the lost head, at it, and behind it.
    for restored in [1, 3, 5] {
        let (files, lost) = behind(3, 6);
        let mut ledger = LostLedger::open(&files.options()).unwrap();
        let records: Vec<_> = (0..restored).map(|number| record(&format!("restored {number}"))).collect();
        ledger.commit(&records).unwrap();
        drop(ledger);
        assert!(conflict(&files).is_some(), "{restored}");
        let again = LostLedger::open(&files.options()).unwrap();
        assert_ne!(again.place_of(lost).unwrap(), HeadPlace::OnChain);
        assert_eq!(again.complete(&[]).unwrap().head.seq, Sequence(3 + restored));
        assert_eq!(conflict(&files), None, "{restored}");
        assert!(files.verify().is_sound());
    }
}

#[test]
fn opening_a_lost_ledger_changes_no_file() {
    let (files, _) = behind(3, 6);
    let before = (fs::read(files.path()).unwrap(), fs::read(files.guard_path()).unwrap());
    drop(LostLedger::open(&files.options()).unwrap());
    assert_eq!((fs::read(files.path()).unwrap(), fs::read(files.guard_path()).unwrap()), before);
}

#[test]
fn a_ledger_that_is_gone_is_an_empty_one_and_is_made_anew() {
    let (files, lost) = behind(3, 6);
    fs::remove_file(files.path()).unwrap();
    assert!(matches!(SqliteLedger::open(files.options()), Err(LedgerError::Missing { .. })));
    let ledger = LostLedger::open(&files.options()).unwrap();
    assert_eq!(ledger.head().head, Head::genesis(&party()));
    assert!(matches!(ledger.conflict(), Some(GuardConflict::Behind { .. })));
    assert_eq!(ledger.place_of(lost).unwrap(), HeadPlace::Beyond);
    assert!(!files.path().exists(), "nothing is made before something is committed");
    ledger.complete(&[record("restored")]).unwrap();
    assert_eq!(conflict(&files), None);
    assert!(files.verify().is_sound());
}

#[test]
fn a_lost_ledger_that_is_open_or_damaged_is_refused() {
    let (files, _) = behind(3, 6);
    let open = files.open();
    assert!(matches!(LostLedger::open(&files.options()), Err(LedgerError::InUse { .. })));
    drop(open);
    files.tamper("UPDATE records SET body = x'00' WHERE seq = 2");
    assert!(matches!(LostLedger::open(&files.options()), Err(LedgerError::Corrupted { .. })));
}

#[test]
fn a_damaged_ledger_is_read_as_far_as_it_reads_and_its_gaps_are_named() {
    let files = Files::new();
    drop(ledger_of(&files, 6));
    files.tamper("UPDATE records SET body = x'00' WHERE seq = 2; DELETE FROM records WHERE seq = 4");
    let (mut read, mut gaps) = (Vec::new(), Vec::new());
    let scanned = crate::ledger::scan_offline(&files.path(), &mut |found| match found {
        Ok(record) => read.push(record.seq.0),
        Err(gap) => gaps.push(gap),
    });
    let scanned = scanned.unwrap();
    assert_eq!(read, [1, 3, 6], "the record behind a gap has no predecessor to be checked against");
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert_eq!(scanned.head.map(|head| head.head.seq), Some(Sequence(6)));
    assert_eq!(scanned.guard.map(|head| head.epoch), Some(EPOCH));
    assert!(!verify(&files.verify_options()).unwrap().is_sound());
    flip(&files.path(), 0, 0xff);
    assert!(crate::ledger::scan_offline(&files.path(), &mut |_| ()).is_err(), "not a database any more");
}
