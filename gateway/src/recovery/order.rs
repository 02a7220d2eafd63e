//! The order in which what was lost is taken up again.
//!
//! The other house's ledger has everything that a house knew when it signed something before that: it had sent it, or was
//! sent it first. What is told there in another order than it happened here is the end of a cycle. This house's own word on
//! it decides: where it fell back, the other house's statement came later; and its cut-off came before everything that it
//! signed knowing of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::story::{Story, Told, fall_back};
use crate::arrangement::{
    cycle_id::CycleId,
    evidence::{End, Evidence},
    leg::Leg,
};

/// One record to take up.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Evidence.
    Evidence(Box<Told>),
    /// This house's cut-off of a cycle, which its own word or the hour shows.
    CutOff {
        /// The cycle.
        cycle: CycleId,
        /// When it was cut off at the latest.
        at: Timestamp,
    },
}

/// What the other house holds and this ledger does not, in the order in which it is taken up.
pub(super) fn steps(kept: &Story, told: Vec<Told>) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    let fresh = told.into_iter().filter(|told| !kept.has(&told.held) && seen.insert((told.held.by, told.held.digest)));
    let fresh = after_fall_backs(kept.us, fresh.collect());
    with_cut_offs(kept, fresh)
}

/// Puts the other house's statements of a cycle behind this house's word that it fell back there: had they been here, it
/// would have been agreed.
fn after_fall_backs(us: Leg, told: Vec<Told>) -> Vec<Told> {
    let mut awaited: BTreeSet<CycleId> =
        told.iter().filter(|told| told.held.by == us).filter_map(|told| fall_back(&told.held)).collect();
    let mut waiting: BTreeMap<CycleId, Vec<Told>> = BTreeMap::new();
    let mut ordered = Vec::with_capacity(told.len());
    for told in told {
        let is_own = told.held.by == us;
        if let Evidence::Statement(statement) = &told.held.evidence
            && !is_own
            && awaited.contains(&statement.cycle)
        {
            waiting.entry(statement.cycle).or_default().push(told);
            continue;
        }
        let ended = fall_back(&told.held).filter(|_| is_own);
        ordered.push(told);
        if let Some(cycle) = ended {
            awaited.remove(&cycle);
            ordered.extend(waiting.remove(&cycle).unwrap_or_default());
        }
    }
    ordered
}

/// Puts the cut-offs of this house back.
fn with_cut_offs(kept: &Story, told: Vec<Told>) -> Vec<Step> {
    let us = kept.us;
    // The last thing that a house signs in a cycle before its cut-off.
    let mut last_before: BTreeMap<CycleId, usize> = BTreeMap::new();
    for (at, told) in told.iter().enumerate().filter(|(_, told)| told.held.by == us) {
        if let Some(cycle) = before_cut_off(&told.held.evidence) {
            last_before.insert(cycle, at);
        }
    }
    let mut open: BTreeMap<CycleId, Timestamp> = kept.cut_offs.clone();
    open.retain(|cycle, _| !kept.history.cut_offs.contains_key(cycle));
    let mut steps = Vec::with_capacity(told.len());
    for (at, told) in told.into_iter().enumerate() {
        let is_shown = shows_cut_off(us, &told);
        let is_over = |(cycle, cut_off): (&CycleId, &Timestamp)| {
            let has_come = told.at > *cut_off && last_before.get(cycle).is_none_or(|last| *last < at);
            (has_come || is_shown == Some(*cycle)).then_some((*cycle, (*cut_off).min(told.at)))
        };
        let over: Vec<(CycleId, Timestamp)> = open.iter().filter_map(is_over).collect();
        for (cycle, at) in over {
            open.remove(&cycle);
            steps.push(Step::CutOff { cycle, at });
        }
        if let Evidence::CycleOpening(opening) = &told.held.evidence
            && told.held.by == us
        {
            open.insert(opening.cycle, opening.cut_off);
        }
        steps.push(Step::Evidence(Box::new(told)));
    }
    steps
}

/// The cycle in which a house signs this only while it is not cut off.
pub(super) fn before_cut_off(evidence: &Evidence) -> Option<CycleId> {
    match evidence {
        Evidence::CycleOpening(_)
        | Evidence::PositionManifest(_)
        | Evidence::Claim(_)
        | Evidence::Statement(_)
        | Evidence::Decline(_) => evidence.cycle(),
        Evidence::Outcome(outcome) => match outcome.end {
            End::Agreed { is_late: false, .. } => Some(outcome.cycle),
            End::Agreed { .. } | End::FellBack(_) => None,
        },
        Evidence::RegistryEntry(_) | Evidence::MarketManifest(_) | Evidence::Recovery(_) => None,
    }
}

/// The cycle that this house must have cut off before it signed this.
fn shows_cut_off(us: Leg, told: &Told) -> Option<CycleId> {
    match &told.held.evidence {
        Evidence::Outcome(outcome) if told.held.by == us => match outcome.end {
            End::Agreed { is_late: false, .. } => None,
            End::Agreed { .. } | End::FellBack(_) => Some(outcome.cycle),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
