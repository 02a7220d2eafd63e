//! Net changes of positions, to be composed over a book.

use std::{collections::BTreeMap, sync::Arc};

use risk::instrument::Instrument;

use super::Direction;
use crate::{
    arrangement::name::AccountId,
    book::{Book, Holding},
};

/// Net changes by account and instrument; none of them is zero.
///
/// Quantities cannot overflow: what is moved is held, and all positions of a book fit 64 bits together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay(BTreeMap<AccountId, BTreeMap<Instrument, i64>>);

impl Overlay {
    /// Adds what a direction moves.
    pub fn add(&mut self, direction: &Direction) {
        for leg in &direction.legs {
            self.change(&leg.from, leg.instrument(), -leg.quantity);
            self.change(&leg.to, leg.instrument(), leg.quantity);
        }
    }

    /// Takes back what a direction moves.
    pub fn take_back(&mut self, direction: &Direction) {
        for leg in &direction.legs {
            self.change(&leg.from, leg.instrument(), leg.quantity);
            self.change(&leg.to, leg.instrument(), -leg.quantity);
        }
    }

    fn change(&mut self, account: &AccountId, instrument: Instrument, quantity: i64) {
        // An entry that comes to zero goes, so that equal histories have equal states and nothing grows for ever.
        let of_account = self.0.entry(account.clone()).or_default();
        let net = of_account.entry(instrument).or_insert(0);
        *net += quantity;
        if *net == 0 {
            of_account.remove(&instrument);
            if of_account.is_empty() {
                self.0.remove(account);
            }
        }
    }

    /// The net change of one position.
    #[must_use]
    pub fn quantity(&self, account: &AccountId, instrument: Instrument) -> i64 {
        self.0.get(account).and_then(|of_account| of_account.get(&instrument)).copied().unwrap_or(0)
    }

    /// The net changes of an account, ascending by instrument.
    pub fn of_account(&self, account: &AccountId) -> impl Iterator<Item = (Instrument, i64)> {
        self.0.get(account).into_iter().flatten().map(|(instrument, quantity)| (*instrument, *quantity))
    }

    /// The accounts with changes, ascending.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.0.keys()
    }

    /// The holdings of an account in the book with the changes.
    #[must_use]
    pub fn compose(&self, book: &Book, account: &AccountId) -> Arc<[Holding]> {
        let held = book.accounts.get(account);
        let Some(changes) = self.0.get(account) else { return held.map_or_else(|| Arc::from([]), Arc::clone) };
        let mut quantities: BTreeMap<Instrument, i64> =
            held.into_iter().flat_map(|held| held.iter()).map(|held| (held.instrument, held.quantity)).collect();
        for (instrument, quantity) in changes {
            *quantities.entry(*instrument).or_insert(0) += quantity;
        }
        let holdings = quantities.into_iter().filter(|(_, quantity)| *quantity != 0);
        holdings.map(|(instrument, quantity)| Holding { instrument, quantity }).collect()
    }
}

impl<'a> FromIterator<&'a Direction> for Overlay {
    fn from_iter<I: IntoIterator<Item = &'a Direction>>(directions: I) -> Self {
        let mut overlay = Self::default();
        directions.into_iter().for_each(|direction| overlay.add(direction));
        overlay
    }
}
