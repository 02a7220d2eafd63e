//! Backtests of accounts.

use crossmargin::v1;

use super::{AnalysisError, Analyst};
use crate::reading::Visibility;

impl Analyst {
    /// Backtests accounts.
    ///
    /// # Errors
    /// The account or a market is not here, or another backtest runs.
    pub(crate) fn backtest(
        &self,
        request: &v1::BacktestAccountsRequest,
        visibility: &Visibility,
    ) -> Result<Vec<v1::BacktestAccountsResponse>, AnalysisError> {
        Err(AnalysisError::Precondition(String::new()))
    }
}
