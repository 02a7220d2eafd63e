//! Where the two houses' inputs differ, the difference costs just the links that it touches, shows its cause, and the
//! next round heals it.

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, BreakCause, RequirementStatus};
use gateway::{arrangement::leg::Leg, sample};

use support::{
    Houses,
    books::{cycle, late_amendment},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

#[tokio::test]
async fn a_late_amendment_breaks_one_link_in_round_1_and_round_2_agrees_on_all() {
    let mut houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
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
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        let exchanged = |c: &v1::Cycle| c.own_manifest_revision == 1 && c.peer_manifest_revision == 1;
        houses.clients(leg).wait(&itd, "both books frozen", exchanged).await;
    }

    // The other house claims with the old positions while the amending house is down.
    houses.kill(amending);
    houses.clients(other).submit_market(date, sample::market().into_items(other)).await;
    houses.clients(other).wait(&itd, "a claim", |cycle| cycle.round == 1).await;
    // The amendment comes while the other house is down, so that it is in the amending house's claim alone.
    houses.kill(other);
    houses.start(amending).await;
    let clients = houses.clients(amending);
    clients.submit_book(amendment, date, 2, v1::SnapshotScope::Amendment).await.unwrap();
    clients.wait(&itd, "the amended book frozen", |cycle| cycle.own_manifest_revision == 2).await;
    houses.start(other).await;

    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 2).await;
    }
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        let breaks = clients.breaks(&itd, 1).await;
        let [found] = &breaks[..] else { panic!("one break in round 1: {breaks:?}") };
        assert_eq!((found.link_id.as_str(), found.cause()), ("LNK-0005", BreakCause::Position));
        assert_ne!(found.treasury_leaf, found.futures_leaf);
        assert!(clients.breaks(&itd, 2).await.is_empty());

        let first = clients.requirements(&itd, 1).await;
        for row in &first {
            let is_broken = row.link.as_ref().unwrap().link_id == "LNK-0005";
            assert_eq!(row.status() == RequirementStatus::Break, is_broken, "{row:?}");
            if is_broken {
                assert_eq!(row.applied_factor_bp, 0, "a break charges stand-alone");
                assert_eq!(row.treasury_requirement, row.treasury_standalone);
                assert_eq!(row.futures_requirement, row.futures_standalone);
            }
        }
        let second = clients.requirements(&itd, 2).await;
        assert!(second.iter().all(|row| row.status() != RequirementStatus::Break));
    }
    let digests = [
        houses.clients(Leg::Treasury).agreement(&itd, 2).await.digest,
        houses.clients(Leg::Futures).agreement(&itd, 2).await.digest,
    ];
    assert_eq!(digests[0], digests[1]);
}
