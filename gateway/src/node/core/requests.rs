//! Requests of the house's own systems: books, market data, cycles.

use std::sync::Arc;

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};

use super::{Core, answer, refuse};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        evidence::{CycleOpening, Evidence, MarketItemRef, MarketManifest},
        fact::Event,
    },
    book::Submission,
    node::{
        catalog::{Answer, BookVersion},
        drafts,
        entry::{Entry, Keeping},
        input::{HeldAgainst, Pending, Reply, RequestError, Waiting},
    },
    problem::Problems,
    request::CallerRequest,
};

impl Core {
    pub(super) fn submit_book(
        &mut self,
        request: &CallerRequest,
        submission: &Submission,
        held: HeldAgainst,
        chunks: Vec<v1::ChunkRef>,
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(request, reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
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
        let record = drafts::book_record(request, submission, &book, chunks, &items);
        self.begin(request);
        self.append(vec![Pending {
            entry: Entry::Book(Arc::new(record)),
            version: Some(BookVersion { book: Some(book), items }),
            waiting: Waiting::Caller(reply, answer),
        }]);
    }

    pub(super) fn submit_market(
        &mut self,
        request: CallerRequest,
        business_date: Date,
        items: &[MarketItemRef],
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(&request, reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
        let before = self.markets_ahead.get(&business_date).cloned().or_else(|| self.newest_market(business_date));
        let manifest = drafts::market_manifest(business_date, before.as_ref(), items);
        self.markets_ahead.insert(business_date, manifest.clone());
        self.begin(&request);
        let keeping = Keeping { request: Some(request), ..Keeping::default() };
        let held = self.context.sign(Evidence::MarketManifest(manifest), keeping);
        let answer = Answer::Market(held.digest);
        self.append_held(held, Waiting::Caller(reply, answer));
    }

    /// The newest market manifest of this house: of the business date, else of an earlier one.
    pub(super) fn newest_market(&self, business_date: Date) -> Option<MarketManifest> {
        self.context.catalog.read().market_manifest(self.context.us, business_date).cloned()
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

    /// The reply, unless the request has been answered or is being answered, or its id is another one's.
    pub(super) fn unless_asked_before(&self, request: &CallerRequest, reply: Reply<Answer>) -> Option<Reply<Answer>> {
        let known = self.context.catalog.read().answer(request).map(|answer| answer.cloned());
        let carried_out = self.requests.get(&request.id);
        let answer = match (known, carried_out) {
            (Err(other), _) => Err(other.into()),
            (Ok(Some(known)), _) => Ok(known),
            (Ok(None), Some(content)) if *content != request.content => Err(request.is_other().into()),
            (Ok(None), Some(_)) => {
                Err(RequestError::Conflict(format!("request {} is being carried out; ask again", request.given_id())))
            }
            (Ok(None), None) => return Some(reply),
        };
        drop(reply.send(answer));
        None
    }

    /// Notes that a request is on its way to the disk.
    pub(super) fn begin(&mut self, request: &CallerRequest) {
        self.requests.insert(request.id.clone(), request.content);
    }

    pub(super) fn forget_request(&mut self, entry: &Entry) {
        match entry {
            Entry::Evidence(held) => {
                held.keeping.request.as_ref().and_then(|request| self.requests.remove(&request.id))
            }
            Entry::Book(record) => self.requests.remove(&record.request_id),
            Entry::Direction(direction) => self.requests.remove(&direction.request.text()),
            Entry::Resolution(settled) => self.requests.remove(&settled.request.id),
            Entry::CutOff { .. } | Entry::Contradiction { .. } => None,
        };
    }
}
