//! A cycle as it is read.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::arrangement::{
    cycle::{Cycle, Phase},
    cycle_id::Round,
    fact::FallBackCause,
    registry::Registry,
};

/// A cycle for reading.
#[derive(Clone, Debug, Default)]
pub struct CycleView {
    /// What is on record.
    pub record: Cycle,
    /// Where it stands; `None` before the first fact.
    pub phase: Option<Phase>,
    /// When this house opened it.
    pub opened_at: Option<Timestamp>,
    /// The instant at which its book is frozen.
    pub as_of: Option<Timestamp>,
    /// Its cut-off.
    pub cut_off: Option<Timestamp>,
    /// Number of the last direction before this house opened it: those up to it count.
    pub directions_through: u64,
    /// When the agreement in force was complete here.
    pub agreed_at: BTreeMap<Round, Timestamp>,
    /// When this house recorded first that it falls back, and why; a late agreement takes nothing of it away.
    pub fell_back: Option<(Timestamp, FallBackCause)>,
    /// The registry as it was when the cycle was cut off here, or agreed after that: what is recorded later changes no
    /// charge of it. `None` before the cut-off.
    pub closing_registry: Option<Arc<Registry>>,
    /// Revision of the other house's newest manifest of which everything is here; 0 before the first.
    pub complete_peer_revision: u64,
    /// Whether margins are being computed.
    pub is_computing: bool,
    /// Why something is missing, for an operator.
    pub notes: BTreeMap<&'static str, String>,
    /// How long each step took: step, round, duration in microseconds, end in microseconds since the epoch.
    pub timings: Vec<(&'static str, Round, u64, i64)>,
}
