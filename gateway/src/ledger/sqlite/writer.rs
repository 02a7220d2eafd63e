//! The writer's thread: one transaction, one signature and one guard write for all appends that wait together.

use std::sync::{Arc, PoisonError};

use rusqlite::{Connection, TransactionBehavior, config::DbConfig};

use super::{
    Shared,
    intake::{PendingAppend, PendingSnapshot, PendingWord, Work},
    open::{io_error, sql_error},
    rows,
};
use crate::ledger::{
    Appended, GuardConflict, Head, LedgerError, SignedHead, StateSnapshot, guard::Guard, snapshot::SignedSnapshot,
    verify::word_conflict,
};

/// Holds the only connection that writes, and the guard.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Connection,
    pub(super) guard: Guard,
    pub(super) head: Head,
    /// Whether the guard holds a word that the ledger does not have.
    pub(super) is_word_in_guard: bool,
}

impl Writer {
    /// Works until the ledger closes.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some(work) = shared.intake.next_work(&shared.options.limits) {
            match work {
                Work::Commit(appends) => self.commit_and_answer(appends),
                Work::Snapshot(snapshot) => self.snapshot_and_answer(snapshot),
                Work::Word(word) => self.hold_and_answer(word),
            }
        }
        // The files of a held ledger are left as they are, as evidence.
        if shared.intake.stopped().is_none() && shared.held.get().is_none() {
            self.move_log_into_database();
        }
    }

    /// After a clean end the database file alone is the whole ledger, so that a copy of it is a copy of the ledger.
    fn move_log_into_database(&self) {
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            let path = self.shared.options.path.display();
            tracing::warn!(%path, %error, "the write-ahead log stays beside the ledger until the next start");
        }
    }

    fn commit_and_answer(&mut self, appends: Vec<PendingAppend>) {
        let _stop = StopOnPanic(Arc::clone(&self.shared));
        if let Some(conflict) = self.shared.held.get() {
            // They were queued while the ledger came to be held. Their head would take the word's place in the guard.
            for append in appends {
                drop(append.done.send(Err(conflict.clone().into())));
            }
            return;
        }
        match self.commit(&appends) {
            Ok(places) => {
                for (append, place) in appends.into_iter().zip(places) {
                    // A dropped receiver is a caller that no longer cares.
                    drop(append.done.send(Ok(place)));
                }
            }
            Err(error) => {
                // Refuse newcomers before anyone learns of the failure and appends again.
                self.poison(&error);
                for append in appends {
                    drop(append.done.send(Err(error.clone())));
                }
            }
        }
    }

    /// In this order: records and signed head in one transaction, synced; the guard, synced; only then the head is
    /// shown and the tickets complete. The guard comes second, so that it never names a record that is not there.
    fn commit(&mut self, appends: &[PendingAppend]) -> Result<Vec<Appended>, LedgerError> {
        let options = &self.shared.options;
        let sql = |error| sql_error("append to", &options.path, error);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let mut head = self.head;
        let mut places = Vec::with_capacity(appends.len());
        for append in appends {
            for record in &append.records {
                let seq = head.seq.next();
                let hash = head.hash.chain(seq, record.kind, record.recorded_at_ms, &record.body);
                rows::insert_record(&transaction, seq, record, hash).map_err(sql)?;
                head = Head { seq, hash };
            }
            places.push(Appended { first: append.first, last: head.seq, hash: head.hash });
        }
        let epoch = appends.last().map_or(self.shared.newest_head().epoch, |append| append.epoch);
        let signed = SignedHead::sign(&options.party, head, epoch, options.signer.as_ref()).map_err(signing)?;
        rows::insert_batch(&transaction, self.head.seq.next(), &signed).map_err(sql)?;
        transaction.commit().map_err(sql)?;

        self.guard.store(&signed).map_err(|error| io_error("write the guard", &options.guard_path, error))?;
        self.head = head;
        *self.shared.newest.lock().unwrap_or_else(PoisonError::into_inner) = signed;
        Ok(places)
    }

    fn snapshot_and_answer(&mut self, pending: PendingSnapshot) {
        let PendingSnapshot { at, state, done } = pending;
        let _stop = StopOnPanic(Arc::clone(&self.shared));
        if let Some(conflict) = self.shared.held.get() {
            return drop(done.send(Err(conflict.clone().into())));
        }
        let outcome = self.store_snapshot(at, state);
        if let Err(error) = &outcome {
            self.poison(error);
        }
        drop(done.send(outcome));
    }

    fn store_snapshot(&mut self, at: crate::ledger::Sequence, state: Vec<u8>) -> Result<(), LedgerError> {
        let options = &self.shared.options;
        let sql = |error| sql_error("put a snapshot into", &options.path, error);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let hash = rows::hash_at(&transaction, &options.party, at)
            .map_err(sql)?
            .ok_or_else(|| self.shared.corrupted(format!("record {at} is missing")))?;
        let snapshot = StateSnapshot { at: Head { seq: at, hash }, state };
        let signature = options.signer.sign(&snapshot.message(&options.party)).map_err(signing)?;
        rows::insert_snapshot(&transaction, &SignedSnapshot { snapshot, signature }).map_err(sql)?;
        transaction.commit().map_err(sql)
    }

    fn hold_and_answer(&mut self, pending: PendingWord) {
        let PendingWord { word, done } = pending;
        let _stop = StopOnPanic(Arc::clone(&self.shared));
        let outcome = self.hold_to(&word);
        if let Err(error) = &outcome {
            let path = self.shared.options.path.display();
            tracing::error!(%path, error = error as &dyn std::error::Error, "the guard was not given this house's word");
        }
        drop(done.send(outcome));
    }

    /// Has the guard hold a word that the ledger does not have. The ledger is held before the guard is written: whatever
    /// comes of that, no later head is.
    fn hold_to(&mut self, word: &SignedHead) -> Result<Option<GuardConflict>, LedgerError> {
        let options = &self.shared.options;
        let sql = |error| sql_error("read", &options.path, error);
        let conflict = match self.shared.held.get() {
            Some(conflict) => conflict,
            None => match word_conflict(&self.connection, &options.party, self.head, word).map_err(sql)? {
                None => return Ok(None),
                Some(conflict) => self.shared.held.get_or_init(|| conflict),
            },
        };
        if !self.is_word_in_guard {
            // As with a ledger that was held when it was opened, not even a close may touch the files.
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
            let held = self.guard.hold_to(conflict.word().unwrap_or(word));
            held.map_err(|error| io_error("write the guard", &options.guard_path, error))?;
            self.is_word_in_guard = true;
            tracing::error!(path = %options.path.display(), %conflict, "the ledger takes no more appends");
        }
        Ok(Some(conflict.clone()))
    }

    fn poison(&self, error: &LedgerError) {
        tracing::error!(
            path = %self.shared.options.path.display(),
            error = error as &dyn std::error::Error,
            "a commit to the ledger failed; it takes no more appends"
        );
        self.shared.intake.stop(error);
    }
}

/// A writer that panics, in a signer above all, must not leave callers waiting for ever. Kept as the last local, so that
/// newcomers are refused before the tickets of the panicking commit fail.
struct StopOnPanic(Arc<Shared>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.intake.stop(&LedgerError::Closed);
        }
    }
}

fn signing(fault: crate::ledger::SigningFault) -> LedgerError {
    LedgerError::Signing { source: Arc::new(fault) }
}
