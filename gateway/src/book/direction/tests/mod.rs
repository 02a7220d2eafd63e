//! Laws and error paths of directed positions.

mod laws;
mod over_books;
mod requests;
mod when;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use jiff::{Timestamp, civil::Date};
use risk::instrument::{Contract, Instrument};

use super::{
    DirectedLeg, Direction, RequestKey,
    account::{AccountDirectory, AccountFacts, LinkStanding, Purpose},
};
use crate::{
    arrangement::{digest::Digest, name::AccountId, terms::Arrangement},
    book::{Book, Holding},
};

pub(super) const DATE: &str = "2026-02-13";
pub(super) const ZN: &str = "FUT:ZN:2026-03";
pub(super) const ZF: &str = "FUT:ZF:2026-03";

/// The default arrangement, read once.
pub(super) static ARRANGEMENT: LazyLock<Arrangement> = LazyLock::new(Arrangement::default);

/// Accounts by name: member, owner, purpose.
#[derive(Default)]
pub(super) struct Directory(BTreeMap<AccountId, AccountFacts>);

impl Directory {
    /// REG and XM of owner C1 at member M1, link L1 open; and more accounts that do not go with them.
    pub(super) fn sample() -> Self {
        let link = |name: &str, standing| Purpose::CrossMargin { link: name.parse().unwrap(), standing };
        let mut directory = Self::default();
        for (account, member, owner, purpose) in [
            ("REG", "M1", "C1", Purpose::Regular),
            ("REG-2", "M1", "C1", Purpose::Regular),
            ("XM-UNLINKED", "M1", "C1", Purpose::Unlinked),
            ("XM-UNLINKED-2", "M1", "C1", Purpose::Unlinked),
            ("XM", "M1", "C1", link("L1", LinkStanding::Open)),
            ("XM-2", "M1", "C1", link("L2", LinkStanding::Open)),
            ("REG-OTHER-OWNER", "M1", "C2", Purpose::Regular),
            ("REG-OTHER-MEMBER", "M2", "C1", Purpose::Regular),
            ("XM-SUSPENDED", "M1", "C1", link("L3", LinkStanding::Suspended)),
            ("XM-CLOSING", "M1", "C1", link("L4", LinkStanding::Closing)),
            ("XM-CLOSED", "M1", "C1", link("L5", LinkStanding::Closed)),
        ] {
            let facts = AccountFacts { member: member.parse().unwrap(), owner: owner.parse().unwrap(), purpose };
            directory.0.insert(account.parse().unwrap(), facts);
        }
        directory
    }
}

impl AccountDirectory for Directory {
    fn facts(&self, account: &AccountId) -> Option<AccountFacts> {
        self.0.get(account).cloned()
    }
}

pub(super) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(super) fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub(super) fn instrument(text: &str) -> Instrument {
    text.parse().unwrap()
}

pub(super) fn contract(text: &str) -> Contract {
    match instrument(text) {
        Instrument::Future(contract) => contract,
        other => panic!("{other} is no future"),
    }
}

/// A book of rows: account, instrument, quantity.
pub(super) fn book(version: u64, business_date: &str, through: u64, rows: &[(&str, &str, i64)]) -> Arc<Book> {
    let mut positions: BTreeMap<AccountId, BTreeMap<Instrument, i64>> = BTreeMap::new();
    for (name, text, quantity) in rows {
        positions.entry(account(name)).or_default().insert(instrument(text), *quantity);
    }
    let holdings = |of_account: BTreeMap<Instrument, i64>| {
        of_account.into_iter().map(|(instrument, quantity)| Holding { instrument, quantity }).collect()
    };
    Arc::new(Book {
        version,
        business_date: date(business_date),
        as_of: Timestamp::UNIX_EPOCH,
        directions_through: through,
        accounts: positions.into_iter().map(|(account, of_account)| (account, holdings(of_account))).collect(),
    })
}

/// A direction of rows: from, to, instrument, quantity.
pub(super) fn direction(number: u64, business_date: &str, rows: &[(&str, &str, &str, i64)]) -> Arc<Direction> {
    let leg = |(from, to, text, quantity): &(&str, &str, &str, i64)| DirectedLeg {
        from: account(from),
        to: account(to),
        contract: contract(text),
        quantity: *quantity,
        member: "M1".parse().unwrap(),
    };
    Arc::new(Direction {
        number,
        request: RequestKey {
            member: None,
            id: format!("request-{number}"),
            content: Digest::of(&number.to_le_bytes()),
        },
        business_date: date(business_date),
        by: "administrator, CN=x".to_owned(),
        recorded_at: Timestamp::UNIX_EPOCH,
        expected: None,
        legs: rows.iter().map(leg).collect(),
    })
}
