//! The demo is one command, and its JSON says what the documentation says it does.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use std::{path::Path, process::Command};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

fn run(dir: &Path, more: &[&str]) -> (bool, String, String) {
    let output = Command::new(BINARY).arg("demo").arg("--dir").arg(dir).args(more).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn cents(money: &Value) -> i64 {
    let money = money.as_str().unwrap();
    let (whole, fraction) = money.split_once('.').unwrap();
    assert_eq!(fraction.len(), 2, "{money}");
    whole.parse::<i64>().unwrap() * 100 + fraction.parse::<i64>().unwrap()
}

fn statuses(cycle: &Value, status: &str) -> usize {
    cycle["accounts"].as_array().unwrap().iter().filter(|account| account["status"] == status).count()
}

#[test]
fn one_command_shows_two_houses_agree_break_and_fall_back_and_a_customers_first_day() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let (is_ok, out, err) = run(&dir, &["--json"]);
    assert!(is_ok, "{err}");
    let demo: Value = serde_json::from_str(&out).unwrap();
    let cycles = demo["cycles"].as_array().unwrap();
    let seen: Vec<_> = cycles
        .iter()
        .map(|cycle| {
            let text = |field: &str| cycle[field].as_str().unwrap();
            (text("kind"), cycle["round"].as_u64().unwrap(), text("status"))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("ITD", 1, "agreed"),
            ("EOD", 1, "agreed"),
            ("ITD", 1, "break"),
            ("ITD", 2, "agreed"),
            ("EOD", 0, "fallen_back"),
            ("CUR", 1, "agreed"),
            ("ITD", 1, "agreed"),
            ("ITD", 1, "agreed"),
            ("EOD", 1, "agreed"),
            ("EODXM", 1, "agreed"),
            ("EODXM", 1, "agreed"),
            ("EODXM", 1, "agreed")
        ]
    );
    let steps = demo["day"]["steps"].as_array().unwrap();
    let stages: Vec<&str> = steps.iter().map(|step| step["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["rehearsal", "live", "live", "live", "live", "suspended", "live"]);
    let applied: Vec<f64> = steps.iter().map(|step| step["account"]["applied_factor"].as_f64().unwrap()).collect();
    assert!(applied[2] > applied[1], "what is directed at noon counts in the next cycle: {applied:?}");
    assert!(applied[4] < applied[3], "and what is directed back: {applied:?}");
    assert_eq!((applied[0], applied[5]), (0.0, 0.0), "a rehearsed and a suspended link are charged stand-alone");
    assert!(cents(&steps[4]["adjustment"]) > 0 && steps[3]["adjustment"].is_null());
    for cycle in cycles {
        let [ficc, cme] = &cycle["houses"].as_array().unwrap()[..] else { panic!("two houses: {cycle}") };
        assert_eq!((&ficc["house"], &cme["house"]), (&"FICC".into(), &"CME".into()));
        assert_eq!(ficc["agreement_digest"], cme["agreement_digest"]);
        let signatures = if cycle["status"] == "fallen_back" { 0 } else { 2 };
        assert_eq!((&ficc["signature_count"], &cme["signature_count"]), (&signatures.into(), &signatures.into()));
        for account in cycle["accounts"].as_array().unwrap() {
            let factor = |field: &str| account[field].as_f64().unwrap();
            assert!(factor("applied_factor") <= factor("ficc_factor").min(factor("cme_factor")), "{account}");
            if account["status"] != "agreed" {
                assert_eq!(factor("applied_factor"), 0.0, "{account}");
                for house in ["ficc", "cme"] {
                    let [alone, required] =
                        ["standalone", "requirement"].map(|figure| &account[format!("{house}_{figure}")]);
                    assert_eq!(cents(alone), cents(required), "{account}");
                }
            }
        }
    }
    assert_eq!((statuses(&cycles[0], "agreed"), statuses(&cycles[0], "rehearsal")), (8, 20));
    assert_eq!((statuses(&cycles[2], "break"), statuses(&cycles[2], "rehearsal")), (1, 20));
    assert_eq!(statuses(&cycles[4], "fallen_back"), 28);
    assert!(cents(&cycles[0]["totals"]["saving"]) > 0);

    for house in ["FICC", "CME"] {
        let config = dir.join(house).join("node.toml");
        let verified = Command::new(BINARY).args(["ledger", "verify", "--config"]).arg(config).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }
}

#[test]
fn a_history_too_short_for_the_scenarios_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("par-yields.csv");
    let text = "Date,\"1 Mo\",\"1.5 Month\",\"2 Mo\",\"3 Mo\",\"10 Yr\"\n02/13/2026,3.70,3.69,3.68,3.68,4.05\n02/12/2026,3.69,,3.67,3.68,4.02\n";
    std::fs::write(&history, text).unwrap();
    let dir = folder.path().join("demo");
    let (is_ok, _, err) = run(&dir, &["--history", history.to_str().unwrap()]);
    assert!(!is_ok);
    assert!(err.contains("holds 2 days") && err.contains("2503"), "{err}");
    assert!(!dir.exists());
}
