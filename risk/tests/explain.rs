//! Tails of real instruments taken apart by position and by factor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{instruments, market, varied};
use proptest::prelude::*;
use risk::{
    explain::{LossSource, contributions, factor_losses, position_losses},
    kernel::{Legs, Level, Position, ScenarioMatrix, Tail},
    measure::{expected_shortfall, value_at_risk},
    money::Usd,
    revaluation::Revaluer,
    scenario::{ScenarioSet, Tenor},
    sensitivity::{RiskFactor, Sensitivities, SensitivityRevaluer},
};

struct Bench {
    set: ScenarioSet,
    matrix: ScenarioMatrix,
}

impl Bench {
    /// Every instrument of the fixture over varied scenarios, by full revaluation or by sensitivities.
    fn new(is_full: bool) -> Self {
        let (market, set) = (market(), varied(60));
        let (full, expanded) =
            (Revaluer::new(&market, &set).unwrap(), SensitivityRevaluer::new(&market, &set).unwrap());
        let row = |instrument| if is_full { full.row(instrument) } else { expanded.row(instrument) };
        let rows: Vec<Vec<i64>> = instruments(&market).into_iter().map(|i| row(i).unwrap()).collect();
        Self { matrix: ScenarioMatrix::new(set.len(), &rows).unwrap(), set }
    }

    fn tail(&self, positions: &[Position], count: usize) -> Tail {
        let legs = Legs { first: positions, second: &[] };
        self.matrix.tails(Level::best(), count, &[legs]).unwrap().remove(0).both
    }

    fn by_factor(&self, positions: &[Position], tail: &Tail) -> Vec<(LossSource, Vec<Usd>)> {
        let market = market();
        let revaluer = SensitivityRevaluer::new(&market, &self.set).unwrap();
        let of = |instrument| revaluer.sensitivities(instrument).ok();
        let sensitivities: Vec<Option<Sensitivities>> = instruments(&market).into_iter().map(of).collect();
        factor_losses(&revaluer, &sensitivities, &self.matrix, positions, tail).unwrap()
    }
}

#[test]
fn a_tail_by_sensitivities_leaves_roundings_alone_to_the_higher_order() {
    let bench = Bench::new(false);
    let positions = [Position { row: 0, units: 1_000_000 }, Position { row: 1, units: -700_000 }];
    let tail = bench.tail(&positions, 3);
    let sources = bench.by_factor(&positions, &tail);
    let (last, higher) = sources.last().unwrap();
    assert_eq!(*last, LossSource::HigherOrder);
    // Each entry and each part of it is off by at most half a unit; there are some twenty parts.
    let most = Usd::from_units(1_700_000 * 12);
    assert!(higher.iter().all(|loss| *loss < most && *loss > Usd::ZERO.saturating_sub(most)), "{higher:?}");
    assert!(sources.is_sorted(), "factors come in their order, the higher order last");
    assert_eq!(LossSource::Factor(RiskFactor::Curve(Tenor(120))).to_string(), "curve 10Y");
    assert_eq!(LossSource::HigherOrder.to_string(), "higher order");
}

#[test]
fn a_row_without_sensitivities_is_all_higher_order() {
    let bench = Bench::new(true);
    let market = market();
    let revaluer = SensitivityRevaluer::new(&market, &bench.set).unwrap();
    let positions = [Position { row: 0, units: 5 }];
    let tail = bench.tail(&positions, 2);
    let sources = factor_losses(&revaluer, &[], &bench.matrix, &positions, &tail).unwrap();
    let expected = position_losses(&bench.matrix, &positions, &tail).unwrap().remove(0);
    assert_eq!(sources, [(LossSource::HigherOrder, expected)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn positions_and_factors_add_up_to_one_shortfall_and_one_measure(
        held in prop::collection::vec((0_u32..8, -2_000_000_i64..2_000_000), 0..6),
        count in 1_usize..12,
        is_full: bool,
    ) {
        let bench = Bench::new(is_full);
        let positions: Vec<Position> = held.into_iter().map(|(row, units)| Position { row, units }).collect();
        let tail = bench.tail(&positions, count);
        let by_position = position_losses(&bench.matrix, &positions, &tail).unwrap();
        let by_factor: Vec<Vec<Usd>> = bench.by_factor(&positions, &tail).into_iter().map(|(_, losses)| losses).collect();
        for losses in [by_position, by_factor] {
            let parts = contributions(&tail, &losses).unwrap();
            let shortfall: Usd = parts.iter().map(|part| part.to_shortfall).sum();
            let measure: Usd = parts.iter().map(|part| part.to_measure).sum();
            prop_assert_eq!((shortfall, measure), (expected_shortfall(&tail).mean(), value_at_risk(&tail)));
        }
    }
}
