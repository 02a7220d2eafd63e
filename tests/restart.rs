//! Kill either node with -9 at any step of a cycle and start it again: the cycle goes on, nothing that was acknowledged
//! is lost, and nothing is signed twice differently.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use crossmargin::v1;
use gateway::{arrangement::leg::Leg, sample};

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// What happens before a node is killed, step by step.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Step {
    LinksRecorded,
    MarketSubmitted,
    BookSubmitted,
    Opened,
    Agreed,
}

#[tokio::test]
async fn a_node_killed_between_any_two_requests_goes_on_with_what_it_acknowledged() {
    for victim in Leg::BOTH {
        let mut houses = Houses::running(BINARY).await;
        let itd = cycle(v1::CycleKind::Itd, 1);
        for step in [Step::LinksRecorded, Step::MarketSubmitted, Step::BookSubmitted, Step::Opened, Step::Agreed] {
            for leg in Leg::BOTH {
                take(&houses, leg, step, &itd).await;
            }
            houses.kill(victim);
            houses.start(victim).await;
        }
        for leg in Leg::BOTH {
            houses.clients(leg).wait_agreed(&itd, 1).await;
            assert_eq!(houses.clients(leg).requirements(&itd, 0).await.len(), 28);
        }
        assert_one_story(&houses, &itd).await;
    }
}

async fn take(houses: &Houses, leg: Leg, step: Step, itd: &v1::CycleId) {
    let clients = houses.clients(leg);
    let date = sample::BUSINESS_DATE;
    match step {
        Step::LinksRecorded => clients.record_links(sample::book::links()).await,
        Step::MarketSubmitted => clients.submit_market(date, sample::market().into_items(leg)).await,
        Step::BookSubmitted => {
            let book = sample::book::book(leg).unwrap();
            clients.submit_book(book, date, 1, v1::SnapshotScope::Full).await.unwrap();
        }
        Step::Opened => drop(clients.open(itd, 120).await),
        Step::Agreed => drop(clients.wait_agreed(itd, 1).await),
    }
}

#[tokio::test]
async fn a_node_killed_at_any_moment_of_the_agreement_comes_to_the_same_agreement() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let delays_ms = [0, 5, 10, 20, 30, 45, 60, 90, 150, 250];
    for (run, delay_ms) in (1..).zip(delays_ms) {
        let eod = cycle(v1::CycleKind::Eod, run);
        let victim = if run % 2 == 0 { Leg::Treasury } else { Leg::Futures };
        for leg in Leg::BOTH {
            houses.clients(leg).open(&eod, 120).await;
        }
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        houses.kill(victim);
        houses.start(victim).await;
        for leg in Leg::BOTH {
            houses.clients(leg).wait_agreed(&eod, 1).await;
        }
        assert_one_story(&houses, &eod).await;
    }
}

#[tokio::test]
async fn a_node_stopped_by_a_signal_ends_in_time_and_starts_from_its_snapshot() {
    let mut houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    // An open stream does not keep the node from stopping.
    let mut watcher = houses.clients(Leg::Treasury).margin();
    let stream = watcher.watch_results(v1::WatchResultsRequest::default()).await.unwrap();
    let status = houses.stop(Leg::Treasury).await;
    assert!(status.success(), "{status}: {}", houses.log_text(Leg::Treasury));
    drop(stream);
    houses.start(Leg::Treasury).await;
    houses.clients(Leg::Treasury).wait_agreed(&itd, 1).await;
    assert_one_story(&houses, &itd).await;
    // It knows what it was asked for: the same again is answered, and its id serves nothing else.
    let clients = houses.clients(Leg::Treasury);
    let mut changes = sample::programme::onboarding(&sample::book::links());
    assert!(clients.record_changes("links-0", changes.clone()).await.unwrap().is_replay);
    changes.pop();
    let other = clients.record_changes("links-0", changes).await.unwrap_err();
    assert!(other.message().contains("given to another request"), "{other}");
    let book = sample::book::book(Leg::Treasury).unwrap();
    let again = clients.submit_book(book.clone(), sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap();
    assert!(again.is_replay);
    let part = book.of_accounts(|account| account.ends_with('2'));
    let other = clients.submit_book(part, sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap_err();
    assert!(other.message().contains("given to another request"), "{other}");
}

/// Both houses hold the same agreement, and no node has seen the other contradict itself.
async fn assert_one_story(houses: &Houses, cycle: &v1::CycleId) {
    let agreements = [
        houses.clients(Leg::Treasury).agreement(cycle, 1).await,
        houses.clients(Leg::Futures).agreement(cycle, 1).await,
    ];
    assert_eq!(agreements[0].signatures, agreements[1].signatures);
    for leg in Leg::BOTH {
        let request = v1::GetNodeStatusRequest {};
        let status = houses.clients(leg).operations().get_node_status(request).await.unwrap().into_inner();
        assert_eq!(status.contradiction_count, 0, "{status:?}");
        assert!(status.can_sign, "{status:?}");
    }
}
