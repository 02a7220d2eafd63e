//! The days of a path as a file: moves of the overnight rate and of each tenor, in basis points.

use std::path::Path;

use crossmargin::v1::CurveMove;

use crate::command::failure::Failure;

/// Columns of a file of days.
const COLUMNS: [&str; 12] = ["overnight", "1M", "3M", "6M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y"];

/// The days of a file.
pub(super) fn read(file: &Path) -> Result<Vec<CurveMove>, Failure> {
    let label = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| Failure::of(&format!("--days {label}"), &error))?;
    parse(&text, &label)
}

fn parse(text: &str, label: &str) -> Result<Vec<CurveMove>, Failure> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Failure::of(label, &error))?;
    if header.iter().ne(COLUMNS) {
        return Err(Failure::new(format!("{label}: the header must be {}", COLUMNS.join(","))));
    }
    let (mut days, mut problems) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.map_err(|error| Failure::of(label, &error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let mut moves = Vec::with_capacity(COLUMNS.len());
        for (column, cell) in COLUMNS.into_iter().zip(&row) {
            match cell.parse::<f64>() {
                Ok(bp) => moves.push(bp),
                Err(_) => problems.push(format!("{label}, line {line}, {column}: {cell:?} is not a number")),
            }
        }
        if let [overnight_bp, curve_bp @ ..] = moves.as_slice() {
            days.push(CurveMove { overnight_bp: *overnight_bp, curve_bp: curve_bp.to_vec() });
        }
    }
    if problems.is_empty() { Ok(days) } else { Err(Failure::new(problems.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_column_by_column_and_problems_are_told_by_line() {
        let header = COLUMNS.join(",");
        let days = parse(&format!("{header}\n-5,1,2,3,4,5,6,7,8,9,10,11.5\n"), "x.csv").unwrap();
        assert_eq!((days[0].overnight_bp, days[0].curve_bp.len(), days[0].curve_bp[10]), (-5.0, 11, 11.5));
        let error = parse(&format!("{header}\n0,1,2,3,4,5,6,7,8,9,10,x\n"), "x.csv").unwrap_err().to_string();
        assert!(error.contains("line 2, 30Y"), "{error}");
        assert!(parse("bp\n1\n", "x.csv").unwrap_err().to_string().contains("overnight,1M"));
    }
}
