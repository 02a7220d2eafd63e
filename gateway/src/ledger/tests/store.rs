use std::{fs, os::unix::fs::PermissionsExt};

use super::common::{EPOCH, Files, append, ledger_of, record};
use crate::ledger::{
    ChainCheck, Head, HeadPlace, Ledger, LedgerError, LedgerOptions, Sequence, SqliteLedger, Standing,
};

#[test]
fn the_tables_refuse_to_change_or_lose_a_row() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let connection = rusqlite::Connection::open(files.path()).unwrap();
    let row = "7, 0, zeroblob(32), zeroblob(1)";
    for statement in [
        "UPDATE records SET body = x'00' WHERE seq = 2".to_owned(),
        "DELETE FROM records WHERE seq = 3".to_owned(),
        "DELETE FROM records".to_owned(),
        format!("REPLACE INTO records (seq, kind, recorded_at_ms, hash, body) VALUES (3, {row})"),
        format!("INSERT INTO records (seq, kind, recorded_at_ms, hash, body) VALUES (2, {row})"),
        "UPDATE batches SET signature = x'00'".to_owned(),
        "DELETE FROM batches".to_owned(),
        "REPLACE INTO batches VALUES (3, 3, 1, zeroblob(32), 'k', x'00')".to_owned(),
        "UPDATE ledger SET house = 'CME'".to_owned(),
        "UPDATE ledger SET mode = 'live'".to_owned(),
        "DELETE FROM ledger".to_owned(),
    ] {
        let error = connection.execute_batch(&statement).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    drop(connection);
    assert!(files.verify().is_sound());
}

#[test]
fn a_second_opener_is_refused_until_the_first_ends() {
    let files = Files::new();
    let first = ledger_of(&files, 1);
    assert!(matches!(SqliteLedger::open(files.options()), Err(LedgerError::InUse { .. })));
    drop(first);
    append(&files.open(), "second").unwrap();
}

#[test]
fn other_files_are_not_taken_for_a_ledger_and_not_changed() {
    for (content, is_text) in [(b"a text of no particular kind".to_vec(), true), (other_database(), false)] {
        let files = Files::new();
        fs::write(files.path(), &content).unwrap();
        let error = SqliteLedger::open(files.options()).unwrap_err();
        assert!(matches!(error, LedgerError::NotALedger { .. }), "{is_text}: {error}");
        assert_eq!(fs::read(files.path()).unwrap(), content);
    }
}

fn other_database() -> Vec<u8> {
    let files = Files::new();
    let connection = rusqlite::Connection::open(files.path()).unwrap();
    connection.execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')").unwrap();
    drop(connection);
    fs::read(files.path()).unwrap()
}

#[test]
fn only_the_nodes_own_account_can_read_the_files() {
    let files = Files::new();
    let _ledger = ledger_of(&files, 1);
    for path in [files.path(), files.wal_path(), files.guard_path()] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn a_snapshot_comes_back_with_the_record_that_it_follows() {
    let files = Files::new();
    let ledger = files.open();
    assert_eq!(ledger.latest_snapshot().await.unwrap(), None);
    let place = ledger.append(Sequence(1), EPOCH, vec![record("a"), record("b")]).await.unwrap();
    ledger.put_snapshot(Sequence(1), b"after a".to_vec()).await.unwrap();
    ledger.put_snapshot(Sequence(2), b"after b".to_vec()).await.unwrap();
    let snapshot = ledger.latest_snapshot().await.unwrap().unwrap();
    assert_eq!((snapshot.at.seq, snapshot.at.hash, snapshot.state), (Sequence(2), place.hash, b"after b".to_vec()));

    let error = ledger.put_snapshot(Sequence(3), vec![]).await.unwrap_err();
    assert!(matches!(error, LedgerError::SnapshotAhead { .. }), "{error}");
    let error = ledger.put_snapshot(Sequence(0), vec![]).await.unwrap_err();
    assert!(matches!(error, LedgerError::SnapshotAhead { .. }), "{error}");
    assert!(files.verify().is_sound());
}

#[test]
fn only_the_two_newest_snapshots_are_kept() {
    let files = Files::new();
    let ledger = ledger_of(&files, 5);
    for seq in 1..=5 {
        futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(seq), vec![0]));
    }
    drop(ledger);
    assert_eq!(files.verify().snapshots, 2);
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before_it() {
    for damage in [
        "UPDATE snapshots SET state = x'66' WHERE seq = 4",
        "UPDATE snapshots SET signature = x'66' WHERE seq = 4",
        "UPDATE snapshots SET hash = zeroblob(32) WHERE seq = 4",
    ] {
        let files = Files::new();
        let ledger = ledger_of(&files, 5);
        for seq in [2, 4] {
            futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(seq), vec![1, 2, 3]));
        }
        drop(ledger);
        files.tamper(damage);
        let ledger = files.open();
        assert_eq!(ledger.latest_snapshot_blocking().unwrap().unwrap().at.seq, Sequence(2), "{damage}");
        assert!(ledger.standing().is_writable());
        assert!(files.problem_codes().contains(&"snapshot"), "{damage}");
    }
}

#[test]
fn an_open_checks_the_chain_from_the_snapshot_on_or_whole_as_asked() {
    let files = Files::new();
    let ledger = ledger_of(&files, 6);
    futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(4), vec![]));
    drop(ledger);
    files.tamper("UPDATE records SET body = x'66' WHERE seq = 2");
    let since_snapshot = files.open();
    assert!(since_snapshot.standing().is_writable());
    // The read checks again what the open did not.
    let error = since_snapshot.read_from_blocking(Sequence(1), 6).unwrap_err();
    assert!(error.to_string().contains("record 2"), "{error}");
    assert_eq!(since_snapshot.read_from_blocking(Sequence(3), 6).unwrap().len(), 4);
    drop(since_snapshot);

    let whole = LedgerOptions { chain_check: ChainCheck::Whole, ..files.options() };
    let error = SqliteLedger::open(whole).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupted { .. }) && error.to_string().contains("record 2"), "{error}");
    files.tamper("UPDATE records SET body = x'66' WHERE seq = 5");
    let error = SqliteLedger::open(files.options()).unwrap_err();
    assert!(error.to_string().contains("record 5"), "{error}");
}

#[test]
fn the_commit_under_a_snapshot_is_checked_at_open_too() {
    for damage in ["signature = x'66'", "head_hash = zeroblob(32)", "epoch = 0"] {
        let files = Files::new();
        let ledger = ledger_of(&files, 4);
        futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(4), vec![]));
        drop(ledger);
        files.tamper(&format!("UPDATE batches SET {damage} WHERE last_seq = 4"));
        let error = SqliteLedger::open(files.options()).unwrap_err();
        assert!(matches!(error, LedgerError::Corrupted { .. }), "{damage}: {error}");
    }
}

#[tokio::test]
async fn a_head_that_others_hold_is_found_on_the_chain_beyond_it_or_off_it() {
    let files = Files::new();
    let ledger = files.open();
    let genesis = ledger.head().head;
    let place = ledger.append(Sequence(1), EPOCH, vec![record("a"), record("b")]).await.unwrap();
    let second = Head { seq: place.last, hash: place.hash };
    let first = Head { seq: Sequence(1), hash: ledger.read_from(Sequence(1), 1).await.unwrap()[0].hash };
    for (head, expected) in [
        (genesis, HeadPlace::OnChain),
        (first, HeadPlace::OnChain),
        (second, HeadPlace::OnChain),
        (Head { seq: Sequence(3), ..second }, HeadPlace::Beyond),
        (Head { seq: Sequence(1), ..second }, HeadPlace::Off),
        (Head { seq: Sequence(0), ..second }, HeadPlace::Off),
    ] {
        assert_eq!(ledger.place_of(head).await.unwrap(), expected, "{head}");
    }
}

#[test]
fn a_ledger_held_by_its_guard_can_be_read_and_says_how_to_restore() {
    let files = Files::new();
    let ledger = ledger_of(&files, 4);
    let old = files.as_after_a_kill();
    append(&ledger, "fifth").unwrap();
    fs::copy(files.guard_path(), old.guard_path()).unwrap();

    let behind = old.open();
    let Standing::HeldByGuard(conflict) = behind.standing() else { panic!("{:?}", behind.standing()) };
    let text = conflict.to_string();
    assert!(text.contains("record 4") && text.contains("record 5") && text.contains("Put back"), "{text}");
    assert_eq!(behind.read_from_blocking(Sequence(1), 10).unwrap().len(), 4);
    assert!(matches!(append(&behind, "x"), Err(LedgerError::HeldByGuard(_))));
    let refused = futures_util::FutureExt::now_or_never(behind.put_snapshot(Sequence(1), vec![])).unwrap();
    assert!(matches!(refused, Err(LedgerError::HeldByGuard(_))));
}
