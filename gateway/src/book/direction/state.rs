//! What stands: the directions of the house, and what they make of its newest book.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::civil::Date;
use risk::instrument::Instrument;

use super::{
    Direction,
    item::{Item, ItemId, ItemKind, Resolution},
    overlay::Overlay,
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, CycleKind},
        name::AccountId,
    },
    book::Book,
};

/// The directions of a house over its newest book. Checking and recording a direction cost the logarithm of the number of
/// accounts; no map is ever copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directions {
    /// The newest book of the latest business date: what directions move positions of.
    base: Option<Arc<Book>>,
    /// Those that are kept, ascending without gaps; the last of them is number `last`.
    kept: VecDeque<Arc<Direction>>,
    /// Number of the last direction; 0 before the first.
    last: u64,
    /// The net of those above the base's `directions_through`, without those that are set aside.
    net: Overlay,
    /// Which directions are set aside: the item that says why, and how many cycles had been opened then.
    set_aside: BTreeMap<u64, (ItemId, usize)>,
    /// Cycles in the order in which this house opened them, each with the last direction before its opening.
    openings: Vec<(u64, CycleId)>,
    /// The same cycles by their names, of which the business date comes first.
    opened: BTreeSet<CycleId>,
    items: BTreeMap<ItemId, (Item, Option<Resolution>)>,
}

impl Directions {
    /// Records the next direction. It was checked against this state.
    pub fn record(&mut self, direction: Arc<Direction>) {
        self.last = direction.number;
        self.net.add(&direction);
        self.kept.push_back(direction);
    }

    /// Takes in a version of the book with the items that it brings. One of an earlier business date than the base's brings
    /// items and is no base.
    pub fn accept(&mut self, book: &Arc<Book>, items: &[Item]) {
        self.note(items);
        if self.base.as_ref().is_some_and(|base| base.business_date > book.business_date) {
            return;
        }
        let (before, after) = (self.through(), book.directions_through);
        // After a start from kept records the numbers begin behind those that every kept book includes.
        self.last = self.last.max(after);
        self.base = Some(Arc::clone(book));
        // Whichever is less work: to take back what the book includes, or to add up what it does not.
        if after.saturating_sub(before) < self.last - after {
            let included: Vec<Arc<Direction>> = self.counting(before, after).cloned().collect();
            included.iter().for_each(|direction| self.net.take_back(direction));
        } else {
            self.net = self.counting(after, self.last).map(AsRef::as_ref).collect();
        }
    }

    /// Takes in items. What they set aside counts no more.
    pub fn note(&mut self, items: &[Item]) {
        for item in items {
            if item.kind == ItemKind::SetAside {
                for number in &item.directions {
                    let is_counted = *number > self.through() && !self.set_aside.contains_key(number);
                    if let Some(direction) = self.direction(*number).filter(|_| is_counted).cloned() {
                        self.net.take_back(&direction);
                    }
                    self.set_aside.insert(*number, (item.id, self.openings.len()));
                }
            }
            self.items.insert(item.id, (item.clone(), None));
        }
    }

    /// Settles an item. One that is settled stays as it was.
    pub fn resolve(&mut self, id: ItemId, resolution: Resolution) {
        if let Some((_, resolved)) = self.items.get_mut(&id) {
            resolved.get_or_insert(resolution);
        }
    }

    /// Notes that this house opened a cycle after so many directions.
    pub fn open(&mut self, cycle: CycleId, through: u64) {
        self.openings.push((through, cycle));
        self.opened.insert(cycle);
    }

    /// Lets go of directions of days before the base's that every book includes that can still be frozen: up to `through`.
    /// Those of the day stay, so that a request that is sent again finds its answer.
    pub fn forget(&mut self, through: u64) {
        let Some(today) = self.base.as_ref().map(|base| base.business_date) else { return };
        let is_over = |direction: &Arc<Direction>| direction.number <= through && direction.business_date < today;
        while self.kept.front().is_some_and(is_over) {
            self.kept.pop_front();
        }
        self.set_aside = self.set_aside.split_off(&self.kept.front().map_or(self.last + 1, |first| first.number));
    }

    /// The book that directions are composed over.
    #[must_use]
    pub fn base(&self) -> Option<&Arc<Book>> {
        self.base.as_ref()
    }

    /// Number of the last direction that the base includes; 0 where it includes none.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.directions_through)
    }

    /// Number of the last direction; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The net of the directions that the base does not include.
    #[must_use]
    pub fn net(&self) -> &Overlay {
        &self.net
    }

    /// What an account holds, with the directions.
    #[must_use]
    pub fn held(&self, account: &AccountId, instrument: Instrument) -> i64 {
        let base = self.base.as_ref().map_or(0, |base| base.quantity(account, instrument));
        base + self.net.quantity(account, instrument)
    }

    /// A direction that is kept.
    #[must_use]
    pub fn direction(&self, number: u64) -> Option<&Arc<Direction>> {
        let first = self.kept.front()?.number;
        self.kept.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The kept directions after a number, ascending.
    pub fn after(&self, number: u64) -> impl DoubleEndedIterator<Item = &Arc<Direction>> + Clone {
        let first = self.kept.front().map_or(1, |direction| direction.number);
        let skipped = usize::try_from(number.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.kept.range(skipped.min(self.kept.len())..)
    }

    /// The directions in `(after, through]` that count, ascending.
    pub fn counting(&self, after: u64, through: u64) -> impl Iterator<Item = &Arc<Direction>> {
        let within = self.after(after).take_while(move |direction| direction.number <= through);
        within.filter(|direction| !self.set_aside.contains_key(&direction.number))
    }

    /// What the directions move that positions include which include them up to `through` and which follow on `before`.
    #[must_use]
    pub fn included(&self, before: Option<&Book>, through: u64) -> Overlay {
        let after = before.map_or(0, |book| book.directions_through);
        self.counting(after, through).map(AsRef::as_ref).collect()
    }

    /// What has to be composed over a book of a business date for a cycle that was opened after `through` directions.
    #[must_use]
    pub fn over(&self, book: &Book, through: u64) -> Vec<Arc<Direction>> {
        let of_date = |direction: &&Arc<Direction>| direction.business_date == book.business_date;
        self.counting(book.directions_through, through).filter(of_date).cloned().collect()
    }

    /// The kept directions of a business date before `date`, by the number of the last one.
    #[must_use]
    pub fn last_before(&self, date: Date) -> Option<u64> {
        let earlier = self.kept.partition_point(|direction| direction.business_date < date);
        self.kept.get(earlier.checked_sub(1)?).map(|direction| direction.number)
    }

    /// The first kept direction of a business date after `date`.
    #[must_use]
    pub fn first_after(&self, date: Date) -> Option<u64> {
        let up_to = self.kept.partition_point(|direction| direction.business_date <= date);
        self.kept.get(up_to).map(|direction| direction.number)
    }

    /// The item that says why a direction was set aside; `None` for one that counts.
    #[must_use]
    pub fn set_aside(&self, number: u64) -> Option<ItemId> {
        self.set_aside.get(&number).map(|(item, _)| *item)
    }

    /// The first cycle that this house opened and that a direction counted in; `None` before there is one, and for a
    /// direction that was set aside before.
    #[must_use]
    pub fn first_counted_in(&self, direction: &Direction) -> Option<CycleId> {
        let first = self.openings.partition_point(|(through, _)| *through < direction.number);
        let end = self.set_aside.get(&direction.number).map_or(self.openings.len(), |(_, openings)| *openings);
        let openings = self.openings.get(first..end)?;
        openings.iter().map(|(_, cycle)| *cycle).find(|cycle| cycle.business_date >= direction.business_date)
    }

    /// The cycles of a business date that this house has opened.
    pub fn opened_on(&self, date: Date) -> impl Iterator<Item = CycleId> {
        let first = CycleId { business_date: date, kind: CycleKind::Cur, run: 0 };
        self.opened.range(first..).copied().take_while(move |cycle| cycle.business_date == date)
    }

    /// The items after one, ascending.
    pub fn items_after(&self, id: ItemId) -> impl Iterator<Item = (&Item, Option<&Resolution>)> {
        self.items.range(ItemId(id.0.saturating_add(1))..).map(|(_, (item, resolution))| (item, resolution.as_ref()))
    }

    /// An item.
    #[must_use]
    pub fn item(&self, id: ItemId) -> Option<(&Item, Option<&Resolution>)> {
        self.items.get(&id).map(|(item, resolution)| (item, resolution.as_ref()))
    }

    /// The last item; `ItemId(0)` before the first.
    #[must_use]
    pub fn last_item(&self) -> ItemId {
        self.items.last_key_value().map_or(ItemId(0), |(id, _)| *id)
    }
}
