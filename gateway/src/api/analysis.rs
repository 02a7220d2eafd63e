//! Explanations of margins, and portfolios that are tried.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    str::FromStr,
    sync::Arc,
};

use crossmargin::v1::{self, analysis_service_server::AnalysisService};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Span;

use super::{
    gate::{Gate, Weight},
    margin::round_of,
    page::Page,
    status::{invalid, wrong_cycle},
};
use crate::{
    analysis::{AnalysisError, Analyst, Compared},
    arrangement::{
        cycle_id::{CycleId, Round},
        name::{AccountId, LinkId},
    },
    identity::caller,
    node::context::Context,
    reading::Visibility,
};

/// Backtests that wait for a client to read them; then the computation waits.
const ANSWERS_WAITING: usize = 16;
/// Comparisons on a page where none is asked for.
const COMPARISONS_DEFAULT: usize = 1_000;
/// Comparisons on a page, at most: some 800 bytes each, within the limit of a message.
const COMPARISONS_MAX: usize = 2_500;

/// Explains margins and tries portfolios.
pub(super) struct AnalysisApi {
    pub(super) context: Arc<Context>,
    pub(super) analyst: Arc<Analyst>,
    pub(super) gate: Gate,
}

#[tonic::async_trait]
impl AnalysisService for AnalysisApi {
    async fn explain_margin(
        &self,
        request: Request<v1::ExplainMarginRequest>,
    ) -> Result<Response<v1::ExplainMarginResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let request = request.into_inner();
        let account: AccountId = request.account.parse().map_err(|error| invalid("account", error))?;
        let cycle = self.cycle(request.cycle.as_ref())?;
        let since = self.cycle(request.movement_since.as_ref())?;
        let analyst = Arc::clone(&self.analyst);
        let round = round_of(request.round);
        let answer = self
            .gate
            .run(&caller, Weight::Light, move |_| analyst.explain(&account, cycle, round, since, &visibility))
            .await?;
        Ok(Response::new(answer))
    }

    async fn compare_models(
        &self,
        request: Request<v1::CompareModelsRequest>,
    ) -> Result<Response<v1::CompareModelsResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let request = request.into_inner();
        let size = request.page_size;
        let page = Page::<ComparedKey>::read(size, &request.page_token, COMPARISONS_DEFAULT, COMPARISONS_MAX)?;
        let asked = self.cycle(request.cycle.as_ref())?;
        // A listing stays with the claim that it began with, though another may come meanwhile.
        let (cycle, round) = match &page.after {
            Some(after) => (Some(after.cycle), Some(after.round)),
            None => (asked, None),
        };
        let analyst = Arc::clone(&self.analyst);
        let arrangement = self.context.parties.arrangement.clone();
        let response = self.gate.run(&caller, Weight::Heavy, move |_| {
            let compared = analyst.compare(cycle, round, &visibility)?;
            let (cycle, round) = (compared.cycle, compared.round);
            let links = compared.links(page.after.as_ref().map(|after| &after.link));
            let key = |row: &&Compared| ComparedKey { cycle, round, link: row.terms.link.clone() };
            let (rows, next_page_token) = page.take(links, key);
            let [treasury_model, futures_model] = compared.current.each_ref().map(ToString::to_string);
            let [next_treasury_model, next_futures_model] = compared.next.each_ref().map(ToString::to_string);
            Ok::<_, AnalysisError>(v1::CompareModelsResponse {
                cycle: Some(cycle.to_wire(arrangement.as_str())),
                treasury_model,
                futures_model,
                next_treasury_model,
                next_futures_model,
                comparisons: rows.into_iter().map(Compared::to_wire).collect(),
                next_page_token,
            })
        });
        Ok(Response::new(response.await?))
    }

    async fn try_positions(
        &self,
        request: Request<v1::TryPositionsRequest>,
    ) -> Result<Response<v1::TryPositionsResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        let weight = Weight::Positions { changes: request.changes.len() };
        let answer = self.gate.run(&caller, weight, move |_| analyst.try_positions(&request, &visibility));
        Ok(Response::new(answer.await?))
    }

    async fn try_path(&self, request: Request<v1::TryPathRequest>) -> Result<Response<v1::TryPathResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        let weight = Weight::Path { days: request.days.len(), changes: changes(request.positions.as_ref()) };
        let answer = self
            .gate
            .run(&caller, weight, move |gone| analyst.try_path(&request, &visibility, || !gone.is_cancelled()));
        Ok(Response::new(answer.await?))
    }

    async fn suggest_futures(
        &self,
        request: Request<v1::SuggestFuturesRequest>,
    ) -> Result<Response<v1::SuggestFuturesResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        let candidates = request.candidates.len().saturating_add(request.directable.len());
        let weight = Weight::Suggestions { candidates, changes: changes(request.positions.as_ref()) };
        let answer = self.gate.run(&caller, weight, move |_| analyst.suggest_futures(&request, &visibility));
        Ok(Response::new(answer.await?))
    }

    type BacktestAccountsStream = Pin<Box<dyn Stream<Item = Result<v1::BacktestAccountsResponse, Status>> + Send>>;

    async fn backtest_accounts(
        &self,
        request: Request<v1::BacktestAccountsRequest>,
    ) -> Result<Response<Self::BacktestAccountsStream>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        let backtest = self.gate.run(&caller, Weight::Heavy, move |_| analyst.backtest(&request, &visibility)).await?;
        let (answers, stream) = mpsc::channel(ANSWERS_WAITING);
        let farewell = self.context.farewell.clone();
        let span = Span::current();
        // It answers while it computes, and so needs a thread of its own wherever other work is done.
        self.context.tasks.spawn_blocking(move || {
            let _entered = span.enter();
            let goes_on = || !answers.is_closed() && !farewell.is_cancelled();
            let tell = |answer| answers.blocking_send(Ok(answer)).is_ok() && !farewell.is_cancelled();
            let end = match ended(|| backtest.run(goes_on, tell)) {
                Err(status) => Err(status),
                Ok(()) if farewell.is_cancelled() => Err(Status::unavailable("the node is stopping")),
                Ok(()) => return,
            };
            // A client that has gone away needs no reason.
            drop(answers.blocking_send(end));
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

impl AnalysisApi {
    fn cycle(&self, wire: Option<&v1::CycleId>) -> Result<Option<CycleId>, Status> {
        let read = |wire| CycleId::from_wire(Some(wire), self.context.parties.arrangement.as_str());
        wire.map(read).transpose().map_err(|error| wrong_cycle(&error))
    }
}

/// How work behind a stream has ended. Work that panics has no answer: without a status the stream would end as if it were
/// complete.
fn ended(work: impl FnOnce() -> Result<(), AnalysisError>) -> Result<(), Status> {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let outcome = outcome.map_err(|_| Status::internal("a piece of work of this node failed: its log says where"));
    outcome?.map_err(Into::into)
}

fn changes(positions: Option<&v1::TryPositionsRequest>) -> usize {
    positions.map_or(0, |positions| positions.changes.len())
}

/// The last row of a page of comparisons: its claim and its link.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ComparedKey {
    cycle: CycleId,
    round: Round,
    link: LinkId,
}

impl fmt::Display for ComparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.cycle, self.round.0, self.link)
    }
}

impl FromStr for ComparedKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, ' ');
        let (Some(cycle), Some(round), Some(link)) = (parts.next(), parts.next(), parts.next()) else { return Err(()) };
        let round = Round(round.parse().map_err(|_| ())?);
        Ok(Self { cycle: cycle.parse().map_err(|_| ())?, round, link: link.parse().map_err(|_| ())? })
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn work_that_panics_does_not_end_a_stream_as_if_it_were_complete() {
        assert!(ended(|| Ok(())).is_ok());
        assert_eq!(ended(|| Err(AnalysisError::Damaged("x".into()))).unwrap_err().code(), Code::DataLoss);
        assert_eq!(ended(|| panic!("a fault")).unwrap_err().code(), Code::Internal);
    }
}
