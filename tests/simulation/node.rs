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
    recovery::{self, Origin, RecoverError, Survey},
    seam::{Executor, SharedClock},
};
use tokio::sync::Notify;

use super::{
    checker::{Word, words},
    clock::HouseClock,
    dice::Dice,
    disk::Disk,
    network::{Dialler, Listener, Lives, PORT},
    setting::{self, DESKS, NAMES, NODES, Setting},
    told::Told,
    trace::Trace,
    world::World,
};

/// Milliseconds that a piece of work takes: a tenth of them much longer.
const WORK_MS: (u64, u64) = (0, 40);
const LONG_WORK_MS: (u64, u64) = (200, 3_000);
/// How long a node that is asked to stop may take for it.
const FAREWELL: Duration = Duration::from_secs(3);
/// Until the operator runs a recovery again that did not come to its end.
const RECOVER_AGAIN: Duration = Duration::from_secs(3);

/// What a house has that outlives its node.
pub struct Site {
    pub leg: Leg,
    pub clock: Arc<HouseClock>,
    pub disk: Arc<Disk>,
    /// Asks the node to stop in order.
    pub stop: Notify,
    /// The node has ended by itself or in order, and waits to be started again.
    pub has_ended: AtomicBool,
    /// The operator recovers the ledger before the node is started again.
    pub is_to_recover: AtomicBool,
    rebases_only: bool,
    told: Told,
    setting: Arc<Setting>,
    lives: Lives,
    work: Dice,
    trace: Trace,
}

impl Site {
    pub fn new(leg: Leg, setting: &Arc<Setting>, lives: &Lives, told: &Told, world: World, seed: u64) -> Self {
        let (name, trace) = (NAMES[leg], told.trace());
        let (parties, key) = (&setting.arrangement.parties, setting.keys[leg].clone());
        Self {
            leg,
            clock: Arc::new(HouseClock::new(trace.time.clone())),
            disk: Arc::new(Disk::new(leg, parties, key, world.honesty, seed, trace)),
            stop: Notify::new(),
            has_ended: AtomicBool::new(false),
            is_to_recover: AtomicBool::new(false),
            rebases_only: world.rebases_only,
            told: told.clone(),
            setting: Arc::clone(setting),
            lives: lives.clone(),
            work: Dice::of(seed, &format!("work {name}")),
            trace: trace.clone(),
        }
    }

    /// The signed evidence in the ledger.
    pub fn words(&self) -> Vec<Word> {
        words(&self.setting, &self.disk.records())
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
        if self.is_to_recover.load(Ordering::Relaxed) {
            self.recover().await?;
        }
        self.trace.add(name, "node: starts");
        if let Err(error) = self.serve().await {
            self.trace.add(name, format!("node: {error}"));
        }
        self.trace.add(name, "node: has ended");
        self.has_ended.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn serve(&self) -> Result<(), Box<dyn std::error::Error>> {
        if self.disk.is_missing() {
            return Err("the ledger is missing or empty, but its guard names a record".into());
        }
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
                () = running.stopped() => self.fall_silent(),
                () = self.stop.notified() => {}
            }
        };
        let served = api::serve(running.handle.clone(), listener, (tls, Reload::Never), &limits, FAREWELL, until).await;
        running.stop(FAREWELL).await;
        Ok(served?)
    }

    /// A node that ends by itself is as good as killed: its server would tell its connections in an order that does not
    /// repeat.
    fn fall_silent(&self) {
        turmoil::partition(NODES[self.leg], NODES[self.leg.other()]);
        turmoil::partition(NODES[self.leg], DESKS[self.leg]);
        self.lives.end(NODES[self.leg]);
    }

    /// Recovers the ledger, as the run-book has it: again until it comes to its end, and on the copy as it was before a
    /// node ran on it where that node signed something twice.
    async fn recover(&self) -> Result<(), Box<dyn std::error::Error>> {
        if self.rebases_only {
            self.disk.rebase_guard();
            self.is_to_recover.store(false, Ordering::Relaxed);
            self.told.recovered(self.leg, None);
            return Ok(());
        }
        let mut is_in_place = false;
        loop {
            match self.try_to_recover().await {
                Ok(report) => {
                    let (name, result, head) = (NAMES[self.leg], report.result, report.head.sequence);
                    let (restored, missing) = (report.restored.values().sum::<u64>(), report.missing);
                    let text = format!("recovery: {result:?}, {restored} restored, record {head}, missing {missing:?}");
                    missing.iter().for_each(|_| self.trace.count("losses: content that is gone at both houses"));
                    self.trace.add(name, text);
                    self.trace.count(&format!("losses: {result:?}"));
                    self.is_to_recover.store(false, Ordering::Relaxed);
                    self.told.recovered(self.leg, (!self.disk.has_broken_off()).then_some(missing));
                    return Ok(());
                }
                Err(RecoverError::Contradicted(reasons)) if !is_in_place => {
                    self.trace.add(NAMES[self.leg], format!("recovery: {reasons:?}; the copy is put in place again"));
                    self.trace.count("losses: copies put in place again");
                    self.disk.put_in_place_again();
                    is_in_place = true;
                }
                Err(error @ RecoverError::Contradicted(_)) => {
                    self.trace.violation(format!("{}: {error}", NAMES[self.leg]));
                    return Err(error.into());
                }
                Err(error) => {
                    self.trace.add(NAMES[self.leg], format!("recovery: {error}"));
                    tokio::time::sleep(RECOVER_AGAIN).await;
                }
            }
        }
    }

    async fn try_to_recover(&self) -> Result<recovery::Report, RecoverError> {
        let limits = Self::limits();
        let setup = |error: &dyn std::fmt::Display| RecoverError::Setup(error.to_string());
        let tls = NodeTls::load(setting::server_files(self.leg), setting::peer_files(self.leg));
        let tls = tls.map_err(|error| setup(&error))?;
        let address = format!("{}:{PORT}", NODES[self.leg.other()]);
        let channel = identity::channel(&address, tls.peer.subscribe(), Dialler(self.lives.clone()), &limits);
        let survey = Survey::of(recovery::Parts {
            us: self.leg,
            arrangement: Arc::clone(&self.setting.arrangement),
            clock: Arc::clone(&self.clock) as SharedClock,
            executor: self.executor(),
            ledger: self.disk.left(),
            signing_key: self.setting.keys[self.leg].clone(),
            verifying_keys: self.setting.verifying.clone(),
            origin: Origin::Node { channel: channel.map_err(|error| setup(&error))?, limits: Box::new(limits) },
        });
        survey.await?.complete(Arc::new(self.disk.blobs.clone()) as Arc<dyn BlobStore>).await
    }
}
