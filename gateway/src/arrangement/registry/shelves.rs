//! An ordered map that is cheap to copy and to change a little, however large: the copy shares all but what changes.
//!
//! Registries are copied often (a claim keeps the one that it was computed from, a request is tried on a copy) and change
//! by a link or two at a time. The entries stand on shelves of bounded length; a copy shares the shelves, and a change
//! copies the one that it touches.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
};

/// Entries on a shelf, at most: one more and it is cut in two.
const SHELF_ENTRIES_MAX: usize = 512;

/// An ordered map on shared shelves.
#[derive(Clone, Debug)]
pub(super) struct Shelves<K, V> {
    /// The shelves by a key that is not above their first and above every one of the shelf before; none is empty.
    shelves: Arc<BTreeMap<K, Arc<BTreeMap<K, V>>>>,
}

impl<K, V> Default for Shelves<K, V> {
    fn default() -> Self {
        Self { shelves: Arc::default() }
    }
}

impl<K: Ord + Clone, V: Clone> Shelves<K, V> {
    /// The value of a key.
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shelf(key)?.1.get(key)
    }

    /// Whether there is a value.
    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The value of a key, to change.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.shelf(key)?.0.clone();
        let shelf = Arc::make_mut(&mut self.shelves).get_mut::<K>(&place)?;
        Arc::make_mut(shelf).get_mut(key)
    }

    /// Puts a value in the place of a key, and gives the one before.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = self.shelf(&key).map(|(place, _)| place.clone());
        // What comes before every shelf goes on the first one, which is named anew.
        let place = place.or_else(|| self.shelves.keys().next().cloned());
        let shelves = Arc::make_mut(&mut self.shelves);
        let mut shelf = place.and_then(|place| shelves.remove::<K>(&place)).unwrap_or_default();
        let entries = Arc::make_mut(&mut shelf);
        let before = entries.insert(key, value);
        if entries.len() > SHELF_ENTRIES_MAX
            && let Some(middle) = entries.keys().nth(SHELF_ENTRIES_MAX / 2).cloned()
        {
            let upper = entries.split_off::<K>(&middle);
            shelves.insert(middle, Arc::new(upper));
        }
        if let Some(first) = entries.keys().next().cloned() {
            shelves.insert(first, shelf);
        }
        before
    }

    /// Takes a key out.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.shelf(key)?.0.clone();
        let shelves = Arc::make_mut(&mut self.shelves);
        let shelf = Arc::make_mut(shelves.get_mut::<K>(&place)?);
        let removed = shelf.remove(key);
        if shelf.is_empty() {
            shelves.remove::<K>(&place);
        }
        removed
    }

    /// The entries, ascending by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shelves.values().flat_map(|shelf| shelf.iter())
    }

    /// The keys, ascending.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The entries after a key, or all, ascending.
    pub(super) fn after<'a, Q: Ord + ?Sized>(&'a self, after: Option<&Q>) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: Borrow<Q>,
    {
        let first = after.and_then(|key| self.shelf(key)).map(|(place, _)| place.clone());
        let shelves = self.shelves.range::<K, _>((first.as_ref().map_or(Unbounded, Included), Unbounded));
        let shelves: Vec<&'a Arc<BTreeMap<K, V>>> = shelves.map(|(_, shelf)| shelf).collect();
        let mut starts = after.map(|key| (Excluded(key), Unbounded));
        shelves.into_iter().flat_map(move |shelf| match starts.take() {
            // Only the first shelf can hold what is not after the key.
            Some(range) => shelf.range::<Q, _>(range),
            None => shelf.range::<Q, _>((Unbounded, Unbounded)),
        })
    }

    /// The shelf on which a key stands, if it stands anywhere.
    fn shelf<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &BTreeMap<K, V>)>
    where
        K: Borrow<Q>,
    {
        let (place, shelf) = self.shelves.range::<Q, _>((Unbounded, Included(key))).next_back()?;
        Some((place, shelf))
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for Shelves<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for Shelves<K, V> {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_an_ordered_map_holds(
            steps in vec((0..4_000_u32, any::<u8>(), prop::bool::weighted(0.8)), 0..3_000),
            asked in 0..4_200_u32,
        ) {
            let (mut shelves, mut map) = (Shelves::default(), BTreeMap::new());
            for (key, value, is_put) in steps {
                if is_put {
                    prop_assert_eq!(shelves.insert(key, value), map.insert(key, value));
                } else {
                    prop_assert_eq!(shelves.remove(&key), map.remove(&key));
                }
            }
            prop_assert!(shelves.iter().eq(map.iter()));
            prop_assert_eq!(shelves.get(&asked), map.get(&asked));
            prop_assert!(shelves.after(Some(&asked)).eq(map.range((Excluded(asked), Unbounded))));
            prop_assert!(shelves.after::<u32>(None).eq(map.iter()));
            prop_assert!(shelves.shelves.values().all(|shelf| !shelf.is_empty() && shelf.len() <= SHELF_ENTRIES_MAX));
        }

        #[test]
        fn a_copy_does_not_see_what_changes_after_it(keys in vec(0..2_000_u32, 1..1_500), changed in 0..2_000_u32) {
            let mut shelves: Shelves<u32, u32> = Shelves::default();
            keys.iter().for_each(|key| drop(shelves.insert(*key, *key)));
            let copy = shelves.clone();
            let before: Vec<_> = copy.iter().map(|(key, value)| (*key, *value)).collect();
            if let Some(value) = shelves.get_mut(&changed) {
                *value += 1;
            }
            shelves.insert(changed, 7_777);
            shelves.remove(&keys[0]);
            prop_assert!(copy.iter().map(|(key, value)| (*key, *value)).eq(before));
        }
    }

    #[test]
    fn two_that_hold_the_same_are_equal_whatever_their_shelves() {
        let (mut up, mut down) = (Shelves::default(), Shelves::default());
        (0..2_000_u32).for_each(|key| drop(up.insert(key, ())));
        (0..2_000_u32).rev().for_each(|key| drop(down.insert(key, ())));
        assert_eq!(up, down);
        down.remove(&5);
        assert_ne!(up, down);
    }
}
