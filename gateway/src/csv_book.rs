//! A house's book as a CSV file: what `crossmargin submit` reads and what a person can write by hand.
//!
//! The format is strict and small, see `docs/csv-book.md`. [`parse`] takes any bytes and answers with a book or with
//! every problem of the file at once; a book never holds anything that the columns of the wire contract cannot carry.

mod parse;
mod problem;
mod wire;

use std::{collections::HashMap, fmt};

use jiff::civil::Date;
use risk::instrument::{Cusip, Instrument};

pub use parse::parse;
pub use problem::{Field, PROBLEMS_MAX, Problem, Problems, Reason};

/// The header line of the file, without its line end.
pub const HEADER: &str = "account,instrument,quantity,start_date,start_cash,end_date,end_cash";

/// The most rows that one file may hold, ten million: below every index type of the wire contract.
pub const ROWS_MAX: usize = 10_000_000;

/// Positions and repo trades of some accounts of one house, without duplicates.
///
/// Accounts stand in the order in which they first appear; positions and repos in the order of their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    accounts: Vec<String>,
    instruments: Vec<Instrument>,
    positions: Vec<Position>,
    repos: Vec<Repo>,
}

/// A security, future or dollar position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    account: u32,
    instrument: u32,
    /// Positive long, never zero: USD of face (a multiple of 100), whole USD, or contracts.
    pub quantity: i64,
}

/// A repo trade on one Treasury.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repo {
    account: u32,
    /// The collateral.
    pub collateral: Cusip,
    /// USD of collateral face, a multiple of 100, never zero: positive where the account receives the collateral at
    /// the start and lends the cash, negative where it delivers the collateral and borrows the cash.
    pub face: i64,
    /// The legs' dates and cash.
    pub legs: RepoLegs,
}

/// The two legs of a repo trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoLegs {
    /// The date of the start leg.
    pub start: Date,
    /// The cash of the start leg in US cents, positive.
    pub start_cash_cents: i64,
    /// The date of the end leg, later than the start.
    pub end: Date,
    /// The cash of the end leg in US cents, positive.
    pub end_cash_cents: i64,
}

impl Book {
    /// The accounts, in the order in which they first appear.
    #[must_use]
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// Each position with its account and instrument.
    pub fn positions(&self) -> impl ExactSizeIterator<Item = (&str, Instrument, i64)> {
        self.positions.iter().map(|position| {
            let account = self.accounts[index(position.account)].as_str();
            (account, self.instruments[index(position.instrument)], position.quantity)
        })
    }

    /// Each repo trade with its account.
    pub fn repos(&self) -> impl ExactSizeIterator<Item = (&str, &Repo)> {
        self.repos.iter().map(|repo| (self.accounts[index(repo.account)].as_str(), repo))
    }

    /// The positions and repos of the accounts that a predicate chooses: an amendment of just those.
    #[must_use]
    pub fn of_accounts(&self, mut is_chosen: impl FnMut(&str) -> bool) -> Self {
        let mut chosen = BookBuilder::default();
        let keeps: Vec<bool> = self.accounts.iter().map(|account| is_chosen(account)).collect();
        for position in self.positions.iter().filter(|position| keeps[index(position.account)]) {
            let instrument = self.instruments[index(position.instrument)];
            chosen.add_position(&self.accounts[index(position.account)], instrument, position.quantity);
        }
        for repo in self.repos.iter().filter(|repo| keeps[index(repo.account)]) {
            chosen.add_repo(&self.accounts[index(repo.account)], repo.collateral, repo.face, repo.legs);
        }
        chosen.finish()
    }
}

/// The book as a file that [`parse`] reads back to an equal book. Positions come first, then repos.
impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        for (account, instrument, quantity) in self.positions() {
            writeln!(f, "{account},{instrument},{quantity},,,,")?;
        }
        for (account, Repo { collateral, face, legs, .. }) in self.repos() {
            let RepoLegs { start, start_cash_cents, end, end_cash_cents } = *legs;
            writeln!(
                f,
                "{account},REPO:{collateral},{face},{start},{},{end},{}",
                Cents(start_cash_cents),
                Cents(end_cash_cents)
            )?;
        }
        Ok(())
    }
}

/// Builds a book row by row. The caller answers for what [`Book`] promises of its rows; [`parse`] checks them.
#[derive(Debug, Default)]
pub(crate) struct BookBuilder {
    book: Book,
    account_indexes: HashMap<String, u32>,
    instrument_indexes: HashMap<Instrument, u32>,
}

impl BookBuilder {
    /// The account's index, a new one at its first appearance.
    pub(crate) fn account(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.account_indexes.get(name) {
            return known;
        }
        let new = short(self.book.accounts.len());
        self.book.accounts.push(name.to_owned());
        self.account_indexes.insert(name.to_owned(), new);
        new
    }

    /// The instrument's index, a new one at its first appearance.
    pub(crate) fn instrument(&mut self, instrument: Instrument) -> u32 {
        *self.instrument_indexes.entry(instrument).or_insert_with(|| {
            self.book.instruments.push(instrument);
            short(self.book.instruments.len() - 1)
        })
    }

    /// Adds a position by the indexes of its account and instrument.
    pub(crate) fn push_position(&mut self, account: u32, instrument: u32, quantity: i64) {
        self.book.positions.push(Position { account, instrument, quantity });
    }

    /// Adds a repo by the index of its account.
    pub(crate) fn push_repo(&mut self, account: u32, collateral: Cusip, face: i64, legs: RepoLegs) {
        self.book.repos.push(Repo { account, collateral, face, legs });
    }

    /// Adds a position.
    pub(crate) fn add_position(&mut self, account: &str, instrument: Instrument, quantity: i64) {
        let (account, instrument) = (self.account(account), self.instrument(instrument));
        self.push_position(account, instrument, quantity);
    }

    /// Adds a repo trade.
    pub(crate) fn add_repo(&mut self, account: &str, collateral: Cusip, face: i64, legs: RepoLegs) {
        let account = self.account(account);
        self.push_repo(account, collateral, face, legs);
    }

    /// The book.
    pub(crate) fn finish(self) -> Book {
        self.book
    }
}

/// US cents, written as dollars with two decimals.
struct Cents(i64);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

fn index(short: u32) -> usize {
    // A u32 fits every usize that this runs on.
    usize::try_from(short).unwrap_or(usize::MAX)
}

fn short(index: usize) -> u32 {
    // ROWS_MAX bounds every index of a book far below u32::MAX.
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
