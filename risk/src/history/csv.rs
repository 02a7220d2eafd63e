//! The text forms of histories.
//!
//! Curves come as `date,1M,3M,...` with ISO dates, or as the Treasury publishes them: `Date,1 Mo,1.5 Month,2 Mo,...`
//! with month/day/year, newest first, one file a year. Overnight rates come as `date,<rate>,...`. Empty lines, and lines
//! that begin with `#`, are passed over.

use std::{collections::BTreeMap, fmt};

use jiff::civil::Date;

use super::{CurveDay, CurveHistory, HistoryProblems, OvernightDay, OvernightHistory, Rate, write_all};
use crate::{decimal::parse_scaled, scenario::Tenor};

/// A file's text and the name it goes by in messages.
#[derive(Clone, Copy, Debug)]
pub struct CsvFile<'a> {
    /// The name, such as a path.
    pub label: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// One thing wrong with the files of a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvProblem {
    /// No file, or a file without any line.
    #[error("{label}: the file is empty: a header line such as {expected} is needed")]
    NoHeader {
        /// The file.
        label: String,
        /// A header that would do.
        expected: &'static str,
    },
    /// A column of the header is unknown.
    #[error("{label}:1: column {column} is headed {text:?}, which is {expected}")]
    Header {
        /// The file.
        label: String,
        /// The column, from 1.
        column: usize,
        /// The heading.
        text: String,
        /// What is wrong and what would be right.
        expected: &'static str,
    },
    /// A line has more or fewer columns than the header.
    #[error("{label}:{line}: {found} columns, but the header has {expected}")]
    Columns {
        /// The file.
        label: String,
        /// The line, from 1.
        line: usize,
        /// Columns of the line.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// Not a date.
    #[error("{label}:{line}: column 1: {text:?} is not a date: {expected} is needed")]
    Date {
        /// The file.
        label: String,
        /// The line, from 1.
        line: usize,
        /// The text.
        text: String,
        /// The form of the file's dates.
        expected: &'static str,
    },
    /// Not a rate.
    #[error(
        "{label}:{line}: column {column} ({heading}): {text:?} is not a rate in per cent: digits with at most four decimals, or nothing, are needed"
    )]
    Rate {
        /// The file.
        label: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// Its heading.
        heading: String,
        /// The text.
        text: String,
    },
    /// A date comes twice.
    #[error("{label}:{line}: {date} was given before, at {before}: give each day once")]
    Duplicate {
        /// The file.
        label: String,
        /// The line, from 1.
        line: usize,
        /// The date.
        date: Date,
        /// File and line of the first.
        before: String,
    },
    /// The days read do not make a history.
    #[error(transparent)]
    History(#[from] HistoryProblems),
}

/// All that is wrong with the files of a history, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CsvProblems(pub Vec<CsvProblem>);

impl fmt::Display for CsvProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0)
    }
}

const CURVE_HEADER: &str = "date,1M,3M,6M,1Y,2Y,3Y,5Y,7Y,10Y,20Y,30Y";

impl CurveHistory {
    /// Reads one or several files of par yields, each in either form, in any order of days, and merges them. Tenors
    /// that the Treasury publishes besides the standard ones (1.5, 2 and 4 months) are left aside; days without a
    /// yield at any standard tenor are too.
    ///
    /// # Errors
    /// All problems of all files at once, each with file, line and column.
    pub fn from_csv(files: &[CsvFile<'_>]) -> Result<Self, CsvProblems> {
        let mut reader = Reader::new(files, CURVE_HEADER);
        let mut days = BTreeMap::new();
        for file in files {
            let Some(table) = reader.table(*file, CURVE_HEADER) else { continue };
            let mut places = Vec::with_capacity(table.headings.len());
            for (column, heading) in table.headings.iter().enumerate().skip(1) {
                let tenor = tenth_months_of(heading);
                if tenor.is_none() {
                    let expected = "not a tenor: 1M, 3M, 10Y or 1 Mo, 1.5 Month, 10 Yr are the forms";
                    reader.header_problem(*file, column, heading, expected);
                }
                places.push(tenor.and_then(standard_place));
            }
            for line in table.lines {
                let Some(date) = reader.date(&line, table.form) else { continue };
                let mut yields = [None; Tenor::STANDARD.len()];
                for (index, place) in places.iter().enumerate() {
                    let rate = reader.rate(&line, index + 1, &table.headings);
                    if let Some(place) = place {
                        yields[*place] = rate;
                    }
                }
                if reader.is_new(&line, date) && yields.iter().any(Option::is_some) {
                    days.insert(date, CurveDay { date, yields });
                }
            }
        }
        reader.finish(Self::new(days.into_values().collect()))
    }
}

impl OvernightHistory {
    /// Reads one or several files of overnight rates. On each day the first of the named columns that is not blank
    /// counts, so that a stand-in can serve for the days before SOFR; days on which all are blank are left out.
    ///
    /// # Errors
    /// All problems of all files at once, each with file, line and column.
    pub fn from_csv(files: &[CsvFile<'_>], columns: &[&str]) -> Result<Self, CsvProblems> {
        const HEADER: &str = "date,sofr";
        let mut reader = Reader::new(files, HEADER);
        let mut days = BTreeMap::new();
        for file in files {
            let Some(table) = reader.table(*file, HEADER) else { continue };
            let wanted: Vec<usize> = columns
                .iter()
                .filter_map(|name| table.headings.iter().position(|heading| heading.eq_ignore_ascii_case(name)))
                .collect();
            if wanted.is_empty() {
                let expected = "followed by none of the rates asked for, such as sofr";
                reader.header_problem(*file, 0, table.headings[0], expected);
                continue;
            }
            for line in table.lines {
                let Some(date) = reader.date(&line, table.form) else { continue };
                let mut rates = wanted.iter().filter_map(|column| reader.rate(&line, *column, &table.headings));
                let rate = rates.next();
                if let (true, Some(rate)) = (reader.is_new(&line, date), rate) {
                    days.insert(date, OvernightDay { date, rate });
                }
            }
        }
        reader.finish(Self::new(days.into_values().collect()))
    }
}

/// How a file writes its dates.
#[derive(Clone, Copy)]
enum DateForm {
    Iso,
    MonthFirst,
}

struct Table<'a> {
    headings: Vec<&'a str>,
    form: DateForm,
    lines: Vec<Line<'a>>,
}

struct Line<'a> {
    label: &'a str,
    number: usize,
    cells: Vec<&'a str>,
}

/// Gathers the problems and the dates seen.
struct Reader {
    problems: Vec<CsvProblem>,
    seen: BTreeMap<Date, String>,
}

impl Reader {
    fn new(files: &[CsvFile<'_>], expected: &'static str) -> Self {
        let problems = match files {
            [] => vec![CsvProblem::NoHeader { label: "(no file)".to_owned(), expected }],
            _ => Vec::new(),
        };
        Self { problems, seen: BTreeMap::new() }
    }

    fn table<'a>(&mut self, file: CsvFile<'a>, expected: &'static str) -> Option<Table<'a>> {
        let text = file.text.trim_start_matches('\u{feff}');
        let is_content = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
        let mut lines = text.lines().enumerate().filter(|(_, line)| is_content(line));
        let Some((_, header)) = lines.next() else {
            self.problems.push(CsvProblem::NoHeader { label: file.label.to_owned(), expected });
            return None;
        };
        let headings = cells(header);
        let form = match headings[0] {
            "date" => DateForm::Iso,
            "Date" => DateForm::MonthFirst,
            other => {
                let expected = "neither date (ISO dates) nor Date (month/day/year)";
                self.header_problem(file, 0, other, expected);
                return None;
            }
        };
        let mut table = Table { headings, form, lines: Vec::new() };
        for (index, line) in lines {
            let (number, cells) = (index + 1, cells(line));
            if cells.len() == table.headings.len() {
                table.lines.push(Line { label: file.label, number, cells });
            } else {
                self.problems.push(CsvProblem::Columns {
                    label: file.label.to_owned(),
                    line: number,
                    found: cells.len(),
                    expected: table.headings.len(),
                });
            }
        }
        Some(table)
    }

    fn header_problem(&mut self, file: CsvFile<'_>, column: usize, text: &str, expected: &'static str) {
        self.problems.push(CsvProblem::Header {
            label: file.label.to_owned(),
            column: column + 1,
            text: text.to_owned(),
            expected,
        });
    }

    fn date(&mut self, line: &Line<'_>, form: DateForm) -> Option<Date> {
        let (pattern, length, expected) = match form {
            DateForm::Iso => ("%Y-%m-%d", 10, "YYYY-MM-DD"),
            DateForm::MonthFirst => ("%m/%d/%Y", 10, "MM/DD/YYYY"),
        };
        let text = line.cells[0];
        let date = (text.len() == length).then(|| Date::strptime(pattern, text).ok()).flatten();
        if date.is_none() {
            let (label, text) = (line.label.to_owned(), text.to_owned());
            self.problems.push(CsvProblem::Date { label, line: line.number, text, expected });
        }
        date
    }

    fn rate(&mut self, line: &Line<'_>, column: usize, headings: &[&str]) -> Option<Rate> {
        let text = line.cells[column];
        if text.is_empty() || text == "N/A" {
            return None;
        }
        let rate = parse_scaled(text, 4).and_then(|units| i32::try_from(units).ok()).map(Rate::from_units);
        if rate.is_none() {
            self.problems.push(CsvProblem::Rate {
                label: line.label.to_owned(),
                line: line.number,
                column: column + 1,
                heading: headings[column].to_owned(),
                text: text.to_owned(),
            });
        }
        rate
    }

    fn is_new(&mut self, line: &Line<'_>, date: Date) -> bool {
        let place = format!("{}:{}", line.label, line.number);
        if let Some(before) = self.seen.get(&date) {
            let (label, before) = (line.label.to_owned(), before.clone());
            self.problems.push(CsvProblem::Duplicate { label, line: line.number, date, before });
            return false;
        }
        self.seen.insert(date, place);
        true
    }

    fn finish<T>(mut self, history: Result<T, HistoryProblems>) -> Result<T, CsvProblems> {
        match history {
            Ok(history) if self.problems.is_empty() => Ok(history),
            Ok(_) => Err(CsvProblems(self.problems)),
            Err(problems) => {
                // An empty history says nothing new where its lines were already found wrong.
                if self.problems.is_empty() || !problems.0.contains(&super::HistoryProblem::Empty) {
                    self.problems.push(problems.into());
                }
                Err(CsvProblems(self.problems))
            }
        }
    }
}

/// The cells of a line, without blanks around them and without quotation marks. No cell of these files has a comma.
fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"').trim()).collect()
}

/// The tenor that a heading names, in either spelling, in tenths of a month: the Treasury publishes 1.5 months too.
fn tenth_months_of(heading: &str) -> Option<u16> {
    let split = heading.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = (&heading[..split], heading[split..].trim_start());
    let tenths = u16::try_from(parse_scaled(number, 1)?).ok()?;
    match unit {
        "M" | "Mo" | "Month" | "Mos" | "Months" => Some(tenths),
        "Y" | "Yr" | "Year" | "Yrs" | "Years" => tenths.checked_mul(12),
        _ => None,
    }
}

/// Where among the standard tenors a tenor stands.
fn standard_place(tenth_months: u16) -> Option<usize> {
    Tenor::STANDARD.iter().position(|standard| standard.0 * 10 == tenth_months)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn file<'a>(label: &'a str, text: &'a str) -> CsvFile<'a> {
        CsvFile { label, text }
    }

    #[test]
    fn the_treasury_s_own_download_is_read_as_it_comes() {
        let text = "Date,\"1 Mo\",\"1.5 Month\",\"2 Mo\",\"3 Mo\",\"4 Mo\",\"6 Mo\",\"1 Yr\",\"2 Yr\",\"3 Yr\",\"5 Yr\",\"7 Yr\",\"10 Yr\",\"20 Yr\",\"30 Yr\"\n\
            12/31/2025,3.74,3.71,3.67,3.67,3.63,3.59,3.48,3.47,3.55,3.73,3.94,4.18,4.79,4.84\n\
            12/30/2025,3.69,,3.66,3.62,3.61,3.59,3.48,3.45,3.50,3.67,3.89,4.14,4.76,4.81\n";
        let history = CurveHistory::from_csv(&[file("2025.csv", text)]).unwrap();
        assert_eq!(history.days().len(), 2);
        let last = history.days()[1];
        assert_eq!(last.date, date(2025, 12, 31));
        assert_eq!(last.yields.map(|rate| rate.unwrap().units())[..3], [37_400, 36_700, 35_900]);
        assert_eq!(last.yields[10], Some(Rate::from_units(48_400)));
    }

    #[test]
    fn several_files_of_either_form_make_one_history() {
        let iso = "# par yields\ndate,10Y,30Y\n2020-01-02,1.88,2.33\n2020-01-03,1.80,\n";
        let download = "Date,10 Yr\n01/07/2020,1.83\n01/06/2020,1.81\n";
        let history = CurveHistory::from_csv(&[file("b", download), file("a", iso)]).unwrap();
        let dates: Vec<i8> = history.days().iter().map(|day| day.date.day()).collect();
        assert_eq!(dates, [2, 3, 6, 7]);
        assert_eq!(history.days()[1].yields[10], None);
    }

    #[test]
    fn every_problem_is_named_by_file_line_and_column() {
        let one = "date,10Y,11Q\n2020-01-02,1.88,1\n2020-13-02,1.80,\n2020-01-03,1.x,\n2020-01-04,1\n";
        let two = "date,10Y\n2020-01-02,1.88\n";
        let problems = CurveHistory::from_csv(&[file("one", one), file("two", two), file("three", "")]).unwrap_err();
        let text: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        let has = |start: &str| assert!(text.iter().any(|t| t.starts_with(start)), "{start}: {text:#?}");
        has("one:1: column 3 is headed \"11Q\"");
        has("one:3: column 1: \"2020-13-02\" is not a date");
        has("one:4: column 2 (10Y): \"1.x\" is not a rate");
        has("one:5: 2 columns, but the header has 3");
        has("two:2: 2020-01-02 was given before, at one:2");
        has("three: the file is empty");
        assert_eq!(text.len(), 6, "{text:#?}");
    }

    #[test]
    fn a_stand_in_serves_where_the_first_rate_is_blank() {
        let text = "date,sofr,proxy\n2018-04-02,,1.77\n2018-04-03,1.83,1.80\n2018-04-04,,\n";
        let history = OvernightHistory::from_csv(&[file("rates", text)], &["sofr", "proxy"]).unwrap();
        let rates: Vec<i32> = history.days().iter().map(|day| day.rate.units()).collect();
        assert_eq!(rates, [17_700, 18_300]);
        assert_eq!(history.at(date(2018, 4, 9)).unwrap().date, date(2018, 4, 3));
        assert_eq!(history.at(date(2018, 4, 1)), None);
        let missing = OvernightHistory::from_csv(&[file("rates", text)], &["effr"]).unwrap_err();
        assert!(missing.to_string().starts_with("rates:1: column 1"), "{missing}");
    }

    #[test]
    fn nothing_is_not_a_history() {
        assert!(CurveHistory::from_csv(&[]).is_err());
        assert!(CurveHistory::from_csv(&[file("header only", "date,10Y\n")]).is_err());
    }
}
