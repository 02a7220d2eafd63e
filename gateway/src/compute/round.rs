//! Every link of a round under any models, from the inputs that its claim was computed from.

use std::sync::Arc;

use jiff::civil::Date;
use risk::{factor::Factor, margin::JointMargin, model::Model};

use super::{
    ComputeError, Computer, Job, Situation, leaves,
    positions::{self, FrozenBook},
};
use crate::{
    arrangement::{leg::Pair, link::LinkTerms, registry::Registry},
    market::Assembled,
};

/// What a round is computed from, read once.
pub(crate) struct RoundInputs {
    business_date: Date,
    books: Pair<FrozenBook>,
    registry: Arc<Registry>,
    assembled: Arc<Assembled>,
}

impl Computer {
    /// Reads what a round is computed from.
    ///
    /// # Errors
    /// Content that is not in the store, or that does not fit together.
    pub(crate) fn round_inputs(&self, job: &Job) -> Result<RoundInputs, ComputeError> {
        Ok(RoundInputs {
            business_date: job.business_date,
            books: positions::load_both(&*self.blobs, &job.manifests)?,
            registry: Arc::clone(&job.registry),
            assembled: self.assembled(job)?,
        })
    }

    /// The joint margins of the links of a round that are wanted under these models, ascending by link, as they follow
    /// from the models: what the houses' overrides let be granted of them stands in the leaves of a claim.
    ///
    /// # Errors
    /// Histories that do not give a model's scenarios, or what cannot be valued.
    pub(crate) fn margins_under(
        &self,
        models: [&Model; 2],
        round: &RoundInputs,
        is_wanted: impl Fn(&LinkTerms) -> bool,
    ) -> Result<Vec<(LinkTerms, JointMargin)>, ComputeError> {
        let situation = Situation::new(models, Arc::clone(&round.assembled), round.business_date)?;
        let mut links = positions::links(&round.registry, &round.books, round.business_date);
        links.retain(|link| is_wanted(link.terms));
        links.iter_mut().for_each(|link| link.cap = Factor::ONE);
        let valued = situation.value(&positions::dictionary(&links))?;
        let margins = leaves::margins(&valued, &links, &self.terms())?;
        Ok(links.iter().map(|link| link.terms.clone()).zip(margins).collect())
    }
}
