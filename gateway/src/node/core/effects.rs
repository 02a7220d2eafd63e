//! Carrying out what the rules ask for.

use super::Core;
use crate::{
    arrangement::{
        cycle_id::CycleId,
        evidence::Evidence,
        fact::{Draft, Effect, Event, Fact},
    },
    node::{
        drafts,
        entry::{Entry, Keeping},
        input::{Pending, Waiting},
    },
};

impl Core {
    pub(super) fn on_event(&mut self, event: &Event) {
        let effects = self.machine.on_event(event);
        self.carry_out(effects);
        match event {
            Event::Held(_) => {
                let open = self.machine.on_record().open_cycles(self.context.us);
                open.into_iter().for_each(|cycle| self.refresh(cycle));
            }
            Event::Computed { cycle, .. }
            | Event::NotComputable { cycle, .. }
            | Event::Matched { cycle, .. }
            | Event::NotMatchable { cycle, .. }
            | Event::GuardReached(cycle)
            | Event::CutOffReached(cycle) => self.refresh(*cycle),
        }
    }

    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append(draft) => self.draft(draft),
                Effect::Fetch(digest) => self.workshop.fetch(digest),
                Effect::Compute { cycle, round, inputs } => {
                    self.context.catalog.write().cycles.entry(cycle).or_default().is_computing = true;
                    self.workshop.compute(cycle, round, inputs);
                }
                Effect::Match { cycle, round, claims } => self.workshop.match_claims(cycle, round, claims),
                Effect::Send(fact) => self.send(&fact),
                Effect::SetDeadline(cycle) => self.set_deadline(cycle),
            }
        }
    }

    /// Sets a cycle's deadline. One that has passed, as after a restart, is told to the rules at once: they forget over a
    /// restart that signing was closed.
    pub(super) fn set_deadline(&mut self, cycle: CycleId) {
        if self.workshop.guard_is_reached(cycle) {
            self.on_event(&Event::GuardReached(cycle));
        }
        self.workshop.set_deadline(cycle);
    }

    pub(super) fn send(&self, fact: &Fact) {
        match self.context.catalog.read().evidence(fact) {
            Some(held) => self.context.peer.send(held.envelope.clone()),
            None => tracing::error!(?fact, "there is no evidence of a fact to send"),
        }
    }

    /// Signs nothing that binds this house in a round before the other house has said how far it holds this house's word:
    /// the ledger may be an old copy, and its guard with it.
    pub(super) fn draft(&mut self, draft: Draft) {
        let binds = matches!(draft, Draft::Claim { .. } | Draft::Statement { .. } | Draft::Decline { .. });
        match &mut self.unheard {
            Some(unheard) if binds => unheard.push(draft),
            _ => self.carry_out_draft(draft),
        }
    }

    /// The other house has said how far it holds this house's word: what waited for that is signed, as far as it stands.
    pub(super) fn sign_what_waited(&mut self) {
        for draft in self.unheard.take().unwrap_or_default() {
            if let Draft::Claim { cycle, .. } | Draft::Statement { cycle, .. } | Draft::Decline { cycle, .. } = draft
                && self.workshop.guard_is_reached(cycle)
            {
                self.on_event(&Event::GuardReached(cycle));
            }
            if self.machine.still_stands(&draft) {
                self.carry_out_draft(draft);
            }
        }
    }

    fn carry_out_draft(&mut self, draft: Draft) {
        match draft {
            Draft::Manifest { cycle, revision } => self.workshop.freeze(cycle, revision),
            Draft::Claim { cycle, round, .. } => {
                // Invariant: the rules draft a claim in answer to what was computed and is kept here.
                let Some(computed) = self.computed.remove(&(cycle, round)) else { return };
                let keeping = Keeping { attachment: Some(computed.leaves_digest), ..Keeping::default() };
                self.append_evidence(drafts::claim(cycle, round, &computed), keeping, Waiting::Nobody);
            }
            Draft::Statement { cycle, content, .. } => {
                if self.workshop.guard_is_reached(cycle) {
                    self.on_event(&Event::GuardReached(cycle));
                    return;
                }
                // Invariant: the rules draft a statement in answer to what was matched and is kept here.
                let Some((statement, breaks)) = self.matched.remove(&content) else { return };
                let keeping = Keeping { attachment: Some(breaks), ..Keeping::default() };
                self.append_evidence(Evidence::Statement(statement), keeping, Waiting::Nobody);
            }
            Draft::Decline { cycle, round } => {
                self.append_evidence(drafts::decline(cycle, round), Keeping::default(), Waiting::Nobody);
            }
            Draft::CutOff { cycle } => {
                let entry = Entry::CutOff { cycle, at: self.context.clock.now(), is_restored: false };
                self.append(vec![Pending { entry, version: None, waiting: Waiting::Nobody }]);
            }
            Draft::Outcome { cycle, outcome } => {
                let has_claim = self
                    .machine
                    .on_record()
                    .cycle(cycle)
                    .is_some_and(|record| record.claimed_round(self.context.us).is_some());
                if has_claim {
                    let is_prospective = self.workshop.is_before_settlement(cycle);
                    let keeping = Keeping { is_prospective, ..Keeping::default() };
                    self.append_evidence(drafts::outcome(cycle, outcome), keeping, Waiting::Nobody);
                } else {
                    self.workshop.compute_stand_alone(cycle, outcome);
                }
            }
        }
    }
}
