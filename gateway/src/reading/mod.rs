//! What a node's clients read: requirements, cycles and agreements, built from the catalog and the stored figures.

mod adjustment;
pub(crate) mod agreements;
mod amounts;
pub(crate) mod cycles;
pub(crate) mod defaults;
mod differential;
mod explanation;
mod figures;
mod grants;
mod moved;
mod requirements;
mod rules;
mod selected;
mod stand_alone;
mod totals;
mod visibility;

pub(crate) use figures::{Leaves, Reader};
pub(crate) use requirements::Charge;
pub(crate) use rules::Charged;
pub(crate) use visibility::Visibility;

/// Why something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not here; what to do instead.
    #[error("{0}")]
    NotFound(String),
    /// What is stored cannot be read.
    #[error("{0}")]
    Damaged(String),
}

impl ReadError {
    /// A cycle that this house does not know.
    pub(crate) fn unknown_cycle(cycle: crate::arrangement::cycle_id::CycleId) -> Self {
        Self::NotFound(format!("this house knows no cycle {cycle}: `crossmargin cycle list` shows those it knows"))
    }
}
