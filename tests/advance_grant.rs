//! A house that falls back charges by what the last agreement granted in advance, and by nothing else.

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, CyclePhase, RequirementStatus};
use gateway::arrangement::{leaf::requirement_cents, leg::Leg, terms::DEFAULT_TOML};

use support::{Houses, books::cycle, by_hand};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
const US: Leg = Leg::Treasury;

/// The default arrangement in which `EOD` falls back on what was last agreed, less a fifth, for two cycles.
fn arrangement() -> String {
    let stand_alone = "EOD = \"stand-alone\"";
    assert!(DEFAULT_TOML.contains(stand_alone), "the default falls back to stand-alone");
    by_hand(&DEFAULT_TOML.replacen(stand_alone, "EOD = { last_agreed = { haircut_bp = 2000, cycles = 2 } }", 1))
}

/// Cents of a decimal of US dollars.
fn cents(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("{text:?} is no amount"))
}

async fn falls_back(houses: &Houses, cycle: &v1::CycleId) -> Vec<v1::Requirement> {
    let clients = houses.clients(US);
    clients.open(cycle, 4).await;
    clients.wait(cycle, "its end", |cycle| cycle.phase() == CyclePhase::FallenBack).await;
    let rows = clients.requirements(cycle, 0).await;
    assert_eq!(rows.len(), 28);
    rows
}

#[tokio::test]
async fn a_house_charges_a_part_of_the_last_agreed_reduction_for_as_many_cycles_as_both_signed() {
    let mut houses = Houses::with_arrangement(BINARY, &arrangement());
    houses.start_both().await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    let statement = houses.clients(US).agreement(&itd, 1).await.statement.unwrap();
    let granted = v1::AdvanceGrant { kind: v1::CycleKind::Eod.into(), haircut_bp: 2_000, cycles: 2 };
    assert_eq!(statement.advance_grants, [granted], "both signed it");
    let agreed = houses.clients(US).requirements(&itd, 1).await;
    houses.kill(US.other());

    let eod = cycle(v1::CycleKind::Eod, 1);
    let rows = falls_back(&houses, &eod).await;
    let mut granted = 0;
    for (row, agreed) in rows.iter().zip(&agreed) {
        let kind = row.link.as_ref().unwrap().kind();
        if kind == v1::LinkKind::Customer {
            assert_eq!(row.status(), RequirementStatus::FallenBack, "{row:?}");
            assert!(row.reason.contains("no advance grant: the link was in rehearsal"), "{}", row.reason);
            assert_eq!(row.treasury_requirement, row.treasury_standalone);
            continue;
        }
        let factor = agreed.applied_factor_bp * 8 / 10;
        if factor < 100 {
            assert!(row.reason.contains("nothing is left"), "{}", row.reason);
            continue;
        }
        granted += 1;
        assert_eq!(row.status(), RequirementStatus::AdvanceGrant, "{row:?}");
        assert_eq!(row.applied_factor_bp, factor);
        let used = row.advance_grant.clone().unwrap();
        assert_eq!((used.agreed_cycle.as_ref(), used.cycles_left), (Some(&itd), 1));
        assert_eq!(used.fall_back_cause(), v1::FallBackCause::PeerSilent);
        // The same book and market as in the agreed cycle: a margin to the cent, a requirement from finer digits.
        let (alone, required) = (cents(&row.treasury_standalone), cents(&row.treasury_requirement));
        assert!((requirement_cents(alone * 1_000_000, factor).unwrap() - required).abs() <= 1, "{row:?}");
        assert!(cents(&agreed.treasury_requirement) < required && required < alone, "{row:?}");
        assert_eq!(row.futures_requirement, "", "the other house's margin is not known here");
    }
    assert!(granted > 5, "{granted}");

    // What was decided on record is decided again after a restart.
    houses.kill(US);
    houses.start(US).await;
    assert_eq!(houses.clients(US).requirements(&eod, 0).await, rows);

    // A kind without a grant falls back to stand-alone, and counts.
    let second_itd = falls_back(&houses, &cycle(v1::CycleKind::Itd, 2)).await;
    assert!(second_itd.iter().all(|row| row.status() == RequirementStatus::FallenBack), "{second_itd:?}");
    assert!(second_itd.iter().all(|row| !row.reason.contains("grant")), "{second_itd:?}");
    let expired = falls_back(&houses, &cycle(v1::CycleKind::Eod, 2)).await;
    let live = expired.iter().filter(|row| row.mode() == v1::LinkMode::Live);
    for row in live {
        assert_eq!((row.status(), row.applied_factor_bp), (RequirementStatus::FallenBack, 0));
        let expired = "has expired: it was given for 2 cycles";
        assert!(row.reason.contains(expired) || row.reason.contains("nothing is left"), "{}", row.reason);
        assert_eq!(row.treasury_requirement, row.treasury_standalone);
    }
    assert!(expired.iter().any(|row| row.reason.contains("has expired")));
    assert_eq!(houses.clients(US).requirements(&eod, 0).await, rows, "what came after changes nothing of it");
}
