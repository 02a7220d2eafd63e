//! Where the two houses' inputs differ, the difference costs just the links that it touches, shows its cause, and the
//! next round heals it.

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, BreakCause, RequirementStatus};
use gateway::arrangement::leg::Leg;

use support::{Houses, books::cycle, broken::break_in_round_1};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

#[tokio::test]
async fn a_late_amendment_breaks_one_link_in_round_1_and_round_2_agrees_on_all() {
    let mut houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    break_in_round_1(&mut houses, &itd).await;

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
