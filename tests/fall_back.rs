//! Without an agreement the house's own clients still get an answer: stand-alone, with the reason.

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, CyclePhase, FallBackCause, RequirementStatus};
use gateway::arrangement::leg::Leg;

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

#[tokio::test]
async fn a_house_whose_peer_is_gone_charges_stand_alone_at_its_cut_off() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    // A first cycle agrees, so that each house holds the other's market data.
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    for (run, survivor) in (1..).zip(Leg::BOTH) {
        let eod = cycle(v1::CycleKind::Eod, run);
        houses.kill(survivor.other());
        let clients = houses.clients(survivor);
        clients.open(&eod, 4).await;
        let ended = clients.wait(&eod, "its end", |cycle| cycle.phase() == CyclePhase::FallenBack).await;
        assert!(ended.is_cut_off);
        assert_eq!(ended.fall_back_cause(), FallBackCause::PeerSilent, "{ended:?}");
        assert!(ended.explanation.starts_with("Stand-alone margin is charged"), "{}", ended.explanation);
        let rows = clients.requirements(&eod, 0).await;
        assert_eq!(rows.len(), 28);
        for row in &rows {
            assert_eq!(row.status(), RequirementStatus::FallenBack, "{row:?}");
            assert_eq!(row.applied_factor_bp, 0);
            let (own_requirement, own_standalone, others) = match survivor {
                Leg::Treasury => (&row.treasury_requirement, &row.treasury_standalone, &row.futures_standalone),
                Leg::Futures => (&row.futures_requirement, &row.futures_standalone, &row.treasury_standalone),
            };
            assert!(!own_requirement.is_empty() && own_requirement == own_standalone, "{row:?}");
            assert!(others.is_empty(), "the other house's margin is not known here: {row:?}");
            assert!(!row.reason.is_empty());
        }
        let total: f64 = rows
            .iter()
            .filter_map(|row| match survivor {
                Leg::Treasury => row.treasury_requirement.parse::<f64>().ok(),
                Leg::Futures => row.futures_requirement.parse::<f64>().ok(),
            })
            .sum();
        assert!(total > 1e6, "a real book has margin: {total}");
        houses.start(survivor.other()).await;
    }
}

#[tokio::test]
async fn an_operator_who_cuts_a_cycle_off_gets_the_fall_back_on_record() {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    let clients = houses.clients(Leg::Treasury);
    clients.open(&itd, 600).await;
    let request = v1::CutOffCycleRequest { cycle: Some(itd.clone()) };
    let ended = clients.operations().cut_off_cycle(request.clone()).await.unwrap().into_inner().cycle.unwrap();
    assert_eq!(ended.phase(), CyclePhase::FallenBack);
    assert_eq!(ended.fall_back_cause(), FallBackCause::OwnInputsMissing, "no book was submitted");
    let again = clients.operations().cut_off_cycle(request).await.unwrap().into_inner().cycle.unwrap();
    assert_eq!(again.phase(), CyclePhase::FallenBack, "cutting off twice changes nothing");
}

#[tokio::test]
async fn a_re_run_asked_for_by_one_house_waits_until_the_other_accepts_it() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let rerun = cycle(v1::CycleKind::Eod, 7);
    houses.clients(Leg::Treasury).open(&rerun, 120).await;
    let futures = houses.clients(Leg::Futures);
    let asked = futures.wait(&rerun, "a request", |cycle| cycle.phase() == CyclePhase::Requested).await;
    assert_eq!(asked.round, 0, "nothing is claimed before the house accepts");
    futures.open(&rerun, 120).await;
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&rerun, 1).await;
    }
}
