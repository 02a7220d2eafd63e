//! What can be wrong with a CSV book: where, and what to do.

use std::fmt;

use risk::instrument::InstrumentError;

/// The most problems that are kept of one file; beyond it they are counted only.
pub const PROBLEMS_MAX: usize = 1_000;

/// Everything that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    label: String,
    problems: Vec<Problem>,
    omitted: usize,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1, the header being line 1 of a file without comments.
    pub line: usize,
    /// The field, `None` where the whole line is meant.
    pub field: Option<Field>,
    /// What is wrong and what is needed.
    pub reason: Reason,
}

/// A column of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The house's own account name.
    Account,
    /// What is held: an instrument, or `REPO:<cusip>`.
    Instrument,
    /// How much of it.
    Quantity,
    /// Date of a repo's start leg.
    StartDate,
    /// Cash of a repo's start leg.
    StartCash,
    /// Date of a repo's end leg.
    EndDate,
    /// Cash of a repo's end leg.
    EndCash,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file holds no header.
    #[error("the file is empty: the header {:?} is needed", super::HEADER)]
    Empty,
    /// More rows than a file may hold.
    #[error("the file has more than {} rows: split it by accounts", super::ROWS_MAX)]
    TooManyRows,
    /// The line is not UTF-8.
    #[error("the line is not UTF-8 text")]
    NotUtf8,
    /// A column that the format does not have.
    #[error("unknown column {0:?}: the header must be {header:?}", header = super::HEADER)]
    UnknownColumn(String),
    /// A column is missing from the header or stands in another place.
    #[error("column {column} of the header must be {expected:?}, not {found:?}")]
    MisplacedColumn {
        /// Its place, counted from 1.
        column: usize,
        /// What the header needs there.
        expected: &'static str,
        /// What stands there, empty where the header ends before it.
        found: String,
    },
    /// The row has more or fewer fields than the header.
    #[error("{found} fields, but 7 are needed; a position ends in four commas")]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// Nothing stands where something must.
    #[error("is missing")]
    Missing,
    /// Not an account name.
    #[error("{0:?} is not an account: 1 to 64 letters, digits, '-', '_', '.', ':' or '/' are needed")]
    Account(String),
    /// Not an instrument, or not a Treasury after `REPO:`.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// Not a whole number.
    #[error("{0:?} is not a whole number: digits with an optional leading '-' are needed")]
    NotWhole(String),
    /// Beyond 64 bits.
    #[error("{0} is too large: at most 9,223,372,036,854,775,807 either way")]
    Overflow(String),
    /// A quantity of nothing.
    #[error("is zero: leave the row out")]
    Zero,
    /// Treasuries trade in hundreds of face.
    #[error("{0} is not a multiple of 100 USD of face")]
    NotHundreds(i64),
    /// Not a calendar date.
    #[error("{0:?} is not a date: YYYY-MM-DD is needed")]
    Date(String),
    /// Not an amount of dollars.
    #[error("{0:?} is not an amount: positive USD with at most two decimals are needed, such as 49875000.00")]
    Cash(String),
    /// A repo must end after it starts.
    #[error("the end date {end} is not later than the start date {start}")]
    EndNotAfterStart {
        /// The start date as given.
        start: String,
        /// The end date as given.
        end: String,
    },
    /// Only a repo has dates and cash.
    #[error("{0:?} stands in a column of repos, but the row is not a repo: leave it empty, or write REPO:<cusip>")]
    RepoColumn(String),
    /// The account has the instrument on an earlier line.
    #[error("{account} has {instrument} on line {first} already: write one row with the sum")]
    Duplicate {
        /// The account.
        account: String,
        /// The instrument.
        instrument: String,
        /// The line of the first such row.
        first: usize,
    },
}

impl Field {
    /// Every column, in the order of the header.
    pub const ALL: [Self; 7] = [
        Self::Account,
        Self::Instrument,
        Self::Quantity,
        Self::StartDate,
        Self::StartCash,
        Self::EndDate,
        Self::EndCash,
    ];

    /// The column's name in the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Instrument => "instrument",
            Self::Quantity => "quantity",
            Self::StartDate => "start_date",
            Self::StartCash => "start_cash",
            Self::EndDate => "end_date",
            Self::EndCash => "end_cash",
        }
    }
}

impl Problems {
    pub(super) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), problems: Vec::new(), omitted: 0 }
    }

    pub(super) fn add(&mut self, line: usize, field: impl Into<Option<Field>>, reason: Reason) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { line, field: field.into(), reason });
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn sort(&mut self) {
        // Stable: the problems of one line stay in the order of its columns.
        self.problems.sort_by_key(|problem| problem.line);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// What the caller named the file.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The problems by line, at most [`PROBLEMS_MAX`].
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more there are.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl std::error::Error for Problems {}

/// One line a problem: `book.csv, line 3, quantity: is zero: leave the row out`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{}, {problem}", self.label)?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more problems", self.label),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(field) = self.field {
            write!(f, ", {}", field.name())?;
        }
        write!(f, ": {}", self.reason)
    }
}
