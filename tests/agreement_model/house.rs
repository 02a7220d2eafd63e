//! One house of the model: the product's machine, and around it what its node does with effects.

use std::collections::BTreeSet;

use gateway::arrangement::{
    cycle::Cycle,
    cycle_id::Round,
    digest::Digest,
    fact::{ClaimFact, Draft, Effect, Event, Fact, Outcome, Verdict},
    leg::Leg,
    machine::{Machine, Record, Rules},
};

use crate::matter::{self, CYCLE};

/// How far the model goes, and what its world is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    /// Amendments of each house's book, at most: Treasury, futures.
    pub(crate) amendments: [u8; 2],
    /// Restarts of each house, at most: Treasury, futures.
    pub(crate) restarts: [u8; 2],
    /// Whether the cut-off comes, at any moment; without it the cycle stays open.
    pub(crate) has_cut_off: bool,
    /// Whether a house may find that the other's claim does not stand up.
    pub(crate) may_decline: bool,
    /// Whether the content behind a manifest arrives some time after it, or with it.
    pub(crate) content_lags: bool,
    /// What a restart does to the evidence that was given to the network and not delivered.
    pub(crate) network: Network,
    /// Whether what is appended survives.
    pub(crate) disk: Disk,
    /// The order in which appends become durable.
    pub(crate) appends: Appends,
}

/// What the network keeps while its sender restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Everything ever sent may still arrive.
    Remembers,
    /// What was not delivered is gone, unless it is sent again.
    ForgetsAtRestart,
}

/// Whether the ledger keeps its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// What is durable survives a restart.
    Durable,
    /// A restart loses the last append.
    LosesTheLast,
}

/// In which order appends become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appends {
    /// As [`Effect::Append`] demands.
    AsAsked,
    /// In any order.
    InAnyOrder,
}

/// A house's own clock, which runs on while its node is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Clock {
    Open,
    PastGuard,
    PastCutOff,
}

/// Something that happens at a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// A newer version of the book is accepted.
    Amend,
    /// An append becomes durable.
    Append(Draft),
    /// A task ends well.
    Finish(Effect),
    /// The other house's claim turns out not to stand up.
    Reject(Effect),
    /// The network delivers a fact of the other house.
    Receive(Fact),
    /// The clock goes on to the guard, then to the cut-off.
    Tick,
    /// The node is killed and started again.
    Restart,
}

/// A house: its machine and the work that its node has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct House {
    pub(crate) machine: Machine,
    /// Appends asked for and not yet durable, in the order asked.
    pub(crate) appends: Vec<Draft>,
    /// Fetches, computations and matchings under way.
    pub(crate) tasks: BTreeSet<Effect>,
    /// Content of the other house that is here.
    blobs: BTreeSet<Digest>,
    /// What the network may still deliver to the other house.
    pub(crate) wire: BTreeSet<Fact>,
    /// All that was ever given to the network.
    pub(crate) said: BTreeSet<Fact>,
    pub(crate) clock: Clock,
    amendments: u8,
    restarts: u8,
    /// What a disk that loses the last append brings back.
    before_last: Option<Record>,
    /// A statement was signed after the recorded cut-off.
    pub(crate) has_signed_past_cut_off: bool,
    /// A statement was asked for after the guard.
    pub(crate) has_signed_past_guard: bool,
    /// The round that was agreed when the cut-off was recorded.
    pub(crate) agreed_at_cut_off: Option<Round>,
}

impl House {
    /// The house with arrangement, registries, market data and the first book on record, as the cycle opens.
    pub(crate) fn new(us: Leg, world: &World) -> Self {
        let mut machine = Machine::new(us, world.rules);
        let business_date = CYCLE.business_date;
        for by in Leg::BOTH {
            machine.replay(&Fact::Adopted { by, arrangement: matter::arrangement() });
            machine.replay(&Fact::Registry { by, sequence: 1 });
            machine.replay(&Fact::Market { by, business_date, version: matter::market(by) });
        }
        machine.replay(&Fact::Opened { by: us.other(), cycle: CYCLE });
        machine.replay(&Fact::Book { business_date, version: 1 });
        let market = Fact::Market { by: us, business_date, version: matter::market(us) };
        let mut house = Self {
            machine,
            appends: Vec::new(),
            tasks: BTreeSet::new(),
            blobs: BTreeSet::from([matter::market(us.other()).digest]),
            wire: BTreeSet::from([market]),
            said: BTreeSet::from([market]),
            clock: Clock::Open,
            amendments: world.amendments[us.index()],
            restarts: world.restarts[us.index()],
            before_last: None,
            has_signed_past_cut_off: false,
            has_signed_past_guard: false,
            agreed_at_cut_off: None,
        };
        house.record(world, &Fact::Opened { by: us, cycle: CYCLE });
        house
    }

    pub(crate) fn us(&self) -> Leg {
        self.machine.us()
    }

    /// What is on record of the cycle.
    pub(crate) fn cycle(&self) -> &Cycle {
        self.machine.on_record().cycle(CYCLE).expect("the cycle is open from the start")
    }

    /// How the cycle ended here, as far as that is on record.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.cycle().outcomes[self.us()]
    }

    /// The newest book.
    pub(crate) fn book(&self) -> u64 {
        self.machine.on_record().book_version(CYCLE.business_date).expect("there is a book from the start")
    }

    /// Whether the node has nothing in hand.
    pub(crate) fn is_idle(&self) -> bool {
        self.appends.is_empty() && self.tasks.is_empty()
    }

    /// Everything that may happen next by itself; what the network may deliver comes on top.
    pub(crate) fn steps(&self, world: &World) -> Vec<Step> {
        let mut steps = Vec::new();
        match world.appends {
            Appends::AsAsked => steps.extend(self.appends.first().copied().map(Step::Append)),
            Appends::InAnyOrder => steps.extend(self.appends.iter().copied().map(Step::Append)),
        }
        steps.extend(self.tasks.iter().copied().map(Step::Finish));
        if world.may_decline {
            let matches = self.tasks.iter().copied().filter(|task| matches!(task, Effect::Match { .. }));
            steps.extend(matches.map(Step::Reject));
        }
        if self.amendments > 0 && self.clock != Clock::PastCutOff {
            steps.push(Step::Amend);
        }
        if world.has_cut_off && self.clock != Clock::PastCutOff {
            steps.push(Step::Tick);
        }
        if self.restarts > 0 {
            steps.push(Step::Restart);
        }
        steps
    }

    /// Takes a step; `false` where it changes nothing.
    pub(crate) fn take(&mut self, world: &World, step: Step) -> bool {
        match step {
            Step::Amend => {
                self.amendments -= 1;
                let book = Fact::Book { business_date: CYCLE.business_date, version: self.book() + 1 };
                self.record(world, &book);
            }
            Step::Append(draft) => {
                self.appends.retain(|append| *append != draft);
                let fact = self.sign(draft);
                if world.disk == Disk::LosesTheLast {
                    self.before_last = Some(self.machine.on_record().clone());
                }
                self.record(world, &fact);
            }
            Step::Finish(task) => {
                self.tasks.remove(&task);
                self.finish(world, task);
            }
            Step::Reject(task) => {
                self.tasks.remove(&task);
                let Effect::Match { cycle, round, .. } = task else { panic!("{task:?} cannot be rejected") };
                self.feed(world, &Event::NotMatchable { cycle, round });
            }
            Step::Receive(fact) => match self.machine.judge(&fact) {
                Verdict::Record => self.record(world, &fact),
                Verdict::Contradiction => self.record(world, &Fact::Contradiction { cycle: CYCLE }),
                Verdict::Duplicate => return false,
                Verdict::Refuse(refusal) => panic!("{fact:?} was refused: {refusal}"),
            },
            Step::Tick if self.clock == Clock::Open => {
                self.clock = Clock::PastGuard;
                self.feed(world, &Event::GuardReached(CYCLE));
            }
            Step::Tick => {
                self.clock = Clock::PastCutOff;
                self.feed(world, &Event::CutOffReached(CYCLE));
            }
            Step::Restart => {
                let before = self.clone();
                self.restart(world);
                // A restart that loses nothing leads nowhere new: what can follow could have followed without it.
                return *self != Self { restarts: self.restarts, ..before };
            }
        }
        true
    }

    fn restart(&mut self, world: &World) {
        self.restarts -= 1;
        self.appends.clear();
        self.tasks.clear();
        if world.network == Network::ForgetsAtRestart {
            self.wire.clear();
        }
        let record = self.before_last.take().unwrap_or_else(|| self.machine.on_record().clone());
        self.machine = Machine::restarted(self.us(), world.rules, record);
        let effects = self.machine.resume();
        self.carry_out(world, effects);
    }

    fn finish(&mut self, world: &World, task: Effect) {
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

    /// What the node signs when it carries out an append.
    fn sign(&mut self, draft: Draft) -> Fact {
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
            Draft::Statement { cycle, round, content } => {
                self.has_signed_past_cut_off |= self.cycle().is_cut_off;
                Fact::Statement { by, cycle, round, content }
            }
            Draft::Decline { cycle, round } => Fact::Declined { by, cycle, round },
            Draft::CutOff { cycle } => {
                self.agreed_at_cut_off = self.cycle().agreement().map(|(round, _)| round);
                Fact::CutOff { cycle }
            }
            Draft::Outcome { cycle, outcome } => Fact::Outcome { by, cycle, outcome },
        }
    }

    fn record(&mut self, world: &World, fact: &Fact) {
        let effects = self.machine.on_fact(fact);
        self.carry_out(world, effects);
    }

    fn feed(&mut self, world: &World, event: &Event) {
        let effects = self.machine.on_event(event);
        self.carry_out(world, effects);
    }

    fn carry_out(&mut self, world: &World, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append(draft) => {
                    let is_statement = matches!(draft, Draft::Statement { .. });
                    self.has_signed_past_guard |= is_statement && self.clock != Clock::Open;
                    assert!(!self.appends.contains(&draft), "{draft:?} was asked for twice");
                    self.appends.push(draft);
                }
                Effect::Send(fact) => {
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
                Effect::Fetch(_) | Effect::Compute { .. } | Effect::Match { .. } => {
                    assert!(self.tasks.insert(effect), "{effect:?} was asked for twice");
                }
            }
        }
    }
}
