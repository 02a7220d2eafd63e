//! Margins of linked accounts under both houses' models: alone, combined, and what each house then requires.

use serde::{Deserialize, Serialize};

use crate::{
    factor::{Factor, FactorBounds},
    kernel::{AccountTails, KernelError, Legs, Level, Position, ScenarioMatrix},
    model::Model,
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

/// A model with its scenario matrices, ready to margin any number of links. All matrices, of both houses' models, share
/// one dictionary of instruments and so one numbering of rows.
#[derive(Clone, Debug)]
pub struct PreparedModel {
    components: Vec<PreparedComponent>,
    level: Level,
}

#[derive(Clone, Debug)]
struct PreparedComponent {
    matrix: ScenarioMatrix,
    tail_count: usize,
    weight_basis_points: u32,
}

/// Why matrices do not fit a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Not one matrix a component.
    #[error(
        "model {model} has {components} components, but {matrices} scenario matrices were given: one each is needed"
    )]
    Matrices {
        /// The model.
        model: String,
        /// Its components.
        components: usize,
        /// Matrices given.
        matrices: usize,
    },
    /// Matrices with different rows cannot share one dictionary.
    #[error(
        "component {component} has a matrix of {found} rows, the first component's has {expected}: build all from one dictionary"
    )]
    Rows {
        /// The component.
        component: String,
        /// Rows of the first matrix.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
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
/// A position whose row the matrices lack, or positions beyond any real book; the index in the error is the link's in the block.
pub fn joint_margins(
    models: &[PreparedModel; 2],
    links: &[LinkPositions],
    terms: &ReductionTerms,
) -> Result<Vec<JointMargin>, KernelError> {
    let first = models[0].margins(links)?;
    let second = models[1].margins(links)?;
    Ok(first.into_iter().zip(second).map(|(first, second)| JointMargin::new([first, second], terms)).collect())
}

impl LinkPositions {
    /// The two legs of one link.
    #[must_use]
    pub fn new(first: Vec<Position>, second: Vec<Position>) -> Self {
        Self { first, second }
    }

    /// The legs.
    #[must_use]
    pub fn legs(&self) -> Legs<'_> {
        Legs { first: &self.first, second: &self.second }
    }
}

impl PreparedModel {
    /// A model with one matrix for each of its components, in their order.
    ///
    /// # Errors
    /// Another number of matrices, or matrices with other rows than the first.
    pub fn new(model: &Model, matrices: Vec<ScenarioMatrix>) -> Result<Self, PrepareError> {
        if matrices.len() != model.components.len() || matrices.is_empty() {
            return Err(PrepareError::Matrices {
                model: model.version.to_string(),
                components: model.components.len(),
                matrices: matrices.len(),
            });
        }
        let rows = matrices[0].rows();
        let mut components = Vec::with_capacity(matrices.len());
        for (component, matrix) in model.components.iter().zip(matrices) {
            if matrix.rows() != rows {
                let (component, found) = (component.name.clone(), matrix.rows());
                return Err(PrepareError::Rows { component, expected: rows, found });
            }
            components.push(PreparedComponent {
                tail_count: model.confidence.tail_count(matrix.scenarios()),
                weight_basis_points: component.weight_basis_points,
                matrix,
            });
        }
        Ok(Self { components, level: Level::best() })
    }

    /// The same model on another instruction set, for tests and measurements.
    #[must_use]
    pub fn at_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The core margins of links under this model: the largest of its components, each a weight times a value at risk.
    ///
    /// # Errors
    /// As [`joint_margins`].
    pub fn margins(&self, links: &[LinkPositions]) -> Result<Vec<HouseMargins>, KernelError> {
        let legs: Vec<Legs<'_>> = links.iter().map(LinkPositions::legs).collect();
        // Never below zero: a portfolio that cannot lose has no margin.
        let mut largest = vec![[Usd::ZERO; 3]; links.len()];
        for component in &self.components {
            let statistics = component.matrix.order_statistics(self.level, component.tail_count, &legs)?;
            for (margins, statistics) in largest.iter_mut().zip(statistics) {
                for (margin, statistic) in margins.iter_mut().zip(statistics) {
                    *margin = (*margin).max(weighted(-statistic, component.weight_basis_points));
                }
            }
        }
        Ok(largest.into_iter().map(|[first, second, both]| HouseMargins::new(first, second, both)).collect())
    }

    /// The tails behind a link's margins, one for each component of the model in its order: which scenarios were the
    /// worst, and what they cost.
    ///
    /// # Errors
    /// As [`joint_margins`].
    pub fn tails(&self, link: &LinkPositions) -> Result<Vec<AccountTails>, KernelError> {
        let mut tails = Vec::with_capacity(self.components.len());
        for component in &self.components {
            tails.extend(component.matrix.tails(self.level, component.tail_count, &[link.legs()])?);
        }
        Ok(tails)
    }

    /// The scenario matrices, one a component.
    pub fn matrices(&self) -> impl Iterator<Item = &ScenarioMatrix> {
        self.components.iter().map(|component| &component.matrix)
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

impl JointMargin {
    /// The joint margin that follows from both houses' margins.
    #[must_use]
    pub fn new(by_house: [HouseMargins; 2], terms: &ReductionTerms) -> Self {
        let factors = by_house.map(|margins| margins.factor());
        let mut lesser = factors[0].min(factors[1]);
        if terms.floor_at_combined {
            let [first, second] = own_legs(&by_house);
            lesser = lesser.min(Factor::of_reduction(larger_combined(&by_house), first, second));
        }
        Self::at_factor(by_house, Factor::applied(lesser, lesser, terms.bounds))
    }

    /// The same margins when less is granted, as a house may decide. A factor above the applied one changes nothing.
    #[must_use]
    pub fn granting_at_most(self, factor: Factor) -> Self {
        Self::at_factor(self.by_house, self.applied.min(factor))
    }

    fn at_factor(by_house: [HouseMargins; 2], applied: Factor) -> Self {
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

/// A weight in basis points times an amount in 1e-8 USD, rounded up to 1e-8 USD.
fn weighted(units: i128, weight_basis_points: u32) -> Usd {
    let weight = i128::from(weight_basis_points);
    let (quotient, rest) = (units.div_euclid(10_000), units.rem_euclid(10_000));
    let part = rest * weight;
    let rounded_up = part.div_euclid(10_000) + i128::from(part.rem_euclid(10_000) != 0);
    Usd::from_units(quotient.saturating_mul(weight).saturating_add(rounded_up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(cents: i64) -> Usd {
        Usd::from_cents(cents)
    }

    fn house(first: i64, second: i64, combined: i64) -> HouseMargins {
        HouseMargins::new(usd(first), usd(second), usd(combined))
    }

    #[test]
    fn each_house_charges_its_own_leg_at_the_lesser_factor() {
        let margin =
            JointMargin::new([house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)], &ReductionTerms::default());
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
        let margin = JointMargin::new([house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)], &terms);
        assert_eq!(margin.applied.basis_points(), 4_285);
        assert_eq!(margin.shortfall, Usd::ZERO);
        // Here even 100.00 + 1.00 does not reach 150.00.
        let margin = JointMargin::new([house(10_000, 8_000, 15_000), house(500, 100, 300)], &terms);
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
        let margin =
            JointMargin::new([house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)], &ReductionTerms::default());
        let of = |bp| Factor::from_basis_points(bp).unwrap();
        assert_eq!(margin.granting_at_most(of(9_000)), margin);
        assert_eq!(margin.granting_at_most(of(2_500)).requirements, [usd(7_500), usd(3_000)]);
    }

    #[test]
    fn a_weight_rounds_up_to_the_unit() {
        assert_eq!(weighted(10_001, 5_000).units(), 5_001);
        assert_eq!(weighted(-10_001, 5_000).units(), -5_000);
        assert_eq!(weighted(i128::MAX / 10_000, 10_000).units(), i128::MAX / 10_000);
    }
}
