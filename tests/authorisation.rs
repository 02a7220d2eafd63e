//! Who may call what: every method of a live node with every kind of certificate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a failure of a test is a panic, and nobody else uses its parts"
)]

#[path = "support/mod.rs"]
mod support;

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use gateway::{
    api::admission_table,
    arrangement::leg::Leg,
    command::certs::authority::{Leaf, Usage},
    identity::RoleKind,
};
use prost::bytes::Bytes;
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

use support::{
    Houses,
    authorities::Keeper,
    raw::{Outcome, call},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// How long a stream is listened to that says nothing.
const A_MOMENT: Duration = Duration::from_millis(150);

/// A node of FICC with the authorities of both houses in hand, and a channel for each kind of certificate.
async fn node() -> (Houses, Vec<(&'static str, Option<RoleKind>, Channel)>) {
    let mut houses = Houses::new(BINARY);
    let pki = houses.directory().join("pki");
    let [ficc, cme] = ["FICC", "CME"].map(|house| Keeper::take_over(&pki, house));
    for kind in RoleKind::ALL.into_iter().filter(|kind| *kind != RoleKind::Peer) {
        ficc.renew_client(&if kind.has_id() { format!("{kind}/alder-point") } else { kind.to_string() });
    }
    ficc.issue("no-role", &Leaf { uris: vec![], ..ficc.leaf(Usage::Client) });
    ficc.issue("mere-uri", &Leaf { uris: vec!["crossmargin://FICC/node".into()], ..ficc.leaf(Usage::Client) });
    // The other house vouches for its own gateway alone.
    let other = Leaf { uris: vec!["crossmargin://CME/role/operator".into()], ..cme.leaf(Usage::Client) };
    cme.issue("operator", &other);
    houses.start(Leg::Treasury).await;

    let clients = houses.clients(Leg::Treasury);
    let file = |house: &str, name: &str| {
        let path = pki.join(house).join(name);
        clients.channel_with(path.with_added_extension("pem"), path.with_added_extension("key"))
    };
    let mut channels = vec![
        ("the other house's peer", Some(RoleKind::Peer), file("CME", "peer")),
        ("the own house's peer", None, file("FICC", "peer")),
        ("the other house's operator", None, file("CME", "clients/operator")),
        ("a certificate without a URI", None, file("FICC", "clients/no-role")),
        ("a node's URI", None, file("FICC", "clients/mere-uri")),
    ];
    for kind in RoleKind::ALL.into_iter().filter(|kind| *kind != RoleKind::Peer) {
        let name = if kind.has_id() { format!("{kind}-alder-point") } else { kind.to_string() };
        channels.push((kind.as_str(), Some(kind), clients.channel(&name)));
    }
    (houses, channels)
}

/// An empty call, made again where the caller has called as often as it may: that is told before who may call what.
async fn call_in_turn(channel: &Channel, path: &str) -> Outcome {
    loop {
        let outcome = call(channel, path, Bytes::new(), A_MOMENT).await;
        let retry = outcome.status.get_details_retry_info().and_then(|info| info.retry_delay);
        match retry {
            Some(delay) if outcome.status.code() == Code::ResourceExhausted => tokio::time::sleep(delay).await,
            _ => return outcome,
        }
    }
}

/// The reason of an answer that was given for who the caller is.
fn denial(outcome: &Outcome) -> Option<String> {
    let info = outcome.status.get_details_error_info()?;
    let is_denial = ["ROLE_NOT_ADMITTED", "NO_ROLE"].contains(&info.reason.as_str());
    is_denial.then_some(info.reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_method_admits_the_roles_of_its_row_and_nobody_else() {
    let (houses, channels) = node().await;
    let table = admission_table().unwrap();
    let mut count = 0;
    for (path, admitted) in table.rows() {
        for (who, kind, channel) in &channels {
            // An empty message asks for nothing: what is admitted is answered by the method, mostly that a field is missing.
            let outcome = call_in_turn(channel, path).await;
            let status = &outcome.status;
            let told = format!("{path} for {who}: {status:?}");
            count += 1;
            match kind {
                Some(kind) if admitted.contains(kind) => {
                    assert_eq!(denial(&outcome), None, "{told}");
                    assert!(![Code::PermissionDenied, Code::Unimplemented].contains(&status.code()), "{told}");
                }
                Some(kind) => {
                    assert_eq!(status.code(), Code::PermissionDenied, "{told}");
                    assert!(outcome.messages.is_empty(), "{told}");
                    let info = status.get_details_error_info().unwrap();
                    assert_eq!(
                        (info.reason.as_str(), info.domain.as_str()),
                        ("ROLE_NOT_ADMITTED", "crossmargin"),
                        "{told}"
                    );
                    assert_eq!(info.metadata["method"], path, "{told}");
                    assert!(info.metadata["role"].starts_with(kind.as_str()), "{told}");
                    let all: Vec<&str> = admitted.iter().map(|kind| kind.as_str()).collect();
                    assert_eq!(info.metadata["admitted"], all.join(", "), "{told}");
                }
                None => {
                    assert_eq!(status.code(), Code::PermissionDenied, "{told}");
                    assert!(outcome.messages.is_empty(), "{told}");
                    assert_eq!(denial(&outcome).as_deref(), Some("NO_ROLE"), "{told}");
                }
            }
        }
    }
    assert_eq!(count, table.rows().count() * channels.len());
    // Whoever asks, a method that is not in the contract is none; without a role even that is not told.
    for path in ["/crossmargin.v1.MarginService/GetEverything", "/crossmargin.v1.peerService/Greet", "/x/y", "/"] {
        for (who, kind, channel) in &channels {
            let status = call_in_turn(channel, path).await.status;
            let expected = if kind.is_some() { Code::Unimplemented } else { Code::PermissionDenied };
            assert_eq!(status.code(), expected, "{path} for {who}: {status:?}");
        }
    }
    assert_eq!(houses.log_text(Leg::Treasury).matches("panicked").count(), 0);
}

/// The table as `docs/authorisation.md` shows it: a table for each service.
fn table_as_text() -> String {
    let table = admission_table().unwrap();
    let mut text = String::new();
    let mut service = "";
    for (path, admitted) in table.rows() {
        let (of, method) = path.trim_start_matches('/').split_once('/').unwrap();
        if of != service {
            let heads: Vec<&str> = RoleKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let rule = " --- |".repeat(RoleKind::ALL.len() + 1);
            write!(text, "\n`{of}`\n\n| Method | {} |\n|{rule}\n", heads.join(" | ")).unwrap();
        }
        service = of;
        let cells = RoleKind::ALL.iter().map(|kind| if admitted.contains(kind) { " yes |" } else { " |" });
        writeln!(text, "| {method} |{}", cells.collect::<String>()).unwrap();
    }
    text
}

#[test]
fn the_documented_table_is_the_one_in_force() {
    const BEGIN: &str = "<!-- The table: written by the test that compares it. -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authorisation.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, table) = document.split_once(BEGIN).expect("the document has the mark of the table");
    if std::env::var_os("CROSSMARGIN_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{}", table_as_text())).unwrap();
        return;
    }
    assert_eq!(
        table,
        table_as_text(),
        "write it anew: CROSSMARGIN_WRITE_DOCS=1 cargo test -p gateway --test authorisation documented"
    );
}
