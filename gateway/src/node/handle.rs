//! What the services of a node call: requests to its loop, and its catalog for reading.

use std::sync::Arc;

use crossmargin::v1;
use jiff::{SignedDuration, Timestamp, civil::Date};
use prost::{Message, bytes::Bytes};
use tokio::sync::{mpsc, oneshot};

use super::{
    catalog::Answer,
    context::Context,
    input::{DirectionRequest, HeldAgainst, Input, Reply, RequestError},
};
use crate::{
    arrangement::{cycle_id::CycleId, digest::Digest, evidence::MarketItemRef, name::MemberId, terms::Allocation},
    book::{
        Book, Scope, Submission, columns,
        direction::{Direction, RequestKey, fitting::Fitting, item::ItemId, proposal::Proposal, reconcile},
        intake::{self, Snapshot},
    },
    market::{self, reference::Reference},
    problem::{Collector, Problems},
    request::{CallerRequest, check_id},
};

/// How long an operator waits for a cycle that has no scheduled cut-off and none given.
const CUT_OFF_DEFAULT: SignedDuration = SignedDuration::from_mins(15);
/// Characters of the note on a reconciliation item, at most.
const NOTE_CHARACTERS_MAX: usize = 1_000;

/// A handle to a running node. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) context: Arc<Context>,
    pub(crate) requests: mpsc::Sender<Input>,
}

impl Handle {
    /// Checks a snapshot and makes it the newest book, all or nothing. It is durable when this returns.
    ///
    /// # Errors
    /// Every problem by row and field; or the book moved meanwhile.
    pub async fn submit_snapshot(&self, snapshot: Snapshot) -> Result<(Answer, bool), RequestError> {
        self.submit_book(snapshot).await.map_err(|error| match error {
            // There it is a field of the header.
            RequestError::Invalid(problems) => {
                RequestError::Invalid(problems.renamed("request_id", "header.request_id"))
            }
            other => other,
        })
    }

    async fn submit_book(&self, snapshot: Snapshot) -> Result<(Answer, bool), RequestError> {
        let snapshot = Arc::new(snapshot);
        let asked = Arc::clone(&snapshot);
        let request = self.blocking(move || Ok(asked.request())).await?;
        if let Some(answer) = self.answered(&request)? {
            return Ok((answer, true));
        }
        let context = Arc::clone(&self.context);
        let prepared = self.blocking(move || {
            let reference = reference(&context)?;
            if let Ok(date) = crate::wire::date("header.business_date", &snapshot.header.business_date) {
                check_business_day(&context, "header.business_date", date)?;
            }
            let base = context.catalog.read().book().cloned();
            let base_version = base.as_ref().map_or(0, |book| book.version);
            let submission = intake::check(&snapshot, base_version, &reference)?;
            let held = held_against(&context, &submission, base.as_deref())?;
            let chunks = columns::chunks_of(&submission.accounts);
            let bytes: Vec<Bytes> = chunks.iter().map(|chunk| chunk.bytes.clone().into()).collect();
            context.blobs.put_many(&bytes).map_err(unavailable)?;
            let references = chunks.into_iter().map(|chunk| chunk.reference).collect();
            Ok((submission, held, references))
        });
        let (submission, held, chunks) = prepared.await?;
        let (submission, held) = (Box::new(submission), Box::new(held));
        let answer = self.ask(|reply| Input::SubmitBook { request, submission, held, chunks, reply }).await?;
        Ok((answer, false))
    }

    /// Checks market items and makes them the newest version for the business date, all or nothing. They are signed and
    /// durable when this returns.
    ///
    /// # Errors
    /// Every problem by row and field; an item of which the other house is the authority.
    pub async fn submit_market(&self, mut asked: v1::SubmitMarketDataRequest) -> Result<(Answer, bool), RequestError> {
        let request = CallerRequest::of(std::mem::take(&mut asked.request_id), "SubmitMarketData", &asked);
        if let Some(answer) = self.answered(&request)? {
            return Ok((answer, true));
        }
        check_request_id(&request.id)?;
        let context = Arc::clone(&self.context);
        let prepared = self.blocking(move || {
            let business_date = check_market(&context, &asked)?;
            let bytes: Vec<Bytes> = asked.items.iter().map(|item| item.encode_to_vec().into()).collect();
            context.blobs.put_many(&bytes).map_err(unavailable)?;
            let kinds = asked.items.iter().filter_map(|item| item.item.as_ref()).map(market::kind_of);
            let items = kinds.zip(&bytes).map(|(kind, bytes)| MarketItemRef {
                kind,
                digest: Digest::of(bytes),
                size_bytes: bytes.len() as u64,
            });
            Ok((business_date, items.collect::<Vec<_>>()))
        });
        let (business_date, items) = prepared.await?;
        let answer = self.ask(|reply| Input::SubmitMarket { request, business_date, items, reply }).await?;
        Ok((answer, false))
    }

    /// Records changes of the programme in this house's log, all or none. They are signed and durable when this returns.
    /// `by` is who asks: role and certificate.
    ///
    /// # Errors
    /// Every problem by row and field.
    pub async fn record_changes(
        &self,
        asked: v1::RecordChangesRequest,
        by: String,
    ) -> Result<(Answer, bool), RequestError> {
        let v1::RecordChangesRequest { request_id, changes, validate_only } = asked;
        let asked = v1::RecordChangesRequest { changes, ..Default::default() };
        let request = CallerRequest::of(request_id, "RecordChanges", &asked);
        let today = self.context.today();
        self.record(request, |request, reply| Input::RecordChanges {
            request,
            changes: asked.changes,
            by,
            today,
            validate_only,
            is_derived: false,
            reply,
        })
        .await
    }

    /// Records a change that this house derived from what is on record: a default package or an allocation of losses.
    ///
    /// # Errors
    /// Those of [`Self::record_changes`].
    pub(crate) async fn record_derived(
        &self,
        request: CallerRequest,
        change: v1::ProgrammeChange,
        by: String,
    ) -> Result<(Answer, bool), RequestError> {
        let today = self.context.today();
        self.record(request, |request, reply| Input::RecordChanges {
            request,
            changes: vec![change],
            by,
            today,
            validate_only: false,
            is_derived: true,
            reply,
        })
        .await
    }

    async fn record(
        &self,
        request: CallerRequest,
        input: impl FnOnce(CallerRequest, Reply<Answer>) -> Input,
    ) -> Result<(Answer, bool), RequestError> {
        if let Some(answer) = self.answered(&request)? {
            return Ok((answer, true));
        }
        check_request_id(&request.id)?;
        Ok((self.ask(|reply| input(request, reply)).await?, false))
    }

    /// Directs positions, all legs or none; with `validate_only` they are checked and nothing is recorded. It is durable
    /// when this returns. `member` is the member whose administration asks: other accounts do not exist for it.
    ///
    /// # Errors
    /// Every problem by row and field; or nothing is directed at this house.
    pub async fn direct(
        &self,
        request: &v1::DirectPositionsRequest,
        member: Option<MemberId>,
        by: String,
    ) -> Result<(Answer, bool), RequestError> {
        let context = &self.context;
        if context.arrangement.houses[context.us].allocation == Allocation::Passive {
            let house = &context.parties.houses[context.us];
            return Err(RequestError::Precondition(format!(
                "nothing is directed at {house}: its allocation is passive, every eligible position of a cross-margin \
                 account counts. Book the position into that account; the next snapshot of the house brings it"
            )));
        }
        let key = RequestKey::of(member, request);
        if let Some(answer) = self.answered(&key.request())? {
            return Ok((answer, true));
        }
        let proposal = Proposal::read(request, context.parties.arrangement.as_str());
        let request = Box::new(DirectionRequest { key, by, proposal, validate_only: request.validate_only });
        let answer = self.ask(|reply| Input::Direct { request, reply }).await?;
        Ok((answer, false))
    }

    /// Settles a reconciliation item. It is durable when this returns.
    ///
    /// # Errors
    /// There is no such item, or it is settled; or the note is missing or too long.
    pub async fn resolve(
        &self,
        asked: v1::ResolveReconciliationItemRequest,
        by: String,
    ) -> Result<(Answer, bool), RequestError> {
        let v1::ResolveReconciliationItemRequest { request_id, .. } = asked;
        let asked = v1::ResolveReconciliationItemRequest { request_id: String::new(), ..asked };
        let request = CallerRequest::of(request_id, "ResolveReconciliationItem", &asked);
        if let Some(answer) = self.answered(&request)? {
            return Ok((answer, true));
        }
        let mut problems = Collector::default();
        problems.check(|| "request_id".into(), check_id(&request.id));
        let item = problems.check(|| "item_id".into(), asked.item_id.parse::<ItemId>());
        let note = asked.note.trim().to_owned();
        let length = note.chars().count();
        if length == 0 || length > NOTE_CHARACTERS_MAX {
            problems.add("note", format!("1 to {NOTE_CHARACTERS_MAX} characters are needed: what was found and done"));
        }
        let item = problems.finish(item.unwrap_or(ItemId(0)))?;
        let answer = self.ask(|reply| Input::Resolve { request, item, by, note, reply }).await?;
        Ok((answer, false))
    }

    /// Opens a cycle. Where no cut-off is given the schedule decides, and for a re-run fifteen minutes from now.
    ///
    /// # Errors
    /// The cut-off has passed, or the business date has no cycles.
    pub async fn open_cycle(&self, cycle: CycleId, cut_off: Option<Timestamp>) -> Result<(), RequestError> {
        let arrangement = &self.context.arrangement;
        if let Err(error) = arrangement.check_business_day(cycle.business_date) {
            return Err(Problems::one("cycle.business_date", error.to_string()).into());
        }
        let now = self.context.clock.now();
        let scheduled = arrangement.scheduled(cycle);
        let cut_off = cut_off.or_else(|| scheduled.as_ref().map(|scheduled| scheduled.cut_off));
        let cut_off = cut_off.unwrap_or_else(|| now.saturating_add(CUT_OFF_DEFAULT).unwrap_or(now));
        // A cycle that is opened by hand is frozen now: the schedule's instant may be hours away.
        let as_of = scheduled.map(|scheduled| scheduled.as_of).filter(|as_of| *as_of <= now).unwrap_or(now);
        let as_of = if as_of < cut_off { as_of } else { now };
        self.ask(|reply| Input::OpenCycle { cycle, as_of, cut_off, reply: Some(reply) }).await
    }

    /// Cuts a cycle off now. The outcome is durable when this returns.
    ///
    /// # Errors
    /// This house has not opened it.
    pub async fn cut_off(&self, cycle: CycleId) -> Result<(), RequestError> {
        self.ask(|reply| Input::CutOff { cycle, reply }).await
    }

    /// What the request led to when it was asked before; `None` where its id is new.
    ///
    /// # Errors
    /// The id was given to another request.
    pub(crate) fn answered(&self, request: &CallerRequest) -> Result<Option<Answer>, RequestError> {
        Ok(self.context.catalog.read().answer(request)?.cloned())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        self.context.executor.run(work).await.map_err(unavailable)?
    }

    async fn ask<T>(
        &self,
        input: impl FnOnce(oneshot::Sender<Result<T, RequestError>>) -> Input,
    ) -> Result<T, RequestError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || RequestError::Unavailable("the node is stopping".to_owned());
        self.requests.send(input(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

/// The book that a submission makes, held against the directions that are on record.
fn held_against(
    context: &Context,
    submission: &Submission,
    before: Option<&Book>,
) -> Result<HeldAgainst, RequestError> {
    let wrong = |reason| Problems::one("header.directions_through", reason);
    let (date, through) = (submission.business_date, submission.directions_through);
    // What is read here cannot change but at the end: a new book would be told by its version.
    let (base, is_base, touching, beyond, included) = {
        let catalog = context.catalog.read();
        let directions = &catalog.directions;
        let base = directions.base().filter(|base| base.business_date <= date).cloned();
        let is_base = directions.base().is_none() || base.is_some();
        let standing = base.as_ref().or_else(|| catalog.book_of(date)).map_or(0, |book| book.directions_through);
        directions.check_through(date, through, standing).map_err(wrong)?;
        if submission.scope == Scope::Amendment
            && let Some(book) = before.filter(|book| book.directions_through > through)
        {
            let included = book.directions_through;
            return Err(wrong(format!(
                "{through} is below {included}, which the amended book of {} includes: submit a full snapshot",
                book.business_date
            ))
            .into());
        }
        let included = directions.included(before, through);
        let after = base.as_ref().map_or(0, |base| base.directions_through);
        let touching: Vec<Arc<Direction>> = directions.counting(after, through).cloned().collect();
        let beyond: Vec<Arc<Direction>> = directions.counting(through, directions.last()).cloned().collect();
        (base, is_base, touching, beyond, included)
    };
    let book = Arc::new(submission.apply_to(before, &included));
    let between = touching.iter().map(AsRef::as_ref);
    let differences = base.map_or_else(Vec::new, |base| reconcile::differences(&base, &book, between));
    let fitting = is_base.then(|| {
        let mut fitting = Fitting::new(Arc::clone(&book));
        beyond.iter().for_each(|direction| fitting.take(direction));
        fitting
    });
    Ok(HeldAgainst { book, base_version: before.map_or(0, |book| book.version), differences, fitting })
}

fn check_market(context: &Context, request: &v1::SubmitMarketDataRequest) -> Result<Date, RequestError> {
    let mut problems = Collector::default();
    let date = crate::wire::date("business_date", &request.business_date).map_err(|error| error.reason);
    let date = problems.check(|| "business_date".into(), date);
    let mut seen = std::collections::BTreeSet::new();
    if request.items.is_empty() {
        problems.add("items", "at least one is needed");
    }
    for (index, item) in request.items.iter().enumerate() {
        let field = format!("items[{index}]");
        let Some(item) = &item.item else {
            problems.add(field, "is empty");
            continue;
        };
        let kind = market::kind_of(item);
        let name = market::kind_name(kind);
        if !seen.insert(kind) {
            problems.add(&field, format!("{name} is there twice"));
        }
        if context.arrangement.authority_of(kind) != Some(context.us) {
            let authority = context.arrangement.authority_of(kind).map(|leg| &context.parties.houses[leg]);
            let authority = authority.map_or_else(|| "nobody".to_owned(), ToString::to_string);
            problems.add(&field, format!("{authority} is the authority of {name}: submit it there"));
            continue;
        }
        market::check(item, &field, &mut problems);
    }
    let date = problems.finish(date.unwrap_or_default())?;
    check_business_day(context, "business_date", date)?;
    Ok(date)
}

fn check_business_day(context: &Context, field: &str, date: Date) -> Result<(), RequestError> {
    let checked = context.arrangement.check_business_day(date);
    checked.map_err(|error| Problems::one(field, error.to_string()).into())
}

/// Checks the id that a caller chose for its request.
///
/// # Errors
/// It is empty or too long.
fn check_request_id(request_id: &str) -> Result<(), Problems> {
    check_id(request_id).map_err(|reason| Problems::one("request_id", reason))
}

/// The reference data that a snapshot is checked against.
fn reference(context: &Context) -> Result<Reference, RequestError> {
    let newest = context.catalog.read().newest_market(context.us).cloned();
    let markets = crate::arrangement::leg::Pair::from_fn(|leg| newest.as_ref().filter(|_| leg == context.us));
    let items = context.computer.items(markets).map_err(unavailable)?;
    let registry = Arc::clone(&context.catalog.read().registry);
    Ok(Reference::new(context.us, &items, Arc::clone(&context.arrangement), registry))
}

fn unavailable(error: impl std::fmt::Display) -> RequestError {
    RequestError::Unavailable(error.to_string())
}
