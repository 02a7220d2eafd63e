//! After a house lost the end of its record: in which order what the other house tells is taken up, and in which cycles
//! nothing more is signed.
//!
//! The other house's ledger has everything that a house knew when it signed something before that: it had sent it, or was
//! sent it first. What is told there in another order than it happened here is the end of a cycle. This house's own word on
//! it decides: what it says to have come after its cut-off, a statement of the other house, came later; and its cut-off came
//! before everything that it signed knowing of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Machine, Safeguard, Safeguards,
    about::{cycle_of, signer_of},
};
use crate::arrangement::{
    cycle::Cycle,
    cycle_id::{CycleId, Round},
    fact::{Fact, Outcome},
    leg::Leg,
};

/// One record to take up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Evidence that the other house told.
    Evidence(T),
    /// This house's cut-off of a cycle, which its own word or the hour shows. It stands before the evidence that shows it.
    CutOff(CycleId),
}

/// What is told, and the fact that follows from it.
struct Told<T> {
    what: T,
    fact: Fact,
    /// Whether this house's own word, which comes next, says that this came after its cut-off.
    is_late: bool,
}

impl<S: Safeguards> Machine<S> {
    /// The cycles in which this house could still sign: those that it has open, and those of the newest day that the other
    /// house has opened, for its own opening may be among what is gone. A recovery halts them: what was signed there and not
    /// sent nobody knows.
    #[must_use]
    pub fn signable(&self) -> Vec<CycleId> {
        let newest = self.record.cycles().next_back().map(|(id, _)| id.business_date);
        let is_signable = |id: CycleId, cycle: &Cycle| {
            let may_have_opened = cycle.opened[self.us.other()] && Some(id.business_date) == newest;
            !cycle.is_cut_off
                && !cycle.is_halted
                && (self.stop(Safeguard::OpenHalted, cycle.opened[self.us])
                    || self.stop(Safeguard::RequestedHalted, may_have_opened))
        };
        self.record.cycles().filter(|(id, cycle)| is_signable(*id, cycle)).map(|(id, _)| id).collect()
    }

    /// What the other house tells and this house does not have on record, in the order in which it is taken up, with this
    /// house's cut-offs put back. `told` is in the order of the other house's ledger; `fact_of` gives the fact that follows
    /// from a piece, and `has_come` whether the other house recorded it after the time at which this house cuts a cycle off.
    #[must_use]
    pub fn in_order<T>(
        &self,
        told: Vec<T>,
        fact_of: impl Fn(&T) -> Fact,
        has_come: impl Fn(&T, CycleId) -> bool,
    ) -> Vec<Step<T>> {
        let told = told.into_iter().map(|what| Told { fact: fact_of(&what), what, is_late: false }).collect();
        self.with_cut_offs(self.late_behind_the_end(told), has_come)
    }

    /// Puts the other house's statements of a cycle behind this house's word that it fell back there, for had they been
    /// here, it would have been agreed; and the statement of a round next to this house's word that the round was agreed
    /// late.
    fn late_behind_the_end<T>(&self, told: Vec<Told<T>>) -> Vec<Told<T>> {
        // Those that are still to come; so nothing waits in vain.
        let mut awaited: BTreeSet<Ending> =
            told.iter().filter_map(|told| ending(self.us, &told.fact)).filter(|end| self.binds(*end)).collect();
        let mut waiting: BTreeMap<Ending, Vec<Told<T>>> = BTreeMap::new();
        let mut ordered = Vec::with_capacity(told.len());
        for mut told in told {
            if let Fact::Statement { by, cycle, round, .. } = told.fact
                && by != self.us
                && let ends = [Ending::FellBack(cycle), Ending::AgreedLate(cycle, round)]
                && let Some(end) = ends.into_iter().find(|end| awaited.contains(end))
            {
                told.is_late = true;
                waiting.entry(end).or_default().push(told);
                continue;
            }
            let ended = ending(self.us, &told.fact);
            let late = ended.and_then(|end| {
                awaited.remove(&end);
                waiting.remove(&end)
            });
            let late = late.unwrap_or_default();
            match ended {
                Some(Ending::AgreedLate(..)) => {
                    ordered.extend(late);
                    ordered.push(told);
                }
                _ => {
                    ordered.push(told);
                    ordered.extend(late);
                }
            }
        }
        ordered
    }

    /// Whether the word of an end decides where the other house's statements are taken up.
    fn binds(&self, end: Ending) -> bool {
        self.safeguards.stand(match end {
            Ending::FellBack(_) => Safeguard::FallBackStands,
            Ending::AgreedLate(..) => Safeguard::LateStaysLate,
        })
    }

    /// Puts the cut-offs of this house back.
    fn with_cut_offs<T>(&self, told: Vec<Told<T>>, has_come: impl Fn(&T, CycleId) -> bool) -> Vec<Step<T>> {
        let us = self.us;
        // The last thing that this house signs in a cycle before its cut-off.
        let mut last_before: BTreeMap<CycleId, usize> = BTreeMap::new();
        for (at, told) in told.iter().enumerate() {
            if let Some(cycle) = before_cut_off(us, &told.fact) {
                last_before.insert(cycle, at);
            }
        }
        let mut open: BTreeSet<CycleId> = self.record.open_cycles(us).into_iter().collect();
        let mut steps = Vec::with_capacity(told.len());
        for (at, told) in told.into_iter().enumerate() {
            let is_shown = shows_cut_off(us, &told).filter(|_| self.safeguards.stand(Safeguard::EndShowsCutOff));
            let is_over = |cycle: &CycleId| {
                let is_behind = last_before.get(cycle).is_none_or(|last| *last < at);
                let has_come = has_come(&told.what, *cycle) && self.pass(Safeguard::TimelyStaysTimely, is_behind);
                has_come || is_shown == Some(*cycle)
            };
            let over: Vec<CycleId> = open.iter().copied().filter(is_over).collect();
            for cycle in over {
                open.remove(&cycle);
                steps.push(Step::CutOff(cycle));
            }
            if let Fact::Opened { by, cycle } = told.fact
                && by == us
            {
                open.insert(cycle);
            }
            steps.push(Step::Evidence(told.what));
        }
        steps
    }
}

/// How a house ended a cycle once it was cut off, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    /// It fell back: no statement of the other house that agreed with its own was here.
    FellBack(CycleId),
    /// It agreed in a round whose second statement came late.
    AgreedLate(CycleId, Round),
}

/// The word of house `us` of how it ended a cycle after its cut-off.
fn ending(us: Leg, fact: &Fact) -> Option<Ending> {
    match *fact {
        Fact::Outcome { by, cycle, outcome } if by == us => match outcome {
            Outcome::FallenBack(_) => Some(Ending::FellBack(cycle)),
            Outcome::Agreed { round, is_late: true, .. } => Some(Ending::AgreedLate(cycle, round)),
            Outcome::Agreed { is_late: false, .. } => None,
        },
        _ => None,
    }
}

/// The cycle in which house `us` signs this only while it is not cut off.
pub(crate) fn before_cut_off(us: Leg, fact: &Fact) -> Option<CycleId> {
    let is_before = match fact {
        Fact::Opened { .. }
        | Fact::Manifest { .. }
        | Fact::Claim { .. }
        | Fact::Statement { .. }
        | Fact::Declined { .. } => true,
        Fact::Outcome { outcome, .. } => matches!(outcome, Outcome::Agreed { is_late: false, .. }),
        _ => false,
    };
    cycle_of(fact).filter(|_| is_before && signer_of(fact) == Some(us))
}

/// The cycle that house `us` must have cut off before it signed or was sent this.
fn shows_cut_off<T>(us: Leg, told: &Told<T>) -> Option<CycleId> {
    match ending(us, &told.fact) {
        Some(Ending::FellBack(cycle) | Ending::AgreedLate(cycle, _)) => Some(cycle),
        None => cycle_of(&told.fact).filter(|_| told.is_late),
    }
}
