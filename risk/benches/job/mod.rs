//! The job that the kernel is measured on: 10,000 accounts of 60 positions, out of 600 instruments, over 2,500
//! scenarios, 25th-largest loss. Reproducible: the figures are from a fixed generator.

use rayon::prelude::*;
use risk::kernel::{KernelError, Legs, Level, Position, ScenarioMatrix};

pub(crate) const ACCOUNTS: usize = 10_000;
pub(crate) const POSITIONS: usize = 60;
pub(crate) const INSTRUMENTS: u32 = 600;
pub(crate) const SCENARIOS: usize = 2_500;
pub(crate) const TAIL: usize = 25;
/// Accounts that a thread takes at a time.
const PORTION: usize = 512;

pub(crate) struct Job {
    pub(crate) matrix: ScenarioMatrix,
    accounts: Vec<Vec<Position>>,
}

/// How an account's positions lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// All in one leg: one vector, one selection.
    OneLeg,
    /// Half in each of two legs: three vectors, three selections.
    TwoLegs,
}

impl Job {
    pub(crate) fn new() -> Self {
        let mut random = XorShift(0x2026_1123);
        // A fat-tailed P&L of some dollars per 100 of face, in 1e-8 USD: five common factors and noise of its own.
        let factors: Vec<Vec<i64>> = (0..5).map(|_| (0..SCENARIOS).map(|_| random.fat_tailed()).collect()).collect();
        let rows: Vec<Vec<i64>> = (0..INSTRUMENTS)
            .map(|_| {
                let loadings: Vec<i64> = (0..5).map(|_| random.below(201) - 100).collect();
                (0..SCENARIOS)
                    .map(|s| {
                        let common: i64 =
                            factors.iter().zip(&loadings).map(|(factor, load)| factor[s] * load / 100).sum();
                        common + random.fat_tailed() / 5
                    })
                    .collect()
            })
            .collect();
        let accounts = (0..ACCOUNTS)
            .map(|_| {
                let mut rows: Vec<u32> = (0..INSTRUMENTS).collect();
                (0..POSITIONS)
                    .map(|place| {
                        let left = i64::from(INSTRUMENTS) - i64::try_from(place).unwrap();
                        let pick = place + usize::try_from(random.below(left)).unwrap();
                        rows.swap(place, pick);
                        Position { row: rows[place], units: random.below(10_001) - 5_000 }
                    })
                    .collect()
            })
            .collect();
        Self { matrix: ScenarioMatrix::new(SCENARIOS, &rows).unwrap(), accounts }
    }

    pub(crate) fn legs(&self, shape: Shape) -> Vec<Legs<'_>> {
        let split = match shape {
            Shape::OneLeg => POSITIONS,
            Shape::TwoLegs => POSITIONS / 2,
        };
        self.accounts
            .iter()
            .map(|positions| positions.split_at(split))
            .map(|(first, second)| Legs { first, second })
            .collect()
    }

    /// The whole job on the threads of the pool that it is called in.
    pub(crate) fn run(&self, level: Level, legs: &[Legs<'_>]) -> Result<Vec<[i128; 3]>, KernelError> {
        let parts: Result<Vec<_>, _> =
            legs.par_chunks(PORTION).map(|part| self.matrix.order_statistics(level, TAIL, part)).collect();
        Ok(parts?.concat())
    }
}

struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    /// A sum of two uniform figures, one time in sixteen four times as large.
    fn fat_tailed(&mut self) -> i64 {
        let body = self.below(100_000_001) + self.below(100_000_001) - 100_000_000;
        if self.below(16) == 0 { 4 * body } else { body }
    }
}
