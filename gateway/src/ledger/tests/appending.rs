use std::sync::{Arc, Mutex, mpsc};

use super::common::{EPOCH, Files, append, ledger_of, party, record, signer, verifier};
use crate::ledger::{
    Epoch, HeadSignature, HeadSigner, Ledger, LedgerError, LedgerLimits, LedgerOptions, NewRecord, RecordHash,
    RecordKind, Sequence, SigningFault, SqliteLedger, Standing, Ticket,
};

#[test]
fn what_was_appended_is_read_back_chained_and_in_order() {
    let files = Files::new();
    let ledger = files.open();
    let batch = vec![record("one"), NewRecord { kind: RecordKind(9), body: vec![], recorded_at_ms: -1 }];
    let appended = ledger.append(Sequence(1), EPOCH, batch.clone()).wait().unwrap();
    assert_eq!((appended.first, appended.last), (Sequence(1), Sequence(2)));

    let records = ledger.read_from_blocking(Sequence(1), 10).unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].prev_hash, RecordHash::genesis(&party()));
    assert_eq!(records[1].prev_hash, records[0].hash);
    assert_eq!(records[1].hash, appended.hash);
    assert_eq!(ledger.head().head.hash, appended.hash);
    for (read, new) in records.iter().zip(&batch) {
        assert_eq!((read.kind, read.recorded_at_ms, &read.body), (new.kind, new.recorded_at_ms, &new.body));
    }
    ledger.head().check(&party(), verifier().as_ref()).unwrap();
}

#[test]
fn a_reader_pages_through_the_ledger_until_an_empty_answer() {
    let files = Files::new();
    let ledger = ledger_of(&files, 7);
    let mut from = Sequence(0);
    let mut bodies = Vec::new();
    loop {
        let page = ledger.read_from_blocking(from, 3).unwrap();
        let Some(last) = page.last() else { break };
        from = last.seq.next();
        bodies.extend(page.into_iter().map(|record| String::from_utf8(record.body).unwrap()));
    }
    assert_eq!(bodies, (1..=7).map(|number| format!("record {number}")).collect::<Vec<_>>());
    assert!(ledger.read_from_blocking(Sequence(100), 3).unwrap().is_empty());
}

#[test]
fn an_answer_ends_at_its_limit_of_bytes_but_is_never_empty_for_it() {
    let files = Files::new();
    let limits = LedgerLimits { read_bytes_max: 10, ..LedgerLimits::default() };
    let ledger = SqliteLedger::open(LedgerOptions { limits, ..files.options() }).unwrap();
    append(&ledger, "longer than the limit").unwrap();
    append(&ledger, "next").unwrap();
    assert_eq!(ledger.read_from_blocking(Sequence(1), 10).unwrap().len(), 1);
}

#[test]
fn an_append_that_expects_another_sequence_is_refused_and_changes_nothing() {
    let files = Files::new();
    let ledger = ledger_of(&files, 2);
    for expected in [0, 1, 2, 4] {
        let error = ledger.append(Sequence(expected), EPOCH, vec![record("x")]).wait().unwrap_err();
        assert!(matches!(error, LedgerError::WrongSequence { next: Sequence(3), .. }), "{error}");
    }
    assert_eq!(append(&ledger, "third").unwrap().last, Sequence(3));
}

#[test]
fn a_lower_epoch_is_fenced_for_good_also_after_a_restart() {
    let files = Files::new();
    let ledger = files.open();
    ledger.append(Sequence(1), Epoch(5), vec![record("new leader")]).wait().unwrap();
    let error = ledger.append(Sequence(2), Epoch(4), vec![record("old leader")]).wait().unwrap_err();
    assert!(matches!(error, LedgerError::Fenced { epoch: Epoch(4), current: Epoch(5) }), "{error}");
    drop(ledger);
    let ledger = files.open();
    let error = ledger.append(Sequence(2), Epoch(4), vec![record("old leader")]).wait().unwrap_err();
    assert!(matches!(error, LedgerError::Fenced { .. }), "{error}");
    ledger.append(Sequence(2), Epoch(6), vec![record("next leader")]).wait().unwrap();
    assert!(files.verify().is_sound());
}

#[test]
fn appends_of_two_epochs_never_share_a_signature() {
    let files = Files::new();
    let ledger = files.open();
    let tickets: Vec<Ticket> =
        (1..=20).map(|number| ledger.append(Sequence(number), Epoch(number / 5), vec![record("x")])).collect();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    drop(ledger);
    let connection = rusqlite::Connection::open(files.path()).unwrap();
    let last_of_epoch: Vec<(i64, i64)> = connection
        .prepare("SELECT epoch, max(last_seq) FROM batches GROUP BY epoch ORDER BY epoch")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(last_of_epoch, [(0, 4), (1, 9), (2, 14), (3, 19), (4, 20)]);
}

#[test]
fn empty_appends_and_bodies_above_the_limit_are_refused() {
    let files = Files::new();
    let limits = LedgerLimits { body_bytes_max: 4, ..LedgerLimits::default() };
    let ledger = SqliteLedger::open(LedgerOptions { limits, ..files.options() }).unwrap();
    assert!(matches!(ledger.append(Sequence(1), EPOCH, vec![]).wait(), Err(LedgerError::EmptyAppend)));
    let error = ledger.append(Sequence(1), EPOCH, vec![record("four"), record("fives")]).wait().unwrap_err();
    assert!(matches!(error, LedgerError::TooLarge { bytes: 5, bytes_max: 4, .. }), "{error}");
    append(&ledger, "four").unwrap();
}

/// A signer that waits for leave, so that a test decides when a commit ends.
fn gated_signer() -> (mpsc::Sender<()>, mpsc::Receiver<()>, Arc<dyn HeadSigner>) {
    let (leave, gate) = mpsc::channel::<()>();
    let (arrived, arrivals) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let inner = signer();
    let gated = move |message: &[u8]| {
        arrived.send(()).ok();
        // After the test has dropped its end, commits pass.
        gate.lock().unwrap().recv().ok();
        inner.sign(message)
    };
    (leave, arrivals, Arc::new(gated))
}

#[test]
fn appends_that_wait_together_are_committed_together_and_in_order() {
    let files = Files::new();
    drop(files.open());
    let (leave, arrivals, signer) = gated_signer();
    leave.send(()).unwrap();
    let ledger = SqliteLedger::open(LedgerOptions { signer, ..files.options() }).unwrap();
    // The empty ledger's head is signed at open.
    arrivals.recv().unwrap();

    let first = ledger.append(Sequence(1), EPOCH, vec![record("first")]);
    arrivals.recv().unwrap();
    // The first commit hangs in its signature; all of these wait behind it.
    let waiting: Vec<Ticket> =
        (0..50).map(|number| ledger.append(Sequence(2 + 2 * number), EPOCH, vec![record("a"), record("b")])).collect();
    assert_eq!(ledger.head().head.seq, Sequence(0));
    drop(leave);
    assert_eq!(first.wait().unwrap().last, Sequence(1));
    for (number, ticket) in (0..).zip(waiting) {
        let place = ticket.wait().unwrap();
        assert_eq!((place.first, place.last), (Sequence(2 + 2 * number), Sequence(3 + 2 * number)));
        assert_eq!(ledger.read_from_blocking(place.last, 1).unwrap()[0].hash, place.hash);
    }
    let report = files.verify();
    assert_eq!((report.records, report.commits), (101, 2));
    assert!(report.is_sound());
}

#[test]
fn a_queue_that_is_full_refuses_instead_of_growing() {
    let files = Files::new();
    drop(files.open());
    let (leave, arrivals, signer) = gated_signer();
    leave.send(()).unwrap();
    let limits = LedgerLimits { queued_bytes_max: 300, ..LedgerLimits::default() };
    let ledger = SqliteLedger::open(LedgerOptions { signer, limits, ..files.options() }).unwrap();
    arrivals.recv().unwrap();
    let first = ledger.append(Sequence(1), EPOCH, vec![record("first")]);
    arrivals.recv().unwrap();
    let second = ledger.append(Sequence(2), EPOCH, vec![record(&"x".repeat(200))]);
    let error = ledger.append(Sequence(3), EPOCH, vec![record(&"x".repeat(200))]).wait().unwrap_err();
    assert!(matches!(error, LedgerError::Overloaded { queued_bytes_max: 300, .. }), "{error}");
    drop(leave);
    first.wait().unwrap();
    second.wait().unwrap();
    append(&ledger, &"x".repeat(200)).unwrap();
}

#[test]
fn dropping_the_ledger_makes_everything_queued_durable_first() {
    let files = Files::new();
    let ledger = files.open();
    let tickets: Vec<Ticket> =
        (1..=100).map(|number| ledger.append(Sequence(number), EPOCH, vec![record("x")])).collect();
    drop(ledger);
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(files.open().head().head.seq, Sequence(100));
}

#[test]
fn after_a_failed_commit_nothing_is_acknowledged_until_the_ledger_is_opened_again() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let inner = signer();
    let remaining = Mutex::new(1);
    let failing = move |message: &[u8]| -> Result<HeadSignature, SigningFault> {
        let mut remaining = remaining.lock().unwrap();
        if *remaining == 0 {
            return Err(SigningFault { key_id: "test-key".to_owned(), source: "the token was pulled out".into() });
        }
        *remaining -= 1;
        inner.sign(message)
    };
    let ledger = SqliteLedger::open(LedgerOptions { signer: Arc::new(failing), ..files.options() }).unwrap();
    append(&ledger, "fourth").unwrap();

    let error = append(&ledger, "fifth").unwrap_err();
    assert!(matches!(error, LedgerError::Signing { .. }), "{error}");
    let error = append(&ledger, "fifth again").unwrap_err();
    assert!(matches!(error, LedgerError::Poisoned { .. }), "{error}");
    assert!(matches!(ledger.standing(), Standing::Poisoned(_)));
    assert_eq!(ledger.head().head.seq, Sequence(4));
    drop(ledger);

    let ledger = files.open();
    assert!(ledger.standing().is_writable());
    assert_eq!(append(&ledger, "fifth").unwrap().last, Sequence(5));
    assert!(files.verify().is_sound());
}

#[test]
fn a_signer_that_panics_leaves_nobody_waiting() {
    let files = Files::new();
    drop(ledger_of(&files, 1));
    let panicking = |_: &[u8]| -> Result<HeadSignature, SigningFault> { panic!("the token's driver has a bug") };
    let ledger = SqliteLedger::open(LedgerOptions { signer: Arc::new(panicking), ..files.options() }).unwrap();
    assert!(matches!(append(&ledger, "second"), Err(LedgerError::Closed)));
    let error = ledger.append(Sequence(2), EPOCH, vec![record("second")]).wait().unwrap_err();
    assert!(matches!(error, LedgerError::Poisoned { .. }), "{error}");
    assert!(matches!(ledger.standing(), Standing::Poisoned(_)));
    drop(ledger);
    assert_eq!(files.open().head().head.seq, Sequence(1));
}

#[test]
fn a_full_disk_says_so_and_loses_nothing_acknowledged() {
    let files = Files::new();
    drop(ledger_of(&files, 1));
    let ledger = SqliteLedger::open(LedgerOptions { pages_max: Some(40), ..files.options() }).unwrap();
    let mut acknowledged = 1;
    let error = loop {
        match append(&ledger, &"x".repeat(3000)) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LedgerError::StorageFull { .. }), "{error}");
    assert!(matches!(append(&ledger, "small"), Err(LedgerError::Poisoned { .. })));
    drop(ledger);
    let ledger = files.open();
    assert_eq!(ledger.head().head.seq, Sequence(acknowledged));
    append(&ledger, "after space was freed").unwrap();
    assert!(files.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_of_many_tasks_all_complete_and_the_chain_holds_them_all() {
    let files = Files::new();
    let ledger: Arc<dyn Ledger> = Arc::new(files.open());
    let next = Arc::new(tokio::sync::Mutex::new(Sequence(1)));
    let tasks: Vec<_> = (0..16_u8)
        .map(|task| {
            let (ledger, next) = (Arc::clone(&ledger), Arc::clone(&next));
            tokio::spawn(async move {
                let mut places = Vec::new();
                for number in 0..50_u8 {
                    let body = vec![task, number];
                    let ticket = {
                        let mut next = next.lock().await;
                        let new = NewRecord { kind: RecordKind(1), body: body.clone(), recorded_at_ms: 0 };
                        let ticket = ledger.append(*next, EPOCH, vec![new]);
                        *next = next.next();
                        ticket
                    };
                    places.push((ticket.await.unwrap().first, body));
                }
                places
            })
        })
        .collect();
    let mut places = Vec::new();
    for task in tasks {
        places.extend(task.await.unwrap());
    }
    places.sort();
    let records = ledger.read_from(Sequence(1), 10_000).await.unwrap();
    assert_eq!(records.iter().map(|record| (record.seq, record.body.clone())).collect::<Vec<_>>(), places);
    assert_eq!(ledger.head().head.seq, Sequence(800));
    drop(ledger);
    assert!(files.verify().is_sound());
}
