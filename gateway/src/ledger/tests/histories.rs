//! Random histories: whatever mix of appends, snapshots, clean ends and kills, the ledger reads back what it promised.

use proptest::{collection::vec, prelude::*};

use super::common::{EPOCH, Files};
use crate::ledger::{Ledger, NewRecord, Record, RecordKind, Sequence, SqliteLedger, guard::GuardSlots};

#[derive(Debug, Clone)]
enum Step {
    /// Appends without waiting, then waits for all.
    Append(Vec<Vec<NewRecord>>),
    /// A snapshot at the newest record.
    Snapshot(Vec<u8>),
    /// A clean end and a start.
    Restart,
    /// A start from what a kill -9 leaves.
    Kill,
}

fn new_record() -> impl Strategy<Value = NewRecord> {
    (any::<u16>(), vec(any::<u8>(), 0..3000), any::<i64>()).prop_map(|(kind, body, recorded_at_ms)| NewRecord {
        kind: RecordKind(kind),
        body,
        recorded_at_ms,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(vec(new_record(), 1..4), 1..4).prop_map(Step::Append),
        1 => vec(any::<u8>(), 0..5000).prop_map(Step::Snapshot),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ]
}

fn content(record: &Record) -> NewRecord {
    NewRecord { kind: record.kind, body: record.body.clone(), recorded_at_ms: record.recorded_at_ms }
}

/// Appends all and waits for all; answers where the last of them went.
fn append_all(ledger: &SqliteLedger, appends: &[Vec<NewRecord>]) -> Sequence {
    let mut next = ledger.head().head.seq.next();
    let mut tickets = Vec::new();
    for records in appends {
        tickets.push(ledger.append(next, EPOCH, records.clone()));
        next = next.plus(records.len());
    }
    tickets.into_iter().map(|ticket| ticket.wait().unwrap().last).last().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_history_reads_back_what_was_acknowledged(steps in vec(step(), 1..12)) {
        let mut files = Files::new();
        let mut ledger = files.open();
        let mut acknowledged: Vec<NewRecord> = Vec::new();
        let mut snapshot: Option<(Sequence, Vec<u8>)> = None;
        for step in steps {
            match step {
                Step::Append(appends) => {
                    let last = append_all(&ledger, &appends);
                    acknowledged.extend(appends.into_iter().flatten());
                    prop_assert_eq!(last, ledger.head().head.seq);
                }
                Step::Snapshot(state) => {
                    let at = ledger.head().head.seq;
                    let stored = futures_util::FutureExt::now_or_never(ledger.put_snapshot(at, state.clone()));
                    // An empty ledger has no state to keep.
                    prop_assert!(at > Sequence::GENESIS || stored.is_some_and(|outcome| outcome.is_err()));
                    if at > Sequence::GENESIS {
                        snapshot = Some((at, state));
                    }
                    // The next append waits behind the snapshot, so that a kill finds it on the disk.
                    let marker = vec![vec![NewRecord { kind: RecordKind(0), body: vec![], recorded_at_ms: 0 }]];
                    append_all(&ledger, &marker);
                    acknowledged.extend(marker.into_iter().flatten());
                }
                Step::Restart => {
                    drop(ledger);
                    ledger = files.open();
                }
                Step::Kill => {
                    let left = files.as_after_a_kill();
                    drop(ledger);
                    files = left;
                    ledger = files.open();
                }
            }
            let read: Vec<NewRecord> =
                ledger.read_from_blocking(Sequence(1), usize::MAX).unwrap().iter().map(content).collect();
            prop_assert_eq!(&read, &acknowledged);
            let newest = ledger.latest_snapshot_blocking().unwrap().map(|newest| (newest.at.seq, newest.state));
            prop_assert_eq!(&newest, &snapshot);
            prop_assert!(ledger.standing().is_writable());
        }
        let report = files.verify();
        prop_assert!(report.is_sound(), "{:?}", report.problems);
    }

    #[test]
    fn no_content_of_a_guard_file_is_taken_for_a_head(bytes in vec(any::<u8>(), 0..9000)) {
        let files = Files::new();
        std::fs::write(files.guard_path(), bytes).unwrap();
        let slots = GuardSlots::read(&files.guard_path()).unwrap().unwrap();
        prop_assert_eq!(slots.newest(), None);
    }
}
