//! What a figure is computed of: par bonds and instruments, from options or from a file.

use std::{collections::BTreeSet, fmt, fs, path::PathBuf, str::FromStr};

use clap::Args;
use risk::{
    instrument::{Instrument, InstrumentError},
    revaluation::{ParBond, ParBondError},
    scenario::Tenor,
};

use crate::{
    command::{failure::Failure, rows::CsvRows},
    problem::Collector,
};

/// Options that name a portfolio.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct PortfolioArgs {
    /// A par bond of the day, on a coupon date: its tenor and face in USD, negative when short, such as 10Y:100000000.
    /// Repeat for more.
    #[arg(long, value_name = "TENOR:FACE", num_args = 1..)]
    pub par_bond: Vec<ParBondPosition>,

    /// The portfolio as CSV: instrument,quantity, where an instrument is PAR:10Y, UST:<cusip>, FWD:<cusip>:<date>,
    /// USD:<date> or FUT:<product>:<month>. All but PAR need --market.
    #[arg(long, value_name = "FILE")]
    pub portfolio: Option<PathBuf>,
}

/// A par bond by tenor, with its face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParBondPosition(Position);

/// Positions, each in another thing; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Portfolio(Vec<Position>);

/// A quantity of something; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// What is held.
    pub(super) holding: Holding,
    /// USD of face (a multiple of 100), whole USD, or contracts; negative when short.
    pub(super) quantity: i64,
}

/// Something that has a value in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holding {
    /// The par bond of the day. Text: `PAR:10Y`.
    ParBond(Tenor),
    /// An instrument of the market.
    Instrument(Instrument),
}

/// What is wrong with a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PositionError {
    #[error("{0:?} is not a par bond: a tenor and a face in USD are needed, such as 10Y:100000000")]
    Form(String),
    #[error("{text:?} is not a tenor: {} is needed", tenors())]
    Tenor { text: String },
    #[error(transparent)]
    ParBond(#[from] ParBondError),
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    #[error("{0:?} is not a quantity: a whole number is needed, negative when short")]
    Quantity(String),
    #[error("a quantity of 0 is no position: leave it out")]
    Zero,
    #[error("face {0} is not a multiple of 100 USD")]
    Face(i64),
    #[error("{0} is there twice: give each instrument once")]
    Twice(Holding),
}

const COLUMNS: [&str; 2] = ["instrument", "quantity"];

impl PortfolioArgs {
    /// The portfolio.
    ///
    /// # Errors
    /// Every problem of the options or of the file, by line.
    pub(super) fn read(&self) -> Result<Portfolio, Failure> {
        let mut problems = Collector::default();
        let given: Vec<(String, Position)> = match &self.portfolio {
            Some(path) => {
                let label = path.display().to_string();
                let bytes = fs::read(path).map_err(|error| Failure::of(&format!("--portfolio {label}"), &error))?;
                rows(&bytes, &label, &mut problems)
            }
            None => self.par_bond.iter().map(|bond| ("--par-bond".to_owned(), bond.0)).collect(),
        };
        let mut seen = BTreeSet::new();
        for (place, position) in &given {
            if !seen.insert(position.holding) {
                problems.add(place.clone(), PositionError::Twice(position.holding));
            }
        }
        let positions = given.into_iter().map(|(_, position)| position).collect();
        problems.finish(Portfolio(positions)).map_err(|problems| Failure::new(problems.to_string()))
    }
}

fn rows(bytes: &[u8], label: &str, problems: &mut Collector) -> Vec<(String, Position)> {
    let Some(sheet) = CsvRows::read(bytes, label, problems) else { return vec![] };
    if sheet.headings != COLUMNS {
        problems.add(label, format!("the header must be {}", COLUMNS.join(",")));
        return vec![];
    }
    if sheet.rows.is_empty() && problems.is_empty() {
        problems.add(label, "holds no position: a row such as PAR:10Y,100000000 is needed");
    }
    let positions = sheet.rows.iter().filter_map(|row| {
        let place = format!("{label}, line {}", row.line);
        let position = problems.check(|| place.clone(), Position::parse(&row.cells[0], &row.cells[1]))?;
        Some((place, position))
    });
    positions.collect()
}

impl Portfolio {
    pub(super) fn positions(&self) -> &[Position] {
        &self.0
    }

    /// The tenors of the par bonds.
    pub(super) fn par_bonds(&self) -> impl Iterator<Item = Tenor> {
        self.0.iter().filter_map(|position| match position.holding {
            Holding::ParBond(tenor) => Some(tenor),
            Holding::Instrument(_) => None,
        })
    }

    /// The first position that only a market can value.
    pub(super) fn first_of_market(&self) -> Option<Instrument> {
        self.0.iter().find_map(|position| match position.holding {
            Holding::Instrument(instrument) => Some(instrument),
            Holding::ParBond(_) => None,
        })
    }
}

impl Position {
    fn parse(holding: &str, quantity: &str) -> Result<Self, PositionError> {
        let holding: Holding = holding.parse()?;
        let quantity: i64 = quantity.parse().map_err(|_| PositionError::Quantity(quantity.to_owned()))?;
        if quantity == 0 {
            return Err(PositionError::Zero);
        }
        // The market knows how instruments count; a par bond is checked here.
        match holding {
            Holding::ParBond(_) if quantity % 100 != 0 => Err(PositionError::Face(quantity)),
            _ => Ok(Self { holding, quantity }),
        }
    }
}

impl FromStr for ParBondPosition {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let position = || {
            let (tenor, face) = text.split_once(':').ok_or_else(|| PositionError::Form(text.to_owned()))?;
            Position::parse(&format!("PAR:{tenor}"), face)
        };
        position().map(Self).map_err(|error: PositionError| Failure::new(error.to_string()))
    }
}

impl FromStr for Holding {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(name) = text.strip_prefix("PAR:") else { return Ok(Self::Instrument(text.parse()?)) };
        let tenor = ParBond::tenors().find(|tenor| tenor.to_string() == name);
        tenor.map(Self::ParBond).ok_or_else(|| PositionError::Tenor { text: name.to_owned() })
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ParBond(tenor) => write!(f, "PAR:{tenor}"),
            Self::Instrument(instrument) => instrument.fmt(f),
        }
    }
}

fn tenors() -> String {
    ParBond::tenors().map(|tenor| tenor.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Portfolio, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portfolio.csv");
        fs::write(&path, text).unwrap();
        let args = PortfolioArgs { par_bond: vec![], portfolio: Some(path) };
        args.read().map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_portfolio_reads_every_kind_of_instrument() {
        let text =
            "# mine\ninstrument,quantity\nPAR:10Y, 1000000\nUST:91282CMK4,-500\nFUT:ZN:2026-03,-7\nUSD:2026-02-17,3\n";
        let portfolio = file(text).unwrap();
        let read: Vec<String> = portfolio
            .positions()
            .iter()
            .map(|position| format!("{} {}", position.holding, position.quantity))
            .collect();
        assert_eq!(read, ["PAR:10Y 1000000", "UST:91282CMK4 -500", "FUT:ZN:2026-03 -7", "USD:2026-02-17 3"]);
        assert_eq!(portfolio.first_of_market().unwrap().to_string(), "UST:91282CMK4");
    }

    #[test]
    fn every_problem_of_a_file_is_told_by_its_line() {
        let rows = [
            ("PAR:4Y,100", "line 2: \"4Y\" is not a tenor: 6M, 1Y, 2Y, 3Y, 5Y, 7Y, 10Y, 20Y, 30Y is needed"),
            ("PAR:10Y,0", "line 3: a quantity of 0 is no position"),
            ("PAR:10Y,150", "line 4: face 150 is not a multiple of 100"),
            ("PAR:10Y,1.5", "line 5: \"1.5\" is not a quantity"),
            ("PAR:5Y,100", ""),
            ("PAR:5Y,200", "line 7: PAR:5Y is there twice"),
            ("UST:91282CMK5,100", "line 8: CUSIP 91282CMK5 has check digit"),
            ("GOLD,1", "line 9: \"GOLD\" is not an instrument"),
            ("PAR:10Y,99999999999999999999", "line 10:"),
        ];
        let text: Vec<&str> = rows.iter().map(|(row, _)| *row).collect();
        let told = file(&format!("instrument,quantity\n{}\n", text.join("\n"))).unwrap_err();
        for (row, words) in rows {
            assert!(told.contains(words), "{row}: {words} is not in\n{told}");
        }
        assert_eq!(told.lines().count(), 8, "{told}");
        for (text, words) in [
            ("", "the file is empty: a header line is needed"),
            ("account,quantity\n", "the header must be instrument,quantity"),
            ("instrument,quantity\n", "holds no position"),
            ("instrument,quantity\nPAR:10Y\n", "line 2: 1 columns, but the header has 2"),
        ] {
            let told = file(text).unwrap_err();
            assert!(told.contains(words), "{text:?}: {told}");
        }
    }

    #[test]
    fn a_par_bond_is_a_tenor_and_a_face() {
        let bond: ParBondPosition = "10Y:-100000000".parse().unwrap();
        assert_eq!(bond.0, Position { holding: Holding::ParBond(Tenor(120)), quantity: -100_000_000 });
        for (text, words) in [
            ("10Y", "is not a par bond"),
            ("10y:100", "is not a tenor"),
            ("1M:100", "is not a tenor"),
            ("10Y:", "is not a quantity"),
            ("10Y:0", "no position"),
            ("10Y:50", "multiple of 100"),
        ] {
            assert!(text.parse::<ParBondPosition>().unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
