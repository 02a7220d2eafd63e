//! The laws that every margin obeys, whatever the book.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use proptest::prelude::*;
use risk::{
    exposure::{ExposureKind, InstrumentFacts},
    factor::{Factor, FactorBounds},
    kernel::{Legs, Level, Position, ScenarioMatrix},
    margin::{
        DictionaryRow, HouseMargins, JointMargin, LinkPositions, Part, PreparedModel, ReductionTerms, joint_margins,
    },
    measure::{Confidence, expected_shortfall, value_at_risk},
    model::Model,
    money::Usd,
};

const SCENARIOS: usize = 250;
const ROWS: u32 = 12;

/// Models over a short history, so that a case is cheap: the default ones, or those before them, whose weights are whole.
fn models_of(models: [Model; 2], rows: &[Vec<i64>]) -> [PreparedModel; 2] {
    // Each term sees other scenarios: the same rows, further along.
    let matrix = |turn: usize| {
        let turned: Vec<Vec<i64>> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .cycle()
                    .skip(turn)
                    .take(SCENARIOS)
                    .map(|value| value / i64::try_from(1 + turn % 3).unwrap())
                    .collect()
            })
            .collect();
        ScenarioMatrix::new(SCENARIOS, &turned).unwrap()
    };
    let dictionary: Arc<[DictionaryRow]> = (0..ROWS).map(dictionary_row).collect();
    models.map(|model| {
        let matrices = (0..model.terms().count()).map(|place| matrix(50 * place + usize::from(place > 0)));
        PreparedModel::new(&model, matrices.collect(), Arc::clone(&dictionary)).unwrap()
    })
}

fn models(rows: &[Vec<i64>]) -> [PreparedModel; 2] {
    models_of([Model::treasury_house_default(), Model::futures_house_default()], rows)
}

/// Half of the rows are Treasuries of rising maturity, half are futures.
fn dictionary_row(row: u32) -> DictionaryRow {
    let is_future = row % 2 == 1;
    let name = if is_future { "FUT:ZN:2026-03" } else { "UST:91282CMM0" };
    DictionaryRow {
        instrument: name.parse().unwrap(),
        facts: InstrumentFacts {
            kind: if is_future { ExposureKind::TreasuryFuture } else { ExposureKind::Treasury },
            is_proxied: false,
            value_units: 9_900_000_000 + 37 * i64::from(row),
            remaining_months: 30 * row,
            days: 0,
            units_per_contract: 1,
        },
    }
}

fn rows() -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(-2_000_000i64..2_000_000, SCENARIOS), ROWS as usize)
}

fn leg() -> impl Strategy<Value = Vec<Position>> {
    prop::collection::vec((0..ROWS, -10_000i64..10_000).prop_map(|(row, units)| Position { row, units }), 0..8)
}

fn times(positions: &[Position], factor: i64) -> Vec<Position> {
    positions.iter().map(|p| Position { row: p.row, units: p.units * factor }).collect()
}

fn one(models: &[PreparedModel; 2], first: &[Position], second: &[Position], terms: &ReductionTerms) -> JointMargin {
    joint_margins(models, &[LinkPositions::new(first.to_vec(), second.to_vec())], terms).unwrap().remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twice_the_book_is_twice_the_margin_at_the_same_factor_where_weights_are_whole(
        rows in rows(), first in leg(), second in leg(), scale in 2i64..1_000,
    ) {
        let models = models_of([Model::treasury_house_first(), Model::futures_house_first()], &rows);
        let terms = ReductionTerms::default();
        let margin = one(&models, &first, &second, &terms);
        let larger = one(&models, &times(&first, scale), &times(&second, scale), &terms);
        let scaled = |amount: Usd| Usd::from_units(amount.units() * i128::from(scale));
        for (margins, larger) in margin.by_house.iter().zip(larger.by_house) {
            let expected = HouseMargins {
                first_leg_alone: scaled(margins.first_leg_alone),
                second_leg_alone: scaled(margins.second_leg_alone),
                combined: scaled(margins.combined),
            };
            prop_assert_eq!(larger, expected);
        }
        prop_assert_eq!((margin.factors, margin.applied), (larger.factors, larger.applied));
    }

    #[test]
    fn twice_the_book_is_twice_the_core_but_for_what_rounds_up(
        rows in rows(), first in leg(), second in leg(), scale in 2i64..1_000,
    ) {
        let models = models(&rows);
        let [small, large] = [1, scale].map(|times_of| {
            let link = LinkPositions::new(times(&first, times_of), times(&second, times_of));
            [&models[0], &models[1]].map(|model| model.margins(std::slice::from_ref(&link)).unwrap()[0])
        });
        // Two weighted terms and five maturity groups can each round up by a unit.
        let slack = 5 * i128::from(scale);
        for (small, large) in small.into_iter().zip(large) {
            for (small, large) in [
                (small.first_leg_alone, large.first_leg_alone),
                (small.second_leg_alone, large.second_leg_alone),
            ] {
                let scaled = small.units() * i128::from(scale);
                prop_assert!((scaled - slack..=scaled).contains(&large.units()), "{} {}", scaled, large);
            }
        }
    }

    #[test]
    fn an_explained_margin_is_the_margin(rows in rows(), first in leg(), second in leg()) {
        let link = LinkPositions::new(first, second);
        for model in models(&rows) {
            let margins = model.margins(std::slice::from_ref(&link)).unwrap()[0];
            let tails = model.tails(&link).unwrap();
            let [first, second, both] = Part::ALL.map(|part| model.breakdown(&link, &tails, part).unwrap());
            prop_assert_eq!(first.core, margins.first_leg_alone);
            prop_assert_eq!(second.core, margins.second_leg_alone);
            prop_assert_eq!(both.core.min(first.core.saturating_add(second.core)), margins.combined);
            for part in [first, second, both] {
                let parts = part.components.iter().map(|component| component.sum).max().unwrap();
                prop_assert_eq!(part.core, parts.max(part.maturity_floor).max(Usd::ZERO));
            }
        }
    }

    #[test]
    fn no_joint_margin_breaks_a_bound(rows in rows(), first in leg(), second in leg(), floor in any::<bool>()) {
        let terms = ReductionTerms { floor_at_combined: floor, ..ReductionTerms::default() };
        let margin = one(&models(&rows), &first, &second, &terms);
        for margins in margin.by_house {
            prop_assert!(margins.first_leg_alone >= Usd::ZERO && margins.second_leg_alone >= Usd::ZERO);
            prop_assert!(margins.combined >= Usd::ZERO);
            prop_assert!(margins.combined <= margins.first_leg_alone.saturating_add(margins.second_leg_alone));
        }
        prop_assert!(margin.applied <= margin.factors[0].min(margin.factors[1]).min(terms.bounds.largest));
        prop_assert!(margin.applied.basis_points() == 0 || margin.applied >= terms.bounds.smallest);
        for (requirement, alone) in margin.requirements.into_iter().zip(margin.stand_alone) {
            prop_assert!(requirement <= alone);
        }
        let charged: Usd = margin.requirements.into_iter().sum();
        let alone: Usd = margin.stand_alone.into_iter().sum();
        prop_assert_eq!(charged.saturating_add(margin.savings), alone);
        let combined = margin.by_house[0].combined.max(margin.by_house[1].combined);
        prop_assert!(charged.saturating_add(margin.shortfall) >= combined);
        if floor && margin.shortfall > Usd::ZERO {
            prop_assert_eq!(margin.applied.basis_points(), 0);
        }
    }

    #[test]
    fn falling_back_never_charges_less_and_neither_does_granting_less(
        rows in rows(), first in leg(), second in leg(), grants in prop::array::uniform2(0u16..=10_000),
    ) {
        let margin = one(&models(&rows), &first, &second, &ReductionTerms::default());
        let [less, more] = [grants[0].min(grants[1]), grants[0].max(grants[1])]
            .map(|grant| margin.granting_at_most(Factor::from_basis_points(grant).unwrap(), FactorBounds::DEFAULT));
        let stand_alone = margin.granting_at_most(Factor::ZERO, FactorBounds::DEFAULT);
        prop_assert_eq!(stand_alone.requirements, margin.stand_alone);
        for house in 0..2 {
            prop_assert!(stand_alone.requirements[house] >= less.requirements[house]);
            prop_assert!(less.requirements[house] >= more.requirements[house]);
            prop_assert!(more.requirements[house] >= margin.requirements[house]);
            prop_assert_eq!(stand_alone.charges, margin.charges);
        }
        for granted in [less, more] {
            prop_assert!(granted.applied == Factor::ZERO || granted.applied >= FactorBounds::DEFAULT.smallest);
        }
    }

    #[test]
    fn a_perfect_hedge_goes_to_the_floor_and_not_to_zero(rows in rows(), leg in leg()) {
        let margin = one(&models(&rows), &leg, &times(&leg, -1), &ReductionTerms::default());
        for margins in margin.by_house {
            prop_assert_eq!(margins.combined, Usd::ZERO);
        }
        let earning = |alone: Usd| alone > Usd::ZERO;
        if margin.factors.iter().all(|factor| factor.basis_points() == 10_000) {
            prop_assert_eq!(margin.applied, ReductionTerms::default().bounds.largest);
            for (requirement, alone) in margin.requirements.into_iter().zip(margin.stand_alone) {
                prop_assert_eq!(earning(requirement), earning(alone));
            }
        }
    }

    #[test]
    fn a_short_book_is_the_exact_negative_of_the_long_one(rows in rows(), book in leg()) {
        let matrix = ScenarioMatrix::new(SCENARIOS, &rows).unwrap();
        let long = matrix.vector(&book).unwrap();
        let short = matrix.vector(&times(&book, -1)).unwrap();
        prop_assert_eq!(short, long.iter().map(|pnl| -pnl).collect::<Vec<_>>());
    }

    #[test]
    fn expected_shortfall_is_subadditive_and_not_below_value_at_risk(rows in rows(), first in leg(), second in leg()) {
        let matrix = ScenarioMatrix::new(SCENARIOS, &rows).unwrap();
        let count = Confidence::P99.tail_count(SCENARIOS);
        let tails = matrix.tails(Level::best(), count, &[Legs { first: &first, second: &second }]).unwrap().remove(0);
        let [one, other, both] = [&tails.first, &tails.second, &tails.both].map(expected_shortfall);
        // Exact, before any division.
        prop_assert!(both.losses <= one.losses.saturating_add(other.losses));
        prop_assert!(both.mean() >= value_at_risk(&tails.both));
    }

    #[test]
    fn the_division_of_links_changes_nothing(rows in rows(), legs in prop::collection::vec((leg(), leg()), 2..6), cut in 0usize..6) {
        let models = models(&rows);
        let terms = ReductionTerms::default();
        let links: Vec<LinkPositions> = legs.into_iter().map(|(first, second)| LinkPositions::new(first, second)).collect();
        let cut = cut.min(links.len());
        let mut parts = joint_margins(&models, &links[..cut], &terms).unwrap();
        parts.extend(joint_margins(&models, &links[cut..], &terms).unwrap());
        prop_assert_eq!(parts, joint_margins(&models, &links, &terms).unwrap());
    }
}
