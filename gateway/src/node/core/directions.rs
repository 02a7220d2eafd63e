//! Positions that are directed, and what a new book makes of them.

use std::sync::Arc;

use super::{Core, refuse};
use crate::{
    arrangement::cycle_id::CycleId,
    book::direction::{
        Direction,
        account::OfMember,
        expected::expected_cycle,
        item::{ITEMS_MAX, Item, ItemId, Resolution, Settled},
        proposal::Standing,
        reconcile,
    },
    node::{
        accounts::Accounts,
        catalog::Answer,
        entry::Entry,
        input::{DirectionRequest, HeldAgainst, Pending, Reply, RequestError, Waiting},
    },
    problem::Problems,
    request::CallerRequest,
};

impl Core {
    /// Checks positions that are to be directed against everything that is on record or on its way, and records them.
    pub(super) fn direct(&mut self, request: DirectionRequest, reply: Reply<Answer>) {
        let DirectionRequest { key, by, proposal, validate_only } = request;
        let Some(reply) = self.unless_asked_before(&key.request(), reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
        let context = Arc::clone(&self.context);
        let date = self.directions_ahead.base().map_or_else(|| context.today(), |base| base.business_date);
        let accounts = Accounts { registry: &self.registry_ahead, leg: context.us, date };
        let checked = proposal.check(&Standing {
            directions: &self.directions_ahead,
            accounts: &OfMember { directory: &accounts, member: key.member.as_ref() },
            eligible: &context.arrangement.eligible,
            is_opened: &|cycle| self.is_opened(cycle),
        });
        let (business_date, legs) = match checked {
            Ok(checked) => checked,
            Err(problems) => return refuse(reply, problems.into()),
        };
        let now = context.clock.now();
        let opened = self.directions_ahead.opened_on(business_date);
        let expected = expected_cycle(&context.arrangement, context.us, business_date, opened, now);
        if validate_only {
            drop(reply.send(Ok(Answer::Direction { number: 0, recorded_at: None, expected })));
            return;
        }
        let number = self.directions_ahead.last() + 1;
        self.begin(&key.request());
        let direction =
            Arc::new(Direction { number, request: key, business_date, by, recorded_at: now, expected, legs });
        self.directions_ahead.record(Arc::clone(&direction));
        let answer = Answer::of(&direction);
        let entry = Entry::Direction(direction);
        self.append(vec![Pending { entry, version: None, waiting: Waiting::Caller(reply, answer) }]);
    }

    /// Whether this house has opened a cycle, on record or on its way.
    fn is_opened(&self, cycle: CycleId) -> bool {
        let record = self.machine.on_record().cycle(cycle);
        record.is_some_and(|record| record.opened[self.context.us]) || self.opening.contains_key(&cycle)
    }

    /// The items of a book that is about to be recorded: the directions that were recorded since it was checked are put
    /// over it too.
    pub(super) fn items_of(&self, held: HeldAgainst) -> Result<Vec<Item>, Problems> {
        let HeldAgainst { book, differences, fitting, .. } = held;
        let Some(mut fitting) = fitting else { return Ok(Vec::new()) };
        let directions = &self.directions_ahead;
        let (date, through) = (book.business_date, book.directions_through);
        let checked = directions.check_through(date, through, directions.through());
        checked.map_err(|reason| Problems::one("header.directions_through", reason))?;
        for direction in directions.counting(fitting.through(), directions.last()) {
            fitting.take(direction);
        }
        let count = differences.len() + fitting.misfits().len();
        if count > ITEMS_MAX {
            let reason = format!(
                "the positions contradict {count} directed positions or directions, more than {ITEMS_MAX}: check the \
                 file, and directions_through"
            );
            return Err(Problems::one("positions", reason));
        }
        Ok(reconcile::items(&book, &differences, fitting.misfits(), directions.last_item()))
    }

    /// Settles a reconciliation item.
    pub(super) fn resolve(
        &mut self,
        request: CallerRequest,
        item: ItemId,
        by: String,
        note: String,
        reply: Reply<Answer>,
    ) {
        let Some(reply) = self.unless_asked_before(&request, reply) else { return };
        let Some(reply) = self.unless_refusing(reply) else { return };
        match self.directions_ahead.item(item) {
            Some((_, None)) => {}
            Some((_, Some(settled))) => {
                let (by, at) = (&settled.by, settled.at);
                return refuse(reply, RequestError::Precondition(format!("item {item} was settled by {by} at {at}")));
            }
            None => {
                return refuse(reply, RequestError::NotFound(format!("this house has no reconciliation item {item}")));
            }
        }
        let resolution = Resolution { by, at: self.context.clock.now(), note };
        self.directions_ahead.resolve(item, resolution.clone());
        self.begin(&request);
        let entry = Entry::Resolution(Arc::new(Settled { request, item, resolution }));
        let waiting = Waiting::Caller(reply, Answer::Resolution(item));
        self.append(vec![Pending { entry, version: None, waiting }]);
    }
}
