//! Rows of a file, or the one row of the command line, by the names of their columns.
//!
//! Columns stand in any order, and what is not known is left unread, with a note. A file is calculated whole or not at
//! all: every problem of every row is told at once.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use risk::treasury::ScheduleError;

use super::answer::Calculated;
use crate::{
    command::{failure::Failure, output, rows::CsvRows},
    problem::Collector,
};

/// Where rows come from and how answers are printed.
#[derive(Clone, Debug, Args)]
pub(super) struct Io {
    /// A CSV file with a row for each calculation, in place of the options for one; - for standard input. docs/commands.md
    /// names its columns, which stand in any order.
    #[arg(long = "in", value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Print a JSON array with an object for each row.
    #[arg(long)]
    pub(super) json: bool,
}

/// A column of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    name: &'static str,
    /// Other headings under which published files have it.
    also: &'static [&'static str],
    is_required: bool,
}

/// A kind of row.
pub(super) trait FromRow: Sized {
    /// Its columns.
    const COLUMNS: &'static [Column];

    /// Reads a row; what is wrong is told to the row.
    fn from_row(row: &mut Row<'_>) -> Result<Self, Told>;
}

/// A row while it is read.
pub(super) struct Row<'a> {
    /// What is given, by column.
    cells: Vec<(Column, &'a str)>,
    place: Place<'a>,
    problems: &'a mut Collector,
}

/// Where a row stands.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// In the options of the command line.
    Options,
    /// On a line of a file.
    Line(&'a Header, usize),
}

/// The options of the command line for one row, by column.
pub(super) type Options<'a> = [(Column, &'a Option<String>)];

/// A problem has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told;

/// What is wrong with a row whose cells can all be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    column: Column,
    description: String,
}

/// The columns from which a coupon schedule is made.
pub(super) struct ScheduleColumns {
    pub(super) coupon: Column,
    pub(super) dated: Column,
    pub(super) first_coupon: Column,
    pub(super) maturity: Column,
}

impl Column {
    /// A column that every file must have.
    pub(super) const fn required(name: &'static str) -> Self {
        Self { name, also: &[], is_required: true }
    }

    /// A column that a file may leave out.
    pub(super) const fn optional(name: &'static str) -> Self {
        Self { name, also: &[], is_required: false }
    }

    /// The same under other headings too.
    pub(super) const fn or(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// Whether a heading names the column. Capitals and signs between words do not count: `dated_date` is `DatedDate`.
    fn is_headed(&self, heading: &str) -> bool {
        let plain = |text: &str| -> Vec<char> {
            text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
        };
        std::iter::once(&self.name).chain(self.also).any(|name| plain(name) == plain(heading))
    }
}

impl Wrong {
    /// A problem of a column.
    pub(super) fn new(column: Column, description: impl fmt::Display) -> Self {
        Self { column, description: description.to_string() }
    }

    /// A problem of a coupon schedule, at the column that it is about.
    pub(super) fn of_schedule(error: &ScheduleError, columns: &ScheduleColumns) -> Self {
        let column = match error {
            ScheduleError::Coupon(_) => columns.coupon,
            ScheduleError::Year(_) | ScheduleError::Order { .. } => columns.maturity,
            ScheduleError::FirstCouponOffCycle { .. } => columns.first_coupon,
            ScheduleError::FirstPeriodTooLong { .. } => columns.dated,
        };
        Self::new(column, error)
    }
}

/// The columns of a kind of row in a file.
struct Header {
    label: String,
    /// Each column with its place and heading, where the file has it.
    found: Vec<(Column, usize, String)>,
}

impl Header {
    fn read(label: &str, sheet: &CsvRows, columns: &[Column], problems: &mut Collector) -> Self {
        let at = format!("{label}, line {}", sheet.header_line);
        let mut found = Vec::new();
        for &column in columns {
            let mut headed = sheet.headings.iter().enumerate().filter(|(_, heading)| column.is_headed(heading));
            match (headed.next(), headed.next()) {
                (Some((place, heading)), None) => found.push((column, place, heading.clone())),
                (Some((_, first)), Some((_, second))) => {
                    problems.add(&at, format!("{first} and {second} are both the column {}", column.name));
                }
                (None, _) if column.is_required => problems.add(&at, format!("the column {} is missing", column.name)),
                (None, _) => {}
            }
        }
        let is_unused = |heading: &&String| !columns.iter().any(|column| column.is_headed(heading));
        let unused: Vec<&str> = sheet.headings.iter().filter(is_unused).map(String::as_str).collect();
        if !unused.is_empty() {
            output::note(&format!("{label}: columns that are not used: {}", unused.join(", ")));
        }
        Self { label: label.to_owned(), found }
    }

    fn cells<'a>(&self, cells: &'a [String]) -> Vec<(Column, &'a str)> {
        self.found.iter().filter_map(|(column, place, _)| Some((*column, cells.get(*place)?.as_str()))).collect()
    }
}

impl Place<'_> {
    /// The place of a column: `file.csv, line 3, coupon`, or `--coupon`.
    fn of(self, column: Column) -> String {
        match self {
            Self::Options => format!("--{}", column.name.replace('_', "-")),
            Self::Line(header, line) => {
                let found = header.found.iter().find(|(known, ..)| *known == column);
                let heading = found.map_or(column.name, |(.., heading)| heading.as_str());
                format!("{}, line {line}, {heading}", header.label)
            }
        }
    }
}

impl Row<'_> {
    /// Tells a problem of a column.
    pub(super) fn wrong(&mut self, column: Column, description: impl fmt::Display) -> Told {
        self.problems.add(self.place.of(column), description);
        Told
    }

    /// The value of a cell, none where it is empty or there is no such column.
    pub(super) fn optional<T, E: fmt::Display>(
        &mut self,
        column: Column,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Told> {
        let cell = self.cells.iter().find(|(known, text)| *known == column && !text.is_empty());
        match cell.map(|(_, text)| parse(text)) {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) => Err(self.wrong(column, error)),
            None => Ok(None),
        }
    }

    /// The value of a cell that must not be empty.
    pub(super) fn required<T, E: fmt::Display>(
        &mut self,
        column: Column,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Told> {
        self.optional(column, parse)?.ok_or_else(|| self.wrong(column, "is missing"))
    }
}

/// Answers each row of the file, or the one of the options where no file is given, in order. `answer` gets the row and
/// its line.
///
/// # Errors
/// Every problem of the file, by line and column. Options that cannot be read are a wrong command line.
pub(super) fn calculate<R: FromRow, T>(
    io: &Io,
    options: &Options<'_>,
    mut answer: impl FnMut(&R, Option<usize>) -> Result<T, Wrong>,
) -> Result<Vec<Calculated<T>>, Failure> {
    let mut problems = Collector::default();
    let mut answers = Vec::new();
    let Some(path) = &io.input else {
        let cells = options.iter().filter_map(|(column, text)| Some((*column, text.as_deref()?))).collect();
        let Ok(row) = R::from_row(&mut Row { cells, place: Place::Options, problems: &mut problems }) else {
            let told = problems.finish(()).err().map(|problems| problems.to_string());
            return Err(Failure::usage(told.unwrap_or_default()));
        };
        let told = |wrong: Wrong| Failure::new(format!("{}: {}", Place::Options.of(wrong.column), wrong.description));
        return Ok(vec![Calculated { line: None, answer: answer(&row, None).map_err(told)? }]);
    };
    let (label, bytes) = read(path)?;
    if let Some(sheet) = CsvRows::read(&bytes, &label, &mut problems) {
        let header = Header::read(&label, &sheet, R::COLUMNS, &mut problems);
        if sheet.rows.is_empty() {
            problems.add(&label, "there is no row below the header");
        }
        // Rows below a header that lacks a column would say so once a row.
        let is_complete = R::COLUMNS
            .iter()
            .all(|column| !column.is_required || header.found.iter().any(|(found, ..)| found == column));
        for row in sheet.rows.iter().filter(|_| is_complete) {
            let place = Place::Line(&header, row.line);
            let cells = header.cells(&row.cells);
            let Ok(read) = R::from_row(&mut Row { cells, place, problems: &mut problems }) else { continue };
            match answer(&read, Some(row.line)) {
                Ok(answer) => answers.push(Calculated { line: Some(row.line), answer }),
                Err(wrong) => problems.add(place.of(wrong.column), wrong.description),
            }
        }
    }
    problems.finish(answers).map_err(|problems| Failure::new(problems.to_string()))
}

/// The name and the bytes of a file; `-` is standard input.
fn read(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let (label, bytes) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (path.display().to_string(), fs::read(path))
    };
    bytes.map_err(|error| Failure::of(&format!("--in {label}"), &error)).map(|bytes| (label, bytes))
}
