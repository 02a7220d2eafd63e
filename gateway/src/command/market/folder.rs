//! A folder of market data: one CSV file for each item. `docs/commands.md` describes the files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crossmargin::v1::{self, market_item::Item};
use risk::history::{CsvFile, CurveHistory};

use super::sheet::{self, Sheet};
use crate::{
    arrangement::cycle_id::iso_date,
    command::{failure::Failure, rows::CsvRows},
    market::{self, KINDS, histories, histories::NOT_PUBLISHED, kind_name},
    problem::Collector,
};

/// Reads the items of a folder.
///
/// # Errors
/// Every problem of every file, by line and column; also when there is no such file.
pub fn read(folder: &Path) -> Result<Vec<v1::MarketItem>, Failure> {
    let mut items = Vec::new();
    let mut problems = Collector::default();
    for kind in KINDS {
        let path = path_of(folder, kind);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure::of(&path.display().to_string(), &error)),
        };
        if let Some(item) = parse(kind, &text, &path.display().to_string(), &mut problems) {
            market::check(&item, &path.display().to_string(), &mut problems);
            items.push(v1::MarketItem { item: Some(item) });
        }
    }
    let items = problems.finish(items).map_err(|problems| Failure::new(problems.to_string()))?;
    if items.is_empty() {
        let names: Vec<String> = KINDS.into_iter().map(file_name).collect();
        return Err(Failure::new(format!("{}: none of {} is there", folder.display(), names.join(", "))));
    }
    Ok(items)
}

/// Writes items to a folder, and says which files.
///
/// # Errors
/// Names the file that cannot be written.
pub fn write(folder: &Path, items: &[v1::MarketItem]) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::of(&folder.display().to_string(), &error))?;
    let mut written = Vec::new();
    for item in items.iter().filter_map(|item| item.item.as_ref()) {
        let path = path_of(folder, market::kind_of(item));
        fs::write(&path, Sheet::of(item).csv()).map_err(|error| Failure::of(&path.display().to_string(), &error))?;
        written.push(path);
    }
    Ok(written)
}

fn file_name(kind: v1::MarketItemKind) -> String {
    format!("{}.csv", kind_name(kind).to_ascii_lowercase())
}

fn path_of(folder: &Path, kind: v1::MarketItemKind) -> PathBuf {
    folder.join(file_name(kind))
}

fn parse(kind: v1::MarketItemKind, text: &str, label: &str, problems: &mut Collector) -> Option<Item> {
    use v1::MarketItemKind as Kind;
    Some(match kind {
        Kind::Unspecified => return None,
        Kind::Issues => {
            let rows = Rows::read(&sheet::ISSUES, text, label, problems)?;
            Item::Issues(v1::Issues { issues: rows.map(issue) })
        }
        Kind::IssuePrices => {
            let rows = Rows::read(&sheet::ISSUE_PRICES, text, label, problems)?;
            let price = |row: &mut Row<'_>| v1::IssuePrice { cusip: row.text(0), clean_price: row.text(1) };
            Item::IssuePrices(v1::IssuePrices { prices: rows.map(price) })
        }
        Kind::CurveHistory => match CurveHistory::from_csv(&[CsvFile { label, text }]) {
            Ok(history) => Item::CurveHistory(histories::curves_to_wire(&history)),
            Err(found) => {
                problems.add(label, found);
                return None;
            }
        },
        Kind::OvernightRates => {
            let rows = Rows::read(&sheet::OVERNIGHT_RATES, text, label, problems)?;
            let mut rates = v1::OvernightRates::default();
            rows.map(|row| {
                rates.dates.push(row.day(0));
                rates.sofr_e4.push(row.rate(1));
                rates.effr_e4.push(row.rate(2));
            });
            Item::OvernightRates(rates)
        }
        Kind::ContractSpecifications => {
            let rows = Rows::read(&sheet::SPECIFICATIONS, text, label, problems)?;
            let specifications = rows.map(specification);
            Item::ContractSpecifications(v1::ContractSpecifications { specifications })
        }
        Kind::Baskets => {
            let rows = Rows::read(&sheet::BASKETS, text, label, problems)?;
            let mut baskets: Vec<v1::Basket> = Vec::new();
            rows.map(|row| {
                let (contract, cusip) = (row.text(0), row.text(1));
                match baskets.last_mut().filter(|basket| basket.contract == contract) {
                    Some(basket) => basket.deliverables.push(cusip),
                    None => baskets.push(v1::Basket { contract, deliverables: vec![cusip] }),
                }
            });
            Item::Baskets(v1::Baskets { baskets })
        }
        Kind::ContractPrices => {
            let rows = Rows::read(&sheet::CONTRACT_PRICES, text, label, problems)?;
            let price = |row: &mut Row<'_>| v1::ContractPrice { contract: row.text(0), settlement_price: row.text(1) };
            Item::ContractPrices(v1::ContractPrices { prices: rows.map(price) })
        }
    })
}

fn issue(row: &mut Row<'_>) -> v1::Issue {
    v1::Issue {
        cusip: row.text(0),
        kind: row.named(1, "ISSUE_KIND_", v1::IssueKind::from_str_name).into(),
        coupon: row.text(2),
        dated_date: row.text(3),
        issue_date: row.text(4),
        first_coupon_date: row.text(5),
        maturity_date: row.text(6),
    }
}

fn specification(row: &mut Row<'_>) -> v1::ContractSpecification {
    let has_delivery = (5..sheet::SPECIFICATIONS.len()).any(|at| !row.text(at).is_empty());
    let delivery = has_delivery.then(|| v1::TreasuryDelivery {
        original_minimum_months: row.number(5),
        original_maximum_months: row.number(6),
        remaining_minimum_months: row.number(7),
        remaining_maximum_months: row.number(8),
        remaining_maximum_rule: if row.text(9).is_empty() {
            v1::RemainingMaximumRule::Unspecified.into()
        } else {
            row.named(9, "REMAINING_MAXIMUM_RULE_", v1::RemainingMaximumRule::from_str_name).into()
        },
        factor_rounding: row.named(10, "FACTOR_ROUNDING_", v1::FactorRounding::from_str_name).into(),
        last_delivery: row.named(11, "LAST_DELIVERY_", v1::LastDelivery::from_str_name).into(),
    });
    v1::ContractSpecification {
        product: row.text(0),
        family: row.named(1, "CONTRACT_FAMILY_", v1::ContractFamily::from_str_name).into(),
        point_value_usd: row.number(2),
        tick: row.text(3),
        effective_from: row.text(4),
        delivery,
    }
}

/// The rows of a file with the expected header.
struct Rows<'a> {
    columns: &'a [&'a str],
    label: &'a str,
    rows: CsvRows,
    problems: &'a mut Collector,
}

/// One row; its reading methods note what is wrong and go on.
struct Row<'a> {
    columns: &'a [&'a str],
    label: &'a str,
    line: usize,
    cells: &'a [String],
    problems: &'a mut Collector,
}

impl<'a> Rows<'a> {
    fn read(columns: &'a [&'a str], text: &str, label: &'a str, problems: &'a mut Collector) -> Option<Self> {
        let rows = CsvRows::read(text.as_bytes(), label, problems)?;
        if rows.headings != columns {
            problems.add(label, format!("the header must be {}", columns.join(",")));
            return None;
        }
        Some(Self { columns, label, rows, problems })
    }

    fn map<T>(self, mut read: impl FnMut(&mut Row<'_>) -> T) -> Vec<T> {
        let Self { columns, label, rows, problems } = self;
        rows.rows
            .iter()
            .map(|row| read(&mut Row { columns, label, line: row.line, cells: &row.cells, problems }))
            .collect()
    }
}

impl Row<'_> {
    fn text(&self, at: usize) -> String {
        self.cells.get(at).cloned().unwrap_or_default()
    }

    fn wrong(&mut self, at: usize, needed: &str) {
        let place = format!("{}, line {}, {}", self.label, self.line, self.columns[at]);
        let text = self.text(at);
        self.problems.add(place, format!("{text:?} is not {needed}"));
    }

    fn number(&mut self, at: usize) -> u32 {
        let parsed = self.text(at).parse();
        parsed.unwrap_or_else(|_| {
            self.wrong(at, "a whole number");
            0
        })
    }

    fn named<T: Default>(&mut self, at: usize, prefix: &str, read: impl Fn(&str) -> Option<T>) -> T {
        read(&format!("{prefix}{}", self.text(at).to_ascii_uppercase())).unwrap_or_else(|| {
            self.wrong(at, "a name that is known here");
            T::default()
        })
    }

    fn day(&mut self, at: usize) -> i32 {
        match iso_date(&self.text(at)) {
            Some(day) => histories::days_since_epoch(day),
            None => {
                self.wrong(at, "a date: YYYY-MM-DD is needed");
                0
            }
        }
    }

    /// A rate in per cent, with at most four decimals, in ten-thousandths; empty where none was published.
    fn rate(&mut self, at: usize) -> i32 {
        let text = self.text(at);
        if text.is_empty() {
            return NOT_PUBLISHED;
        }
        let scaled = text
            .parse::<rust_decimal::Decimal>()
            .ok()
            .map(|rate| (rate * rust_decimal::Decimal::from(10_000)).normalize());
        let units = scaled.filter(|rate| rate.scale() == 0).and_then(|rate| i32::try_from(rate.mantissa()).ok());
        units.unwrap_or_else(|| {
            self.wrong(at, "a rate in per cent with at most four decimals");
            NOT_PUBLISHED
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arrangement::leg::Leg, sample};

    #[test]
    fn the_samples_items_read_back_from_the_files_that_are_written_of_them() {
        for leg in Leg::BOTH {
            let folder = tempfile::tempdir().unwrap();
            let items = sample::market().into_items(leg);
            assert_eq!(write(folder.path(), &items).unwrap().len(), items.len());
            assert_eq!(read(folder.path()).unwrap(), items);
        }
    }

    #[test]
    fn every_problem_of_every_file_is_named_by_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("overnight_rates.csv"), "date,sofr,effr\n2026-02-13,4.1,x\n13.2.,4.00001,\n")
            .unwrap();
        fs::write(folder.path().join("baskets.csv"), "contract\nFUT:ZN:2026-03\n").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        for part in ["line 2, effr", "line 3, date", "line 3, sofr", "baskets.csv: the header must be contract,cusip"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_folder_without_market_data_says_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("issue_prices.csv"));
    }
}
