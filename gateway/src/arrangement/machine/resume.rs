//! Going on after a restart.

use super::{Machine, Safeguards};
use crate::arrangement::{
    cycle::Cycle,
    cycle_id::CycleId,
    fact::{Effect, Fact, Outcome},
    leg::Leg,
};

impl<S: Safeguards> Machine<S> {
    /// Everything that the record leaves to do: deadlines, evidence that the other house may not have, and the next
    /// step of each open cycle. Sending again changes nothing at the other house.
    pub fn resume(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let us = self.us;
        let newest = self.record.cycles().next_back().map(|(id, _)| id.business_date);
        for (id, cycle) in self.record.cycles() {
            if cycle.opened[us] && !cycle.is_cut_off {
                effects.push(Effect::SetDeadline(id));
                let market = self.record.markets(id.business_date)[us];
                let market = market.map(|version| Fact::Market { by: us, business_date: id.business_date, version });
                effects.extend(market.map(Effect::Send));
            }
            // That both ended the same way does not show that the other house knows how this one ended: its word may
            // have been here before ours was there. What is left untold by the next business date is old news.
            if !has_ended_alike(cycle) || Some(id.business_date) == newest {
                effects.extend(own_evidence(us, id, cycle).map(Effect::Send));
            }
        }
        for id in self.record.cycles().map(|(id, _)| id).collect::<Vec<_>>() {
            self.advance(id, &mut effects);
        }
        effects
    }
}

/// Whether both houses are known to have ended the cycle the same way.
fn has_ended_alike(cycle: &Cycle) -> bool {
    match cycle.outcomes.both() {
        Some(outcomes) => match (outcomes.treasury, outcomes.futures) {
            (Outcome::Agreed { round: ours, .. }, Outcome::Agreed { round: theirs, .. }) => {
                ours == theirs && cycle.is_cut_off
            }
            (Outcome::FallenBack(_), Outcome::FallenBack(_)) => true,
            _ => false,
        },
        None => false,
    }
}

/// All that a house has signed in a cycle, in the order of the protocol.
fn own_evidence(us: Leg, id: CycleId, cycle: &Cycle) -> impl Iterator<Item = Fact> + '_ {
    let opened = cycle.opened[us].then_some(Fact::Opened { by: us, cycle: id });
    let manifest = cycle.manifests[us].map(|manifest| Fact::Manifest {
        by: us,
        cycle: id,
        revision: manifest.revision,
        book_version: manifest.book_version,
    });
    let rounds = cycle.rounds.iter().flat_map(move |(round, record)| {
        let claim = record.claims[us].map(|claim| Fact::Claim { by: us, cycle: id, round: *round, claim });
        let statement =
            record.statements[us].map(|content| Fact::Statement { by: us, cycle: id, round: *round, content });
        let declined = record.declined[us].then_some(Fact::Declined { by: us, cycle: id, round: *round });
        claim.into_iter().chain(statement).chain(declined)
    });
    let outcome = cycle.outcomes[us].map(|outcome| Fact::Outcome { by: us, cycle: id, outcome });
    opened.into_iter().chain(manifest).chain(rounds).chain(outcome)
}
