//! The scenario P&L of every instrument, laid out for the kernel.

use super::accumulate::{LANES, Strip, memory_lane};

/// Scenario P&L of one kernel unit of every instrument, in 1e-8 USD: rows are instruments, columns scenarios in
/// ascending order of date. Positive is a gain of the long holder.
///
/// A row whose values all fit 32 bits (21.47 USD of gain or loss on a unit) is stored narrow, any other wide; what is
/// stored is exact in both.
#[derive(Clone, Debug)]
pub struct ScenarioMatrix {
    scenarios: usize,
    rows: usize,
    tiles: usize,
    /// `tiles x rows` strips of `LANES` scenarios; zero for a wide row.
    strips: Vec<Strip>,
    /// The largest magnitude in each row; for a wide row, which never enters the narrow path, too.
    largest: Vec<u64>,
    /// For each row the index of its values in `wide`.
    wide_index: Vec<Option<u32>>,
    wide: Vec<Vec<i64>>,
    digests: Vec<[u8; 32]>,
}

/// Why rows do not make a matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// There is no scenario.
    #[error("a scenario matrix needs at least one scenario")]
    NoScenarios,
    /// More rows or scenarios than the kernel numbers.
    #[error("{rows} rows of {scenarios} scenarios: at most {limit} of each are possible")]
    TooLarge {
        /// Rows given.
        rows: usize,
        /// Scenarios stated.
        scenarios: usize,
        /// The limit on each.
        limit: usize,
    },
    /// A row has another length than the others.
    #[error("row {row} has {found} scenarios, {expected} are needed: reprice it over the same scenario set")]
    RowLength {
        /// Index of the row.
        row: usize,
        /// Its length.
        found: usize,
        /// The length of all rows.
        expected: usize,
    },
}

impl ScenarioMatrix {
    /// The most rows, and the most scenarios, of one matrix.
    pub const LIMIT: usize = 1 << 20;

    /// Lays out rows of scenario P&L in 1e-8 USD a kernel unit, each `scenarios` long.
    ///
    /// # Errors
    /// No scenario, a row of another length, or more than [`Self::LIMIT`] of either.
    pub fn new<R: AsRef<[i64]>>(scenarios: usize, rows: &[R]) -> Result<Self, MatrixError> {
        if scenarios == 0 {
            return Err(MatrixError::NoScenarios);
        }
        if scenarios > Self::LIMIT || rows.len() > Self::LIMIT {
            return Err(MatrixError::TooLarge { rows: rows.len(), scenarios, limit: Self::LIMIT });
        }
        let tiles = scenarios.div_ceil(LANES);
        let mut matrix = Self {
            scenarios,
            rows: rows.len(),
            tiles,
            strips: vec![Strip::ZERO; tiles * rows.len()],
            largest: Vec::with_capacity(rows.len()),
            wide_index: Vec::with_capacity(rows.len()),
            wide: Vec::new(),
            digests: Vec::with_capacity(rows.len()),
        };
        for (row, values) in rows.iter().enumerate() {
            matrix.lay_out(row, values.as_ref())?;
        }
        Ok(matrix)
    }

    /// Scenarios, that is columns.
    #[must_use]
    pub fn scenarios(&self) -> usize {
        self.scenarios
    }

    /// Instruments, that is rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that do not fit 32 bits and take the slower path.
    #[must_use]
    pub fn wide_rows(&self) -> usize {
        self.wide.len()
    }

    /// BLAKE3 of each row: its values in ascending order of scenario, eight little-endian bytes each.
    #[must_use]
    pub fn row_digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    /// The P&L of one unit of a row in one scenario, `None` outside the matrix. Unit: 1e-8 USD.
    #[must_use]
    pub fn value(&self, row: usize, scenario: usize) -> Option<i64> {
        if row >= self.rows || scenario >= self.scenarios {
            return None;
        }
        Some(match self.wide_index[row] {
            Some(wide) => self.wide[wide as usize][scenario],
            None => {
                let (tile, lane) = (scenario % self.tiles, scenario / self.tiles);
                i64::from(self.strips[tile * self.rows + row].0[memory_lane(lane)])
            }
        })
    }

    fn lay_out(&mut self, row: usize, values: &[i64]) -> Result<(), MatrixError> {
        if values.len() != self.scenarios {
            return Err(MatrixError::RowLength { row, found: values.len(), expected: self.scenarios });
        }
        let narrow: Result<Vec<i32>, _> = values.iter().map(|value| i32::try_from(*value)).collect();
        match narrow {
            Ok(narrow) => {
                // Each tile takes every `tiles`-th scenario, so that the first tiles already sample the whole history
                // and the threshold of the tail is near its final value early.
                for (scenario, value) in narrow.into_iter().enumerate() {
                    let (tile, lane) = (scenario % self.tiles, scenario / self.tiles);
                    self.strips[tile * self.rows + row].0[memory_lane(lane)] = value;
                }
                self.wide_index.push(None);
            }
            Err(_) => {
                // Invariant: at most LIMIT rows, which is less than 2^32.
                self.wide_index.push(u32::try_from(self.wide.len()).ok());
                self.wide.push(values.to_vec());
            }
        }
        self.largest.push(values.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0));
        let mut hasher = blake3::Hasher::new();
        for value in values {
            hasher.update(&value.to_le_bytes());
        }
        self.digests.push(*hasher.finalize().as_bytes());
        Ok(())
    }

    pub(super) fn tiles(&self) -> usize {
        self.tiles
    }

    /// The strips of all rows for one tile.
    pub(super) fn tile(&self, tile: usize) -> &[Strip] {
        &self.strips[tile * self.rows..(tile + 1) * self.rows]
    }

    /// The scenario in an output lane of a tile; the last lanes may lie past the last scenario.
    pub(super) fn scenario(&self, tile: usize, lane: usize) -> usize {
        lane * self.tiles + tile
    }

    /// The largest magnitude in a row, `None` outside the matrix.
    pub(super) fn largest(&self, row: u32) -> Option<u64> {
        self.largest.get(row as usize).copied()
    }

    pub(super) fn is_wide(&self, row: u32) -> bool {
        self.wide_index.get(row as usize).is_some_and(Option::is_some)
    }
}
