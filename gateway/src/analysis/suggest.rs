//! Suggestions of futures positions.

use crossmargin::v1;

use super::{AnalysisError, Analyst};
use crate::reading::Visibility;

impl Analyst {
    /// Suggests futures positions.
    ///
    /// # Errors
    /// As [`Self::try_positions`], or candidates that cannot be read.
    pub(crate) fn suggest_futures(
        &self,
        request: &v1::SuggestFuturesRequest,
        visibility: &Visibility,
    ) -> Result<v1::SuggestFuturesResponse, AnalysisError> {
        Err(AnalysisError::Precondition(String::new()))
    }
}
