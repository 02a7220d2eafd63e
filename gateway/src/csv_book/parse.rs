//! Reads a CSV book.
//!
//! Lines are split by hand: no valid field holds a comma, a quotation mark or a line end, so that every problem can be
//! given its exact line, and a field in quotation marks means the same as without them.

use std::{collections::HashMap, num::IntErrorKind};

use jiff::civil::Date;
use risk::instrument::{Cusip, Instrument, InstrumentError};

use super::{Book, BookBuilder, Field, Problems, ROWS_MAX, Reason, RepoLegs};

const FIELDS: usize = Field::ALL.len();

/// Reads a book; `label` names the file in problems.
///
/// # Errors
///
/// Every problem of the file, by line, with its field and what is needed.
pub fn parse(text: &[u8], label: &str) -> Result<Book, Problems> {
    let mut reader = Reader::new(label);
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut header_seen = false;
    let mut rows = 0_usize;
    for (place, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let number = place + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let Ok(line) = std::str::from_utf8(line) else {
            reader.problems.add(number, None, Reason::NotUtf8);
            continue;
        };
        if !header_seen {
            header_seen = true;
            reader.header(number, line);
            continue;
        }
        rows += 1;
        if rows > ROWS_MAX {
            reader.problems.add(number, None, Reason::TooManyRows);
            break;
        }
        reader.row(number, line);
    }
    if !header_seen {
        reader.problems.add(1, None, Reason::Empty);
    }
    reader.finish()
}

/// What the second column of a row names.
#[derive(Clone, Copy)]
enum Held {
    Position { instrument: u32, in_hundreds: bool },
    Repo(Cusip),
}

struct Reader<'a> {
    problems: Problems,
    builder: BookBuilder,
    /// Each distinct text of an account is checked once.
    accounts: HashMap<&'a str, Option<u32>>,
    /// Each distinct text of an instrument is read once.
    held: HashMap<&'a str, Result<Held, InstrumentError>>,
    /// Account, instrument and line of every position.
    lines: Vec<(u32, u32, usize)>,
}

impl<'a> Reader<'a> {
    fn new(label: &str) -> Self {
        Self {
            problems: Problems::new(label),
            builder: BookBuilder::default(),
            accounts: HashMap::new(),
            held: HashMap::new(),
            lines: Vec::new(),
        }
    }

    fn header(&mut self, number: usize, line: &'a str) {
        let columns: Vec<&str> = line.split(',').map(unquoted).collect();
        for column in &columns {
            if !Field::ALL.iter().any(|field| field.name() == *column) {
                self.problems.add(number, None, Reason::UnknownColumn((*column).to_owned()));
            }
        }
        for place in 0..FIELDS.max(columns.len()) {
            let expected = Field::ALL.get(place).map_or("", |field| field.name());
            let found = columns.get(place).copied().unwrap_or_default();
            let is_known = found.is_empty() || Field::ALL.iter().any(|field| field.name() == found);
            if found != expected && is_known {
                let reason = Reason::MisplacedColumn { column: place + 1, expected, found: found.to_owned() };
                self.problems.add(number, None, reason);
            }
        }
    }

    fn row(&mut self, number: usize, line: &'a str) {
        let mut fields = [""; FIELDS];
        let mut found = 0;
        for field in line.split(',') {
            if let Some(slot) = fields.get_mut(found) {
                *slot = unquoted(field);
            }
            found += 1;
        }
        if found != FIELDS {
            self.problems.add(number, None, Reason::FieldCount { found });
            return;
        }
        let account = self.account(number, fields[0]);
        let held = self.held(number, fields[1]);
        let in_hundreds = !matches!(held, Some(Held::Position { in_hundreds: false, .. }) | None);
        let quantity = self.checked(number, Field::Quantity, quantity(fields[2], in_hundreds));
        match held {
            Some(Held::Position { instrument, .. }) => {
                let is_plain = self.without_repo_columns(number, &fields);
                if let (Some(account), Some(quantity), true) = (account, quantity, is_plain) {
                    self.builder.push_position(account, instrument, quantity);
                    self.lines.push((account, instrument, number));
                }
            }
            Some(Held::Repo(collateral)) => {
                let legs = self.legs(number, &fields);
                if let (Some(account), Some(quantity), Some(legs)) = (account, quantity, legs) {
                    self.builder.push_repo(account, collateral, quantity, legs);
                }
            }
            None => {}
        }
    }

    fn account(&mut self, number: usize, text: &'a str) -> Option<u32> {
        if let Some(Some(known)) = self.accounts.get(text) {
            return Some(*known);
        }
        let checked = account(text);
        let index = checked.is_ok().then(|| self.builder.account(text));
        self.accounts.insert(text, index);
        self.checked(number, Field::Account, checked);
        index
    }

    fn held(&mut self, number: usize, text: &'a str) -> Option<Held> {
        if text.is_empty() {
            self.problems.add(number, Field::Instrument, Reason::Missing);
            return None;
        }
        let builder = &mut self.builder;
        let held = self.held.entry(text).or_insert_with(|| match text.strip_prefix("REPO:") {
            Some(cusip) => cusip.parse().map(Held::Repo),
            None => text.parse().map(|instrument: Instrument| Held::Position {
                instrument: builder.instrument(instrument),
                in_hundreds: matches!(instrument, Instrument::Treasury(_) | Instrument::ForwardTreasury { .. }),
            }),
        });
        let held = held.clone().map_err(Reason::from);
        self.checked(number, Field::Instrument, held)
    }

    fn without_repo_columns(&mut self, number: usize, fields: &[&str; FIELDS]) -> bool {
        let mut is_plain = true;
        for (field, text) in Field::ALL.into_iter().zip(fields).skip(3) {
            if !text.is_empty() {
                is_plain = false;
                self.problems.add(number, field, Reason::RepoColumn((*text).to_owned()));
            }
        }
        is_plain
    }

    fn legs(&mut self, number: usize, fields: &[&str; FIELDS]) -> Option<RepoLegs> {
        let start = self.checked(number, Field::StartDate, date(fields[3]));
        let start_cash_cents = self.checked(number, Field::StartCash, cash(fields[4]));
        let end = self.checked(number, Field::EndDate, date(fields[5]));
        let end_cash_cents = self.checked(number, Field::EndCash, cash(fields[6]));
        let (start, end) = (start?, end?);
        if end <= start {
            let reason = Reason::EndNotAfterStart { start: start.to_string(), end: end.to_string() };
            self.problems.add(number, Field::EndDate, reason);
            return None;
        }
        Some(RepoLegs { start, start_cash_cents: start_cash_cents?, end, end_cash_cents: end_cash_cents? })
    }

    fn checked<T>(&mut self, number: usize, field: Field, result: Result<T, Reason>) -> Option<T> {
        result.map_err(|reason| self.problems.add(number, field, reason)).ok()
    }

    fn finish(mut self) -> Result<Book, Problems> {
        let book = self.builder.finish();
        self.lines.sort_unstable();
        for same in self.lines.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
            for (account, instrument, line) in &same[1..] {
                let reason = Reason::Duplicate {
                    account: book.accounts[super::index(*account)].clone(),
                    instrument: book.instruments[super::index(*instrument)].to_string(),
                    first: same[0].2,
                };
                self.problems.add(*line, Field::Instrument, reason);
            }
        }
        self.problems.sort();
        if self.problems.is_empty() { Ok(book) } else { Err(self.problems) }
    }
}

/// A field without the quotation marks around it.
fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(field)
}

fn account(text: &str) -> Result<(), Reason> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    match text {
        "" => Err(Reason::Missing),
        _ if text.len() <= 64 && text.bytes().all(is_name_byte) => Ok(()),
        _ => Err(Reason::Account(text.to_owned())),
    }
}

fn quantity(text: &str, in_hundreds: bool) -> Result<i64, Reason> {
    if text.is_empty() {
        return Err(Reason::Missing);
    }
    if text.starts_with('+') {
        return Err(Reason::NotWhole(text.to_owned()));
    }
    match text.parse::<i64>() {
        Ok(0) => Err(Reason::Zero),
        Ok(quantity) if in_hundreds && quantity % 100 != 0 => Err(Reason::NotHundreds(quantity)),
        // The negative of a quantity must be one too: the lowest i64 has none.
        Ok(i64::MIN) => Err(Reason::Overflow(text.to_owned())),
        Ok(quantity) => Ok(quantity),
        Err(error) if matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => {
            Err(Reason::Overflow(text.to_owned()))
        }
        Err(_) => Err(Reason::NotWhole(text.to_owned())),
    }
}

fn date(text: &str) -> Result<Date, Reason> {
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match text {
        "" => Err(Reason::Missing),
        _ if is_shaped => text.parse().map_err(|_| Reason::Date(text.to_owned())),
        _ => Err(Reason::Date(text.to_owned())),
    }
}

/// Positive US dollars with at most two decimals, as cents.
fn cash(text: &str) -> Result<i64, Reason> {
    if text.is_empty() {
        return Err(Reason::Missing);
    }
    let wrong = || Reason::Cash(text.to_owned());
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !decimals.is_none_or(|part| are_digits(part) && part.len() <= 2) {
        return Err(wrong());
    }
    let fraction = match decimals.unwrap_or_default() {
        "" => 0,
        // "5" is fifty cents.
        one if one.len() == 1 => 10 * one.parse::<i64>().map_err(|_| wrong())?,
        two => two.parse().map_err(|_| wrong())?,
    };
    let overflow = || Reason::Overflow(text.to_owned());
    let dollars: i64 = whole.parse().map_err(|_| overflow())?;
    let cents = dollars.checked_mul(100).and_then(|cents| cents.checked_add(fraction)).ok_or_else(overflow)?;
    if cents == 0 { Err(wrong()) } else { Ok(cents) }
}
