//! Carrying out what the machine asks for.

use gateway::arrangement::fact::{Draft, Effect, Event, Fact};

use super::{Append, Clock, House};
use crate::{
    matter, properties as rule, spoken,
    world::{Delivery, World},
};

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
                Effect::Append(draft) => self.draft(world, draft),
                Effect::Send(fact) => self.send(world, fact),
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

    fn draft(&mut self, world: &World, draft: Draft) {
        let binds = matches!(draft, Draft::Claim { .. } | Draft::Statement { .. } | Draft::Decline { .. });
        match &mut self.unheard {
            Some(unheard) if binds => unheard.drafts.push(draft),
            _ => self.ask(world, draft),
        }
    }

    /// Has the node carry out an append.
    pub(super) fn ask(&mut self, world: &World, draft: Draft) {
        self.examine_asked(world, draft);
        self.appends.push(Append::Own(draft));
    }

    /// Gives evidence to the network, or keeps it back until the other house was heard.
    pub(super) fn send(&mut self, world: &World, fact: Fact) {
        if spoken::signer_of(&fact) != Some(self.us()) {
            self.broke.insert(rule::AUTHENTIC);
        }
        if let Some(unheard) = &mut self.unheard {
            unheard.words.push(fact);
            return;
        }
        self.said.insert(fact);
        self.wire.insert(fact);
        if world.delivery == Delivery::AsSent && !self.sent.contains(&fact) {
            self.sent.push(fact);
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
