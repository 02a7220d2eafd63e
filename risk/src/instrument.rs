//! What an account can hold, named so that two houses write the same name for the same thing.

use std::{fmt, str::FromStr};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A CUSIP: nine letters or digits, the last one the check digit of the first eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cusip([u8; 9]);

/// The Globex code of a futures product, such as `ZN` or `SR3`: one to four capital letters or digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProductCode {
    text: [u8; 4],
    length: u8,
}

/// A calendar month: the delivery month of a Treasury future, the start month of a three-month rate future,
/// the month averaged by a one-month rate future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContractMonth {
    year: i16,
    month: i8,
}

/// One futures contract: a product and its month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contract {
    /// The product, by Globex code.
    pub product: ProductCode,
    /// The contract month.
    pub month: ContractMonth,
}

/// One instrument of the margin dictionary. The order of the variants and of their fields is the canonical order.
///
/// A repo is not an instrument: it decomposes into [`Instrument::ForwardTreasury`] and [`Instrument::Cash`], so that
/// the dictionary does not grow with trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instrument {
    /// A Treasury note or bond, settled. Quantity: USD of face, a multiple of 100. Text: `UST:91282CMK4`.
    Treasury(Cusip),
    /// A Treasury that settles on a later date. Quantity: USD of face, a multiple of 100. Text: `FWD:91282CMK4:2026-02-17`.
    ForwardTreasury {
        /// The issue.
        cusip: Cusip,
        /// The date on which it settles.
        settle: Date,
    },
    /// US dollars paid on a date. Quantity: whole USD. Text: `USD:2026-02-17`.
    Cash {
        /// The payment date.
        date: Date,
    },
    /// A futures contract. Quantity: contracts. Text: `FUT:ZN:2026-03`.
    Future(Contract),
}

/// Why a text is not an instrument, or not a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstrumentError {
    /// The length or a character is not a CUSIP's.
    #[error("{0:?} is not a CUSIP: nine capital letters or digits are needed")]
    CusipForm(String),
    /// The ninth character is not the check digit of the first eight.
    #[error("CUSIP {text} has check digit {found}, but its first eight characters need {expected}")]
    CusipCheckDigit {
        /// The text as given.
        text: String,
        /// Its ninth character.
        found: char,
        /// The check digit of its first eight.
        expected: char,
    },
    /// Not a Globex code.
    #[error("{0:?} is not a product code: one to four capital letters or digits are needed")]
    ProductForm(String),
    /// Not a contract month.
    #[error("{0:?} is not a contract month: YYYY-MM is needed")]
    MonthForm(String),
    /// Not a date.
    #[error("{0:?} is not a date: YYYY-MM-DD is needed")]
    DateForm(String),
    /// Not one of the four forms of an instrument.
    #[error(
        "{0:?} is not an instrument: UST:<cusip>, FWD:<cusip>:<date>, USD:<date> or FUT:<product>:<month> is needed"
    )]
    Form(String),
}

impl Cusip {
    /// The nine characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Invariant: only ASCII letters and digits pass the constructor.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The check digit of eight CUSIP characters: modulus 10, double-add-double.
    fn check_digit(first_eight: &[u8]) -> u8 {
        let sum: u32 = first_eight
            .iter()
            .enumerate()
            .map(|(place, byte)| {
                let value = match byte {
                    b'0'..=b'9' => u32::from(byte - b'0'),
                    _ => u32::from(byte - b'A') + 10,
                };
                let value = if place % 2 == 1 { value * 2 } else { value };
                value / 10 + value % 10
            })
            .sum();
        b'0' + u8::try_from((10 - sum % 10) % 10).unwrap_or_default()
    }
}

impl FromStr for Cusip {
    type Err = InstrumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 9] = text.as_bytes().try_into().map_err(|_| InstrumentError::CusipForm(text.to_owned()))?;
        if !bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return Err(InstrumentError::CusipForm(text.to_owned()));
        }
        let expected = Self::check_digit(&bytes[..8]);
        if bytes[8] != expected {
            return Err(InstrumentError::CusipCheckDigit {
                text: text.to_owned(),
                found: char::from(bytes[8]),
                expected: char::from(expected),
            });
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Cusip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ProductCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Invariant: only ASCII letters and digits pass the constructor, and the length is at most four.
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl FromStr for ProductCode {
    type Err = InstrumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        let well_formed = (1..=4).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        if !well_formed {
            return Err(InstrumentError::ProductForm(text.to_owned()));
        }
        let mut padded = [0; 4];
        padded[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { text: padded, length: u8::try_from(bytes.len()).unwrap_or_default() })
    }
}

impl TryFrom<String> for ProductCode {
    type Error = InstrumentError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProductCode> for String {
    fn from(code: ProductCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for ProductCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ContractMonth {
    /// The month of a year, `None` outside 1 to 12 or outside the years 1900 to 9999.
    #[must_use]
    pub fn new(year: i16, month: i8) -> Option<Self> {
        ((1900..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// The first calendar day of the month.
    #[must_use]
    pub fn first_day(self) -> Date {
        jiff::civil::date(self.year, self.month, 1)
    }

    /// The last calendar day of the month.
    #[must_use]
    pub fn last_day(self) -> Date {
        self.first_day().last_of_month()
    }
}

impl From<Date> for ContractMonth {
    fn from(date: Date) -> Self {
        Self { year: date.year(), month: date.month() }
    }
}

impl FromStr for ContractMonth {
    type Err = InstrumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || InstrumentError::MonthForm(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        if year.len() != 4 || month.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(wrong());
        }
        Self::new(year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?).ok_or_else(wrong)
    }
}

impl fmt::Display for ContractMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.product, self.month)
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Treasury(cusip) => write!(f, "UST:{cusip}"),
            Self::ForwardTreasury { cusip, settle } => write!(f, "FWD:{cusip}:{settle}"),
            Self::Cash { date } => write!(f, "USD:{date}"),
            Self::Future(contract) => write!(f, "FUT:{contract}"),
        }
    }
}

impl FromStr for Instrument {
    type Err = InstrumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let instrument = match (parts.next(), parts.next(), parts.next()) {
            (Some("UST"), Some(cusip), None) => Self::Treasury(cusip.parse()?),
            (Some("FWD"), Some(cusip), Some(settle)) => {
                Self::ForwardTreasury { cusip: cusip.parse()?, settle: parse_date(settle)? }
            }
            (Some("USD"), Some(date), None) => Self::Cash { date: parse_date(date)? },
            (Some("FUT"), Some(product), Some(month)) => {
                Self::Future(Contract { product: product.parse()?, month: month.parse()? })
            }
            _ => return Err(InstrumentError::Form(text.to_owned())),
        };
        if parts.next().is_some() {
            return Err(InstrumentError::Form(text.to_owned()));
        }
        Ok(instrument)
    }
}

/// Reads `YYYY-MM-DD` and nothing else: an instrument has one spelling, without spaces, signs or fewer digits.
fn parse_date(text: &str) -> Result<Date, InstrumentError> {
    let date = Date::strptime("%Y-%m-%d", text).ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| InstrumentError::DateForm(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_written() {
        for text in ["UST:91282CMK4", "FWD:912810UE6:2026-02-17", "USD:2026-02-17", "FUT:ZN:2026-03", "FUT:SR3:2026-12"]
        {
            let instrument: Instrument = text.parse().unwrap();
            assert_eq!(instrument.to_string(), text);
        }
    }

    #[test]
    fn a_mistyped_cusip_is_refused_by_its_check_digit() {
        assert!(matches!("91282CMK5".parse::<Cusip>(), Err(InstrumentError::CusipCheckDigit { expected: '4', .. })));
        assert!(matches!("91282cmk4".parse::<Cusip>(), Err(InstrumentError::CusipForm(_))));
    }

    #[test]
    fn every_malformed_text_is_refused() {
        for text in [
            "",
            "UST",
            "UST:",
            "UST:91282CMK4:x",
            "FUT:ZN",
            "FUT:ZN:2026-13",
            "FUT:zn:2026-03",
            "USD:2026-02-30",
            "USD:2026-2-17",
            "USD:+2026-02-17",
            "USD: 2026-02-17",
            "FWD:912810UE6:2026-02-7",
        ] {
            assert!(text.parse::<Instrument>().is_err(), "{text}");
        }
    }
}
