use std::fs;

use super::common::{EPOCH, Files, append, flip, ledger_of, party, signer};
use crate::ledger::{
    GuardConflict, Head, Ledger, LedgerError, RecordHash, Sequence, SignedHead, SqliteLedger, Standing,
    guard::{Guard, GuardSlots, Slot},
    rebase_guard,
};

const SLOT_BYTES: usize = 4096;

fn signed(seq: u64) -> SignedHead {
    let head = Head { seq: Sequence(seq), hash: RecordHash([3; 32]) };
    SignedHead::sign(&party(), head, EPOCH, signer().as_ref()).unwrap()
}

fn newest(files: &Files) -> Option<Sequence> {
    GuardSlots::read(&files.guard_path()).unwrap().unwrap().newest().map(|head| head.head.seq)
}

fn conflict(files: &Files) -> GuardConflict {
    match files.open().standing() {
        Standing::HeldByGuard(conflict) => conflict,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_slots_are_written_in_turn_and_the_newest_head_counts() {
    let files = Files::new();
    let mut guard = Guard::create(&files.guard_path(), &signed(0)).unwrap();
    for seq in 1..=5 {
        guard.store(&signed(seq)).unwrap();
        let slots = GuardSlots::read(&files.guard_path()).unwrap().unwrap();
        assert_eq!(slots.newest(), Some(&signed(seq)));
        let held: Vec<_> = slots.slots.iter().filter(|slot| matches!(slot, Slot::Held { .. })).collect();
        assert_eq!(held.len(), 2);
    }
    let slots = GuardSlots::read(&files.guard_path()).unwrap().unwrap();
    let mut again = Guard::open(&files.guard_path(), &slots).unwrap();
    again.store(&signed(6)).unwrap();
    assert_eq!(newest(&files), Some(Sequence(6)));
}

#[test]
fn a_torn_guard_write_leaves_the_head_before_it() {
    let files = Files::new();
    let mut guard = Guard::create(&files.guard_path(), &signed(1)).unwrap();
    guard.store(&signed(2)).unwrap();
    let before = fs::read(files.guard_path()).unwrap();
    guard.store(&signed(3)).unwrap();
    let after = fs::read(files.guard_path()).unwrap();
    // The third head went over the first, in the first slot.
    assert_eq!(before[SLOT_BYTES..], after[SLOT_BYTES..]);
    for torn_at in 0..SLOT_BYTES {
        let mut torn = before.clone();
        torn[..torn_at].copy_from_slice(&after[..torn_at]);
        fs::write(files.guard_path(), &torn).unwrap();
        let expected = if torn == after { Sequence(3) } else { Sequence(2) };
        assert_eq!(newest(&files), Some(expected), "torn at {torn_at}");
    }
}

#[test]
fn every_flipped_byte_of_the_guard_is_found() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    for position in 0..2 * SLOT_BYTES {
        flip(&files.guard_path(), position, 0x01);
        let slots = GuardSlots::read(&files.guard_path()).unwrap().unwrap();
        assert!(matches!(slots.slots[position / SLOT_BYTES], Slot::Damaged(_)), "position {position}");
        flip(&files.guard_path(), position, 0x01);
    }
    flip(&files.guard_path(), 40, 0x01);
    assert_eq!(files.problem_codes(), ["guard_slot"]);
}

#[test]
fn a_crash_between_commit_and_guard_is_mended_at_the_next_start() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let guard_before = fs::read(files.guard_path()).unwrap();
    let ledger = files.open();
    append(&ledger, "fourth").unwrap();
    drop(ledger);
    fs::write(files.guard_path(), guard_before).unwrap();
    assert_eq!(newest(&files), Some(Sequence(3)));
    assert!(files.verify().is_sound());

    let ledger = files.open();
    assert!(ledger.standing().is_writable());
    assert_eq!(ledger.head().head.seq, Sequence(4));
    assert_eq!(newest(&files), Some(Sequence(4)));
}

#[test]
fn a_ledger_with_records_and_no_guard_takes_no_appends() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    fs::remove_file(files.guard_path()).unwrap();
    assert!(matches!(conflict(&files), GuardConflict::Missing { .. }));
    assert_eq!(files.problem_codes(), ["guard_missing"]);
    assert!(!files.guard_path().exists());
}

#[test]
fn a_ledger_that_lost_its_log_and_its_guard_is_not_taken_for_a_new_one() {
    let files = Files::new();
    let _ledger = ledger_of(&files, 3);
    let left = files.as_after_a_kill();
    fs::remove_file(left.wal_path()).unwrap();
    fs::remove_file(left.guard_path()).unwrap();
    assert!(matches!(conflict(&left), GuardConflict::Missing { .. }));
    assert!(!left.guard_path().exists());
}

#[test]
fn a_crash_before_the_tables_of_a_new_ledger_are_made_is_mended_at_the_next_start() {
    let files = Files::new();
    let ledger = files.open();
    let genesis = ledger.head();
    drop(ledger);
    let new = Files::new();
    Guard::create(&new.guard_path(), &genesis).unwrap();
    append(&new.open(), "the first").unwrap();
    assert_eq!(newest(&new), Some(Sequence(1)));
}

#[test]
fn a_guard_with_no_sound_slot_takes_no_appends() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    flip(&files.guard_path(), 40, 0x01);
    flip(&files.guard_path(), SLOT_BYTES + 40, 0x01);
    assert!(matches!(conflict(&files), GuardConflict::Unreadable { .. }));
    assert_eq!(files.problem_codes(), ["guard_unreadable"]);
}

#[test]
fn a_guard_that_the_house_did_not_sign_takes_no_appends() {
    let files = Files::new();
    let ledger = ledger_of(&files, 3);
    let mut forged = ledger.head();
    drop(ledger);
    forged.head.seq = Sequence(2);
    Guard::create(&files.guard_path(), &forged).unwrap();
    assert!(matches!(conflict(&files), GuardConflict::Unreadable { .. }));
}

#[test]
fn a_guard_of_another_history_takes_no_appends() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    Guard::create(&files.guard_path(), &signed(2)).unwrap();
    let conflict = conflict(&files);
    assert!(matches!(&conflict, GuardConflict::Diverged { .. }), "{conflict}");
    assert_eq!(files.problem_codes(), ["guard_diverged"]);
}

#[test]
fn rebasing_accepts_the_ledger_as_it_is_and_keeps_the_old_guard() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    assert_eq!(rebase_guard(&files.options()).unwrap(), None);
    let backup = files.as_after_a_kill();
    let ledger = files.open();
    append(&ledger, "lost").unwrap();
    fs::copy(files.guard_path(), backup.guard_path()).unwrap();
    assert!(matches!(conflict(&backup), GuardConflict::Behind { .. }));

    let head = rebase_guard(&backup.options()).unwrap().unwrap();
    assert_eq!(head.head.seq, Sequence(3));
    let superseded = backup.path().with_file_name("ledger.db.guard.superseded-3");
    let kept = GuardSlots::read(&superseded).unwrap().unwrap();
    assert_eq!(kept.newest().unwrap().head.seq, Sequence(4));
    append(&backup.open(), "goes on").unwrap();
}

#[test]
fn rebasing_never_blesses_a_damaged_chain() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    fs::remove_file(files.guard_path()).unwrap();
    files.tamper("UPDATE records SET body = x'66' WHERE seq = 2");
    assert!(matches!(rebase_guard(&files.options()), Err(LedgerError::Corrupted { .. })));
    assert!(!files.guard_path().exists());
}

#[test]
fn a_guard_that_cannot_be_written_stops_the_ledger() {
    let files = Files::new();
    let ledger = files.open();
    drop(ledger);
    fs::remove_file(files.guard_path()).unwrap();
    fs::create_dir(files.guard_path()).unwrap();
    let error = SqliteLedger::open(files.options()).unwrap_err();
    assert!(matches!(&error, LedgerError::Storage { path, .. } if *path == files.guard_path()), "{error}");
}
