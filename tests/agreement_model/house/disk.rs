//! The disk: what becomes durable, and what a restart brings back.

use gateway::arrangement::{
    fact::{ClaimFact, Draft, Fact},
    machine::Machine,
};

use super::{Append, House};
use crate::{
    matter,
    spoken::{self, Place},
    world::{Disk, Network, World},
};

impl House {
    pub(super) fn restart(&mut self, world: &World, kept: usize) {
        self.left.restarts -= 1;
        for append in std::mem::take(&mut self.appends).into_iter().take(kept) {
            for fact in self.write(append) {
                self.machine.replay(&fact);
            }
        }
        self.tasks.clear();
        self.failed = None;
        if world.network == Network::ForgetsAtRestart {
            self.wire.clear();
            self.sent.clear();
        }
        let record = self.before_last.take().unwrap_or_else(|| self.machine.on_record().clone());
        self.machine = Machine::under(world.without, self.us(), world.rules, record);
        let effects = self.machine.resume();
        self.carry_out(world, effects);
    }

    pub(super) fn put_on_record(&mut self, world: &World, append: Append) {
        if world.disk == Disk::LosesTheLast {
            self.before_last = Some(self.machine.on_record().clone());
        }
        let facts = self.write(append);
        self.learn(world, &facts);
    }

    /// Writes an append to the disk, and gives the facts that follow from it.
    pub(super) fn write(&mut self, append: Append) -> Vec<Fact> {
        match append {
            Append::Own(draft) => {
                let fact = self.sign(draft);
                self.examine_written(&fact);
                self.story.add(fact, self.clock);
                vec![fact]
            }
            Append::Theirs(fact) => {
                self.hear(fact);
                self.facts_of(fact)
            }
            Append::Contradiction(second) => {
                self.denounced.insert(second);
                let cycles = self.machine.cycles_touched_by(&second).into_iter();
                cycles.map(|cycle| Fact::Contradiction { cycle }).collect()
            }
        }
    }

    /// The facts that follow from a piece of evidence: an entry of a registry log may change links of an open cycle.
    pub(super) fn facts_of(&self, fact: Fact) -> Vec<Fact> {
        let mut facts = vec![fact];
        if let Fact::Registry { by, sequence } = fact {
            let is_change = matter::link_changes(sequence) > matter::link_changes(sequence - 1);
            let is_open = !self.machine.on_record().open_cycles(self.us()).is_empty();
            facts.extend((is_change && is_open).then_some(Fact::LinksChanged { by, sequence }));
        }
        facts
    }

    pub(super) fn hear(&mut self, fact: Fact) {
        self.story.add(fact, self.clock);
        self.heard.insert(fact);
        if let Some(place) = spoken::place_of(&fact) {
            self.first_heard.entry(place).or_insert(fact);
        }
        if let Fact::Statement { cycle, round, .. } = fact {
            self.first_heard.entry(Place::Statement(cycle, round)).or_insert(fact);
        }
    }

    /// Puts something on record that the house signs by itself, without having been asked by the rules.
    pub(super) fn enter(&mut self, world: &World, fact: Fact) {
        let facts = self.facts_of(fact);
        self.story.add(fact, self.clock);
        self.learn(world, &facts);
    }

    /// Has a fact of the other house on record from the start.
    pub(super) fn begin_with(&mut self, fact: Fact) {
        self.machine.replay(&fact);
        self.hear(fact);
    }

    /// What the node signs when it carries out an append.
    pub(super) fn sign(&self, draft: Draft) -> Fact {
        let by = self.us();
        match draft {
            Draft::Manifest { cycle, revision } => {
                let book_version = self.book();
                let revision = matter::manifest(by, revision, book_version);
                Fact::Manifest { by, cycle, revision, book_version }
            }
            Draft::Claim { cycle, round, inputs, root } => {
                let claim = ClaimFact { digest: matter::claim(by, round, &inputs, root), inputs, root };
                Fact::Claim { by, cycle, round, claim }
            }
            Draft::Statement { cycle, round, content } => Fact::Statement { by, cycle, round, content },
            Draft::Decline { cycle, round } => Fact::Declined { by, cycle, round },
            Draft::CutOff { cycle } => Fact::CutOff { cycle },
            Draft::Outcome { cycle, outcome } => Fact::Outcome { by, cycle, outcome },
        }
    }
}
