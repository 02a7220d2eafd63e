//! `crossmargin risk settle`: final settlement prices of rate futures.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    fixings::{Fixings, MissingFixing, OvernightRate},
    futures::{ContractSpecification, Family, settle_fed_funds, settle_sofr_one_month, settle_sofr_three_month},
    history::{CsvFile, OvernightHistory, Rate},
    instrument::{ContractMonth, ProductCode},
};
use serde::Serialize;

use super::{
    answer::{self, Answer, Calculated},
    contract,
    input::{self, Column, FromRow, Io, Row, Told, Wrong},
    quote,
};
use crate::command::failure::Failure;

/// Arguments of `crossmargin risk settle`.
#[derive(Clone, Debug, Args)]
pub struct SettleArgs {
    /// CSV file of fixings in per cent: a column date, and of the columns sofr and effr those that are needed.
    #[arg(long, value_name = "FILE")]
    fixings: PathBuf,
    #[command(flatten)]
    io: Io,
    #[command(flatten)]
    options: SettleOptions,
}

#[derive(Clone, Debug, Args)]
#[group(conflicts_with = "input")]
struct SettleOptions {
    /// The contract: SR3, SR1 or ZQ, or its clearing or floor code.
    #[arg(long, value_name = "CODE")]
    contract: Option<String>,
    /// The first day of the contract's period: the third Wednesday of its month (SR3), or the first day (SR1, ZQ).
    #[arg(long, value_name = "DATE")]
    start_date: Option<String>,
}

const CONTRACT: Column = Column::required("contract");
const START_DATE: Column = Column::required("start_date");

/// A contract by the first day of its period.
struct SettleRow {
    contract: ContractSpecification,
    start: Date,
}

#[derive(Clone, Debug, Serialize)]
struct Settlement {
    #[serde(serialize_with = "answer::as_text")]
    contract: ProductCode,
    start_date: Date,
    /// The first day after the period.
    end_date: Date,
    settlement: String,
}

/// The file of fixings; each rate is read when it is first asked for, so that a file may lack what no row needs.
struct FixingsFile {
    label: String,
    text: String,
    read: BTreeMap<OvernightRate, Option<Fixings>>,
    problems: Vec<String>,
}

/// Runs `crossmargin risk settle`.
///
/// # Errors
/// Every problem of the input; the fixings that are missing.
pub(super) fn run(args: &SettleArgs) -> Result<(), Failure> {
    let mut fixings = FixingsFile::open(&args.fixings)?;
    let options = [(CONTRACT, &args.options.contract), (START_DATE, &args.options.start_date)];
    let settlements = input::calculate(&args.io, &options, |row: &SettleRow, _| row.settle(&mut fixings));
    fixings.check()?;
    let settled = |row: Calculated<Option<_>>| Some(Calculated { line: row.line, answer: row.answer? });
    let settlements: Vec<Calculated<Settlement>> = settlements?.into_iter().filter_map(settled).collect();
    answer::print(&args.io, &settlements)
}

impl SettleRow {
    /// The settlement; none where the fixings cannot be read.
    fn settle(&self, fixings: &mut FixingsFile) -> Result<Option<Settlement>, Wrong> {
        let month = ContractMonth::from(self.start);
        let (rate, settle, places): (_, fn(_, &Fixings) -> _, _) = match self.contract.family {
            Family::SofrThreeMonth => (OvernightRate::Sofr, settle_sofr_three_month, 4),
            Family::FedFunds => (OvernightRate::FedFunds, settle_fed_funds, 3),
            Family::SofrOneMonth | Family::Treasury(_) => (OvernightRate::Sofr, settle_sofr_one_month, 3),
        };
        let Some((start, end)) = self.contract.reference_period(month) else { return Ok(None) };
        let product = self.contract.product;
        if self.start != start {
            let rule = if product.as_str() == "SR3" { "the third Wednesday" } else { "the first day" };
            let text = format!("{product} of {month} starts on {start}, {rule} of the month, not on {}", self.start);
            return Err(Wrong::new(START_DATE, text));
        }
        let Some(fixings) = fixings.of(rate) else { return Ok(None) };
        let settlement: Fixed8 = settle(month, fixings)
            .map_err(|first| Wrong::new(START_DATE, missing(first, &fixings.missing(start, end))))?;
        Ok(Some(Settlement {
            contract: product,
            start_date: start,
            end_date: end,
            settlement: quote::places(settlement, places),
        }))
    }
}

/// The first missing fixing, and how many more of the period are.
fn missing(first: MissingFixing, all: &[MissingFixing]) -> String {
    match all {
        [_, .., last] => format!("{first}, and {} more up to {}", all.len() - 1, last.day),
        _ => first.to_string(),
    }
}

impl FixingsFile {
    fn open(path: &Path) -> Result<Self, Failure> {
        let label = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| Failure::of(&format!("--fixings {label}"), &error))?;
        Ok(Self { label, text, read: BTreeMap::new(), problems: Vec::new() })
    }

    /// The fixings of a rate; none where they cannot be read, which is noted.
    fn of(&mut self, rate: OvernightRate) -> Option<&Fixings> {
        let Self { label, text, read, problems } = self;
        let fixings = read.entry(rate).or_insert_with(|| {
            let column = match rate {
                OvernightRate::Sofr => "sofr",
                OvernightRate::FedFunds => "effr",
            };
            let history = OvernightHistory::from_csv(&[CsvFile { label, text }], &[column]).map_err(|found| {
                for problem in found.0.iter().map(ToString::to_string) {
                    // What is wrong with a whole line is found again with the other rate.
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            });
            Some(Fixings::new(rate, history.ok()?.days().iter().map(|day| (day.date, in_per_cent(day.rate)))))
        });
        fixings.as_ref()
    }

    /// # Errors
    /// Every problem of the file that was found.
    fn check(&self) -> Result<(), Failure> {
        if self.problems.is_empty() { Ok(()) } else { Err(Failure::new(self.problems.join("\n"))) }
    }
}

fn in_per_cent(rate: Rate) -> Fixed8 {
    Fixed8::from_units(i64::from(rate.units()) * (Fixed8::ONE / i64::from(Rate::UNITS_PER_PER_CENT)))
}

impl FromRow for SettleRow {
    const COLUMNS: &'static [Column] = &[CONTRACT, START_DATE];

    fn from_row(row: &mut Row<'_>) -> Result<Self, Told> {
        let contract = row.required(CONTRACT, contract::rate);
        let start = row.required(START_DATE, quote::date);
        Ok(Self { contract: contract?, start: start? })
    }
}

impl Answer for Settlement {
    const COLUMNS: &'static [&'static str] = &["contract", "start", "end", "settlement"];

    fn cells(&self) -> Vec<String> {
        vec![self.contract.to_string(), self.start_date.to_string(), self.end_date.to_string(), self.settlement.clone()]
    }
}
