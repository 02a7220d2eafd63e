//! A word of the house that somebody else holds and its ledger does not have: the guard takes it for good.

use std::{fs, sync::Arc, thread};

use super::common::{EPOCH, Files, append, flip, ledger_of, other_parties, party, record, signer};
use crate::ledger::{
    GuardConflict, Head, HeadSignature, Ledger, LedgerError, Lost, LostLedger, MemoryLedger, RecordHash, Sequence,
    SignedHead, SqliteLedger, Standing, guard::GuardSlots, rebase_guard,
};

const SLOT_BYTES: usize = 4096;

/// A head that the house signed.
fn word(seq: u64) -> SignedHead {
    SignedHead::sign(&party(), Head { seq: Sequence(seq), hash: RecordHash([7; 32]) }, EPOCH, signer().as_ref())
        .unwrap()
}

fn hold(ledger: &dyn Ledger, word: SignedHead) -> Result<Option<GuardConflict>, LedgerError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ledger.hold_to(word))
}

fn conflict(ledger: &dyn Ledger) -> Option<GuardConflict> {
    match ledger.standing() {
        Standing::HeldByGuard(conflict) => Some(conflict),
        Standing::Writable => None,
        Standing::Poisoned(error) => panic!("{error}"),
    }
}

/// The heads of both slots.
fn guarded(files: &Files) -> [Option<SignedHead>; 2] {
    let slots = GuardSlots::read(&files.guard_path()).unwrap().unwrap().slots;
    slots.map(|slot| match slot {
        crate::ledger::guard::Slot::Held { head, .. } => Some(head),
        _ => None,
    })
}

fn is_held(outcome: Result<crate::ledger::Appended, LedgerError>) -> bool {
    matches!(outcome, Err(LedgerError::HeldByGuard(_)))
}

#[test]
fn a_ledger_takes_nothing_more_from_the_word_on_and_neither_does_any_later_opening() {
    // Beyond the end; at the end and before it, another record; and another beginning.
    for (seq, code) in [(9, "guard_behind"), (3, "guard_diverged"), (1, "guard_diverged"), (0, "guard_diverged")] {
        let files = Files::new();
        let ledger = ledger_of(&files, 3);
        let stands = hold(&ledger, word(seq)).unwrap();
        assert_eq!(stands.as_ref().and_then(GuardConflict::word), Some(&word(seq)), "{seq}");
        assert_eq!(guarded(&files), [Some(word(seq)), Some(word(seq))], "{seq}");
        for _ in 0..2 {
            assert_eq!(conflict(&ledger), stands, "{seq}");
            assert!(is_held(append(&ledger, "more")), "{seq}");
        }
        let snapshot = futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(3), vec![1])).unwrap();
        assert!(matches!(snapshot, Err(LedgerError::HeldByGuard(_))), "{seq}");
        assert_eq!(ledger.read_from_blocking(Sequence(1), 9).unwrap().len(), 3, "{seq}: it can be read");
        drop(ledger);

        for _ in 0..2 {
            let again = files.open();
            assert_eq!(conflict(&again), stands, "{seq}");
            assert!(is_held(append(&again, "more")), "{seq}");
            // Told once more, it stands.
            assert_eq!(hold(&again, word(seq + 1)).unwrap(), stands, "{seq}");
        }
        assert_eq!(files.problem_codes(), [code], "{seq}");
    }
}

#[test]
fn a_kill_right_after_the_word_forgets_nothing() {
    let files = Files::new();
    let ledger = ledger_of(&files, 3);
    hold(&ledger, word(9)).unwrap();
    let left = files.as_after_a_kill();
    assert!(matches!(conflict(&left.open()), Some(GuardConflict::Behind { .. })));
}

#[test]
fn a_word_that_the_ledger_has_changes_nothing() {
    let files = Files::new();
    let ledger = files.open();
    let mut heads = vec![ledger.head()];
    for number in 1..=3 {
        append(&ledger, &format!("record {number}")).unwrap();
        heads.push(ledger.head());
    }
    let before = fs::read(files.guard_path()).unwrap();
    for head in heads {
        assert_eq!(hold(&ledger, head).unwrap(), None);
    }
    assert_eq!(fs::read(files.guard_path()).unwrap(), before);
    append(&ledger, "goes on").unwrap();
    assert!(files.verify().is_sound());
}

#[test]
fn a_head_that_the_house_did_not_sign_never_comes_into_its_guard() {
    let files = Files::new();
    let ledger = ledger_of(&files, 3);
    let before = fs::read(files.guard_path()).unwrap();
    let (mut another, mut unknown) = (word(9), word(9));
    another.head.seq = Sequence(10);
    unknown.signature.key_id = "another-key".to_owned();
    let foreign = other_parties().map(|other| {
        let head = SignedHead::sign(&other, word(9).head, EPOCH, signer().as_ref()).unwrap();
        (head, "of another house, arrangement or mode")
    });
    for (head, words) in [(another, "not the key's own"), (unknown, "statement_key.former")].into_iter().chain(foreign)
    {
        let error = hold(&ledger, head).unwrap_err();
        assert!(matches!(&error, LedgerError::NotOwnWord { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(fs::read(files.guard_path()).unwrap(), before);
    append(&ledger, "goes on").unwrap();
}

#[test]
fn no_append_that_races_with_the_word_takes_its_place_in_the_guard() {
    for _ in 0..20 {
        let files = Files::new();
        let ledger = Arc::new(ledger_of(&files, 1));
        let appending = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || {
                let mut tickets = Vec::new();
                for seq in 2..200 {
                    tickets.push(ledger.append(Sequence(seq), EPOCH, vec![record("races")]));
                }
                let durable = tickets.into_iter().map(crate::ledger::Ticket::wait).take_while(Result::is_ok).count();
                Sequence(1 + durable as u64)
            })
        };
        assert!(matches!(hold(&*ledger, word(1_000)).unwrap(), Some(GuardConflict::Behind { .. })));
        let last = appending.join().unwrap();
        assert_eq!(ledger.head().head.seq, last, "what was acknowledged before the word is there");
        assert_eq!(guarded(&files), [Some(word(1_000)), Some(word(1_000))]);
        drop(ledger);
        assert_eq!(files.problem_codes(), ["guard_behind"]);
        assert_eq!(files.open().head().head.seq, last);
    }
}

#[test]
fn a_word_is_compared_with_what_was_appended_before_it() {
    let files = Files::new();
    let ledger = ledger_of(&files, 2);
    let ticket = ledger.append(Sequence(3), EPOCH, vec![record("before the word")]);
    // When it was told the ledger ended before it; where it is now, the ledger has another record.
    let stands = hold(&ledger, word(3)).unwrap();
    assert!(matches!(stands, Some(GuardConflict::Diverged { .. })), "{stands:?}");
    assert_eq!(ticket.wait().unwrap().last, Sequence(3));
}

#[test]
fn a_word_whose_write_is_torn_leaves_the_guard_before_it_or_the_word() {
    for commits in [2, 3] {
        let files = Files::new();
        let ledger = ledger_of(&files, commits);
        let before = fs::read(files.guard_path()).unwrap();
        hold(&ledger, word(9)).unwrap();
        let after = fs::read(files.guard_path()).unwrap();
        drop(ledger);
        // The older slot is written and synced first.
        let newest = guarded_newest_slot(&before);
        for (slot, first) in [(1 - newest, true), (newest, false)] {
            for torn_at in (0..=SLOT_BYTES).step_by(97).chain([SLOT_BYTES]) {
                let mut torn = if first { before.clone() } else { after.clone() };
                let (from, to) = (slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES);
                torn[from..to].copy_from_slice(&before[from..to]);
                torn[from..from + torn_at].copy_from_slice(&after[from..from + torn_at]);
                let left = files.as_after_a_kill();
                fs::write(left.guard_path(), &torn).unwrap();
                let is_written = torn[from..to] == after[from..to];
                let holds = conflict(&left.open()).is_some();
                assert_eq!(holds, !first || is_written, "{commits} slot {slot} torn at {torn_at}");
            }
        }
    }
}

/// The slot of the higher generation, from 0.
fn guarded_newest_slot(bytes: &[u8]) -> usize {
    let generation = |slot: usize| bytes[slot * SLOT_BYTES + 8];
    usize::from(generation(1) > generation(0))
}

#[test]
fn damage_of_either_slot_does_not_lift_the_refusal() {
    let files = Files::new();
    let ledger = ledger_of(&files, 3);
    hold(&ledger, word(9)).unwrap();
    drop(ledger);
    for slot in 0..2 {
        flip(&files.guard_path(), slot * SLOT_BYTES + 40, 0x01);
        assert_eq!(conflict(&files.open()).as_ref().and_then(GuardConflict::word), Some(&word(9)), "{slot}");
        flip(&files.guard_path(), slot * SLOT_BYTES + 40, 0x01);
    }
}

#[test]
fn a_guard_that_cannot_take_the_word_leaves_a_ledger_that_takes_nothing_until_it_is_opened_again() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let before = fs::read(files.guard_path()).unwrap();
    let mut options = files.options();
    options.verifier = Arc::new(|_: &str, _: &[u8], _: &[u8]| Ok(()));
    let ledger = SqliteLedger::open(options).unwrap();
    let opened = fs::read(files.guard_path()).unwrap();
    assert_ne!(opened, before, "the start writes the guard");
    // No slot has room for such a signature.
    let signature = HeadSignature { key_id: "test-key".to_owned(), bytes: vec![1; SLOT_BYTES] };
    for _ in 0..2 {
        let error = hold(&ledger, SignedHead { signature: signature.clone(), ..word(9) }).unwrap_err();
        assert!(matches!(&error, LedgerError::Storage { path, .. } if *path == files.guard_path()), "{error}");
        assert!(is_held(append(&ledger, "more")));
        assert!(conflict(&ledger).is_some());
    }
    assert_eq!(fs::read(files.guard_path()).unwrap(), opened);
    drop(ledger);
    assert_eq!(conflict(&files.open()), None, "nothing durable says that it lost anything");
}

#[test]
fn a_copy_that_reaches_the_word_goes_on_and_a_recovery_or_a_rebase_takes_its_place() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let old = files.as_after_a_kill();
    let ledger = files.open();
    append(&ledger, "lost").unwrap();
    let told = ledger.head();
    drop(ledger);
    // An old copy of ledger and guard.
    hold(&old.open(), told.clone()).unwrap();
    let (recovered, rebased) = (old.as_after_a_kill(), old.as_after_a_kill());

    fs::copy(files.path(), old.path()).unwrap();
    append(&old.open(), "goes on").unwrap();

    let lost = LostLedger::open(&recovered.options()).unwrap();
    assert_eq!(lost.conflict().and_then(GuardConflict::word), Some(&told));
    lost.complete(&[record("recovery")]).unwrap();
    append(&recovered.open(), "goes on").unwrap();
    assert!(recovered.verify().is_sound());

    assert!(rebase_guard(&rebased.options()).unwrap().is_some());
    let ledger = rebased.open();
    append(&ledger, "goes on").unwrap();
    assert!(hold(&ledger, told).unwrap().is_some(), "told again, it holds again");
}

#[test]
fn the_ledger_in_memory_is_held_by_the_same_words_over_a_crash() {
    let filled = || {
        let ledger = MemoryLedger::new(party(), signer()).unwrap();
        (1..=3).for_each(|number| assert!(append(&ledger, &format!("record {number}")).is_ok()));
        ledger
    };
    let in_memory = filled();
    for other in other_parties() {
        let foreign = SignedHead { party: other, ..word(9) };
        assert!(matches!(hold(&in_memory, foreign), Err(LedgerError::NotOwnWord { .. })));
    }
    assert_eq!(hold(&in_memory, in_memory.head()).unwrap(), None);
    append(&in_memory, "goes on").unwrap();
    let files = Files::new();
    let _on_disk = ledger_of(&files, 3);
    for seq in [2, 9] {
        let ledger = filled();
        let disk = files.as_after_a_kill();
        assert_eq!(hold(&ledger, word(seq)).unwrap(), hold(&disk.open(), word(seq)).unwrap(), "{seq}");
        ledger.crash();
        assert_eq!(conflict(&ledger), conflict(&disk.open()), "{seq}");
        assert!(is_held(append(&ledger, "more")), "{seq}");
        assert!(matches!(
            futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(1), vec![1])).unwrap(),
            Err(LedgerError::HeldByGuard(_))
        ));
    }
    // What waits for a slow disk was appended before the word.
    let slow = filled();
    slow.hold();
    let ticket = slow.append(Sequence(4), EPOCH, vec![record("waits")]);
    assert!(matches!(hold(&slow, word(4)).unwrap(), Some(GuardConflict::Diverged { .. })));
    assert_eq!(ticket.wait().unwrap().last, Sequence(4));
    in_memory.fail(LedgerError::Closed);
    assert!(matches!(hold(&in_memory, word(9)), Err(LedgerError::Poisoned { .. })));
}
