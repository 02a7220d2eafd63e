use super::common::{EPOCH, Files, append, ledger_of, party, record, signer};
use crate::ledger::{
    GuardReport, Head, Ledger, LedgerError, Problem, RecordHash, Sequence, SignedHead, VerifyOptions, verify,
};

/// Six records in commits of two, closed.
fn six_records(files: &Files) -> SignedHead {
    let ledger = files.open();
    for first in [1, 3, 5] {
        let batch = vec![record(&format!("record {first}")), record(&format!("record {}", first + 1))];
        ledger.append(Sequence(first), EPOCH, batch).wait().unwrap();
    }
    ledger.head()
}

#[test]
fn a_sound_ledger_has_no_problems_and_its_figures_are_right() {
    let files = Files::new();
    let head = six_records(&files);
    let report = files.verify();
    assert_eq!(report.problems, []);
    assert_eq!((report.party.clone(), report.records, report.commits, report.snapshots), (Some(party()), 6, 3, 0));
    assert_eq!(report.head, head.head);
    assert_eq!(report.guard, GuardReport::Holds(head));
}

#[test]
fn an_empty_ledger_is_sound() {
    let files = Files::new();
    drop(files.open());
    let report = files.verify();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.head, Head::genesis(&party()));
}

#[test]
fn a_ledger_is_verified_while_its_node_writes() {
    let files = Files::new();
    let ledger = ledger_of(&files, 4);
    assert_eq!(files.verify().records, 4);
    append(&ledger, "more").unwrap();
    let report = files.verify();
    assert!(report.is_sound() && report.records == 5);
}

/// A problem's code, and the record that it is at.
type Found = (&'static str, Option<u64>);

#[test]
fn each_kind_of_tampering_is_named_with_its_place() {
    let cases: &[(&str, &[Found])] = &[
        ("UPDATE records SET body = x'66' WHERE seq = 3", &[("record_changed", Some(3))]),
        ("UPDATE records SET kind = 8 WHERE seq = 1", &[("record_changed", Some(1))]),
        ("UPDATE records SET recorded_at_ms = 5 WHERE seq = 6", &[("record_changed", Some(6))]),
        ("UPDATE records SET kind = 70000 WHERE seq = 3", &[("malformed", Some(3)), ("gap", Some(3))]),
        (
            "UPDATE records SET hash = zeroblob(32) WHERE seq = 3",
            &[("record_changed", Some(3)), ("record_changed", Some(4))],
        ),
        (
            "UPDATE records SET hash = zeroblob(32) WHERE seq = 4",
            &[("record_changed", Some(4)), ("commit_head", Some(4)), ("record_changed", Some(5))],
        ),
        ("DELETE FROM records WHERE seq = 3", &[("gap", Some(3))]),
        ("DELETE FROM records WHERE seq BETWEEN 2 AND 4", &[("gap", Some(2))]),
        ("DELETE FROM records WHERE seq = 6", &[("records_lost", Some(6)), ("guard_behind", Some(6))]),
        ("DELETE FROM records WHERE seq > 4; DELETE FROM batches WHERE last_seq > 4", &[("guard_behind", Some(5))]),
        ("DELETE FROM batches WHERE last_seq = 4", &[("commit_gap", Some(6))]),
        ("DELETE FROM batches WHERE last_seq = 6", &[("unsigned_tail", Some(5))]),
        ("UPDATE batches SET signature = x'00' WHERE last_seq = 4", &[("commit_signature", Some(4))]),
        ("UPDATE batches SET key_id = 'other' WHERE last_seq = 2", &[("commit_signature", Some(2))]),
        (
            "UPDATE batches SET epoch = 0 WHERE last_seq = 4",
            &[("commit_epoch", Some(4)), ("commit_signature", Some(4))],
        ),
        ("UPDATE batches SET first_seq = 4 WHERE last_seq = 4", &[("commit_gap", Some(4))]),
        ("CREATE TABLE extra (x)", &[("schema", None)]),
        ("INSERT INTO ledger VALUES ('FICC-CME', 'live', 'CME')", &[("schema", None)]),
    ];
    for (tampering, expected) in cases {
        let files = Files::new();
        six_records(&files);
        files.tamper(tampering);
        let found: Vec<_> = files
            .verify()
            .problems
            .iter()
            .map(|problem| (problem.code(), problem.sequence().map(|seq| seq.0)))
            .collect();
        assert_eq!(&found, expected, "{tampering}");
    }
}

#[test]
fn a_dropped_trigger_is_found() {
    let files = Files::new();
    six_records(&files);
    let connection = rusqlite::Connection::open(files.path()).unwrap();
    connection.execute_batch("DROP TRIGGER records_no_delete").unwrap();
    drop(connection);
    assert_eq!(files.problem_codes(), ["schema"]);
}

#[test]
fn a_chain_rewritten_with_right_hashes_still_lacks_the_houses_signature() {
    let files = Files::new();
    six_records(&files);
    let connection = rusqlite::Connection::open(files.path()).unwrap();
    let rows: Vec<(u32, u16, i64, Vec<u8>)> = connection
        .prepare("SELECT seq, kind, recorded_at_ms, body FROM records ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    drop(connection);
    let mut statements = "UPDATE records SET body = x'66' WHERE seq = 3;".to_owned();
    let mut hash = RecordHash::genesis(&party());
    for (seq, kind, at, body) in rows {
        let body = if seq == 3 { b"f".to_vec() } else { body };
        hash = hash.chain(Sequence(seq.into()), crate::ledger::RecordKind(kind), at, &body);
        statements += &format!("UPDATE records SET hash = x'{hash}' WHERE seq = {seq};");
        statements += &format!("UPDATE batches SET head_hash = x'{hash}' WHERE last_seq = {seq};");
    }
    files.tamper(&statements);
    assert_eq!(files.problem_codes(), ["commit_signature", "commit_signature", "guard_diverged"]);
}

#[test]
fn a_lost_tail_shows_against_a_head_that_the_other_house_holds() {
    let files = Files::new();
    let head = six_records(&files);
    files.tamper("DELETE FROM records WHERE seq > 4; DELETE FROM batches WHERE last_seq > 4");
    // The guard is lost along with the tail.
    std::fs::remove_file(files.guard_path()).unwrap();
    let codes = |known: SignedHead| {
        let options = VerifyOptions { known_heads: vec![known], ..files.verify_options() };
        verify(&options).unwrap().problems.iter().map(Problem::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(head.clone()), ["guard_missing", "behind_known_head"]);
    let forged = SignedHead { epoch: crate::ledger::Epoch(7), ..head };
    assert_eq!(codes(forged), ["guard_missing", "known_head_signature"]);
    let other = Head { seq: Sequence(2), hash: RecordHash([1; 32]) };
    let other = SignedHead::sign(&party(), other, EPOCH, signer().as_ref()).unwrap();
    assert_eq!(codes(other), ["guard_missing", "off_known_head"]);
}

#[test]
fn verifying_changes_no_file() {
    let files = Files::new();
    let _ledger = ledger_of(&files, 5);
    let left = files.as_after_a_kill();
    let read_all = || [left.path(), left.wal_path(), left.guard_path()].map(|path| std::fs::read(path).unwrap());
    let before = read_all();
    assert!(left.verify().is_sound());
    assert_eq!(read_all(), before);
}

#[test]
fn a_missing_file_is_an_error_and_another_kind_of_file_a_problem() {
    let files = Files::new();
    assert!(matches!(verify(&files.verify_options()), Err(LedgerError::Storage { .. })));
    std::fs::write(files.path(), b"a text of no particular kind").unwrap();
    assert_eq!(files.problem_codes(), ["unreadable"]);
}
