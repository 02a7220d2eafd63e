//! Directed positions in a ledger that is judged.

use super::*;
use crate::book::direction::item::{Resolution, Settled};

#[test]
fn directions_are_counted_without_gaps_and_books_and_resolutions_rest_on_them() {
    let parties = Story::told(|_| {}).arrangement.parties.clone();
    let direction = |number: u64| {
        let record = v1::RecordedDirection {
            number,
            business_date: "2026-02-13".into(),
            at: Some(prost_types::Timestamp::default()),
            request_content: Digest::of(b"asked").as_bytes().to_vec().into(),
            ..Default::default()
        };
        let body = v1::LedgerRecord { record: Some(v1::ledger_record::Record::Direction(record)) };
        Entry::decode(&prost::Message::encode_to_vec(&body), &parties).unwrap()
    };
    let book = |through: u64, items: &[&str]| {
        let items = items.iter().map(|id| v1::ReconciliationItem { item_id: (*id).to_owned(), ..Default::default() });
        let record = v1::RecordedBook {
            directions_through: through,
            items: items.collect(),
            is_replaced: true,
            request_content: Digest::of(b"asked").as_bytes().to_vec().into(),
            ..Default::default()
        };
        Entry::Book(Arc::new(record))
    };
    let settled = |id: &str| {
        let request = crate::request::CallerRequest { id: "r".into(), content: Digest::of(b"r") };
        let resolution = Resolution { by: "operator".into(), at: jiff::Timestamp::UNIX_EPOCH, note: "seen".into() };
        Entry::Resolution(Arc::new(Settled { request, item: id.parse().unwrap(), resolution }))
    };
    let with = |entries: Vec<Entry>| {
        let mut story = Story::told(|_| {});
        story.entries.extend(entries);
        codes(&judged(&story).0)
    };
    let none: [&str; 0] = [];
    assert_eq!(with(vec![direction(1), direction(2), book(2, &["R-1"]), settled("R-1")]), none);
    assert_eq!(with(vec![direction(1), direction(3)]), ["direction"]);
    assert_eq!(with(vec![direction(2)]), ["direction"]);
    assert_eq!(with(vec![direction(1), book(2, &[])]), ["direction"]);
    assert_eq!(with(vec![direction(1), book(1, &["R-1"]), settled("R-2")]), ["direction"]);
}
