//! What may happen at a house, and the house after it.

use gateway::arrangement::fact::{Effect, Event, Fact, Verdict};

use super::{Append, Clock, House};
use crate::{
    matter::CYCLE,
    world::{Appends, Disk, World},
};

/// Something that happens at a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// A newer version of the book is accepted.
    Amend,
    /// The house adds an entry to its registry log.
    Enter,
    /// The house accepts the run that the other one asked for.
    Accept,
    /// The operator cuts the cycle off.
    CutOff,
    /// An append becomes durable.
    Durable(Append),
    /// A task ends well.
    Finish(Effect),
    /// The margins cannot be computed.
    Fail(Effect),
    /// The other house's claim turns out not to stand up.
    Reject(Effect),
    /// The network delivers a fact of the other house.
    Receive(Fact),
    /// The clock goes on to the guard, or from there to the cut-off.
    Tick(Clock),
    /// The node is killed and started again. So many appends that were under way are on the disk.
    Restart(usize),
    /// The ledger is copied: the house may come to start on that copy.
    Copy,
    /// The house starts on the old copy of its ledger.
    Lose,
    /// The other house says how far it holds the word of this one, which started on an old copy.
    Greet,
}

impl House {
    /// Everything that may happen next by itself; what the network may deliver comes on top.
    pub(crate) fn steps(&self, world: &World) -> Vec<Step> {
        let mut steps = Vec::new();
        match world.appends {
            Appends::AsAsked => steps.extend(self.appends.first().copied().map(Step::Durable)),
            Appends::InAnyOrder => steps.extend(self.appends.iter().copied().map(Step::Durable)),
        }
        steps.extend(self.tasks.iter().copied().map(Step::Finish));
        let is_match = |task: &Effect| matches!(task, Effect::Match { .. });
        let is_computation = |task: &Effect| matches!(task, Effect::Compute { .. });
        if world.may_decline {
            steps.extend(self.tasks.iter().copied().filter(is_match).map(Step::Reject));
        }
        if world.may_fail {
            steps.extend(self.tasks.iter().copied().filter(is_computation).map(Step::Fail));
        }
        let is_before_cut_off = self.clock != Clock::PastCutOff;
        if self.left.amendments > 0 && is_before_cut_off {
            steps.push(Step::Amend);
        }
        if self.left.entries > 0 && is_before_cut_off {
            steps.push(Step::Enter);
        }
        let is_asked = self.cycle().opened[self.us().other()] && !self.has_opened();
        if self.left.acceptances > 0 && self.clock == Clock::Open && is_asked {
            steps.push(Step::Accept);
        }
        if self.left.operator_cut_offs > 0 && self.has_opened() && is_before_cut_off {
            steps.push(Step::CutOff);
        }
        if world.has_cut_off && world.clocks[self.us().index()] && is_before_cut_off {
            let is_before_guard = world.has_guard && self.clock == Clock::Open;
            steps.push(Step::Tick(if is_before_guard { Clock::PastGuard } else { Clock::PastCutOff }));
        }
        if self.left.losses > 0 && self.copy.is_none() {
            steps.push(Step::Copy);
        }
        if self.left.restarts > 0 {
            let kept_at_most = if world.disk == Disk::Durable { self.appends.len() } else { 0 };
            steps.extend((0..=kept_at_most).map(Step::Restart));
        }
        steps
    }

    /// Whether a step is the arrival of what is on record.
    pub(crate) fn knows_already(&self, step: &Step) -> bool {
        matches!(step, Step::Receive(fact) if self.machine.judge(fact) == Verdict::Duplicate)
    }

    /// Whether a fact of the other house is news here: what is on record is not, nor one more contradiction in a cycle that
    /// has one.
    pub(crate) fn has_use_for(&self, fact: &Fact) -> bool {
        match self.machine.judge(fact) {
            Verdict::Record | Verdict::Refuse(_) => true,
            Verdict::Duplicate => false,
            Verdict::Contradiction => !self.cycle().is_contradicted && !self.denounced.contains(fact),
        }
    }

    /// Takes a step; `false` where it changes nothing.
    pub(crate) fn take(&mut self, world: &World, step: Step) -> bool {
        match step {
            Step::Amend => {
                self.left.amendments -= 1;
                let book = Fact::Book { business_date: CYCLE.business_date, version: self.book() + 1 };
                self.learn(world, &[book]);
            }
            Step::Enter => {
                self.left.entries -= 1;
                let sequence = self.machine.on_record().registry()[self.us()] + 1;
                self.enter(world, Fact::Registry { by: self.us(), sequence });
            }
            Step::Accept => {
                self.left.acceptances -= 1;
                self.enter(world, Fact::Opened { by: self.us(), cycle: CYCLE });
            }
            Step::CutOff => {
                self.left.operator_cut_offs -= 1;
                self.feed(world, &Event::CutOffReached(CYCLE));
            }
            Step::Durable(append) => {
                let at = self.appends.iter().position(|pending| *pending == append);
                self.appends.remove(at.expect("the step was taken from the appends under way"));
                self.put_on_record(world, append);
            }
            Step::Finish(task) => {
                self.tasks.remove(&task);
                self.finish(world, task);
            }
            Step::Fail(task) => {
                self.tasks.remove(&task);
                let Effect::Compute { cycle, inputs, .. } = task else { panic!("{task:?} cannot fail") };
                self.failed = Some(inputs);
                self.feed(world, &Event::NotComputable { cycle, inputs });
            }
            Step::Reject(task) => {
                self.tasks.remove(&task);
                let Effect::Match { cycle, round, .. } = task else { panic!("{task:?} cannot be rejected") };
                self.feed(world, &Event::NotMatchable { cycle, round });
            }
            Step::Receive(fact) => return self.receive(world, fact),
            Step::Copy => self.copy_ledger(),
            Step::Lose | Step::Greet => panic!("{step:?} takes both houses"),
            Step::Tick(clock) => {
                self.clock = clock;
                let event =
                    if clock == Clock::PastGuard { Event::GuardReached(CYCLE) } else { Event::CutOffReached(CYCLE) };
                if self.has_opened() {
                    if !world.has_guard {
                        self.feed(world, &Event::GuardReached(CYCLE));
                    }
                    self.feed(world, &event);
                }
            }
            Step::Restart(kept) => {
                let before = self.clone();
                self.restart(world, kept);
                // A restart that loses nothing leads nowhere new: what can follow could have followed without it.
                return *self != Self { left: self.left, ..before };
            }
        }
        true
    }
}
