//! Carrying out what the machine asks for.

use gateway::arrangement::fact::{Effect, Event, Fact};

use super::{Append, Clock, House};
use crate::{matter, properties as rule, spoken, world::World};

impl House {
    /// Takes facts that are durable now.
    pub(super) fn learn(&mut self, world: &World, facts: &[Fact]) {
        let effects = facts.iter().flat_map(|fact| self.machine.on_fact(fact)).collect();
        self.carry_out(world, effects);
    }

    pub(super) fn feed(&mut self, world: &World, event: &Event) {
        let effects = self.machine.on_event(event);
        self.carry_out(world, effects);
    }

    pub(super) fn carry_out(&mut self, world: &World, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append(draft) => {
                    self.examine_asked(world, draft);
                    self.appends.push(Append::Own(draft));
                }
                Effect::Send(fact) => {
                    if spoken::signer_of(&fact) != Some(self.us()) {
                        self.broke.insert(rule::AUTHENTIC);
                    }
                    self.said.insert(fact);
                    self.wire.insert(fact);
                }
                // The node answers at once what it has, and a deadline that is past.
                Effect::Fetch(digest) if !world.content_lags || self.blobs.contains(&digest) => {
                    self.finish(world, effect);
                }
                Effect::SetDeadline(cycle) => {
                    if self.clock >= Clock::PastGuard {
                        self.feed(world, &Event::GuardReached(cycle));
                    }
                    if self.clock >= Clock::PastCutOff {
                        self.feed(world, &Event::CutOffReached(cycle));
                    }
                }
                Effect::Compute { inputs, .. } => {
                    let peer = self.us().other();
                    if ![inputs.manifests[peer], inputs.markets[peer]].iter().all(|digest| self.blobs.contains(digest))
                    {
                        self.broke.insert(rule::SEEN);
                    }
                    if self.failed == Some(inputs) {
                        self.broke.insert(rule::NEWER);
                    }
                    self.tasks.insert(effect);
                }
                Effect::Fetch(_) | Effect::Match { .. } => {
                    self.tasks.insert(effect);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, world: &World, task: Effect) {
        let event = match task {
            Effect::Fetch(digest) => {
                self.blobs.insert(digest);
                Event::Held(digest)
            }
            Effect::Compute { cycle, round, inputs } => {
                Event::Computed { cycle, round, inputs, root: matter::root(&inputs) }
            }
            Effect::Match { cycle, round, claims } => {
                Event::Matched { cycle, round, content: matter::statement(claims) }
            }
            Effect::Append(_) | Effect::Send(_) | Effect::SetDeadline(_) => panic!("{task:?} is no task"),
        };
        self.feed(world, &event);
    }
}
