//! A cycle whose first round breaks on one link.

use crossmargin::v1;
use gateway::{arrangement::leg::Leg, sample};

use super::{Houses, books::late_amendment};

/// Runs a cycle in which the sample's late amendment is in the amending house's first claim alone, until both houses have
/// agreed in round 2.
pub async fn break_in_round_1(houses: &mut Houses, cycle: &v1::CycleId) {
    let (amending, amendment) = late_amendment();
    let other = amending.other();
    let (date, full) = (sample::BUSINESS_DATE, v1::SnapshotScope::Full);
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        clients.record_links(sample::book::links()).await;
        // The market data of the house that does not amend comes last: until then nobody can claim.
        if leg == amending {
            clients.submit_market(date, sample::market().into_items(leg)).await;
        }
    }
    // The other house needs reference data to take its book, so its own market data comes with the next business date.
    let reference: Vec<v1::MarketItem> = sample::market().into_items(other);
    houses.clients(other).submit_market(date.yesterday().unwrap(), reference).await;
    for leg in Leg::BOTH {
        let book = sample::book::book(leg).unwrap();
        houses.clients(leg).submit_book(book, date, 1, full).await.unwrap();
        houses.clients(leg).open(cycle, 120).await;
    }
    for leg in Leg::BOTH {
        let exchanged = |c: &v1::Cycle| c.own_manifest_revision == 1 && c.complete_peer_manifest_revision == 1;
        houses.clients(leg).wait(cycle, "both books frozen", exchanged).await;
    }

    // The other house claims with the old positions while the amending house is down.
    houses.kill(amending);
    houses.clients(other).submit_market(date, sample::market().into_items(other)).await;
    houses.clients(other).wait(cycle, "a claim", |found| found.round == 1).await;
    // The amendment comes while the other house is down, so that it is in the amending house's claim alone.
    houses.kill(other);
    houses.start(amending).await;
    let clients = houses.clients(amending);
    clients.submit_book(amendment, date, 2, v1::SnapshotScope::Amendment).await.unwrap();
    clients.wait(cycle, "the amended book frozen", |found| found.own_manifest_revision == 2).await;
    houses.start(other).await;

    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(cycle, 2).await;
    }
}
