//! Cycles and books that tests use.

use crossmargin::v1;
use gateway::{arrangement::leg::Leg, csv_book::Book, sample};

/// A cycle of the sample's business date.
pub fn cycle(kind: v1::CycleKind, run: u32) -> v1::CycleId {
    v1::CycleId {
        arrangement: "FICC-CME".to_owned(),
        business_date: sample::BUSINESS_DATE.to_string(),
        kind: kind.into(),
        run,
    }
}

/// The late amendment of the sample: the house, and the account's new positions.
pub fn late_amendment() -> (Leg, Book) {
    let (leg, csv) = sample::book::late_amendment();
    (leg, gateway::csv_book::parse(csv.as_bytes(), "late amendment").unwrap())
}
