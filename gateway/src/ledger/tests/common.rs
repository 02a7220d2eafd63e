//! A ledger in a temporary folder, and a stand-in for Ed25519 that needs no keys.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use crate::{
    arrangement::parties::{ArrangementMode, Party},
    ledger::{
        Appended, Epoch, HeadRejection, HeadSignature, HeadSigner, HeadVerifier, Ledger, LedgerError, LedgerOptions,
        NewRecord, RecordKind, Sequence, SigningFault, SqliteLedger, VerifyOptions, VerifyReport, verify,
    },
};

pub(super) const EPOCH: Epoch = Epoch(1);

/// The party whose ledgers the tests keep.
pub(super) fn party() -> Party {
    Party { arrangement: "FICC-CME".parse().unwrap(), mode: ArrangementMode::Live, house: "FICC".parse().unwrap() }
}

/// Parties that differ from [`party`] in one thing each.
pub(super) fn other_parties() -> [Party; 3] {
    [
        Party { house: "CME".parse().unwrap(), ..party() },
        Party { arrangement: "FICC-RFX".parse().unwrap(), ..party() },
        Party { mode: ArrangementMode::Rehearsal, ..party() },
    ]
}

/// A ledger's files in a folder of their own.
pub(super) struct Files {
    folder: TempDir,
}

impl Files {
    pub(super) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(super) fn wal_path(&self) -> PathBuf {
        self.folder.path().join("ledger.db-wal")
    }

    pub(super) fn guard_path(&self) -> PathBuf {
        self.folder.path().join("ledger.db.guard")
    }

    pub(super) fn options(&self) -> LedgerOptions {
        self.options_of(party())
    }

    pub(super) fn options_of(&self, party: Party) -> LedgerOptions {
        LedgerOptions::new(self.path(), party, signer(), verifier())
    }

    pub(super) fn open(&self) -> SqliteLedger {
        SqliteLedger::open(self.options()).unwrap()
    }

    pub(super) fn verify_options(&self) -> VerifyOptions {
        VerifyOptions::new(self.path(), verifier())
    }

    pub(super) fn verify(&self) -> VerifyReport {
        verify(&self.verify_options()).unwrap()
    }

    /// The codes of all problems, for a report that is expected to have some.
    pub(super) fn problem_codes(&self) -> Vec<&'static str> {
        self.verify().problems.iter().map(crate::ledger::Problem::code).collect()
    }

    /// What a kill -9 leaves: the files as the system has them, without any closing.
    pub(super) fn as_after_a_kill(&self) -> Self {
        let copy = Self::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            // The index of the write-ahead log is rebuilt; the lock is the process's own.
            if !path.to_str().unwrap().ends_with("-shm") && !path.to_str().unwrap().ends_with(".lock") {
                fs::copy(&path, copy.folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        copy
    }

    pub(super) fn tamper(&self, statements: &str) {
        tamper(&self.path(), statements);
    }
}

/// Changes the database behind the ledger's back, as somebody with a SQL prompt who has dropped the triggers.
pub(crate) fn tamper(path: &Path, statements: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    connection.execute_batch(statements).unwrap();
    for (_, sql) in &triggers {
        connection.execute_batch(sql).unwrap();
    }
}

pub(super) fn record(text: &str) -> NewRecord {
    NewRecord { kind: RecordKind(7), body: text.as_bytes().to_vec(), recorded_at_ms: 1_700_000_000_000 }
}

/// Appends one record after the durable head and waits for it.
pub(super) fn append(ledger: &dyn Ledger, text: &str) -> Result<Appended, LedgerError> {
    ledger.append(ledger.head().head.seq.next(), EPOCH, vec![record(text)]).wait()
}

/// A ledger of `count` commits of one record each, still open.
pub(super) fn ledger_of(files: &Files, count: u64) -> SqliteLedger {
    let ledger = files.open();
    for number in 1..=count {
        assert_eq!(append(&ledger, &format!("record {number}")).unwrap().last, Sequence(number));
    }
    ledger
}

pub(super) fn signer() -> Arc<dyn HeadSigner> {
    Arc::new(|message: &[u8]| -> Result<HeadSignature, SigningFault> {
        Ok(HeadSignature { key_id: KEY_ID.to_owned(), bytes: mac(message) })
    })
}

pub(super) fn verifier() -> Arc<dyn HeadVerifier> {
    Arc::new(|key_id: &str, message: &[u8], signature: &[u8]| {
        if key_id != KEY_ID {
            Err(HeadRejection::UnknownKey)
        } else if mac(message) == signature {
            Ok(())
        } else {
            Err(HeadRejection::BadSignature)
        }
    })
}

pub(super) fn flip(path: &Path, position: usize, mask: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[position] ^= mask;
    fs::write(path, bytes).unwrap();
}

const KEY_ID: &str = "test-key";

fn mac(message: &[u8]) -> Vec<u8> {
    blake3::keyed_hash(&[42; 32], message).as_bytes().to_vec()
}
