//! No byte of one member reaches another: everything that a member, its customers, accounts, requests and reasons are called
//! bears a canary, which is sought in all that others are answered, told in errors and streams, and in logs and traces.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a failure of a test is a panic, and nobody else uses its parts"
)]

#[path = "support/mod.rs"]
mod support;

#[path = "members_apart/asks.rs"]
mod asks;
#[path = "members_apart/collector.rs"]
mod collector;
#[path = "members_apart/scene.rs"]
mod scene;

use std::time::Duration;

use gateway::{api::admission_table, arrangement::leg::Leg, identity::RoleKind};
use prost::bytes::Bytes;

use asks::{Ids, asks};
use scene::{CANARY, Scene};
use support::raw::{Outcome, call};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// How long a stream is listened to that says nothing.
const A_MOMENT: Duration = Duration::from_millis(300);

/// Who must see nothing of the other member.
const ONLOOKERS: [(RoleKind, &str); 3] = [
    (RoleKind::Member, "member-alder-point"),
    (RoleKind::MemberAdministrator, "member-administrator-alder-point"),
    (RoleKind::Customer, "customer-C-7F3A"),
];

/// Whether the canary is in some bytes, in any case.
fn sings(bytes: &[u8]) -> bool {
    bytes.to_ascii_lowercase().windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// The bytes with one name in place of another of the same length.
fn renamed(bytes: &[u8], from: &[&str], to: &[&str]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (from, to) in from.iter().zip(to) {
        assert_eq!(from.len(), to.len());
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from.as_bytes()) {
            bytes[at + found..at + found + from.len()].copy_from_slice(to.as_bytes());
            at += found + from.len();
        }
    }
    bytes
}

/// What the caller learns, with the ids that it asked for under one name.
fn learnt(outcome: &Outcome, ids: &Ids) -> (tonic::Code, Vec<u8>, Vec<u8>, Vec<u8>) {
    let plain = |bytes: &[u8]| renamed(bytes, &ids.all(), &Ids::PLACEHOLDERS.all());
    let status = &outcome.status;
    (status.code(), plain(status.message().as_bytes()), plain(status.details()), plain(&outcome.messages.concat()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_error_or_page_holds_a_byte_of_another_member() {
    let scene = Scene::new(BINARY).await;
    scene.suspend_others().await;
    let table = admission_table().unwrap();
    let mut asked = 0;
    for leg in Leg::BOTH {
        let clients = scene.houses.clients(leg);
        for (kind, role) in ONLOOKERS {
            let channel = clients.channel(role);
            for (path, _) in table.rows().filter(|(_, admitted)| admitted.contains(&kind)) {
                let ask = async |ids: &Ids| -> Vec<Outcome> {
                    let mut outcomes = Vec::new();
                    for message in asks(path, ids, leg) {
                        outcomes.push(call(&channel, path, Bytes::from(message), A_MOMENT).await);
                    }
                    outcomes
                };
                let own = ask(&Ids::OWN).await;
                let others = ask(&Ids::OTHERS).await;
                let nobodys = ask(&Ids::NOBODYS).await;
                assert!(!own.is_empty(), "nothing is asked of {path}");
                asked += own.len() + others.len() + nobodys.len();
                for outcome in &own {
                    assert!(!sings(&outcome.bytes()), "{role} asks {path} of its own: {outcome:?}");
                }
                for (place, (other, nobody)) in others.iter().zip(&nobodys).enumerate() {
                    let told = format!("{role} asks {path} at {leg:?}, request {place}:\n{other:?}\n{nobody:?}");
                    assert_eq!(learnt(other, &Ids::OTHERS), learnt(nobody, &Ids::NOBODYS), "{told}");
                    let left = renamed(&other.bytes(), &Ids::OTHERS.all(), &Ids::PLACEHOLDERS.all());
                    assert!(!sings(&left), "{told}");
                }
            }
        }
    }
    assert!(asked > 200, "{asked}");
    // The scene is no empty one: who may see all sees the canary through the same calls.
    for (path, role) in [
        ("/crossmargin.v1.ProgrammeService/ListLinks", "administrator"),
        ("/crossmargin.v1.ProgrammeService/ListSuspensions", "auditor"),
        ("/crossmargin.v1.ProgrammeService/ListPorts", "operator"),
        ("/crossmargin.v1.ProgrammeService/ListMembers", "operator"),
        ("/crossmargin.v1.MarginService/ListRequirements", "margin-reader"),
        ("/crossmargin.v1.AnalysisService/ExplainMargin", "auditor"),
        ("/crossmargin.v1.DirectionService/ListDirections", "operator"),
        ("/crossmargin.v1.DirectionService/ListReconciliationItems", "operator"),
    ] {
        let channel = scene.houses.clients(Leg::Futures).channel(role);
        let mut is_seen = false;
        for message in asks(path, &Ids::OTHERS, Leg::Futures) {
            is_seen |= sings(&call(&channel, path, Bytes::from(message), A_MOMENT).await.messages.concat());
        }
        assert!(is_seen, "{role} does not see the canary by {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_tells_a_member_of_its_own_directions_alone() {
    let scene = Scene::new(BINARY).await;
    let clients = scene.houses.clients(Leg::Futures);
    let channel = clients.channel("member-administrator-alder-point");
    let path = "/crossmargin.v1.DirectionService/WatchDirections";
    let listening = tokio::spawn(async move { call(&channel, path, Bytes::new(), Duration::from_secs(4)).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    for n in 0..5 {
        scene.direct_others(&format!("{CANARY}-live-{n}")).await;
    }
    scene.direct_own("own-live").await;
    let heard = listening.await.unwrap();
    assert!(
        heard.messages.concat().windows(7).any(|window| window == b"XM-1001"),
        "its own direction is told: {heard:?}"
    );
    assert!(!sings(&heard.bytes()), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_and_traces_name_no_member_account_or_reason() {
    let collector = collector::Collector::start().await;
    let scene = Scene::traced(BINARY, &collector.endpoint()).await;
    scene.direct_others(&format!("{CANARY}-traced")).await;
    // Exported in batches.
    let begin = std::time::Instant::now();
    while collector.bytes().len() < 1_000 {
        assert!(begin.elapsed() < support::PATIENCE, "nothing is exported");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    let exported = collector.bytes();
    assert!(exported.windows(16).any(|window| window == b"crossmargin.hous"), "spans name the house");
    assert!(!sings(&exported), "{}", around(&exported));
    for leg in Leg::BOTH {
        let log = scene.houses.log_text(leg);
        assert!(log.contains("the node runs"));
        assert!(!sings(log.as_bytes()), "{}", around(log.as_bytes()));
        for name in ["alder-point", "GSD-1001", "XM-1001", "LNK-00"] {
            assert!(!log.contains(name), "{name}: {log}");
        }
    }
}

/// What stands around the canary, for a reader.
fn around(bytes: &[u8]) -> String {
    let lower = bytes.to_ascii_lowercase();
    let at = lower.windows(CANARY.len()).position(|window| window == CANARY.as_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())]).into_owned()
}
