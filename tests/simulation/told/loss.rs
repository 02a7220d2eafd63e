//! What the loss of a house's disk makes of what its clients were told.

use super::{Inner, Leg, Told};

/// The loss of a house's disk.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    leg: Leg,
    /// The true time in microseconds as of which the copy is.
    copy_at: u64,
    /// Whether the other house holds what the copy does not.
    is_behind: bool,
    recovered_at: Option<u64>,
    /// The content that is gone at both houses, as the recovery named it; `None` where it broke off before it could.
    missing: Option<Vec<String>>,
}

impl Told {
    /// How often what a house's clients know was overtaken by a loss or a recovery.
    pub fn life(&self, leg: Leg) -> u64 {
        self.lock().lives[leg]
    }

    /// A house is set up, with so many entries of its registry log.
    pub fn begun(&self, leg: Leg, sequence: u64) {
        self.lock().begun_with[leg] = Some(sequence);
    }

    /// What a house began with, once it is set up.
    pub fn begun_with(&self, leg: Leg) -> Option<u64> {
        self.lock().begun_with[leg]
    }

    /// Whether a disk was lost.
    pub fn has_lost(&self) -> bool {
        self.lock().loss.is_some()
    }

    /// Whether a house has lost its disk and not recovered.
    pub fn is_lost(&self, leg: Leg) -> bool {
        self.lock().loss.as_ref().is_some_and(|loss| loss.leg == leg && loss.recovered_at.is_none())
    }

    /// Whether a house lacks what the other holds: it must not sign once it has heard it.
    pub fn is_behind(&self, leg: Leg) -> bool {
        self.is_lost(leg) && self.lock().loss.as_ref().is_some_and(|loss| loss.is_behind)
    }

    /// Whether what a house acknowledged at a true time in microseconds must still be there: what it recorded alone, or
    /// had not delivered, between its copy and its recovery is gone.
    pub fn is_kept(&self, leg: Leg, acknowledged_at: u64) -> bool {
        self.lock().loss.as_ref().is_none_or(|loss| {
            let is_since = loss.recovered_at.is_some_and(|recovered| acknowledged_at > recovered);
            loss.leg != leg || acknowledged_at <= loss.copy_at || is_since
        })
    }

    /// A house lost its disk, but for a copy as of a true time in microseconds.
    pub fn lost(&self, leg: Leg, copy_at: u64, is_behind: bool) {
        let mut inner = self.lock();
        inner.loss = Some(Loss { leg, copy_at, is_behind, recovered_at: None, missing: None });
        inner.overtake(leg);
    }

    /// A house has recovered its ledger, and names content that is gone.
    pub fn recovered(&self, leg: Leg, missing: Option<Vec<String>>) {
        let mut inner = self.lock();
        if let Some(loss) = &mut inner.loss {
            loss.missing = missing;
            loss.recovered_at = Some(self.trace.time.micros());
        }
        inner.overtake(leg);
    }

    /// Whether a house's recovery named content of a cycle as gone at both houses.
    pub fn is_missing(&self, leg: Leg, cycle: &str) -> bool {
        let inner = self.lock();
        let Some(loss) = inner.loss.as_ref().filter(|loss| loss.leg == leg) else { return false };
        loss.missing.as_ref().is_none_or(|missing| missing.iter().any(|named| named.contains(cycle)))
    }

    /// Reductions that a house told of before it was recovered, and whose agreement nobody has shown.
    pub fn lost_unbacked(&self) -> Vec<(Leg, String, u32)> {
        let inner = self.lock();
        let shown = |(_, id, round): &&(Leg, String, u32)| !inner.verified.contains_key(&(id.clone(), *round));
        inner.lost_reductions.iter().filter(shown).cloned().collect()
    }
}

impl Inner {
    /// What a house told of up to now may be gone, if it had not delivered it.
    fn overtake(&mut self, leg: Leg) {
        self.lives[leg] += 1;
        self.newest_round.retain(|(of, _), _| *of != leg);
        self.opened.retain(|(of, _)| *of != leg);
        self.cycles.retain(|(of, _), _| *of != leg);
        let verified = &self.verified;
        let lost = &mut self.lost_reductions;
        self.reductions.retain(|(of, id, round), _| {
            let is_lost = *of == leg && !verified.contains_key(&(id.clone(), *round));
            if is_lost {
                lost.insert((*of, id.clone(), *round));
            }
            !is_lost
        });
    }
}
