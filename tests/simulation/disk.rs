//! The disk of a house: a ledger whose acknowledgements are durable and take time, a store of blobs, and what goes wrong
//! with disks while they are there. How they are lost is in `loss.rs`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use gateway::{
    arrangement::{
        digest::Digest,
        leg::Leg,
        parties::{Parties, Party},
    },
    blobs::{BlobError, BlobStore, MemoryBlobStore},
    identity::SigningKey,
    ledger::{
        Epoch, GuardConflict, HeadSignature, Ledger, LedgerError, MemoryLedger, NewRecord, Record, Sequence,
        SignedHead, Standing, StateSnapshot, Ticket,
    },
};
use prost::bytes::Bytes;
use tokio::sync::Notify;

use super::{
    dice::Dice,
    last_second::Tripwire,
    loss::{Losses, store_at},
    trace::Trace,
};

/// Milliseconds of a commit on a disk in order, least and most.
const COMMIT_MS: (u64, u64) = (1, 30);
/// Milliseconds of a commit on a slow disk.
const SLOW_COMMIT_MS: (u64, u64) = (500, 6_000);

/// How the disk keeps its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// What is acknowledged is durable.
    Honest,
    /// A commit is acknowledged at once, and a crash loses the newest ones: a disk without a sync.
    LosesRecords,
    /// A crash loses bulk content that was stored.
    LosesContent,
}

/// A house's disk. It outlives the node.
pub struct Disk {
    leg: Leg,
    parties: Parties,
    pub(super) house: String,
    pub(super) key: SigningKey,
    ledger: Mutex<MemoryLedger>,
    honesty: Honesty,
    pub(super) dice: Dice,
    pub(super) trace: Trace,
    appended: Arc<Notify>,
    /// The true time in microseconds at which each record was asked for, by sequence: its last append.
    asked_at: Mutex<BTreeMap<u64, u64>>,
    pub(super) traced: AtomicU64,
    pub(super) losses: Losses,
    pub tripwire: Tripwire,
    pub is_slow: AtomicBool,
    pub is_full: AtomicBool,
    pub fails_next: AtomicBool,
    pub blobs: FaultyBlobs,
}

/// A store of blobs that fails while it is told to.
#[derive(Clone)]
pub struct FaultyBlobs {
    inner: Arc<Mutex<MemoryBlobStore>>,
    /// The true time in microseconds at which each piece was stored first.
    stored_at: Arc<Mutex<BTreeMap<[u8; 32], u64>>>,
    seed: u64,
    trace: Trace,
    /// Whether one piece of eight is gone for good.
    is_damaged: Arc<AtomicBool>,
    /// Percent of the calls that fail.
    pub failing_percent: Arc<AtomicU64>,
}

impl Disk {
    pub fn new(leg: Leg, parties: &Parties, key: SigningKey, honesty: Honesty, seed: u64, trace: &Trace) -> Self {
        let house = parties.houses[leg].as_str();
        Self {
            leg,
            parties: parties.clone(),
            house: house.to_owned(),
            ledger: Mutex::new(empty(&parties.party(leg), &key)),
            key,
            honesty,
            dice: Dice::of(seed, &format!("disk {house}")),
            trace: trace.clone(),
            appended: Arc::default(),
            asked_at: Mutex::default(),
            traced: AtomicU64::new(0),
            losses: Losses::default(),
            tripwire: Tripwire::default(),
            is_slow: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            fails_next: AtomicBool::new(false),
            blobs: FaultyBlobs {
                inner: Arc::default(),
                stored_at: Arc::default(),
                seed,
                trace: trace.clone(),
                is_damaged: Arc::default(),
                failing_percent: Arc::default(),
            },
        }
    }

    /// Whose ledger it holds.
    pub(super) fn party(&self) -> Party {
        self.parties.party(self.leg)
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, MemoryLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the ledger for a node that starts, with a writer that ends with the node's runtime.
    pub fn open(self: &Arc<Self>) -> Arc<dyn Ledger> {
        let ledger = self.ledger().clone();
        if self.honesty != Honesty::LosesRecords {
            ledger.crash();
            ledger.hold();
            tokio::spawn(Arc::clone(self).write(ledger.clone()));
        }
        Arc::new(Opened { disk: Arc::clone(self), ledger })
    }

    /// Commits what waits, one group after another, until the disk fails.
    async fn write(self: Arc<Self>, ledger: MemoryLedger) {
        loop {
            let group = ledger.waiting();
            if group == 0 {
                self.appended.notified().await;
                continue;
            }
            tokio::time::sleep(self.commit_time()).await;
            if self.is_full.load(Ordering::Relaxed) {
                self.trace.add(&self.house, "disk: a commit finds no space");
                return self.fail(&ledger, LedgerError::StorageFull { doing: "append to", path: "ledger".into() });
            }
            if self.fails_next.swap(false, Ordering::Relaxed) {
                self.trace.add(&self.house, "disk: a commit fails");
                return self.fail(&ledger, LedgerError::Closed);
            }
            ledger.release_first(group);
            self.note_records(&ledger);
        }
    }

    fn commit_time(&self) -> Duration {
        let (least, most) = if self.is_slow.load(Ordering::Relaxed) { SLOW_COMMIT_MS } else { COMMIT_MS };
        self.dice.millis(least, most)
    }

    /// A commit fails: some of it may be durable all the same.
    fn fail(&self, ledger: &MemoryLedger, cause: LedgerError) {
        let kept = self.keep_some(ledger);
        self.trace.add(&self.house, format!("disk: {kept} appends of the failed commit are durable"));
        ledger.fail(cause);
    }

    /// Makes none, some or all of what waits durable, and tells nobody.
    fn keep_some(&self, ledger: &MemoryLedger) -> u64 {
        let kept = self.dice.between(0, ledger.waiting() as u64);
        ledger.keep_unheard(usize::try_from(kept).unwrap());
        self.note_records(ledger);
        kept
    }

    /// The power fails, or the process is killed: what was acknowledged stays, and of the rest none, some or all.
    pub fn crash(&self) {
        let mut ledger = self.ledger();
        match self.honesty {
            Honesty::Honest | Honesty::LosesContent => {
                let (waiting, kept) = (ledger.waiting(), self.keep_some(&ledger));
                ledger.crash();
                self.trace.add(&self.house, format!("disk: of {waiting} waiting appends {kept} are kept"));
            }
            Honesty::LosesRecords => {
                let records = read(&ledger);
                let lost = self.dice.between(0, 6).min(records.len() as u64);
                let kept = records.len() - usize::try_from(lost).unwrap();
                *ledger = rebuilt(&self.party(), &self.key, &records[..kept]);
                self.trace.add(&self.house, format!("disk: {lost} acknowledged records are lost"));
            }
        }
        if self.honesty == Honesty::LosesContent {
            self.blobs.is_damaged.store(true, Ordering::Relaxed);
        }
    }

    /// Every durable record.
    pub fn records(&self) -> Vec<Record> {
        read(&self.ledger())
    }

    /// The true time in microseconds at which a record was asked for.
    pub fn asked_at(&self, sequence: u64) -> Option<u64> {
        let asked = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        asked.range(..=sequence).next_back().map(|(_, at)| *at)
    }

    /// Writes the records that have become durable into the trace.
    pub(super) fn note_records(&self, ledger: &MemoryLedger) {
        let from = self.traced.load(Ordering::Relaxed);
        let head = ledger.head().head.seq.0;
        if head < from {
            return self.traced.store(head, Ordering::Relaxed);
        }
        let read = ledger.read_from(Sequence(from + 1), usize::MAX);
        let records = futures_util::FutureExt::now_or_never(read).unwrap().unwrap();
        for record in &records {
            let hash = record.hash.to_string();
            self.trace.add(&self.house, format!("record {} kind {} {}", record.seq, record.kind.0, &hash[..16]));
            self.trace.count("records");
        }
        self.traced.store(head, Ordering::Relaxed);
        self.losses.note_durable(self.trace.time.micros(), head);
    }
}

fn empty(party: &Party, key: &SigningKey) -> MemoryLedger {
    let key = key.clone();
    let signer =
        move |message: &[u8]| Ok(HeadSignature { key_id: key.id().to_string(), bytes: key.sign(message).to_vec() });
    MemoryLedger::new(party.clone(), Arc::new(signer)).unwrap()
}

pub fn read(ledger: &MemoryLedger) -> Vec<Record> {
    futures_util::FutureExt::now_or_never(ledger.read_from(Sequence(1), usize::MAX)).unwrap().unwrap()
}

/// A ledger of the same records, and of nothing after them.
pub fn rebuilt(party: &Party, key: &SigningKey, records: &[Record]) -> MemoryLedger {
    let ledger = empty(party, key);
    for record in records {
        let new = NewRecord { kind: record.kind, body: record.body.clone(), recorded_at_ms: record.recorded_at_ms };
        let appended = ledger.append(record.seq, Epoch::default(), vec![new]);
        // In a task, a runtime would let so many ready futures wait for its next turn.
        futures_util::FutureExt::now_or_never(tokio::task::unconstrained(appended)).unwrap().unwrap();
    }
    ledger
}

/// The ledger as the node that has opened it sees it.
struct Opened {
    disk: Arc<Disk>,
    ledger: MemoryLedger,
}

impl Ledger for Opened {
    fn append(&self, expected: Sequence, epoch: Epoch, records: Vec<NewRecord>) -> Ticket {
        if let Some(conflict) = self.disk.conflict() {
            self.disk.trace.violation(format!("{}: something is recorded on a held ledger", self.disk.house));
            return Ticket::refused(LedgerError::HeldByGuard(Box::new(conflict)));
        }
        let disk = &self.disk;
        disk.tripwire.see(disk.leg, &disk.parties, &records, || read(&self.ledger), &disk.trace);
        let at = self.disk.trace.time.micros();
        let mut asked = self.disk.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        // What a crash lost is asked for anew.
        asked.split_off(&expected.0);
        asked.insert(expected.0, at);
        drop(asked);
        let ticket = self.ledger.append(expected, epoch, records);
        self.disk.appended.notify_one();
        if self.disk.honesty == Honesty::LosesRecords {
            self.disk.note_records(&self.ledger);
        }
        ticket
    }

    fn read_from(&self, from: Sequence, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, LedgerError>> {
        self.ledger.read_from(from, limit)
    }

    fn head(&self) -> SignedHead {
        self.ledger.head()
    }

    fn put_snapshot(&self, at: Sequence, state: Vec<u8>) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.ledger.put_snapshot(at, state)
    }

    fn latest_snapshot(&self) -> BoxFuture<'_, Result<Option<StateSnapshot>, LedgerError>> {
        self.ledger.latest_snapshot()
    }

    fn standing(&self) -> Standing {
        self.disk.conflict().map_or_else(|| self.ledger.standing(), Standing::HeldByGuard)
    }

    fn hold_to(&self, word: SignedHead) -> BoxFuture<'_, Result<Option<GuardConflict>, LedgerError>> {
        futures_util::FutureExt::boxed(std::future::ready(Ok(self.disk.hold_to(word))))
    }
}

impl FaultyBlobs {
    /// Whether a call fails follows from the content and the second, not from the order of the calls: some come from
    /// several threads at once.
    fn fault(&self, doing: &'static str, digest: Option<Digest>) -> Result<(), BlobError> {
        let percent = self.failing_percent.load(Ordering::Relaxed);
        let salt = digest.map_or(0, |digest| u64::from(u32::from_be_bytes(digest.0[..4].try_into().unwrap())));
        if percent == 0 || Dice::of(self.seed ^ salt, &self.trace.time.seconds().to_string()).below(100) >= percent {
            return Ok(());
        }
        self.trace.count("calls of the blob store that fail");
        let source = Arc::new(std::io::Error::other("a simulated fault"));
        Err(BlobError::Storage { doing, path: "blobs".into(), source })
    }
}

impl FaultyBlobs {
    /// The store, without its faults.
    pub fn sound(&self) -> MemoryBlobStore {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts an old copy in place, as of a true time in microseconds, or nothing.
    pub fn put_back(&self, at: Option<u64>) {
        let mut stored_at = self.stored_at.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = store_at(&self.sound(), &mut stored_at, at);
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = copy;
    }

    fn is_lost(&self, digest: &Digest) -> bool {
        self.is_damaged.load(Ordering::Relaxed) && digest.0[0].is_multiple_of(8)
    }
}

impl BlobStore for FaultyBlobs {
    fn put_many(&self, blobs: &[Bytes]) -> Result<Vec<Digest>, BlobError> {
        self.fault("write", blobs.first().map(|blob| Digest::of(blob)))?;
        let stored = self.sound().put_many(blobs)?;
        let mut stored_at = self.stored_at.lock().unwrap_or_else(PoisonError::into_inner);
        for digest in &stored {
            stored_at.entry(digest.0).or_insert(self.trace.time.micros());
        }
        Ok(stored)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        self.fault("read", Some(*digest))?;
        if self.is_lost(digest) { Ok(None) } else { self.sound().get(digest) }
    }

    fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        self.fault("look for", Some(*digest))?;
        self.sound().has(digest)
    }
}
