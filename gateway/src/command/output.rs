//! How commands write: tables for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use crossmargin::v1;
use serde::Serialize;

use super::failure::Failure;
pub use crate::words::{grouped, percent};

/// Writes a text to standard output, with a line end. A reader that has gone away is no failure.
///
/// # Errors
/// When standard output cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    line(text).map(drop)
}

/// Writes a line of an answer that goes on, at once; whether somebody still reads it.
///
/// # Errors
/// When standard output cannot be written to.
pub fn line(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::of("writing the answer", &error)),
        Ok(()) => Ok(true),
    }
}

/// Writes a note to standard error: what a reader of the answer should know. One that cannot be written fails nothing.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "note: {text}");
}

/// Prints an answer: as JSON, or as the text that `text` makes of it.
///
/// # Errors
/// When standard output cannot be written to.
pub fn answer<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    if !json {
        return print(text(value).trim_end());
    }
    let json = serde_json::to_string_pretty(value).map_err(|error| Failure::of("--json", &error))?;
    print(&json)
}

/// Lines above, below and under the header; none between rows or columns.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// A table with a header; `right` are the columns of figures.
#[must_use]
pub fn table(header: &[&str], right: impl Fn(usize) -> bool) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(header.iter().enumerate().map(|(place, name)| align(name, right(place))));
    for (place, column) in table.column_iter_mut().enumerate() {
        if right(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table of rows of text: all but the first column stand to the right where they hold nothing but figures.
#[must_use]
pub fn sheet(columns: &[&str], rows: &[Vec<String>]) -> Table {
    let is_figure = |at: usize| {
        at > 0 && rows.iter().all(|row| row[at].bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte)))
    };
    let mut table = table(columns, is_figure);
    for row in rows {
        table.add_row(row);
    }
    table
}

fn align(name: &str, is_right: bool) -> Cell {
    Cell::new(name).set_alignment(if is_right { CellAlignment::Right } else { CellAlignment::Left })
}

/// Basis points as a fraction: 6543 is 0.6543.
#[must_use]
pub fn fraction(basis_points: u32) -> f64 {
    f64::from(basis_points) / 10_000.0
}

/// A name of the wire in small letters: `CYCLE_PHASE_FALLEN_BACK` without `CYCLE_PHASE_` is `fallen_back`; one that
/// means "not given" is empty.
#[must_use]
pub fn small(name: &str, prefix: &str) -> String {
    let name = name.strip_prefix(prefix).unwrap_or(name);
    if name == "UNSPECIFIED" { String::new() } else { name.to_ascii_lowercase() }
}

/// An instant of the wire in RFC 3339; empty where there is none.
#[must_use]
pub fn instant(at: Option<&prost_types::Timestamp>) -> String {
    let parsed = at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok());
    parsed.map(|at| at.to_string()).unwrap_or_default()
}

/// An instant in RFC 3339 without fractions of a second, for people.
#[must_use]
pub fn seconds(instant: &str) -> String {
    instant.split_once('.').map_or_else(|| instant.to_owned(), |(whole, _)| format!("{whole}Z"))
}

/// A cycle as its text form; empty where there is none.
#[must_use]
pub fn cycle(id: Option<&v1::CycleId>) -> String {
    let text = |id: &v1::CycleId| {
        format!(
            "{}/{}/{}",
            id.business_date,
            small(id.kind().as_str_name(), "CYCLE_KIND_").to_ascii_uppercase(),
            id.run
        )
    };
    id.map(text).unwrap_or_default()
}

/// The first characters of a hexadecimal text.
#[must_use]
pub fn short(hex: &str) -> String {
    const SHOWN: usize = 16;
    match hex.get(..SHOWN) {
        Some(start) if hex.len() > SHOWN => format!("{start}…"),
        _ => hex.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_a_fraction_in_json_and_a_percentage_in_tables() {
        assert_eq!(serde_json::to_string(&fraction(6543)).unwrap(), "0.6543");
        assert_eq!(serde_json::to_string(&fraction(0)).unwrap(), "0.0");
        assert_eq!((percent(6543), percent(8000), percent(5)), ("65.43 %".into(), "80.00 %".into(), "0.05 %".into()));
    }

    #[test]
    fn names_of_the_wire_are_shown_in_small_letters() {
        assert_eq!(small(v1::CyclePhase::FallenBack.as_str_name(), "CYCLE_PHASE_"), "fallen_back");
        assert_eq!(small(v1::CyclePhase::Unspecified.as_str_name(), "CYCLE_PHASE_"), "");
    }

    #[test]
    fn people_are_spared_fractions_of_a_second() {
        let at = jiff::Timestamp::new(1_770_000_000, 123_456_789).unwrap();
        let text = instant(Some(&crate::wire::to_timestamp(at)));
        assert_eq!(
            (text.as_str(), seconds(&text).as_str()),
            ("2026-02-02T02:40:00.123456789Z", "2026-02-02T02:40:00Z")
        );
        assert_eq!((seconds(""), seconds("2026-02-02T02:40:00Z")), (String::new(), "2026-02-02T02:40:00Z".into()));
    }

    #[test]
    fn a_cycle_is_shown_as_it_is_typed() {
        let id: crate::arrangement::cycle_id::CycleId = "2026-02-13/EODXM/2".parse().unwrap();
        assert_eq!(cycle(Some(&id.to_wire("A-B"))), id.to_string());
    }
}
