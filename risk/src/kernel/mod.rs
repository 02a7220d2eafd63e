//! The exact scenario kernel: integer P&L of many accounts, and the worst scenarios of each.
//!
//! All sums are integers that cannot overflow (the bound is checked before), so neither threads nor order nor the
//! width of the machine's vectors can change a digit. The matrix is walked tile by tile: a tile of every row stays in
//! the first caches while a whole block of accounts passes over it, and each account keeps only its worst scenarios,
//! never its vector.

mod accumulate;
mod block;
mod level;
mod matrix;
mod stream;
mod tail;
mod wide;

pub use block::{AccountTails, Legs, Position};
pub use level::Level;
pub use matrix::{MatrixError, ScenarioMatrix};
pub use tail::{Tail, TailScenario};

/// Why positions cannot go through the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// A position names a row that the matrix lacks.
    #[error(
        "account {account} of the block holds row {row}, but the scenario matrix has {rows} rows: map positions with the dictionary the matrix was built from"
    )]
    RowOutOfRange {
        /// Index of the account in the block.
        account: usize,
        /// The row named.
        row: u32,
        /// Rows in the matrix.
        rows: usize,
    },
    /// Positions beyond any real book.
    #[error("account {account} of the block could gain or lose more than 1e22 USD in a scenario: check its quantities")]
    Reach {
        /// Index of the account in the block.
        account: usize,
    },
    /// The tail asked for is not a part of the scenarios.
    #[error("a tail of {tail} scenarios was asked for, but the matrix has {scenarios}: 1 to {scenarios} are possible")]
    TailOutOfRange {
        /// The count asked for.
        tail: usize,
        /// Scenarios in the matrix.
        scenarios: usize,
    },
}
