//! The current and the next models side by side.

use crossmargin::v1;

use super::{AnalysisError, Analyst};
use crate::{arrangement::cycle_id::CycleId, reading::Visibility};

impl Analyst {
    /// The margins of a cycle under the models in force and under the next ones.
    ///
    /// # Errors
    /// The cycle or what it was computed from is not here, or there is no next model.
    pub(crate) fn compare(
        &self,
        cycle: Option<CycleId>,
        page_size: i32,
        page_token: &str,
        visibility: &Visibility,
    ) -> Result<v1::CompareModelsResponse, AnalysisError> {
        Err(AnalysisError::Precondition(String::new()))
    }
}
