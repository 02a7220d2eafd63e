//! A ledger that lost its end: read as it is, and completed in one commit.

use std::{fmt, fs::File, sync::Arc};

use rusqlite::{Connection, TransactionBehavior};

use super::{ChainCheck, LedgerOptions, lock, open, rows, with_ending};
use crate::ledger::{
    GuardConflict, Head, HeadPlace, LedgerError, Lost, NewRecord, Record, Sequence, SignedHead,
    chain::ChainWalk,
    guard::{Guard, GuardSlots},
    verify::{guard_conflict, known_place},
};

/// A ledger that is opened for its recovery: nobody else has it open, its whole chain is checked, and nothing of it is
/// changed until it is completed: the [`Lost`] of a node's files.
pub struct LostLedger {
    options: LedgerOptions,
    /// `None` where there is no ledger any more, or an empty file.
    connection: Option<Connection>,
    slots: Option<GuardSlots>,
    newest: SignedHead,
    conflict: Option<GuardConflict>,
    _lock: File,
}

impl LostLedger {
    /// Opens what is left of a ledger. One that is gone altogether is an empty one.
    ///
    /// # Errors
    /// Another process has it open, it is not this party's, or what is left is damaged inside: a damaged ledger cannot be
    /// continued.
    pub fn open(options: &LedgerOptions) -> Result<Self, LedgerError> {
        let lock = lock::take(options)?;
        let options = LedgerOptions { chain_check: ChainCheck::Whole, integrity_check: true, ..options.clone() };
        let slots = GuardSlots::read(&options.guard_path)
            .map_err(|error| open::io_error("read the guard", &options.guard_path, error))?;
        let connection = open::connect_if_there(&options)?;
        let newest = match &connection {
            Some(connection) => open::check_chain(connection, &options)?,
            None => open::signed_genesis(&options)?,
        };
        let mut lost = Self { options, connection, slots, newest, conflict: None, _lock: lock };
        lost.conflict = lost.conflict_with_guard()?;
        Ok(lost)
    }

    /// The newest head in the guard that this house signed.
    #[must_use]
    pub fn guard(&self) -> Option<&SignedHead> {
        let newest = self.slots.as_ref().and_then(GuardSlots::newest)?;
        newest.check(&self.options.party, self.options.verifier.as_ref()).is_ok().then_some(newest)
    }

    /// The first half of [`Lost::complete`].
    pub(in crate::ledger) fn commit(&mut self, records: &[NewRecord]) -> Result<(), LedgerError> {
        if records.is_empty() {
            return Ok(());
        }
        let options = &self.options;
        let sql = |error| open::sql_error("append to", &options.path, error);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::connect_and_create(options)?,
        };
        open::allow_writes(&connection).map_err(sql)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let mut head = self.newest.head;
        for record in records {
            let seq = head.seq.next();
            let hash = head.hash.chain(seq, record.kind, record.recorded_at_ms, &record.body);
            rows::insert_record(&transaction, seq, record, hash).map_err(sql)?;
            head = Head { seq, hash };
        }
        let signed = SignedHead::sign(&options.party, head, self.newest.epoch, options.signer.as_ref());
        let signed = signed.map_err(|fault| LedgerError::Signing { source: Arc::new(fault) })?;
        rows::insert_batch(&transaction, self.newest.head.seq.next(), &signed).map_err(sql)?;
        transaction.commit().map_err(sql)?;
        // Into the database file, so that a copy of it alone is the whole ledger; it is durable without that.
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log stays beside the ledger until the next start");
        }
        self.connection = Some(connection);
        self.newest = signed;
        Ok(())
    }

    /// The second half: gives the guard the new head. The one that it replaces is kept beside it, with the ending
    /// `.superseded-<sequence>`.
    fn renew_guard(&self) -> Result<(), LedgerError> {
        let guard_path = &self.options.guard_path;
        let io = |error| open::io_error("replace the guard", guard_path, error);
        if self.slots.is_some() {
            let superseded = with_ending(guard_path, &format!(".superseded-{}", self.newest.head.seq));
            std::fs::copy(guard_path, superseded).map_err(io)?;
        }
        Guard::create(guard_path, &self.newest).map_err(io)?;
        Ok(())
    }

    fn conflict_with_guard(&self) -> Result<Option<GuardConflict>, LedgerError> {
        let options = &self.options;
        let Some(connection) = &self.connection else {
            let beyond = self.guard().filter(|guard| guard.head.seq > Sequence::GENESIS);
            return Ok(beyond.map(|guard| GuardConflict::Behind { ledger: self.newest.head, guard: guard.clone() }));
        };
        if self.slots.is_none() && self.newest.head.seq == Sequence::GENESIS {
            return Ok(None);
        }
        let (slots, verifier) = (self.slots.as_ref(), options.verifier.as_ref());
        guard_conflict(connection, &options.party, self.newest.head, &options.guard_path, slots, verifier)
            .map_err(|error| open::sql_error("read", &options.path, error))
    }
}

impl Lost for LostLedger {
    fn head(&self) -> &SignedHead {
        &self.newest
    }

    fn conflict(&self) -> Option<&GuardConflict> {
        self.conflict.as_ref()
    }

    fn place_of(&self, head: Head) -> Result<HeadPlace, LedgerError> {
        let Some(connection) = &self.connection else {
            return Ok(if head == self.newest.head { HeadPlace::OnChain } else { HeadPlace::Beyond });
        };
        let place = known_place(connection, &self.options.party, self.newest.head, head);
        place.map_err(|error| open::sql_error("read", &self.options.path, error))
    }

    fn read(&self, take: &mut dyn FnMut(Record)) -> Result<(), LedgerError> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let read = |take: &mut dyn FnMut(Record)| -> rusqlite::Result<()> {
            let mut chain = ChainWalk::after(Head::genesis(&self.options.party));
            let mut statement = connection.prepare(rows::RECORDS_AFTER)?;
            let mut found = statement.query([0])?;
            while let Some(row) = found.next()? {
                // Invariant: the whole chain was checked when it was opened.
                if let Ok(record) = chain.step(rows::record(row)?) {
                    take(record);
                }
            }
            Ok(())
        };
        read(take).map_err(|error| open::sql_error("read", &self.options.path, error))
    }

    fn complete(mut self, records: &[NewRecord]) -> Result<SignedHead, LedgerError> {
        self.commit(records)?;
        self.renew_guard()?;
        Ok(self.newest)
    }
}

impl fmt::Debug for LostLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LostLedger")
            .field("newest", &self.newest)
            .field("conflict", &self.conflict)
            .finish_non_exhaustive()
    }
}
