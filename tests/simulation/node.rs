//! One house's node as a host of the simulation: the product's own node and server over what outlives them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway::{
    api::{self, Reload},
    arrangement::leg::Leg,
    blobs::BlobStore,
    identity::{self, Limits, NodeTls},
    node::{Parts, start},
    seam::{Executor, SharedClock},
};
use tokio::sync::Notify;

use super::{
    clock::HouseClock,
    dice::Dice,
    disk::{Disk, Honesty},
    network::{Dialler, Listener, Lives, PORT},
    setting::{self, NAMES, NODES, Setting},
    trace::Trace,
};

/// Milliseconds that a piece of work takes: a tenth of them much longer.
const WORK_MS: (u64, u64) = (0, 40);
const LONG_WORK_MS: (u64, u64) = (200, 3_000);
/// How long a node that is asked to stop may take for it.
const FAREWELL: Duration = Duration::from_secs(3);

/// What a house has that outlives its node.
pub struct Site {
    pub leg: Leg,
    pub clock: Arc<HouseClock>,
    pub disk: Arc<Disk>,
    /// Asks the node to stop in order.
    pub stop: Notify,
    /// The node has ended by itself or in order, and waits to be started again.
    pub has_ended: AtomicBool,
    setting: Arc<Setting>,
    lives: Lives,
    work: Dice,
    trace: Trace,
}

impl Site {
    pub fn new(leg: Leg, setting: &Arc<Setting>, lives: &Lives, honesty: Honesty, seed: u64, trace: &Trace) -> Self {
        let name = NAMES[leg];
        Self {
            leg,
            clock: Arc::new(HouseClock::new(trace.time.clone())),
            disk: Arc::new(Disk::new(
                setting.arrangement.parties.party(leg),
                setting.keys[leg].clone(),
                honesty,
                seed,
                trace,
            )),
            stop: Notify::new(),
            has_ended: AtomicBool::new(false),
            setting: Arc::clone(setting),
            lives: lives.clone(),
            work: Dice::of(seed, &format!("work {name}")),
            trace: trace.clone(),
        }
    }

    /// The limits of a node: the product's own, with a shorter wait for a silent connection, so that a simulation of some
    /// minutes sees many of them end.
    pub fn limits() -> Limits {
        Limits { keepalive_interval_ms: 4_000, keepalive_timeout_ms: 2_000, ..Limits::default() }
    }

    /// Work takes simulated time, so that everything else may come in between.
    fn executor(&self) -> Executor {
        let dice = self.work.clone();
        Executor::Inline(Arc::new(move || {
            let (least, most) = if dice.chance(10) { LONG_WORK_MS } else { WORK_MS };
            dice.millis(least, most)
        }))
    }

    /// Runs the node until it ends.
    pub async fn run(self: Arc<Self>) -> turmoil::Result {
        let name = NAMES[self.leg];
        self.trace.add(name, "node: starts");
        if let Err(error) = self.serve().await {
            self.trace.add(name, format!("node: {error}"));
        }
        self.trace.add(name, "node: has ended");
        self.has_ended.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn serve(&self) -> Result<(), Box<dyn std::error::Error>> {
        let limits = Self::limits();
        let tls = NodeTls::load(setting::server_files(self.leg), setting::peer_files(self.leg))?;
        let address = format!("{}:{PORT}", NODES[self.leg.other()]);
        let listener = Listener::bind(&self.lives).await?;
        let running = start(Parts {
            us: self.leg,
            arrangement: Arc::clone(&self.setting.arrangement),
            clock: Arc::clone(&self.clock) as SharedClock,
            executor: self.executor(),
            ledger: self.disk.open(),
            blobs: Arc::new(self.disk.blobs.clone()) as Arc<dyn BlobStore>,
            signing_key: self.setting.keys[self.leg].clone(),
            verifying_keys: self.setting.verifying.clone(),
            peer: identity::channel(&address, tls.peer.subscribe(), Dialler(self.lives.clone()), &limits)?,
            limits: limits.clone(),
        })
        .await?;
        let until = async {
            tokio::select! {
                biased;
                () = running.stopped() => {}
                () = self.stop.notified() => {}
            }
        };
        let served = api::serve(running.handle.clone(), listener, (tls, Reload::Never), &limits, FAREWELL, until).await;
        running.stop(FAREWELL).await;
        Ok(served?)
    }
}
