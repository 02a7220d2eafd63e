//! A house's own book: the positions of its accounts, versioned.
//!
//! A submission replaces the whole book or amends some accounts, all or nothing. A book never changes: an accepted
//! submission makes the next one, which shares the accounts that did not change.

pub mod columns;
pub(crate) mod frozen;
pub mod intake;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, civil::Date};
use risk::instrument::Instrument;

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
    /// Chosen by the caller, unique for each submission.
    pub request_id: String,
    /// The version of the book that it makes.
    pub version: u64,
    /// The business date of the positions.
    pub business_date: Date,
    /// The instant at which they were taken.
    pub as_of: Timestamp,
    /// What it replaces.
    pub scope: Scope,
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
}

impl Submission {
    /// The book that follows on `before` with this submission.
    #[must_use]
    pub fn apply_to(&self, before: Option<&Book>) -> Book {
        let mut accounts = match (self.scope, before) {
            (Scope::Amendment, Some(book)) => book.accounts.clone(),
            _ => Accounts::new(),
        };
        for account in &self.flat_accounts {
            accounts.remove(account);
        }
        accounts.extend(self.accounts.iter().map(|(account, holdings)| (account.clone(), Arc::clone(holdings))));
        Book { version: self.version, business_date: self.business_date, as_of: self.as_of, accounts }
    }
}
