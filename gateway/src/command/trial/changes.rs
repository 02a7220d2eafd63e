//! Changes of positions as a person writes them: `add:UST:91282CMM0:1000000`, or rows of a file.

use std::path::Path;

use crossmargin::v1::{ChangeKind, PositionChange};

use crate::command::failure::Failure;

/// Columns of a file of changes.
const COLUMNS: [&str; 3] = ["change", "instrument", "quantity"];

/// A change: what it does, the instrument, and the quantity unless it removes.
pub(super) fn change(text: &str) -> Result<PositionChange, Failure> {
    let form = || {
        Failure::new(format!(
            "--change {text}: add:<instrument>:<quantity>, replace:<instrument>:<quantity> or remove:<instrument> is needed"
        ))
    };
    let (kind, rest) = text.split_once(':').ok_or_else(form)?;
    let kind = kind_of(kind).ok_or_else(form)?;
    if kind == ChangeKind::Remove {
        return Ok(PositionChange { instrument: rest.to_owned(), kind: kind.into(), quantity: 0 });
    }
    let (instrument, quantity) = with_quantity(rest).ok_or_else(form)?;
    Ok(PositionChange { instrument, kind: kind.into(), quantity })
}

/// A position held elsewhere: the instrument and the contracts.
pub(super) fn holding(text: &str) -> Result<PositionChange, Failure> {
    let (instrument, quantity) = with_quantity(text)
        .ok_or_else(|| Failure::new(format!("--held {text}: FUT:<product>:<month>:<contracts> is needed")))?;
    Ok(PositionChange { instrument, kind: ChangeKind::Add.into(), quantity })
}

/// The changes of a file.
pub(super) fn read(file: &Path) -> Result<Vec<PositionChange>, Failure> {
    let label = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| Failure::of(&format!("--in {label}"), &error))?;
    parse(&text, &label)
}

fn parse(text: &str, label: &str) -> Result<Vec<PositionChange>, Failure> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Failure::of(label, &error))?;
    if header.iter().ne(COLUMNS) {
        return Err(Failure::new(format!("{label}: the header must be {}", COLUMNS.join(","))));
    }
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.map_err(|error| Failure::of(label, &error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |at: usize| row.get(at).unwrap_or_default();
        match (kind_of(cell(0)), cell(2).parse::<i64>()) {
            (None, _) => problems.push(format!("{label}, line {line}, change: add, replace or remove is needed")),
            (Some(kind), Ok(quantity)) => {
                changes.push(PositionChange { instrument: cell(1).to_owned(), kind: kind.into(), quantity });
            }
            (Some(ChangeKind::Remove), Err(_)) if cell(2).is_empty() => changes.push(PositionChange {
                instrument: cell(1).to_owned(),
                kind: ChangeKind::Remove.into(),
                quantity: 0,
            }),
            (Some(_), Err(_)) => {
                problems.push(format!("{label}, line {line}, quantity: {:?} is not a whole number", cell(2)));
            }
        }
    }
    if problems.is_empty() { Ok(changes) } else { Err(Failure::new(problems.join("\n"))) }
}

fn kind_of(text: &str) -> Option<ChangeKind> {
    match text {
        "add" => Some(ChangeKind::Add),
        "replace" => Some(ChangeKind::Replace),
        "remove" => Some(ChangeKind::Remove),
        _ => None,
    }
}

fn with_quantity(text: &str) -> Option<(String, i64)> {
    let (instrument, quantity) = text.rsplit_once(':')?;
    Some((instrument.to_owned(), quantity.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ChangeKind, instrument: &str, quantity: i64) -> PositionChange {
        PositionChange { instrument: instrument.into(), kind: kind.into(), quantity }
    }

    #[test]
    fn changes_read_the_same_from_the_command_line_and_from_a_file() {
        let expected = [
            of(ChangeKind::Add, "UST:91282CMM0", 1_000_000),
            of(ChangeKind::Replace, "FUT:ZN:2026-03", -500),
            of(ChangeKind::Remove, "FWD:91282CMM0:2026-02-17", 0),
        ];
        let told = ["add:UST:91282CMM0:1000000", "replace:FUT:ZN:2026-03:-500", "remove:FWD:91282CMM0:2026-02-17"];
        assert_eq!(told.map(|text| change(text).unwrap()), expected);
        let file = "# a hedge\nchange,instrument,quantity\nadd,UST:91282CMM0,1000000\n\
                    replace, FUT:ZN:2026-03, -500\nremove,FWD:91282CMM0:2026-02-17,\n";
        assert_eq!(parse(file, "x.csv").unwrap(), expected);
        assert_eq!(holding("FUT:ZN:2026-03:-500").unwrap(), of(ChangeKind::Add, "FUT:ZN:2026-03", -500));
    }

    #[test]
    fn what_is_not_a_change_is_told_with_its_form() {
        for text in ["", "add", "add:UST", "buy:UST:91282CMM0:100", "add:UST:91282CMM0:1.5", "replace:UST:91282CMM0"] {
            assert!(change(text).unwrap_err().to_string().contains("add:<instrument>:<quantity>"), "{text}");
        }
        assert!(holding("FUT:ZN").unwrap_err().to_string().contains("--held FUT:ZN"));
        let problems = parse("change,instrument,quantity\nbuy,x,1\nadd,x,y\n", "x.csv").unwrap_err().to_string();
        assert!(problems.contains("line 2, change") && problems.contains("line 3, quantity"), "{problems}");
        assert!(parse("a,b\n", "x.csv").unwrap_err().to_string().contains("change,instrument,quantity"));
    }
}
