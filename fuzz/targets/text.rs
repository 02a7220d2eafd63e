//! Short texts and what they stand for: cycles, numbers, dates, instruments, names.

use std::{fmt, str::FromStr};

use crossmargin::v1;
use gateway::arrangement::{
    cycle_id::{CycleId, CycleKind, iso_date},
    digest::Digest,
    name::{AccountId, ArrangementId, CustomerId, HouseId, LinkId, MemberId, OwnerId},
};
use prost::Message;
use risk::{
    fixed::Fixed8,
    instrument::{ContractMonth, Cusip, Instrument, ProductCode},
    money::Usd,
};

use super::{Verdict, fixture::numbered};

/// What is read is written and read back to the same value; whether it was read.
fn round_trip<T>(text: &str) -> bool
where
    T: FromStr<Err: fmt::Display> + fmt::Display + PartialEq + fmt::Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            let again = written.parse::<T>().unwrap_or_else(|error| panic!("{text:?} is written {written:?}: {error}"));
            assert_eq!(again, value, "{text:?} is written {written:?}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// The same for what has one spelling alone.
fn one_spelling<T>(text: &str) -> bool
where
    T: FromStr<Err: fmt::Display> + fmt::Display + PartialEq + fmt::Debug,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
    round_trip::<T>(text)
}

fn verdict(accepted: &[bool]) -> Verdict {
    if accepted.contains(&true) { Verdict::Accepted } else { Verdict::Refused }
}

/// A cycle as text, or as a message.
pub fn cycle_id(data: &[u8]) -> Verdict {
    let mut accepted = false;
    if let Ok(text) = std::str::from_utf8(data) {
        accepted |= round_trip::<CycleId>(text);
        accepted |= text.parse::<CycleKind>().is_ok_and(|kind| kind.to_string() == text);
    }
    if let Ok(wire) = v1::CycleId::decode(data) {
        match CycleId::from_wire(Some(&wire), "FICC-CME") {
            Ok(cycle) => {
                assert_eq!(cycle.to_wire("FICC-CME"), wire, "a cycle has one form on the wire");
                accepted = true;
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    verdict(&[accepted])
}

/// Cycles in both forms.
pub fn cycle_ids() -> Vec<(String, Vec<u8>)> {
    let cycles = ["2026-02-13/ITD/1", "2026-02-13/EODXM/4294967295", "0001-01-01/CUR/7"];
    let wire = cycles.map(|text| text.parse::<CycleId>().unwrap().to_wire("FICC-CME").encode_to_vec());
    numbered(cycles.map(|text| text.as_bytes().to_vec()).into_iter().chain(wire))
}

/// A decimal, an amount, a date, a digest.
pub fn number(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    let date = iso_date(text);
    assert!(date.is_none_or(|date| date.to_string() == text));
    let fixed = round_trip::<Fixed8>(text);
    if let (Ok(number), Ok(decimal)) = (text.parse::<Fixed8>(), text.parse::<rust_decimal::Decimal>()) {
        assert_eq!(rust_decimal::Decimal::from(number), decimal, "{text:?} is one number to both");
    }
    verdict(&[fixed, round_trip::<Usd>(text), round_trip::<Digest>(text), date.is_some()])
}

/// Numbers in their forms.
pub fn numbers() -> Vec<(String, Vec<u8>)> {
    let digest = Digest::of(b"a digest").to_string();
    let texts = [
        "0",
        "-12.34",
        "99.515625",
        "+.5",
        "92233720368.54775807",
        "-92233720368.54775808",
        "343240000.00000001",
        "2026-02-13",
        "2024-02-29",
        &digest,
    ];
    numbered(texts.map(|text| text.as_bytes().to_vec()))
}

/// An instrument, its parts, or a name.
pub fn name(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    verdict(&[
        one_spelling::<Instrument>(text),
        one_spelling::<Cusip>(text),
        one_spelling::<ProductCode>(text),
        one_spelling::<ContractMonth>(text),
        one_spelling::<HouseId>(text),
        one_spelling::<MemberId>(text),
        one_spelling::<CustomerId>(text),
        one_spelling::<OwnerId>(text),
        one_spelling::<AccountId>(text),
        one_spelling::<LinkId>(text),
        one_spelling::<ArrangementId>(text),
    ])
}

/// Names and instruments.
pub fn names() -> Vec<(String, Vec<u8>)> {
    let texts = [
        "UST:91282CKJ9",
        "FUT:ZN:2026-03",
        "FUT:SR3:2027-12",
        "USD:2026-02-17",
        "91282CKJ9",
        "ZN",
        "2026-03",
        "FICC",
        "alder-point",
        "C-7F3A",
        "FICC-A_0001.x",
    ];
    numbered(texts.map(|text| text.as_bytes().to_vec()))
}
