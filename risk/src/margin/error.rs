//! Why margins cannot be had.

use crate::{charge::ChargeError, kernel::KernelError};

/// Why matrices do not fit a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Not one matrix a term.
    #[error("model {model} has {terms} terms, but {matrices} scenario matrices were given: one each is needed")]
    Matrices {
        /// The model.
        model: String,
        /// Its terms.
        terms: usize,
        /// Matrices given.
        matrices: usize,
    },
    /// A matrix with another number of rows than the dictionary.
    #[error(
        "term {term} has a matrix of {found} rows, the dictionary has {expected}: build all matrices from one dictionary"
    )]
    Rows {
        /// The term.
        term: String,
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the matrix.
        found: usize,
    },
    /// An instrument without scenario values under a model that has no margin proxy for it.
    #[error("model {model} has no margin proxy, which {instrument} needs: it has no price")]
    NoProxy {
        /// The model.
        model: String,
        /// The instrument.
        instrument: String,
    },
}

/// Why a portfolio has no margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarginError {
    /// Positions that cannot go through the kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Positions beyond any real book.
    #[error(transparent)]
    Charge(#[from] ChargeError),
}
