//! Requests that come again: the same one is answered as before, and an id that comes with something else is refused.

use super::*;
use crate::{
    csv_book,
    node::{Handle, RequestError, catalog::Answer},
    problem::Problems,
};

type Answered = Result<(Answer, bool), RequestError>;

/// Something that a caller asks for: what it is, under which id, and which of two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Book,
    Market,
    Changes,
    Direction,
    Resolution,
}

impl Asked {
    const ALL: [Self; 5] = [Self::Book, Self::Market, Self::Changes, Self::Direction, Self::Resolution];

    async fn call(self, handle: &Handle, id: &str, is_other: bool) -> Answered {
        let request_id = id.to_owned();
        let who = "administrator".to_owned();
        let business_date = sample::BUSINESS_DATE.to_string();
        match self {
            Self::Book => {
                let regular = format!("{},{},-1000,,,,\n", directions::REGULAR, directions::ZN);
                let text = sample::book::csv(Leg::Futures).to_owned() + &regular;
                let mut book = csv_book::parse(text.as_bytes(), "book").unwrap();
                if is_other {
                    book = book.of_accounts(|account| account.ends_with('2'));
                }
                let as_of = Some(crate::wire::to_timestamp("2026-02-13T22:00:00Z".parse().unwrap()));
                let header = v1::SnapshotHeader { request_id, book_version: 1, as_of, ..header() };
                handle.submit_snapshot(snapshot(header, book)).await
            }
            Self::Market => {
                let items = sample::market().into_items(Leg::Futures);
                let items = items.into_iter().skip(usize::from(is_other)).collect();
                handle.submit_market(v1::SubmitMarketDataRequest { request_id, business_date, items }).await
            }
            Self::Changes => {
                let mut changes = sample::programme::onboarding(&sample::book::links());
                changes.truncate(changes.len() - usize::from(is_other));
                let request = v1::RecordChangesRequest { request_id, changes, validate_only: false };
                handle.record_changes(request, who).await
            }
            Self::Direction => {
                let leg = v1::PositionLeg {
                    from_account: directions::REGULAR.into(),
                    to_account: directions::XM.into(),
                    instrument: directions::ZN.into(),
                    quantity: -1 - i64::from(is_other),
                };
                let request =
                    v1::DirectPositionsRequest { request_id, business_date, legs: vec![leg], ..Default::default() };
                handle.direct(&request, None, who).await
            }
            Self::Resolution => {
                let note = if is_other { "seen" } else { "looked at" };
                let request =
                    v1::ResolveReconciliationItemRequest { request_id, item_id: "R-1".into(), note: note.into() };
                handle.resolve(request, who).await
            }
        }
    }
}

fn assert_other(answered: Answered, what: &str) {
    let Err(RequestError::Invalid(problems)) = answered else { panic!("{what}: {answered:?}") };
    let is_told = |problems: &Problems| {
        let [only] = problems.list() else { return false };
        let field = if what.starts_with("Book") { "header.request_id" } else { "request_id" };
        only.field == field && only.description.contains("was given to another request")
    };
    assert!(is_told(&problems), "{what}: {problems}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_comes_again_is_answered_as_before_and_its_id_serves_no_other() {
    let houses = Houses::new().await;
    let handle = houses.house(Leg::Futures).running.handle.clone();
    let mut carried_out = Vec::new();
    for asked in [Asked::Changes, Asked::Market, Asked::Book, Asked::Direction] {
        if asked == Asked::Book {
            houses.record_regular_account().await;
        }
        let id = format!("{asked:?}");
        let (answer, is_replay) = asked.call(&handle, &id, false).await.unwrap();
        assert!(!is_replay, "{asked:?}");
        carried_out.push((asked, id, answer));
    }
    for (asked, id, answer) in &carried_out {
        let (again, is_replay) = asked.call(&handle, id, false).await.unwrap();
        assert_eq!((&again, is_replay), (answer, true));
        for other in Asked::ALL {
            let is_same_method = other == *asked;
            assert_other(other.call(&handle, id, is_same_method).await, &format!("{other:?} under {id}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_requests_under_one_id_at_once_one_is_carried_out() {
    let houses = Houses::new().await;
    let handle = houses.house(Leg::Futures).running.handle.clone();
    for round in 0..8 {
        let id = format!("both-{round}");
        let both = tokio::join!(Asked::Market.call(&handle, &id, false), Asked::Market.call(&handle, &id, true));
        let (one, other) = if both.0.is_ok() { both } else { (both.1, both.0) };
        assert!(one.is_ok_and(|(_, is_replay)| !is_replay));
        assert_other(other, &id);
    }
}
