//! Starting and stopping a node.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Channel;
use tracing::Instrument;

use super::{
    context::{Context, Shared},
    core::{Core, REQUESTS_MAX},
    handle::Handle,
    replay, scheduler, snapshot,
};
use crate::{
    arrangement::{
        leg::Leg,
        machine::Rules,
        parties::Party,
        terms::{self, Arrangement},
    },
    blobs::{BlobStore, FileBlobStore},
    compute::Computer,
    config::Config,
    identity::{Limits, SigningKey, VerifyingKeys},
    ledger::{HeadRejection, HeadSignature, Ledger, LedgerError, LedgerOptions, SqliteLedger},
    peer::{delivery, link::Link},
    seam::{Executor, SharedClock},
    telemetry,
    words::chain,
};

/// Cycles of the other house that this house has not opened, at most.
const REQUESTED_CYCLES_MAX: usize = 256;
/// Cycles whose changes a slow watcher may lag behind.
const CHANGES_KEPT: usize = 1_024;

/// Why a node does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Something that it is given cannot be used.
    #[error("{0}")]
    Setup(String),
    /// A node of the process does not start, or stops.
    #[error("{}: {}", config.display(), chain(reason.as_ref()))]
    Node {
        /// Its configuration.
        config: PathBuf,
        /// Why.
        reason: Box<NodeError>,
    },
    /// The arrangement's document is wrong.
    #[error("{path}: {problems}")]
    Arrangement {
        /// The file.
        path: String,
        /// Every problem, a line each.
        problems: String,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A record cannot be read.
    #[error("record {sequence} of the ledger cannot be read: {reason}")]
    Record {
        /// The record.
        sequence: u64,
        /// Why.
        reason: String,
    },
}

/// What a node is made of. Clock, executor, ledger, store and channel are seams: a simulation puts its own in.
pub struct Parts {
    /// The leg that the house carries.
    pub us: Leg,
    /// The arrangement.
    pub arrangement: Arc<Arrangement>,
    /// The clock.
    pub clock: SharedClock,
    /// Where it does its long work.
    pub executor: Executor,
    /// The ledger: of this house in this arrangement and mode.
    pub ledger: Arc<dyn Ledger>,
    /// The store of bulk content.
    pub blobs: Arc<dyn BlobStore>,
    /// The house's statement key.
    pub signing_key: SigningKey,
    /// The statement keys of both houses.
    pub verifying_keys: VerifyingKeys,
    /// The channel to the other house's gateway.
    pub peer: Channel,
    /// Limits of messages.
    pub limits: Limits,
}

/// A node that runs.
pub struct Running {
    /// For its services.
    pub handle: Handle,
    pub(super) stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Completes when the node stops by itself: its ledger has failed.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Stops the node and waits for its tasks, up to a deadline. A snapshot of the state makes the next start short.
    pub async fn stop(self, deadline: Duration) {
        self.stop.cancel();
        self.tasks.close();
        let ledger = &self.handle.context.ledger;
        if let Ok(Err(error)) = tokio::time::timeout(deadline, snapshot::take(&**ledger)).await {
            tracing::warn!(%error, "no snapshot of the state; the next start reads more of the ledger");
        }
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!("work was still under way at the deadline of the shutdown; the ledger has what counts");
        }
    }
}

/// Starts a node from its parts: replays the ledger, then goes on where it stopped. Whatever it does is within the span
/// that is current now.
///
/// # Errors
/// The ledger is another house's, arrangement's or mode's, or cannot be read.
pub async fn start(parts: Parts) -> Result<Running, NodeError> {
    let Parts { us, arrangement, clock, executor, ledger, blobs, signing_key, verifying_keys, peer, limits } = parts;
    let rules = Rules { max_rounds: arrangement.max_rounds, max_requested_cycles: REQUESTED_CYCLES_MAX };
    let parties = arrangement.parties.clone();
    let (own, found) = (parties.party(us), ledger.head().party);
    if found != own {
        return Err(NodeError::Setup(format!(
            "this ledger belongs to {found}, not to {own}: nobody would believe its heads"
        )));
    }
    let (replayed, mut catalog) =
        replay::replay(&*ledger, &*blobs, &parties, &arrangement.programme, us, rules).await?;
    if let Some(adopted) = catalog.registry.adopted()[us]
        && adopted != arrangement.digest()
    {
        return Err(NodeError::Setup(format!(
            "this ledger belongs to arrangement {adopted}, but the configured document has digest {}: \
             restore the document, or start a new data directory",
            arrangement.digest()
        )));
    }
    catalog.refusal_to_sign = ledger.standing().refusal();
    let computer = Computer::new(Arc::clone(&arrangement), Arc::clone(&blobs));
    let (link, outgoing) = Link::new(peer, &limits, executor.clone());
    let (changes, _) = broadcast::channel(CHANGES_KEPT);
    let registry_news = watch::Sender::new(());
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let context = Arc::new(Context {
        us,
        arrangement,
        parties,
        clock,
        executor,
        ledger,
        blobs,
        signing_key,
        verifying_keys,
        peer: link,
        computer,
        changes,
        directed: watch::Sender::new(()),
        registry_news,
        failure: OnceLock::new(),
        stop: stop.clone(),
        farewell: stop.child_token(),
        tasks: tasks.clone(),
        catalog: Shared::new(catalog),
        trees: Shared::default(),
    });
    let (requests, requests_receiver) = mpsc::channel(REQUESTS_MAX);
    let (internal, internal_receiver) = mpsc::unbounded_channel();
    let core = Core::new(Arc::clone(&context), replayed, internal.clone());
    tasks.spawn(core.run(requests_receiver, internal_receiver).in_current_span());
    tasks.spawn(delivery::run(Arc::clone(&context), outgoing, internal).in_current_span());
    tasks.spawn(scheduler::run(Arc::clone(&context), requests.clone()).in_current_span());
    Ok(Running { handle: Handle { context, requests }, stop, tasks })
}

pub(crate) fn load_arrangement(path: &Path) -> Result<Arrangement, NodeError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| NodeError::Setup(format!("{shown}: {error}")))?;
    Arrangement::from_toml(&text).map_err(|problems: Vec<terms::Problem>| NodeError::Arrangement {
        path: shown,
        problems: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    })
}

/// Reads the arrangement of a node's configuration, with the leg that its house carries in it.
pub(crate) fn load_own_arrangement(config: &Config) -> Result<(Arrangement, Leg), NodeError> {
    let arrangement = load_arrangement(&config.arrangement)?;
    let parties = &arrangement.parties;
    let us = parties.leg_of(config.house.as_str()).ok_or_else(|| {
        NodeError::Setup(format!("house {} is not a party to arrangement {}", config.house, parties.arrangement))
    })?;
    Ok((arrangement, us))
}

pub(super) async fn open_data(
    config: &Config,
    party: Party,
    signing_key: &SigningKey,
    verifying_keys: &VerifyingKeys,
) -> Result<(Arc<dyn Ledger>, Arc<dyn BlobStore>), NodeError> {
    let directory = config.data_directory.clone();
    std::fs::create_dir_all(&directory)
        .map_err(|error| NodeError::Setup(format!("{}: {error}", directory.display())))?;
    let options = ledger_options(config, party, signing_key, verifying_keys);
    let opened = telemetry::spawn_blocking(move || {
        let ledger = SqliteLedger::open(options)?;
        let blobs = FileBlobStore::open(directory.join("blobs"));
        let blobs = blobs.map_err(|error| NodeError::Setup(chain(&error)))?;
        Ok::<_, NodeError>((Arc::new(ledger) as Arc<dyn Ledger>, Arc::new(blobs) as Arc<dyn BlobStore>))
    });
    opened.await.map_err(|error| NodeError::Setup(error.to_string()))?
}

/// How a node opens its ledger, that of `party`: its heads are signed by the statement key.
#[must_use]
pub fn ledger_options(
    config: &Config,
    party: Party,
    signing_key: &SigningKey,
    verifying_keys: &VerifyingKeys,
) -> LedgerOptions {
    let key = signing_key.clone();
    let signer =
        move |message: &[u8]| Ok(HeadSignature { key_id: key.id().to_string(), bytes: key.sign(message).to_vec() });
    let verifier = head_verifier(verifying_keys, party.house.as_str());
    let path = config.data_directory.join("ledger.sqlite");
    LedgerOptions::new(path, party, Arc::new(signer), Arc::new(verifier))
}

/// Believes heads of a house by its own keys, the former ones too.
pub(crate) fn head_verifier(
    keys: &VerifyingKeys,
    house: &str,
) -> impl Fn(&str, &[u8], &[u8]) -> Result<(), HeadRejection> + Send + Sync + 'static {
    let (keys, house) = (keys.clone(), house.to_owned());
    move |key_id: &str, message: &[u8], signature: &[u8]| {
        let id = key_id.parse().map_err(|_| HeadRejection::UnknownKey)?;
        let (owner, key) = keys.get(id).ok_or(HeadRejection::UnknownKey)?;
        if owner.as_str() != house {
            return Err(HeadRejection::UnknownKey);
        }
        if key.verifies(message, signature) { Ok(()) } else { Err(HeadRejection::BadSignature) }
    }
}
