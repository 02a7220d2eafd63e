//! A node that is made of the library's parts and ends itself at a point: its ledger, its blobs and its link to the other
//! house are wrapped, and nothing else differs from the shipped binary.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use crossmargin::v1::{self, ledger_record::Record as Recorded};
use futures_util::future::BoxFuture;
use gateway::{
    api::{self, Reload},
    arrangement::{digest::Digest, terms::Arrangement},
    blobs::{BlobError, BlobStore, FileBlobStore},
    config::Config,
    identity::{self, NodeTls, TcpDial},
    ledger::{
        Epoch, GuardConflict, Ledger, LedgerError, NewRecord, Record, Sequence, SignedHead, SqliteLedger, Standing,
        StateSnapshot, Ticket,
    },
    node::{self, Parts},
    seam::{Executor, SystemClock},
    telemetry::Telemetry,
};
use prost::{Message, bytes::Bytes};
use tokio::net::TcpListener;

use super::{
    between,
    table::{By, Kind, Manner, Moment, Point, Side, points},
};

const CONFIG_VARIABLE: &str = "CROSSMARGIN_CRASH_NODE";
const POINT_VARIABLE: &str = "CROSSMARGIN_CRASH_POINT";
const MANNER_VARIABLE: &str = "CROSSMARGIN_CRASH_MANNER";
const TEST: &str = "points::node::a_node_that_ends_itself_at_a_point";

/// The command that runs such a node; without a point it goes on for ever.
pub(crate) fn command(config: &Path, point: Option<Point>, manner: Manner) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([TEST, "--exact", "--ignored", "--nocapture"]).env(CONFIG_VARIABLE, config);
    let index = point.map(|point| points().iter().position(|known| *known == point).unwrap());
    command.env(POINT_VARIABLE, index.map_or_else(String::new, |index| index.to_string()));
    command.env(MANNER_VARIABLE, format!("{manner:?}"));
    command
}

/// What a node logs when it ends itself.
pub(crate) fn last_words(point: Point) -> String {
    format!("this node ends itself at {point}")
}

/// Where the guard is kept as it was before the commit of a point.
pub(crate) fn guard_before(data: &Path) -> PathBuf {
    data.with_extension("guard-before")
}

#[test]
#[ignore = "the node that the test of the points starts"]
fn a_node_that_ends_itself_at_a_point() {
    let Ok(config) = env::var(CONFIG_VARIABLE) else { return };
    let point = env::var(POINT_VARIABLE).unwrap().parse::<usize>().ok().map(|index| points()[index]);
    let manner = match env::var(MANNER_VARIABLE).unwrap().as_str() {
        "Withholding" => Manner::Withholding,
        "Misreading" => Manner::Misreading,
        _ => Manner::Plain,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(Path::new(&config), point, manner));
}

async fn run(config: &Path, point: Option<Point>, manner: Manner) {
    let config = Config::load(config).unwrap();
    let _telemetry = Telemetry::start(&config.telemetry).unwrap();
    let signing_key = config.signing_key().unwrap();
    let verifying_keys = config.verifying_keys(&signing_key).unwrap();
    let arrangement = Arrangement::from_toml(&fs::read_to_string(&config.arrangement).unwrap()).unwrap();
    let us = arrangement.parties.leg_of(config.house.as_str()).unwrap();
    let trap = Arc::new(Trap::new(point, &config));

    let mut options = node::ledger_options(&config, arrangement.parties.party(us), &signing_key, &verifying_keys);
    let signer = Arc::clone(&options.signer);
    let signs = Arc::clone(&trap);
    options.signer = Arc::new(move |message: &[u8]| {
        signs.signs(message);
        signer.sign(message)
    });
    let ledger = Arc::new(SqliteLedger::open(options).unwrap());
    let blobs = FileBlobStore::open(config.data_directory.join("blobs")).unwrap();
    let tls = NodeTls::load(config.server_files(), config.peer_files()).unwrap();
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let peer = identity::channel(&config.peer.address, tls.peer.subscribe(), TcpDial, &config.limits).unwrap();
    let running = node::start(Parts {
        us,
        arrangement: Arc::new(arrangement),
        clock: Arc::new(SystemClock),
        executor: Executor::Threads,
        ledger: Arc::new(TrappedLedger { ledger, house: config.house.to_string(), trap: Arc::clone(&trap) }),
        blobs: Arc::new(TrappedBlobs { blobs, trap: Arc::clone(&trap), puts: AtomicU32::new(0) }),
        signing_key,
        verifying_keys,
        peer: between::channel(peer, trap, manner),
        limits: config.limits.clone(),
    });
    let running = running.await.unwrap();
    let deadline = config.shutdown();
    let tls = (tls, Reload::Never);
    api::serve(running.handle.clone(), listener, tls, &config.limits, deadline, std::future::pending()).await.unwrap();
}

/// Ends the process at a point.
pub(crate) struct Trap {
    point: Option<Point>,
    guard: PathBuf,
    guard_before: PathBuf,
    /// The record within whose commit the trap springs; `u64::MAX` before it was given to the ledger.
    within_commit_of: AtomicU64,
    /// Whether that commit has begun.
    has_begun: AtomicBool,
}

impl Trap {
    fn new(point: Option<Point>, config: &Config) -> Self {
        Self {
            point,
            guard: config.data_directory.join("ledger.sqlite.guard"),
            guard_before: guard_before(&config.data_directory),
            within_commit_of: AtomicU64::new(u64::MAX),
            has_begun: AtomicBool::new(false),
        }
    }

    /// Ends the process where it is at the point. Like SIGKILL an abort ends all threads at once: no destructor runs,
    /// nothing is flushed, and the files are as the system has them.
    pub(crate) fn pass(&self, here: Point) {
        if self.point == Some(here) {
            eprintln!("{}", last_words(here));
            std::process::abort();
        }
    }

    fn moment_of(&self, kind: Kind, by: By) -> Option<Moment> {
        match self.point {
            Some(Point::Record(wanted, wanted_by, moment)) if (wanted, wanted_by) == (kind, by) => Some(moment),
            _ => None,
        }
    }

    /// The ledger signs a new head: the commit has begun, and SQLite has not committed.
    fn signs(&self, message: &[u8]) {
        const TAG: &[u8] = b"crossmargin/ledger/head/v2";
        // Behind the sequence comes the hash alone.
        let sequence = message.len().checked_sub(40).and_then(|at| message[at..].first_chunk::<8>());
        let Some(sequence) = sequence.filter(|_| message.get(8..).is_some_and(|rest| rest.starts_with(TAG))) else {
            return;
        };
        if u64::from_le_bytes(*sequence) < self.within_commit_of.load(Ordering::SeqCst) {
            return;
        }
        let Some(point @ Point::Record(_, _, moment)) = self.point else { return };
        match moment {
            Moment::Signing => self.pass(point),
            Moment::GuardUnwritten | Moment::GuardTorn if !self.has_begun.swap(true, Ordering::SeqCst) => {
                fs::copy(&self.guard, &self.guard_before).unwrap();
            }
            // Nothing comes after it: the process ends when its commit is durable.
            Moment::GuardUnwritten | Moment::GuardTorn => loop {
                std::thread::park();
            },
            Moment::BeforeAppend | Moment::Durable => {}
        }
    }
}

struct TrappedLedger {
    ledger: Arc<SqliteLedger>,
    house: String,
    trap: Arc<Trap>,
}

impl TrappedLedger {
    fn kind(&self, record: &NewRecord) -> Option<(Kind, By)> {
        let kind = match v1::LedgerRecord::decode(&record.body[..]).unwrap().record? {
            Recorded::Evidence(evidence) => {
                let envelope = evidence.envelope?;
                let by = if envelope.house == self.house { By::Own } else { By::Other };
                return Some((kind_of(&envelope), by));
            }
            Recorded::Book(_) => Kind::Book,
            Recorded::CutOff(_) => Kind::CutOff,
            Recorded::Contradiction(_) => Kind::Contradiction,
            Recorded::Direction(_) => Kind::Direction,
            Recorded::Resolution(_) => return None,
        };
        Some((kind, By::Own))
    }
}

/// The kind of an envelope's evidence.
pub(crate) fn kind_of(envelope: &v1::SignedEnvelope) -> Kind {
    match envelope.kind() {
        v1::EvidenceKind::RegistryEntry => Kind::Registry,
        v1::EvidenceKind::MarketManifest => Kind::Market,
        v1::EvidenceKind::CycleOpening => Kind::Opening,
        v1::EvidenceKind::PositionManifest => Kind::Positions,
        v1::EvidenceKind::Claim => Kind::Claim,
        v1::EvidenceKind::Statement => Kind::Statement,
        v1::EvidenceKind::Decline => Kind::Decline,
        v1::EvidenceKind::Outcome => Kind::Outcome,
        kind => panic!("evidence of an unknown kind {kind:?}: the points must learn it"),
    }
}

impl Ledger for TrappedLedger {
    fn append(&self, expected: Sequence, epoch: Epoch, records: Vec<NewRecord>) -> Ticket {
        let mut reached = None;
        for (kind, by) in records.iter().filter_map(|record| self.kind(record)) {
            let point = Point::Record(kind, by, Moment::BeforeAppend);
            self.trap.pass(point);
            reached = reached.or(self.trap.moment_of(kind, by));
        }
        let Some(_) = reached else { return self.ledger.append(expected, epoch, records) };
        self.trap.within_commit_of.fetch_min(expected.0, Ordering::SeqCst);
        let ticket = self.ledger.append(expected, epoch, records);
        let trap = Arc::clone(&self.trap);
        let (done, told) = Ticket::pending();
        tokio::spawn(async move {
            let outcome = ticket.await;
            if let (Ok(_), Some(point)) = (&outcome, trap.point) {
                trap.pass(point);
            }
            drop(done.send(outcome));
        });
        told
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
        self.ledger.standing()
    }

    fn hold_to(&self, word: SignedHead) -> BoxFuture<'_, Result<Option<GuardConflict>, LedgerError>> {
        self.ledger.hold_to(word)
    }
}

struct TrappedBlobs {
    blobs: FileBlobStore,
    trap: Arc<Trap>,
    puts: AtomicU32,
}

impl BlobStore for TrappedBlobs {
    fn put_many(&self, blobs: &[Bytes]) -> Result<Vec<Digest>, BlobError> {
        let number = self.puts.fetch_add(1, Ordering::SeqCst) + 1;
        self.trap.pass(Point::Blob(number, Side::Before));
        let digests = self.blobs.put_many(blobs)?;
        self.trap.pass(Point::Blob(number, Side::After));
        Ok(digests)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        self.blobs.get(digest)
    }

    fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        self.blobs.has(digest)
    }
}
