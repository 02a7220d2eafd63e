//! The node's loop: feeds the rules with what happens, puts on record what they ask for, and hands out work.
//!
//! One task owns the rules. Everything else talks to it by [`Input`]s, and reads the catalog.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};
use tokio::sync::{mpsc, oneshot};

use super::{
    catalog::Answer,
    context::Context,
    drafts,
    entry::{Entry, Held, Keeping},
    input::{Input, Pending, Receipt, Reply, RequestError, Waiting},
    snapshot,
    work::Workshop,
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::{CycleOpening, Evidence, MarketItemRef, MarketManifest, RegistryContent, RegistryEntry},
        fact::{Draft, Effect, Event, Fact, Verdict},
        machine::Machine,
        registry::Registry,
    },
    book::{Book, Submission},
    compute::Computed,
    ledger::{Epoch, Sequence, Ticket},
    problem::{Collector, Problems},
};

/// Inputs that clients may have waiting, at most.
pub(crate) const REQUESTS_MAX: usize = 1024;

/// The loop and what it owns.
pub(crate) struct Core {
    context: Arc<Context>,
    machine: Machine,
    workshop: Workshop,
    /// The place of the next record.
    next: Sequence,
    /// Commits in order, on their way to the disk.
    commits: mpsc::UnboundedSender<(Vec<Pending>, Timestamp, Ticket)>,
    /// Evidence of the other house on its way to the disk, with more callers that delivered the same.
    receiving: HashMap<Fact, Vec<oneshot::Sender<Receipt>>>,
    /// Request ids on their way to the disk.
    requests: BTreeSet<String>,
    /// The join of the registry logs with the entries on their way.
    registry_ahead: Registry,
    /// Versions of market data on their way: the newest manifest of each business date.
    markets_ahead: HashMap<Date, MarketManifest>,
    /// The newest version of the book, on the disk or on its way.
    book_version: u64,
    /// What was computed and matched, until it is on record.
    computed: HashMap<(CycleId, Round), Arc<Computed>>,
    matched: HashMap<Digest, (crate::arrangement::evidence::Statement, Digest)>,
    /// Operators who wait for the outcome of a cycle that they cut off.
    cutting_off: HashMap<CycleId, Vec<Reply<()>>>,
}

/// The state that replay leaves.
pub(crate) struct Replayed {
    pub(crate) machine: Machine,
    pub(crate) next: Sequence,
}

impl Core {
    pub(crate) fn new(context: Arc<Context>, replayed: Replayed, internal: mpsc::UnboundedSender<Input>) -> Self {
        let commits = spawn_commits(&context, internal.clone());
        let (registry_ahead, book_version) = {
            let catalog = context.catalog.read();
            let book_version = catalog.book().map_or(0, |book| book.version);
            (catalog.registry.as_ref().clone(), book_version)
        };
        Self {
            workshop: Workshop::new(Arc::clone(&context), internal),
            context,
            machine: replayed.machine,
            next: replayed.next,
            commits,
            receiving: HashMap::new(),
            requests: BTreeSet::new(),
            registry_ahead,
            markets_ahead: HashMap::new(),
            book_version,
            computed: HashMap::new(),
            matched: HashMap::new(),
            cutting_off: HashMap::new(),
        }
    }

    /// Runs until the node stops.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Input>,
        mut internal: mpsc::UnboundedReceiver<Input>,
    ) {
        self.adopt_arrangement();
        let effects = self.machine.resume();
        self.carry_out(effects);
        self.refresh_all();
        loop {
            let input = tokio::select! {
                biased;
                () = self.context.stop.cancelled() => break,
                Some(input) = internal.recv() => input,
                Some(input) = requests.recv() => input,
                else => break,
            };
            self.take(input);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::SubmitBook { submission, book, base_version, chunks, reply } => {
                self.submit_book(&submission, book, base_version, chunks, reply);
            }
            Input::SubmitMarket { request_id, business_date, items, reply } => {
                self.submit_market(request_id, business_date, &items, reply);
            }
            Input::RecordLinks { request_id, links, reply } => self.record_links(request_id, links, reply),
            Input::OpenCycle { cycle, as_of, cut_off, reply } => self.open_cycle(cycle, as_of, cut_off, reply),
            Input::CutOff { cycle, reply } => self.cut_off(cycle, reply),
            Input::Received { held, reply } => self.receive(*held, reply),
            Input::Greeted { own_head, peer_head, known_registry_sequence } => {
                self.greeted(own_head, peer_head, known_registry_sequence);
            }
            Input::Durable { pending, recorded_at, result } => match result {
                Ok(appended) => {
                    self.context.catalog.write().head = Some((appended.last, appended.hash));
                    pending.into_iter().for_each(|pending| self.on_durable(pending, recorded_at));
                    if appended.first.0 / snapshot::INTERVAL < appended.last.next().0 / snapshot::INTERVAL {
                        self.workshop.take_snapshot();
                    }
                }
                Err(error) => self.on_ledger_failure(pending, &error.to_string()),
            },
            Input::Event(event) => self.on_event(&event),
            Input::Frozen { cycle, revision, book_version, chunks, started } => {
                let as_of = self.context.catalog.read().cycles.get(&cycle).and_then(|view| view.as_of);
                let evidence = drafts::manifest(cycle, revision, as_of.unwrap_or(started), book_version, chunks);
                self.time(cycle, "freeze", Round(0), started);
                self.append_evidence(evidence, Keeping::default(), Waiting::Nobody);
            }
            Input::Computed { cycle, round, computed, started } => {
                for (step, micros) in &computed.steps {
                    self.note_timing(cycle, step, round, *micros);
                }
                self.time(cycle, "compute", round, started);
                let event = Event::Computed { cycle, round, inputs: computed.inputs, root: computed.tree.root() };
                self.workshop.keep_tree(computed.as_ref());
                self.computed.insert((cycle, round), computed);
                self.on_event(&event);
            }
            Input::NotComputable { event, reason } => {
                if let Event::NotComputable { cycle, .. } = event {
                    tracing::error!(%cycle, %reason, "margins cannot be computed");
                    self.note(cycle, "compute", reason);
                }
                self.on_event(&event);
            }
            Input::Matched { statement, breaks, started } => {
                let (cycle, round) = (statement.cycle, statement.round);
                self.time(cycle, "match", round, started);
                let payload = Evidence::Statement(*statement.clone()).encode(&self.context.parties, self.context.us);
                let content = Digest::of(&payload);
                self.matched.insert(content, (*statement, breaks));
                self.on_event(&Event::Matched { cycle, round, content });
            }
            Input::StandAlone { cycle, outcome, leaves } => {
                let evidence = drafts::outcome(cycle, outcome);
                self.append_evidence(evidence, Keeping { attachment: leaves, ..Keeping::default() }, Waiting::Nobody);
            }
            Input::Note { cycle, topic, text } => self.note(cycle, topic, text),
        }
    }

    // Requests of the house's own systems.

    fn submit_book(
        &mut self,
        submission: &Submission,
        book: Arc<Book>,
        base_version: u64,
        chunks: Vec<v1::ChunkRef>,
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(&submission.request_id, reply) else { return };
        if base_version != self.book_version {
            let standing = self.book_version;
            refuse(
                reply,
                RequestError::Conflict(format!("the book moved to version {standing} meanwhile; submit again")),
            );
            return;
        }
        self.book_version = book.version;
        let answer = Answer::Book {
            version: book.version,
            account_count: book.accounts.len() as u64,
            position_count: book.position_count(),
        };
        let record = drafts::book_record(submission, chunks);
        self.requests.insert(submission.request_id.clone());
        self.append(vec![Pending {
            entry: Entry::Book(Arc::new(record)),
            book: Some(book),
            waiting: Waiting::Caller(reply, answer),
        }]);
    }

    fn submit_market(
        &mut self,
        request_id: String,
        business_date: Date,
        items: &[MarketItemRef],
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(&request_id, reply) else { return };
        let before = self.markets_ahead.get(&business_date).cloned().or_else(|| self.newest_market(business_date));
        let manifest = drafts::market_manifest(business_date, before.as_ref(), items);
        self.markets_ahead.insert(business_date, manifest.clone());
        self.requests.insert(request_id.clone());
        let held = self.context.sign(Evidence::MarketManifest(manifest), Keeping { request_id, ..Keeping::default() });
        let answer = Answer::Market(held.digest);
        self.append_held(held, Waiting::Caller(reply, answer));
    }

    /// The newest market manifest of this house: of the business date, else of an earlier one.
    fn newest_market(&self, business_date: Date) -> Option<MarketManifest> {
        self.context.catalog.read().market_manifest(self.context.us, business_date).cloned()
    }

    fn record_links(&mut self, request_id: String, links: Vec<v1::LinkTerms>, reply: Reply<Answer>) {
        let Some(reply) = self.unless_asked_before(&request_id, reply) else { return };
        if let Err(found) = self.registry_ahead.check_links(self.context.us, &links) {
            let mut problems = Collector::default();
            for problem in &found {
                problems.add(format!("links[{}].{}", problem.row, problem.field), &problem.reason);
            }
            if let Err(problems) = problems.finish(()) {
                refuse(reply, problems.into());
            }
            return;
        }
        self.requests.insert(request_id.clone());
        let keeping = Keeping { request_id, ..Keeping::default() };
        self.append_registry(RegistryContent::Links(links), keeping, |sequence| {
            Waiting::Caller(reply, Answer::Links { sequence })
        });
    }

    /// Signs the next entry of this house's registry log.
    fn append_registry(&mut self, content: RegistryContent, keeping: Keeping, waiting: impl FnOnce(u64) -> Waiting) {
        let us = self.context.us;
        let (sequence, previous) = self.registry_ahead.next(us);
        let held = self
            .context
            .sign(Evidence::RegistryEntry(RegistryEntry { sequence, previous, content: content.clone() }), keeping);
        let entry = RegistryEntry { sequence, previous, content };
        // Invariant: the content was checked against the log ahead, and the entry continues it.
        if let Err(error) = self.registry_ahead.record(us, &entry, held.digest) {
            tracing::error!(%error, "an entry of this house's registry log does not apply");
        }
        self.append_held(held, waiting(sequence));
    }

    /// The first entry of the registry log: this house adopts the arrangement that it is configured with.
    fn adopt_arrangement(&mut self) {
        if self.registry_ahead.sequence(self.context.us) == 0 {
            let content = RegistryContent::Adoption(self.context.arrangement.digest());
            self.append_registry(content, Keeping::default(), |_| Waiting::Nobody);
        }
    }

    fn open_cycle(&mut self, cycle: CycleId, as_of: Timestamp, cut_off: Timestamp, reply: Option<Reply<()>>) {
        let us = self.context.us;
        let is_open = self.machine.on_record().cycle(cycle).is_some_and(|record| record.opened[us]);
        if is_open {
            answer(reply, Ok(()));
            return;
        }
        if cut_off <= self.context.clock.now() {
            let error = Problems::one("cut_off", format!("{cut_off} has passed; a cycle needs time to agree"));
            answer(reply, Err(error.into()));
            return;
        }
        let evidence = Evidence::CycleOpening(CycleOpening { cycle, as_of, cut_off });
        self.append_evidence(evidence, Keeping::default(), Waiting::Done(reply));
    }

    fn cut_off(&mut self, cycle: CycleId, reply: Reply<()>) {
        let us = self.context.us;
        match self.machine.on_record().cycle(cycle) {
            Some(record) if record.opened[us] => {
                if record.outcomes[us].is_some() && record.is_cut_off {
                    answer(Some(reply), Ok(()));
                    return;
                }
                self.cutting_off.entry(cycle).or_default().push(reply);
                self.on_event(&Event::CutOffReached(cycle));
            }
            _ => refuse(reply, RequestError::NotFound(format!("cycle {cycle} is not open at this house"))),
        }
    }

    // Evidence of the other house.

    fn receive(&mut self, held: Held, reply: oneshot::Sender<Receipt>) {
        if held.by == self.context.us {
            drop(reply.send(Receipt::Refused("this house's own evidence comes from this house alone".to_owned())));
            return;
        }
        // Invariant: all facts of one piece of evidence share its verdict; the last one decides.
        let Some(fact) = held.facts().last().copied() else { return };
        if let Some(waiting) = self.receiving.get_mut(&fact) {
            waiting.push(reply);
            return;
        }
        match self.machine.judge(&fact) {
            Verdict::Duplicate => drop(reply.send(Receipt::Duplicate)),
            Verdict::Refuse(refusal) => drop(reply.send(Receipt::Refused(refusal.to_string()))),
            Verdict::Record => {
                if let Evidence::RegistryEntry(entry) = &held.evidence
                    && let Err(error) = self.registry_ahead.record(held.by, entry, held.digest)
                {
                    drop(reply.send(Receipt::Refused(error.to_string())));
                    return;
                }
                self.receiving.insert(fact, Vec::new());
                self.append_held(held, Waiting::Peer(vec![reply], Receipt::Recorded));
            }
            Verdict::Contradiction => {
                tracing::error!(?fact, "ALARM: the other house contradicts what it signed");
                let cycles = self.machine.cycles_touched_by(&fact);
                let first = self.context.catalog.read().what_contradicts(&fact).map(|held| held.envelope.clone());
                let entry = drafts::contradiction(&self.context.parties, first, held.envelope, cycles);
                let waiting = Waiting::Peer(vec![reply], Receipt::Contradiction);
                self.append(vec![Pending { entry, book: None, waiting }]);
            }
        }
    }

    /// Compares this house's ledger with its own word to the other house, and sends what the other house lacks.
    fn greeted(
        &mut self,
        own_head: Option<v1::LedgerHead>,
        peer_head: Option<v1::LedgerHead>,
        known_registry_sequence: u64,
    ) {
        let us = self.context.us;
        let last = {
            let mut catalog = self.context.catalog.write();
            let told = own_head.map_or(0, |head| head.sequence);
            let held = catalog.own_head().sequence;
            if told > held && catalog.refusal_to_sign.is_none() {
                let reason = format!(
                    "the other house holds this house's word up to record {told}, but the ledger ends at {held}: it lost \
                     its tail. Nothing is signed. Restore the newest copy of the ledger, or see docs/ledger.md"
                );
                tracing::error!(%reason, "ALARM: the node refuses to sign");
                catalog.refusal_to_sign = Some(reason);
            }
            let is_newer =
                |head: &v1::LedgerHead| catalog.peer_head.as_ref().is_none_or(|h| h.sequence < head.sequence);
            if let Some(head) = peer_head.filter(is_newer) {
                catalog.peer_head = Some(head);
            }
            catalog.registry.sequence(us)
        };
        for sequence in known_registry_sequence + 1..=last {
            self.send(&Fact::Registry { by: us, sequence });
        }
    }

    // The ledger.

    fn append_evidence(&mut self, evidence: Evidence, keeping: Keeping, waiting: Waiting) {
        let refusal = self.context.catalog.read().refusal_to_sign.clone();
        if let Some(reason) = refusal {
            tracing::error!(%reason, kind = ?evidence.kind(), "not signed");
            waiting.fail(&RequestError::Precondition(reason));
            return;
        }
        let held = self.context.sign(evidence, keeping);
        self.append_held(held, waiting);
    }

    fn append_held(&mut self, held: Held, waiting: Waiting) {
        self.append(vec![Pending { entry: Entry::Evidence(Arc::new(held)), book: None, waiting }]);
    }

    fn append(&mut self, pending: Vec<Pending>) {
        let now = self.context.clock.now();
        let records: Vec<_> =
            pending.iter().map(|pending| pending.entry.to_record(&self.context.parties, now)).collect();
        let count = records.len();
        let ticket = self.context.ledger.append(self.next, Epoch::default(), records);
        self.next = self.next.plus(count);
        // A closed channel means that the node stops: nobody is told, and nothing is acknowledged.
        drop(self.commits.send((pending, now, ticket)));
    }

    fn on_durable(&mut self, pending: Pending, recorded_at: Timestamp) {
        let Pending { entry, book, waiting } = pending;
        let facts = match entry.facts() {
            Ok(facts) => facts,
            // Invariant: the record was made here from checked parts.
            Err(error) => return tracing::error!(%error, "a record of this node cannot be read"),
        };
        self.context.catalog.write().apply(&entry, &facts, book, recorded_at);
        self.forget_request(&entry);
        let mut effects = Vec::new();
        for fact in &facts {
            effects.extend(self.machine.on_fact(fact));
        }
        // The record is part of what the rules know before anybody hears of it.
        for fact in &facts {
            if let Some(more) = self.receiving.remove(fact) {
                more.into_iter().for_each(|reply| drop(reply.send(Receipt::Duplicate)));
            }
        }
        self.carry_out(effects);
        self.refresh_after(&facts, recorded_at);
        self.tell_who_cut_off(&facts);
        waiting.tell();
    }

    /// Answers the operators whose cut-off has its outcome on record.
    fn tell_who_cut_off(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let Fact::CutOff { cycle } | Fact::Outcome { cycle, .. } = fact {
                let us = self.context.us;
                let record = self.machine.on_record().cycle(*cycle);
                if record.is_some_and(|record| record.is_cut_off && record.outcomes[us].is_some()) {
                    for reply in self.cutting_off.remove(cycle).unwrap_or_default() {
                        answer(Some(reply), Ok(()));
                    }
                }
            }
        }
    }

    fn on_ledger_failure(&mut self, pending: Vec<Pending>, error: &str) {
        tracing::error!(%error, "the ledger failed: nothing more is acknowledged or signed; the node stops");
        for pending in pending {
            pending.waiting.fail(&RequestError::Unavailable(format!("the ledger failed: {error}")));
        }
        self.context.stop.cancel();
    }

    // The rules.

    fn on_event(&mut self, event: &Event) {
        let effects = self.machine.on_event(event);
        self.carry_out(effects);
        match event {
            Event::Held(_) => {}
            Event::Computed { cycle, .. }
            | Event::NotComputable { cycle, .. }
            | Event::Matched { cycle, .. }
            | Event::NotMatchable { cycle, .. }
            | Event::GuardReached(cycle)
            | Event::CutOffReached(cycle) => self.refresh(*cycle),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append(draft) => self.draft(draft),
                Effect::Fetch(digest) => self.workshop.fetch(digest),
                Effect::Compute { cycle, round, inputs } => {
                    self.context.catalog.write().cycles.entry(cycle).or_default().is_computing = true;
                    self.workshop.compute(cycle, round, inputs);
                }
                Effect::Match { cycle, round, claims } => self.workshop.match_claims(cycle, round, claims),
                Effect::Send(fact) => self.send(&fact),
                Effect::SetDeadline(cycle) => self.set_deadline(cycle),
            }
        }
    }

    /// Sets a cycle's deadline. One that has passed, as after a restart, is told to the rules at once: they forget over a
    /// restart that signing was closed.
    fn set_deadline(&mut self, cycle: CycleId) {
        if self.workshop.guard_is_reached(cycle) {
            self.on_event(&Event::GuardReached(cycle));
        }
        self.workshop.set_deadline(cycle);
    }

    fn send(&self, fact: &Fact) {
        match self.context.catalog.read().evidence(fact) {
            Some(held) => self.context.peer.send(held.envelope.clone()),
            None => tracing::error!(?fact, "there is no evidence of a fact to send"),
        }
    }

    fn draft(&mut self, draft: Draft) {
        match draft {
            Draft::Manifest { cycle, revision } => self.workshop.freeze(cycle, revision),
            Draft::Claim { cycle, round, .. } => {
                // Invariant: the rules draft a claim in answer to what was computed and is kept here.
                let Some(computed) = self.computed.get(&(cycle, round)).cloned() else { return };
                let keeping = Keeping { attachment: Some(computed.leaves_digest), ..Keeping::default() };
                self.append_evidence(drafts::claim(cycle, round, &computed), keeping, Waiting::Nobody);
            }
            Draft::Statement { cycle, content, .. } => {
                if self.workshop.guard_is_reached(cycle) {
                    self.on_event(&Event::GuardReached(cycle));
                    return;
                }
                // Invariant: the rules draft a statement in answer to what was matched and is kept here.
                let Some((statement, breaks)) = self.matched.get(&content).cloned() else { return };
                let keeping = Keeping { attachment: Some(breaks), ..Keeping::default() };
                self.append_evidence(Evidence::Statement(statement), keeping, Waiting::Nobody);
            }
            Draft::Decline { cycle, round } => {
                self.append_evidence(drafts::decline(cycle, round), Keeping::default(), Waiting::Nobody);
            }
            Draft::CutOff { cycle } => {
                let entry = Entry::CutOff { cycle, at: self.context.clock.now() };
                self.append(vec![Pending { entry, book: None, waiting: Waiting::Nobody }]);
            }
            Draft::Outcome { cycle, outcome } => {
                let has_claim = self
                    .machine
                    .on_record()
                    .cycle(cycle)
                    .is_some_and(|record| record.claimed_round(self.context.us).is_some());
                if has_claim {
                    let is_prospective = self.workshop.is_before_settlement(cycle);
                    let keeping = Keeping { is_prospective, ..Keeping::default() };
                    self.append_evidence(drafts::outcome(cycle, outcome), keeping, Waiting::Nobody);
                } else {
                    self.workshop.compute_stand_alone(cycle, outcome);
                }
            }
        }
    }

    // What others read.

    fn refresh_all(&mut self) {
        for cycle in self.machine.on_record().cycles().map(|(id, _)| id).collect::<Vec<_>>() {
            self.refresh(cycle);
        }
    }

    fn refresh_after(&mut self, facts: &[Fact], recorded_at: Timestamp) {
        for fact in facts {
            match fact {
                Fact::Statement { cycle, .. } => {
                    self.context.catalog.write().note_agreement(fact, self.machine.on_record(), recorded_at);
                    self.refresh(*cycle);
                }
                Fact::Opened { cycle, .. }
                | Fact::Manifest { cycle, .. }
                | Fact::Claim { cycle, .. }
                | Fact::Declined { cycle, .. }
                | Fact::CutOff { cycle }
                | Fact::Outcome { cycle, .. }
                | Fact::Contradiction { cycle } => self.refresh(*cycle),
                Fact::Adopted { .. } | Fact::Registry { .. } | Fact::Market { .. } | Fact::Book { .. } => {}
            }
        }
    }

    fn refresh(&mut self, cycle: CycleId) {
        let us = self.context.us;
        let Some(record) = self.machine.on_record().cycle(cycle).cloned() else { return };
        {
            let mut catalog = self.context.catalog.write();
            let view = catalog.cycles.entry(cycle).or_default();
            view.phase = Some(record.phase(us));
            view.is_computing = self.machine.is_computing(cycle);
            view.record = record;
        }
        // Nobody listening is fine.
        drop(self.context.changes.send(cycle));
    }

    fn note(&mut self, cycle: CycleId, topic: &'static str, text: String) {
        let mut catalog = self.context.catalog.write();
        let notes = &mut catalog.cycles.entry(cycle).or_default().notes;
        if text.is_empty() {
            notes.remove(topic);
        } else {
            notes.insert(topic, text);
        }
    }

    fn time(&mut self, cycle: CycleId, step: &'static str, round: Round, started: Timestamp) {
        let micros = self.context.clock.now().as_microsecond() - started.as_microsecond();
        self.note_timing(cycle, step, round, u64::try_from(micros).unwrap_or(0));
    }

    fn note_timing(&mut self, cycle: CycleId, step: &'static str, round: Round, micros: u64) {
        let now = self.context.clock.now().as_microsecond();
        let mut catalog = self.context.catalog.write();
        catalog.cycles.entry(cycle).or_default().timings.push((step, round, micros, now));
    }

    // Requests that come twice.

    /// The reply, unless the request has been answered or is being answered.
    fn unless_asked_before(&self, request_id: &str, reply: Reply<Answer>) -> Option<Reply<Answer>> {
        let known = self.context.catalog.read().answer(request_id).cloned();
        match known {
            Some(known) => {
                drop(reply.send(Ok(known)));
                None
            }
            None if self.requests.contains(request_id) => {
                let text = format!("request {request_id} is being carried out; ask again");
                refuse(reply, RequestError::Conflict(text));
                None
            }
            None => Some(reply),
        }
    }

    fn forget_request(&mut self, entry: &Entry) {
        match entry {
            Entry::Evidence(held) => self.requests.remove(&held.keeping.request_id),
            Entry::Book(record) => self.requests.remove(&record.request_id),
            Entry::CutOff { .. } | Entry::Contradiction { .. } => false,
        };
    }
}

impl Waiting {
    fn tell(self) {
        match self {
            Self::Nobody | Self::Done(None) => {}
            Self::Caller(reply, answer) => drop(reply.send(Ok(answer))),
            Self::Done(Some(reply)) => drop(reply.send(Ok(()))),
            Self::Peer(replies, receipt) => {
                replies.into_iter().for_each(|reply| drop(reply.send(receipt.clone())));
            }
        }
    }

    fn fail(self, error: &RequestError) {
        match self {
            Self::Nobody | Self::Done(None) => {}
            Self::Caller(reply, _) => refuse(reply, error.clone()),
            Self::Done(Some(reply)) => refuse(reply, error.clone()),
            // The other house gets no receipt, and delivers again.
            Self::Peer(replies, _) => drop(replies),
        }
    }
}

/// Waits for commits in their order and tells the loop of each.
fn spawn_commits(
    context: &Arc<Context>,
    internal: mpsc::UnboundedSender<Input>,
) -> mpsc::UnboundedSender<(Vec<Pending>, Timestamp, Ticket)> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Vec<Pending>, Timestamp, Ticket)>();
    context.tasks.spawn(async move {
        while let Some((pending, recorded_at, ticket)) = receiver.recv().await {
            let result = ticket.await;
            if internal.send(Input::Durable { pending, recorded_at, result }).is_err() {
                return;
            }
        }
    });
    sender
}

fn refuse<T>(reply: Reply<T>, error: RequestError) {
    drop(reply.send(Err(error)));
}

fn answer<T>(reply: Option<Reply<T>>, result: Result<T, RequestError>) {
    if let Some(reply) = reply {
        drop(reply.send(result));
    }
}
