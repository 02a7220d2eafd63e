//! A house's own systems: how they call its node, and what every one of them shares.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossmargin::v1;
use gateway::{
    arrangement::leg::Leg,
    csv_book::Book,
    identity::{ClientTls, Tls, channel},
};
use tonic::{Code, Response, Status, transport::Channel};

use super::{
    dice::Dice,
    network::{Dialler, Lives, PORT},
    node::Site,
    plan::Plan,
    setting::{self, DESKS, NODES, Setting},
    told::{Acknowledged, Told},
    trace::Trace,
};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(12);
/// Largest message that a client takes.
pub const MESSAGE_BYTES: usize = 16 << 20;

/// A house's own systems.
pub struct Desk {
    pub leg: Leg,
    pub setting: Arc<Setting>,
    pub plan: Arc<Plan>,
    pub told: Told,
    pub trace: Trace,
    /// Set once the faults are over: the roles finish what they are at.
    pub is_healing: Arc<AtomicBool>,
    /// Everything that was acknowledged, by request id, with the true time in microseconds and what sends it again.
    acknowledged: Mutex<BTreeMap<String, (u64, Again, Acknowledged)>>,
    /// What the house's node is known to have: what it has told.
    pub known: Known,
    seed: u64,
    channels: BTreeMap<&'static str, Channel>,
}

/// What a house's clients know by what they were told.
#[derive(Debug, Default)]
pub struct Known {
    pub book: Newest,
    pub market: Newest,
    pub registry: Newest,
    pub directions: Newest,
}

/// The newest number that a house told of, in which of its lives.
#[derive(Debug, Default)]
pub struct Newest(Mutex<(u64, u64)>);

impl Newest {
    /// The newest number in a life; 0 where none was told.
    pub fn of(&self, life: u64) -> u64 {
        let (of, number) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if of == life { number } else { 0 }
    }

    /// Notes a number that was told in a life.
    fn note(&self, life: u64, number: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (life, number);
    }
}

/// What to send again under the same request id.
#[derive(Clone, Debug)]
pub enum Again {
    /// The book of this version.
    Book(u64, v1::SnapshotScope, Book),
    /// This edition of the market.
    Market(u64),
    Changes(Vec<v1::ProgrammeChange>),
    /// This quantity.
    Direction(i64),
}

impl Desk {
    pub fn new(
        leg: Leg,
        setting: &Arc<Setting>,
        plan: &Arc<Plan>,
        told: &Told,
        is_healing: &Arc<AtomicBool>,
        seed: u64,
        trace: &Trace,
    ) -> Self {
        Self {
            leg,
            setting: Arc::clone(setting),
            plan: Arc::clone(plan),
            told: told.clone(),
            trace: trace.clone(),
            is_healing: Arc::clone(is_healing),
            acknowledged: Mutex::default(),
            known: Known::default(),
            seed,
            channels: BTreeMap::new(),
        }
    }

    /// Makes the channels of every role: on the host that is to use them.
    pub fn connect(mut self, lives: &Lives) -> Self {
        let roles = ["position-source", "market-source", "administrator", "operator", "margin-reader"];
        let address = format!("{}:{PORT}", NODES[self.leg]);
        for role in roles {
            let tls: Tls<ClientTls> = Tls::client(setting::client_files(self.leg, role)).unwrap();
            let made = channel(&address, tls.subscribe(), Dialler(lives.clone()), &Site::limits()).unwrap();
            self.channels.insert(role, made);
        }
        self
    }

    pub fn channel(&self, role: &str) -> Channel {
        self.channels[role].clone()
    }

    pub fn dice(&self, role: &str) -> Dice {
        Dice::of(self.seed, &format!("{} {role}", DESKS[self.leg]))
    }

    pub fn says(&self, what: impl std::fmt::Display) {
        self.trace.add(DESKS[self.leg], what);
    }

    pub fn is_healing(&self) -> bool {
        self.is_healing.load(Ordering::Relaxed)
    }

    /// The life of the house: another after a loss, and another after its recovery.
    pub fn life(&self) -> u64 {
        self.told.life(self.leg)
    }

    /// Whether the house has lost its disk and not recovered.
    pub fn is_lost(&self) -> bool {
        self.told.is_lost(self.leg)
    }

    /// Waits until no house has to be recovered; the life of this one.
    pub async fn whole(&self) -> u64 {
        while Leg::BOTH.into_iter().any(|leg| self.told.is_lost(leg)) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.life()
    }

    /// Notes what was told in answer to a call that began in a life. What was known in that life before, unless it is over.
    pub fn learn(&self, newest: &Newest, life: u64, number: u64) -> Option<u64> {
        if life != self.life() {
            return None;
        }
        let known = newest.of(life);
        newest.note(life, number);
        // The first life begins with nothing, any other with what was left.
        (known > 0 || life == 0).then_some(known)
    }

    /// Waits, but not longer than until the faults are over.
    pub async fn pause(&self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while !self.is_healing() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(250).min(until - tokio::time::Instant::now())).await;
        }
    }

    /// One call, with a deadline and a line in the trace.
    pub async fn call<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        let answered = match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answered) => answered.map(Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        };
        self.trace.count("calls");
        match &answered {
            Ok(_) => self.says(format!("{what}: answered")),
            Err(status) => {
                self.trace.count("calls without an answer");
                let text: String = status.message().chars().take(160).collect();
                self.says(format!("{what}: {:?} {text}", status.code()));
            }
        }
        answered
    }

    /// Asks until there is an answer or a refusal that asking again would not change. A house that has lost its disk
    /// refuses everything once it knows, and what it refused is to be asked for again after its recovery.
    pub async fn insist<T, F>(&self, what: &str, mut ask: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut pause = Duration::from_millis(300);
        loop {
            let life = self.life();
            match self.call(what, ask()).await {
                Err(status) if is_passing(&status) || self.is_lost() || life != self.life() => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(4));
                }
                answered => return answered,
            }
        }
    }

    /// The same, but only for as long as the house remembers what it acknowledged: a loss ends it with an error.
    pub async fn insist_within<T, F>(&self, life: u64, what: &str, mut ask: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut pause = Duration::from_millis(300);
        loop {
            let answered = self.call(what, ask()).await;
            if life != self.life() {
                return Err(Status::cancelled("the house has lost its disk meanwhile"));
            }
            match answered {
                Err(status) if is_passing(&status) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(4));
                }
                answered => return answered,
            }
            if life != self.life() {
                return Err(Status::cancelled("the house has lost its disk meanwhile"));
            }
        }
    }

    /// A request was acknowledged.
    pub fn acknowledge(&self, request_id: &str, again: Again, answer: Acknowledged) {
        self.trace.count("requests acknowledged");
        self.says(format!("{request_id}: {answer:?}"));
        let mut all = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(request_id.to_owned(), (self.trace.time.micros(), again, answer));
    }

    /// Something that was acknowledged and must be there, to be asked for again.
    pub fn acknowledged_of(&self, request_id: &str) -> Option<(Again, Acknowledged)> {
        let all = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, again, answer) = all.get(request_id)?;
        self.told.is_kept(self.leg, *at).then(|| (again.clone(), answer.clone()))
    }

    pub fn acknowledged_ids(&self) -> Vec<String> {
        let all = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.iter().filter(|(_, (at, _, _))| self.told.is_kept(self.leg, *at));
        kept.map(|(id, _)| id.clone()).collect()
    }
}

/// Whether asking again may help.
fn is_passing(status: &Status) -> bool {
    !matches!(
        status.code(),
        Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::AlreadyExists
            | Code::Unimplemented
    )
}
