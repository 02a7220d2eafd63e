//! A ledger without a disk, for tests and simulation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt,
    future::{self, BoxFuture},
};
use tokio::sync::oneshot;

use super::{
    Appended, Epoch, GuardConflict, Head, HeadRejection, HeadSignature, HeadSigner, Ledger, LedgerError, LedgerLimits,
    NewRecord, Record, RecordHash, Sequence, SignedHead, SigningFault, Standing, StateSnapshot, Ticket,
    sqlite::{check_append, within},
};
use crate::arrangement::parties::Party;

/// The promises of [`super::SqliteLedger`] in memory: same checks, same chain, same signatures. It has no keys to check
/// signatures with: [`Ledger::hold_to`] believes its caller.
///
/// A clone is another handle of the same ledger, so that it outlives a simulated crash of the node.
/// [`MemoryLedger::hold`] stands for a disk that is slow, [`MemoryLedger::crash`] for a power loss meanwhile,
/// [`MemoryLedger::fail`] for a disk that fails. What a disk had begun may have become durable all the same, unheard:
/// [`MemoryLedger::keep_unheard`] says how much of it.
#[derive(Clone)]
pub struct MemoryLedger {
    party: Party,
    signer: Arc<dyn HeadSigner>,
    limits: LedgerLimits,
    state: Arc<Mutex<State>>,
}

struct State {
    durable: Vec<Record>,
    newest: SignedHead,
    snapshot: Option<StateSnapshot>,
    // Appended and not yet durable.
    held: Vec<Held>,
    is_holding: bool,
    next: Sequence,
    epoch: Epoch,
    stopped: Option<Arc<LedgerError>>,
    // The guard is a file beside the ledger: no crash forgets it.
    conflict: Option<GuardConflict>,
}

struct Held {
    first: Sequence,
    epoch: Epoch,
    records: Vec<NewRecord>,
    done: oneshot::Sender<Result<Appended, LedgerError>>,
}

impl MemoryLedger {
    /// An empty ledger of `party`, whose heads `signer` signs.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn new(party: Party, signer: Arc<dyn HeadSigner>) -> Result<Self, SigningFault> {
        let newest = SignedHead::sign(&party, Head::genesis(&party), Epoch::default(), signer.as_ref())?;
        let state = State {
            durable: Vec::new(),
            newest,
            snapshot: None,
            held: Vec::new(),
            is_holding: false,
            next: Sequence::GENESIS.next(),
            epoch: Epoch::default(),
            stopped: None,
            conflict: None,
        };
        let limits = LedgerLimits::default();
        Ok(Self { party, signer, limits, state: Arc::new(Mutex::new(state)) })
    }

    /// An empty ledger of `party` whose heads carry an empty signature of the key `unsigned`: where nobody checks.
    #[must_use]
    pub fn unsigned(party: Party) -> Self {
        let signer = |_: &[u8]| Ok(HeadSignature { key_id: "unsigned".to_owned(), bytes: Vec::new() });
        match Self::new(party, Arc::new(signer)) {
            Ok(ledger) => ledger,
            // This signer answers Ok whatever it is given.
            Err(_) => unreachable!("a signer that cannot fail has failed"),
        }
    }

    /// From now on appends wait, as on a slow disk.
    pub fn hold(&self) {
        self.lock().is_holding = true;
    }

    /// Makes all waiting appends durable, in order, and holds no more.
    pub fn release(&self) {
        self.release_first(usize::MAX);
        self.lock().is_holding = false;
    }

    /// Makes so many of the waiting appends durable, the oldest first, and holds the others.
    pub fn release_first(&self, count: usize) {
        let mut state = self.lock();
        let count = count.min(state.held.len());
        for held in state.held.drain(..count).collect::<Vec<_>>() {
            self.make_durable(&mut state, held);
        }
    }

    /// Makes so many of the waiting appends durable, the oldest first, and tells nobody: their tickets fail with
    /// [`LedgerError::Closed`]. Before [`MemoryLedger::crash`] or [`MemoryLedger::fail`].
    pub fn keep_unheard(&self, count: usize) {
        for held in self.lock().held.iter_mut().take(count) {
            let (unheard, _) = oneshot::channel();
            drop(std::mem::replace(&mut held.done, unheard));
        }
        self.release_first(count);
    }

    /// How many appends wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().held.len()
    }

    /// A power loss: what waits is lost, its tickets fail with [`LedgerError::Closed`], and the ledger goes on from its
    /// durable head, as after a restart.
    pub fn crash(&self) {
        let mut state = self.lock();
        state.held.clear();
        state.is_holding = false;
        state.stopped = None;
        state.next = state.newest.head.seq.next();
        state.epoch = state.newest.epoch;
    }

    /// The disk fails: what waits and what comes is refused until [`MemoryLedger::crash`].
    pub fn fail(&self, cause: LedgerError) {
        let mut state = self.lock();
        let cause = Arc::new(cause);
        for held in state.held.drain(..) {
            drop(held.done.send(Err(LedgerError::Poisoned { cause: Arc::clone(&cause) })));
        }
        state.stopped = Some(cause);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_durable(&self, state: &mut State, held: Held) {
        let Held { first, epoch, records, done } = held;
        let mut head = state.newest.head;
        let mut chained = Vec::with_capacity(records.len());
        for NewRecord { kind, body, recorded_at_ms } in records {
            let (seq, prev_hash) = (head.seq.next(), head.hash);
            let hash = prev_hash.chain(seq, kind, recorded_at_ms, &body);
            chained.push(Record { seq, prev_hash, hash, kind, recorded_at_ms, body });
            head = Head { seq, hash };
        }
        let outcome = match (&state.stopped, SignedHead::sign(&self.party, head, epoch, self.signer.as_ref())) {
            (Some(cause), _) => Err(LedgerError::Poisoned { cause: Arc::clone(cause) }),
            (None, Ok(signed)) => {
                state.durable.append(&mut chained);
                state.newest = signed;
                Ok(Appended { first, last: head.seq, hash: head.hash })
            }
            (None, Err(fault)) => {
                let error = LedgerError::Signing { source: Arc::new(fault) };
                state.stopped = Some(Arc::new(error.clone()));
                Err(error)
            }
        };
        // A dropped receiver is a caller that no longer cares.
        drop(done.send(outcome));
    }
}

impl Ledger for MemoryLedger {
    fn append(&self, expected: Sequence, epoch: Epoch, records: Vec<NewRecord>) -> Ticket {
        let mut state = self.lock();
        if let Some(conflict) = &state.conflict {
            return Ticket::refused(conflict.clone().into());
        }
        if let Some(cause) = &state.stopped {
            return Ticket::refused(LedgerError::Poisoned { cause: Arc::clone(cause) });
        }
        if let Err(error) = check_append((state.next, state.epoch), expected, epoch, &records, &self.limits) {
            return Ticket::refused(error);
        }
        state.next = state.next.plus(records.len());
        state.epoch = epoch;
        let (done, ticket) = Ticket::pending();
        let held = Held { first: expected, epoch, records, done };
        if state.is_holding {
            state.held.push(held);
        } else {
            self.make_durable(&mut state, held);
        }
        ticket
    }

    fn read_from(&self, from: Sequence, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, LedgerError>> {
        let state = self.lock();
        let records = state.durable.iter().filter(|record| record.seq >= from).take(limit).cloned().collect();
        future::ready(Ok(records)).boxed()
    }

    fn head(&self) -> SignedHead {
        self.lock().newest.clone()
    }

    fn put_snapshot(&self, at: Sequence, snapshot: Vec<u8>) -> BoxFuture<'_, Result<(), LedgerError>> {
        future::ready(self.store_snapshot(at, snapshot)).boxed()
    }

    fn latest_snapshot(&self) -> BoxFuture<'_, Result<Option<StateSnapshot>, LedgerError>> {
        future::ready(Ok(self.lock().snapshot.clone())).boxed()
    }

    fn standing(&self) -> Standing {
        let state = self.lock();
        if let Some(conflict) = &state.conflict {
            return Standing::HeldByGuard(conflict.clone());
        }
        state.stopped.as_deref().cloned().map_or(Standing::Writable, Standing::Poisoned)
    }

    fn hold_to(&self, word: SignedHead) -> BoxFuture<'_, Result<Option<GuardConflict>, LedgerError>> {
        future::ready(self.hold_to_word(word)).boxed()
    }
}

impl State {
    /// How the durable records contradict a head that the house signed, if they do.
    fn conflict_with(&self, word: SignedHead) -> Option<GuardConflict> {
        let (newest, seq) = (self.newest.head, word.head.seq);
        if seq > newest.seq {
            return Some(GuardConflict::Behind { ledger: newest, guard: word });
        }
        let record = self.durable.iter().find(|record| record.seq == seq);
        let hash = record.map_or_else(|| RecordHash::genesis(&self.newest.party), |record| record.hash);
        let on_chain = Head { seq, hash };
        (on_chain != word.head).then_some(GuardConflict::Diverged { on_chain, guard: word })
    }
}

impl MemoryLedger {
    fn hold_to_word(&self, word: SignedHead) -> Result<Option<GuardConflict>, LedgerError> {
        let mut state = self.lock();
        if state.conflict.is_some() {
            return Ok(state.conflict.clone());
        }
        if word.party != self.party {
            let reason = HeadRejection::OtherParty.to_string();
            return Err(LedgerError::NotOwnWord { party: self.party.clone(), head: word.head, reason });
        }
        if let Some(cause) = &state.stopped {
            return Err(LedgerError::Poisoned { cause: Arc::clone(cause) });
        }
        // What was appended before comes first.
        for held in state.held.drain(..).collect::<Vec<_>>() {
            self.make_durable(&mut state, held);
        }
        state.conflict = state.conflict_with(word);
        Ok(state.conflict.clone())
    }

    fn store_snapshot(&self, at: Sequence, snapshot: Vec<u8>) -> Result<(), LedgerError> {
        within("snapshot", snapshot.len(), self.limits.snapshot_bytes_max)?;
        let mut state = self.lock();
        if let Some(conflict) = &state.conflict {
            return Err(conflict.clone().into());
        }
        if let Some(cause) = &state.stopped {
            return Err(LedgerError::Poisoned { cause: Arc::clone(cause) });
        }
        let head = state.newest.head.seq;
        let hash = state.durable.iter().rev().find(|record| record.seq == at).map(|record| record.hash);
        let hash = hash.ok_or(LedgerError::SnapshotAhead { at, head })?;
        if state.snapshot.as_ref().is_none_or(|newest| newest.at.seq <= at) {
            state.snapshot = Some(StateSnapshot { at: Head { seq: at, hash }, state: snapshot });
        }
        Ok(())
    }
}
