//! Positions that are tried.

use crossmargin::v1;

use super::{AnalysisError, Analyst};
use crate::reading::Visibility;

impl Analyst {
    /// Tries positions.
    ///
    /// # Errors
    /// Positions that cannot be read or valued, or no market.
    pub(crate) fn try_positions(
        &self,
        request: &v1::TryPositionsRequest,
        visibility: &Visibility,
    ) -> Result<v1::TryPositionsResponse, AnalysisError> {
        Err(AnalysisError::Precondition(String::new()))
    }
}
