//! What both ledgers say, read from their files by nothing but SQLite and the wire contract: no house signed two things for
//! one place, and neither holds a word of the other that the other does not have.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use crossmargin::v1::{self, ledger_record::Record};
use gateway::arrangement::leg::{Leg, Pair};
use prost::Message;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::{
    BINARY,
    files::ledger_file,
    support::{Houses, NAMES},
};

/// A place in the story for which a house gives one word: the house, and what the word is about.
type Place = (String, String);

/// The records of a ledger, by their sequence.
pub(crate) fn records(data: &Path) -> BTreeMap<u64, v1::LedgerRecord> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(ledger_file(data, ""), flags).unwrap();
    let mut statement = connection.prepare("SELECT seq, body FROM records ORDER BY seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
    rows.map(|row| {
        let (sequence, body) = row.unwrap();
        (u64::try_from(sequence).unwrap(), v1::LedgerRecord::decode(&body[..]).unwrap())
    })
    .collect()
}

/// The envelopes of a ledger.
pub(crate) fn envelopes(data: &Path) -> Vec<v1::SignedEnvelope> {
    let evidence = records(data).into_values().filter_map(|record| match record.record {
        Some(Record::Evidence(evidence)) => evidence.envelope,
        _ => None,
    });
    evidence.collect()
}

/// The place of a piece of evidence. Each round that is agreed has an outcome of its own, which replaces the one before.
fn place(envelope: &v1::SignedEnvelope) -> Place {
    let payload = &envelope.payload[..];
    let cycle = |cycle: Option<v1::CycleId>| {
        let v1::CycleId { business_date, kind, run, .. } = cycle.unwrap();
        format!("{business_date}/{kind}/{run}")
    };
    let text = match envelope.kind() {
        v1::EvidenceKind::RegistryEntry => {
            format!("registry entry {}", v1::RegistryEntry::decode(payload).unwrap().sequence)
        }
        v1::EvidenceKind::MarketManifest => {
            let manifest = v1::MarketManifest::decode(payload).unwrap();
            format!("market data of {}, version {}", manifest.business_date, manifest.version)
        }
        v1::EvidenceKind::CycleOpening => {
            format!("opening of {}", cycle(v1::CycleOpening::decode(payload).unwrap().cycle))
        }
        v1::EvidenceKind::PositionManifest => {
            let manifest = v1::PositionManifest::decode(payload).unwrap();
            format!("book of {}, revision {}", cycle(manifest.cycle), manifest.revision)
        }
        v1::EvidenceKind::Claim => {
            let claim = v1::Claim::decode(payload).unwrap();
            format!("claim of {}, round {}", cycle(claim.cycle), claim.round)
        }
        v1::EvidenceKind::Statement => {
            let statement = v1::Statement::decode(payload).unwrap();
            format!("end of {}, round {}", cycle(statement.cycle), statement.round)
        }
        v1::EvidenceKind::Decline => {
            let decline = v1::Decline::decode(payload).unwrap();
            format!("end of {}, round {}", cycle(decline.cycle), decline.round)
        }
        v1::EvidenceKind::Outcome => {
            let outcome = v1::Outcome::decode(payload).unwrap();
            format!("outcome of {}, agreed in round {}", cycle(outcome.cycle), outcome.agreed_round)
        }
        kind => panic!("evidence of an unknown kind {kind:?}: the scan must learn its place"),
    };
    (envelope.house.clone(), text)
}

/// What is wrong between both ledgers; nothing where they tell one story.
pub(crate) fn faults(data: &Pair<PathBuf>) -> Vec<String> {
    let held = Pair::from_fn(|leg| envelopes(&data[leg]));
    let mut faults = Vec::new();
    let mut words: BTreeMap<Place, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for envelope in Leg::BOTH.iter().flat_map(|leg| &held[*leg]) {
        words.entry(place(envelope)).or_default().insert(envelope.payload.to_vec());
    }
    for ((house, about), payloads) in words {
        if payloads.len() > 1 {
            faults.push(format!("{house} signed {} different things: {about}", payloads.len()));
        }
    }
    for leg in Leg::BOTH {
        faults.extend(outcomes_that_go_back(NAMES[leg], &held[leg]));
        let own: BTreeSet<_> = held[leg].iter().map(|envelope| &envelope.payload).collect();
        for envelope in &held[leg.other()] {
            if envelope.house == NAMES[leg] && !own.contains(&envelope.payload) {
                let (_, about) = place(envelope);
                faults.push(format!("{} does not have what {} holds of it: {about}", NAMES[leg], NAMES[leg.other()]));
            }
        }
    }
    faults
}

/// Outcomes of a house that stand behind a later one: once agreed, a cycle comes to later rounds alone.
fn outcomes_that_go_back(house: &str, held: &[v1::SignedEnvelope]) -> Vec<String> {
    let mut newest: BTreeMap<String, u32> = BTreeMap::new();
    let mut faults = Vec::new();
    let own = held.iter().filter(|envelope| envelope.house == house);
    for envelope in own.filter(|envelope| envelope.kind() == v1::EvidenceKind::Outcome) {
        let outcome = v1::Outcome::decode(&envelope.payload[..]).unwrap();
        let cycle = format!("{:?}", outcome.cycle);
        let before = newest.insert(cycle, outcome.agreed_round);
        if before.is_some_and(|before| before >= outcome.agreed_round) {
            faults.push(format!("{house} went back from the outcome of round {before:?} to {outcome:?}"));
        }
    }
    faults
}

/// Asserts that both ledgers tell one story, by this scan and by the product's own verification from one side or both.
pub(crate) fn assert_one_story(houses: &Houses, verified_by: &[Leg], when: &str) {
    let faults = faults(&Pair::from_fn(|leg| houses.data(leg)));
    assert!(faults.is_empty(), "{when}: {faults:#?}");
    for leg in verified_by {
        let report = verify(houses, *leg);
        assert_eq!(report["is_sound"], true, "{when}: {report:#}");
        assert_eq!(report["ledgers"].as_array().unwrap().len(), 2, "{when}");
    }
}

/// What `crossmargin ledger verify --other` says from one side.
pub(crate) fn verify(houses: &Houses, leg: Leg) -> Value {
    let output = Command::new(BINARY)
        .args(["ledger", "verify", "--json", "--config"])
        .arg(houses.config(leg))
        .arg("--other")
        .arg(houses.data(leg.other()))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}
