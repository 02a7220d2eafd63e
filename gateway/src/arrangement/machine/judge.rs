//! Judging what the other house delivers.

use std::collections::BTreeMap;

use super::{
    Machine, Safeguard, Safeguards,
    about::{cycle_of, signer_of},
    record::supersedes,
};
use crate::arrangement::{
    cycle::RoundRecord,
    cycle_id::{CycleId, Round},
    fact::{Fact, Outcome, Refusal, Verdict, Versioned},
};

impl<S: Safeguards> Machine<S> {
    /// What to do with evidence of the other house, whose signature and form have been checked.
    #[must_use]
    pub fn judge(&self, fact: &Fact) -> Verdict {
        let peer = self.us.other();
        if !self.pass(Safeguard::SpeaksForItself, signer_of(fact) == Some(peer)) {
            return Verdict::Refuse(Refusal::NotTheirs);
        }
        match *fact {
            Fact::Registry { sequence, .. } => self.by_entry(self.record.registry()[peer], sequence),
            Fact::Market { business_date, version, .. } => {
                self.by_version(self.record.markets(business_date)[peer], version)
            }
            Fact::Opened { cycle, .. } => match self.record.cycle(cycle) {
                Some(record) if self.stop(Safeguard::OpeningOnce, record.opened[peer]) => Verdict::Duplicate,
                Some(_) => Verdict::Record,
                None => self.unless_too_many_cycles(cycle),
            },
            Fact::Manifest { cycle, revision, .. } => match self.record.cycle(cycle) {
                Some(record) => self.by_version(record.manifests[peer].map(|manifest| manifest.revision), revision),
                None => self.unless_too_many_cycles(cycle),
            },
            Fact::Claim { round, .. }
            | Fact::Statement { round, .. }
            | Fact::Declined { round, .. }
            | Fact::Outcome { outcome: Outcome::Agreed { round, .. }, .. }
                if self.stop(Safeguard::TheirRoundsBounded, round.0 > self.rules.max_rounds) =>
            {
                Verdict::Refuse(Refusal::TooManyRounds)
            }
            Fact::Claim { cycle, round, claim, .. } => self.by_round(cycle, |record| {
                let held = record.get(&round).and_then(|record| record.claims[peer]);
                held.map(|held| held.digest == claim.digest)
            }),
            Fact::Statement { cycle, round, content, .. } => self.by_round(cycle, |record| {
                let record = record.get(&round)?;
                let held = record.statements[peer].map(|held| held == content);
                // A statement after a decline is a second, different word on the round.
                held.or_else(|| self.stop(Safeguard::StatementOrDecline, record.declined[peer]).then_some(false))
            }),
            Fact::Declined { cycle, round, .. } => self.by_round(cycle, |record| {
                let record = record.get(&round)?;
                let is_stated = record.statements[peer].is_some();
                let held = record.declined[peer].then_some(true);
                held.or_else(|| self.stop(Safeguard::StatementOrDecline, is_stated).then_some(false))
            }),
            Fact::Outcome { cycle, outcome, .. } => match self.record.cycle(cycle) {
                Some(record) => {
                    let is_news = record.outcomes[peer].is_none_or(|held| supersedes(&outcome, &held));
                    if self.pass(Safeguard::OutcomeSupersedes, is_news) { Verdict::Record } else { Verdict::Duplicate }
                }
                None => self.unless_too_many_cycles(cycle),
            },
            Fact::Recovered { recovery, .. } => {
                if self.stop(Safeguard::RecoveryOnce, self.record.has_recovery(peer, &recovery)) {
                    Verdict::Duplicate
                } else {
                    Verdict::Record
                }
            }
            Fact::Adopted { .. }
            | Fact::LinksChanged { .. }
            | Fact::Book { .. }
            | Fact::CutOff { .. }
            | Fact::Halted { .. }
            | Fact::Contradiction { .. } => Verdict::Refuse(Refusal::NotTheirs),
        }
    }

    /// The cycles that a contradiction in `fact` touches: its own, or every open one of its business date; of a registry log
    /// every open one.
    #[must_use]
    pub fn cycles_touched_by(&self, fact: &Fact) -> Vec<CycleId> {
        match (cycle_of(fact), fact) {
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
            None => self.unless_too_many_cycles(cycle),
            Some(record) => match said_before(&record.rounds) {
                Some(is_same) if self.stop(Safeguard::WordOnce, is_same) => Verdict::Duplicate,
                Some(is_same) if self.stop(Safeguard::WordBinds, !is_same) => Verdict::Contradiction,
                _ => Verdict::Record,
            },
        }
    }

    /// An entry follows on the last one of its log; what is on record is old news.
    fn by_entry(&self, last: u64, given: u64) -> Verdict {
        if self.stop(Safeguard::EntryOnce, given <= last) {
            Verdict::Duplicate
        } else if self.pass(Safeguard::EntryFollows, given == last + 1) {
            Verdict::Record
        } else {
            Verdict::Refuse(Refusal::LogGap)
        }
    }

    /// A higher version is news, a lower one is old news, the same one must have the same content.
    fn by_version(&self, held: Option<Versioned>, given: Versioned) -> Verdict {
        let Some(held) = held else { return Verdict::Record };
        if self.stop(Safeguard::VersionOnce, held.version > given.version || held == given) {
            Verdict::Duplicate
        } else if self.stop(Safeguard::VersionBinds, held.version == given.version) {
            Verdict::Contradiction
        } else {
            Verdict::Record
        }
    }

    fn unless_too_many_cycles(&self, asked: CycleId) -> Verdict {
        let dates = || self.record.cycles().filter(|(_, cycle)| cycle.opened[self.us]).map(|(id, _)| id.business_date);
        if self.stop(Safeguard::RequestsBounded, dates().min().is_some_and(|first| asked.business_date < first)) {
            return Verdict::Refuse(Refusal::BeforeFirstCycle);
        }
        let is_over = |id: CycleId| dates().max().is_some_and(|newest| id.business_date < newest);
        // What was asked for on days that are over counts no more, but towards its own day.
        let counts = |id: CycleId| {
            if is_over(asked) { id.business_date == asked.business_date } else { !is_over(id) }
        };
        let requested = self.record.cycles().filter(|(id, cycle)| !cycle.opened[self.us] && counts(*id)).count();
        if self.pass(Safeguard::RequestsBounded, requested < self.rules.max_requested_cycles) {
            Verdict::Record
        } else {
            Verdict::Refuse(Refusal::TooManyCycles)
        }
    }
}
