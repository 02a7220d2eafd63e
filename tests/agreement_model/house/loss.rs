//! A house that starts on an old copy of its ledger: what it recovers from the other house, and what it holds back before
//! it has heard it.
//!
//! What is taken up, in which order, and which cycles are halted, the machine itself says. What is on record is told by the
//! fact, where a node tells it by the digest of the signed payload: each fact here is signed once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gateway::arrangement::{
    cycle_id::Round,
    fact::{Draft, Event, Fact},
    leg::Leg,
    machine::{Machine, Record, recovery},
};

use super::{Clock, House, Step};
use crate::{
    matter::{self, CYCLE},
    properties as rule, spoken,
    spoken::Place,
    world::{Loss, Network, World},
};

/// A copy of the ledger, and what the properties know of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Copy {
    record: Record,
    said: BTreeSet<Fact>,
    heard: BTreeSet<Fact>,
    first_heard: BTreeMap<Place, Fact>,
    agreed_at_cut_off: Option<Round>,
}

/// Evidence of both houses in the order of the ledger, as it is told to the other house; kept while that may lose its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Story {
    is_kept: bool,
    told: Vec<Told>,
}

/// A piece of evidence, and when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Told {
    fact: Fact,
    /// By the clock of the house that tells it.
    is_past_cut_off: bool,
}

impl Story {
    /// The story that the house of `us` keeps.
    pub(super) fn of(us: Leg, world: &World) -> Self {
        Self { is_kept: world.loss.strikes(us.other()), told: Vec::new() }
    }

    pub(super) fn add(&mut self, fact: Fact, clock: Clock) {
        if self.is_kept && spoken::signer_of(&fact).is_some() {
            self.told.push(Told { fact, is_past_cut_off: clock == Clock::PastCutOff });
        }
    }
}

/// What waits until the other house was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Unheard {
    /// Claims, statements and declines to sign.
    pub(super) drafts: Vec<Draft>,
    /// Evidence to send.
    pub(super) words: Vec<Fact>,
}

impl House {
    pub(super) fn copy_ledger(&mut self) {
        self.copy = Some(Arc::new(Copy {
            record: self.machine.on_record().clone(),
            said: self.said.clone(),
            heard: self.heard.clone(),
            first_heard: self.first_heard.clone(),
            agreed_at_cut_off: self.agreed_at_cut_off,
        }));
    }

    /// The step that takes what the other house holds, where one may come next.
    pub(crate) fn step_of_both(&self) -> Option<Step> {
        if self.unheard.is_some() {
            return Some(Step::Greet);
        }
        // A copy that reaches the end is no loss.
        let is_old = self.copy.as_ref().is_some_and(|copy| copy.record != *self.machine.on_record());
        (self.left.losses > 0 && is_old).then_some(Step::Lose)
    }

    /// Whether the house has lost what it may lose, and knows of it.
    pub(crate) fn is_over_its_loss(&self) -> bool {
        self.left.losses == 0 && self.unheard.is_none()
    }

    /// Forgets what there was to tell: nobody will ask for it. States that differ in it alone are the same from here on.
    pub(crate) fn tell_no_more(&mut self) {
        self.story = Story { is_kept: false, told: Vec::new() };
    }

    /// Takes a step that takes what the other house holds.
    pub(crate) fn take_with(&mut self, world: &World, step: Step, peer: &House) {
        let copy = self.copy.clone().expect("there is a copy where such a step comes next");
        match step {
            Step::Lose => {
                self.left.losses -= 1;
                match world.loss {
                    Loss::Recovers(_) => self.recover(world, &copy, peer),
                    Loss::HearsFirst(_) => {
                        self.start_on(world, &copy, peer);
                        self.unheard = Some(Unheard::default());
                        self.resume(world);
                    }
                    Loss::HearsNobody(_) => {
                        self.start_on(world, &copy, peer);
                        self.copy = None;
                        self.resume(world);
                    }
                    Loss::Never => panic!("no house loses anything in this world"),
                }
            }
            Step::Greet => {
                let is_behind = |fact: &Fact| spoken::signer_of(fact) == Some(self.us()) && !copy.said.contains(fact);
                if peer.heard.iter().any(is_behind) {
                    // What was recorded since the start has left the house for nobody; the copy is put back.
                    self.recover(world, &copy, peer);
                } else {
                    self.go_on(world);
                }
            }
            other => panic!("{other:?} takes one house"),
        }
    }

    /// Puts the copy in place, with nothing under way.
    fn start_on(&mut self, world: &World, copy: &Copy, peer: &House) {
        self.appends.clear();
        self.tasks.clear();
        self.failed = None;
        self.unheard = None;
        self.machine = Machine::under(world.without, self.us(), world.rules, copy.record.clone());
        self.agreed_at_cut_off = copy.agreed_at_cut_off;
        // Nothing that was heard is lost for good: the other house has it, and says it again.
        self.heard.clone_from(&copy.heard);
        self.first_heard.clone_from(&copy.first_heard);
        let said = std::mem::replace(&mut self.said, copy.said.clone());
        if world.network == Network::ForgetsAtRestart {
            self.wire.clear();
            self.sent.clear();
        }
        let is_somewhere = |fact: &Fact| self.wire.contains(fact) || peer.heard.contains(fact);
        self.lost.extend(said.into_iter().filter(|fact| !copy.said.contains(fact) && is_somewhere(fact)));
    }

    /// Takes up what the other house holds, halts what it could still sign in, and starts.
    fn recover(&mut self, world: &World, copy: &Copy, peer: &House) {
        let heard = self.heard.clone();
        self.start_on(world, copy, peer);
        self.copy = None;
        let us = self.us();
        let is_new = |told: &&Told| !copy.said.contains(&told.fact) && !copy.heard.contains(&told.fact);
        let told: Vec<Told> = peer.story.told.iter().filter(is_new).copied().collect();
        for step in self.machine.in_order(told, |told| told.fact, |told, _| told.is_past_cut_off) {
            match step {
                recovery::Step::CutOff(cycle) => {
                    let fact = Fact::CutOff { cycle };
                    self.note_cut_off(&fact);
                    self.machine.replay(&fact);
                }
                recovery::Step::Evidence(Told { fact, .. }) => {
                    if spoken::signer_of(&fact) == Some(us) {
                        self.lost.remove(&fact);
                        self.said.insert(fact);
                    } else {
                        self.hear(fact);
                    }
                    for fact in self.facts_of(fact) {
                        self.machine.replay(&fact);
                    }
                }
            }
        }
        let halted = self.machine.signable();
        halted.into_iter().for_each(|cycle| self.machine.replay(&Fact::Halted { cycle }));
        self.has_recovered = true;
        let recovered = Fact::Recovered { by: us, recovery: matter::recovery(us) };
        self.machine.replay(&recovered);
        if !heard.is_subset(&self.heard) {
            self.broke.insert(rule::ACKNOWLEDGED);
        }
        let agreed_there = peer.cycle().rounds.iter().filter_map(|(round, record)| Some((*round, record.agreed()?)));
        let agreed_here = |round| self.cycle().rounds.get(&round).and_then(|record| record.agreed());
        if agreed_there.into_iter().any(|(round, content)| agreed_here(round) != Some(content)) {
            self.broke.insert(rule::SHARED);
        }
        // The other house is told before all else.
        self.send(world, recovered);
        self.resume(world);
    }

    /// The other house holds nothing that this one does not know: what waited is signed, as far as it stands, and sent.
    fn go_on(&mut self, world: &World) {
        self.copy = None;
        let Unheard { drafts, words } = self.unheard.take().unwrap_or_default();
        words.into_iter().for_each(|fact| self.send(world, fact));
        for draft in drafts {
            if self.clock != Clock::Open {
                self.feed(world, &Event::GuardReached(CYCLE));
            }
            if self.machine.still_stands(&draft) {
                self.ask(world, draft);
            }
        }
    }

    fn resume(&mut self, world: &World) {
        let effects = self.machine.resume();
        self.carry_out(world, effects);
    }
}
