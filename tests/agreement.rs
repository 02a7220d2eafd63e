//! Two houses agree: the promise that everything else serves.

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, RequirementStatus};
use gateway::arrangement::{digest::Digest, leg::Leg};

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

#[tokio::test]
async fn both_houses_hold_the_same_doubly_signed_agreement() {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd, 120).await;
    }
    let mut agreements = Vec::new();
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
        agreements.push(houses.clients(leg).agreement(&itd, 1).await);
    }
    assert_eq!(agreements[0].digest, agreements[1].digest);
    assert_eq!(agreements[0].signatures, agreements[1].signatures);
    let [treasury, futures] = &agreements[0].signatures[..] else { panic!("two signatures") };
    assert_eq!((treasury.house.as_str(), futures.house.as_str()), ("FICC", "CME"));
    assert_eq!(treasury.payload, futures.payload, "both signed the same bytes");
    assert_eq!(agreements[0].digest, Digest::of(&treasury.payload).to_string());

    let requirements = [Leg::Treasury, Leg::Futures].map(|leg| (leg, houses.clients(leg)));
    let mut seen = Vec::new();
    for (_, clients) in requirements {
        seen.push(clients.requirements(&itd, 0).await);
    }
    let figures = |rows: &[v1::Requirement]| -> Vec<_> {
        rows.iter()
            .map(|r| {
                (
                    r.link.clone(),
                    r.status,
                    r.applied_factor_bp,
                    r.treasury_requirement.clone(),
                    r.futures_requirement.clone(),
                )
            })
            .collect()
    };
    assert_eq!(figures(&seen[0]), figures(&seen[1]), "both houses charge by the same figures");
    assert_eq!(seen[0].len(), 28);
    for row in &seen[0] {
        let is_customer = row.link.as_ref().unwrap().kind() == v1::LinkKind::Customer;
        if is_customer {
            assert_eq!(row.status(), RequirementStatus::Rehearsal, "{row:?}");
            assert_eq!(row.applied_factor_bp, 0, "a rehearsal charges nothing less: {row:?}");
            assert_eq!(row.treasury_requirement, row.treasury_standalone);
        } else {
            assert_eq!(row.status(), RequirementStatus::Agreed, "{row:?}");
            assert_eq!(row.applied_factor_bp, row.would_be_factor_bp);
        }
        assert!(row.would_be_factor_bp <= row.treasury_factor_bp.min(row.futures_factor_bp));
        assert!(row.would_be_factor_bp <= 8_000, "the arrangement's bound holds: {row:?}");
    }
    assert!(seen[0].iter().any(|row| row.applied_factor_bp == 8_000), "a hedged pair reaches the bound");
}
