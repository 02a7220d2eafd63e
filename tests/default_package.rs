//! The package of a member in default: built from what two nodes agreed on, verified offline with the shipped command.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crossmargin::v1::{self, peer_service_client::PeerServiceClient};
use gateway::{
    arrangement::{
        default_package::{self, LinkParts, Package, Parts},
        digest::Digest,
        envelope,
        evidence::{Evidence, RegistryContent, RegistryEntry},
        leg::{Leg, Pair},
        link::LinkTerms,
        name::AccountId,
        terms::Arrangement,
        tree::MarginTree,
    },
    book::columns,
    identity::SigningKey,
    sample,
};
use prost::{Message, bytes::Bytes};

use support::{Houses, NAMES, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
const MEMBER: &str = "brightwater";

/// All leaves behind a claim of the Treasury house, read as the other house reads them.
async fn tree_of(houses: &Houses, claim: &Bytes) -> MarginTree {
    let pki = houses.directory().join("pki").join(NAMES.futures);
    let channel = houses.clients(Leg::Treasury).channel_with(pki.join("peer.pem"), pki.join("peer.key"));
    let mut peer = PeerServiceClient::new(channel);
    let mut leaves = Vec::new();
    let mut paths = vec![Bytes::new()];
    while !paths.is_empty() {
        let request = v1::ReadNodesRequest { claim: claim.clone(), paths: std::mem::take(&mut paths) };
        for node in peer.read_nodes(request).await.unwrap().into_inner().nodes {
            if !node.leaf.is_empty() {
                let leaf = v1::MarginLeaf::decode(node.leaf.clone()).unwrap();
                leaves.push((leaf.link_id.parse().unwrap(), node.leaf));
            }
            let below = |child: &v1::TreeChild| [&node.path[..], &[u8::try_from(child.step).unwrap()]].concat().into();
            paths.extend(node.children.iter().map(below));
        }
    }
    MarginTree::build(leaves).unwrap()
}

/// The columns of an account as its house has stored them.
fn stored_columns(data: &Path, account: &AccountId) -> v1::PositionColumns {
    let folders = fs::read_dir(data.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        for file in fs::read_dir(folder).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let held = columns::read(&bytes).unwrap_or_default();
            if let Some((account, holdings)) = held.iter().find(|(name, _)| name == account) {
                return columns::of_account(account, holdings);
            }
        }
    }
    panic!("no stored chunk has {account}")
}

async fn package(houses: &Houses) -> Package {
    let itd = cycle(v1::CycleKind::Itd, 1);
    let agreement = houses.clients(Leg::Futures).agreement(&itd, 1).await;
    let [treasury, futures] = &agreement.signatures[..] else { panic!("two signatures") };
    let tree = tree_of(houses, &agreement.statement.unwrap().treasury_claim).await;
    let arrangement = fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let parties = Arrangement::from_toml(&arrangement).unwrap().parties;
    let key = SigningKey::load(&houses.directory().join("pki").join(NAMES.treasury).join("statement.key")).unwrap();
    // Any entry of the log that the suspension's id names.
    let content = RegistryContent::Adoption(Digest::of(b"an entry"));
    let entry = Evidence::RegistryEntry(RegistryEntry { sequence: 9, previous: Digest::of(b"before"), content });
    let rows: Vec<_> = sample::book::links().into_iter().filter(|link| link.member == MEMBER).collect();
    let links = rows.iter().map(|wire| LinkTerms::from_wire(wire).unwrap()).map(|terms| LinkParts {
        positions: Pair::from_fn(|leg| stored_columns(&houses.data(leg), &terms.accounts[leg])),
        terms,
    });
    default_package::build(Parts {
        parties: &parties,
        member: MEMBER.parse().unwrap(),
        suspension: format!("{}/9/0", NAMES.treasury),
        suspension_entry: envelope::seal(&entry, &parties, Leg::Treasury, &key.id().to_string(), |bytes| {
            key.sign(bytes)
        }),
        statements: Pair { treasury: treasury.clone(), futures: futures.clone() },
        agreed: &tree,
        links: links.collect(),
    })
    .unwrap()
}

fn command(houses: &Houses, leg: Leg, action: &str, file: &Path, more: &[&str]) -> Output {
    let config = houses.config(leg);
    Command::new(BINARY).args(["default", action]).arg(file).arg("--config").arg(config).args(more).output().unwrap()
}

#[tokio::test]
async fn either_house_verifies_the_package_offline_and_allocates_the_losses_by_it() {
    let mut houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    let package = package(&houses).await;
    let charged = houses.clients(Leg::Treasury).requirements(&itd, 0).await;
    for leg in Leg::BOTH {
        houses.kill(leg);
    }
    let file = houses.directory().join("brightwater.package");
    fs::write(&file, &package.bytes).unwrap();

    let json = |output: Output| -> serde_json::Value {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let shown = Leg::BOTH.map(|leg| json(command(&houses, leg, "verify", &file, &["--json"])));
    assert_eq!(shown[0], shown[1], "both houses see the same");
    assert_eq!(shown[0]["package"], package.digest.to_string());
    assert_eq!(shown[0]["cycle"], "2026-02-13/ITD/1");
    let links = shown[0]["links"].as_array().unwrap();
    assert_eq!(links.len(), charged.iter().filter(|row| row.link.as_ref().unwrap().member == MEMBER).count());
    for link in links {
        let row =
            charged.iter().find(|row| row.link.as_ref().unwrap().link_id == link["link"].as_str().unwrap()).unwrap();
        assert_eq!(link["standalone"][0].as_str(), Some(row.treasury_standalone.as_str()));
        assert_eq!(link["requirement"][1].as_str(), Some(row.would_be_futures_requirement.as_str()));
        assert!(link["positions"][0].as_u64() > Some(0));
    }

    let digest = package.digest.to_string();
    let named = command(&houses, Leg::Futures, "verify", &file, &["--digest", &digest]);
    assert!(named.status.success());
    let text = String::from_utf8(named.stdout).unwrap();
    for words in ["The package verifies", MEMBER, "LNK-0002", "Not shown by a package", &digest] {
        assert!(text.contains(words), "{words}: {text}");
    }

    let results = ["--treasury-result-cents", "-500000000", "--futures-result-cents", "700000000"];
    let joint = [&results[..], &["--close-out", "joint", "--json"]].concat();
    let joint = json(command(&houses, Leg::Treasury, "allocate", &file, &joint));
    assert_eq!((&joint["payer"], &joint["payee"]), (&"CME".into(), &"FICC".into()));
    assert_eq!((&joint["payment"], &joint["is_assumed"]), (&"5000000.00".into(), &true.into()));
    let separate =
        command(&houses, Leg::Treasury, "allocate", &file, &[&results[..], &["--close-out", "separate"]].concat());
    let text = String::from_utf8(separate.stdout).unwrap();
    assert!(text.contains("assumed") && text.contains("the reduction that FICC granted"), "{text}");

    let customer = [&results[..], &["--close-out", "joint", "--customer", "C-03BB", "--json"]].concat();
    assert_eq!(json(command(&houses, Leg::Futures, "allocate", &file, &customer))["pool"], "customer C-03BB");

    // Another package than the one that was named, a changed one, and one of nobody's.
    let refused = |file: &Path, more: &[&str], words: &str| {
        let output = command(&houses, Leg::Treasury, "verify", file, more);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(words), "{words}: {text}");
    };
    refused(&file, &["--digest", &"0".repeat(64)], "not 0000");
    let mut changed = package.bytes.to_vec();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let other = houses.directory().join("changed.package");
    fs::write(&other, changed).unwrap();
    refused(&other, &[], "the package does not verify");
    refused(&houses.directory().join("none"), &[], "none");
}
