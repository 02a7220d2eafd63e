//! Evidence of the other house.

use gateway::arrangement::fact::{Fact, Refusal, Verdict};

use super::{Append, House};
use crate::{
    properties as rule, spoken,
    world::{Peer, Receipts, World},
};

impl House {
    /// Evidence of the other house arrives: it is judged, and appended where it is news.
    pub(super) fn receive(&mut self, world: &World, fact: Fact) -> bool {
        let append = match self.machine.judge(&fact) {
            Verdict::Record => Append::Theirs(fact),
            // One contradiction is evidence enough.
            Verdict::Contradiction if self.cycle().is_contradicted || self.denounced.contains(&fact) => return false,
            Verdict::Contradiction => Append::Contradiction(fact),
            Verdict::Duplicate => return false,
            Verdict::Refuse(refusal) => {
                // A gap is filled by what comes first; anything else would never be taken.
                let is_wrong = world.peer == Peer::Honest && refusal != Refusal::LogGap;
                return is_wrong && self.broke.insert(rule::HEARD);
            }
        };
        let is_pending = self.appends.contains(&append);
        match world.receipts {
            _ if is_pending => return false,
            Receipts::InTurn(most) => {
                let is_theirs = |append: &&Append| !matches!(append, Append::Own(_));
                if self.appends.iter().filter(is_theirs).count() >= most {
                    return false;
                }
                self.examine_received(append);
                self.appends.push(append);
            }
            Receipts::AtOnce => {
                self.examine_received(append);
                self.put_on_record(world, append);
            }
        }
        true
    }

    pub(super) fn examine_received(&mut self, append: Append) {
        let Append::Theirs(fact) = append else { return };
        if spoken::signer_of(&fact) != Some(self.us().other()) {
            self.broke.insert(rule::AUTHENTIC);
        }
        if self.is_settled(&fact) {
            self.broke.insert(rule::REPEATED);
        }
        if let Fact::Registry { by, sequence } = fact
            && sequence > self.machine.on_record().registry()[by] + 1
        {
            self.broke.insert(rule::WITHOUT_GAPS);
        }
    }

    /// Whether a fact of the other house, recorded, would leave the record as it is.
    pub(super) fn is_settled(&self, fact: &Fact) -> bool {
        let mut machine = self.machine.clone();
        machine.replay(fact);
        machine.on_record() == self.machine.on_record()
    }
}
