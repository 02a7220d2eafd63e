//! The state machine of the agreement at one house: facts and events in, effects out.
//!
//! What to do next follows from what is on record; so a restart needs nothing but the facts. In each round a house
//! signs at most one claim and at most one statement, and sends neither before it is durable: a [`Effect::Send`] is
//! only ever the answer to a fact.

mod about;
mod judge;
mod record;
pub mod recovery;
mod resume;
mod safeguard;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use about::{answers, cycle_of, signer_of};
pub use record::Record;
pub use safeguard::{Safeguard, Safeguards, Whole};

use super::{
    cycle::Cycle,
    cycle_id::{CycleId, Round},
    digest::Digest,
    fact::{Draft, Effect, Event, Fact, Inputs, Outcome},
    leg::Leg,
};

/// The bounds that the arrangement sets to the agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Rounds of one cycle, at most.
    pub max_rounds: u32,
    /// Cycles that the other house may ask for and this house has not opened, at most.
    pub max_requested_cycles: usize,
}

/// The agreement at one house. In a node all of its safeguards stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine<S: Safeguards = Whole> {
    us: Leg,
    rules: Rules,
    safeguards: S,
    record: Record,
    flight: Flight,
}

/// What is under way and on no record: gone after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Flight {
    /// Manifests of the other house behind which everything is here.
    held: BTreeSet<Digest>,
    /// Effects that have been given out and not been answered.
    underway: BTreeSet<Effect>,
    /// Cycles in which no statement is signed any more.
    signing_closed: BTreeSet<CycleId>,
    /// Inputs from which a cycle's margins could not be computed.
    not_computable: BTreeMap<CycleId, Inputs>,
}

impl Machine {
    /// The machine of the house that carries leg `us`, with nothing on record.
    #[must_use]
    pub fn new(us: Leg, rules: Rules) -> Self {
        Self::restarted(us, rules, Record::default())
    }

    /// The machine with `record` and nothing under way, as after a restart; [`Machine::resume`] sets it going.
    #[must_use]
    pub fn restarted(us: Leg, rules: Rules, record: Record) -> Self {
        Self::under(Whole, us, rules, record)
    }
}

impl<S: Safeguards> Machine<S> {
    /// The machine under other safeguards than a node's, with `record` and nothing under way: for a model of what they are
    /// there for.
    #[must_use]
    pub fn under(safeguards: S, us: Leg, rules: Rules, record: Record) -> Self {
        Self { us, rules, safeguards, record, flight: Flight::default() }
    }

    /// The leg that this house carries.
    #[must_use]
    pub fn us(&self) -> Leg {
        self.us
    }

    /// What is on record.
    #[must_use]
    pub fn on_record(&self) -> &Record {
        &self.record
    }

    /// Takes a fact during replay: changes the record and starts nothing.
    pub fn replay(&mut self, fact: &Fact) {
        self.record.apply(self.us, fact, self.safeguards);
    }

    /// Takes a fact that is now durable.
    pub fn on_fact(&mut self, fact: &Fact) -> Vec<Effect> {
        self.record.apply(self.us, fact, self.safeguards);
        self.flight.underway.retain(|effect| !answers(self.us, fact, effect));
        let mut effects = Vec::new();
        // A recovery is told before all else when a node starts: the other house must know of it before it compares heads.
        let is_told_first = matches!(fact, Fact::Recovered { .. });
        let is_sent = signer_of(fact).is_some_and(|by| self.pass(Safeguard::OwnEvidence, by == self.us));
        if is_sent && !is_told_first {
            effects.push(Effect::Send(*fact));
        }
        if let Fact::Opened { by, cycle } = fact
            && *by == self.us
        {
            effects.push(Effect::SetDeadline(*cycle));
            // It may have been signed while the other house was away and this house restarted since.
            if let Some(version) = self.record.markets(cycle.business_date)[self.us] {
                let market = Fact::Market { by: self.us, business_date: cycle.business_date, version };
                effects.push(Effect::Send(market));
            }
        }
        match cycle_of(fact) {
            Some(cycle) => self.advance(cycle, &mut effects),
            None => self.advance_all(&mut effects),
        }
        effects
    }

    /// Takes an event.
    pub fn on_event(&mut self, event: &Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match *event {
            Event::Held(digest) => {
                self.flight.underway.remove(&Effect::Fetch(digest));
                self.flight.held.insert(digest);
                self.advance_all(&mut effects);
            }
            Event::Computed { cycle, round, inputs, root } => {
                self.flight.underway.remove(&Effect::Compute { cycle, round, inputs });
                let is_next = self.pass(Safeguard::RoundIsNext, self.next_round(cycle) == Some(round));
                if is_next && self.may_sign(cycle) {
                    self.ask(Effect::Append(Draft::Claim { cycle, round, inputs, root }), &mut effects);
                } else {
                    self.advance(cycle, &mut effects);
                }
            }
            Event::NotComputable { cycle, inputs } => {
                self.flight.underway.retain(|effect| {
                    !matches!(effect, Effect::Compute { cycle: c, inputs: i, .. } if *c == cycle && *i == inputs)
                });
                self.flight.not_computable.insert(cycle, inputs);
                self.advance(cycle, &mut effects);
            }
            Event::Matched { cycle, round, content } => {
                self.forget_match(cycle, round);
                if self.may_close(cycle, round) {
                    self.ask(Effect::Append(Draft::Statement { cycle, round, content }), &mut effects);
                }
            }
            Event::NotMatchable { cycle, round } => {
                self.forget_match(cycle, round);
                if self.may_close(cycle, round) {
                    self.ask(Effect::Append(Draft::Decline { cycle, round }), &mut effects);
                }
            }
            Event::GuardReached(cycle) => {
                self.flight.signing_closed.insert(cycle);
            }
            Event::CutOffReached(cycle) => {
                self.flight.signing_closed.insert(cycle);
                let is_due = self.record.cycle(cycle).is_some_and(|record| {
                    self.is_opened(record) && self.pass(Safeguard::CutOffOnce, !record.is_cut_off)
                });
                if is_due {
                    self.ask(Effect::Append(Draft::CutOff { cycle }), &mut effects);
                }
            }
        }
        effects
    }

    /// Whether what was asked for may still be put on record: signing in its cycle has not been closed since.
    #[must_use]
    pub fn still_stands(&self, draft: &Draft) -> bool {
        match draft {
            Draft::Claim { cycle, .. } | Draft::Statement { cycle, .. } | Draft::Decline { cycle, .. } => {
                self.may_sign(*cycle)
            }
            Draft::Manifest { .. } | Draft::CutOff { .. } | Draft::Outcome { .. } => true,
        }
    }

    /// Whether the margins of a round of the cycle are being computed.
    #[must_use]
    pub fn is_computing(&self, id: CycleId) -> bool {
        self.flight.underway.iter().any(|effect| matches!(effect, Effect::Compute { cycle, .. } if *cycle == id))
    }

    /// Whether everything behind a manifest of the other house is here and verified.
    #[must_use]
    pub fn is_held(&self, manifest: &Digest) -> bool {
        self.flight.held.contains(manifest)
    }

    /// What the claim of a cycle's next round would be computed from; `None` while something is missing.
    #[must_use]
    pub fn ready_inputs(&self, id: CycleId) -> Option<Inputs> {
        self.pass(Safeguard::OneArrangement, self.record.has_one_arrangement()).then_some(())?;
        let cycle = self.record.cycle(id)?;
        let manifests = cycle.manifests.map(|manifest| manifest.map(|m| m.revision.digest)).both()?;
        let markets = self.record.markets(id.business_date).map(|version| version.map(|v| v.digest)).both()?;
        let peer = self.us.other();
        let is_held = self.flight.held.contains(&manifests[peer]) && self.flight.held.contains(&markets[peer]);
        self.pass(Safeguard::ContentHeld, is_held).then_some(Inputs {
            manifests,
            markets,
            registry: self.record.registry(),
        })
    }

    /// How the cycle would end at this house if it were cut off now, where that is not on record yet.
    fn outcome_due(&self, id: CycleId, cycle: &Cycle) -> Option<Outcome> {
        let on_record = cycle.outcomes[self.us];
        if let Some((round, content)) = cycle.agreement() {
            let is_recorded = matches!(on_record, Some(Outcome::Agreed { round: r, .. }) if r == round);
            return self.pass(Safeguard::OutcomeOnce, !is_recorded).then_some(Outcome::Agreed {
                round,
                content,
                is_late: cycle.is_late(round),
            });
        }
        let is_early = self.stop(Safeguard::FallBackAtCutOff, !cycle.is_cut_off);
        if is_early || self.stop(Safeguard::OutcomeOnce, on_record.is_some()) {
            return None;
        }
        if !self.record.has_one_arrangement() && self.record.has_adopted(self.us.other()) {
            return Some(Outcome::FallenBack(super::fact::FallBackCause::ArrangementDiffers));
        }
        let markets = self.record.markets(id.business_date);
        let has_inputs = |house: Leg| {
            let digests = cycle.manifests[house].map(|m| m.revision.digest).into_iter();
            let digests: Vec<Digest> = digests.chain(markets[house].map(|version| version.digest)).collect();
            digests.len() == 2 && (house == self.us || digests.iter().all(|d| self.flight.held.contains(d)))
        };
        let is_failed = self.flight.not_computable.contains_key(&id);
        let peer = self.us.other();
        Some(Outcome::FallenBack(cycle.fall_back_cause(self.us, has_inputs(self.us), has_inputs(peer), is_failed)))
    }

    fn advance_all(&mut self, effects: &mut Vec<Effect>) {
        for id in self.record.open_cycles(self.us) {
            self.advance(id, effects);
        }
    }

    /// Asks for everything that follows from what is on record of the cycle.
    fn advance(&mut self, id: CycleId, effects: &mut Vec<Effect>) {
        let Some(cycle) = self.record.cycle(id).filter(|cycle| self.is_opened(cycle)).cloned() else { return };
        let is_ending = self.is_underway(|draft| matches!(draft, Draft::Outcome { cycle, .. } if *cycle == id));
        if self.pass(Safeguard::OneOutcome, !is_ending)
            && let Some(outcome) = self.outcome_due(id, &cycle)
        {
            self.ask(Effect::Append(Draft::Outcome { cycle: id, outcome }), effects);
        }
        if !self.may_sign(id) {
            return;
        }
        self.fetch(id, &cycle, effects);
        self.freeze(id, &cycle, effects);
        match cycle.claimed_round(self.us) {
            Some(round) if self.stop(Safeguard::PartClosed, !cycle.rounds[&round].is_closed(self.us)) => {
                self.close_round(id, round, &cycle, effects);
            }
            last => self.open_round(id, last, &cycle, effects),
        }
    }

    /// Fetches what the other house's newest manifests name.
    fn fetch(&mut self, id: CycleId, cycle: &Cycle, effects: &mut Vec<Effect>) {
        let peer = self.us.other();
        let manifest = cycle.manifests[peer].map(|m| m.revision.digest);
        let market = self.record.markets(id.business_date)[peer].map(|version| version.digest);
        for digest in manifest.into_iter().chain(market) {
            if !self.flight.held.contains(&digest) {
                self.ask(Effect::Fetch(digest), effects);
            }
        }
    }

    /// Freezes the book where the newest one is not frozen for the cycle.
    fn freeze(&mut self, id: CycleId, cycle: &Cycle, effects: &mut Vec<Effect>) {
        let Some(book_version) = self.record.book_version(id.business_date) else { return };
        let newest = cycle.manifests[self.us];
        let is_frozen = newest.is_some_and(|manifest| manifest.book_version >= book_version);
        let is_freezing = self.is_underway(|draft| matches!(draft, Draft::Manifest { cycle, .. } if *cycle == id));
        if self.pass(Safeguard::NewerBook, !is_frozen) && self.pass(Safeguard::OneFreezing, !is_freezing) {
            let revision = newest.map_or(1, |manifest| manifest.revision.version + 1);
            self.ask(Effect::Append(Draft::Manifest { cycle: id, revision }), effects);
        }
    }

    /// Works towards closing this house's part in a round that it has claimed.
    fn close_round(&mut self, id: CycleId, round: Round, cycle: &Cycle, effects: &mut Vec<Effect>) {
        if self.is_closing(id, round) {
            return;
        }
        let record = &cycle.rounds[&round];
        if record.declined[self.us.other()] {
            self.ask(Effect::Append(Draft::Decline { cycle: id, round }), effects);
        } else if let Some(claims) = record.claims.both() {
            self.ask(Effect::Match { cycle: id, round, claims: claims.map(|claim| claim.digest) }, effects);
        }
    }

    /// Opens the round after `last` where there are newer inputs, or the other house has opened it.
    fn open_round(&mut self, id: CycleId, last: Option<Round>, cycle: &Cycle, effects: &mut Vec<Effect>) {
        let round = Round(last.map_or(1, |round| round.0 + 1));
        let Some(inputs) = self.ready_inputs(id) else { return };
        let last_claim = last.and_then(|last| cycle.rounds[&last].claims[self.us]);
        let has_newer_inputs = last_claim.is_none_or(|claim| self.record.differs(&claim.inputs, &inputs));
        let peer_is_ahead = cycle.rounds.get(&round).is_some_and(|record| record.claims[self.us.other()].is_some());
        let is_wanted = self.pass(Safeguard::NewerInputs, has_newer_inputs || peer_is_ahead);
        let is_failed = self.flight.not_computable.get(&id) == Some(&inputs);
        let is_busy = self.flight.underway.iter().any(|effect| match effect {
            Effect::Compute { cycle, .. } | Effect::Append(Draft::Claim { cycle, .. }) => *cycle == id,
            _ => false,
        });
        if is_wanted
            && self.pass(Safeguard::FailedOnce, !is_failed)
            && self.pass(Safeguard::OneComputation, !is_busy)
            && self.pass(Safeguard::RoundsBounded, round.0 <= self.rules.max_rounds)
        {
            self.ask(Effect::Compute { cycle: id, round, inputs }, effects);
        }
    }

    /// Gives an effect out once.
    fn ask(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        let is_new = self.flight.underway.insert(effect);
        if self.pass(Safeguard::AskedOnce, is_new) {
            effects.push(effect);
        }
    }

    fn is_underway(&self, is_it: impl Fn(&Draft) -> bool) -> bool {
        self.flight.underway.iter().any(|effect| matches!(effect, Effect::Append(draft) if is_it(draft)))
    }

    fn forget_match(&mut self, id: CycleId, id_round: Round) {
        self.flight.underway.retain(
            |effect| !matches!(effect, Effect::Match { cycle, round, .. } if *cycle == id && *round == id_round),
        );
    }

    /// Whether this house opened the cycle: one that the other house alone asked for is none of its business yet.
    fn is_opened(&self, cycle: &Cycle) -> bool {
        self.pass(Safeguard::OpenedHere, cycle.opened[self.us])
    }

    /// Whether this house still signs claims and statements in the cycle.
    fn may_sign(&self, id: CycleId) -> bool {
        let is_open = self.record.cycle(id).is_some_and(|cycle| {
            self.is_opened(cycle)
                && self.pass(Safeguard::NotCutOff, !cycle.is_cut_off)
                && self.pass(Safeguard::NotContradicted, !cycle.is_contradicted)
                && self.pass(Safeguard::NotHalted, !cycle.is_halted)
        });
        is_open && self.pass(Safeguard::BeforeGuard, !self.flight.signing_closed.contains(&id))
    }

    /// Whether this house may close its part in the round now.
    fn may_close(&self, id: CycleId, round: Round) -> bool {
        let is_open_round = self.record.cycle(id).and_then(|cycle| cycle.rounds.get(&round)).is_some_and(|record| {
            self.pass(Safeguard::BothClaims, record.claims.both().is_some())
                && self.pass(Safeguard::PartOpen, !record.is_closed(self.us))
        });
        is_open_round && !self.is_closing(id, round) && self.may_sign(id)
    }

    /// Whether a word that closes this house's part in the round is under way.
    fn is_closing(&self, id: CycleId, id_round: Round) -> bool {
        let is_closing = self.is_underway(|draft| {
            matches!(draft, Draft::Statement { cycle, round, .. } | Draft::Decline { cycle, round }
                if *cycle == id && *round == id_round)
        });
        self.stop(Safeguard::OneClosing, is_closing)
    }

    /// The round that this house may claim next, where its part in the last one is closed.
    fn next_round(&self, id: CycleId) -> Option<Round> {
        let cycle = self.record.cycle(id)?;
        match cycle.claimed_round(self.us) {
            None => Some(Round(1)),
            Some(last) => {
                let is_closed = cycle.rounds[&last].is_closed(self.us);
                self.pass(Safeguard::PartClosed, is_closed).then_some(Round(last.0 + 1))
            }
        }
    }

    fn pass(&self, safeguard: Safeguard, demand: bool) -> bool {
        self.safeguards.pass(safeguard, demand)
    }

    fn stop(&self, safeguard: Safeguard, danger: bool) -> bool {
        self.safeguards.stop(safeguard, danger)
    }
}
