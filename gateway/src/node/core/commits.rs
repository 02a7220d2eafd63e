//! What goes on record, in order, and who waits for it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::{Core, answer, refuse};
use crate::{
    arrangement::{evidence::Evidence, fact::Fact},
    ledger::{Epoch, Ticket},
    node::{
        catalog::BookVersion,
        context::Context,
        entry::{Entry, Held, Keeping},
        input::{Input, Pending, Receipt, RequestError, Waiting},
        links_changed,
    },
};

impl Core {
    pub(super) fn append_evidence(&mut self, evidence: Evidence, keeping: Keeping, waiting: Waiting) {
        let refusal = self.context.catalog.read().refusal_to_sign.clone();
        if let Some(reason) = refusal {
            tracing::error!(%reason, kind = ?evidence.kind(), "not signed");
            waiting.fail(&RequestError::Precondition(reason));
            return;
        }
        let held = self.context.sign(evidence, keeping);
        self.append_held(held, waiting);
    }

    pub(super) fn append_held(&mut self, held: Held, waiting: Waiting) {
        self.append(vec![Pending { entry: Entry::Evidence(Arc::new(held)), version: None, waiting }]);
    }

    pub(super) fn append(&mut self, pending: Vec<Pending>) {
        if let Some(reason) = &self.held {
            for pending in pending {
                tracing::error!(%reason, "not recorded");
                pending.waiting.fail(&RequestError::Precondition(reason.clone()));
            }
            return;
        }
        // As the ledger keeps it, so that a replay tells the same times.
        let now = self.context.clock.now();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let records: Vec<_> =
            pending.iter().map(|pending| pending.entry.to_record(&self.context.parties, now)).collect();
        let count = records.len();
        let ticket = self.context.ledger.append(self.next, Epoch::default(), records);
        self.next = self.next.plus(count);
        // A closed channel means that the node stops: nobody is told, and nothing is acknowledged.
        drop(self.commits.send((pending, now, ticket)));
    }

    pub(super) fn on_durable(&mut self, pending: Pending, recorded_at: Timestamp) {
        let Pending { entry, version, waiting } = pending;
        let mut facts = match entry.facts() {
            Ok(facts) => facts,
            // Invariant: the record was made here from checked parts.
            Err(error) => return tracing::error!(%error, "a record of this node cannot be read"),
        };
        let before = Arc::clone(&self.context.catalog.read().registry);
        self.take_in(&entry, &facts, version, recorded_at);
        let after = Arc::clone(&self.context.catalog.read().registry);
        let us = self.context.us;
        facts.extend(links_changed::fact(&entry, &before, &after, self.machine.on_record(), us));
        self.forget_request(&entry);
        let mut effects = Vec::new();
        for fact in &facts {
            effects.extend(self.machine.on_fact(fact));
        }
        // The record is part of what the rules know before anybody hears of it.
        for fact in &facts {
            if let Some(more) = self.receiving.remove(fact) {
                more.into_iter().for_each(|reply| drop(reply.send(Receipt::Duplicate)));
            }
        }
        self.carry_out(effects);
        self.refresh_after(&facts, recorded_at);
        self.tell_who_opened(&facts);
        self.forget_what_is_over(&facts);
        self.tell_who_cut_off(&facts);
        waiting.tell();
    }

    /// Lets readers see a record.
    fn take_in(&mut self, entry: &Entry, facts: &[Fact], version: Option<BookVersion>, recorded_at: Timestamp) {
        let mut catalog = self.context.catalog.write();
        catalog.apply(entry, facts, version, recorded_at);
        if let Entry::Book(_) = entry {
            self.directions_ahead.forget(catalog.included_by_all());
        }
        drop(catalog);
        if let Entry::Book(_) | Entry::Direction(_) = entry {
            // Nobody listening is fine.
            self.context.directed.send_replace(());
        }
    }

    /// Lets go of what was computed or matched for a cycle that is cut off.
    fn forget_what_is_over(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let Fact::CutOff { cycle } = fact {
                self.computed.retain(|(id, _), _| id != cycle);
                self.matched.retain(|_, (statement, _)| statement.cycle != *cycle);
            }
        }
    }

    /// Answers those who asked for an opening while it was on its way.
    fn tell_who_opened(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let Fact::Opened { by, cycle } = fact
                && *by == self.context.us
            {
                self.opening.remove(cycle).into_iter().flatten().for_each(|reply| answer(Some(reply), Ok(())));
            }
        }
    }

    /// Answers the operators whose cut-off has its outcome on record.
    pub(super) fn tell_who_cut_off(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let Fact::CutOff { cycle } | Fact::Outcome { cycle, .. } = fact {
                let us = self.context.us;
                let record = self.machine.on_record().cycle(*cycle);
                if record.is_some_and(|record| record.is_cut_off && record.outcomes[us].is_some()) {
                    for reply in self.cutting_off.remove(cycle).unwrap_or_default() {
                        answer(Some(reply), Ok(()));
                    }
                }
            }
        }
    }

    pub(super) fn on_ledger_failure(&mut self, pending: Vec<Pending>, error: &str) {
        tracing::error!(%error, "the ledger failed: nothing more is acknowledged or signed; the node stops");
        for pending in pending {
            pending.waiting.fail(&RequestError::Unavailable(format!("the ledger failed: {error}")));
        }
        // The first failure is the cause of all that follow.
        self.context.failure.get_or_init(|| {
            format!("the ledger failed: {error}. Nothing of it was acknowledged; see to the disk before the next start")
        });
        self.context.stop.cancel();
    }
}

impl Waiting {
    fn tell(self) {
        match self {
            Self::Nobody | Self::Done(None) => {}
            Self::Caller(reply, answer) => drop(reply.send(Ok(answer))),
            Self::Done(Some(reply)) => drop(reply.send(Ok(()))),
            Self::Peer(replies, receipt) => {
                replies.into_iter().for_each(|reply| drop(reply.send(receipt.clone())));
            }
        }
    }

    fn fail(self, error: &RequestError) {
        match self {
            Self::Nobody | Self::Done(None) => {}
            Self::Caller(reply, _) => refuse(reply, error.clone()),
            Self::Done(Some(reply)) => refuse(reply, error.clone()),
            // The other house gets no receipt, and delivers again.
            Self::Peer(replies, _) => drop(replies),
        }
    }
}

/// Waits for commits in their order and tells the loop of each.
pub(super) fn spawn_commits(
    context: &Arc<Context>,
    internal: mpsc::UnboundedSender<Input>,
) -> mpsc::UnboundedSender<(Vec<Pending>, Timestamp, Ticket)> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Vec<Pending>, Timestamp, Ticket)>();
    let wait = async move {
        while let Some((pending, recorded_at, ticket)) = receiver.recv().await {
            let result = ticket.await;
            if internal.send(Input::Durable { pending, recorded_at, result }).is_err() {
                return;
            }
        }
    };
    context.tasks.spawn(wait.in_current_span());
    sender
}
