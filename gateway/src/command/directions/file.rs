//! Legs as a CSV file.

use std::{fs, path::Path};

use crossmargin::v1;

use crate::{
    command::{failure::Failure, rows::CsvRows},
    problem::Collector,
};

/// The columns of the file.
const COLUMNS: [&str; 4] = ["from_account", "to_account", "instrument", "quantity"];

/// Reads a file of legs. The node checks accounts and instruments; what is no row or no number is told here.
pub(super) fn read(path: &Path) -> Result<Vec<v1::PositionLeg>, Failure> {
    let label = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| Failure::of(&format!("--csv {label}"), &error))?;
    parse(&bytes, &label)
}

fn parse(bytes: &[u8], label: &str) -> Result<Vec<v1::PositionLeg>, Failure> {
    let mut problems = Collector::default();
    let sheet = CsvRows::read(bytes, label, &mut problems);
    let mut legs = Vec::new();
    if let Some(sheet) = sheet {
        if sheet.headings != COLUMNS {
            return Err(Failure::new(format!(
                "{label}, line {}: the header must be {}",
                sheet.header_line,
                COLUMNS.join(",")
            )));
        }
        for row in sheet.rows {
            // Invariant: a row has as many cells as the header.
            let [from, to, instrument, quantity] = &row.cells[..] else { continue };
            let wrong = || format!("{quantity:?} is no number of contracts: a whole number is needed");
            let field = || format!("{label}, line {}, quantity", row.line);
            let Some(quantity) = problems.check(field, quantity.parse::<i64>().map_err(|_| wrong())) else { continue };
            legs.push(v1::PositionLeg {
                from_account: from.clone(),
                to_account: to.clone(),
                instrument: instrument.clone(),
                quantity,
            });
        }
    }
    problems.finish(legs).map_err(|problems| Failure::new(problems.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_are_read_in_their_order() {
        let text = b"from_account,to_account,instrument,quantity\n# a remark\nREG-1,XM-1,FUT:ZN:2026-03,-5\nXM-1,REG-1,FUT:ZF:2026-03,7\n";
        let legs = parse(text, "legs.csv").unwrap();
        let read: Vec<_> = legs.iter().map(|leg| (&*leg.from_account, &*leg.instrument, leg.quantity)).collect();
        assert_eq!(read, [("REG-1", "FUT:ZN:2026-03", -5), ("XM-1", "FUT:ZF:2026-03", 7)]);
    }

    #[test]
    fn every_problem_of_a_file_is_named_by_line() {
        let text = b"from_account,to_account,instrument,quantity\nREG-1,XM-1,FUT:ZN:2026-03,five\nREG-1,XM-1\n";
        let error = parse(text, "legs.csv").unwrap_err().to_string();
        assert!(error.contains("legs.csv, line 2, quantity") && error.contains("legs.csv, line 3"), "{error}");
        assert!(parse(b"a,b\n", "x").unwrap_err().to_string().contains("from_account,to_account"));
        assert!(parse(b"", "x").unwrap_err().to_string().contains("empty"));
    }
}
