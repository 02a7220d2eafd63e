//! A map whose copies share what they have in common: a change to a shared map copies one chunk of it, not the whole.
//!
//! Claims keep the registry that they were computed from, and an entry is tried on a copy of its log. With a hundred
//! thousand links a plain map would be copied whole for each entry.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Most entries of a chunk: the copy of one and the copy of the list of chunks cost about the same at 100,000 entries.
const CHUNK_MAX: usize = 256;

/// An ordered map in chunks. Two maps are equal where their entries are, whatever the chunks.
#[derive(Clone, Debug)]
pub(super) struct ChunkedMap<K, V> {
    /// Ascending; none is empty.
    chunks: Arc<Vec<Arc<BTreeMap<K, V>>>>,
}

impl<K, V> Default for ChunkedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::default() }
    }
}

impl<K: Ord + Clone, V: Clone> ChunkedMap<K, V> {
    /// The place of the chunk in which a key stands, or would stand.
    fn place(&self, key: &K) -> usize {
        let begins_before =
            |chunk: &Arc<BTreeMap<K, V>>| chunk.first_key_value().is_some_and(|(first, _)| first <= key);
        self.chunks.partition_point(begins_before).saturating_sub(1)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.chunks.get(self.place(key))?.get(key)
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key, to change.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if !self.contains_key(key) {
            return None;
        }
        let place = self.place(key);
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(place)?;
        Arc::make_mut(chunk).get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let place = self.place(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(place) else {
            chunks.push(Arc::new(BTreeMap::from([(key, value)])));
            return;
        };
        let chunk = Arc::make_mut(chunk);
        chunk.insert(key, value);
        if chunk.len() > CHUNK_MAX
            && let Some(middle) = chunk.keys().nth(CHUNK_MAX / 2).cloned()
        {
            let upper = chunk.split_off(&middle);
            chunks.insert(place + 1, Arc::new(upper));
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        if !self.contains_key(key) {
            return;
        }
        let place = self.place(key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(place) else { return };
        let chunk = Arc::make_mut(chunk);
        chunk.remove(key);
        if chunk.is_empty() {
            chunks.remove(place);
        }
    }

    /// The entries whose keys come after `after`, ascending; all of them without it.
    pub(super) fn after<'a>(&'a self, after: Option<&K>) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let first = after.map_or(0, |key| self.place(key));
        let mut chunks = self.chunks.iter().skip(first);
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let begun = chunks.next().map(|chunk| chunk.range::<K, _>(range));
        begun.into_iter().flatten().chain(chunks.flat_map(|chunk| chunk.iter()))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.after(None).map(|(key, _)| key)
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for ChunkedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks) || self.after(None).eq(other.after(None))
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for ChunkedMap<K, V> {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u16, u32),
        Change(u16),
        Remove(u16),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = || 0..2_000_u16;
        let step = prop_oneof![
            4 => (key(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
            1 => key().prop_map(Step::Change),
            2 => key().prop_map(Step::Remove),
        ];
        vec(step, 0..3_000)
    }

    fn take(map: &mut ChunkedMap<u16, u32>, plain: &mut BTreeMap<u16, u32>, step: &Step) {
        match step {
            Step::Insert(key, value) => {
                map.insert(*key, *value);
                plain.insert(*key, *value);
            }
            Step::Change(key) => {
                let (ours, theirs) = (map.get_mut(key), plain.get_mut(key));
                assert_eq!(ours.as_deref(), theirs.as_deref());
                ours.into_iter().chain(theirs).for_each(|value| *value = value.wrapping_add(1));
            }
            Step::Remove(key) => {
                map.remove(key);
                plain.remove(key);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_holds_what_a_plain_map_holds_and_a_copy_keeps_what_it_was(steps in steps(), more in steps(), after in 0..2_000_u16) {
            let (mut map, mut plain) = (ChunkedMap::default(), BTreeMap::new());
            steps.iter().for_each(|step| take(&mut map, &mut plain, step));
            let (copy, then) = (map.clone(), plain.clone());
            more.iter().for_each(|step| take(&mut map, &mut plain, step));
            for (map, plain) in [(&copy, &then), (&map, &plain)] {
                prop_assert!(map.after(None).eq(plain.iter()));
                prop_assert!(map.after(Some(&after)).eq(plain.range((Bound::Excluded(after), Bound::Unbounded))));
                prop_assert!((0..2_000).all(|key| map.get(&key) == plain.get(&key)));
                prop_assert!(map.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK_MAX));
            }
        }

        #[test]
        fn maps_of_the_same_entries_are_equal_whatever_their_chunks(steps in steps()) {
            let (mut map, mut plain) = (ChunkedMap::default(), BTreeMap::new());
            steps.iter().for_each(|step| take(&mut map, &mut plain, step));
            let mut ascending = ChunkedMap::default();
            plain.iter().for_each(|(key, value)| ascending.insert(*key, *value));
            prop_assert!(map == ascending);
            ascending.insert(5_000, 1);
            prop_assert!(map != ascending);
        }
    }

    #[test]
    fn a_change_to_a_shared_map_copies_one_chunk() {
        let mut map = ChunkedMap::default();
        (0..100_000_u32).for_each(|key| map.insert(key, key));
        let copy = map.clone();
        if let Some(value) = map.get_mut(&70_000) {
            *value = 0;
        }
        let shared = map.chunks.iter().zip(copy.chunks.iter()).filter(|(ours, theirs)| Arc::ptr_eq(ours, theirs));
        assert_eq!(shared.count(), map.chunks.len() - 1);
        assert_eq!((map.get(&70_000), copy.get(&70_000)), (Some(&0), Some(&70_000)));
    }
}
