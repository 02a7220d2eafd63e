//! Certificates, keys and authorities are renewed on a live system under load, and nobody else's call fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a failure of a test is a panic, and nobody else uses its parts"
)]

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossmargin::v1;
use gateway::{
    arrangement::leg::Leg,
    identity::{
        ClientTls, Limits, TcpDial, Tls, channel,
        tls::{AuthorityFiles, ClientFiles},
    },
};
use prost::{Message, bytes::Bytes};
use tokio::{task::JoinHandle, time::Instant};
use tonic::{Code, Status};

use support::{Houses, NAMES, PATIENCE, authorities::Keeper, books::cycle, raw::call};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// The longest that a connection takes new calls here, so that the test need not wait for an hour.
const AGE: Duration = Duration::from_secs(1);

/// A client that calls as often as it may.
struct Caller {
    who: String,
    tls: Arc<Tls<ClientTls>>,
    good: Arc<AtomicU64>,
    failures: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Caller {
    /// Begins to call a method of a house's node as a role, such as `member-alder-point`.
    fn start(houses: &Houses, leg: Leg, role: &str, path: &'static str, message: Bytes) -> Self {
        let pki = houses.directory().join("pki").join(NAMES[leg]);
        let client = pki.join("clients").join(role);
        let files = ClientFiles {
            certificate: client.with_added_extension("pem"),
            key: client.with_added_extension("key"),
            server: AuthorityFiles {
                house: NAMES[leg].parse().unwrap(),
                certificates: pki.join("ca.pem"),
                revocation_lists: vec![pki.join("ca.crl")],
                enforce_revocation_expiry: true,
            },
        };
        let tls = Arc::new(Tls::client(files).unwrap());
        let address = format!("127.0.0.1:{}", houses.port(leg));
        let channel = channel(&address, tls.subscribe(), TcpDial, &Limits::default()).unwrap();
        let (good, failures, stop) = <(Arc<AtomicU64>, Arc<Mutex<Vec<String>>>, Arc<AtomicBool>)>::default();
        // What the default limits let a caller of the role do in the long run, or less.
        let pause =
            Duration::from_millis(if role.starts_with("member") || role.starts_with("customer") { 25 } else { 2 });
        let task = tokio::spawn({
            let (good, failures, stop) = (Arc::clone(&good), Arc::clone(&failures), Arc::clone(&stop));
            async move {
                while !stop.load(Ordering::Relaxed) {
                    let outcome = call(&channel, path, message.clone(), PATIENCE).await;
                    match outcome.status.code() {
                        Code::Ok => drop(good.fetch_add(1, Ordering::Relaxed)),
                        _ if never_left(&outcome.status) => {}
                        _ => failures.lock().unwrap().push(format!("{:?}", outcome.status)),
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        });
        Self { who: format!("{role} at {}", NAMES[leg]), tls, good, failures, stop, task }
    }

    fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    /// Waits until it has called so many times more.
    async fn goes_on(&self) {
        let (before, begin) = (self.good.load(Ordering::Relaxed), Instant::now());
        while self.good.load(Ordering::Relaxed) < before + 10 {
            assert_eq!(self.failures(), [] as [String; 0], "{}", self.who);
            assert!(begin.elapsed() < PATIENCE, "{} does not go on", self.who);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        let failures = self.failures.lock().unwrap().clone();
        (self.good.load(Ordering::Relaxed), failures)
    }
}

/// Whether a call met a connection that had come of age and taken its leave, and so was never sent. Most gRPC libraries
/// repeat such a call by themselves; tonic leaves it to the caller.
fn never_left(status: &Status) -> bool {
    let is_farewell = format!("{status:?}").contains("GoAway(b\"\", NO_ERROR, Remote)");
    is_farewell || (status.code() == Code::Cancelled && status.message() == "operation was canceled")
}

async fn all_go_on(callers: &[Caller]) {
    for caller in callers {
        caller.goes_on().await;
    }
}

/// Waits until every connection that was made before has given way to a new one.
async fn outlive_connections() {
    tokio::time::sleep(2 * AGE).await;
}

/// Two houses agree on a cycle without any position: the link between the nodes works both ways.
async fn agree(houses: &Houses, run: u32) {
    let cycle = cycle(v1::CycleKind::Cur, run);
    for leg in Leg::BOTH {
        houses.clients(leg).open(&cycle, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&cycle, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_is_renewed_under_load_and_no_call_of_anybody_else_fails() {
    let mut houses = Houses::new(BINARY);
    let pki = houses.directory().join("pki");
    let mut keepers = NAMES.map(|house| Keeper::take_over(&pki, house));
    let roles = [
        "operator",
        "auditor",
        "administrator",
        "margin-reader",
        "position-source",
        "market-source",
        "member/alder-point",
    ];
    for leg in Leg::BOTH {
        for role in roles {
            keepers[leg].renew_client(role);
        }
        let text = format!("connection_age_s_max = {}", AGE.as_secs());
        houses.edit(leg, "connection_age_s_max = 3600", &text);
    }
    houses.start_both().await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    agree(&houses, 1).await;
    let told_before = Leg::BOTH.map(|leg| houses.log_text(leg).len());

    let listed = v1::ListLinksRequest { page_size: 5, ..Default::default() }.encode_to_vec();
    let status = "/crossmargin.v1.OperationsService/GetNodeStatus";
    let links = "/crossmargin.v1.ProgrammeService/ListLinks";
    let health = "/grpc.health.v1.Health/Check";
    let mut callers = Vec::new();
    for leg in Leg::BOTH {
        callers.push(Caller::start(&houses, leg, "operator", status, Bytes::new()));
        callers.push(Caller::start(&houses, leg, "member-alder-point", links, listed.clone().into()));
        callers.push(Caller::start(&houses, leg, "market-source", health, Bytes::new()));
    }
    let to_be_revoked = keepers.treasury.renew_client("auditor");
    let auditor = Caller::start(&houses, Leg::Treasury, "auditor", status, Bytes::new());
    all_go_on(&callers).await;
    auditor.goes_on().await;

    // The node's certificate, and the one by which it calls the other house.
    for leg in Leg::BOTH {
        keepers[leg].renew_node();
        keepers[leg].renew_peer();
        assert_eq!(houses.reload(leg).await, 0, "no connection closes");
        all_go_on(&callers).await;
    }
    agree(&houses, 2).await;

    // The certificates of clients.
    for leg in Leg::BOTH {
        for role in roles {
            if role != "auditor" {
                keepers[leg].renew_client(role);
            }
        }
    }
    for caller in &callers {
        caller.tls.reload().unwrap();
    }
    all_go_on(&callers).await;

    // One client is revoked: it is cut, and nobody else is.
    keepers.treasury.revoke(&to_be_revoked.serial);
    assert!(houses.reload(Leg::Treasury).await >= 1, "its connection closes");
    all_go_on(&callers).await;
    let begin = Instant::now();
    while auditor.failures().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "a revoked client goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let served = auditor.good.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(auditor.good.load(Ordering::Relaxed), served, "it is never served again");
    let (_, failures) = auditor.end().await;
    assert!(failures.iter().all(|failure| !failure.contains("PermissionDenied")), "cut, not answered: {failures:?}");

    // The authority: the new one beside the old one everywhere, then new certificates, then the old one goes.
    for leg in Leg::BOTH {
        keepers[leg].add_authority();
    }
    for leg in Leg::BOTH {
        assert_eq!(houses.reload(leg).await, 0, "no connection closes");
    }
    for caller in &callers {
        caller.tls.reload().unwrap();
    }
    all_go_on(&callers).await;
    for leg in Leg::BOTH {
        keepers[leg].renew_node();
        keepers[leg].renew_peer();
        for role in roles {
            keepers[leg].renew_client(role);
        }
        assert_eq!(houses.reload(leg).await, 0, "no connection closes");
    }
    for caller in &callers {
        caller.tls.reload().unwrap();
    }
    all_go_on(&callers).await;
    agree(&houses, 3).await;
    outlive_connections().await;
    for leg in Leg::BOTH {
        keepers[leg].drop_authority();
    }
    for leg in Leg::BOTH {
        assert_eq!(houses.reload(leg).await, 0, "no connection of the old authority is left");
    }
    for caller in &callers {
        caller.tls.reload().unwrap();
    }
    all_go_on(&callers).await;
    agree(&houses, 4).await;

    for caller in callers {
        let who = caller.who.clone();
        let (good, failures) = caller.end().await;
        assert_eq!(failures, [] as [String; 0], "{who}, after {good} calls");
    }
    for (leg, told_before) in Leg::BOTH.into_iter().zip(told_before) {
        let log = houses.log_text(leg).split_off(told_before);
        for alarm in ["certificates not reloaded", "the other house does not answer", "ALARM"] {
            assert!(!log.contains(alarm), "{alarm}: {log}");
        }
    }
}
