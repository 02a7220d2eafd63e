//! A node that learned from the other house alone that its ledger lost its end refuses after a restart too.

use crossmargin::v1::peer_service_client::PeerServiceClient;
use gateway::{arrangement::terms::Arrangement, wire};
use tonic::{Code, Status};

use super::*;

const VICTIM: Leg = Leg::Treasury;

/// Waits until the victim, on an old copy of ledger and guard, refuses and its guard holds what the other house told. Then
/// that house is away.
async fn refuse_then_alone(houses: &mut Houses) {
    wait_until("a refusal that a restart does not forget", async || {
        let status = status(houses, VICTIM).await;
        !status.can_sign && status.explanation.contains("The guard holds that record now")
    })
    .await;
    houses.kill(VICTIM.other());
}

/// The node is asked for a book, an opening, market data and a change of the programme: it says why it takes none, and what
/// to do.
async fn assert_takes_nothing(houses: &Houses, reason: &str) {
    let clients = houses.clients(VICTIM);
    let before = status(houses, VICTIM).await;
    assert!(!before.can_sign, "{before:?}");
    let book = sample::book::book(VICTIM).unwrap();
    let opening = v1::OpenCycleRequest { cycle: Some(cycle(v1::CycleKind::Eod, 7)), cut_off: None };
    let market = v1::SubmitMarketDataRequest {
        request_id: "market after the restart".to_owned(),
        business_date: sample::BUSINESS_DATE.to_string(),
        items: sample::market().into_items(VICTIM),
    };
    let refusals: [(&str, Status); 4] = [
        (
            "a book",
            clients.submit_book(book, sample::BUSINESS_DATE, 9, v1::SnapshotScope::Full).await.map(drop).unwrap_err(),
        ),
        ("an opening", clients.operations().open_cycle(opening).await.map(drop).unwrap_err()),
        ("market data", clients.market().submit_market_data(market).await.map(drop).unwrap_err()),
        ("a change", clients.record_changes("late", vec![suspend_link("LNK-0003")]).await.map(drop).unwrap_err()),
    ];
    for (what, refused) in refusals {
        assert_eq!(refused.code(), Code::FailedPrecondition, "{what}: {refused:?}");
        for words in [reason, "crossmargin ledger verify", "crossmargin ledger recover", "docs/disaster.md"] {
            assert!(refused.message().contains(words), "{what}: no {words:?} in {}", refused.message());
        }
    }
    let after = status(houses, VICTIM).await;
    assert_eq!(after.ledger_sequence, before.ledger_sequence);
    assert!(after.explanation.contains(reason), "{after:?}");
}

/// The head of the victim's ledger that the other house holds, as it tells the victim.
async fn held_by_other(houses: &Houses) -> Option<v1::LedgerHead> {
    let pki = houses.directory().join("pki").join(NAMES[VICTIM]);
    let channel = houses.clients(VICTIM.other()).channel_with(pki.join("peer.pem"), pki.join("peer.key"));
    let text = fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let arrangement = Arrangement::from_toml(&text).unwrap();
    let request = v1::GreetRequest {
        house: NAMES[VICTIM].to_owned(),
        arrangement: arrangement.parties.arrangement.to_string(),
        arrangement_digest: wire::bytes_of(arrangement.digest()),
        known_registry_sequence: u64::MAX,
        ..Default::default()
    };
    PeerServiceClient::new(channel).greet(request).await.unwrap().into_inner().known_head
}

/// The files that a refusing node leaves alone.
fn files(houses: &Houses) -> [Option<Vec<u8>>; 3] {
    ["", "-wal", ".guard"].map(|ending| fs::read(houses.data(VICTIM).join(format!("ledger.sqlite{ending}"))).ok())
}

/// What `ledger verify` finds wrong with the victim's ledger.
fn codes(houses: &Houses) -> Vec<Value> {
    let output = run(houses, VICTIM, &["verify", "--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let problems = report["ledgers"][0]["problems"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    problems.iter().map(|problem| problem["code"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_behind_its_own_word_refuses_after_every_restart_while_the_other_house_is_away() {
    let mut houses = Houses::running(BINARY).await;
    go_to(&mut houses, Moment::MarketSubmitted).await;
    for leg in Leg::BOTH {
        let book = sample::book::book(leg).unwrap();
        houses.clients(leg).submit_book(book, sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap();
    }
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd(), 600).await;
    }
    houses.kill(VICTIM);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(VICTIM), &old);
    houses.start(VICTIM).await;
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd(), 1).await;
    }
    wait_delivered(&houses, VICTIM).await;
    houses.kill(VICTIM);
    lose(&houses, VICTIM, &old, Loss::Everything);
    houses.start(VICTIM).await;
    refuse_then_alone(&mut houses).await;

    // Killed, and then stopped in order.
    houses.kill(VICTIM);
    let left = files(&houses);
    houses.start(VICTIM).await;
    assert_takes_nothing(&houses, "behind its own word").await;
    assert!(houses.stop(VICTIM).await.success(), "{}", houses.log_text(VICTIM));
    houses.start(VICTIM).await;
    assert_takes_nothing(&houses, "behind its own word").await;
    assert_eq!(codes(&houses), ["guard_behind"]);
    houses.kill(VICTIM);
    assert!(files(&houses) == left, "a node that its guard holds leaves its files as they are");

    houses.start(VICTIM.other()).await;
    assert_eq!(recover(&houses, VICTIM)["result"], "recovered");
    houses.start(VICTIM).await;
    houses.clients(VICTIM).wait_agreed(&itd(), 1).await;
    wait_delivered(&houses, VICTIM).await;
    agree_anew(&houses, "after a refusal that outlived restarts").await;
    assert_sound(&houses, VICTIM);
    // The loss that was recovered from is told by the other house no more, and the guard holds the new end.
    houses.kill(VICTIM.other());
    houses.kill(VICTIM);
    houses.start(VICTIM).await;
    assert!(status(&houses, VICTIM).await.can_sign, "{:?}", status(&houses, VICTIM).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_off_its_own_word_refuses_after_a_restart_and_recovers_from_the_old_copy() {
    let mut houses = Houses::running(BINARY).await;
    go_to(&mut houses, Moment::MarketSubmitted).await;
    wait_delivered(&houses, VICTIM).await;
    houses.kill(VICTIM);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(VICTIM), &old);
    houses.start(VICTIM).await;
    houses.clients(VICTIM).record_changes("first", vec![suspend_link("LNK-0001")]).await.unwrap();
    wait_delivered(&houses, VICTIM).await;
    houses.kill(VICTIM);
    let lost = held_by_other(&houses).await;
    lose(&houses, VICTIM, &old, Loss::Everything);
    houses.kill(VICTIM.other());
    // Alone, the house goes on past the record that it lost.
    houses.start(VICTIM).await;
    for (request, link) in [("second", "LNK-0002"), ("third", "LNK-0003"), ("fourth", "LNK-0004")] {
        houses.clients(VICTIM).record_changes(request, vec![suspend_link(link)]).await.unwrap();
    }
    houses.start(VICTIM.other()).await;
    wait_until("a refusal", async || !status(&houses, VICTIM).await.can_sign).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(held_by_other(&houses).await, lost, "the other house let go of the word that was lost");
    refuse_then_alone(&mut houses).await;

    houses.kill(VICTIM);
    houses.start(VICTIM).await;
    assert_takes_nothing(&houses, "the ledger has another record there").await;
    assert_eq!(codes(&houses), ["guard_diverged"]);
    houses.kill(VICTIM);

    // The copy as it was before the node was started on it; the guard stays as it is.
    lose(&houses, VICTIM, &old, Loss::TailWithGuard);
    assert_eq!(codes(&houses), ["guard_behind"]);
    houses.start(VICTIM.other()).await;
    assert_eq!(recover(&houses, VICTIM)["result"], "recovered");
    houses.start(VICTIM).await;
    wait_delivered(&houses, VICTIM).await;
    assert_eq!(status(&houses, VICTIM.other()).await.contradiction_count, 0, "the second word was delivered");
    assert_sound(&houses, VICTIM);
}
