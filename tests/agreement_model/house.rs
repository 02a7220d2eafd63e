//! One house of the model: the product's machine, and around it what its node does with effects.

use std::collections::{BTreeMap, BTreeSet};

use gateway::arrangement::{
    cycle::Cycle,
    cycle_id::Round,
    digest::Digest,
    fact::{ClaimFact, Draft, Effect, Event, Fact, Inputs, Outcome, Refusal, Verdict},
    leg::{Leg, Pair},
    machine::{Machine, Record, Rules},
};

use crate::{
    matter::{self, CYCLE},
    properties as rule,
    spoken::{self, Place},
    world::{Appends, Disk, Network, Opens, Peer, Receipts, Without, World},
};

/// A house's own clock, which runs on while its node is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Clock {
    Open,
    PastGuard,
    PastCutOff,
}

/// Something on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Append {
    /// What the machine asked for.
    Own(Draft),
    /// Evidence of the other house.
    Theirs(Fact),
    /// Evidence of the other house that contradicts what is on record.
    Contradiction(Fact),
}

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
}

/// What may still happen to a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    amendments: u8,
    entries: u8,
    restarts: u8,
    acceptances: u8,
    operator_cut_offs: u8,
}

/// A house: its machine and the work that its node has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct House {
    pub(crate) machine: Machine<Without>,
    pub(crate) rules: Rules,
    /// Asked for and not yet durable, in the order asked.
    pub(crate) appends: Vec<Append>,
    /// Fetches, computations and matchings under way.
    pub(crate) tasks: BTreeSet<Effect>,
    /// Content of the other house that is here.
    blobs: BTreeSet<Digest>,
    /// What the network may still deliver to the other house.
    pub(crate) wire: BTreeSet<Fact>,
    /// All that was ever given to the network.
    pub(crate) said: BTreeSet<Fact>,
    /// What the other house said and this one put on its record.
    pub(crate) heard: BTreeSet<Fact>,
    /// The first of it in each place.
    pub(crate) first_heard: BTreeMap<Place, Fact>,
    /// What the other house said and this one recorded as a contradiction.
    pub(crate) denounced: BTreeSet<Fact>,
    pub(crate) clock: Clock,
    left: Left,
    /// What a disk that loses the last append brings back.
    before_last: Option<Record>,
    /// The inputs from which margins could not be computed last, as far as the node still knows.
    failed: Option<Inputs>,
    /// The round that was agreed when the first cut-off was recorded.
    pub(crate) agreed_at_cut_off: Option<Round>,
    /// The rules that something that the house did broke.
    pub(crate) broke: BTreeSet<&'static str>,
}

impl House {
    /// The house with arrangement, registries, market data and the first book on record, as the cycle opens.
    pub(crate) fn new(us: Leg, world: &World) -> Self {
        let peer = us.other();
        let business_date = CYCLE.business_date;
        let mut machine = Machine::under(world.without, us, world.rules, Record::default());
        for by in Leg::BOTH {
            let number = u8::from(!world.has_one_arrangement && by == Leg::Futures);
            machine.replay(&Fact::Adopted { by, arrangement: matter::arrangement(number) });
            machine.replay(&Fact::Registry { by, sequence: 1 });
            machine.replay(&Fact::Market { by, business_date, version: matter::market(by) });
        }
        machine.replay(&Fact::Book { business_date, version: 1 });
        let of = |counts: [u8; 2]| counts[us.index()];
        let mut house = Self {
            machine,
            rules: world.rules,
            appends: Vec::new(),
            tasks: BTreeSet::new(),
            blobs: BTreeSet::from([matter::market(peer).digest]),
            wire: BTreeSet::new(),
            said: BTreeSet::new(),
            heard: BTreeSet::new(),
            first_heard: BTreeMap::new(),
            denounced: BTreeSet::new(),
            clock: Clock::Open,
            left: Left {
                amendments: of(world.amendments),
                entries: of(world.entries),
                restarts: of(world.restarts),
                acceptances: u8::from(world.opens[us.index()] == Opens::MayAccept),
                operator_cut_offs: u8::from(world.operator_cuts_off),
            },
            before_last: None,
            failed: None,
            agreed_at_cut_off: None,
            broke: BTreeSet::new(),
        };
        if world.opens[peer.index()] == Opens::OnSchedule {
            house.begin_with(Fact::Opened { by: peer, cycle: CYCLE });
        }
        if let Peer::Liar(_) = world.peer {
            let revision = matter::manifest(peer, 1, 1);
            house.begin_with(Fact::Market { by: peer, business_date, version: matter::market(peer) });
            house.begin_with(Fact::Manifest { by: peer, cycle: CYCLE, revision, book_version: 1 });
        }
        match world.opens[us.index()] {
            Opens::OnSchedule | Opens::Asks => house.learn(world, &[Fact::Opened { by: us, cycle: CYCLE }]),
            Opens::MayAccept | Opens::Never => {}
        }
        house
    }

    pub(crate) fn us(&self) -> Leg {
        self.machine.us()
    }

    /// What is on record of the cycle.
    pub(crate) fn cycle(&self) -> &Cycle {
        static UNHEARD_OF: std::sync::LazyLock<Cycle> = std::sync::LazyLock::new(Cycle::default);
        self.machine.on_record().cycle(CYCLE).unwrap_or(&UNHEARD_OF)
    }

    /// How the cycle ended here, as far as that is on record.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.cycle().outcomes[self.us()]
    }

    pub(crate) fn has_opened(&self) -> bool {
        self.cycle().opened[self.us()]
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
        if self.left.acceptances > 0 && self.clock == Clock::Open && self.cycle().opened[self.us().other()] {
            steps.push(Step::Accept);
        }
        if self.left.operator_cut_offs > 0 && self.has_opened() && is_before_cut_off {
            steps.push(Step::CutOff);
        }
        if world.has_cut_off && is_before_cut_off {
            steps.push(Step::Tick(if self.clock == Clock::Open { Clock::PastGuard } else { Clock::PastCutOff }));
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
                let facts = self.facts_of(Fact::Registry { by: self.us(), sequence });
                self.learn(world, &facts);
            }
            Step::Accept => {
                self.left.acceptances -= 1;
                self.learn(world, &[Fact::Opened { by: self.us(), cycle: CYCLE }]);
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
            Step::Tick(clock) => {
                self.clock = clock;
                let event =
                    if clock == Clock::PastGuard { Event::GuardReached(CYCLE) } else { Event::CutOffReached(CYCLE) };
                if self.has_opened() {
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

    /// Evidence of the other house arrives: it is judged, and appended where it is news.
    fn receive(&mut self, world: &World, fact: Fact) -> bool {
        let append = match self.machine.judge(&fact) {
            Verdict::Record => Append::Theirs(fact),
            // One contradiction is evidence enough.
            Verdict::Contradiction if self.cycle().is_contradicted || self.denounced.contains(&fact) => return false,
            Verdict::Contradiction => Append::Contradiction(fact),
            Verdict::Duplicate => return false,
            Verdict::Refuse(refusal) => {
                // A gap is filled by what comes first; anything else would never be taken.
                let is_wrong = world.peer == Peer::Honest && refusal != Refusal::LogGap;
                return is_wrong && self.broke.insert(rule::HEARD);
            }
        };
        let is_pending = self.appends.contains(&append);
        match world.receipts {
            _ if is_pending => return false,
            Receipts::InTurn(most) => {
                let is_theirs = |append: &&Append| !matches!(append, Append::Own(_));
                if self.appends.iter().filter(is_theirs).count() >= most {
                    return false;
                }
                self.examine_received(append);
                self.appends.push(append);
            }
            Receipts::AtOnce => {
                self.examine_received(append);
                self.put_on_record(world, append);
            }
        }
        true
    }

    fn examine_received(&mut self, append: Append) {
        let Append::Theirs(fact) = append else { return };
        if spoken::signer_of(&fact) != Some(self.us().other()) {
            self.broke.insert(rule::AUTHENTIC);
        }
        if self.is_settled(&fact) {
            self.broke.insert(rule::REPEATED);
        }
        if let Fact::Registry { by, sequence } = fact
            && sequence > self.machine.on_record().registry()[by] + 1
        {
            self.broke.insert(rule::WITHOUT_GAPS);
        }
    }

    /// Whether a fact of the other house, recorded, would leave the record as it is.
    fn is_settled(&self, fact: &Fact) -> bool {
        let mut machine = self.machine.clone();
        machine.replay(fact);
        machine.on_record() == self.machine.on_record()
    }

    fn restart(&mut self, world: &World, kept: usize) {
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
        }
        let record = self.before_last.take().unwrap_or_else(|| self.machine.on_record().clone());
        self.machine = Machine::under(world.without, self.us(), world.rules, record);
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

    fn put_on_record(&mut self, world: &World, append: Append) {
        if world.disk == Disk::LosesTheLast {
            self.before_last = Some(self.machine.on_record().clone());
        }
        let facts = self.write(append);
        self.learn(world, &facts);
    }

    /// Writes an append to the disk, and gives the facts that follow from it.
    fn write(&mut self, append: Append) -> Vec<Fact> {
        match append {
            Append::Own(draft) => {
                let fact = self.sign(draft);
                self.examine_written(&fact);
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
    fn facts_of(&self, fact: Fact) -> Vec<Fact> {
        let mut facts = vec![fact];
        if let Fact::Registry { by, sequence } = fact {
            let is_change = matter::link_changes(sequence) > matter::link_changes(sequence - 1);
            let is_open = !self.machine.on_record().open_cycles(self.us()).is_empty();
            facts.extend((is_change && is_open).then_some(Fact::LinksChanged { by, sequence }));
        }
        facts
    }

    fn hear(&mut self, fact: Fact) {
        self.heard.insert(fact);
        if let Some(place) = spoken::place_of(&fact) {
            self.first_heard.entry(place).or_insert(fact);
        }
        if let Fact::Statement { cycle, round, .. } = fact {
            self.first_heard.entry(Place::Statement(cycle, round)).or_insert(fact);
        }
    }

    /// Has a fact of the other house on record from the start.
    fn begin_with(&mut self, fact: Fact) {
        self.machine.replay(&fact);
        self.hear(fact);
    }

    /// What the node signs when it carries out an append.
    fn sign(&self, draft: Draft) -> Fact {
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

    /// Holds what becomes durable against the record before it.
    fn examine_written(&mut self, fact: &Fact) {
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
            }
            _ => {}
        }
        if let Fact::CutOff { .. } = fact
            && !cycle.is_cut_off
        {
            self.agreed_at_cut_off = cycle.agreement().map(|(round, _)| round);
        }
        self.broke.extend(broken);
    }

    /// Holds what the machine asks for against the record and the clock as they are.
    fn examine_asked(&mut self, world: &World, draft: Draft) {
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

    /// Takes facts that are durable now.
    fn learn(&mut self, world: &World, facts: &[Fact]) {
        let effects = facts.iter().flat_map(|fact| self.machine.on_fact(fact)).collect();
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
}

/// Whether margins may differ between two sets of inputs: another book, other market data, or an entry between them
/// that changes links.
fn has_newer(before: &Inputs, now: &Inputs) -> bool {
    let changes = |inputs: &Inputs| -> Pair<u64> { inputs.registry.map(matter::link_changes) };
    before.manifests != now.manifests || before.markets != now.markets || changes(before) != changes(now)
}
