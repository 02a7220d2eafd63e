//! What the other house's greetings say of both ledgers, and the refusal that may follow.

use crossmargin::v1;

use super::Core;
use crate::{
    arrangement::fact::Fact,
    ledger::{GuardConflict, LedgerError},
    node::heads::{LostWord, OwnWord},
    words::chain,
};

impl Core {
    /// Takes what the other house says of this house's word and of its own, and sends what it lacks of the registry log.
    pub(super) fn greeted(
        &mut self,
        own_word: OwnWord,
        peer_head: Option<&v1::LedgerHead>,
        known_registry_sequence: u64,
    ) {
        let is_held = own_word == OwnWord::Held;
        let unchecked = match own_word {
            OwnWord::Held => None,
            OwnWord::Unknown(unchecked) => Some(unchecked),
            OwnWord::Lost(lost) => {
                self.refuse(lost);
                None
            }
        };
        let (is_refusing, last) = {
            let mut catalog = self.context.catalog.write();
            catalog.unchecked_head = unchecked;
            catalog.is_word_known |= is_held;
            (catalog.refusal_to_sign.is_some(), catalog.registry.sequence(self.context.us))
        };
        if let Some(head) = peer_head {
            self.note_peer_head(head);
        }
        if is_refusing {
            self.unheard = None;
            return;
        }
        if !is_held {
            return;
        }
        // They go before everything else that waits: without them the other house would compute a round without links.
        for sequence in known_registry_sequence.saturating_add(1)..=last {
            self.send(&Fact::Registry { by: self.context.us, sequence });
        }
        self.sign_what_waited();
    }

    /// Signs and records nothing from now on, and has the guard hold the word that is not in the ledger, so that a restart
    /// refuses too: the other house need not answer then.
    fn refuse(&mut self, lost: Box<LostWord>) {
        {
            let mut catalog = self.context.catalog.write();
            if catalog.refusal_to_sign.is_none() {
                tracing::error!(reason = %lost.reason, "ALARM: the node refuses to sign");
                // Before the guard is given the word: nothing is appended behind it.
                catalog.refusal_to_sign = Some(lost.reason.clone());
            }
        }
        if !self.is_guard_given {
            self.is_guard_given = true;
            self.workshop.give_guard(lost);
        }
    }

    /// Tells whether the refusal outlives a restart. A guard that could not be written is given the word again at the next
    /// greeting; until then the refusal stands in this process alone.
    pub(super) fn guard_given(&mut self, lost: &LostWord, result: Result<Option<GuardConflict>, LedgerError>) {
        let text = match result {
            Ok(Some(_)) => "The guard holds that record now: a node that is started again refuses too".to_owned(),
            // It was not in the ledger when it was told. The next start compares them again.
            Ok(None) => "The ledger has that record by now: start the node again".to_owned(),
            Err(error) => {
                self.is_guard_given = false;
                let error = chain(&error);
                format!(
                    "The guard could not be given that record ({error}): a node that is started again refuses only once \
                     the other house is heard"
                )
            }
        };
        let refusal = format!("{}. {text}", lost.reason);
        let mut catalog = self.context.catalog.write();
        if catalog.refusal_to_sign.as_ref() == Some(&refusal) {
            return;
        }
        if self.is_guard_given {
            tracing::warn!(sequence = lost.word.head.seq.0, "{text}");
        } else {
            tracing::error!(sequence = lost.word.head.seq.0, "ALARM: {text}");
        }
        catalog.refusal_to_sign = Some(refusal);
    }

    /// Notes the newest head of the other house's ledger, which that house signed.
    pub(super) fn note_peer_head(&self, head: &v1::LedgerHead) {
        let noted = self.context.catalog.write().note_peer_head(head);
        if let Err(held) = noted {
            tracing::error!(
                sequence = head.sequence,
                held = hex::encode(&held.hash),
                told = hex::encode(&head.hash),
                "ALARM: the other house has signed two different histories of its ledger"
            );
        }
    }
}
