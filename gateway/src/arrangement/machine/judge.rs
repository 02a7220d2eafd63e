//! Judging what the other house delivers.

use std::collections::BTreeMap;

use super::{Machine, record::supersedes};
use crate::arrangement::{
    cycle::RoundRecord,
    cycle_id::{CycleId, Round},
    fact::{Fact, Refusal, Verdict, Versioned},
};

impl Machine {
    /// What to do with evidence of the other house, whose signature and form have been checked.
    #[must_use]
    pub fn judge(&self, fact: &Fact) -> Verdict {
        let peer = self.us.other();
        match *fact {
            Fact::Registry { by, sequence } if by == peer => {
                let last = self.record.registry()[peer];
                match sequence {
                    _ if sequence <= last => Verdict::Duplicate,
                    _ if sequence == last + 1 => Verdict::Record,
                    _ => Verdict::Refuse(Refusal::LogGap),
                }
            }
            Fact::Market { by, business_date, version } if by == peer => {
                by_version(self.record.markets(business_date)[peer], version)
            }
            Fact::Opened { by, cycle } if by == peer => match self.record.cycle(cycle) {
                Some(record) if record.opened[peer] => Verdict::Duplicate,
                Some(_) => Verdict::Record,
                None => self.unless_too_many_cycles(),
            },
            Fact::Manifest { by, cycle, revision, .. } if by == peer => match self.record.cycle(cycle) {
                Some(record) => by_version(record.manifests[peer].map(|manifest| manifest.revision), revision),
                None => self.unless_too_many_cycles(),
            },
            Fact::Claim { by, round, .. } | Fact::Statement { by, round, .. } | Fact::Declined { by, round, .. }
                if by == peer && round.0 > self.rules.max_rounds =>
            {
                Verdict::Refuse(Refusal::TooManyRounds)
            }
            Fact::Claim { by, cycle, round, claim } if by == peer => self.by_round(cycle, |record| {
                let held = record.get(&round).and_then(|record| record.claims[peer]);
                held.map(|held| held.digest == claim.digest)
            }),
            Fact::Statement { by, cycle, round, content } if by == peer => self.by_round(cycle, |record| {
                let record = record.get(&round)?;
                let held = record.statements[peer].map(|held| held == content);
                // A statement after a decline is a second, different word on the round.
                held.or_else(|| record.declined[peer].then_some(false))
            }),
            Fact::Declined { by, cycle, round } if by == peer => self.by_round(cycle, |record| {
                let record = record.get(&round)?;
                let held = record.declined[peer].then_some(true);
                held.or_else(|| record.statements[peer].map(|_| false))
            }),
            Fact::Outcome { by, cycle, outcome } if by == peer => match self.record.cycle(cycle) {
                Some(record) => match record.outcomes[peer] {
                    Some(held) if !supersedes(&outcome, &held) => Verdict::Duplicate,
                    _ => Verdict::Record,
                },
                None => self.unless_too_many_cycles(),
            },
            Fact::Recovered { by, recovery } if by == peer => {
                if self.record.has_recovery(peer, &recovery) {
                    Verdict::Duplicate
                } else {
                    Verdict::Record
                }
            }
            _ => Verdict::Refuse(Refusal::NotTheirs),
        }
    }

    /// The cycles that a contradiction in `fact` touches: its own, or every open one of its business date; of a registry log
    /// every open one.
    #[must_use]
    pub fn cycles_touched_by(&self, fact: &Fact) -> Vec<CycleId> {
        match (super::cycle_of(fact), fact) {
            (Some(cycle), _) => vec![cycle],
            (None, Fact::Market { business_date, .. }) => {
                let open = self.record.open_cycles(self.us).into_iter();
                open.filter(|cycle| cycle.business_date == *business_date).collect()
            }
            // A forked log may have told anything about any link.
            (None, Fact::Registry { .. }) => self.record.open_cycles(self.us),
            _ => Vec::new(),
        }
    }

    /// Judges by what the same house said before: `Some(true)` the same, `Some(false)` something else.
    fn by_round(&self, cycle: CycleId, said_before: impl Fn(&BTreeMap<Round, RoundRecord>) -> Option<bool>) -> Verdict {
        match self.record.cycle(cycle) {
            None => self.unless_too_many_cycles(),
            Some(record) => match said_before(&record.rounds) {
                None => Verdict::Record,
                Some(true) => Verdict::Duplicate,
                Some(false) => Verdict::Contradiction,
            },
        }
    }

    fn unless_too_many_cycles(&self) -> Verdict {
        // What was asked for on days that are over counts no more.
        let newest =
            self.record.cycles().filter(|(_, cycle)| cycle.opened[self.us]).map(|(id, _)| id.business_date).max();
        let is_current = |id: CycleId| newest.is_none_or(|date| id.business_date >= date);
        let requested = self.record.cycles().filter(|(id, cycle)| !cycle.opened[self.us] && is_current(*id)).count();
        if requested < self.rules.max_requested_cycles {
            Verdict::Record
        } else {
            Verdict::Refuse(Refusal::TooManyCycles)
        }
    }
}

/// A higher version is news, a lower one is old news, the same one must have the same content.
fn by_version(held: Option<Versioned>, given: Versioned) -> Verdict {
    match held {
        Some(held) if held.version > given.version || held == given => Verdict::Duplicate,
        Some(held) if held.version == given.version => Verdict::Contradiction,
        _ => Verdict::Record,
    }
}
