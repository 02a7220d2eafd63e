//! What others read of the cycles.

use jiff::Timestamp;

use super::Core;
use crate::arrangement::{
    cycle_id::{CycleId, Round},
    fact::Fact,
};

impl Core {
    pub(super) fn refresh_all(&mut self) {
        for cycle in self.machine.on_record().cycles().map(|(id, _)| id).collect::<Vec<_>>() {
            self.refresh(cycle);
        }
    }

    pub(super) fn refresh_after(&mut self, facts: &[Fact], recorded_at: Timestamp) {
        for fact in facts {
            match fact {
                Fact::Statement { cycle, .. } => {
                    self.context.catalog.write().note_agreement(fact, self.machine.on_record(), recorded_at);
                    self.refresh(*cycle);
                }
                Fact::Opened { cycle, .. }
                | Fact::Manifest { cycle, .. }
                | Fact::Claim { cycle, .. }
                | Fact::Declined { cycle, .. }
                | Fact::CutOff { cycle }
                | Fact::Outcome { cycle, .. }
                | Fact::Contradiction { cycle }
                | Fact::Halted { cycle } => self.refresh(*cycle),
                // Nobody watching is fine.
                Fact::Registry { .. } => drop(self.context.registry_news.send(())),
                Fact::Adopted { .. }
                | Fact::LinksChanged { .. }
                | Fact::Market { .. }
                | Fact::Book { .. }
                | Fact::Recovered { .. } => {}
            }
        }
    }

    pub(super) fn refresh(&mut self, cycle: CycleId) {
        let us = self.context.us;
        let Some(record) = self.machine.on_record().cycle(cycle).cloned() else { return };
        let manifest = record.manifests[us.other()];
        let complete = manifest.filter(|manifest| self.machine.is_held(&manifest.revision.digest));
        {
            let mut catalog = self.context.catalog.write();
            let view = catalog.cycles.entry(cycle).or_default();
            view.phase = Some(record.phase(us));
            view.is_computing = self.machine.is_computing(cycle);
            if let Some(manifest) = complete {
                view.complete_peer_revision = manifest.revision.version;
            }
            view.record = record;
        }
        // Nobody listening is fine.
        drop(self.context.changes.send(cycle));
    }

    pub(super) fn note(&mut self, cycle: CycleId, topic: &'static str, text: String) {
        let mut catalog = self.context.catalog.write();
        let notes = &mut catalog.cycles.entry(cycle).or_default().notes;
        if text.is_empty() {
            notes.remove(topic);
        } else {
            notes.insert(topic, text);
        }
    }

    pub(super) fn time(&mut self, cycle: CycleId, step: &'static str, round: Round, started: Timestamp) {
        let micros = self.context.clock.now().as_microsecond() - started.as_microsecond();
        self.note_timing(cycle, step, round, u64::try_from(micros).unwrap_or(0));
    }

    pub(super) fn note_timing(&mut self, cycle: CycleId, step: &'static str, round: Round, micros: u64) {
        let now = self.context.clock.now().as_microsecond();
        let mut catalog = self.context.catalog.write();
        catalog.cycles.entry(cycle).or_default().timings.push((step, round, micros, now));
    }
}
