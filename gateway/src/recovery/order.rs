//! The steps of a recovery: what was lost, in the order in which it is taken up again.
//!
//! The order itself is a rule of the agreement (`arrangement/machine/recovery.rs`); here it gets its evidence and its times.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::story::{Story, Told};
use crate::arrangement::{cycle_id::CycleId, evidence::Evidence, fact::Fact, machine::recovery};

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
    let us = kept.us;
    let mut seen = BTreeSet::new();
    let fresh = told.into_iter().filter(|told| !kept.has(&told.held) && seen.insert((told.held.by, told.held.digest)));
    let fresh: Vec<(Fact, Told)> = fresh.filter_map(|told| Some((fact_of(kept, &told)?, told))).collect();
    // When each cycle that this house opened, as far as either ledger has it, is cut off.
    let mut cut_offs: BTreeMap<CycleId, Timestamp> = kept.cut_offs.clone();
    for (_, told) in &fresh {
        if let Evidence::CycleOpening(opening) = &told.held.evidence
            && told.held.by == us
        {
            cut_offs.insert(opening.cycle, opening.cut_off);
        }
    }
    let has_come = |told: &Told, cycle: CycleId| cut_offs.get(&cycle).is_some_and(|cut_off| told.at > *cut_off);
    let ordered = kept.machine.in_order(fresh, |(fact, _)| *fact, |(_, told), cycle| has_come(told, cycle));
    let mut over: Vec<CycleId> = Vec::new();
    let mut steps = Vec::with_capacity(ordered.len());
    for step in ordered {
        match step {
            recovery::Step::CutOff(cycle) => over.push(cycle),
            recovery::Step::Evidence((_, told)) => {
                let at = |cycle: &CycleId| cut_offs.get(cycle).map_or(told.at, |cut_off| told.at.min(*cut_off));
                steps.extend(over.drain(..).map(|cycle| Step::CutOff { cycle, at: at(&cycle) }));
                steps.push(Step::Evidence(Box::new(told)));
            }
        }
    }
    steps
}

/// The cycle in which this house signs what is told only while it is not cut off.
pub(super) fn before_cut_off(kept: &Story, told: &Told) -> Option<CycleId> {
    fact_of(kept, told).and_then(|fact| recovery::before_cut_off(kept.us, &fact))
}

/// The fact that a piece of evidence is told as: the last that follows from it, which decides what becomes of all. Every
/// kind of evidence has one.
fn fact_of(kept: &Story, told: &Told) -> Option<Fact> {
    told.held.facts(kept.us).last().copied()
}

#[cfg(test)]
mod tests;
