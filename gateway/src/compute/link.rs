//! One link out of a round: its positions and what they are valued from, so that it can be computed alone.

use std::{collections::BTreeSet, sync::Arc};

use jiff::civil::Date;
use risk::{
    factor::Factor,
    instrument::Instrument,
    margin::{JointMargin, LinkPositions, joint_margins},
};

use super::{ComputeError, Computer, Job, Situation, Valued, positions};
use crate::{
    arrangement::{leg::Pair, link::LinkTerms},
    book::Holding,
    market::Assembled,
};

/// The positions of both legs of a link in frozen books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkInputs {
    /// What is held in each leg, ascending by instrument.
    pub(crate) holdings: Pair<Arc<[Holding]>>,
}

impl LinkInputs {
    /// Every instrument held, ascending.
    pub(crate) fn instruments(&self) -> Vec<Instrument> {
        let held = self.holdings.iter().flat_map(|(_, holdings)| holdings.iter());
        held.map(|holding| holding.instrument).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The positions as the kernel takes them.
    ///
    /// # Errors
    /// An instrument that is not valued.
    pub(crate) fn positions(&self, valued: &Valued) -> Result<LinkPositions, ComputeError> {
        let leg = |holdings: &[Holding]| valued.positions(holdings);
        Ok(LinkPositions::new(leg(&self.holdings.treasury)?, leg(&self.holdings.futures)?))
    }
}

impl Computer {
    /// The positions of one link in the books of a job.
    ///
    /// # Errors
    /// A chunk that is not in the store, or an account that a book was frozen without.
    pub(crate) fn link_inputs(&self, job: &Job, terms: &LinkTerms) -> Result<LinkInputs, ComputeError> {
        let holdings = Pair::from_fn(|leg| {
            let account = &terms.accounts[leg];
            let holdings = positions::of_account(&*self.blobs, &job.manifests[leg], account)?;
            holdings.ok_or_else(|| ComputeError::new(format!("the frozen book does not hold account {account}")))
        });
        Ok(LinkInputs { holdings: Pair { treasury: holdings.treasury?, futures: holdings.futures? } })
    }

    /// The market and the histories of a job.
    ///
    /// # Errors
    /// Content that is not in the store, or that does not fit together.
    pub(crate) fn assembled(&self, job: &Job) -> Result<Arc<Assembled>, ComputeError> {
        let items = self.items(job.markets.as_ref().map(Some))?;
        items.assemble(job.business_date).map(Arc::new).map_err(ComputeError::new)
    }

    /// The market and the scenarios of the models in force.
    ///
    /// # Errors
    /// Histories that do not give a model's scenarios.
    pub(crate) fn situation(&self, assembled: Arc<Assembled>, business_date: Date) -> Result<Situation, ComputeError> {
        Situation::new(self.models(business_date), assembled, business_date)
    }

    /// The joint margins of portfolios over valued instruments, with at most this reduction.
    ///
    /// # Errors
    /// Positions beyond any real book.
    pub(crate) fn joint_of(
        &self,
        valued: &Valued,
        links: &[LinkPositions],
        cap: Factor,
    ) -> Result<Vec<JointMargin>, ComputeError> {
        let terms = self.terms();
        let margins = joint_margins(&valued.models, links, &terms).map_err(ComputeError::new)?;
        Ok(margins.into_iter().map(|margin| margin.granting_at_most(cap, terms.bounds)).collect())
    }

    /// A margin when at most this is granted, within the arrangement's bounds.
    pub(crate) fn granting_at_most(&self, margin: JointMargin, cap: Factor) -> JointMargin {
        margin.granting_at_most(cap, self.terms().bounds)
    }
}
