//! What a ledger holds of the two houses' story, and what is to be added to it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    arrangement::{
        cycle_id::CycleId,
        evidence::{End, Evidence, Recovery},
        leg::Leg,
        machine::{Machine, Rules},
        terms::Arrangement,
    },
    audit::history::{History, Word},
    ledger::Head,
    node::entry::{Entry, Held},
};

/// What the other house holds: one piece of evidence, its signature and form checked.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) held: Held,
    /// When the other house recorded it, by its clock.
    pub(super) at: Timestamp,
}

/// The fold over the records of a ledger, as far as a recovery needs it.
pub(super) struct Story {
    pub(super) us: Leg,
    pub(super) history: History,
    pub(super) machine: Machine,
    /// This house's recoveries.
    pub(super) recoveries: Vec<Recovery>,
    /// When each cycle that this house opened is cut off.
    pub(super) cut_offs: BTreeMap<CycleId, Timestamp>,
}

impl Story {
    pub(super) fn new(us: Leg, arrangement: &Arrangement) -> Self {
        // The bound on what the other house asks for does not matter here: nothing is judged by it.
        let rules = Rules { max_rounds: arrangement.max_rounds, max_requested_cycles: usize::MAX };
        Self {
            us,
            history: History::new(&arrangement.programme),
            machine: Machine::new(us, rules),
            recoveries: Vec::new(),
            cut_offs: BTreeMap::new(),
        }
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// It contradicts what is there: both are named.
    pub(super) fn take(&mut self, sequence: u64, entry: &Entry) -> Result<(), String> {
        for fact in entry.facts(self.us).map_err(|error| error.to_string())? {
            self.machine.replay(&fact);
        }
        match entry {
            Entry::Evidence(held) => self.take_evidence(sequence, held),
            Entry::CutOff { cycle, .. } => {
                self.history.cut_offs.entry(*cycle).or_insert(sequence);
                Ok(())
            }
            Entry::Book(_) | Entry::Contradiction { .. } | Entry::Direction(_) | Entry::Resolution(_) => Ok(()),
        }
    }

    fn take_evidence(&mut self, sequence: u64, held: &Arc<Held>) -> Result<(), String> {
        let word = Word { sequence, held: Arc::clone(held) };
        if let Some(first) = self.history.add(self.us, &word) {
            let (house, kind) = (&held.envelope.house, held.evidence.kind().as_str_name());
            return Err(format!(
                "{house} signed {kind} twice, differently: {} is record {} here, and the other house holds {}",
                first.held.digest, first.sequence, held.digest
            ));
        }
        match &held.evidence {
            Evidence::RegistryEntry(entry) => {
                let recorded = self.history.record(held.by, entry, held.digest);
                let house = &held.envelope.house;
                recorded
                    .map_err(|error| format!("entry {} of the registry log of {house}: {error}", entry.sequence))?;
            }
            Evidence::CycleOpening(opening) if held.by == self.us => {
                self.cut_offs.insert(opening.cycle, opening.cut_off);
            }
            Evidence::Recovery(recovery) if held.by == self.us => self.recoveries.push(recovery.clone()),
            _ => {}
        }
        Ok(())
    }

    /// Whether evidence is on record.
    pub(super) fn has(&self, held: &Held) -> bool {
        self.history.by_digest.contains_key(&(held.by, held.digest))
    }

    /// Whether an earlier recovery names the head as lost.
    pub(super) fn knows_lost(&self, head: Head) -> bool {
        let mut lost = self.recoveries.iter().flat_map(|recovery| &recovery.lost);
        lost.any(|lost| lost.sequence == head.seq.0 && lost.hash.0 == head.hash.0)
    }
}

/// Whether evidence is the word of a house that it fell back, in a cycle.
pub(super) fn fall_back(held: &Held) -> Option<CycleId> {
    match &held.evidence {
        Evidence::Outcome(outcome) if matches!(outcome.end, End::FellBack(_)) => Some(outcome.cycle),
        _ => None,
    }
}
