//! What margins are computed from, by what is on record.

use std::sync::Arc;

use super::context::Context;
use crate::{
    arrangement::{
        cycle_id::CycleId,
        evidence::Evidence,
        fact::Inputs,
        leg::{Leg, Pair},
    },
    compute::{ComputeError, Job},
};

impl Context {
    /// The computation of a cycle's margins from inputs that are named by digest.
    ///
    /// # Errors
    /// A manifest that is not here.
    pub(crate) fn job(&self, cycle: CycleId, inputs: Inputs) -> Result<Job, ComputeError> {
        let catalog = self.catalog.read();
        let manifest = |leg: Leg| match catalog.by_digest(leg, inputs.manifests[leg]).map(|held| &held.evidence) {
            Some(Evidence::PositionManifest(manifest)) => Ok(manifest.clone()),
            _ => Err(ComputeError::new(format!("manifest {} is not here", inputs.manifests[leg]))),
        };
        let market = |leg: Leg| match catalog.by_digest(leg, inputs.markets[leg]).map(|held| &held.evidence) {
            Some(Evidence::MarketManifest(manifest)) => Ok(manifest.clone()),
            _ => Err(ComputeError::new(format!("market manifest {} is not here", inputs.markets[leg]))),
        };
        Ok(Job {
            business_date: cycle.business_date,
            inputs,
            manifests: Pair { treasury: manifest(Leg::Treasury)?, futures: manifest(Leg::Futures)? },
            markets: Pair { treasury: market(Leg::Treasury)?, futures: market(Leg::Futures)? },
            registry: Arc::clone(&catalog.registry),
        })
    }
}
