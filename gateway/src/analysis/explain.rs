//! Explanations of margins.

use crossmargin::v1;

use super::{AnalysisError, Analyst};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        name::AccountId,
    },
    reading::Visibility,
};

impl Analyst {
    /// Explains the margins of an account in a cycle.
    ///
    /// # Errors
    /// The account, the cycle or what it was computed from is not here.
    pub(crate) fn explain(
        &self,
        account: &AccountId,
        cycle: Option<CycleId>,
        round: Option<Round>,
        since: Option<CycleId>,
        visibility: &Visibility,
    ) -> Result<v1::ExplainMarginResponse, AnalysisError> {
        Err(AnalysisError::Precondition(String::new()))
    }
}
