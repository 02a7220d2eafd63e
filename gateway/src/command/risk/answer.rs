//! Answers, one for each row: a table for people, a JSON array for programs.

use std::fmt;

use serde::{Serialize, Serializer};

use super::input::Io;
use crate::command::{failure::Failure, output};

/// The answer to a row.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Calculated<T> {
    /// The row's line in the file; none for the command line's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    /// The answer.
    #[serde(flatten)]
    pub(super) answer: T,
}

/// An answer that fits a row of a table.
pub(super) trait Answer: Serialize {
    /// The columns of the table.
    const COLUMNS: &'static [&'static str];

    /// Its cells.
    fn cells(&self) -> Vec<String>;

    /// What does not fit a cell, as a line below the table.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// Prints answers: a table, or a JSON array.
///
/// # Errors
/// When standard output cannot be written to.
pub(super) fn print<T: Answer>(io: &Io, answers: &[Calculated<T>]) -> Result<(), Failure> {
    output::answer(io.json, &answers, |answers| {
        let has_lines = answers.iter().any(|row| row.line.is_some());
        let line = has_lines.then_some("line");
        let columns: Vec<&str> = line.into_iter().chain(T::COLUMNS.iter().copied()).collect();
        let cells = |row: &Calculated<T>| -> Vec<String> {
            row.line.map(|line| line.to_string()).into_iter().chain(row.answer.cells()).collect()
        };
        let rows: Vec<Vec<String>> = answers.iter().map(cells).collect();
        let remark = |row: &Calculated<T>| {
            let text = row.answer.remark()?;
            Some(row.line.map_or_else(|| format!("\n{text}"), |line| format!("\nline {line}: {text}")))
        };
        let remarks: String = answers.iter().filter_map(remark).collect();
        format!("{}{remarks}", output::sheet(&columns, &rows))
    })
}

/// A value as a JSON string.
pub(super) fn as_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
