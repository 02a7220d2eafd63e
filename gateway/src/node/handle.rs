//! What the services of a node call: requests to its loop, and its catalog for reading.

use std::sync::Arc;

use crossmargin::v1;
use jiff::{SignedDuration, Timestamp, civil::Date};
use prost::{Message, bytes::Bytes};
use tokio::sync::{mpsc, oneshot};

use super::{
    catalog::Answer,
    context::Context,
    input::{Input, RequestError},
};
use crate::{
    arrangement::{cycle_id::CycleId, digest::Digest, evidence::MarketItemRef},
    book::{
        columns,
        intake::{self, Snapshot},
    },
    market::{self, reference::Reference},
    problem::{Collector, Problems},
    telemetry,
};

/// How long an operator waits for a cycle that has no scheduled cut-off and none given.
const CUT_OFF_DEFAULT: SignedDuration = SignedDuration::from_mins(15);

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
        if let Some(answer) = self.answered(&snapshot.header.request_id) {
            return Ok((answer, true));
        }
        let context = Arc::clone(&self.context);
        let prepared = blocking(move || {
            let reference = reference(&context)?;
            if let Ok(date) = crate::wire::date("header.business_date", &snapshot.header.business_date) {
                check_business_day(&context, "header.business_date", date)?;
            }
            let base = context.catalog.read().book().cloned();
            let base_version = base.as_ref().map_or(0, |book| book.version);
            let submission = intake::check(&snapshot, base_version, &reference)?;
            let book = Arc::new(submission.apply_to(base.as_deref()));
            let chunks = columns::chunks_of(&submission.accounts);
            let bytes: Vec<Bytes> = chunks.iter().map(|chunk| chunk.bytes.clone().into()).collect();
            context.blobs.put_many(&bytes).map_err(unavailable)?;
            let references = chunks.into_iter().map(|chunk| chunk.reference).collect();
            Ok((submission, book, base_version, references))
        });
        let (submission, book, base_version, chunks) = prepared.await?;
        let submission = Box::new(submission);
        let answer = self.ask(|reply| Input::SubmitBook { submission, book, base_version, chunks, reply }).await?;
        Ok((answer, false))
    }

    /// Checks market items and makes them the newest version for the business date, all or nothing. They are signed and
    /// durable when this returns.
    ///
    /// # Errors
    /// Every problem by row and field; an item of which the other house is the authority.
    pub async fn submit_market(&self, request: v1::SubmitMarketDataRequest) -> Result<(Answer, bool), RequestError> {
        if let Some(answer) = self.answered(&request.request_id) {
            return Ok((answer, true));
        }
        let context = Arc::clone(&self.context);
        let prepared = blocking(move || {
            let business_date = check_market(&context, &request)?;
            let bytes: Vec<Bytes> = request.items.iter().map(|item| item.encode_to_vec().into()).collect();
            context.blobs.put_many(&bytes).map_err(unavailable)?;
            let kinds = request.items.iter().filter_map(|item| item.item.as_ref()).map(market::kind_of);
            let items = kinds.zip(&bytes).map(|(kind, bytes)| MarketItemRef {
                kind,
                digest: Digest::of(bytes),
                size_bytes: bytes.len() as u64,
            });
            Ok((request.request_id, business_date, items.collect::<Vec<_>>()))
        });
        let (request_id, business_date, items) = prepared.await?;
        let answer = self.ask(|reply| Input::SubmitMarket { request_id, business_date, items, reply }).await?;
        Ok((answer, false))
    }

    /// Records changes of the programme in this house's log, all or none. They are signed and durable when this returns.
    /// `by` is who asks: role and certificate.
    ///
    /// # Errors
    /// Every problem by row and field.
    pub async fn record_changes(
        &self,
        request: v1::RecordChangesRequest,
        by: String,
    ) -> Result<(Answer, bool), RequestError> {
        if let Some(answer) = self.answered(&request.request_id) {
            return Ok((answer, true));
        }
        self.record(request, by, false).await
    }

    /// Records a change that this house derived from what is on record: a default package or an allocation of losses.
    ///
    /// # Errors
    /// Those of [`Self::record_changes`].
    pub(crate) async fn record_derived(
        &self,
        request_id: String,
        change: v1::ProgrammeChange,
        by: String,
    ) -> Result<(Answer, bool), RequestError> {
        if let Some(answer) = self.answered(&request_id) {
            return Ok((answer, true));
        }
        let request = v1::RecordChangesRequest { request_id, changes: vec![change], validate_only: false };
        self.record(request, by, true).await
    }

    async fn record(
        &self,
        request: v1::RecordChangesRequest,
        by: String,
        is_derived: bool,
    ) -> Result<(Answer, bool), RequestError> {
        check_request_id(&request.request_id)?;
        let v1::RecordChangesRequest { request_id, changes, validate_only } = request;
        let today = self.context.today();
        let ask = |reply| Input::RecordChanges { request_id, changes, by, today, validate_only, is_derived, reply };
        Ok((self.ask(ask).await?, false))
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

    /// What an earlier request with this id led to.
    pub(crate) fn answered(&self, request_id: &str) -> Option<Answer> {
        self.context.catalog.read().answer(request_id).cloned()
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

fn check_market(context: &Context, request: &v1::SubmitMarketDataRequest) -> Result<Date, RequestError> {
    check_request_id(&request.request_id)?;
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
pub(crate) fn check_request_id(request_id: &str) -> Result<(), Problems> {
    if request_id.is_empty() || request_id.len() > 64 {
        return Err(Problems::one("request_id", "1 to 64 characters are needed, unique for each request: a UUID"));
    }
    Ok(())
}

/// The reference data that a snapshot is checked against.
fn reference(context: &Context) -> Result<Reference, RequestError> {
    let newest = context.catalog.read().newest_market(context.us).cloned();
    let markets = crate::arrangement::leg::Pair::from_fn(|leg| newest.as_ref().filter(|_| leg == context.us));
    let items = context.computer.items(markets).map_err(unavailable)?;
    let registry = Arc::clone(&context.catalog.read().registry);
    Ok(Reference::new(context.us, &items, Arc::clone(&context.arrangement), registry))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RequestError> + Send + 'static,
) -> Result<T, RequestError> {
    telemetry::spawn_blocking(work).await.map_err(unavailable)?
}

fn unavailable(error: impl std::fmt::Display) -> RequestError {
    RequestError::Unavailable(error.to_string())
}
