//! The node's loop: feeds the rules with what happens, puts on record what they ask for, and hands out work.
//!
//! One task owns the rules. Everything else talks to it by [`Input`]s, and reads the catalog.

mod commits;
mod directions;
mod effects;
mod heads;
mod programme;
mod received;
mod requests;
mod views;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};
use tokio::sync::{mpsc, oneshot};

use self::{commits::spawn_commits, programme::ProgrammeRequest};
use super::{
    context::Context,
    drafts,
    entry::Keeping,
    input::{Input, Pending, Receipt, Reply, RequestError, Waiting},
    snapshot,
    work::Workshop,
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::{Evidence, MarketManifest, Statement},
        fact::{Draft, Event, Fact},
        machine::Machine,
        registry::Registry,
    },
    book::direction::state::Directions,
    compute::Computed,
    ledger::{Sequence, Ticket},
    words::chain,
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
    /// The newest record when the last snapshot of the state was asked for.
    snapshot_at: Sequence,
    /// Commits in order, on their way to the disk.
    commits: mpsc::UnboundedSender<(Vec<Pending>, Timestamp, Ticket)>,
    /// Evidence of the other house on its way to the disk, with more callers that delivered the same.
    receiving: HashMap<Fact, Vec<oneshot::Sender<Receipt>>>,
    /// Request ids on their way to the disk.
    requests: BTreeMap<String, Digest>,
    /// The join of the registry logs with the entries on their way.
    registry_ahead: Registry,
    /// Versions of market data on their way: the newest manifest of each business date.
    markets_ahead: HashMap<Date, MarketManifest>,
    /// The newest version of the book, on the disk or on its way.
    book_version: u64,
    /// What was directed, on the disk or on its way, and the items of books on their way.
    directions_ahead: Directions,
    /// What was computed and matched, until it is on record.
    computed: HashMap<(CycleId, Round), Arc<Computed>>,
    matched: HashMap<Digest, (Statement, Digest)>,
    /// Openings on their way to the disk, with more callers that asked for the same.
    opening: HashMap<CycleId, Vec<Reply<()>>>,
    /// What the rules asked to sign since the start, while the other house has not said yet how far it holds this house's
    /// word; `None` once it has.
    unheard: Option<Vec<Draft>>,
    /// Whether the guard holds the word for which the node refuses, or is being given it.
    is_guard_given: bool,
    /// The newest head of the other house's ledger that is on record, or on its way.
    peer_head_on_record: Option<v1::LedgerHead>,
    /// Operators who wait for the outcome of a cycle that they cut off.
    cutting_off: HashMap<CycleId, Vec<Reply<()>>>,
}

/// The state that replay leaves.
pub(crate) struct Replayed {
    pub(crate) machine: Machine,
    pub(crate) next: Sequence,
    /// The last record of the snapshot that the replay began with.
    pub(crate) snapshot_at: Sequence,
}

impl Core {
    pub(crate) fn new(context: Arc<Context>, replayed: Replayed, internal: mpsc::UnboundedSender<Input>) -> Self {
        let commits = spawn_commits(&context, internal.clone());
        let (registry_ahead, book_version, directions_ahead, peer_head_on_record, is_guard_given) = {
            let catalog = context.catalog.read();
            let book_version = catalog.book().map_or(0, |book| book.version);
            let (registry, peer_head) = (catalog.registry.as_ref().clone(), catalog.peer_head.clone());
            // A node that refuses from its start does so by its guard, which needs no further word, or can take none.
            (registry, book_version, catalog.directions.clone(), peer_head, catalog.refusal_to_sign.is_some())
        };
        Self {
            workshop: Workshop::new(Arc::clone(&context), internal),
            context,
            machine: replayed.machine,
            next: replayed.next,
            snapshot_at: replayed.snapshot_at,
            commits,
            receiving: HashMap::new(),
            requests: BTreeMap::new(),
            registry_ahead,
            markets_ahead: HashMap::new(),
            book_version,
            directions_ahead,
            computed: HashMap::new(),
            matched: HashMap::new(),
            opening: HashMap::new(),
            unheard: Some(Vec::new()),
            is_guard_given,
            peer_head_on_record,
            cutting_off: HashMap::new(),
        }
    }

    /// Runs until the node stops.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Input>,
        mut internal: mpsc::UnboundedReceiver<Input>,
    ) {
        // However the loop ends, the node ends with it: it must not go on answering without its rules.
        let _ending = self.context.stop.clone().drop_guard();
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
            Input::SubmitBook { request, submission, held, chunks, reply } => {
                self.submit_book(&request, &submission, *held, chunks, reply);
            }
            Input::Direct { request, reply } => self.direct(*request, reply),
            Input::Resolve { request, item, by, note, reply } => self.resolve(request, item, by, note, reply),
            Input::SubmitMarket { request, business_date, items, reply } => {
                self.submit_market(request, business_date, &items, reply);
            }
            Input::RecordChanges { request, changes, by, today, validate_only, is_derived, reply } => {
                let asked = ProgrammeRequest { request, changes, by, today, validate_only, is_derived };
                self.record_changes(asked, reply);
            }
            Input::OpenCycle { cycle, as_of, cut_off, reply } => self.open_cycle(cycle, as_of, cut_off, reply),
            Input::CutOff { cycle, reply } => self.cut_off(cycle, reply),
            Input::Received { held, peer_head, reply } => self.receive(*held, peer_head, reply),
            Input::Greeted { own_word, peer_head, known_registry_sequence, taken } => {
                self.greeted(own_word, peer_head.as_ref(), known_registry_sequence);
                if let Some(taken) = taken {
                    // Who has stopped waiting needs no word.
                    let _ = taken.send(());
                }
            }
            Input::GuardGiven { lost, result } => self.guard_given(&lost, result),
            Input::Durable { pending, recorded_at, result } => match result {
                Ok(appended) => {
                    self.context.catalog.write().head = Some((appended.last, appended.hash));
                    pending.into_iter().for_each(|pending| self.on_durable(pending, recorded_at));
                    if snapshot::is_due(self.snapshot_at, appended.last) {
                        self.snapshot_at = appended.last;
                        self.workshop.take_snapshot();
                    }
                }
                Err(error) => self.on_ledger_failure(pending, &chain(&error)),
            },
            Input::Event(event) => self.on_event(&event),
            Input::Frozen { cycle, revision, book_version, chunks, exclusions, started } => {
                let as_of = self.context.catalog.read().cycles.get(&cycle).and_then(|view| view.as_of);
                let evidence = drafts::manifest(cycle, revision, as_of.unwrap_or(started), book_version, chunks);
                self.time(cycle, "freeze", Round(0), started);
                let keeping = Keeping { attachment: exclusions, ..Keeping::default() };
                self.append_evidence(evidence, keeping, Waiting::Nobody);
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
}

fn refuse<T>(reply: Reply<T>, error: RequestError) {
    drop(reply.send(Err(error)));
}

fn answer<T>(reply: Option<Reply<T>>, result: Result<T, RequestError>) {
    if let Some(reply) = reply {
        drop(reply.send(result));
    }
}
