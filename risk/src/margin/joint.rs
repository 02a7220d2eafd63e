//! What two houses agree on for one link: factors, the applied factor, requirements.

use serde::{Deserialize, Serialize};

use super::{HouseMargins, LinkPositions, MarginError, PreparedModel};
use crate::{
    factor::{Factor, FactorBounds},
    money::Usd,
};

/// On what terms an arrangement grants reductions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReductionTerms {
    /// The largest and the smallest reduction granted.
    pub bounds: FactorBounds,
    /// Lower the applied factor as far as needed for the two requirements to reach the larger of the two combined
    /// margins. Where even the stand-alone margins do not reach it, nothing is granted.
    #[serde(default)]
    pub floor_at_combined: bool,
}

/// What two houses agree on for one link. Index 0 is the first house, 1 the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JointMargin {
    /// The margins under each house's model.
    pub by_house: [HouseMargins; 2],
    /// The reduction that each house's model gives.
    pub factors: [Factor; 2],
    /// The reduction that both apply.
    pub applied: Factor,
    /// What each house would charge without the other: its own leg under its own model, rounded up to the cent.
    pub stand_alone: [Usd; 2],
    /// What each house charges for the core: `(1 - applied)` times that, rounded up to the cent.
    pub requirements: [Usd; 2],
    /// What each house charges on its own leg outside the core, whatever the reduction, rounded up to the cent.
    pub charges: [Usd; 2],
    /// Stand-alone charges less requirements, of both houses together.
    pub savings: Usd,
    /// By how much the two requirements stay below the larger of the two combined margins; zero where they reach it.
    pub shortfall: Usd,
}

/// The joint margins of a block of links, in their order.
///
/// It runs in the calling thread. Use several by giving each a part of the links, of some hundred at a time; no
/// division of the links changes a digit.
///
/// # Errors
/// A position whose row the matrices lack, or positions beyond any real book; an index in the error is the link's in the
/// block.
pub fn joint_margins(
    models: &[PreparedModel; 2],
    links: &[LinkPositions],
    terms: &ReductionTerms,
) -> Result<Vec<JointMargin>, MarginError> {
    let first = models[0].margins(links)?;
    let second = models[1].margins(links)?;
    let margins = links.iter().zip(first.into_iter().zip(second)).map(|(link, (first, second))| {
        let charges = [models[0].outside(&link.first)?, models[1].outside(&link.second)?];
        Ok(JointMargin::new([first, second], charges, terms))
    });
    margins.collect()
}

impl JointMargin {
    /// The joint margin that follows from both houses' margins and their charges outside the core.
    #[must_use]
    pub fn new(by_house: [HouseMargins; 2], charges: [Usd; 2], terms: &ReductionTerms) -> Self {
        let factors = by_house.map(|margins| margins.factor());
        let mut lesser = factors[0].min(factors[1]);
        if terms.floor_at_combined {
            let [first, second] = own_legs(&by_house);
            lesser = lesser.min(Factor::of_reduction(larger_combined(&by_house), first, second));
        }
        Self::at_factor(by_house, charges, Factor::applied(lesser, lesser, terms.bounds))
    }

    /// The same margins when at most `most` is granted, as a house may decide; nothing where that is below the smallest
    /// that the arrangement grants. More than the applied factor changes nothing.
    #[must_use]
    pub fn granting_at_most(self, most: Factor, bounds: FactorBounds) -> Self {
        Self::at_factor(self.by_house, self.charges, Factor::applied(self.applied, most, bounds))
    }

    /// What each house requires in all: its reduced core and its charges outside the core.
    #[must_use]
    pub fn totals(&self) -> [Usd; 2] {
        [0, 1].map(|house| self.requirements[house].saturating_add(self.charges[house]))
    }

    fn at_factor(by_house: [HouseMargins; 2], charges: [Usd; 2], applied: Factor) -> Self {
        let alone = own_legs(&by_house);
        let stand_alone = alone.map(Usd::ceil_to_cent);
        let requirements = alone.map(|alone| applied.requirement(alone));
        let total = requirements[0].saturating_add(requirements[1]);
        Self {
            by_house,
            factors: by_house.map(|margins| margins.factor()),
            applied,
            stand_alone,
            requirements,
            charges: charges.map(Usd::ceil_to_cent),
            savings: stand_alone[0].saturating_add(stand_alone[1]).saturating_sub(total),
            shortfall: larger_combined(&by_house).saturating_sub(total).max(Usd::ZERO),
        }
    }
}

/// Each house's own leg under its own model.
fn own_legs(by_house: &[HouseMargins; 2]) -> [Usd; 2] {
    [by_house[0].first_leg_alone, by_house[1].second_leg_alone]
}

fn larger_combined(by_house: &[HouseMargins; 2]) -> Usd {
    by_house[0].combined.max(by_house[1].combined)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_CHARGES: [Usd; 2] = [Usd::ZERO; 2];

    fn usd(cents: i64) -> Usd {
        Usd::from_cents(cents)
    }

    fn house(first: i64, second: i64, combined: i64) -> HouseMargins {
        HouseMargins::new(usd(first), usd(second), usd(combined))
    }

    #[test]
    fn each_house_charges_its_own_leg_at_the_lesser_factor() {
        let margin = JointMargin::new(
            [house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)],
            NO_CHARGES,
            &ReductionTerms::default(),
        );
        assert_eq!(margin.factors.map(Factor::basis_points), [5_000, 6_000]);
        assert_eq!(margin.applied.basis_points(), 5_000);
        assert_eq!(margin.stand_alone, [usd(10_000), usd(4_000)]);
        assert_eq!(margin.requirements, [usd(5_000), usd(2_000)]);
        assert_eq!(margin.savings, usd(7_000));
        // The larger combined margin is 80.00 by the first house; the requirements come to 70.00.
        assert_eq!(margin.shortfall, usd(1_000));
    }

    #[test]
    fn the_floor_closes_the_shortfall_or_grants_nothing() {
        let terms = ReductionTerms { floor_at_combined: true, ..ReductionTerms::default() };
        let margin = JointMargin::new([house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)], NO_CHARGES, &terms);
        assert_eq!(margin.applied.basis_points(), 4_285);
        assert_eq!(margin.shortfall, Usd::ZERO);
        // Here even 100.00 + 1.00 does not reach 150.00.
        let margin = JointMargin::new([house(10_000, 8_000, 15_000), house(500, 100, 300)], NO_CHARGES, &terms);
        assert_eq!((margin.applied, margin.shortfall), (Factor::ZERO, usd(4_900)));
    }

    #[test]
    fn a_combined_margin_above_the_sum_is_clamped_and_gives_no_reduction() {
        let margins = house(100, 200, 301);
        assert_eq!(margins.combined, usd(300));
        assert_eq!(margins.factor(), Factor::ZERO);
        assert_eq!(house(-5, 10, -1), house(0, 10, 0));
    }

    #[test]
    fn a_house_may_grant_less_and_never_more() {
        let margin = JointMargin::new(
            [house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)],
            NO_CHARGES,
            &ReductionTerms::default(),
        );
        let of = |bp| Factor::from_basis_points(bp).unwrap();
        let granting = |bp| margin.granting_at_most(of(bp), FactorBounds::DEFAULT);
        assert_eq!(granting(9_000), margin);
        assert_eq!(granting(2_500).requirements, [usd(7_500), usd(3_000)]);
        assert_eq!(granting(100).applied, of(100));
        assert_eq!(granting(99).applied, Factor::ZERO, "below the smallest nothing is granted");
    }

    #[test]
    fn charges_outside_the_core_are_added_to_the_cent_and_never_reduced() {
        let margins = [house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)];
        let charges = [Usd::from_units(1_000_001), Usd::ZERO];
        let margin = JointMargin::new(margins, charges, &ReductionTerms::default());
        assert_eq!(margin.charges, [usd(2), usd(0)]);
        assert_eq!(margin.totals(), [usd(5_002), usd(2_000)]);
        let without = JointMargin::new(margins, NO_CHARGES, &ReductionTerms::default());
        assert_eq!((margin.requirements, margin.savings), (without.requirements, without.savings));
    }
}
