//! What every part of a node shares.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crossmargin::v1;
use jiff::civil::Date;
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    catalog::Catalog,
    entry::{Held, Keeping},
    trees::Trees,
};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        envelope::{self, EnvelopeError},
        evidence::Evidence,
        leg::Leg,
        parties::Parties,
        terms::Arrangement,
    },
    blobs::BlobStore,
    compute::Computer,
    identity::{
        name::HouseId,
        signing::{SigningKey, VerifyingKeys},
    },
    ledger::Ledger,
    peer::link::Link,
    seam::{Executor, SharedClock},
};

/// What every part of a node shares.
pub(crate) struct Context {
    /// The leg that this house carries.
    pub(crate) us: Leg,
    pub(crate) arrangement: Arc<Arrangement>,
    pub(crate) parties: Parties,
    pub(crate) clock: SharedClock,
    pub(crate) executor: Executor,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) signing_key: SigningKey,
    pub(crate) verifying_keys: VerifyingKeys,
    pub(crate) peer: Link,
    pub(crate) computer: Computer,
    pub(crate) changes: broadcast::Sender<CycleId>,
    /// Told at each new direction and each new version of the book.
    pub(crate) directed: watch::Sender<()>,
    /// Told whenever an entry of either registry log has become part of the catalog.
    pub(crate) registry_news: watch::Sender<()>,
    /// Why the node stops by itself, in words; empty while it goes on.
    pub(crate) failure: OnceLock<String>,
    /// The node stops: its loop and its work end.
    pub(crate) stop: CancellationToken,
    /// The services stop: open streams end, so that calls under way can finish before the node does.
    pub(crate) farewell: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) catalog: Shared<Catalog>,
    pub(crate) trees: Shared<Trees>,
}

/// A value that many read and the node's loop writes.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(RwLock<T>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    /// Reads. A writer that panicked leaves a whole value: each write is a single insertion or replacement.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// The date at this house, by its clock and in its zone.
    pub(crate) fn today(&self) -> Date {
        self.clock.now().to_zoned(self.arrangement.houses[self.us].zone.rules.clone()).date()
    }

    /// Signs evidence of this house.
    pub(crate) fn sign(&self, evidence: Evidence, keeping: Keeping) -> Held {
        let key_id = self.signing_key.id().to_string();
        let envelope = envelope::seal(&evidence, &self.parties, self.us, &key_id, |bytes| self.signing_key.sign(bytes));
        Held { by: self.us, digest: Digest::of(&envelope.payload), envelope, evidence, keeping }
    }

    /// Checks an envelope's signature and form.
    pub(crate) fn open(&self, envelope: v1::SignedEnvelope) -> Result<Held, EnvelopeError> {
        let now = self.clock.now();
        let opened = envelope::open(&envelope, &self.parties, |house, key_id, bytes, signature| {
            let house = HouseId::new(house.as_str()).map_err(|error| error.to_string())?;
            let key_id = key_id.parse().map_err(|error| format!("{error}"))?;
            self.verifying_keys.verify(&house, key_id, now, bytes, signature).map_err(|error| error.to_string())
        })?;
        Ok(Held {
            by: opened.signer,
            digest: opened.digest,
            envelope,
            evidence: opened.evidence,
            keeping: Keeping::default(),
        })
    }
}
