//! What waits for the writer's thread: appends numbered in the order of their arrival, snapshots, and words for the guard.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::LedgerLimits;
use crate::ledger::{Appended, Epoch, GuardConflict, LedgerError, NewRecord, Sequence, SignedHead, Ticket};

/// The queue between callers and the writer. Callers never wait for the disk.
pub(super) struct Intake {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

/// What the writer does in one transaction.
pub(super) enum Work {
    /// Appends of one epoch, in order.
    Commit(Vec<PendingAppend>),
    /// One snapshot.
    Snapshot(PendingSnapshot),
    /// One head for the guard.
    Word(PendingWord),
}

/// An accepted append.
pub(super) struct PendingAppend {
    pub(super) first: Sequence,
    pub(super) epoch: Epoch,
    pub(super) records: Vec<NewRecord>,
    pub(super) done: oneshot::Sender<Result<Appended, LedgerError>>,
    bytes: usize,
}

/// An accepted snapshot.
pub(super) struct PendingSnapshot {
    pub(super) at: Sequence,
    pub(super) state: Vec<u8>,
    pub(super) done: oneshot::Sender<Result<(), LedgerError>>,
}

/// A head that this house signed and the ledger does not have, for the guard.
pub(super) struct PendingWord {
    pub(super) word: SignedHead,
    pub(super) done: oneshot::Sender<Result<Option<GuardConflict>, LedgerError>>,
}

struct Queue {
    waiting: VecDeque<Waiting>,
    next: Sequence,
    epoch: Epoch,
    queued_bytes: usize,
    closing: bool,
    stopped: Option<Arc<LedgerError>>,
}

enum Waiting {
    Append(PendingAppend),
    Snapshot(PendingSnapshot),
    Word(PendingWord),
}

impl Intake {
    /// An intake whose first append goes after `newest`.
    pub(super) fn after(newest: &SignedHead) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            next: newest.head.seq.next(),
            epoch: newest.epoch,
            queued_bytes: 0,
            closing: false,
            stopped: None,
        };
        Self { queue: Mutex::new(queue), arrived: Condvar::new() }
    }

    pub(super) fn append(
        &self,
        expected: Sequence,
        epoch: Epoch,
        records: Vec<NewRecord>,
        limits: &LedgerLimits,
    ) -> Ticket {
        match self.lock().accept(expected, epoch, records, limits) {
            Ok(ticket) => {
                self.arrived.notify_one();
                ticket
            }
            Err(error) => Ticket::refused(error),
        }
    }

    pub(super) fn snapshot(
        &self,
        at: Sequence,
        state: Vec<u8>,
        limits: &LedgerLimits,
    ) -> Result<oneshot::Receiver<Result<(), LedgerError>>, LedgerError> {
        within("snapshot", state.len(), limits.snapshot_bytes_max)?;
        let mut queue = self.lock();
        queue.refuse_if_over()?;
        let (done, outcome) = oneshot::channel();
        queue.waiting.push_back(Waiting::Snapshot(PendingSnapshot { at, state, done }));
        self.arrived.notify_one();
        Ok(outcome)
    }

    pub(super) fn word(
        &self,
        word: SignedHead,
    ) -> Result<oneshot::Receiver<Result<Option<GuardConflict>, LedgerError>>, LedgerError> {
        let mut queue = self.lock();
        queue.refuse_if_over()?;
        let (done, outcome) = oneshot::channel();
        queue.waiting.push_back(Waiting::Word(PendingWord { word, done }));
        self.arrived.notify_one();
        Ok(outcome)
    }

    /// The writer's next work: waits for some; `None` when the ledger closes and nothing is left.
    pub(super) fn next_work(&self, limits: &LedgerLimits) -> Option<Work> {
        let mut queue = self.lock();
        while queue.waiting.is_empty() {
            if queue.closing {
                return None;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.take_work(limits)
    }

    /// After a failed commit: refuses all that waits and all that will come.
    pub(super) fn stop(&self, cause: &LedgerError) {
        let mut queue = self.lock();
        let cause = Arc::clone(queue.stopped.get_or_insert_with(|| Arc::new(cause.clone())));
        let poisoned = || LedgerError::Poisoned { cause: Arc::clone(&cause) };
        for waiting in queue.waiting.drain(..) {
            // A dropped receiver is a caller that no longer cares.
            match waiting {
                Waiting::Append(append) => drop(append.done.send(Err(poisoned()))),
                Waiting::Snapshot(snapshot) => drop(snapshot.done.send(Err(poisoned()))),
                Waiting::Word(word) => drop(word.done.send(Err(poisoned()))),
            }
        }
    }

    /// The failure that stopped the writer, if one did.
    pub(super) fn stopped(&self) -> Option<LedgerError> {
        self.lock().stopped.as_deref().cloned()
    }

    /// Lets the writer finish what waits and end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn accept(
        &mut self,
        expected: Sequence,
        epoch: Epoch,
        records: Vec<NewRecord>,
        limits: &LedgerLimits,
    ) -> Result<Ticket, LedgerError> {
        self.refuse_if_over()?;
        check_append((self.next, self.epoch), expected, epoch, &records, limits)?;
        let bytes = records.iter().map(|record| record.body.len() + ROW_BYTES).sum::<usize>();
        let queued_bytes = self.queued_bytes + bytes;
        if queued_bytes > limits.queued_bytes_max {
            return Err(LedgerError::Overloaded { queued_bytes, queued_bytes_max: limits.queued_bytes_max });
        }
        self.queued_bytes = queued_bytes;
        self.next = self.next.plus(records.len());
        self.epoch = epoch;
        let (done, ticket) = Ticket::pending();
        self.waiting.push_back(Waiting::Append(PendingAppend { first: expected, epoch, records, done, bytes }));
        Ok(ticket)
    }

    fn refuse_if_over(&self) -> Result<(), LedgerError> {
        match &self.stopped {
            Some(cause) => Err(LedgerError::Poisoned { cause: Arc::clone(cause) }),
            None if self.closing => Err(LedgerError::Closed),
            None => Ok(()),
        }
    }

    fn take_work(&mut self, limits: &LedgerLimits) -> Option<Work> {
        let mut appends: Vec<PendingAppend> = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting {
                Waiting::Snapshot(snapshot) if appends.is_empty() => return Some(Work::Snapshot(snapshot)),
                Waiting::Word(word) if appends.is_empty() => return Some(Work::Word(word)),
                // A commit is signed for one epoch: the next epoch's appends start another.
                Waiting::Append(append) if appends.first().is_none_or(|first| first.epoch == append.epoch) => {
                    records += append.records.len();
                    bytes += append.bytes;
                    self.queued_bytes -= append.bytes;
                    appends.push(append);
                }
                other => {
                    self.waiting.push_front(other);
                    break;
                }
            }
            if records >= limits.commit_records_max || bytes >= limits.commit_bytes_max {
                break;
            }
        }
        (!appends.is_empty()).then_some(Work::Commit(appends))
    }
}

/// What every ledger checks of an append before it takes it, given the next sequence and the highest epoch.
pub(in crate::ledger) fn check_append(
    (next, current): (Sequence, Epoch),
    expected: Sequence,
    epoch: Epoch,
    records: &[NewRecord],
    limits: &LedgerLimits,
) -> Result<(), LedgerError> {
    if epoch < current {
        return Err(LedgerError::Fenced { epoch, current });
    }
    if expected != next {
        return Err(LedgerError::WrongSequence { expected, next });
    }
    if records.is_empty() {
        return Err(LedgerError::EmptyAppend);
    }
    records.iter().try_for_each(|record| within("record", record.body.len(), limits.body_bytes_max))
}

pub(in crate::ledger) fn within(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), LedgerError> {
    if bytes > bytes_max { Err(LedgerError::TooLarge { what, bytes, bytes_max }) } else { Ok(()) }
}

/// What a row takes beside its body, so that many empty records still count as bytes.
const ROW_BYTES: usize = 64;
