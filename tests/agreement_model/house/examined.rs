//! Holding what the machine asks for, and what becomes durable, against the record before it.

use gateway::arrangement::{
    fact::{Draft, Fact, Inputs, Outcome},
    leg::Pair,
};

use super::{Append, Clock, House};
use crate::{matter, properties as rule, world::World};

impl House {
    /// Holds what becomes durable against the record before it.
    pub(super) fn examine_written(&mut self, fact: &Fact) {
        let us = self.us();
        let cycle = self.cycle();
        let mut broken = Vec::new();
        let mut demand = |rule, holds: bool| broken.extend((!holds).then_some(rule));
        demand(rule::REPEATED, !rule::is_on_record(self, us, fact));
        match *fact {
            Fact::Manifest { book_version, .. } => {
                demand(rule::NEWER, cycle.manifests[us].is_none_or(|before| before.book_version < book_version));
            }
            Fact::Claim { round, claim, .. } => {
                demand(rule::IN_TIME, !cycle.is_cut_off);
                demand(rule::CLOSED, cycle.rounds.range(..round).all(|(_, record)| record.is_closed(us)));
                let before = cycle.rounds.range(..round).next_back().and_then(|(_, record)| record.claims[us]);
                let is_newer = before.is_none_or(|before| has_newer(&before.inputs, &claim.inputs));
                let is_opened = cycle.rounds.get(&round).is_some_and(|record| record.claims[us.other()].is_some());
                demand(rule::NEWER, is_newer || is_opened);
            }
            Fact::Statement { .. } => demand(rule::IN_TIME, !cycle.is_cut_off),
            Fact::Outcome { outcome, .. } => {
                let is_forward = |held: Outcome| match (held, outcome) {
                    (Outcome::FallenBack(_), Outcome::Agreed { .. }) => true,
                    (Outcome::Agreed { round: held, .. }, Outcome::Agreed { round, .. }) => held < round,
                    (_, Outcome::FallenBack(_)) => false,
                };
                demand(rule::FORWARD, cycle.outcomes[us].is_none_or(is_forward));
                let has_fallen_back = matches!(cycle.outcomes[us], Some(Outcome::FallenBack(_)));
                demand(rule::LATE, !has_fallen_back || !matches!(outcome, Outcome::Agreed { is_late: false, .. }));
            }
            _ => {}
        }
        self.note_cut_off(fact);
        self.broke.extend(broken);
    }

    /// Notes what is agreed when the first cut-off is recorded.
    pub(super) fn note_cut_off(&mut self, fact: &Fact) {
        let cycle = self.cycle();
        if let Fact::CutOff { .. } = fact
            && !cycle.is_cut_off
        {
            self.agreed_at_cut_off = cycle.agreement().map(|(round, _)| round);
        }
    }

    /// Holds what the machine asks for against the record and the clock as they are.
    pub(super) fn examine_asked(&mut self, world: &World, draft: Draft) {
        let us = self.us();
        let cycle = self.cycle();
        let mut broken = Vec::new();
        let mut demand = |rule, holds: bool| broken.extend((!holds).then_some(rule));
        demand(rule::REPEATED, !self.appends.contains(&Append::Own(draft)));
        demand(rule::OPENED, cycle.opened[us]);
        if let Draft::Claim { .. } | Draft::Statement { .. } = draft {
            demand(rule::IN_TIME, self.clock == Clock::Open);
        }
        if !matches!(draft, Draft::CutOff { .. } | Draft::Outcome { .. }) {
            demand(rule::CONTRADICTED, !cycle.is_contradicted);
            demand(rule::HALTED, !self.has_recovered);
        }
        match draft {
            Draft::Claim { .. } => demand(rule::ONE_ARRANGEMENT, world.has_one_arrangement),
            Draft::Statement { round, content, .. } => {
                let claims = cycle.rounds.get(&round).and_then(|record| record.claims.both());
                let follows = claims.map(|claims| matter::statement(claims.map(|claim| claim.digest)));
                demand(rule::FOLLOWS, follows == Some(content));
            }
            Draft::Outcome { outcome: Outcome::FallenBack(_), .. } => demand(rule::EARLY, cycle.is_cut_off),
            _ => {}
        }
        self.broke.extend(broken);
    }
}

/// Whether margins may differ between two sets of inputs: another book, other market data, or an entry between them
/// that changes links.
fn has_newer(before: &Inputs, now: &Inputs) -> bool {
    let changes = |inputs: &Inputs| -> Pair<u64> { inputs.registry.map(matter::link_changes) };
    before.manifests != now.manifests || before.markets != now.markets || changes(before) != changes(now)
}
