//! Requests of the house's own systems: books, market data, links, cycles.

use std::sync::Arc;

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};

use super::{Core, answer, refuse};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        evidence::{CycleOpening, Evidence, MarketItemRef, MarketManifest, RegistryContent, RegistryEntry},
        fact::Event,
    },
    book::Submission,
    node::{
        catalog::{Answer, BookVersion},
        drafts,
        entry::{Entry, Keeping},
        input::{HeldAgainst, Pending, Reply, RequestError, Waiting},
    },
    problem::{Collector, Problems},
};

/// Bytes of the links of one registry entry: it must fit a message to the other house with what is around it.
const LINKS_BYTES_MAX: usize = 3 << 20;

impl Core {
    pub(super) fn submit_book(
        &mut self,
        submission: &Submission,
        held: HeldAgainst,
        chunks: Vec<v1::ChunkRef>,
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(&submission.request_id, reply) else { return };
        if held.base_version != self.book_version {
            let standing = self.book_version;
            refuse(
                reply,
                RequestError::Conflict(format!("the book moved to version {standing} meanwhile; submit again")),
            );
            return;
        }
        let book = Arc::clone(&held.book);
        let items = match self.items_of(held) {
            Ok(items) => items,
            Err(problems) => return refuse(reply, problems.into()),
        };
        self.book_version = book.version;
        self.directions_ahead.accept(&book, &items);
        let answer = Answer::Book {
            version: book.version,
            account_count: book.accounts.len() as u64,
            position_count: book.position_count(),
            items: items.iter().map(|item| item.id).collect(),
        };
        let record = drafts::book_record(submission, chunks, &items);
        self.requests.insert(submission.request_id.clone());
        self.append(vec![Pending {
            entry: Entry::Book(Arc::new(record)),
            version: Some(BookVersion { book: Some(book), items }),
            waiting: Waiting::Caller(reply, answer),
        }]);
    }

    pub(super) fn submit_market(
        &mut self,
        request_id: String,
        business_date: Date,
        items: &[MarketItemRef],
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(&request_id, reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
        let before = self.markets_ahead.get(&business_date).cloned().or_else(|| self.newest_market(business_date));
        let manifest = drafts::market_manifest(business_date, before.as_ref(), items);
        self.markets_ahead.insert(business_date, manifest.clone());
        self.requests.insert(request_id.clone());
        let held = self.context.sign(Evidence::MarketManifest(manifest), Keeping { request_id, ..Keeping::default() });
        let answer = Answer::Market(held.digest);
        self.append_held(held, Waiting::Caller(reply, answer));
    }

    /// The newest market manifest of this house: of the business date, else of an earlier one.
    pub(super) fn newest_market(&self, business_date: Date) -> Option<MarketManifest> {
        self.context.catalog.read().market_manifest(self.context.us, business_date).cloned()
    }

    pub(super) fn record_links(&mut self, request_id: String, links: Vec<v1::LinkTerms>, reply: Reply<Answer>) {
        let Some(reply) = self.unless_asked_before(&request_id, reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
        let size: usize = links.iter().map(prost::Message::encoded_len).sum();
        if size > LINKS_BYTES_MAX {
            let text =
                format!("they take {size} bytes, at most {LINKS_BYTES_MAX} fit one entry; record them in several");
            refuse(reply, Problems::one("links", text).into());
            return;
        }
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
    pub(super) fn append_registry(
        &mut self,
        content: RegistryContent,
        keeping: Keeping,
        waiting: impl FnOnce(u64) -> Waiting,
    ) {
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
    pub(super) fn adopt_arrangement(&mut self) {
        let may_sign = self.context.catalog.read().refusal_to_sign.is_none();
        if may_sign && self.registry_ahead.sequence(self.context.us) == 0 {
            let content = RegistryContent::Adoption(self.context.arrangement.digest());
            self.append_registry(content, Keeping::default(), |_| Waiting::Nobody);
        }
    }

    pub(super) fn open_cycle(
        &mut self,
        cycle: CycleId,
        as_of: Timestamp,
        cut_off: Timestamp,
        reply: Option<Reply<()>>,
    ) {
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
        let refusal = self.context.catalog.read().refusal_to_sign.clone();
        if let Some(reason) = refusal {
            answer(reply, Err(RequestError::Precondition(reason)));
            return;
        }
        // Schedule and operator may open a cycle at the same moment: it has one opening.
        if let Some(waiting) = self.opening.get_mut(&cycle) {
            waiting.extend(reply);
            return;
        }
        self.opening.insert(cycle, Vec::new());
        // By the order of records: what was directed before this one counts in the cycle, and nothing after it.
        let directions_through = self.directions_ahead.last();
        self.directions_ahead.open(cycle, directions_through);
        let keeping = Keeping { directions_through, ..Keeping::default() };
        let evidence = Evidence::CycleOpening(CycleOpening { cycle, as_of, cut_off });
        self.append_evidence(evidence, keeping, Waiting::Done(reply));
    }

    pub(super) fn cut_off(&mut self, cycle: CycleId, reply: Reply<()>) {
        let us = self.context.us;
        match self.machine.on_record().cycle(cycle) {
            Some(record) if record.opened[us] => {
                if record.outcomes[us].is_some() && record.is_cut_off {
                    answer(Some(reply), Ok(()));
                    return;
                }
                let refusal = self.context.catalog.read().refusal_to_sign.clone();
                if let Some(reason) = refusal {
                    refuse(reply, RequestError::Precondition(reason));
                } else {
                    self.cutting_off.entry(cycle).or_default().push(reply);
                }
                self.on_event(&Event::CutOffReached(cycle));
            }
            _ => refuse(reply, RequestError::NotFound(format!("cycle {cycle} is not open at this house"))),
        }
    }

    /// The reply, unless the node refuses to sign.
    pub(super) fn unless_refusing(&self, reply: Reply<Answer>) -> Option<Reply<Answer>> {
        let refusal = self.context.catalog.read().refusal_to_sign.clone();
        match refusal {
            None => Some(reply),
            Some(reason) => {
                refuse(reply, RequestError::Precondition(reason));
                None
            }
        }
    }

    /// The reply, unless the request has been answered or is being answered.
    pub(super) fn unless_asked_before(&self, request_id: &str, reply: Reply<Answer>) -> Option<Reply<Answer>> {
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

    pub(super) fn forget_request(&mut self, entry: &Entry) {
        match entry {
            Entry::Evidence(held) => self.requests.remove(&held.keeping.request_id),
            Entry::Book(record) => self.requests.remove(&record.request_id),
            Entry::Direction(direction) => self.requests.remove(&direction.request.text()),
            Entry::Resolution(settled) => self.requests.remove(&settled.request_id),
            Entry::CutOff { .. } | Entry::Contradiction { .. } => false,
        };
    }
}
