//! Whether directions still fit a book that was made without them.

use std::{collections::BTreeMap, sync::Arc};

use risk::instrument::Instrument;

use super::{DirectedLeg, Direction, overlay::Overlay};
use crate::{arrangement::name::AccountId, book::Book};

/// The first leg of a direction that moves more than its source holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The direction.
    pub number: u64,
    /// The leg.
    pub leg: DirectedLeg,
    /// What the source holds when its turn comes.
    pub held: i64,
}

/// Directions put over a book one after another, in their order.
#[derive(Clone, Debug)]
pub struct Fitting {
    book: Arc<Book>,
    net: Overlay,
    misfits: Vec<Misfit>,
    through: u64,
}

impl Fitting {
    /// Begins with a book and none of the directions that it does not include.
    #[must_use]
    pub fn new(book: Arc<Book>) -> Self {
        let through = book.directions_through;
        Self { book, net: Overlay::default(), misfits: Vec::new(), through }
    }

    /// Puts the next direction over the book, or keeps it as one that does not fit: then no leg of it counts, and those
    /// after it are looked at without it.
    pub fn take(&mut self, direction: &Direction) {
        self.through = direction.number;
        let held = |account: &AccountId, instrument: Instrument| {
            self.book.quantity(account, instrument) + self.net.quantity(account, instrument)
        };
        match first_misfit(&direction.legs, held) {
            Some((leg, held)) => self.misfits.push(Misfit { number: direction.number, leg: leg.clone(), held }),
            None => self.net.add(direction),
        }
    }

    /// The last direction that was looked at.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Those that do not fit, ascending.
    #[must_use]
    pub fn misfits(&self) -> &[Misfit] {
        &self.misfits
    }
}

/// The first leg, and its source's holding, where the source holds less than it moves when its turn comes.
fn first_misfit(legs: &[DirectedLeg], held: impl Fn(&AccountId, Instrument) -> i64) -> Option<(&DirectedLeg, i64)> {
    let mut moved = Moved::default();
    legs.iter().find_map(|leg| {
        let before = moved.before(leg, &held);
        moved.add(leg);
        (!is_covered(before, leg.quantity)).then_some((leg, before))
    })
}

/// Whether a position has at least the quantity that is moved out of it, with its sign.
#[must_use]
pub fn is_covered(held: i64, quantity: i64) -> bool {
    held.signum() == quantity.signum() && held.unsigned_abs() >= quantity.unsigned_abs()
}

/// What the legs of one batch have moved so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moved<'a>(BTreeMap<(&'a AccountId, Instrument), i64>);

impl<'a> Moved<'a> {
    /// What the source of a leg holds before it.
    pub(crate) fn before(&self, leg: &DirectedLeg, held: impl Fn(&AccountId, Instrument) -> i64) -> i64 {
        let moved = self.0.get(&(&leg.from, leg.instrument())).copied().unwrap_or(0);
        held(&leg.from, leg.instrument()).saturating_add(moved)
    }

    pub(crate) fn add(&mut self, leg: &'a DirectedLeg) {
        // Saturating: a leg that does not fit may name any quantity.
        let from = self.0.entry((&leg.from, leg.instrument())).or_insert(0);
        *from = from.saturating_sub(leg.quantity);
        let to = self.0.entry((&leg.to, leg.instrument())).or_insert(0);
        *to = to.saturating_add(leg.quantity);
    }
}
