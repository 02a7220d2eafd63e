//! The trees behind this house's claims: kept while they are fresh, built again from the store after a restart.

use std::sync::Arc;

use super::context::Context;
use crate::{
    arrangement::{digest::Digest, evidence::Evidence, tree::MarginTree},
    compute::{ComputeError, Computer},
};

/// Trees that are kept.
const TREES_KEPT: usize = 8;

/// Trees by the digest of their leaves.
#[derive(Debug, Default)]
pub(crate) struct Trees(Vec<(Digest, Arc<MarginTree>)>);

impl Trees {
    /// Keeps a tree, and lets the oldest go.
    pub(crate) fn keep(&mut self, leaves: Digest, tree: Arc<MarginTree>) {
        self.0.retain(|(digest, _)| *digest != leaves);
        if self.0.len() >= TREES_KEPT {
            self.0.remove(0);
        }
        self.0.push((leaves, tree));
    }

    fn get(&self, leaves: Digest) -> Option<Arc<MarginTree>> {
        self.0.iter().find(|(digest, _)| *digest == leaves).map(|(_, tree)| Arc::clone(tree))
    }
}

/// The tree behind one of this house's claims. Reads the store: not for an async thread.
///
/// # Errors
/// When this house made no such claim, or its leaves cannot be read.
pub(crate) fn of_claim(context: &Context, claim: Digest) -> Result<Arc<MarginTree>, ComputeError> {
    let leaves = {
        let catalog = context.catalog.read();
        let held = catalog.by_digest(context.us, claim);
        let held = held.filter(|held| matches!(held.evidence, Evidence::Claim(_)));
        held.and_then(|held| held.keeping.attachment)
    };
    let leaves = leaves.ok_or_else(|| ComputeError::new(format!("this house made no claim {claim}")))?;
    of_leaves(context, leaves)
}

/// The tree over stored leaves.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn of_leaves(context: &Context, leaves: Digest) -> Result<Arc<MarginTree>, ComputeError> {
    if let Some(tree) = context.trees.read().get(leaves) {
        return Ok(tree);
    }
    let tree = Arc::new(Computer::tree_of(context.computer.read_leaves(leaves)?)?);
    context.trees.write().keep(leaves, Arc::clone(&tree));
    Ok(tree)
}
