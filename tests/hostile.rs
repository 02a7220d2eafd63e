//! Members, strangers and the other house's certificate attack a node, and whoever behaves is served meanwhile: operations
//! and margin readers get their answers, and cycles are agreed.
//!
//! `CROSSMARGIN_HOSTILE_SECONDS=30` attacks for so long each, best with `--release`; with `--nocapture` it prints what
//! callers waited before and during each attack, as `docs/limits.md` shows it.
#![allow(clippy::unwrap_used, reason = "a test: a failure is a panic")]

#[path = "hostile/attacks.rs"]
mod attacks;
#[path = "hostile/latency.rs"]
mod latency;
#[path = "hostile/raw.rs"]
mod raw;
#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crossmargin::v1;
use gateway::arrangement::leg::Leg;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use attacks::Attackers;
use latency::Latencies;
use raw::{Certificate, Node};
use support::{Houses, books::cycle, clients::Clients};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_behaves_is_served_during_every_attack_and_cycles_are_agreed() {
    let seconds = std::env::var("CROSSMARGIN_HOSTILE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let duration = Duration::from_secs(seconds);
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let first = cycle(v1::CycleKind::Itd, 1);
    agree(&houses, &first).await;

    // One member after the other, so that none strikes while its calls are still counted against it.
    let members = ["alder-point", "brightwater", "caldera"].map(|member| attackers(&houses, &first, member));
    let mut table = vec![
        "| attack | call | calls | p50 ms | p99 ms | max ms |".to_owned(),
        "| --- | --- | --: | --: | --: | --: |".to_owned(),
    ];
    let mut runs = 2..;
    let mut next = || cycle(v1::CycleKind::Itd, runs.next().unwrap());
    table.extend(observe(&houses, "none", duration, &first, &next()).await);
    for ((name, count, attack), attackers) in attacks::all().into_iter().zip(members.iter().cycle()) {
        attackers.struck.store(0, Ordering::Relaxed);
        attackers.refused.store(0, Ordering::Relaxed);
        let striking = attacks::begin(attackers, count, attack);
        table.extend(observe(&houses, name, duration, &first, &next()).await);
        drop(striking);
        let (struck, refused) = (attackers.struck.load(Ordering::Relaxed), attackers.refused.load(Ordering::Relaxed));
        assert!(struck + refused > 0, "{name}: no blow was struck");
        println!("{name}: {struck} blows, {refused} refused; the node's peak is {} MiB", peak_mib(&houses));
    }
    println!("{}", table.join("\n"));
    for leg in Leg::BOTH {
        assert!(houses.clients(leg).is_serving().await);
    }
    // Some three times what the sample takes in a debug build: an attack whose memory nothing bounds takes gigabytes.
    assert!(peak_mib(&houses) < 2_048, "the node took {} MiB", peak_mib(&houses));
}

/// Operations and a margin reader call without a pause for so long, and until a further cycle is agreed at both houses.
/// Every one of their calls succeeds.
async fn observe(
    houses: &Houses,
    during: &str,
    duration: Duration,
    shown: &v1::CycleId,
    further: &v1::CycleId,
) -> Vec<String> {
    // The attack comes into its own first.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stop = CancellationToken::new();
    let clients = houses.clients(Leg::Treasury);
    let operator = operate(clients.clone(), shown.clone(), stop.clone());
    let reader = read(clients, shown.clone(), stop.clone());
    let begun = Instant::now();
    agree(houses, further).await;
    let agreed = begun.elapsed();
    tokio::time::sleep(duration.saturating_sub(agreed)).await;
    stop.cancel();
    let mut rows = Vec::new();
    for (what, calling) in [("GetCycle, operator", operator), ("ListRequirements, margin reader", reader)] {
        let mut latencies = calling.await.unwrap_or_else(|error| panic!("during {during}, {what}: {error}"));
        rows.push(latencies.row(during, what));
    }
    let ms = agreed.as_secs_f64() * 1e3;
    rows.push(format!("| {during} | a cycle, opened to agreed at both | 1 | {ms:.1} | {ms:.1} | {ms:.1} |"));
    rows
}

/// Calls as operations do, each answer awaited before the next call.
fn operate(clients: Clients, shown: v1::CycleId, stop: CancellationToken) -> JoinHandle<Latencies> {
    tokio::spawn(async move {
        let mut operations = clients.operations();
        let mut latencies = Latencies::default();
        while !stop.is_cancelled() {
            let request = v1::GetCycleRequest { cycle: Some(shown.clone()) };
            let begun = Instant::now();
            operations.get_cycle(request).await.unwrap();
            latencies.add(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        latencies
    })
}

/// Lists the requirements of a cycle again and again.
fn read(clients: Clients, shown: v1::CycleId, stop: CancellationToken) -> JoinHandle<Latencies> {
    tokio::spawn(async move {
        let mut margin = clients.margin();
        let mut latencies = Latencies::default();
        while !stop.is_cancelled() {
            let request = v1::ListRequirementsRequest { cycle: Some(shown.clone()), ..Default::default() };
            let begun = Instant::now();
            let answer = margin.list_requirements(request).await.unwrap().into_inner();
            latencies.add(begun.elapsed());
            assert_eq!(answer.requirements.len(), 28);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        latencies
    })
}

async fn agree(houses: &Houses, cycle: &v1::CycleId) {
    for leg in Leg::BOTH {
        houses.clients(leg).open(cycle, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(cycle, 1).await;
    }
}

/// Who attacks the node of the Treasury house, with the certificate of one of its members.
fn attackers(houses: &Houses, cycle: &v1::CycleId, member: &str) -> Attackers {
    let pki = houses.directory().join("pki");
    let certificate = |path: &str| Certificate {
        pem: pki.join(path).with_added_extension("pem"),
        key: pki.join(path).with_added_extension("key"),
    };
    let (member, peer) = (certificate(&format!("FICC/clients/member-{member}")), certificate("CME/peer"));
    let clients = houses.clients(Leg::Treasury);
    let channel = |certificate: &Certificate| clients.channel_with(certificate.pem.clone(), certificate.key.clone());
    Attackers {
        node: Node { port: houses.port(Leg::Treasury), ca: pki.join("FICC/ca.pem") },
        member_channel: channel(&member),
        peer_channel: channel(&peer),
        member,
        cycle: cycle.clone(),
        struck: Arc::default(),
        refused: Arc::default(),
    }
}

/// The most memory that the attacked node has had, in MiB.
fn peak_mib(houses: &Houses) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", houses.pid(Leg::Treasury))).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1_024
}
