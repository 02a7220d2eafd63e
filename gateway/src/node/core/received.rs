//! Evidence of the other house, and its greetings.

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
        input::{Pending, Receipt, Waiting},
    },
};

impl Core {
    pub(super) fn receive(&mut self, held: Held, reply: oneshot::Sender<Receipt>) {
        if self.held.is_some() {
            // Without a receipt the other house delivers again: the evidence is here once the ledger is whole.
            drop(reply);
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
        // Invariant: all facts of one piece of evidence share its verdict; the last one decides.
        let Some(fact) = held.facts().last().copied() else { return };
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

    /// Compares this house's ledger with its own word to the other house, and sends what the other house lacks.
    pub(super) fn greeted(
        &mut self,
        own_head: Option<v1::LedgerHead>,
        peer_head: Option<v1::LedgerHead>,
        known_registry_sequence: u64,
    ) {
        let us = self.context.us;
        let last = {
            let mut catalog = self.context.catalog.write();
            let told = own_head.map_or(0, |head| head.sequence);
            let held = catalog.own_head().sequence;
            if told > held && catalog.refusal_to_sign.is_none() {
                let reason = format!(
                    "the other house holds this house's word up to record {told}, but the ledger ends at {held}: it lost \
                     its tail. Nothing is signed. Put back the newest copy of the ledger and run `crossmargin ledger verify \
                     --config FILE --other DIR`; see docs/ledger.md, \"Restoring\""
                );
                tracing::error!(%reason, "ALARM: the node refuses to sign");
                catalog.refusal_to_sign = Some(reason);
            }
            let is_newer =
                |head: &v1::LedgerHead| catalog.peer_head.as_ref().is_none_or(|h| h.sequence < head.sequence);
            if let Some(head) = peer_head.filter(is_newer) {
                catalog.peer_head = Some(head);
            }
            catalog.registry.sequence(us)
        };
        // They go before everything else that waits: without them the other house would compute a round without links.
        for sequence in known_registry_sequence.saturating_add(1)..=last {
            self.send(&Fact::Registry { by: us, sequence });
        }
    }
}
