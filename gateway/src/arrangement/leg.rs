//! The two sides of an arrangement. A house is known by the leg that it carries; its name is data.

use std::ops::{Index, IndexMut};

/// A leg of a linked portfolio, and the house that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// US Treasury cash and repo.
    Treasury,
    /// Interest-rate futures.
    Futures,
}

impl Leg {
    /// Both legs, the Treasury leg first.
    pub const BOTH: [Self; 2] = [Self::Treasury, Self::Futures];

    /// The other leg.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Treasury => Self::Futures,
            Self::Futures => Self::Treasury,
        }
    }

    /// The leg as configurations and answers name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Treasury => "treasury",
            Self::Futures => "futures",
        }
    }

    /// 0 for the Treasury leg, 1 for the futures leg: the order of every pair in `risk`.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Treasury => 0,
            Self::Futures => 1,
        }
    }
}

/// One value for each leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pair<T> {
    /// Of the Treasury leg or its house.
    pub treasury: T,
    /// Of the futures leg or its house.
    pub futures: T,
}

impl<T> Pair<T> {
    /// Makes each value from its leg.
    pub fn from_fn(mut make: impl FnMut(Leg) -> T) -> Self {
        Self { treasury: make(Leg::Treasury), futures: make(Leg::Futures) }
    }

    /// References to both values.
    pub fn as_ref(&self) -> Pair<&T> {
        Pair { treasury: &self.treasury, futures: &self.futures }
    }

    /// Each value changed.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Pair<U> {
        Pair { treasury: change(self.treasury), futures: change(self.futures) }
    }

    /// The values with their legs, the Treasury leg first.
    pub fn iter(&self) -> impl Iterator<Item = (Leg, &T)> {
        Leg::BOTH.into_iter().map(|leg| (leg, &self[leg]))
    }
}

impl<T> Pair<Option<T>> {
    /// Both values, where both are there.
    pub fn both(self) -> Option<Pair<T>> {
        Some(Pair { treasury: self.treasury?, futures: self.futures? })
    }
}

impl<T> Index<Leg> for Pair<T> {
    type Output = T;

    fn index(&self, leg: Leg) -> &T {
        match leg {
            Leg::Treasury => &self.treasury,
            Leg::Futures => &self.futures,
        }
    }
}

impl<T> IndexMut<Leg> for Pair<T> {
    fn index_mut(&mut self, leg: Leg) -> &mut T {
        match leg {
            Leg::Treasury => &mut self.treasury,
            Leg::Futures => &mut self.futures,
        }
    }
}
