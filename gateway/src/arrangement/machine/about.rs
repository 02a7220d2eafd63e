//! What a fact is about: who signed it, its cycle, which draft it answers.

use crate::arrangement::{
    cycle_id::CycleId,
    fact::{Draft, Effect, Fact},
    leg::Leg,
};

/// The house that signed a fact for the other one; `None` for what a house records for itself.
pub(super) fn signer_of(fact: &Fact) -> Option<Leg> {
    match fact {
        // The entry of the registry log carries the adoption, and what changes links.
        Fact::Adopted { .. }
        | Fact::LinksChanged { .. }
        | Fact::Book { .. }
        | Fact::CutOff { .. }
        | Fact::Contradiction { .. }
        | Fact::Halted { .. } => None,
        Fact::Registry { by, .. }
        | Fact::Market { by, .. }
        | Fact::Opened { by, .. }
        | Fact::Manifest { by, .. }
        | Fact::Claim { by, .. }
        | Fact::Statement { by, .. }
        | Fact::Declined { by, .. }
        | Fact::Outcome { by, .. }
        | Fact::Recovered { by, .. } => Some(*by),
    }
}

/// The cycle that a fact is about; `None` where it may touch every cycle.
pub(super) fn cycle_of(fact: &Fact) -> Option<CycleId> {
    match fact {
        Fact::Adopted { .. }
        | Fact::Registry { .. }
        | Fact::LinksChanged { .. }
        | Fact::Market { .. }
        | Fact::Book { .. }
        | Fact::Recovered { .. } => None,
        Fact::Opened { cycle, .. }
        | Fact::Manifest { cycle, .. }
        | Fact::Claim { cycle, .. }
        | Fact::Statement { cycle, .. }
        | Fact::Declined { cycle, .. }
        | Fact::CutOff { cycle }
        | Fact::Outcome { cycle, .. }
        | Fact::Contradiction { cycle }
        | Fact::Halted { cycle } => Some(*cycle),
    }
}

/// Whether `fact` is what house `us` was asked to append by `effect`.
pub(super) fn answers(us: Leg, fact: &Fact, effect: &Effect) -> bool {
    let Effect::Append(draft) = effect else { return false };
    match (draft, fact) {
        (Draft::Manifest { cycle: c, revision }, Fact::Manifest { by, cycle, revision: r, .. }) => {
            *by == us && c == cycle && *revision == r.version
        }
        (Draft::Claim { cycle: c, round: r, .. }, Fact::Claim { by, cycle, round, .. })
        | (Draft::Statement { cycle: c, round: r, .. }, Fact::Statement { by, cycle, round, .. })
        | (Draft::Decline { cycle: c, round: r }, Fact::Declined { by, cycle, round }) => {
            *by == us && c == cycle && r == round
        }
        (Draft::CutOff { cycle: c }, Fact::CutOff { cycle }) => c == cycle,
        (Draft::Outcome { cycle: c, outcome: o }, Fact::Outcome { by, cycle, outcome }) => {
            *by == us && c == cycle && o == outcome
        }
        _ => false,
    }
}
