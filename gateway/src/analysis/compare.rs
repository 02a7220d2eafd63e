//! The current and the next models side by side.

use std::sync::{Arc, PoisonError};

use crossmargin::v1;
use risk::{
    margin::JointMargin,
    model::{Model, ModelVersion},
};

use super::{AnalysisError, Analyst, claimed::Claimed, figures};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        leg::Leg,
        link::LinkTerms,
        name::LinkId,
    },
    reading::Visibility,
};

/// Every link of a claim under the models in force and under the next ones.
pub(crate) struct Comparison {
    /// The cycle.
    pub(crate) cycle: CycleId,
    /// The round.
    pub(crate) round: Round,
    /// Both houses' models in force on the business date.
    pub(crate) current: [ModelVersion; 2],
    /// Both houses' next models; the one in force where a house names none.
    pub(crate) next: [ModelVersion; 2],
    /// Ascending by link.
    links: Vec<Compared>,
}

/// A link under the current and the next models.
pub(crate) struct Compared {
    /// The link.
    pub(crate) terms: LinkTerms,
    current: JointMargin,
    next: JointMargin,
}

impl Analyst {
    /// The margins of a cycle under the models in force and under the next ones, on the inputs of this house's claim. The
    /// last comparison is kept.
    ///
    /// # Errors
    /// The cycle or what it was computed from is not here, or there is no next model.
    pub(crate) fn compare(
        &self,
        cycle: Option<CycleId>,
        round: Option<Round>,
    ) -> Result<Arc<Comparison>, AnalysisError> {
        // Held while computing: a second caller waits for the first one's comparison.
        let mut last = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked_for = |kept: &&Arc<Comparison>| Some(kept.cycle) == cycle && Some(kept.round) == round;
        if let Some(kept) = last.as_ref().filter(is_asked_for) {
            return Ok(Arc::clone(kept));
        }
        let claimed = self.claimed(cycle, round)?;
        if let Some(kept) = last.as_ref()
            && (kept.cycle, kept.round) == (claimed.cycle, claimed.round)
        {
            return Ok(Arc::clone(kept));
        }
        let comparison = Arc::new(self.compare_claim(&claimed)?);
        *last = Some(Arc::clone(&comparison));
        Ok(comparison)
    }

    fn compare_claim(&self, claimed: &Claimed) -> Result<Comparison, AnalysisError> {
        let date = claimed.job.business_date;
        let schedules = Leg::BOTH.map(|leg| &self.context.arrangement.models[leg]);
        let current = schedules.map(|models| models.in_force(date));
        let next = schedules.map(|models| models.next(date).map(|(_, model)| model));
        if next == [None, None] {
            return Err(AnalysisError::Precondition(format!(
                "the arrangement names no model after {} and {}, which are in force on {date}: add the next one to its \
                 models with the date from which on it holds",
                current[0].version, current[1].version
            )));
        }
        claimed.check_engine()?;
        let next = [0, 1].map(|house: usize| next[house].unwrap_or(current[house]));
        let computer = &self.context.computer;
        let inputs = computer.round_inputs(&claimed.job)?;
        let under = |models: [&Model; 2]| computer.margins_under(models, &inputs);
        let pairs = under(current)?.into_iter().zip(under(next)?);
        let links = pairs.map(|((terms, current), (_, next))| Compared { terms, current, next });
        Ok(Comparison {
            cycle: claimed.cycle,
            round: claimed.round,
            current: current.map(|model| model.version.clone()),
            next: next.map(|model| model.version.clone()),
            links: links.collect(),
        })
    }
}

impl Comparison {
    /// The links after one that a caller may see, ascending.
    pub(crate) fn links<'a>(
        &'a self,
        after: Option<&'a LinkId>,
        visibility: &'a Visibility,
    ) -> impl Iterator<Item = &'a Compared> {
        let is_after = move |compared: &&Compared| after.is_none_or(|after| compared.terms.link > *after);
        self.links.iter().filter(is_after).filter(|compared| visibility.shows(&compared.terms))
    }
}

impl Compared {
    /// For the wire.
    pub(crate) fn to_wire(&self) -> v1::ModelComparison {
        v1::ModelComparison {
            link: Some(self.terms.to_wire()),
            current: Some(figures::joint(&self.current)),
            next: Some(figures::joint(&self.next)),
        }
    }
}
