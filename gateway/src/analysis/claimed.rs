//! What this house claimed: the round of a cycle, the link of an account, and everything that the claim was computed from.

use std::sync::Arc;

use crossmargin::v1;
use risk::{factor::Factor, model::ENGINE_VERSION};

use super::{AnalysisError, Analyst};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        evidence::Evidence,
        fact::Inputs,
        leaf,
        link::LinkTerms,
        name::{AccountId, LinkId},
    },
    compute::Job,
    reading::{Leaves, Visibility},
};

/// A claim of this house.
pub(super) struct Claimed {
    /// The cycle.
    pub(super) cycle: CycleId,
    /// The round.
    pub(super) round: Round,
    /// What it was computed from.
    pub(super) job: Job,
    /// The engine that computed it.
    pub(super) engine: String,
    /// Its leaves.
    leaves: Arc<Leaves>,
}

impl Claimed {
    /// Refuses a claim that another engine computed: this one would give other digits.
    pub(super) fn check_engine(&self) -> Result<(), AnalysisError> {
        if self.engine == ENGINE_VERSION {
            return Ok(());
        }
        Err(AnalysisError::Precondition(format!(
            "cycle {} was computed by engine {:?}, this node has {ENGINE_VERSION:?}: ask a node with the former",
            self.cycle, self.engine
        )))
    }

    /// The claimed figures of a link.
    ///
    /// # Errors
    /// The claim does not hold it.
    pub(super) fn leaf(&self, link: &LinkId) -> Result<&v1::MarginLeaf, AnalysisError> {
        let Self { cycle, round, .. } = self;
        self.leaves.get(link).ok_or_else(|| {
            AnalysisError::NotFound(format!("this house's claim of cycle {cycle}, round {round}, has no link {link}"))
        })
    }

    /// The most that the houses' overrides let be granted to a link in this claim.
    ///
    /// # Errors
    /// The claim does not hold it.
    pub(super) fn cap(&self, link: &LinkId) -> Result<Factor, AnalysisError> {
        self.leaf(link).map(|leaf| leaf::override_factor(leaf.override_bp))
    }
}

impl Analyst {
    /// The link of an account, at either house, that the caller may see.
    pub(super) fn link_of(&self, account: &AccountId, visibility: &Visibility) -> Result<LinkTerms, AnalysisError> {
        Ok(self.reader.link_of(account, visibility)?)
    }

    /// This house's claim for a round of a cycle: the round in force where none is given, and before an agreement the
    /// newest; the cycle that was claimed on last where none is given.
    pub(super) fn claimed(&self, cycle: Option<CycleId>, round: Option<Round>) -> Result<Claimed, AnalysisError> {
        let cycle = match cycle {
            Some(cycle) => cycle,
            None => self.claimed_before(|_| true).ok_or_else(|| {
                AnalysisError::NotFound("this house has claimed no cycle yet: `crossmargin cycle list`".to_owned())
            })?,
        };
        let us = self.context.us;
        let (round, inputs, engine, leaves) = {
            let catalog = self.context.catalog.read();
            let not_found = |what: String| AnalysisError::NotFound(format!("cycle {cycle}: this house has no {what}"));
            let view = catalog.cycles.get(&cycle).ok_or_else(|| not_found("such cycle".to_owned()))?;
            let record = &view.record;
            let newest = || record.agreement().map(|(round, _)| round).or_else(|| record.claimed_round(us));
            let round = round.or_else(newest).ok_or_else(|| not_found("claim".to_owned()))?;
            let claim = record.rounds.get(&round).and_then(|found| found.claims[us]);
            let claim = claim.ok_or_else(|| not_found(format!("claim in round {round}")))?;
            let held = catalog.by_digest(us, claim.digest).cloned();
            let held = held.ok_or_else(|| not_found(format!("claim in round {round}")))?;
            let Evidence::Claim(evidence) = &held.evidence else {
                return Err(not_found(format!("claim in round {round}")));
            };
            let inputs = Inputs {
                manifests: evidence.inputs.manifests,
                markets: evidence.inputs.market,
                registry: evidence.inputs.registry_sequences,
            };
            (round, inputs, evidence.inputs.engine.clone(), held.keeping.attachment)
        };
        let leaves = leaves.ok_or_else(|| AnalysisError::Damaged(format!("cycle {cycle}: the claim has no leaves")))?;
        let leaves = self.reader.leaves(leaves)?;
        Ok(Claimed { cycle, round, job: self.context.job(cycle, inputs)?, engine, leaves })
    }

    /// Whether a cycle comes before another: by business date, then by the instant of its books.
    pub(super) fn is_before(&self, one: CycleId, other: CycleId) -> bool {
        let catalog = self.context.catalog.read();
        let place =
            |cycle: CycleId| (cycle.business_date, catalog.cycles.get(&cycle).and_then(|view| view.as_of), cycle);
        place(one) < place(other)
    }

    /// The newest cycle that this house claimed on and that fulfils a condition, by when it was opened.
    pub(super) fn claimed_before(&self, is_wanted: impl Fn(CycleId) -> bool) -> Option<CycleId> {
        let us = self.context.us;
        let catalog = self.context.catalog.read();
        let claimed = catalog.cycles.iter().filter(|(_, view)| view.record.claimed_round(us).is_some());
        let wanted = claimed.filter(|(cycle, _)| is_wanted(**cycle));
        wanted.max_by_key(|(cycle, view)| (cycle.business_date, view.as_of, **cycle)).map(|(cycle, _)| *cycle)
    }
}
