//! Margins along a path of stressed days.

use crossmargin::v1;

use super::{AnalysisError, Analyst};
use crate::reading::Visibility;

impl Analyst {
    /// Tries positions along a path of stressed days.
    ///
    /// # Errors
    /// As [`Self::try_positions`], or a path that cannot be read.
    pub(crate) fn try_path(
        &self,
        request: &v1::TryPathRequest,
        visibility: &Visibility,
    ) -> Result<v1::TryPathResponse, AnalysisError> {
        Err(AnalysisError::Precondition(String::new()))
    }
}
