//! A house's own book: the positions of its accounts, versioned.
//!
//! A submission replaces the whole book or amends some accounts, all or nothing. A book never changes: an accepted
//! submission makes the next one, which shares the accounts that did not change.

pub mod columns;
pub mod direction;
pub(crate) mod frozen;
pub mod intake;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, civil::Date};
use risk::instrument::Instrument;

use self::direction::overlay::Overlay;
use crate::arrangement::name::AccountId;

/// One position: an instrument and a quantity in the instrument's unit, positive long, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding {
    /// The instrument.
    pub instrument: Instrument,
    /// The quantity: USD of face, whole USD, or contracts.
    pub quantity: i64,
}

/// The positions of accounts, ascending by instrument, one holding for each.
pub type Accounts = BTreeMap<AccountId, Arc<[Holding]>>;

/// A version of a house's book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// The version.
    pub version: u64,
    /// The business date of the positions.
    pub business_date: Date,
    /// The instant at which they were taken.
    pub as_of: Timestamp,
    /// Number of the last direction that the positions include; 0 where they include none.
    pub directions_through: u64,
    /// The accounts; one that is not here is flat.
    pub accounts: Accounts,
}

/// What a submission replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole book.
    Full,
    /// The accounts that it names.
    Amendment,
}

/// A checked submission.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The version of the book that it makes.
    pub version: u64,
    /// The business date of the positions.
    pub business_date: Date,
    /// The instant at which they were taken.
    pub as_of: Timestamp,
    /// What it replaces.
    pub scope: Scope,
    /// Number of the last direction that the positions include; 0 where they include none.
    pub directions_through: u64,
    /// The accounts with positions.
    pub accounts: Accounts,
    /// Accounts that become flat.
    pub flat_accounts: Vec<AccountId>,
}

impl Book {
    /// The number of positions.
    #[must_use]
    pub fn position_count(&self) -> u64 {
        self.accounts.values().map(|holdings| holdings.len() as u64).sum()
    }

    /// What an account holds of an instrument; zero where it holds none.
    #[must_use]
    pub fn quantity(&self, account: &AccountId, instrument: Instrument) -> i64 {
        let held = self.accounts.get(account).map_or(&[][..], AsRef::as_ref);
        let place = held.binary_search_by(|holding| holding.instrument.cmp(&instrument));
        place.map_or(0, |place| held[place].quantity)
    }
}

impl Submission {
    /// The book that follows on `before` with this submission. `included` is what the directions move that this
    /// submission includes and `before` does not: an account that an amendment does not name has them in its positions
    /// from now on.
    #[must_use]
    pub fn apply_to(&self, before: Option<&Book>, included: &Overlay) -> Book {
        let mut accounts = match (self.scope, before) {
            (Scope::Amendment, Some(book)) => with_included(book, included),
            _ => Accounts::new(),
        };
        for account in &self.flat_accounts {
            accounts.remove(account);
        }
        accounts.extend(self.accounts.iter().map(|(account, holdings)| (account.clone(), Arc::clone(holdings))));
        Book {
            version: self.version,
            business_date: self.business_date,
            as_of: self.as_of,
            directions_through: self.directions_through,
            accounts,
        }
    }
}

/// The accounts of a book with what directions move.
fn with_included(book: &Book, included: &Overlay) -> Accounts {
    let mut accounts = book.accounts.clone();
    for account in included.accounts() {
        let holdings = included.compose(book, account);
        if holdings.is_empty() {
            accounts.remove(account);
        } else {
            accounts.insert(account.clone(), holdings);
        }
    }
    accounts
}
