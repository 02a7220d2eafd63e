//! Losing disks and recovering them, and the last second.

use std::sync::atomic::Ordering;

use gateway::arrangement::{
    evidence::Evidence,
    leg::{Leg, Pair},
};

use super::{
    super::{
        checker::Word,
        clock::true_micros,
        last_second::Sprung,
        loss::Left,
        setting::{NAMES, NODES},
    },
    Driver, Later,
};

impl Driver<'_> {
    pub(super) fn is_cut(&self) -> bool {
        self.trace.time.micros() / 1_000 < self.cut_until
    }

    /// Takes note of a cut that a ledger's tripwire has made.
    pub(super) fn note_last_seconds(&mut self) {
        for leg in Leg::BOTH {
            let Some(Sprung { link, cut_off }) = self.sites[leg].disk.tripwire.sprung() else { continue };
            let now = self.trace.time.micros() / 1_000;
            // A clock may be wrong by much: the cut-off is far away then.
            let cut_off = (true_micros(cut_off) / 1_000).clamp(now, now + 120_000);
            let seconds = (cut_off - now) / 1_000 + self.last_second_seconds;
            self.cut(link, seconds);
            self.cut_until = now + seconds * 1_000;
        }
    }

    /// Whether a house may lose its disk now: none has yet, both have begun, and the other holds how it began.
    pub(super) fn may_lose(&self, leg: Leg) -> bool {
        let begun = Pair::from_fn(|leg| self.told.begun_with(leg));
        let (Some(own), Some(_)) = (begun[leg], begun[leg.other()]) else { return false };
        !self.told.has_lost() && self.registry_held(leg) >= own
    }

    /// The newest entry of a house's registry log that the other house holds.
    fn registry_held(&self, leg: Leg) -> u64 {
        let words = self.sites[leg.other()].words();
        let of = |word: &Word| match &word.held.evidence {
            Evidence::RegistryEntry(entry) if word.held.by == leg => Some(entry.sequence),
            _ => None,
        };
        words.iter().filter_map(of).max().unwrap_or(0)
    }

    /// Kills a node and puts what is left in the place of its disk; the operator recovers it later.
    pub(super) fn lose(&mut self, leg: Leg, left: Left, down: u64, recovers_after: u64) {
        self.crash(leg, down);
        self.lives.end(NODES[leg]);
        let lost = self.sites[leg].disk.lose(left);
        let (kept, theirs) = (self.sites[leg].words(), self.sites[leg.other()].words());
        let is_kept = |digest| kept.iter().any(|word| word.held.by == leg && word.held.digest == digest);
        let is_behind = theirs.iter().any(|word| word.held.by == leg && !is_kept(word.held.digest));
        self.trace.add(NAMES[leg], format!("disk: {lost} records are lost; the other house holds more: {is_behind}"));
        self.told.lost(leg, left.ledger.unwrap_or(0), is_behind);
        self.in_seconds(down + recovers_after, Later::Recover(leg));
    }

    /// The operator stops the node and recovers its ledger; both houses see to their disks first.
    pub(super) fn recover(&mut self, leg: Leg) {
        for leg in Leg::BOTH {
            self.sites[leg].disk.blobs.failing_percent.store(0, Ordering::Relaxed);
        }
        self.crash(leg, 0);
        self.lives.end(NODES[leg]);
        self.sites[leg].is_to_recover.store(true, Ordering::Relaxed);
        self.start(leg);
    }
}
