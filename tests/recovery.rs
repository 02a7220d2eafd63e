//! A house that lost the end of its ledger signs nothing, takes up from the other house what both signed, and tells one story
//! from then on.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "recovery/restart.rs"]
mod restart;
#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use crossmargin::v1;
use gateway::{arrangement::leg::Leg, sample};
use serde_json::Value;

use support::{Houses, NAMES, PATIENCE, books::cycle, programme::suspend_link};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// How far the houses have come when the house loses what it recorded since the copy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    LinksRecorded,
    MarketSubmitted,
    /// This long after both houses opened the cycle: it may have claimed, stated or agreed.
    Opened(u64),
    Agreed,
    FallenBack,
}

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    /// An old ledger with the newest guard.
    TailWithGuard,
    /// An old ledger, and no guard.
    TailAndGuard,
    /// The whole data directory of the old copy.
    Everything,
    /// No ledger at all; the newest guard.
    Ledger,
}

fn itd() -> v1::CycleId {
    cycle(v1::CycleKind::Itd, 1)
}

fn run(houses: &Houses, leg: Leg, args: &[&str]) -> Output {
    Command::new(BINARY).arg("ledger").args(args).arg("--config").arg(houses.config(leg)).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Recovers, and gives the report.
fn recover(houses: &Houses, leg: Leg) -> Value {
    let output = run(houses, leg, &["recover", "--json"]);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), houses.log_text(leg.other()));
    json(&output)
}

/// Verifies both ledgers side by side, from either side: both sound, and the recovery of the house told as a fact.
fn assert_sound(houses: &Houses, victim: Leg) {
    for leg in Leg::BOTH {
        let other = houses.data(leg.other());
        let output = run(houses, leg, &["verify", "--json", "--other", other.to_str().unwrap()]);
        let report = json(&output);
        assert!(output.status.success(), "{report:#}");
        for ledger in report["ledgers"].as_array().unwrap() {
            let notes: Vec<&Value> = ledger["notes"].as_array().unwrap().iter().collect();
            let recovery = notes.iter().find(|note| note["code"] == "recovery").unwrap_or_else(|| panic!("{ledger:#}"));
            assert!(recovery["meaning"].as_str().unwrap().starts_with(NAMES[victim]), "{recovery:#}");
        }
    }
}

/// Copies the files of a folder, the store's folders with them.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn lose(houses: &Houses, leg: Leg, copy_of: &Path, loss: Loss) {
    let data = houses.data(leg);
    let guard = data.join("ledger.sqlite.guard");
    if loss == Loss::Everything {
        fs::remove_dir_all(&data).unwrap();
        return copy(copy_of, &data);
    }
    for file in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
        drop(fs::remove_file(data.join(file)));
        if loss != Loss::Ledger && copy_of.join(file).exists() {
            fs::copy(copy_of.join(file), data.join(file)).unwrap();
        }
    }
    if loss == Loss::TailAndGuard {
        fs::remove_file(guard).unwrap();
    }
}

async fn status(houses: &Houses, leg: Leg) -> v1::GetNodeStatusResponse {
    houses.clients(leg).operations().get_node_status(v1::GetNodeStatusRequest {}).await.unwrap().into_inner()
}

async fn wait_until(what: &str, mut is_it: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !is_it().await {
        assert!(begin.elapsed() < PATIENCE, "it did not come to {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the other house holds everything that this one has to send.
async fn wait_delivered(houses: &Houses, leg: Leg) {
    wait_until("everything delivered", async || {
        let status = status(houses, leg).await;
        status.is_peer_connected && status.undelivered_count == 0
    })
    .await;
}

async fn go_to(houses: &mut Houses, moment: Moment) {
    let (date, full) = (sample::BUSINESS_DATE, v1::SnapshotScope::Full);
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample::book::links()).await;
    }
    if moment == Moment::LinksRecorded {
        return;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).submit_market(date, sample::market().into_items(leg)).await;
    }
    if moment == Moment::MarketSubmitted {
        return;
    }
    for leg in Leg::BOTH {
        let book = sample::book::book(leg).unwrap();
        houses.clients(leg).submit_book(book, date, 1, full).await.unwrap();
    }
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd(), 600).await;
    }
    match moment {
        Moment::Opened(delay_ms) => tokio::time::sleep(Duration::from_millis(delay_ms)).await,
        Moment::Agreed => {
            for leg in Leg::BOTH {
                houses.clients(leg).wait_agreed(&itd(), 1).await;
            }
        }
        Moment::FallenBack => {
            // At once: nothing has been claimed.
            for leg in Leg::BOTH {
                let request = v1::CutOffCycleRequest { cycle: Some(itd()) };
                houses.clients(leg).operations().cut_off_cycle(request).await.unwrap();
            }
        }
        Moment::LinksRecorded | Moment::MarketSubmitted => {}
    }
}

/// What an account is charged, without texts.
fn charges(rows: &[v1::Requirement]) -> Vec<(String, i32, u32, String, String)> {
    let of = |row: &v1::Requirement| {
        let (treasury, futures) = (row.treasury_requirement.clone(), row.futures_requirement.clone());
        (
            row.link.as_ref().map(|link| link.link_id.clone()).unwrap_or_default(),
            row.status,
            row.applied_factor_bp,
            treasury,
            futures,
        )
    };
    rows.iter().map(of).collect()
}

/// Loses, recovers, and goes on to a new agreement.
async fn lose_and_recover(moment: Moment, loss: Loss, victim: Leg, restarts_other: bool) {
    let what = format!("{moment:?}, {loss:?}, {victim:?}");
    let mut houses = Houses::running(BINARY).await;
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    let old: PathBuf = houses.directory().join("old-copy");
    copy(&houses.data(victim), &old);
    houses.start(victim).await;
    go_to(&mut houses, moment).await;
    wait_delivered(&houses, victim).await;
    let is_ended = matches!(moment, Moment::Agreed | Moment::FallenBack);
    let before = if is_ended { charges(&houses.clients(victim).requirements(&itd(), 0).await) } else { Vec::new() };

    houses.kill(victim);
    lose(&houses, victim, &old, loss);
    if restarts_other {
        houses.kill(victim.other());
        houses.start(victim.other()).await;
    }
    let other = houses.data(victim.other());
    if loss != Loss::Ledger {
        let found = json(&run(&houses, victim, &["verify", "--json", "--other", other.to_str().unwrap()]));
        let codes: Vec<&Value> = found["comparison"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
        assert!(
            codes.contains(&&"behind_known_head".into()) && codes.contains(&&"word_denied".into()),
            "{what}: {found:#}"
        );
    }
    let dry = json(&run(&houses, victim, &["recover", "--dry-run", "--json"]));
    assert_eq!((&dry["result"], &dry["is_dry_run"]), (&"recovered".into(), &true.into()), "{what}: {dry:#}");
    let report = recover(&houses, victim);
    assert_eq!(report["result"], "recovered", "{what}: {report:#}");
    assert_eq!(report["missing"].as_array().map(Vec::len), Some(0), "{what}: {report:#}");
    assert_eq!(report["lost"], dry["lost"], "{what}");
    if loss == Loss::TailWithGuard {
        break_off_before_the_guard(&houses, victim, &report);
    }
    let again = recover(&houses, victim);
    assert_eq!((&again["result"], &again["head"]), (&"nothing_lost".into(), &report["head"]), "{what}");

    houses.start(victim).await;
    wait_delivered(&houses, victim).await;
    assert!(status(&houses, victim).await.can_sign, "{what}: {:?}", status(&houses, victim).await);
    assert!(houses.log_text(victim.other()).contains("ALARM: the other house lost the end of its ledger"), "{what}");
    if is_ended {
        let after = charges(&houses.clients(victim).requirements(&itd(), 0).await);
        assert_eq!(after, before, "{what}");
    }
    assert_no_second_story(&houses, victim, &what).await;
    agree_anew(&houses, &what).await;
    assert_sound(&houses, victim);
}

/// As a crash between the commit and the new guard leaves it: the guard still holds the ledger, and a second run completes it.
fn break_off_before_the_guard(houses: &Houses, victim: Leg, report: &Value) {
    let guard = houses.data(victim).join("ledger.sqlite.guard");
    let superseded = guard.with_extension(format!("guard.superseded-{}", report["head"]["sequence"]));
    fs::copy(superseded, &guard).unwrap();
    let held = run(houses, victim, &["verify", "--json"]);
    let code = json(&held)["ledgers"][0]["problems"][0]["code"].clone();
    assert!(code == "guard_behind" || code == "guard_diverged", "{code}");
    let again = recover(houses, victim);
    assert_eq!((&again["result"], &again["head"]), (&"guard_renewed".into(), &report["head"]), "{again:#}");
}

/// With another book the house would claim anew in the old cycle: it does not, and both houses end alike.
async fn assert_no_second_story(houses: &Houses, victim: Leg, what: &str) {
    let clients = houses.clients(victim);
    let old = clients.cycle(&itd()).await;
    let book = sample::book::book(victim).unwrap();
    clients.submit_book(book, sample::BUSINESS_DATE, 2, v1::SnapshotScope::Full).await.unwrap_or_else(|error| {
        // Without market data nothing can be valued: it was not there before either.
        assert!(old.is_none(), "{what}: {error}");
        v1::SubmitSnapshotResponse::default()
    });
    let Some(old) = old else { return };
    tokio::time::sleep(Duration::from_millis(300)).await;
    for leg in Leg::BOTH {
        let request = v1::CutOffCycleRequest { cycle: Some(itd()) };
        houses.clients(leg).operations().cut_off_cycle(request).await.unwrap();
    }
    let now = clients.cycle(&itd()).await.unwrap();
    assert_eq!((now.round, now.own_manifest_revision), (old.round, old.own_manifest_revision), "{what}: {now:#?}");
    wait_until("the same end at both houses", async || {
        let ends =
            [houses.clients(Leg::Treasury).cycle(&itd()).await, houses.clients(Leg::Futures).cycle(&itd()).await];
        ends[0].as_ref().map(|cycle| cycle.agreed_round) == ends[1].as_ref().map(|cycle| cycle.agreed_round)
    })
    .await;
    for leg in Leg::BOTH {
        assert_eq!(status(houses, leg).await.contradiction_count, 0, "{what}");
    }
}

async fn agree_anew(houses: &Houses, what: &str) {
    let (date, eod) = (sample::BUSINESS_DATE, cycle(v1::CycleKind::Eod, 1));
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        let status = status(houses, leg).await;
        if clients.market().get_market_data(v1::GetMarketDataRequest::default()).await.is_err()
            || status.book_version == 0
        {
            clients.submit_market(date, sample::market().into_items(leg)).await;
        }
        if status.book_version == 0 {
            let book = sample::book::book(leg).unwrap();
            clients.submit_book(book, date, 3, v1::SnapshotScope::Full).await.unwrap_or_else(|e| panic!("{what}: {e}"));
        }
    }
    for leg in Leg::BOTH {
        houses.clients(leg).open(&eod, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&eod, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_lost_its_end_before_a_cycle_recovers() {
    lose_and_recover(Moment::LinksRecorded, Loss::TailWithGuard, Leg::Treasury, false).await;
    lose_and_recover(Moment::MarketSubmitted, Loss::TailAndGuard, Leg::Futures, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_lost_its_end_at_any_moment_of_a_cycle_recovers() {
    let losses = [Loss::TailWithGuard, Loss::TailAndGuard, Loss::Everything, Loss::Ledger];
    for (at, delay_ms) in [0, 60, 150, 400].into_iter().enumerate() {
        let victim = Leg::BOTH[at % 2];
        lose_and_recover(Moment::Opened(delay_ms), losses[at], victim, at % 2 == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_lost_an_agreement_comes_back_to_the_same_charges() {
    lose_and_recover(Moment::Agreed, Loss::Everything, Leg::Treasury, true).await;
    lose_and_recover(Moment::Agreed, Loss::Ledger, Leg::Futures, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_lost_a_fall_back_comes_back_to_the_same_charges() {
    lose_and_recover(Moment::FallenBack, Loss::TailWithGuard, Leg::Treasury, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_whose_whole_directory_is_an_old_copy_signs_nothing_once_the_other_house_is_heard() {
    let mut houses = Houses::running(BINARY).await;
    let victim = Leg::Treasury;
    go_to(&mut houses, Moment::MarketSubmitted).await;
    let (date, full) = (sample::BUSINESS_DATE, v1::SnapshotScope::Full);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_book(sample::book::book(leg).unwrap(), date, 1, full).await.unwrap();
    }
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd(), 600).await;
    }
    houses.kill(victim);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(victim), &old);
    houses.start(victim).await;
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd(), 1).await;
    }
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    lose(&houses, victim, &old, Loss::Everything);
    // The other house remembers over its own restart.
    houses.kill(victim.other());

    // Alone, the house signs no claim: it has everything to make one.
    houses.start(victim).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let alone = houses.clients(victim).cycle(&itd()).await.unwrap();
    assert_eq!(alone.round, 0, "{alone:#?}");
    let sequence = status(&houses, victim).await.ledger_sequence;
    houses.start(victim.other()).await;
    wait_until("a refusal", async || !status(&houses, victim).await.can_sign).await;
    let refusing = status(&houses, victim).await;
    assert!(refusing.explanation.contains("crossmargin ledger recover"), "{refusing:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(status(&houses, victim).await.ledger_sequence, sequence, "nothing is recorded while it refuses");
    let asked = houses.clients(victim).record_changes("late", Vec::new()).await.unwrap_err();
    assert!(asked.message().contains("signed word"), "{asked:?}");

    houses.kill(victim);
    assert_eq!(recover(&houses, victim)["result"], "recovered");
    houses.start(victim).await;
    houses.clients(victim).wait_agreed(&itd(), 1).await;
    wait_delivered(&houses, victim).await;
    assert_sound(&houses, victim);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_on_an_old_copy_before_the_other_house_was_heard_leaves_for_nobody() {
    let mut houses = Houses::running(BINARY).await;
    let victim = Leg::Treasury;
    go_to(&mut houses, Moment::LinksRecorded).await;
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(victim), &old);
    houses.start(victim).await;
    houses.clients(victim).record_changes("first", vec![suspend_link("LNK-0001")]).await.unwrap();
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    lose(&houses, victim, &old, Loss::Everything);
    houses.kill(victim.other());

    // Alone, the house records another entry with the number of the one that it lost.
    houses.start(victim).await;
    houses.clients(victim).record_changes("second", vec![suspend_link("LNK-0002")]).await.unwrap();
    houses.start(victim.other()).await;
    wait_until("a refusal", async || !status(&houses, victim).await.can_sign).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(status(&houses, victim.other()).await.contradiction_count, 0, "the second word was delivered");

    // From the copy as it was before the node was started on it, the house recovers.
    houses.kill(victim);
    lose(&houses, victim, &old, Loss::Everything);
    assert_eq!(recover(&houses, victim)["result"], "recovered");
    houses.start(victim).await;
    wait_delivered(&houses, victim).await;
    assert_sound(&houses, victim);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_a_recovery_says_what_is_wrong_and_changes_nothing() {
    let mut houses = Houses::running(BINARY).await;
    let victim = Leg::Treasury;
    wait_delivered(&houses, victim.other()).await;
    let earlier = houses.directory().join("earlier.jsonl");
    assert!(run(&houses, victim.other(), &["export", "--out", earlier.to_str().unwrap()]).status.success());
    go_to(&mut houses, Moment::LinksRecorded).await;
    for leg in Leg::BOTH {
        wait_delivered(&houses, leg).await;
    }
    let refused = |houses: &Houses, args: &[&str], words: &str| {
        let output = run(houses, victim, args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words}: {text}");
        assert!(text.contains(words), "{words}: {text}");
    };
    refused(&houses, &["recover"], "is in use");
    houses.kill(victim);
    let nothing = recover(&houses, victim);
    assert_eq!(nothing["result"], "nothing_lost", "{nothing:#}");
    fs::remove_file(houses.data(victim).join("ledger.sqlite.guard")).unwrap();
    let renewed = recover(&houses, victim);
    assert_eq!((&renewed["result"], &renewed["head"]), (&"guard_renewed".into(), &nothing["head"]), "{renewed:#}");

    let export = houses.directory().join("export.jsonl");
    let (out, path) = (export.to_str().unwrap(), export.clone());
    assert!(run(&houses, victim, &["export", "--out", out]).status.success());
    refused(
        &houses,
        &["recover", "--from", out],
        "it is the ledger of FICC in FICC-CME (live), but that of CME in FICC-CME (live) is needed",
    );
    fs::write(&path, "{}\n").unwrap();
    refused(&houses, &["recover", "--from", out], "line 1");
    refused(&houses, &["recover", "--from", "nowhere.jsonl"], "nowhere.jsonl");

    // The other house's ledger has lost its end, and this one's has not.
    let other = victim.other();
    houses.kill(other);
    let theirs = houses.directory().join("theirs.jsonl");
    assert!(run(&houses, other, &["export", "--out", theirs.to_str().unwrap()]).status.success());
    let lines = fs::read_to_string(&theirs).unwrap();
    let report = json(&run(&houses, victim, &["recover", "--json", "--from", earlier.to_str().unwrap()]));
    assert_eq!(report["result"], "nothing_lost", "{report:#}");
    let lacks = report["other_house_lacks"].as_array().unwrap();
    assert!(lacks[0].as_str().unwrap().contains("of CME, record"), "{report:#}");
    // A part of an export is not the story.
    let without_the_first: Vec<&str> = lines.lines().filter(|line| !line.contains("\"sequence\":1,")).collect();
    fs::write(&theirs, without_the_first.join("\n")).unwrap();
    refused(&houses, &["recover", "--from", theirs.to_str().unwrap()], "does not follow on record 0");
    let cut_off: Vec<&str> = lines.lines().take(2).collect();
    fs::write(&theirs, cut_off.join("\n")).unwrap();
    refused(&houses, &["recover", "--from", theirs.to_str().unwrap()], "export the whole ledger");
    let forged = lines.replace("\"signature\":\"", "\"signature\":\"00");
    fs::write(&theirs, forged).unwrap();
    refused(&houses, &["recover", "--from", theirs.to_str().unwrap()], "own head");
    refused(&houses, &["recover"], "Its node must run and be reachable");

    // A ledger that is damaged inside cannot be continued.
    let ledger = houses.data(victim).join("ledger.sqlite");
    let whole = fs::read(&ledger).unwrap();
    let mut bytes = whole.clone();
    let at = bytes.len() - 600;
    bytes[at] ^= 1;
    fs::write(&ledger, &bytes).unwrap();
    let wal = houses.data(victim).join("ledger.sqlite-wal");
    let log = fs::read(&wal).unwrap_or_default();
    fs::write(&wal, b"").unwrap();
    let output = run(&houses, victim, &["recover"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    fs::write(&ledger, whole).unwrap();
    fs::write(&wal, log).unwrap();
    houses.start_both().await;
    wait_delivered(&houses, victim).await;
    assert!(status(&houses, victim).await.can_sign);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_recovers_from_an_export_where_the_nodes_cannot_talk() {
    let mut houses = Houses::running(BINARY).await;
    let victim = Leg::Futures;
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(victim), &old);
    houses.start(victim).await;
    go_to(&mut houses, Moment::Agreed).await;
    wait_delivered(&houses, victim).await;
    let before = charges(&houses.clients(victim).requirements(&itd(), 0).await);
    for leg in Leg::BOTH {
        houses.kill(leg);
    }
    lose(&houses, victim, &old, Loss::TailWithGuard);
    let export = houses.directory().join("export.jsonl");
    let out = export.to_str().unwrap();
    assert!(run(&houses, victim.other(), &["export", "--out", out]).status.success());
    let records = fs::read_to_string(&export).unwrap();
    assert!(records.lines().any(|line| line.contains("EVIDENCE_KIND_STATEMENT") && line.contains("2026-02-13/ITD/1")));
    // The content is in the store still.
    let report = json(&run(&houses, victim, &["recover", "--json", "--from", out]));
    assert_eq!(report["result"], "recovered", "{report:#}");
    assert_eq!(report["missing"].as_array().map(Vec::len), Some(0), "{report:#}");
    houses.start_both().await;
    wait_delivered(&houses, victim).await;
    let after = charges(&houses.clients(victim).requirements(&itd(), 0).await);
    assert_eq!(after, before);
    agree_anew(&houses, "from an export").await;
    assert_sound(&houses, victim);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_loses_its_recovery_too_recovers_from_both_losses() {
    let mut houses = Houses::running(BINARY).await;
    let victim = Leg::Treasury;
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(victim), &old);
    houses.start(victim).await;
    go_to(&mut houses, Moment::Agreed).await;
    for loss in [Loss::TailWithGuard, Loss::Ledger] {
        wait_delivered(&houses, victim).await;
        houses.kill(victim);
        lose(&houses, victim, &old, loss);
        let report = recover(&houses, victim);
        assert_eq!(report["result"], "recovered", "{report:#}");
        houses.start(victim).await;
        houses.clients(victim).wait_agreed(&itd(), 1).await;
    }
    wait_delivered(&houses, victim).await;
    agree_anew(&houses, "twice").await;
    assert_sound(&houses, victim);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_histories_that_were_both_signed_are_not_joined() {
    let mut houses = Houses::running(BINARY).await;
    let victim = Leg::Treasury;
    wait_delivered(&houses, victim).await;
    houses.kill(victim);
    let old = houses.directory().join("old-copy");
    copy(&houses.data(victim), &old);
    houses.start(victim).await;
    let links = sample::book::links();
    let onboard = |link: usize| sample::programme::onboarding(&links[link..=link]);
    houses.clients(victim).record_changes("one", onboard(0)).await.unwrap();
    wait_delivered(&houses, victim).await;
    for leg in Leg::BOTH {
        houses.kill(leg);
    }
    lose(&houses, victim, &old, Loss::Everything);
    // The old copy goes on alone, and signs another entry of the same number.
    houses.start(victim).await;
    houses.clients(victim).record_changes("another", onboard(1)).await.unwrap();
    houses.kill(victim);
    houses.start(victim.other()).await;
    let before = fs::read(houses.data(victim).join("ledger.sqlite")).unwrap();
    let output = run(&houses, victim, &["recover"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("FICC signed EVIDENCE_KIND_REGISTRY_ENTRY twice, differently"), "{text}");
    assert_eq!(fs::read(houses.data(victim).join("ledger.sqlite")).unwrap(), before, "nothing was changed");
    houses.start(victim).await;
    wait_until("a refusal", async || !status(&houses, victim).await.can_sign).await;
}
