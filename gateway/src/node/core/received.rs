//! Evidence of the other house.

use crossmargin::v1;
use tokio::sync::oneshot;

use super::Core;
use crate::{
    arrangement::{
        cycle_id::CycleId,
        evidence::Evidence,
        fact::{Fact, Verdict},
    },
    market,
    node::{
        drafts,
        entry::Held,
        heads,
        input::{Pending, Receipt, Waiting},
    },
};

impl Core {
    pub(super) fn receive(
        &mut self,
        mut held: Held,
        peer_head: Option<v1::LedgerHead>,
        reply: oneshot::Sender<Receipt>,
    ) {
        if self.context.catalog.read().refusal_to_sign.is_some() {
            // No receipt: the other house delivers it again once this house takes records.
            return;
        }
        if held.by == self.context.us {
            drop(reply.send(Receipt::Refused("this house's own evidence comes from this house alone".to_owned())));
            return;
        }
        if let Evidence::MarketManifest(manifest) = &held.evidence
            && let Some(kind) = self.context.arrangement.foreign_item(held.by, manifest)
        {
            let reason = format!("the other house is not the authority of {}", market::kind_name(kind));
            drop(reply.send(Receipt::Refused(reason)));
            return;
        }
        let us = self.context.us;
        if held.recovery().is_some() {
            // From this record on the head that came with it counts, not those that the other house lost.
            held.keeping.peer_head = peer_head;
        } else if let Some(head) = &peer_head {
            self.note_peer_head(head);
        }
        // Invariant: all facts of one piece of evidence share its verdict; the last one decides.
        let Some(fact) = held.facts(us).last().copied() else { return };
        if let Some(waiting) = self.receiving.get_mut(&fact) {
            waiting.push(reply);
            return;
        }
        match self.judge(&held, &fact) {
            Verdict::Duplicate => drop(reply.send(Receipt::Duplicate)),
            Verdict::Refuse(refusal) => drop(reply.send(Receipt::Refused(refusal.to_string()))),
            Verdict::Record => {
                if let Evidence::RegistryEntry(entry) = &held.evidence
                    && let Err(error) = self.registry_ahead.record(held.by, entry, held.digest)
                {
                    drop(reply.send(Receipt::Refused(error.to_string())));
                    return;
                }
                if let Some(recovery) = held.recovery() {
                    let (parties, keys) = (&self.context.parties, &self.context.verifying_keys);
                    let believe = |lost| heads::believe_lost(parties, keys, held.by, lost);
                    if let Some(error) = recovery.lost.iter().find_map(|lost| believe(lost).err()) {
                        drop(reply.send(Receipt::Refused(format!("lost: {error}"))));
                        return;
                    }
                    let (kept, restored) = (recovery.kept.sequence, recovery.restored_count);
                    tracing::error!(
                        kept,
                        restored,
                        "ALARM: the other house lost the end of its ledger behind record {kept} and took up {restored} pieces \
                         of evidence from this house; what it had signed and not sent is gone"
                    );
                    // At once: no record behind this one may have a head that was lost.
                    let told = held.keeping.peer_head.as_ref();
                    if self.context.catalog.write().note_recovery(recovery, told) {
                        self.peer_head_on_record = told.cloned();
                    } else {
                        tracing::error!(
                            "ALARM: the recovery does not account for the newest head that this house holds of the other's \
                             ledger; it will be told that head again"
                        );
                        held.keeping.peer_head = None;
                    }
                }
                self.receiving.insert(fact, Vec::new());
                self.append_held(held, Waiting::Peer(vec![reply], Receipt::Recorded));
            }
            Verdict::Contradiction => {
                let record = self.machine.on_record();
                let is_news = |id: &CycleId| record.cycle(*id).is_none_or(|cycle| !cycle.is_contradicted);
                let touched = self.machine.cycles_touched_by(&fact);
                let cycles: Vec<CycleId> = touched.iter().copied().filter(is_news).collect();
                let is_recorded = self.context.catalog.read().has_contradiction(&held.envelope.payload);
                if is_recorded || (cycles.is_empty() && !touched.is_empty()) {
                    // One contradiction is evidence enough: more of them must not fill the ledger.
                    drop(reply.send(Receipt::Contradiction));
                    return;
                }
                tracing::error!(?fact, "ALARM: the other house contradicts what it signed");
                let first = self.context.catalog.read().what_contradicts(&fact).map(|held| held.envelope.clone());
                let entry = drafts::contradiction(&self.context.parties, first, held.envelope, cycles);
                let waiting = Waiting::Peer(vec![reply], Receipt::Contradiction);
                self.append(vec![Pending { entry, version: None, waiting }]);
            }
        }
    }

    /// What to do with evidence of the other house. That an entry of its registry log has other content than the recorded
    /// one with its number shows in the logs, which the rules do not hold.
    fn judge(&self, held: &Held, fact: &Fact) -> Verdict {
        if let Evidence::RegistryEntry(entry) = &held.evidence
            && let Some(recorded) = self.registry_ahead.entry_digest(held.by, entry.sequence)
            && recorded != held.digest
        {
            return Verdict::Contradiction;
        }
        self.machine.judge(fact)
    }
}
