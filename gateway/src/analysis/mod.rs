//! Explanations of margins, and portfolios that are tried: reads what is stored, changes nothing.

mod backtest;
mod base;
mod changes;
mod check;
mod claimed;
mod compare;
mod explain;
mod figures;
mod path;
mod suggest;
mod trial;

use std::sync::Arc;

use crossmargin::v1;
use tokio::sync::Semaphore;

pub(crate) use compare::Compared;
pub(crate) use path::DAYS_MAX;
pub(crate) use trial::NEW_INSTRUMENTS_MAX;

use self::compare::KeptComparisons;
use crate::{
    compute::ComputeError,
    identity::Role,
    node::{Handle, context::Context},
    problem::Problems,
    reading::{ReadError, Reader, Visibility},
};

/// Answers the analysis service. Everything that it does may read the store and compute: not for an async thread.
pub(crate) struct Analyst {
    context: Arc<Context>,
    reader: Arc<Reader>,
    /// The right to backtest, which one call has at a time.
    backtests: Arc<Semaphore>,
    /// The last whole comparisons of models: their pages are asked for one after another.
    compared: KeptComparisons,
}

/// Why an analysis has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AnalysisError {
    /// Something asked for is not here, or not for this caller.
    #[error("{0}")]
    NotFound(String),
    /// What the caller gave cannot be read or valued; every problem.
    #[error("{0}")]
    Invalid(Problems),
    /// It is here, but something that it needs is not; what to do.
    #[error("{0}")]
    Precondition(String),
    /// What is stored cannot be read.
    #[error("{0}")]
    Damaged(String),
    /// Another call of its kind runs: when to try again.
    #[error("{0}")]
    Busy(String),
    /// Nobody waits for the answer any more.
    #[error("the caller has gone")]
    Gone,
}

impl Analyst {
    /// An analyst of a node.
    pub(crate) fn new(context: Arc<Context>, reader: Arc<Reader>) -> Self {
        Self { context, reader, backtests: Arc::new(Semaphore::new(1)), compared: KeptComparisons::default() }
    }
}

impl Handle {
    /// Tries positions as a caller of a role would be answered, without limits of rate: for measurements and for what runs
    /// inside the node. It may compute: not for an async thread.
    ///
    /// # Errors
    /// The status of the answer.
    pub fn try_positions(
        &self,
        request: &v1::TryPositionsRequest,
        role: &Role,
    ) -> Result<v1::TryPositionsResponse, tonic::Status> {
        let reader = Arc::new(Reader::new(Arc::clone(&self.context)));
        let analyst = Analyst::new(Arc::clone(&self.context), reader);
        Ok(analyst.try_positions(request, &Visibility::of(role))?)
    }
}

impl From<ReadError> for AnalysisError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound(reason) => Self::NotFound(reason),
            ReadError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

impl From<ComputeError> for AnalysisError {
    /// What a claim was computed from could be computed once; that it no longer can is a state of this node.
    fn from(error: ComputeError) -> Self {
        Self::Precondition(error.to_string())
    }
}

impl From<Problems> for AnalysisError {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems)
    }
}
