//! What the clients were told, and nothing else: the knowledge of the checker.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crossmargin::v1;
use gateway::arrangement::{
    cycle_id::CycleId,
    leg::{Leg, Pair},
};

#[path = "told/loss.rs"]
mod loss;

use self::loss::Loss;
use super::{setting::NAMES, trace::Trace};

/// What a request that was acknowledged was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    Book { version: u64 },
    Market { version: u64, manifest: String },
    Changes { sequence: u64, suspensions: Vec<String> },
    Direction { number: u64 },
}

/// Everything that both houses' clients were told. A clone is the same.
#[derive(Clone)]
pub struct Told {
    trace: Trace,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// How often what each house's clients know was overtaken: at the loss of its disk, and at its recovery.
    lives: Pair<u64>,
    loss: Option<Loss>,
    /// What each house began with: the newest entry of its registry log once it was set up.
    begun_with: Pair<Option<u64>>,
    /// Suspensions that either house told of.
    suspensions: BTreeMap<String, Suspended>,
    /// The statement that was agreed in a round, by digest.
    agreed: BTreeMap<(String, u32), String>,
    /// The newest agreed round that a house told of, by cycle.
    newest_round: BTreeMap<(Leg, String), u32>,
    /// Agreements whose two signatures were verified, by cycle and round.
    verified: BTreeMap<(String, u32), v1::Agreement>,
    /// Reductions that a house told of: cycle and round whose agreement must be behind them.
    reductions: BTreeMap<(Leg, String, u32), u64>,
    /// Those that a house told of before it was recovered, without an agreement that was verified by then.
    lost_reductions: BTreeSet<(Leg, String, u32)>,
    /// Cycles that a house answered to be open.
    opened: BTreeSet<(Leg, String)>,
    /// Every cycle that a house told of, as it stood last.
    cycles: BTreeMap<(Leg, String), v1::Cycle>,
}

/// A suspension.
#[derive(Clone, Copy, Debug)]
struct Suspended {
    /// The house that suspended.
    by: Leg,
    /// The houses that consented to lifting it.
    lifted: Pair<bool>,
}

/// What a house had told of when a call began.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// An answer in another life says nothing of this one.
    life: u64,
    /// The newest agreed round of each cycle.
    rounds: BTreeMap<String, u32>,
}

/// A cycle's name as `2026-02-13/EOD/1`.
pub fn name(cycle: &v1::CycleId) -> String {
    let kind = cycle.kind().as_str_name().trim_start_matches("CYCLE_KIND_");
    format!("{}/{kind}/{}", cycle.business_date, cycle.run)
}

impl Told {
    pub fn new(trace: &Trace) -> Self {
        Self { trace: trace.clone(), inner: Arc::default() }
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest agreed rounds that a house has told of up to now: what an answer to a later call must not go behind.
    pub fn rounds(&self, leg: Leg) -> Rounds {
        let inner = self.lock();
        let rounds = inner.newest_round.iter().filter(|((of, _), _)| *of == leg);
        Rounds { life: inner.lives[leg], rounds: rounds.map(|((_, id), round)| (id.clone(), *round)).collect() }
    }

    /// The same as [`Told::rounds`] where answers come in an order of their own: only a loss counts.
    pub fn no_rounds(&self, leg: Leg) -> Rounds {
        Rounds { life: self.life(leg), rounds: BTreeMap::new() }
    }

    /// A house told how a cycle stands, in answer to a call that began when it had told of `before`.
    pub fn cycle(&self, leg: Leg, cycle: &v1::Cycle, before: &Rounds) {
        let id = name(cycle.id.as_ref().unwrap());
        let mut inner = self.lock();
        if cycle.agreed_round > 0 {
            let place = (id.clone(), cycle.agreed_round);
            let agreed = inner.agreed.entry(place).or_insert_with(|| cycle.agreement_digest.clone());
            if *agreed != cycle.agreement_digest {
                let (round, digest) = (cycle.agreed_round, &cycle.agreement_digest);
                let text = format!("{id} round {round}: agreed on {agreed} and on {digest}");
                self.trace.violation(text);
            }
        }
        if before.life != inner.lives[leg] {
            return;
        }
        let before = before.rounds.get(&id).copied().unwrap_or(0);
        if cycle.agreed_round < before {
            let text = format!("{}: {id} was agreed in round {before} and is in {}", NAMES[leg], cycle.agreed_round);
            self.trace.violation(text);
        }
        let newest = inner.newest_round.entry((leg, id.clone())).or_default();
        *newest = (*newest).max(cycle.agreed_round);
        if cycle.agreed_round >= *newest {
            inner.cycles.insert((leg, id), cycle.clone());
        }
    }

    /// A house showed an agreement whose signatures were verified.
    pub fn agreement(&self, id: &str, agreement: v1::Agreement) {
        let mut inner = self.lock();
        let place = (id.to_owned(), agreement.round);
        let agreed = inner.agreed.entry(place.clone()).or_insert_with(|| agreement.digest.clone());
        if *agreed != agreement.digest {
            let text = format!("{id} round {}: agreed on {agreed} and on {}", agreement.round, agreement.digest);
            self.trace.violation(text);
        }
        inner.verified.insert(place, agreement);
    }

    /// A house told of a reduction that rests on the agreement of a round.
    pub fn reduction(&self, leg: Leg, id: &str, round: u32) {
        *self.lock().reductions.entry((leg, id.to_owned(), round)).or_default() += 1;
    }

    /// Rounds with a reduction and without a verified agreement.
    pub fn unbacked(&self) -> Vec<(Leg, String, u32)> {
        let inner = self.lock();
        let open = inner.reductions.keys().filter(|(_, id, round)| !inner.verified.contains_key(&(id.clone(), *round)));
        open.cloned().collect()
    }

    /// Whether the agreement of a round was verified.
    pub fn is_verified(&self, id: &str, round: u32) -> bool {
        self.lock().verified.contains_key(&(id.to_owned(), round))
    }

    /// Agreements that were verified.
    pub fn verified(&self) -> Vec<(String, v1::Agreement)> {
        self.lock().verified.iter().map(|((id, _), agreement)| (id.clone(), agreement.clone())).collect()
    }

    /// Cycles that a house told of, as they stood last.
    pub fn cycles(&self, leg: Leg) -> Vec<(String, v1::Cycle)> {
        let inner = self.lock();
        inner
            .cycles
            .iter()
            .filter(|((of, _), _)| *of == leg)
            .map(|((_, id), cycle)| (id.clone(), cycle.clone()))
            .collect()
    }

    /// A house told that it suspended.
    pub fn suspended(&self, leg: Leg, suspension: &str) {
        let fresh = Suspended { by: leg, lifted: Pair::default() };
        self.lock().suspensions.entry(suspension.to_owned()).or_insert(fresh);
    }

    /// A house lists the suspensions of its own log, each with whether it consented to lifting it: after a recovery these
    /// are all that there are.
    pub fn suspensions_of(&self, leg: Leg, listed: &BTreeMap<String, bool>) {
        let mut inner = self.lock();
        inner.suspensions.retain(|id, suspended| suspended.by != leg || listed.contains_key(id));
        for (id, is_lifted) in listed {
            let fresh = Suspended { by: leg, lifted: Pair::default() };
            inner.suspensions.entry(id.clone()).or_insert(fresh).lifted[leg] = *is_lifted;
        }
    }

    /// A house lists which of the other's suspensions it consented to lift.
    pub fn consents_of(&self, leg: Leg, listed: &BTreeMap<String, bool>) {
        for (id, suspended) in &mut self.lock().suspensions {
            if suspended.by != leg {
                suspended.lifted[leg] = listed.get(id).copied().unwrap_or(false);
            }
        }
    }

    /// Consents to lifting a suspension that this house has not consented to yet.
    pub fn to_lift(&self, leg: Leg) -> Option<String> {
        let mut inner = self.lock();
        let (id, suspended) = inner.suspensions.iter_mut().find(|(_, suspended)| !suspended.lifted[leg])?;
        suspended.lifted[leg] = true;
        Some(id.clone())
    }

    /// The consent was refused: it is to be given later.
    pub fn not_lifted(&self, leg: Leg, suspension: &str) {
        if let Some(suspended) = self.lock().suspensions.get_mut(suspension) {
            suspended.lifted[leg] = false;
        }
    }

    /// Whether there is a suspension that this house has not consented to lift.
    pub fn is_to_lift(&self, leg: Leg) -> bool {
        self.lock().suspensions.values().any(|suspended| !suspended.lifted[leg])
    }

    /// A house answered that a cycle is open, to a call that began when it had told of `before`.
    pub fn opened(&self, leg: Leg, id: &str, before: &Rounds) {
        let mut inner = self.lock();
        if before.life == inner.lives[leg] {
            inner.opened.insert((leg, id.to_owned()));
        }
    }

    /// Cycles that a house answered to be open.
    pub fn opened_at(&self, leg: Leg) -> BTreeSet<String> {
        self.lock().opened.iter().filter(|(of, _)| *of == leg).map(|(_, id)| id.clone()).collect()
    }
}

/// The cycle of a name.
pub fn cycle_of(id: &str) -> v1::CycleId {
    let cycle: CycleId = id.parse().unwrap();
    cycle.to_wire("FICC-CME")
}
