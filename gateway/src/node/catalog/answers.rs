//! What requests led to: the same request gets the same answer.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    arrangement::{cycle_id::CycleId, digest::Digest},
    book::direction::{Direction, item::ItemId},
    request::{CallerRequest, OtherRequest},
};

/// What an accepted request led to, so that the same request gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A version of the book.
    Book {
        /// The version.
        version: u64,
        /// Accounts in it.
        account_count: u64,
        /// Positions in it.
        position_count: u64,
        /// Reconciliation items that it brought.
        items: Vec<ItemId>,
    },
    /// A version of market data.
    Market(Digest),
    /// An entry of the registry log.
    Changes {
        /// The entry.
        sequence: u64,
    },
    /// A direction.
    Direction {
        /// Its number; 0 for one that was only checked.
        number: u64,
        /// When it was recorded; `None` for one that was only checked.
        recorded_at: Option<Timestamp>,
        /// The cycle in which it is expected to count first.
        expected: Option<CycleId>,
    },
    /// A reconciliation item that was settled.
    Resolution(ItemId),
}

impl Answer {
    /// What a request to direct positions led to.
    #[must_use]
    pub fn of(direction: &Direction) -> Self {
        Self::Direction {
            number: direction.number,
            recorded_at: Some(direction.recorded_at),
            expected: direction.expected,
        }
    }
}

/// Requests that were carried out by id, each with what it asked for.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<String, (Digest, Answer)>);

impl Answers {
    /// The answer to a request that was carried out; `None` where its id is new.
    pub(super) fn to(&self, request: &CallerRequest) -> Result<Option<&Answer>, OtherRequest> {
        match self.0.get(&request.id) {
            None => Ok(None),
            Some((content, answer)) if *content == request.content => Ok(Some(answer)),
            Some(_) => Err(request.is_other()),
        }
    }

    pub(super) fn note(&mut self, request: &CallerRequest, answer: Answer) {
        self.0.insert(request.id.clone(), (request.content, answer));
    }
}
