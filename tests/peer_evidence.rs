//! What the other house may not do: forge, replay, speak for this house, or read what was not shown to it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, Disposition, peer_service_client::PeerServiceClient};
use gateway::{
    arrangement::{
        digest::Digest,
        envelope,
        evidence::{ChangeBatch, Evidence, RegistryContent, RegistryEntry},
        leg::Leg,
        parties::{ArrangementMode, Party},
        terms::Arrangement,
    },
    identity::signing::SigningKey,
    ledger::{Epoch, Head, RecordHash, Sequence, SignedHead},
};
use prost::bytes::Bytes;
use tonic::{Code, transport::Channel};

use support::{
    Houses,
    books::cycle,
    programme::{suspend_link, wait_stage},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// A client of FICC's node with CME's own gateway certificate.
fn as_cme(houses: &Houses) -> PeerServiceClient<Channel> {
    let pki = houses.directory().join("pki/CME");
    PeerServiceClient::new(houses.clients(Leg::Treasury).channel_with(pki.join("peer.pem"), pki.join("peer.key")))
}

#[tokio::test]
async fn forged_replayed_and_misdirected_evidence_is_refused_with_its_reason() {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    let agreement = houses.clients(Leg::Treasury).agreement(&itd, 1).await;
    let [own, theirs] = &agreement.signatures[..] else { panic!("two signatures") };
    let changed = |edit: fn(&mut v1::SignedEnvelope)| {
        let mut envelope = theirs.clone();
        edit(&mut envelope);
        envelope
    };
    let forged_payload = changed(|envelope| {
        let mut payload = envelope.payload.to_vec();
        let last = payload.len() - 1;
        payload[last] ^= 1;
        envelope.payload = payload.into();
    });
    let cases = [
        ("a replay", theirs.clone(), Disposition::Duplicate, ""),
        ("a forged payload", forged_payload, Disposition::Refused, "signature"),
        ("a forged signature", changed(|e| e.signature = Bytes::from(vec![7; 64])), Disposition::Refused, "signature"),
        ("another kind", changed(|e| e.kind = v1::EvidenceKind::Claim.into()), Disposition::Refused, "signature"),
        ("another mode", changed(|e| e.mode = v1::ArrangementMode::Rehearsal.into()), Disposition::Refused, "mode"),
        ("another arrangement", changed(|e| e.arrangement = "A-B".into()), Disposition::Refused, "arrangement"),
        ("an unknown key", changed(|e| e.key_id = "00".repeat(16)), Disposition::Refused, "key"),
        ("this house's own word", own.clone(), Disposition::Refused, "own evidence"),
        ("the other's bytes as this house's", changed(|e| e.house = "FICC".into()), Disposition::Refused, "key"),
    ];
    for (what, envelope, disposition, words) in cases {
        let request = v1::DeliverRequest { envelopes: vec![envelope], own_head: None };
        let receipts = as_cme(&houses).deliver(request).await.unwrap().into_inner().receipts;
        assert_eq!(receipts[0].disposition(), disposition, "{what}: {receipts:?}");
        assert!(receipts[0].reason.contains(words), "{what}: {receipts:?}");
    }
    let status = houses.clients(Leg::Treasury).operations().get_node_status(v1::GetNodeStatusRequest {}).await;
    assert_eq!(status.unwrap().into_inner().contradiction_count, 0);
}

#[tokio::test]
async fn a_forked_registry_log_is_kept_as_evidence_and_nothing_more_is_agreed_on_it() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    wait_stage(&houses, "LNK-0001", v1::LinkStage::Live).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    houses.clients(Leg::Treasury).open(&itd, 120).await;
    let text = std::fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let parties = Arrangement::from_toml(&text).unwrap().parties;
    let key = SigningKey::load(&houses.directory().join("pki/CME/statement.key")).unwrap();
    let changes = vec![suspend_link("LNK-0001")];
    let batch = ChangeBatch { changes, by: "somebody".into(), at: jiff::Timestamp::UNIX_EPOCH };
    let content = RegistryContent::Changes(batch);
    // CME recorded another entry with this number.
    let entry = Evidence::RegistryEntry(RegistryEntry { sequence: 2, previous: Digest::of(b"another"), content });
    let forked = envelope::seal(&entry, &parties, Leg::Futures, &key.id().to_string(), |bytes| key.sign(bytes));
    for _ in 0..2 {
        let request = v1::DeliverRequest { envelopes: vec![forked.clone()], own_head: None };
        let receipts = as_cme(&houses).deliver(request).await.unwrap().into_inner().receipts;
        assert_eq!(receipts[0].disposition(), Disposition::Contradiction, "{receipts:?}");
    }
    let clients = houses.clients(Leg::Treasury);
    let status = clients.operations().get_node_status(v1::GetNodeStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.contradiction_count, 1, "once, however often it is delivered");
    wait_stage(&houses, "LNK-0001", v1::LinkStage::Live).await;
    // Nothing more is signed in the cycle that was open.
    houses.clients(Leg::Futures).open(&itd, 120).await;
    let cut_off = v1::CutOffCycleRequest { cycle: Some(itd.clone()) };
    clients.operations().cut_off_cycle(cut_off).await.unwrap();
    let ended = clients.cycle(&itd).await.unwrap();
    assert_eq!(ended.fall_back_cause(), v1::FallBackCause::PeerEquivocated, "{ended:?}");
}

#[tokio::test]
async fn the_other_house_reads_only_what_a_manifest_names() {
    let houses = Houses::running(BINARY).await;
    let clients = houses.clients(Leg::Treasury);
    clients.submit_sample(Leg::Treasury).await;
    // The book's own chunks are stored but named by no manifest yet.
    let blobs = houses.data(Leg::Treasury).join("blobs");
    let mut stored = Vec::new();
    for folder in std::fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        stored.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut refused = 0;
    for path in &stored {
        let digest = Digest::of(&std::fs::read(path).unwrap());
        let request = v1::FetchBlobsRequest { digests: vec![Bytes::copy_from_slice(digest.as_bytes())] };
        let mut stream = as_cme(&houses).fetch_blobs(request).await.unwrap().into_inner();
        if let Err(status) = stream.message().await {
            assert_eq!(status.code(), Code::NotFound);
            refused += 1;
        }
    }
    // Four market items are named by the market manifest; the rest is the book.
    assert_eq!(stored.len() - refused, 4, "{stored:?}");
    assert!(refused > 0);
}

#[tokio::test]
async fn a_greeting_from_another_arrangement_is_refused() {
    let houses = Houses::running(BINARY).await;
    let request = v1::GreetRequest {
        house: "CME".into(),
        arrangement: "FICC-CME".into(),
        arrangement_digest: Bytes::from(vec![1; 32]),
        ..Default::default()
    };
    let status = as_cme(&houses).greet(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("arrangements differ"), "{status:?}");
}

/// A head of record `sequence` of the ledger of `named`, signed with the statement key of `house`.
fn signed_head(houses: &Houses, house: &str, named: &Party, sequence: u64) -> v1::LedgerHead {
    let key = houses.directory().join("pki").join(house).join("statement.key");
    let key = SigningKey::load(&key).unwrap();
    let head = Head { seq: Sequence(sequence), hash: RecordHash([9; 32]) };
    let signature = key.sign(&SignedHead::message(named, head, Epoch(0)));
    v1::LedgerHead {
        sequence,
        hash: Bytes::copy_from_slice(&head.hash.0),
        epoch: 0,
        key_id: key.id().to_string(),
        signature: Bytes::copy_from_slice(&signature),
    }
}

fn greeting_of_cme(houses: &Houses) -> v1::GreetRequest {
    let document = std::fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let arrangement = Arrangement::from_toml(&document).unwrap();
    v1::GreetRequest {
        house: "CME".to_owned(),
        arrangement: "FICC-CME".to_owned(),
        arrangement_digest: Bytes::copy_from_slice(arrangement.digest().as_bytes()),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_made_up_head_stops_no_house_and_its_own_signed_head_does() {
    let houses = Houses::running(BINARY).await;
    let document = std::fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let ficc = Arrangement::from_toml(&document).unwrap().parties.party(Leg::Treasury);
    let signed_by = |house: &str, party: &Party, sequence: u64| signed_head(&houses, house, party, sequence);
    let elsewhere = Party { arrangement: "FICC-RFX".parse().unwrap(), ..ficc.clone() };
    let rehearsing = Party { mode: ArrangementMode::Rehearsal, ..ficc.clone() };
    let unsigned = v1::LedgerHead { sequence: 1_000, hash: Bytes::from(vec![9; 32]), ..Default::default() };
    let cases = [
        ("an unsigned head", unsigned, true),
        ("a head that the other house signed", signed_by("CME", &ficc, 1_000), true),
        ("its own head of another record", v1::LedgerHead { sequence: 999, ..signed_by("FICC", &ficc, 1_000) }, true),
        ("its own head in another arrangement", signed_by("FICC", &elsewhere, 1_000), true),
        ("its own head in rehearsal", signed_by("FICC", &rehearsing, 1_000), true),
        ("its own signed head", signed_by("FICC", &ficc, 1_000), false),
    ];
    for (what, known_head, can_sign) in cases {
        let request = v1::GreetRequest { known_head: Some(known_head), ..greeting_of_cme(&houses) };
        let answer = as_cme(&houses).greet(request).await.unwrap().into_inner();
        assert!(
            can_sign || answer.own_head.is_none(),
            "{what}: it tells a head of a ledger that lost its end: {answer:?}"
        );
        // The loop takes greetings in their order: a second one shows that the first was taken.
        let status = async || {
            let mut operations = houses.clients(Leg::Treasury).operations();
            operations.get_node_status(v1::GetNodeStatusRequest {}).await.unwrap().into_inner()
        };
        let begin = std::time::Instant::now();
        while status().await.can_sign != can_sign {
            assert!(begin.elapsed() < support::PATIENCE, "{what}: {:?}", status().await);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(status().await.can_sign, can_sign, "{what}");
    }
    let alarms = houses.log_text(Leg::Treasury).matches("tells a head that FICC did not sign").count();
    assert_eq!(alarms, 4, "those that claim a signature");
}

#[tokio::test]
async fn the_shared_story_is_read_whole_by_the_other_house_of_the_same_arrangement_alone() {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
    let arrangement =
        Arrangement::from_toml(&std::fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap()).unwrap();
    let request = v1::ReadSharedRequest {
        house: "CME".to_owned(),
        arrangement_digest: Bytes::copy_from_slice(arrangement.digest().as_bytes()),
    };
    let mut stream = as_cme(&houses).read_shared(request.clone()).await.unwrap().into_inner();
    let (mut evidence, mut heads) = (Vec::new(), None);
    while let Some(part) = stream.message().await.unwrap() {
        assert!(heads.is_none(), "the heads come last");
        evidence.extend(part.evidence);
        heads = part.own_head.map(|own_head| (own_head, part.caller_heads));
    }
    let (own_head, caller_heads) = heads.unwrap();
    assert!(own_head.sequence > 0 && caller_heads[0].sequence > 0, "{own_head:?} {caller_heads:?}");
    for house in ["FICC", "CME"] {
        for kind in [v1::EvidenceKind::RegistryEntry, v1::EvidenceKind::Claim, v1::EvidenceKind::Statement] {
            let is_it = |envelope: &v1::SignedEnvelope| envelope.house == house && envelope.kind() == kind;
            assert!(evidence.iter().filter_map(|one| one.envelope.as_ref()).any(is_it), "{kind:?} of {house}");
        }
    }
    let another = v1::ReadSharedRequest { arrangement_digest: Bytes::from(vec![0; 32]), ..request.clone() };
    let error = as_cme(&houses).read_shared(another).await.unwrap_err();
    assert_eq!((error.code(), error.message().contains("arrangements differ")), (Code::FailedPrecondition, true));
    let oneself = v1::ReadSharedRequest { house: "FICC".to_owned(), ..request };
    assert_eq!(as_cme(&houses).read_shared(oneself).await.unwrap_err().code(), Code::FailedPrecondition);
}
