//! Positions that members direct during the day, composed over the house's newest book.
//!
//! At a house whose allocation is *directed*, a member moves a quantity of a contract from a regular account into the
//! linked cross-margin account of the same owner, and back. A book is large and shared, so a direction never changes one:
//! what stands is the book and, over it, the net of the directions that the book's positions do not include yet.
//!
//! Everything here is pure. The same records in the same order give the same state, whatever the clocks said.

pub mod account;
pub mod expected;
pub mod fitting;
pub mod item;
pub mod overlay;
pub mod proposal;
pub mod reconcile;
pub mod record;
pub mod state;
pub mod through;

#[cfg(test)]
mod tests;

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};
use risk::instrument::{Contract, Instrument};

use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        name::{AccountId, MemberId},
    },
    request::{CallerRequest, OF_MEMBER},
};

/// An accepted batch of legs: all of them count, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Its number at this house, counted from 1 without gaps.
    pub number: u64,
    /// The request that led to it.
    pub request: RequestKey,
    /// The business date of the book that it moves positions of.
    pub business_date: Date,
    /// Who directed: role and certificate of the caller.
    pub by: String,
    /// When it was recorded, by the clock of the house. Nothing follows from it.
    pub recorded_at: Timestamp,
    /// The cycle that was named as the first in which it would count; `None` without a schedule.
    pub expected: Option<CycleId>,
    /// What is moved, in order; at least one.
    pub legs: Vec<DirectedLeg>,
}

/// One move from an account to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectedLeg {
    /// The account that gives.
    pub from: AccountId,
    /// The account that takes.
    pub to: AccountId,
    /// What is moved.
    pub contract: Contract,
    /// Contracts, with the sign of the position that is moved; never zero.
    pub quantity: i64,
    /// The member that carries both accounts.
    pub member: MemberId,
}

/// A request by the id that its caller chose. Members choose theirs apart from each other and from the house.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// The member whose administration asked; `None` for the house's own.
    pub member: Option<MemberId>,
    /// The caller's id.
    pub id: String,
    /// What it asked for: see [`content_of`](crate::request::content_of).
    pub content: Digest,
}

impl DirectedLeg {
    /// What is moved, as a position names it.
    #[must_use]
    pub fn instrument(&self) -> Instrument {
        Instrument::Future(self.contract)
    }
}

impl RequestKey {
    /// The request that `member`'s administration, or the house's own, makes.
    #[must_use]
    pub fn of(member: Option<MemberId>, request: &v1::DirectPositionsRequest) -> Self {
        let asked = v1::DirectPositionsRequest { request_id: String::new(), validate_only: false, ..request.clone() };
        let CallerRequest { id, content } = CallerRequest::of(request.request_id.clone(), "DirectPositions", &asked);
        Self { member, id, content }
    }

    /// The request among all of the house.
    #[must_use]
    pub fn request(&self) -> CallerRequest {
        CallerRequest { id: self.text(), content: self.content }
    }

    /// The key among all requests of the house. A name holds no slash and an id of the house's own is shorter than the
    /// words before a member's, so no two keys are written the same.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.member {
            None => self.id.clone(),
            Some(member) => {
                format!("{OF_MEMBER}{member}/{}", self.id)
            }
        }
    }
}
