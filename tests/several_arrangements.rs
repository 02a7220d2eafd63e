//! Several arrangements on one machine, in one process: each agrees on its own, and nothing crosses from one to another.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::{fs, path::PathBuf};

use crossmargin::v1::{self, Disposition, peer_service_client::PeerServiceClient};
use gateway::{
    arrangement::{
        leg::{Leg, Pair},
        terms::DEFAULT_TOML,
    },
    csv_book::{self, Book},
    sample,
};
use tonic::{Code, transport::Channel};

use support::{
    NAMES, books, by_hand,
    several::{Arranged, Process},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// Two made-up houses.
const OTHERS: Pair<&str> = Pair { treasury: "TCH", futures: "RFX" };
/// The accounts that the made-up pair links: none of them holds futures on short rates.
const LINKED: [&str; 3] = ["1002", "1004", "1005"];
/// The most that the made-up pair grants.
const OTHERS_MAX_BP: u32 = 5_000;

/// An arrangement like the default one between other houses, on fewer products and within other bounds.
fn arrangement_of(id: &str, names: Pair<&str>) -> String {
    let mut document: toml::Table = by_hand(DEFAULT_TOML).parse().unwrap();
    document.insert("id".to_owned(), id.into());
    let table = |document: &mut toml::Table, name: &str| document.remove(name).unwrap().as_table().unwrap().clone();
    let mut houses = table(&mut document, "houses");
    for (leg, name) in [("treasury", names.treasury), ("futures", names.futures)] {
        houses[leg].as_table_mut().unwrap().insert("name".to_owned(), name.into());
    }
    let mut bounds = table(&mut document, "bounds");
    bounds.insert("max_factor_bp".to_owned(), i64::from(OTHERS_MAX_BP).into());
    bounds.insert("min_factor_bp".to_owned(), 300.into());
    let mut eligible = table(&mut document, "eligible");
    let products = ["ZT", "Z3N", "ZF", "ZN", "TN", "TWE", "ZB", "UB"];
    eligible.insert("futures".to_owned(), products.map(toml::Value::from).to_vec().into());
    for (name, table) in [("houses", houses), ("bounds", bounds), ("eligible", eligible)] {
        document.insert(name.to_owned(), table.into());
    }
    toml::to_string(&document).unwrap()
}

/// The default arrangement and that of the made-up houses.
fn two_arrangements(folder: &std::path::Path) -> [Arranged; 2] {
    [
        Arranged::new(folder.join("FICC-CME"), NAMES, &by_hand(DEFAULT_TOML)),
        Arranged::new(folder.join("TCH-RFX"), OTHERS, &arrangement_of("TCH-RFX", OTHERS)),
    ]
}

/// The sample's links of the made-up pair, under names of its own.
fn other_links() -> Vec<v1::LinkTerms> {
    let is_linked = |link: &v1::LinkTerms| LINKED.iter().any(|account| link.treasury_account.ends_with(account));
    let links = sample::book::links().into_iter().filter(is_linked);
    links.map(|link| v1::LinkTerms { link_id: link.link_id.replace("LNK", "TR"), ..link }).collect()
}

/// The sample's positions of the accounts of the made-up pair.
fn other_book(leg: Leg) -> Book {
    let is_kept =
        |line: &&str| LINKED.iter().any(|account| line.split(',').next().is_some_and(|name| name.ends_with(account)));
    let rows: Vec<&str> = sample::book::csv(leg).lines().filter(is_kept).collect();
    csv_book::parse(format!("{}\n{}\n", csv_book::HEADER, rows.join("\n")).as_bytes(), "other book").unwrap()
}

async fn submit_other_sample(arranged: &Arranged) {
    for leg in Leg::BOTH {
        let clients = arranged.clients(leg);
        clients.record_links(other_links()).await;
        clients.submit_market(sample::BUSINESS_DATE, sample::market().into_items(leg)).await;
        let full = v1::SnapshotScope::Full;
        clients.submit_book(other_book(leg), sample::BUSINESS_DATE, 1, full).await.unwrap();
    }
}

/// A client of a house's node with any certificate of role peer.
fn as_peer(arranged: &Arranged, leg: Leg, pki: PathBuf) -> PeerServiceClient<Channel> {
    PeerServiceClient::new(arranged.clients(leg).channel_with(pki.join("peer.pem"), pki.join("peer.key")))
}

/// How often a node, by its log, refused a connection because nobody that it knows vouches for who makes it.
fn strangers(log: &str, whose: &str) -> usize {
    log.lines().filter(|line| line.contains(whose) && line.contains("invalid peer certificate: UnknownIssuer")).count()
}

#[tokio::test]
async fn two_arrangements_in_one_process_agree_side_by_side_and_nothing_crosses() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, others] = two_arrangements(folder.path());
    let configs = [ours.configs(), others.configs()].concat();
    let mut process = Process::start(BINARY, &configs, &folder.path().join("log"));
    for arranged in [&ours, &others] {
        for leg in Leg::BOTH {
            process.wait_until_serving(&arranged.clients(leg)).await;
        }
    }
    for leg in Leg::BOTH {
        ours.clients(leg).submit_sample(leg).await;
    }
    submit_other_sample(&others).await;

    // The same business date, kind and run, at the same time.
    let cycle = books::cycle(v1::CycleKind::Itd, 1);
    let other_cycle = v1::CycleId { arrangement: "TCH-RFX".to_owned(), ..cycle.clone() };
    for (arranged, cycle) in [(&ours, &cycle), (&others, &other_cycle)] {
        for leg in Leg::BOTH {
            arranged.clients(leg).open(cycle, 120).await;
        }
    }
    let mut agreements = Vec::new();
    for (arranged, cycle) in [(&ours, &cycle), (&others, &other_cycle)] {
        for leg in Leg::BOTH {
            arranged.clients(leg).wait_agreed(cycle, 1).await;
        }
        let of = async |leg| arranged.clients(leg).agreement(cycle, 1).await;
        let both = [of(Leg::Treasury).await, of(Leg::Futures).await];
        assert_eq!(both[0].digest, both[1].digest);
        agreements.push(both[0].clone());
    }
    assert_ne!(agreements[0].digest, agreements[1].digest);
    let signers = |agreement: &v1::Agreement| -> Vec<_> {
        agreement.signatures.iter().map(|s| (s.arrangement.clone(), s.house.clone())).collect()
    };
    let named = |arrangement: &str, names: Pair<&str>| -> Vec<_> {
        [names.treasury, names.futures].map(|house| (arrangement.to_owned(), house.to_owned())).to_vec()
    };
    assert_eq!(signers(&agreements[0]), named("FICC-CME", NAMES));
    assert_eq!(signers(&agreements[1]), named("TCH-RFX", OTHERS));

    // Each has its own links, bounds and cycles.
    for leg in Leg::BOTH {
        let seen = ours.clients(leg).requirements(&cycle, 0).await;
        let other_seen = others.clients(leg).requirements(&other_cycle, 0).await;
        let ids = |rows: &[v1::Requirement]| -> Vec<_> {
            rows.iter().map(|row| row.link.as_ref().unwrap().link_id.clone()).collect()
        };
        assert_eq!(seen.len(), 28);
        assert!(ids(&seen).iter().all(|id| id.starts_with("LNK-")), "{:?}", ids(&seen));
        assert_eq!(ids(&other_seen), ["TR-0002", "TR-0004", "TR-0005"]);
        let most = |rows: &[v1::Requirement]| rows.iter().map(|row| row.would_be_factor_bp).max();
        assert_eq!((most(&seen), most(&other_seen)), (Some(8_000), Some(OTHERS_MAX_BP)));
        for (arranged, foreign) in [(&ours, &other_cycle), (&others, &cycle)] {
            let request = v1::GetCycleRequest { cycle: Some(foreign.clone()) };
            let refused = arranged.clients(leg).operations().get_cycle(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            assert!(refused.message().contains("arrangement"), "{refused:?}");
            let listed = arranged.clients(leg).operations().list_cycles(v1::ListCyclesRequest::default()).await;
            assert_eq!(listed.unwrap().into_inner().cycles.len(), 1);
        }
    }

    // What is signed under one arrangement is no word under the other, whoever brings it.
    let [own, theirs] = &agreements[0].signatures[..] else { panic!("two signatures") };
    for envelope in [own, theirs] {
        let request = v1::DeliverRequest { envelopes: vec![envelope.clone()], own_head: None };
        let mut peer = as_peer(&others, Leg::Treasury, others.pki(Leg::Futures));
        let receipt = peer.deliver(request).await.unwrap().into_inner().receipts.remove(0);
        assert_eq!(receipt.disposition(), Disposition::Refused, "{receipt:?}");
        assert!(receipt.reason.contains("arrangement") && receipt.reason.contains("TCH-RFX"), "{receipt:?}");
    }
    // Nor does a house of one pair come in as a peer of the other pair.
    let mut stranger = as_peer(&others, Leg::Treasury, ours.pki(Leg::Futures));
    stranger.deliver(v1::DeliverRequest::default()).await.unwrap_err();

    // A product that one arrangement has and the other has not.
    let sofr = || {
        let text = format!("{}\nXM-1002,FUT:SR3:2026-03,10,,,,\n", csv_book::HEADER);
        csv_book::parse(text.as_bytes(), "amendment").unwrap()
    };
    let amend = async |arranged: &Arranged| {
        let clients = arranged.clients(Leg::Futures);
        clients.submit_book(sofr(), sample::BUSINESS_DATE, 2, v1::SnapshotScope::Amendment).await
    };
    amend(&ours).await.unwrap();
    let refused = amend(&others).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(format!("{refused:?}").contains("SR3 is not eligible under the arrangement"), "{refused:?}");

    // Every line of the log says whose it is; one signal reloads, and one stops, all four.
    process.reload(configs.len()).await;
    let log = folder.path().join("log");
    assert!(process.stop().await.success(), "{}", fs::read_to_string(&log).unwrap());
    let text = fs::read_to_string(&log).unwrap();
    let whose = |arrangement: &str, house: &str| format!("node{{arrangement={arrangement} house={house}}}");
    let all = [("FICC-CME", NAMES), ("TCH-RFX", OTHERS)];
    let all = all.map(|(id, names)| Leg::BOTH.map(|leg| whose(id, names[leg]))).concat();
    assert_eq!(strangers(&text, &whose("TCH-RFX", "TCH")), 1, "{text}");
    for line in text.lines() {
        assert!(all.iter().any(|whose| line.contains(whose)), "{line}");
    }
    for whose in &all {
        let lines = || text.lines().filter(|line| line.contains(whose));
        for words in ["the node runs", "certificates reloaded", "the node has stopped"] {
            assert_eq!(lines().filter(|line| line.contains(words)).count(), 1, "{whose} {words}\n{text}");
        }
    }
}

#[tokio::test]
async fn one_house_serves_two_arrangements_and_keeps_the_other_houses_apart() {
    let folder = tempfile::tempdir().unwrap();
    let names = Pair { treasury: "FICC", futures: "RFX" };
    let first = Arranged::new(folder.path().join("FICC-CME"), NAMES, &by_hand(DEFAULT_TOML));
    let second = Arranged::new(folder.path().join("FICC-RFX"), names, &arrangement_of("FICC-RFX", names));
    let ficc = [first.config(Leg::Treasury), second.config(Leg::Treasury)];
    let mut process = Process::start(BINARY, &ficc, &folder.path().join("FICC.log"));
    let rest = [first.config(Leg::Futures), second.config(Leg::Futures)];
    let mut rest = Process::start(BINARY, &rest, &folder.path().join("rest.log"));
    for arranged in [&first, &second] {
        process.wait_until_serving(&arranged.clients(Leg::Treasury)).await;
        rest.wait_until_serving(&arranged.clients(Leg::Futures)).await;
    }
    submit_other_sample(&first).await;
    submit_other_sample(&second).await;
    let cycle =
        |arrangement: &str| v1::CycleId { arrangement: arrangement.to_owned(), ..books::cycle(v1::CycleKind::Eod, 1) };
    let (first_cycle, second_cycle) = (cycle("FICC-CME"), cycle("FICC-RFX"));
    for (arranged, cycle) in [(&first, &first_cycle), (&second, &second_cycle)] {
        for leg in Leg::BOTH {
            arranged.clients(leg).open(cycle, 120).await;
        }
    }
    for (arranged, cycle) in [(&first, &first_cycle), (&second, &second_cycle)] {
        for leg in Leg::BOTH {
            arranged.clients(leg).wait_agreed(cycle, 1).await;
        }
    }
    // The same house signed both; each word counts in its own arrangement alone.
    let agreement = first.clients(Leg::Treasury).agreement(&first_cycle, 1).await;
    for envelope in &agreement.signatures {
        let request = v1::DeliverRequest { envelopes: vec![envelope.clone()], own_head: None };
        let mut peer = as_peer(&second, Leg::Futures, second.pki(Leg::Treasury));
        let receipt = peer.deliver(request).await.unwrap().into_inner().receipts.remove(0);
        assert_eq!(receipt.disposition(), Disposition::Refused, "{receipt:?}");
        assert!(receipt.reason.contains("arrangement"), "{receipt:?}");
    }
    // CME is FICC's peer in one arrangement, and nobody in the other; RFX likewise.
    for (arranged, stranger) in [(&second, &first), (&first, &second)] {
        let mut known = as_peer(arranged, Leg::Treasury, arranged.pki(Leg::Futures));
        known.deliver(v1::DeliverRequest::default()).await.unwrap();
        let mut unknown = as_peer(arranged, Leg::Treasury, stranger.pki(Leg::Futures));
        unknown.deliver(v1::DeliverRequest::default()).await.unwrap_err();
    }
    assert!(process.stop().await.success());
    assert!(rest.stop().await.success());
    let text = fs::read_to_string(folder.path().join("FICC.log")).unwrap();
    for id in ["FICC-CME", "FICC-RFX"] {
        assert_eq!(strangers(&text, &format!("node{{arrangement={id} house=FICC}}")), 1, "{text}");
    }
}

#[tokio::test]
async fn configurations_that_share_what_they_may_not_are_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, others] = two_arrangements(folder.path());
    let (first, second) = (ours.config(Leg::Treasury), others.config(Leg::Treasury));
    let shared = ours.data(Leg::Treasury);
    others.edit(Leg::Treasury, "data_directory = \"data-TCH\"", &format!("data_directory = {shared:?}"));
    others.edit(Leg::Treasury, &others.address(Leg::Treasury), &ours.address(Leg::Treasury));
    let key = ours.pki(Leg::Treasury).join("statement.key");
    others.edit(Leg::Treasury, "\"pki/TCH/statement.key\"", &format!("{:?}", key.to_str().unwrap()));
    others.edit(Leg::Treasury, "log_format = \"text\"", "log_format = \"json\"");
    let log = folder.path().join("log");
    let process = Process::start(BINARY, &[first.clone(), second.clone()], &log);
    assert_eq!(process.end().await.code(), Some(1));
    let text = fs::read_to_string(&log).unwrap();
    let (first, second) = (first.display().to_string(), second.display().to_string());
    for words in ["data_directory is", "listen is", "statement_key is", "telemetry differs"] {
        let line = text.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {text}"));
        assert!(line.contains(&first) && line.contains(&second), "{line}");
    }
    assert!(!shared.exists(), "nothing was started");

    let twice = vec![ours.config(Leg::Futures); 2];
    let process = Process::start(BINARY, &twice, &folder.path().join("twice.log"));
    assert_eq!(process.end().await.code(), Some(1));
    let text = fs::read_to_string(folder.path().join("twice.log")).unwrap();
    assert!(text.contains("both are house CME in arrangement FICC-CME"), "{text}");
}

#[tokio::test]
async fn a_node_that_does_not_start_stops_the_process_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, others] = two_arrangements(folder.path());
    let configs = [ours.config(Leg::Treasury), others.config(Leg::Futures)];
    let named = configs[1].display().to_string();
    let outcome = async |what: &str| {
        let log = folder.path().join(format!("{what}.log"));
        let code = Process::start(BINARY, &configs, &log).end().await.code();
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(code, Some(1), "{what}: {text}");
        text.lines().last().unwrap().to_owned()
    };
    // Its address is taken.
    let taken = std::net::TcpListener::bind(others.address(Leg::Futures)).unwrap();
    let last = outcome("address").await;
    assert!(last.contains(&named) && last.contains("cannot listen at"), "{last}");
    drop(taken);
    // Its ledger is another arrangement's: seen only when the first node runs already.
    let mut process = Process::start(BINARY, &configs, &folder.path().join("good.log"));
    process.wait_until_serving(&others.clients(Leg::Futures)).await;
    assert!(process.stop().await.success());
    let arrangement = folder.path().join("TCH-RFX/arrangement.toml");
    let text = fs::read_to_string(&arrangement).unwrap();
    fs::write(&arrangement, text.replace("min_factor_bp = 300", "min_factor_bp = 301")).unwrap();
    let last = outcome("ledger").await;
    assert!(last.contains(&named) && last.contains("belongs to arrangement"), "{last}");
    // A configuration that cannot be read.
    fs::remove_file(&configs[1]).unwrap();
    let last = outcome("file").await;
    assert!(last.contains(&named) && last.contains("cannot be read"), "{last}");
    let none = Process::start(BINARY, &[], &folder.path().join("none.log")).end().await;
    assert_eq!(none.code(), Some(2), "at least one configuration is needed");
}
