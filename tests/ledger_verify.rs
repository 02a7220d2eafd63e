//! A ledger can be believed without believing its node: verified offline, every granted factor computed again.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::process::{Command, Output};

use crossmargin::v1;
use gateway::arrangement::leg::Leg;
use serde_json::Value;

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

fn verify(houses: &Houses, leg: Leg) -> Output {
    Command::new(BINARY)
        .args(["ledger", "verify", "--json", "--config"])
        .arg(houses.config(leg))
        .arg("--other")
        .arg(houses.data(leg.other()))
        .output()
        .unwrap()
}

#[tokio::test]
async fn both_ledgers_are_sound_while_the_nodes_run_and_after_a_kill() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    for (kind, victim) in [(v1::CycleKind::Itd, Leg::Treasury), (v1::CycleKind::Eod, Leg::Futures)] {
        let cycle = cycle(kind, 1);
        for leg in Leg::BOTH {
            houses.clients(leg).open(&cycle, 120).await;
        }
        houses.kill(victim);
        houses.start(victim).await;
        for leg in Leg::BOTH {
            houses.clients(leg).wait_agreed(&cycle, 1).await;
        }
    }
    for leg in Leg::BOTH {
        let output = verify(&houses, leg);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["is_sound"], true);
        assert_eq!(report["ledgers"].as_array().unwrap().len(), 2);
        for ledger in report["ledgers"].as_array().unwrap() {
            let counts = &ledger["counts"];
            assert_eq!(counts["agreements"], 2, "{ledger:#}");
            assert_eq!(counts["claims_recomputed"], counts["claims"], "{ledger:#}");
            assert!(counts["granted_factors"].as_u64().unwrap() > 0, "{ledger:#}");
            assert_eq!(counts["granted_factors_recomputed"], counts["granted_factors"], "{ledger:#}");
        }
    }
}

// A client that does not answer the node's farewell holds its stop up: this one answers beside the wait for the node.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_fails_its_verification_and_says_where() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        assert!(houses.stop(leg).await.success());
    }
    let blobs = houses.data(Leg::Treasury).join("blobs");
    let largest = walk(&blobs).into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[10] ^= 1;
    std::fs::remove_file(&largest).unwrap();
    std::fs::write(&largest, bytes).unwrap();
    let output = verify(&houses, Leg::Treasury);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["is_sound"], false);
    let problem = &report["ledgers"][0]["problems"][0];
    assert_eq!(problem["code"], "content", "{report:#}");
    assert!(problem["sequence"].as_u64().unwrap() > 0, "{report:#}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
