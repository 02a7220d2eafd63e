//! Margins of linked accounts under both houses' models: alone, combined, and what each house then requires.

mod breakdown;
mod error;
mod joint;
mod prepared;

pub use breakdown::{Binding, ChargeAmount, ComponentAmount, CoreBreakdown, Part, TermTails};
pub use error::{MarginError, PrepareError};
pub use joint::{JointMargin, ReductionTerms, joint_margins};
pub use prepared::{DictionaryRow, PreparedModel};

use crate::{
    factor::Factor,
    kernel::{Legs, Position},
    money::Usd,
};

/// The positions of one link: one account at the first house and one at the second, of the same owner.
///
/// There is no way to add two of them or to move a position from one to another: a customer's positions never offset
/// another customer's, nor the house's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPositions {
    first: Vec<Position>,
    second: Vec<Position>,
}

/// The core margins of one link under one house's model, in 1e-8 USD, none below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HouseMargins {
    /// The first house's leg alone.
    pub first_leg_alone: Usd,
    /// The second house's leg alone.
    pub second_leg_alone: Usd,
    /// Both legs as one portfolio, clamped to the sum of the two.
    pub combined: Usd,
}

impl LinkPositions {
    /// The two legs of one link.
    #[must_use]
    pub fn new(first: Vec<Position>, second: Vec<Position>) -> Self {
        Self { first, second }
    }

    /// The same link with more, or for a negative number fewer, units of a row in the second leg: added to what is held
    /// there, so that a charge that nets nothing sees one position.
    #[must_use]
    pub fn with_second(&self, added: Position) -> Self {
        let mut second = self.second.clone();
        match second.iter_mut().find(|held| held.row == added.row) {
            Some(held) => held.units = held.units.saturating_add(added.units),
            None => second.push(added),
        }
        second.retain(|held| held.units != 0);
        Self { first: self.first.clone(), second }
    }

    /// The legs.
    #[must_use]
    pub fn legs(&self) -> Legs<'_> {
        Legs { first: &self.first, second: &self.second }
    }
}

impl HouseMargins {
    /// Margins of two legs, alone and as one portfolio. None is below zero, and the combined one is clamped to the sum
    /// of the others: value at risk is not subadditive, and no member pays for having two accounts.
    #[must_use]
    pub fn new(first_leg_alone: Usd, second_leg_alone: Usd, combined: Usd) -> Self {
        let (first, second) = (first_leg_alone.max(Usd::ZERO), second_leg_alone.max(Usd::ZERO));
        let combined = combined.max(Usd::ZERO).min(first.saturating_add(second));
        Self { first_leg_alone: first, second_leg_alone: second, combined }
    }

    /// The reduction that this model gives: `1 - combined / (first alone + second alone)`.
    #[must_use]
    pub fn factor(&self) -> Factor {
        Factor::of_reduction(self.combined, self.first_leg_alone, self.second_leg_alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_added_to_a_leg_join_what_is_held_there_and_what_comes_to_nothing_leaves() {
        let position = |row, units| Position { row, units };
        let link = LinkPositions::new(vec![position(1, 5)], vec![position(2, -3)]);
        let with = |row, units| link.with_second(position(row, units)).second;
        assert_eq!(with(2, 4), [position(2, 1)]);
        assert_eq!(with(1, 7), [position(2, -3), position(1, 7)]);
        assert_eq!(with(2, 3), []);
        assert_eq!(link.with_second(position(9, 0)), link);
        assert_eq!(link.with_second(position(2, 4)).first, link.first);
    }
}
