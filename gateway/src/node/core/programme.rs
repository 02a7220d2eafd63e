//! Requests of the programme's administration, and this house's registry log.

use crossmargin::v1;
use jiff::civil::Date;

use super::{Core, refuse};
use crate::{
    arrangement::{
        evidence::{ChangeBatch, Evidence, RegistryContent, RegistryEntry},
        registry::{Asked, ChangeProblem},
    },
    node::{
        catalog::Answer,
        entry::Keeping,
        input::{Reply, Waiting},
    },
    problem::{Collector, Problems},
    request::CallerRequest,
};

/// Bytes of the changes of one registry entry: it must fit a message to the other house with what is around it.
const CHANGES_BYTES_MAX: usize = 3 << 20;

/// Changes that an administrator asks this house to record.
pub(super) struct ProgrammeRequest {
    pub(super) request: CallerRequest,
    pub(super) changes: Vec<v1::ProgrammeChange>,
    /// Who asks: role and certificate.
    pub(super) by: String,
    /// The date at this house.
    pub(super) today: Date,
    /// Whether to check only.
    pub(super) validate_only: bool,
    /// Whether this house derived them itself.
    pub(super) is_derived: bool,
}

impl Core {
    pub(super) fn record_changes(&mut self, asked: ProgrammeRequest, reply: Reply<Answer>) {
        let ProgrammeRequest { request, changes, by, today, validate_only, is_derived } = asked;
        let Some(reply) = self.unless_asked_before(&request, reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
        let size: usize = changes.iter().map(prost::Message::encoded_len).sum();
        if size > CHANGES_BYTES_MAX {
            let text =
                format!("they take {size} bytes, at most {CHANGES_BYTES_MAX} fit one entry; record them in several");
            refuse(reply, Problems::one("changes", text).into());
            return;
        }
        let us = self.context.us;
        let opened = self.machine.on_record().cycles().filter(|(_, cycle)| cycle.opened[us]);
        let last_cycle = opened.map(|(id, _)| id.business_date).max();
        let asked = Asked { on: today, last_cycle, is_derived };
        if let Err(found) = self.registry_ahead.check(us, &changes, asked) {
            refuse(reply, problems(&found).into());
            return;
        }
        if validate_only {
            drop(reply.send(Ok(Answer::Changes { sequence: 0 })));
            return;
        }
        self.begin(&request);
        let keeping = Keeping { request: Some(request), ..Keeping::default() };
        let batch = ChangeBatch { changes, by, at: self.context.clock.now() };
        self.append_registry(RegistryContent::Changes(batch), keeping, |sequence| {
            Waiting::Caller(reply, Answer::Changes { sequence })
        });
    }

    /// Signs the next entry of this house's registry log.
    fn append_registry(&mut self, content: RegistryContent, keeping: Keeping, waiting: impl FnOnce(u64) -> Waiting) {
        let us = self.context.us;
        let (sequence, previous) = self.registry_ahead.next(us);
        let entry = RegistryEntry { sequence, previous, content };
        let held = self.context.sign(Evidence::RegistryEntry(entry.clone()), keeping);
        // Invariant: the content was checked against the log ahead, and the entry continues it.
        if let Err(error) = self.registry_ahead.record(us, &entry, held.digest) {
            tracing::error!(%error, "an entry of this house's registry log does not apply");
        }
        self.append_held(held, waiting(sequence));
    }

    /// The first entry of the registry log: this house adopts the arrangement that it is configured with.
    pub(super) fn adopt_arrangement(&mut self) {
        let may_sign = self.context.catalog.read().refusal_to_sign.is_none();
        if may_sign && self.registry_ahead.sequence(self.context.us) == 0 {
            let content = RegistryContent::Adoption(self.context.arrangement.digest());
            self.append_registry(content, Keeping::default(), |_| Waiting::Nobody);
        }
    }
}

fn problems(found: &[ChangeProblem]) -> Problems {
    let mut problems = Collector::default();
    for problem in found {
        problems.add(format!("changes[{}].{}", problem.row, problem.field), &problem.reason);
    }
    // Invariant: a refused request has at least one problem.
    problems.finish(()).err().unwrap_or_else(|| Problems::one("changes", "are refused"))
}
