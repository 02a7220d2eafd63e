//! The kernel against a plain sum and a full sort, on every instruction set of the machine.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use risk::kernel::{AccountTails, KernelError, Legs, Level, MatrixError, Position, ScenarioMatrix, Tail, TailScenario};

/// The tails by the definition: sum every scenario, sort all of them by P&L and date.
fn by_definition(rows: &[Vec<i64>], count: usize, first: &[Position], second: &[Position]) -> AccountTails {
    let scenarios = rows[0].len();
    let vector = |positions: &[Position]| -> Vec<i128> {
        (0..scenarios)
            .map(|s| positions.iter().map(|p| i128::from(p.units) * i128::from(rows[p.row as usize][s])).sum())
            .collect()
    };
    let tail = |vector: &[i128]| {
        let mut worst: Vec<TailScenario> =
            vector.iter().zip(0..).map(|(pnl, scenario)| TailScenario { scenario, pnl: *pnl }).collect();
        worst.sort_by_key(|entry| (entry.pnl, entry.scenario));
        worst.truncate(count);
        Tail { order_statistic: worst[count - 1].pnl, sum: worst.iter().map(|entry| entry.pnl).sum(), worst }
    };
    let (one, other) = (vector(first), vector(second));
    let both: Vec<i128> = one.iter().zip(&other).map(|(a, b)| a + b).collect();
    AccountTails { first: tail(&one), second: tail(&other), both: tail(&both) }
}

fn positions(rows: usize, units: impl Strategy<Value = i64> + Clone) -> impl Strategy<Value = Vec<Position>> {
    let row = 0..u32::try_from(rows).unwrap();
    prop::collection::vec((row, units).prop_map(|(row, units)| Position { row, units }), 0..12)
}

/// Rows of one kind: coarse values tie, fine ones do not, and the ends of 32 bits are the worst case of the narrow path.
fn values() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -3i64..=3,
        4 => -2_000_000_000i64..2_000_000_000,
        1 => Just(i64::from(i32::MAX)),
        1 => Just(i64::from(i32::MIN)),
    ]
}

fn units() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![
        8 => -5_000i64..5_000,
        1 => Just(i64::from(i32::MAX)),
        1 => Just(i64::from(i32::MIN)),
        1 => Just(3 * i64::from(i32::MAX) + 7),
        1 => Just(i64::MIN),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_instruction_set_gives_the_tails_of_the_definition(
        (rows, accounts, count) in (1usize..80, 1usize..6).prop_flat_map(|(scenarios, rows)| (
            prop::collection::vec(prop::collection::vec(values(), scenarios), rows),
            prop::collection::vec((positions(rows, units()), positions(rows, units())), 1..5),
            1..=scenarios,
        )),
        wide in any::<bool>(),
    ) {
        let mut rows = rows;
        if wide {
            rows[0][0] = 1 << 33;
        }
        let matrix = ScenarioMatrix::new(rows[0].len(), &rows).unwrap();
        prop_assert_eq!(matrix.wide_rows(), usize::from(wide));
        let legs: Vec<Legs<'_>> = accounts.iter().map(|(first, second)| Legs { first, second }).collect();
        let expected: Vec<AccountTails> =
            accounts.iter().map(|(first, second)| by_definition(&rows, count, first, second)).collect();
        for level in Level::available() {
            prop_assert_eq!(&matrix.tails(level, count, &legs).unwrap(), &expected, "{}", level.name());
            let statistics = matrix.order_statistics(level, count, &legs).unwrap();
            for (statistics, expected) in statistics.into_iter().zip(&expected) {
                let all = [&expected.first, &expected.second, &expected.both].map(|tail| tail.order_statistic);
                prop_assert_eq!(statistics, all, "{}", level.name());
            }
        }
    }

    #[test]
    fn the_order_of_positions_and_the_division_of_accounts_change_nothing(
        seed in any::<u64>(),
        shuffled in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle(),
        cut in 0usize..300,
    ) {
        let (rows, accounts) = book(seed, 50, 333, 300, 40);
        let matrix = ScenarioMatrix::new(333, &rows).unwrap();
        let turned: Vec<Vec<Position>> =
            accounts.iter().map(|positions| shuffled.iter().map(|place| positions[*place]).collect()).collect();
        let legs: Vec<Legs<'_>> = accounts.iter().map(|p| Legs { first: &p[..20], second: &p[20..] }).collect();
        let whole = matrix.tails(Level::best(), 4, &legs).unwrap();
        let mut parts = matrix.tails(Level::best(), 4, &legs[..cut]).unwrap();
        parts.extend(matrix.tails(Level::best(), 4, &legs[cut..]).unwrap());
        prop_assert_eq!(&parts, &whole);
        let turned: Vec<Legs<'_>> = turned.iter().map(|p| Legs { first: p, second: &[] }).collect();
        for (tails, one_leg) in whole.iter().zip(matrix.tails(Level::best(), 4, &turned).unwrap()) {
            prop_assert_eq!(&tails.both, &one_leg.both);
        }
    }
}

#[test]
fn a_full_size_book_gives_the_tails_of_the_definition() {
    let (rows, accounts) = book(7, 100, 2_500, 40, 30);
    let matrix = ScenarioMatrix::new(2_500, &rows).unwrap();
    let legs: Vec<Legs<'_>> = accounts.iter().map(|p| Legs { first: &p[..13], second: &p[13..] }).collect();
    for level in Level::available() {
        for (tails, positions) in matrix.tails(level, 25, &legs).unwrap().iter().zip(&accounts) {
            assert_eq!(tails, &by_definition(&rows, 25, &positions[..13], &positions[13..]), "{}", level.name());
        }
    }
}

#[test]
fn a_history_that_misleads_the_sample_gives_the_same_tails() {
    // Every class of scenarios that the kernel can sample first, in turn, holds more losses than a sample of its size
    // should, and fewer than the tail needs.
    let positions = [Position { row: 0, units: 2 }];
    for step in [3, 7, 13, 79, 157] {
        let row: Vec<i64> =
            (0..2_500).map(|s| if s % step == 0 && s < 12 * step { -1_000 - s } else { s % 89 }).collect();
        let matrix = ScenarioMatrix::new(2_500, &[&row]).unwrap();
        for level in Level::available() {
            let tails = matrix.tails(level, 25, &[Legs { first: &positions, second: &[] }]).unwrap().remove(0);
            assert_eq!(
                tails,
                by_definition(std::slice::from_ref(&row), 25, &positions, &[]),
                "{step} {}",
                level.name()
            );
        }
    }
}

#[test]
fn among_equal_losses_the_earlier_date_is_the_worse() {
    let matrix = ScenarioMatrix::new(100, &[vec![-5i64; 100]]).unwrap();
    let positions = [Position { row: 0, units: 3 }];
    for level in Level::available() {
        let tails = matrix.tails(level, 7, &[Legs { first: &positions, second: &[] }]).unwrap();
        let scenarios: Vec<u32> = tails[0].both.worst.iter().map(|entry| entry.scenario).collect();
        assert_eq!(scenarios, [0, 1, 2, 3, 4, 5, 6]);
        // A leg that holds nothing ranks its scenarios likewise.
        assert_eq!(tails[0].second.worst.iter().map(|entry| entry.pnl).sum::<i128>(), 0);
        assert_eq!(tails[0].second.worst[6].scenario, 6);
    }
}

#[test]
fn a_row_is_narrow_up_to_the_last_value_of_32_bits() {
    let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
    let matrix = ScenarioMatrix::new(2, &[[low, high], [low - 1, 0], [0, high + 1]]).unwrap();
    assert_eq!(matrix.wide_rows(), 2);
    assert_eq!(matrix.value(1, 0), Some(low - 1));
    assert_eq!(matrix.value(2, 1), Some(high + 1));
    assert_eq!(matrix.value(0, 1), Some(high));
    assert_eq!((matrix.value(3, 0), matrix.value(0, 2)), (None, None));
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(ScenarioMatrix::new(0, &[[]]).unwrap_err(), MatrixError::NoScenarios);
    let error = ScenarioMatrix::new(2, &[vec![1, 2], vec![1]]).unwrap_err();
    assert_eq!(error, MatrixError::RowLength { row: 1, found: 1, expected: 2 });

    let matrix = ScenarioMatrix::new(2, &[[i64::MAX, i64::MIN]]).unwrap();
    let position = |row, units| [Position { row, units }];
    let tails = |count, positions: &[Position]| {
        matrix.tails(Level::best(), count, &[Legs { first: &[], second: positions }]).map(|_| ())
    };
    assert_eq!(tails(1, &position(1, 1)), Err(KernelError::RowOutOfRange { account: 0, row: 1, rows: 1 }));
    assert_eq!(tails(0, &[]), Err(KernelError::TailOutOfRange { tail: 0, scenarios: 2 }));
    assert_eq!(tails(3, &[]), Err(KernelError::TailOutOfRange { tail: 3, scenarios: 2 }));
    assert_eq!(tails(1, &position(0, 1 << 37)), Ok(()));
    assert_eq!(tails(1, &position(0, (1 << 37) + 1)), Err(KernelError::Reach { account: 0 }));
    // Opposite positions do not hide each other: the order of summing must not matter.
    let hidden = [position(0, 1 << 37)[0], position(0, -1)[0]];
    assert_eq!(tails(1, &hidden), Err(KernelError::Reach { account: 0 }));
}

#[test]
fn a_row_s_digest_names_its_values() {
    let of = |row: [i64; 2]| ScenarioMatrix::new(2, &[row]).unwrap().row_digests()[0];
    let mut bytes = 1i64.to_le_bytes().to_vec();
    bytes.extend((-2i64).to_le_bytes());
    assert_eq!(of([1, -2]), *blake3::hash(&bytes).as_bytes());
    assert_ne!(of([1, -2]), of([-2, 1]));
}

/// A reproducible book: P&L rows and accounts of positions.
fn book(seed: u64, rows: usize, scenarios: usize, accounts: usize, held: usize) -> (Vec<Vec<i64>>, Vec<Vec<Position>>) {
    let mut state = seed | 1;
    let mut next = move |bound: i64| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    let matrix = (0..rows).map(|_| (0..scenarios).map(|_| next(2_000_001) - 1_000_000).collect()).collect();
    let rows = i64::try_from(rows).unwrap();
    let mut position = || Position { row: u32::try_from(next(rows)).unwrap(), units: next(10_001) - 5_000 };
    (matrix, (0..accounts).map(|_| (0..held).map(|_| position()).collect()).collect())
}
