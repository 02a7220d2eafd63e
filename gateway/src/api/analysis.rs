//! Explanations of margins, and portfolios that are tried.

use std::{pin::Pin, sync::Arc};

use crossmargin::v1::{self, analysis_service_server::AnalysisService};
use futures_util::Stream;
use tonic::{Request, Response, Status};

use super::{
    gate::{Gate, Weight},
    margin::round_of,
    status::{invalid, wrong_cycle},
};
use crate::{
    analysis::Analyst,
    arrangement::{cycle_id::CycleId, name::AccountId},
    identity::caller,
    node::context::Context,
    reading::Visibility,
};

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
            .run(&caller, Weight::Light, move || analyst.explain(&account, cycle, round, since, &visibility))
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
        let cycle = self.cycle(request.cycle.as_ref())?;
        let analyst = Arc::clone(&self.analyst);
        let answer = self.gate.run(&caller, Weight::Heavy, move || {
            analyst.compare(cycle, request.page_size, &request.page_token, &visibility)
        });
        Ok(Response::new(answer.await?))
    }

    async fn try_positions(
        &self,
        request: Request<v1::TryPositionsRequest>,
    ) -> Result<Response<v1::TryPositionsResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        Ok(Response::new(
            self.gate.run(&caller, Weight::Light, move || analyst.try_positions(&request, &visibility)).await?,
        ))
    }

    async fn try_path(&self, request: Request<v1::TryPathRequest>) -> Result<Response<v1::TryPathResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        Ok(Response::new(self.gate.run(&caller, Weight::Heavy, move || analyst.try_path(&request, &visibility)).await?))
    }

    async fn suggest_futures(
        &self,
        request: Request<v1::SuggestFuturesRequest>,
    ) -> Result<Response<v1::SuggestFuturesResponse>, Status> {
        let caller = Arc::clone(caller(&request)?);
        let visibility = Visibility::of(&caller.role);
        let analyst = Arc::clone(&self.analyst);
        let request = request.into_inner();
        Ok(Response::new(
            self.gate.run(&caller, Weight::Heavy, move || analyst.suggest_futures(&request, &visibility)).await?,
        ))
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
        let answers = self.gate.run(&caller, Weight::Heavy, move || analyst.backtest(&request, &visibility)).await?;
        Ok(Response::new(Box::pin(futures_util::stream::iter(answers.into_iter().map(Ok)))))
    }
}

impl AnalysisApi {
    fn cycle(&self, wire: Option<&v1::CycleId>) -> Result<Option<CycleId>, Status> {
        let read = |wire| CycleId::from_wire(Some(wire), self.context.parties.arrangement.as_str());
        wire.map(read).transpose().map_err(|error| wrong_cycle(&error))
    }
}
