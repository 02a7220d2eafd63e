use super::common::{EPOCH, append, party, record, signer, verifier};
use crate::ledger::{Epoch, Ledger, LedgerError, MemoryLedger, Record, Sequence, Standing};

#[tokio::test]
async fn both_ledgers_chain_and_sign_the_same_records_alike() {
    let files = super::common::Files::new();
    let on_disk = files.open();
    let in_memory = MemoryLedger::new(party(), signer()).unwrap();
    assert_eq!(in_memory.head(), on_disk.head());
    for ledger in [&on_disk as &dyn Ledger, &in_memory] {
        ledger.append(Sequence(1), EPOCH, vec![record("a"), record("b")]).await.unwrap();
        ledger.append(Sequence(3), Epoch(2), vec![record("c")]).await.unwrap();
        ledger.put_snapshot(Sequence(2), vec![1]).await.unwrap();
    }
    assert_eq!(in_memory.head(), on_disk.head());
    in_memory.head().check(&party(), verifier().as_ref()).unwrap();
    assert_eq!(in_memory.latest_snapshot().await.unwrap(), on_disk.latest_snapshot().await.unwrap());
    for (from, limit) in [(0, 10), (1, 2), (3, 1), (4, 5)] {
        let read = |ledger: &dyn Ledger| -> Vec<Record> {
            futures_util::FutureExt::now_or_never(ledger.read_from(Sequence(from), limit)).unwrap().unwrap()
        };
        assert_eq!(read(&in_memory), on_disk.read_from_blocking(Sequence(from), limit).unwrap());
    }
    for (expected, epoch) in [(3, 2), (5, 2), (4, 1)] {
        let mut refusals = Vec::new();
        for ledger in [&on_disk as &dyn Ledger, &in_memory] {
            let ticket = ledger.append(Sequence(expected), Epoch(epoch), vec![record("x")]);
            refusals.push(ticket.await.unwrap_err().to_string());
        }
        assert_eq!(refusals[0], refusals[1]);
    }
}

#[test]
fn a_held_append_is_neither_acknowledged_nor_read_until_it_is_released() {
    let ledger = MemoryLedger::unsigned(party());
    ledger.hold();
    let first = ledger.append(Sequence(1), EPOCH, vec![record("a")]);
    let second = ledger.append(Sequence(2), EPOCH, vec![record("b")]);
    assert_eq!(ledger.head().head.seq, Sequence(0));
    ledger.release();
    assert_eq!((first.wait().unwrap().last, second.wait().unwrap().last), (Sequence(1), Sequence(2)));
    assert_eq!(ledger.head().head.seq, Sequence(2));
}

#[test]
fn a_crash_loses_what_was_held_and_nothing_else() {
    let ledger = MemoryLedger::unsigned(party());
    append(&ledger, "kept").unwrap();
    ledger.hold();
    let lost = ledger.append(Sequence(2), Epoch(9), vec![record("lost")]);
    ledger.crash();
    assert!(matches!(lost.wait(), Err(LedgerError::Closed)));
    assert_eq!(append(&ledger, "again").unwrap().last, Sequence(2));
}

#[test]
fn a_failed_disk_refuses_everything_until_the_restart() {
    let ledger = MemoryLedger::unsigned(party());
    ledger.hold();
    let waiting = ledger.append(Sequence(1), EPOCH, vec![record("a")]);
    ledger.fail(LedgerError::StorageFull { doing: "append to", path: "ledger.db".into() });
    assert!(matches!(waiting.wait(), Err(LedgerError::Poisoned { .. })));
    assert!(matches!(append(&ledger, "b"), Err(LedgerError::Poisoned { .. })));
    assert!(matches!(ledger.standing(), Standing::Poisoned(_)));
    ledger.crash();
    append(&ledger, "c").unwrap();
}

#[test]
fn appends_become_durable_one_by_one_in_their_order() {
    let ledger = MemoryLedger::unsigned(party());
    ledger.hold();
    let first = ledger.append(Sequence(1), EPOCH, vec![record("a"), record("b")]);
    let second = ledger.append(Sequence(3), EPOCH, vec![record("c")]);
    ledger.release_first(1);
    assert_eq!((first.wait().unwrap().last, ledger.head().head.seq, ledger.waiting()), (Sequence(2), Sequence(2), 1));
    ledger.release_first(5);
    assert_eq!((second.wait().unwrap().last, ledger.waiting()), (Sequence(3), 0));
}

#[test]
fn what_was_kept_unheard_is_there_after_the_crash_and_nobody_was_told() {
    let ledger = MemoryLedger::unsigned(party());
    ledger.hold();
    let kept = ledger.append(Sequence(1), EPOCH, vec![record("kept")]);
    let lost = ledger.append(Sequence(2), EPOCH, vec![record("lost")]);
    ledger.keep_unheard(1);
    ledger.crash();
    assert!(matches!((kept.wait(), lost.wait()), (Err(LedgerError::Closed), Err(LedgerError::Closed))));
    assert_eq!(append(&ledger, "again").unwrap().last, Sequence(2));
}
