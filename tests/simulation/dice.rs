//! Randomness that follows from a seed. Each use has a stream of its own, so that a change of one does not shift the
//! others.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A stream of numbers. A clone goes on with the same stream.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    /// The stream of a use under a seed.
    pub fn of(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("crossmargin simulation dice");
        hasher.update(&seed.to_be_bytes());
        hasher.update(name.as_bytes());
        let mut state = [0; 8];
        hasher.finalize_xof().fill(&mut state);
        Self(Arc::new(Mutex::new(u64::from_be_bytes(state))))
    }

    /// The next number: SplitMix64.
    pub fn roll(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one below the limit, which is above 0.
    pub fn below(&self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// A number of the range, both ends included.
    pub fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True in so many of a hundred cases.
    pub fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// A time of the range in milliseconds.
    pub fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }
}
