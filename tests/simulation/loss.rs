//! Disks that are lost, old copies that are put in their place, and what a recovery finds there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use futures_util::FutureExt;
use gateway::{
    blobs::{BlobStore, MemoryBlobStore},
    ledger::{
        Epoch, GuardConflict, Head, HeadPlace, Ledger, LedgerError, Lost, MemoryLedger, NewRecord, Record, Sequence,
        SignedHead,
    },
};

use super::disk::{Disk, read, rebuilt};

/// What is left of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The true time in microseconds as of which the ledger is; `None` if it is gone altogether.
    pub ledger: Option<u64>,
    /// Whether the guard is on another disk and remembers the newest head.
    pub guard: bool,
    /// Whether the store of bulk content goes back with the ledger.
    pub content: bool,
}

/// What a disk has lost, and what it remembers of it.
#[derive(Default)]
pub struct Losses {
    /// When each commit was durable: true time in microseconds, and the newest record then.
    durable_at: Mutex<Vec<(u64, u64)>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The newest head in a guard that the ledger does not reach: it outlived the loss, or the other house told it.
    guard: Option<SignedHead>,
    /// The old copy, as it was before a node was started on it.
    copy: Vec<Record>,
    /// Records that the loss took.
    lost: Vec<Record>,
    /// Records of a node that ran on the old copy, which were taken away with it.
    withdrawn: Vec<Record>,
    /// A recovery broke off between its commit and the new guard.
    has_broken_off: bool,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Losses {
    /// Records up to `head` are durable at a true time in microseconds.
    pub fn note_durable(&self, micros: u64, head: u64) {
        lock(&self.durable_at).push((micros, head));
    }

    /// The newest record that was durable at a true time in microseconds.
    fn head_at(&self, micros: u64) -> u64 {
        let durable = lock(&self.durable_at);
        durable.iter().rev().find(|(at, _)| *at <= micros).map_or(0, |(_, head)| *head)
    }
}

impl Disk {
    /// What the loss took: records that were durable and are not in the copy.
    pub fn lost(&self) -> Vec<Record> {
        lock(&self.losses.inner).lost.clone()
    }

    /// What a node recorded on the old copy, and was taken away with it.
    pub fn withdrawn(&self) -> Vec<Record> {
        lock(&self.losses.inner).withdrawn.clone()
    }

    /// Puts what is left in the place of what was there. The node does not run. How many records are lost.
    pub fn lose(&self, left: Left) -> usize {
        let records = self.records();
        let kept = left.ledger.map_or(0, |at| self.losses.head_at(at));
        let kept = usize::try_from(kept).unwrap().min(records.len());
        if left.content {
            self.blobs.put_back(left.ledger);
        }
        let mut inner = lock(&self.losses.inner);
        let newest = self.ledger().head();
        inner.guard = (left.guard && kept < records.len()).then_some(newest);
        inner.copy = records[..kept].to_vec();
        inner.lost = records[kept..].to_vec();
        drop(inner);
        lock(&self.losses.durable_at).retain(|(_, head)| *head <= kept as u64);
        self.replace(&records[..kept]);
        records.len() - kept
    }

    /// Gives the guard the head of the ledger as it is.
    pub fn rebase_guard(&self) {
        lock(&self.losses.inner).guard = None;
    }

    /// Whether a recovery broke off behind its commit: what it would have named as missing, nobody was told.
    pub fn has_broken_off(&self) -> bool {
        lock(&self.losses.inner).has_broken_off
    }

    /// Puts the copy in place again as it was before a node ran on it.
    pub fn put_in_place_again(&self) {
        let records = self.records();
        let mut inner = lock(&self.losses.inner);
        let kept = inner.copy.len();
        inner.withdrawn.extend_from_slice(&records[kept..]);
        let copy = inner.copy.clone();
        drop(inner);
        self.replace(&copy);
    }

    fn replace(&self, records: &[Record]) {
        *self.ledger() = rebuilt(&self.party(), &self.key, records);
        self.traced.store(records.len() as u64, Ordering::Relaxed);
    }

    /// How the guard contradicts the ledger, if it does.
    pub fn conflict(&self) -> Option<GuardConflict> {
        let guard = lock(&self.losses.inner).guard.clone()?;
        let ledger = self.ledger().head().head;
        let on_chain = self.records().into_iter().find(|record| record.seq == guard.head.seq);
        match on_chain {
            Some(record) if record.hash == guard.head.hash => None,
            Some(Record { seq, hash, .. }) => Some(GuardConflict::Diverged { on_chain: Head { seq, hash }, guard }),
            None => Some(GuardConflict::Behind { ledger, guard }),
        }
    }

    /// Has the guard hold a head that the other house told. How it contradicts the ledger, if it does.
    pub fn hold_to(&self, word: SignedHead) -> Option<GuardConflict> {
        if let Some(stands) = self.conflict() {
            return Some(stands);
        }
        // What was appended before comes first.
        let ledger = self.ledger().clone();
        ledger.release_first(usize::MAX);
        self.note_records(&ledger);
        lock(&self.losses.inner).guard = Some(word);
        self.conflict()
    }

    /// Whether the ledger is gone, and its guard is there: a node does not start then.
    pub fn is_missing(&self) -> bool {
        self.ledger().head().head.seq == Sequence::GENESIS && self.conflict().is_some()
    }

    /// What is left, for a recovery.
    pub fn left(self: &Arc<Self>) -> Leftover {
        let ledger = self.ledger().clone();
        ledger.crash();
        Leftover { disk: Arc::clone(self), newest: ledger.head(), conflict: self.conflict(), ledger }
    }
}

/// What is left of a ledger, for a recovery.
pub struct Leftover {
    disk: Arc<Disk>,
    ledger: MemoryLedger,
    newest: SignedHead,
    conflict: Option<GuardConflict>,
}

impl Lost for Leftover {
    fn head(&self) -> &SignedHead {
        &self.newest
    }

    fn conflict(&self) -> Option<&GuardConflict> {
        self.conflict.as_ref()
    }

    fn place_of(&self, head: Head) -> Result<HeadPlace, LedgerError> {
        self.ledger.place_of(head).now_or_never().unwrap_or(Err(LedgerError::Closed))
    }

    fn read(&self, take: &mut dyn FnMut(Record)) -> Result<(), LedgerError> {
        read(&self.ledger).into_iter().for_each(take);
        Ok(())
    }

    fn complete(self, records: &[NewRecord]) -> Result<SignedHead, LedgerError> {
        if !records.is_empty() {
            let next = self.newest.head.seq.next();
            let appended = self.ledger.append(next, Epoch::default(), records.to_vec());
            tokio::task::unconstrained(appended).now_or_never().unwrap()?;
            self.disk.note_records(&self.ledger);
        }
        let mut inner = lock(&self.disk.losses.inner);
        if self.conflict.is_some() && !records.is_empty() && !inner.has_broken_off && self.disk.dice.chance(30) {
            inner.has_broken_off = true;
            self.disk.trace.count("losses: recoveries that break off before the guard");
            return Err(LedgerError::Closed);
        }
        inner.guard = None;
        drop(inner);
        Ok(self.ledger.head())
    }
}

/// The content of a store as it was at a true time in microseconds.
pub fn store_at(store: &MemoryBlobStore, stored_at: &mut BTreeMap<[u8; 32], u64>, at: Option<u64>) -> MemoryBlobStore {
    let copy = MemoryBlobStore::new();
    stored_at.retain(|_, stored| at.is_some_and(|at| *stored <= at));
    for digest in stored_at.keys() {
        let blob = store.get(&gateway::arrangement::digest::Digest(*digest)).unwrap();
        copy.put_many(blob.as_slice()).unwrap();
    }
    copy
}
