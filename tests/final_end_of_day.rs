//! The final end of day shows what it changes of the preliminary one, to the cent and with its sign.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, RequirementStatus};
use gateway::{arrangement::leg::Leg, sample};

use support::{
    Houses,
    books::{cycle, late_amendment},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// Cents of a decimal of US dollars.
fn cents(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("{text:?} is no amount"))
}

/// Both houses agree on a cycle and close it, so that no later book reopens it.
async fn agrees(houses: &Houses, cycle: &v1::CycleId) {
    for leg in Leg::BOTH {
        houses.clients(leg).open(cycle, 120).await;
    }
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        clients.wait_agreed(cycle, 1).await;
        let request = v1::CutOffCycleRequest { cycle: Some(cycle.clone()) };
        clients.operations().cut_off_cycle(request).await.unwrap();
    }
}

#[tokio::test]
async fn the_final_end_of_day_adjusts_the_newest_preliminary_one() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let [eod, rerun] = [1, 2].map(|run| cycle(v1::CycleKind::Eod, run));
    let [last, open] = [1, 2].map(|run| cycle(v1::CycleKind::Eodxm, run));
    agrees(&houses, &eod).await;
    let (amending, amendment) = late_amendment();
    let amended = houses.clients(amending);
    amended.submit_book(amendment, sample::BUSINESS_DATE, 2, v1::SnapshotScope::Amendment).await.unwrap();
    agrees(&houses, &last).await;

    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        let before = clients.requirements(&eod, 0).await;
        let now = clients.requirements(&last, 0).await;
        assert_eq!((before.len(), now.len()), (28, 28));
        for (before, now) in before.iter().zip(&now) {
            assert_eq!((before.adjusts.as_ref(), before.treasury_adjustment.as_str()), (None, ""));
            assert_eq!(now.adjusts.as_ref(), Some(&eod));
            let treasury = cents(&now.treasury_total) - cents(&before.treasury_total);
            let futures = cents(&now.futures_total) - cents(&before.futures_total);
            assert_eq!((cents(&now.treasury_adjustment), cents(&now.futures_adjustment)), (treasury, futures));
            let is_amended = now.link.as_ref().unwrap().link_id == "LNK-0005";
            assert_eq!((treasury, futures) != (0, 0), is_amended, "{now:?}");
        }
    }

    // A re-run of the preliminary end of day takes the amendment in: then there is nothing left to adjust.
    agrees(&houses, &rerun).await;
    let clients = houses.clients(Leg::Treasury);
    for now in clients.requirements(&last, 0).await {
        assert_eq!(now.adjusts.as_ref(), Some(&rerun));
        assert_eq!((now.treasury_adjustment.as_str(), now.futures_adjustment.as_str()), ("0.00", "0.00"));
    }
    // Nothing is adjusted before it is known what is charged.
    clients.open(&open, 120).await;
    clients.wait(&open, "the frozen book", |cycle| cycle.own_manifest_revision == 1).await;
    for pending in clients.requirements(&open, 0).await {
        assert_eq!(pending.status(), RequirementStatus::Pending);
        assert_eq!((pending.adjusts.as_ref(), pending.treasury_adjustment.as_str()), (Some(&rerun), ""));
    }
}
