//! The ledger of a node: SQLite in the process, one writer thread, one commit for all appends that wait together.

mod intake;
mod lock;
mod lost;
mod open;
mod options;
mod rebase;
pub(super) mod rows;
pub(super) mod schema;
mod writer;

use std::{
    fmt,
    fs::File,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::JoinHandle,
};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    Epoch, GuardConflict, Head, Ledger, LedgerError, NewRecord, Record, Sequence, SignedHead, Standing, StateSnapshot,
    Ticket, chain::ChainWalk,
};
use crate::telemetry::spawn_blocking;
use intake::Intake;
pub(super) use intake::{check_append, within};
pub use lost::LostLedger;
pub(super) use open::{connect_read_only, integrity_problems, sql_error};
pub(super) use options::with_ending;
pub use options::{ChainCheck, LedgerLimits, LedgerOptions};
pub use rebase::rebase_guard;

/// A ledger in a SQLite file.
///
/// WAL with `synchronous=FULL`: a commit is on the disk when its ticket completes, and so is the guard's copy of its
/// signed head. One process at a time: a lock file keeps others out, and the lock ends with the process.
///
/// Dropping the last handle waits until everything that was queued is durable.
pub struct SqliteLedger {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    // Held, not used: the lock ends when the file is closed.
    _lock: File,
}

/// What the handle and the writer's thread share.
struct Shared {
    options: LedgerOptions,
    intake: Intake,
    reader: Mutex<Connection>,
    newest: Mutex<SignedHead>,
    /// How the ledger contradicts its guard: as it was opened, or since another holder of its heads was heard. Once it is
    /// set nothing is committed any more.
    held: OnceLock<GuardConflict>,
}

impl SqliteLedger {
    /// Opens the ledger, or makes a new one where there is none, and checks the chain and the guard.
    ///
    /// A ledger that contradicts its guard opens all the same, to be read; its [`Ledger::standing`] says so, and it
    /// takes no appends. Nothing in its files is touched then, so that a copy of them can still be repaired.
    ///
    /// Blocks: call it before the runtime's work begins, or from `spawn_blocking`.
    ///
    /// # Errors
    /// In use by another process, damaged, another party's, not a ledger, missing though the guard knows of records, or
    /// the disk's own errors.
    pub fn open(options: LedgerOptions) -> Result<Self, LedgerError> {
        open::open(options)
    }

    /// What the ledger was opened with.
    #[must_use]
    pub fn options(&self) -> &LedgerOptions {
        &self.shared.options
    }

    /// [`Ledger::read_from`] on the current thread, for callers outside an async runtime.
    ///
    /// # Errors
    /// A record that does not give its hash, or the disk's own errors.
    pub fn read_from_blocking(&self, from: Sequence, limit: usize) -> Result<Vec<Record>, LedgerError> {
        self.shared.read_from(from, limit)
    }

    /// [`Ledger::latest_snapshot`] on the current thread, for callers outside an async runtime.
    ///
    /// # Errors
    /// The disk's own errors.
    pub fn latest_snapshot_blocking(&self) -> Result<Option<StateSnapshot>, LedgerError> {
        self.shared.latest_snapshot()
    }
}

impl Ledger for SqliteLedger {
    fn append(&self, expected: Sequence, epoch: Epoch, records: Vec<NewRecord>) -> Ticket {
        if let Some(conflict) = self.shared.held.get() {
            return Ticket::refused(conflict.clone().into());
        }
        self.shared.intake.append(expected, epoch, records, &self.shared.options.limits)
    }

    fn read_from(&self, from: Sequence, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, LedgerError>> {
        let shared = Arc::clone(&self.shared);
        on_blocking_thread(move || shared.read_from(from, limit))
    }

    fn head(&self) -> SignedHead {
        self.shared.newest_head()
    }

    fn put_snapshot(&self, at: Sequence, state: Vec<u8>) -> BoxFuture<'_, Result<(), LedgerError>> {
        let outcome = self.shared.queue_snapshot(at, state);
        Box::pin(async move { outcome?.await.unwrap_or(Err(LedgerError::Closed)) })
    }

    fn latest_snapshot(&self) -> BoxFuture<'_, Result<Option<StateSnapshot>, LedgerError>> {
        let shared = Arc::clone(&self.shared);
        on_blocking_thread(move || shared.latest_snapshot())
    }

    fn standing(&self) -> Standing {
        if let Some(conflict) = self.shared.held.get() {
            return Standing::HeldByGuard(conflict.clone());
        }
        self.shared.intake.stopped().map_or(Standing::Writable, Standing::Poisoned)
    }

    fn hold_to(&self, word: SignedHead) -> BoxFuture<'_, Result<Option<GuardConflict>, LedgerError>> {
        if self.writer.is_none() {
            // Held since it was opened: its guard has a word that every restart finds, or cannot be trusted to take one.
            let conflict = self.shared.held.get().cloned();
            return Box::pin(async move { Ok(conflict) });
        }
        let outcome = self.shared.queue_word(word);
        Box::pin(async move { outcome?.await.unwrap_or(Err(LedgerError::Closed)) })
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.shared.intake.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(path = %self.shared.options.path.display(), "the ledger's writer has panicked");
        }
    }
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Shared {
    fn newest_head(&self) -> SignedHead {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read_from(&self, from: Sequence, limit: usize) -> Result<Vec<Record>, LedgerError> {
        let from = from.max(Sequence::GENESIS.next());
        // Committed records whose guard is not yet synced are not acknowledged, and so not shown.
        let head = self.newest_head().head.seq;
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = |error| open::sql_error("read", &self.options.path, error);
        let before = from.previous();
        let Some(before_hash) = rows::hash_at(&reader, &self.options.party, before).map_err(sql)? else {
            return if before < head { Err(self.corrupted(format!("record {before} is missing"))) } else { Ok(vec![]) };
        };
        let mut chain = ChainWalk::after(Head { seq: before, hash: before_hash });
        let mut statement = reader.prepare_cached(rows::RECORDS_AFTER).map_err(sql)?;
        let mut found = statement.query([rows::signed(before.0).map_err(sql)?]).map_err(sql)?;
        let mut records = Vec::new();
        let mut bytes = 0;
        while records.len() < limit && chain.at().seq < head && bytes < self.options.limits.read_bytes_max {
            let Some(row) = found.next().map_err(sql)? else {
                return Err(self.corrupted(format!("record {} is missing", chain.at().seq.next())));
            };
            let record =
                chain.step(rows::record(row).map_err(sql)?).map_err(|fault| self.corrupted(fault.to_string()))?;
            bytes += record.body.len();
            records.push(record);
        }
        Ok(records)
    }

    fn latest_snapshot(&self) -> Result<Option<StateSnapshot>, LedgerError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        open::newest_sound_snapshot(&reader, &self.options)
    }

    fn queue_snapshot(
        &self,
        at: Sequence,
        state: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<(), LedgerError>>, LedgerError> {
        if let Some(conflict) = self.held.get() {
            return Err(conflict.clone().into());
        }
        let head = self.newest_head().head.seq;
        if at > head || at == Sequence::GENESIS {
            return Err(LedgerError::SnapshotAhead { at, head });
        }
        self.intake.snapshot(at, state, &self.options.limits)
    }

    fn queue_word(
        &self,
        word: SignedHead,
    ) -> Result<oneshot::Receiver<Result<Option<GuardConflict>, LedgerError>>, LedgerError> {
        let party = &self.options.party;
        // A guard with a word that cannot be checked would be a guard that cannot be trusted.
        word.check(party, self.options.verifier.as_ref()).map_err(|rejection| LedgerError::NotOwnWord {
            party: party.clone(),
            head: word.head,
            reason: format!("key {:?}: {rejection}", word.signature.key_id),
        })?;
        self.intake.word(word)
    }

    fn corrupted(&self, problem: String) -> LedgerError {
        LedgerError::Corrupted { path: self.options.path.clone(), problem }
    }
}

fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> BoxFuture<'static, Result<T, LedgerError>> {
    Box::pin(async move { spawn_blocking(work).await.unwrap_or(Err(LedgerError::Closed)) })
}
