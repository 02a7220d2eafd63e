//! Margins computed anew from what a claim names.

use std::sync::Arc;

use super::history::History;
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{Claim, Evidence, MarketManifest, PositionManifest},
        fact,
        leg::{Leg, Pair},
        programme::Rules,
        registry::Registry,
    },
    compute::{Computed, Computer, Job},
};

/// Computes margins anew, once for the same inputs.
pub(crate) struct Recomputer<'a> {
    computer: &'a Computer,
    programme: &'a Rules,
    history: &'a History,
    last: Option<(fact::Inputs, Outcome<Computed>)>,
    registry: Option<(Pair<u64>, Outcome<Registry>)>,
}

/// What came out, or why nothing did.
pub(crate) type Outcome<T> = Result<Arc<T>, String>;

impl<'a> Recomputer<'a> {
    /// Computes from the evidence of a history, under an arrangement with these rules of the programme.
    pub(crate) fn new(computer: &'a Computer, programme: &'a Rules, history: &'a History) -> Self {
        Self { computer, programme, history, last: None, registry: None }
    }

    /// The history that it computes from.
    pub(super) fn history(&self) -> &'a History {
        self.history
    }

    /// The margins that follow from what a claim names.
    ///
    /// # Errors
    /// What is not on record, not in the store, or cannot be valued.
    pub(crate) fn compute(&mut self, claim: &Claim) -> Outcome<Computed> {
        let inputs = &claim.inputs;
        let inputs =
            fact::Inputs { manifests: inputs.manifests, markets: inputs.market, registry: inputs.registry_sequences };
        if let Some((known, computed)) = &self.last
            && *known == inputs
        {
            return computed.clone();
        }
        let registry = self.registry(claim);
        let computed = registry.and_then(|registry| self.job(claim, inputs, registry)).and_then(|job| {
            let computed = self.computer.joint(&job);
            computed.map(Arc::new).map_err(|error| error.to_string())
        });
        self.last = Some((inputs, computed.clone()));
        computed
    }

    fn job(&self, claim: &Claim, inputs: fact::Inputs, registry: Arc<Registry>) -> Result<Job, String> {
        let manifest = |leg: Leg| -> Result<PositionManifest, String> {
            match self.evidence(leg, inputs.manifests[leg]) {
                Some(Evidence::PositionManifest(manifest)) => Ok(manifest.clone()),
                _ => Err(format!("position manifest {} is not on record", inputs.manifests[leg])),
            }
        };
        let market = |leg: Leg| -> Result<MarketManifest, String> {
            match self.evidence(leg, inputs.markets[leg]) {
                Some(Evidence::MarketManifest(manifest)) => Ok(manifest.clone()),
                _ => Err(format!("market manifest {} is not on record", inputs.markets[leg])),
            }
        };
        Ok(Job {
            business_date: claim.cycle.business_date,
            inputs,
            manifests: Pair { treasury: manifest(Leg::Treasury)?, futures: manifest(Leg::Futures)? },
            markets: Pair { treasury: market(Leg::Treasury)?, futures: market(Leg::Futures)? },
            registry,
        })
    }

    /// The links as of the registry entries that a claim names.
    ///
    /// # Errors
    /// A log on record is shorter.
    pub(super) fn registry(&mut self, claim: &Claim) -> Outcome<Registry> {
        let sequences = claim.inputs.registry_sequences;
        if let Some((known, registry)) = &self.registry
            && *known == sequences
        {
            return registry.clone();
        }
        let registry = self.history.registry(self.programme, sequences).map(Arc::new);
        self.registry = Some((sequences, registry.clone()));
        registry
    }

    fn evidence(&self, leg: Leg, digest: Digest) -> Option<&Evidence> {
        self.history.by_digest.get(&(leg, digest)).map(|word| &word.held.evidence)
    }
}
