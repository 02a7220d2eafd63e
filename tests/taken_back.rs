//! A reduction that a house takes back is charged no more, though the round that grants it was agreed before and the other
//! house cannot be reached; and what is recorded after a cycle changes no charge of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, RequirementStatus};
use gateway::arrangement::leg::Leg;

use support::{
    Houses,
    books::cycle,
    programme::{lift, suspend_link, wait_stage},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// A member's own link, live with the sample.
const LINK: &str = "LNK-0001";

async fn requirement(houses: &Houses, leg: Leg, cycle: &v1::CycleId) -> v1::Requirement {
    let rows = houses.clients(leg).requirements(cycle, 0).await;
    rows.into_iter().find(|row| row.link.as_ref().unwrap().link_id == LINK).unwrap()
}

#[tokio::test]
async fn a_suspension_after_the_agreement_is_charged_at_once_and_its_lifting_changes_nothing_of_the_cycle() {
    let mut houses = Houses::running(BINARY).await;
    let (suspending, other) = (Leg::Treasury, Leg::Futures);
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    wait_stage(&houses, LINK, v1::LinkStage::Live).await;
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    let agreed = requirement(&houses, suspending, &itd).await;
    assert_eq!(agreed.status(), RequirementStatus::Agreed);
    assert!(agreed.applied_factor_bp > 0);

    // The other house is away: no later round can be agreed.
    houses.kill(other);
    let clients = houses.clients(suspending);
    let recorded = clients.record_changes("suspend", vec![suspend_link(LINK)]).await.unwrap();
    let is_stand_alone = |row: &v1::Requirement| {
        row.status() == RequirementStatus::Suspended
            && row.applied_factor_bp == 0
            && row.treasury_requirement == row.treasury_standalone
    };
    let open = requirement(&houses, suspending, &itd).await;
    assert!(is_stand_alone(&open), "while the cycle is open: {open:?}");
    let cut_off = v1::CutOffCycleRequest { cycle: Some(itd.clone()) };
    clients.operations().cut_off_cycle(cut_off).await.unwrap();
    let closed = requirement(&houses, suspending, &itd).await;
    assert!(is_stand_alone(&closed), "after the cut-off: {closed:?}");

    // What is recorded later changes no charge of the cycle, and a restart comes to the same.
    houses.start(other).await;
    wait_stage(&houses, LINK, v1::LinkStage::Suspended).await;
    for leg in Leg::BOTH {
        let lifted = vec![lift(&recorded.suspension_ids[0])];
        houses.clients(leg).record_changes("lift", lifted).await.unwrap();
    }
    wait_stage(&houses, LINK, v1::LinkStage::Live).await;
    assert!(is_stand_alone(&requirement(&houses, suspending, &itd).await), "after the lifting");
    houses.kill(suspending);
    houses.start(suspending).await;
    assert!(is_stand_alone(&requirement(&houses, suspending, &itd).await), "after a restart");

    let again = cycle(v1::CycleKind::Itd, 2);
    for leg in Leg::BOTH {
        houses.clients(leg).open(&again, 120).await;
    }
    houses.clients(suspending).wait(&again, "an agreement", |cycle| cycle.agreed_round > 0).await;
    assert_eq!(requirement(&houses, suspending, &again).await.status(), RequirementStatus::Agreed);
}
