//! Reconciliation items: where a snapshot and the directions contradict each other.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date};
use risk::instrument::Instrument;

use crate::{
    arrangement::name::{AccountId, MemberId},
    request::CallerRequest,
};

/// Names an item: `R-1`. Counted from 1 per house, in the order of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

/// A contradiction that somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// What contradicts what.
    pub kind: ItemKind,
    /// The business date of the snapshot that brought it to light.
    pub business_date: Date,
    /// The version of the book that the snapshot made.
    pub book_version: u64,
    /// The account.
    pub account: AccountId,
    /// The member that carries it.
    pub member: MemberId,
    /// The instrument.
    pub instrument: Instrument,
    /// What the account should hold: the position before with the directions, or what the leg moves.
    pub expected: i64,
    /// What it holds by the snapshot.
    pub found: i64,
    /// The directions that it is about, ascending; the first [`DIRECTIONS_NAMED_MAX`] of them.
    pub directions: Vec<u64>,
    /// How many directions it is about.
    pub direction_count: u64,
}

/// Directions that one item names, at most; more are counted.
pub const DIRECTIONS_NAMED_MAX: usize = 1_000;
/// Items that one snapshot may bring, at most: one that contradicts more is taken for a wrong file.
pub const ITEMS_MAX: usize = 10_000;

/// What contradicts what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// A snapshot says that it includes directions, and gives another quantity than follows from them. The snapshot
    /// governs.
    Differs,
    /// A direction that the snapshot does not include no longer fits its positions. It is not applied, no leg of it.
    SetAside,
}

/// How an item was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Who: role and certificate of the caller.
    pub by: String,
    /// When, by the clock of the house.
    pub at: Timestamp,
    /// What was found and done.
    pub note: String,
}

/// An item that somebody settles, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The request that led to it.
    pub request: CallerRequest,
    /// The item.
    pub item: ItemId,
    /// How.
    pub resolution: Resolution,
}

/// Why a text names no item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no reconciliation item: R- and a number from 1 is needed, such as R-1")]
pub struct ItemIdError(pub String);

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R-{}", self.0)
    }
}

impl FromStr for ItemId {
    type Err = ItemIdError;

    fn from_str(text: &str) -> Result<Self, ItemIdError> {
        let wrong = || ItemIdError(text.chars().take(32).collect());
        let number: u64 = text.strip_prefix("R-").and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
        // A name is written in one way: no sign, no leading zeros.
        let id = Self(number);
        if number == 0 || id.to_string() != text { Err(wrong()) } else { Ok(id) }
    }
}
