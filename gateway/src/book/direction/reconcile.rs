//! Holding a new version of the book against the directions: what it must contain, and what no longer fits it.

use std::collections::BTreeMap;

use risk::instrument::Instrument;

use super::{
    Direction,
    fitting::Misfit,
    item::{DIRECTIONS_NAMED_MAX, Item, ItemId, ItemKind},
    overlay::Overlay,
};
use crate::{
    arrangement::name::{AccountId, MemberId},
    book::Book,
};

/// A position that differs from what follows from the book before and the directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    account: AccountId,
    member: MemberId,
    instrument: Instrument,
    expected: i64,
    found: i64,
    directions: Vec<u64>,
    direction_count: u64,
}

/// The positions of `after` that `included`, the directions which it includes and `before` did not, touch and that are not
/// what they make of `before`; ascending by account and instrument.
pub fn differences<'a>(
    before: &Book,
    after: &Book,
    included: impl Iterator<Item = &'a Direction> + Clone,
) -> Vec<Difference> {
    let net: Overlay = included.clone().collect();
    let mut touched: BTreeMap<(&AccountId, Instrument), (&MemberId, Vec<u64>, u64)> = BTreeMap::new();
    for direction in included {
        for leg in &direction.legs {
            for account in [&leg.from, &leg.to] {
                let (_, numbers, count) =
                    touched.entry((account, leg.instrument())).or_insert_with(|| (&leg.member, Vec::new(), 0));
                if numbers.last() != Some(&direction.number) {
                    *count += 1;
                    if numbers.len() < DIRECTIONS_NAMED_MAX {
                        numbers.push(direction.number);
                    }
                }
            }
        }
    }
    let differing = touched.into_iter().filter_map(|((account, instrument), (member, directions, direction_count))| {
        let expected = before.quantity(account, instrument) + net.quantity(account, instrument);
        let found = after.quantity(account, instrument);
        (expected != found).then(|| Difference {
            account: account.clone(),
            member: member.clone(),
            instrument,
            expected,
            found,
            directions,
            direction_count,
        })
    });
    differing.collect()
}

/// The items of a version of the book, numbered after `last`: first what differs, then what is set aside.
#[must_use]
pub fn items(book: &Book, differences: &[Difference], misfits: &[Misfit], last: ItemId) -> Vec<Item> {
    let differing = differences.iter().map(|difference| Item {
        id: ItemId(0),
        kind: ItemKind::Differs,
        business_date: book.business_date,
        book_version: book.version,
        account: difference.account.clone(),
        member: difference.member.clone(),
        instrument: difference.instrument,
        expected: difference.expected,
        found: difference.found,
        directions: difference.directions.clone(),
        direction_count: difference.direction_count,
    });
    let set_aside = misfits.iter().map(|misfit| Item {
        id: ItemId(0),
        kind: ItemKind::SetAside,
        business_date: book.business_date,
        book_version: book.version,
        account: misfit.leg.from.clone(),
        member: misfit.leg.member.clone(),
        instrument: misfit.leg.instrument(),
        expected: misfit.leg.quantity,
        found: misfit.held,
        directions: vec![misfit.number],
        direction_count: 1,
    });
    (last.0 + 1..).zip(differing.chain(set_aside)).map(|(number, item)| Item { id: ItemId(number), ..item }).collect()
}
