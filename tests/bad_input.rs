//! Bad input gets a clear error that names field, row and reason; nothing is half-applied.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, submit_snapshot_request::Part};
use gateway::{arrangement::leg::Leg, sample, wire};
use jiff::Timestamp;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use support::Houses;

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// A snapshot of one account.
fn snapshot(account: &str, rows: &[(&str, i64)]) -> (v1::SnapshotHeader, v1::PositionColumns) {
    let header = v1::SnapshotHeader {
        request_id: format!("{account} {rows:?}").chars().take(60).collect(),
        business_date: sample::BUSINESS_DATE.to_string(),
        as_of: Some(wire::to_timestamp(Timestamp::now())),
        book_version: 10,
        scope: v1::SnapshotScope::Amendment.into(),
        flat_accounts: Vec::new(),
        directions_through: 0,
    };
    let columns = v1::PositionColumns {
        instruments: rows.iter().map(|(instrument, _)| (*instrument).to_owned()).collect(),
        accounts: vec![account.to_owned()],
        position_counts: vec![u32::try_from(rows.len()).unwrap()],
        instrument_indexes: (0..).take(rows.len()).collect(),
        quantities: rows.iter().map(|(_, quantity)| *quantity).collect(),
    };
    (header, columns)
}

async fn submit(houses: &Houses, leg: Leg, parts: Vec<Part>) -> Status {
    let requests: Vec<_> = parts.into_iter().map(|part| v1::SubmitSnapshotRequest { part: Some(part) }).collect();
    houses.clients(leg).positions().submit_snapshot(tokio_stream::iter(requests)).await.unwrap_err()
}

/// Every problem as `field: description`.
fn problems(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|request| request.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
}

#[tokio::test]
async fn every_wrong_row_of_a_snapshot_is_named_and_nothing_is_applied() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let known = sample::issues::issues()[0].cusip.to_string();
    let treasury = format!("UST:{known}");
    // (house, account, rows, field, words of the reason)
    type Case<'a> = (Leg, &'a str, Vec<(&'a str, i64)>, &'a str, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (Leg::Treasury, "GSD-1001", vec![("UST:912828ZZ5", 100)], "positions[0].instruments[0]", "check digit"),
        (Leg::Treasury, "GSD-1001", vec![("UST:912797GK7", 100)], "positions[0]", "not in the house's reference data"),
        (Leg::Treasury, "GSD-1001", vec![(&treasury, 0)], "positions[0].quantities[0]", "zero"),
        (Leg::Treasury, "GSD-1001", vec![(&treasury, 150)], "positions[0].quantities[0]", "multiple of USD 100"),
        (Leg::Treasury, "GSD-1001", vec![(&treasury, i64::MAX)], "positions[0].quantities[0]", "out of range"),
        (Leg::Treasury, "GSD-1001", vec![(&treasury, 100), (&treasury, 200)], "positions[0].quantities[1]", "twice"),
        (Leg::Treasury, "GSD-9999", vec![(&treasury, 100)], "positions[0].accounts[0]", "no link"),
        (Leg::Treasury, "GSD 1001", vec![(&treasury, 100)], "positions[0].accounts[0]", "is not"),
        (Leg::Treasury, "GSD-1001", vec![("FUT:ZN:2026-03", 5)], "positions[0].quantities[0]", "other house"),
        (Leg::Futures, "XM-1001", vec![(&treasury, 100)], "positions[0].quantities[0]", "other house"),
        (Leg::Futures, "XM-1001", vec![("FUT:CL:2026-03", 5)], "positions[0].quantities[0]", "not eligible"),
        (Leg::Futures, "XM-1001", vec![("FUT:ZN:2025-03", 5)], "positions[0].quantities[0]", "expired"),
        (Leg::Futures, "XM-1001", vec![("FUT:ZN:2026-04", 5)], "positions[0].quantities[0]", "settlement price"),
        (Leg::Futures, "XM-1001", vec![("FUT:ZN", 5)], "positions[0].instruments[0]", "not an instrument"),
    ];
    for (leg, account, rows, field, words) in cases {
        let (header, columns) = snapshot(account, &rows);
        let status = submit(&houses, leg, vec![Part::Header(header), Part::Positions(columns)]).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{rows:?}: {status:?}");
        let told = problems(&status);
        assert!(
            told.iter().any(|problem| problem.starts_with(field) && problem.contains(words)),
            "{account} {rows:?} should be told {field}: ... {words} ..., but was told {told:?}"
        );
    }

    // Two wrong rows are told at once.
    let (header, columns) = snapshot("GSD-1001", &[(&treasury, 0), ("FUT:ZN:2026-03", 5)]);
    let status = submit(&houses, Leg::Treasury, vec![Part::Header(header), Part::Positions(columns)]).await;
    assert_eq!(problems(&status).len(), 2, "{status:?}");

    // So many wrong rows that they do not fit an answer are counted, and the answer still arrives.
    let (header, mut columns) = snapshot("GSD-1001", &[(&treasury, 0)]);
    columns.position_counts = vec![500];
    columns.instrument_indexes = vec![0; 500];
    columns.quantities = vec![0; 500];
    let status = submit(&houses, Leg::Treasury, vec![Part::Header(header), Part::Positions(columns)]).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(problems(&status).last().unwrap().contains("more problems"), "{status:?}");

    // A stale version, a stream without its header.
    let (header, columns) = snapshot("GSD-1001", &[(&treasury, 100)]);
    let stale = v1::SnapshotHeader { book_version: 1, ..header };
    let status = submit(&houses, Leg::Treasury, vec![Part::Header(stale), Part::Positions(columns.clone())]).await;
    assert!(
        problems(&status).iter().any(|p| p.starts_with("header.book_version") && p.contains("stale")),
        "{status:?}"
    );
    let status = submit(&houses, Leg::Treasury, vec![Part::Positions(columns)]).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");

    for leg in Leg::BOTH {
        let request = v1::GetNodeStatusRequest {};
        let status = houses.clients(leg).operations().get_node_status(request).await.unwrap().into_inner();
        assert_eq!(status.book_version, 1, "nothing of all this was applied");
    }
}

#[tokio::test]
async fn market_data_of_the_other_house_and_malformed_items_are_refused() {
    let houses = Houses::running(BINARY).await;
    let submit = async |leg: Leg, items: Vec<v1::MarketItem>| {
        let request = v1::SubmitMarketDataRequest {
            request_id: "m".into(),
            business_date: sample::BUSINESS_DATE.to_string(),
            items,
        };
        houses.clients(leg).market().submit_market_data(request).await.unwrap_err()
    };
    let status = submit(Leg::Futures, sample::market().into_items(Leg::Treasury)).await;
    assert!(problems(&status).iter().any(|problem| problem.contains("FICC is the authority of ISSUES")), "{status:?}");

    let mut market = sample::market();
    market.issues.issues[0].coupon = "four".into();
    market.issues.issues[1].maturity_date = "2027-02-30".into();
    market.curve_history.yields_e4.pop();
    let told = problems(&submit(Leg::Treasury, market.into_items(Leg::Treasury)).await);
    for field in ["items[0].issues[0].coupon", "items[0].issues[1].maturity_date", "items[2].yields_e4"] {
        assert!(told.iter().any(|problem| problem.starts_with(field)), "{field} is not in {told:?}");
    }
}

#[tokio::test]
async fn the_same_request_twice_changes_nothing_and_gets_the_same_answer() {
    let houses = Houses::running(BINARY).await;
    let clients = houses.clients(Leg::Treasury);
    clients.submit_sample(Leg::Treasury).await;
    let book = sample::book::book(Leg::Treasury).unwrap();
    let again = clients.submit_book(book, sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap();
    assert!(again.is_replay);
    assert_eq!(again.book_version, 1);
    let changes = sample::programme::onboarding(&sample::book::links());
    let again = clients.record_changes("links-0", changes).await.unwrap();
    assert!(again.is_replay);
    assert_eq!(again.sequence, 2);
}
