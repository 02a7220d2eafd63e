//! One link of a claim, computed again from what the claim was computed from.

use jiff::civil::Date;
use risk::{
    factor::Factor,
    margin::{JointMargin, LinkPositions},
};

use crate::{
    analysis::{AnalysisError, claimed::Claimed},
    arrangement::{leg::Pair, link::LinkTerms},
    book::Holding,
    compute::{ComputeError, Computer, LinkInputs, Situation, Valued},
};

/// A link of a claim, computed again.
pub(super) struct LinkCase {
    /// The business date.
    pub(super) business_date: Date,
    /// Its positions.
    pub(super) inputs: LinkInputs,
    /// What they were valued from.
    pub(super) situation: Situation,
    /// Its instruments, valued.
    pub(super) valued: Valued,
    /// Its positions as the kernel takes them.
    pub(super) positions: LinkPositions,
    /// Its margins: those of the claim.
    pub(super) margin: JointMargin,
    /// The margins as they follow from the models and the arrangement's bounds, without the houses' overrides.
    pub(super) following: JointMargin,
    /// The most that the houses' overrides let be granted.
    pub(super) cap: Factor,
}

impl LinkCase {
    /// The link of a claim.
    ///
    /// # Errors
    /// The claim does not hold the link, was computed by another engine, or its inputs are not here or do not give its
    /// figures.
    pub(super) fn of_claim(computer: &Computer, claimed: &Claimed, terms: &LinkTerms) -> Result<Self, AnalysisError> {
        let job = &claimed.job;
        claimed.leaf(&terms.link)?;
        claimed.check_engine()?;
        let inputs = computer.link_inputs(job, terms)?;
        let situation = computer.situation(computer.assembled(job)?, job.business_date)?;
        let (valued, positions, following) = value(computer, &situation, &inputs)?;
        let margin = claimed.confirmed(computer, terms, &following)?;
        let cap = claimed.cap(&terms.link)?;
        Ok(Self { business_date: job.business_date, inputs, situation, valued, positions, margin, following, cap })
    }

    /// What is held in both legs, in the order of the positions of a portfolio of both.
    pub(super) fn holdings(&self) -> impl Iterator<Item = &Holding> {
        let Pair { treasury, futures } = &self.inputs.holdings;
        treasury.iter().chain(futures.iter())
    }
}

/// The positions of one link in a situation: its instruments valued, and its margins without the houses' overrides.
pub(super) fn value(
    computer: &Computer,
    situation: &Situation,
    inputs: &LinkInputs,
) -> Result<(Valued, LinkPositions, JointMargin), ComputeError> {
    let valued = situation.value(&inputs.instruments())?;
    let positions = inputs.positions(&valued)?;
    let margins = computer.joint_of(&valued, std::slice::from_ref(&positions), Factor::ONE)?;
    let margin = margins.into_iter().next().ok_or_else(|| ComputeError::new("a link has no margin"))?;
    Ok((valued, positions, margin))
}
