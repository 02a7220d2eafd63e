//! No space left: nothing is acknowledged that is not durable, the node says what is full and stops or refuses, and goes on
//! when there is space again.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crossmargin::v1;
use gateway::{arrangement::leg::Leg, sample};
use prost::Message;

use super::{
    BINARY,
    files::{copy_tree, ledger_file, length},
    keeper::{Keeper, Request, is_passing},
    long_form,
    story::assert_one_story,
    support::{Houses, PATIENCE, books::cycle},
};

/// With any number the long form: a small file system of its own, which gives the true error of a full disk. It fails where
/// it may not mount one.
const TMPFS_VARIABLE: &str = "CROSSMARGIN_CRASH_TMPFS";
/// Set in the process that may mount.
const INSIDE_VARIABLE: &str = "CROSSMARGIN_CRASH_INSIDE";
const LONG_TEST: &str = "full::a_house_on_a_full_file_system_of_its_own";
/// The house whose disk is full.
const VICTIM: Leg = Leg::Treasury;

/// Both houses with links, and with market data and books where asked, stopped.
async fn prepared(is_whole: bool) -> (Houses, Keeper) {
    let mut houses = Houses::running(BINARY).await;
    let keeper = Keeper::new(&houses);
    for leg in Leg::BOTH {
        let count = if is_whole { 3 } else { 1 };
        for request in Request::sample(leg).iter().take(count) {
            keeper.until_kept(leg, request).await;
        }
    }
    for leg in Leg::BOTH {
        assert!(houses.stop(leg).await.success(), "{}", houses.log_text(leg));
    }
    (houses, keeper)
}

/// Starts the victim with a limit on the length of its files, which stands for a full disk on every machine.
async fn start_limited(houses: &mut Houses, kib: u64) {
    let mut command = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f \"$1\"; exec \"$2\" node --config \"$3\"";
    command.args(["-c", script, "bash", &kib.to_string(), BINARY]).arg(houses.config(VICTIM));
    houses.spawn_as(VICTIM, command);
    houses.wait_until_serving(VICTIM).await;
}

/// Sends requests until the node ends; what it ends with.
async fn fill(houses: &mut Houses, keeper: &Keeper) -> String {
    let begin = Instant::now();
    let told_before = houses.log_text(VICTIM).len();
    for number in 5_000.. {
        let request = Request::account(&format!("REG-{number}"));
        match keeper.ask(VICTIM, &request).await {
            Ok(()) => {}
            Err(status) => {
                assert!(is_passing(&status), "{request:?}: {status:?}");
                break;
            }
        }
        assert!(begin.elapsed() < PATIENCE, "the disk was never full");
    }
    while houses.ended(VICTIM).is_none() {
        assert!(begin.elapsed() < PATIENCE, "the node goes on without its ledger");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    houses.log_text(VICTIM)[told_before..].to_owned()
}

/// There is space again: everything that was acknowledged is there, and both houses agree.
async fn goes_on(houses: &mut Houses, keeper: &Keeper, when: &str) {
    houses.start(VICTIM).await;
    keeper.confirm(VICTIM, usize::MAX, when).await;
    for leg in Leg::BOTH {
        for request in Request::sample(leg) {
            keeper.until_kept(leg, &request).await;
        }
    }
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        keeper.until_kept(leg, &Request::open(&itd, 600)).await;
    }
    for leg in Leg::BOTH {
        keeper.clients(leg).wait(&itd, "an agreement", |cycle| cycle.agreed_round > 0).await;
    }
    assert_one_story(houses, &[VICTIM], when);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_ledger_has_no_space_stops_and_goes_on_with_all_that_it_acknowledged() {
    let (mut houses, keeper) = prepared(true).await;
    houses.start(Leg::Futures).await;
    // The log of writes grows to the length of the database and a little more.
    let kib = length(&ledger_file(&houses.data(VICTIM), "")) / 1024 + 256;
    start_limited(&mut houses, kib).await;
    let last_words = fill(&mut houses, &keeper).await;
    println!("{last_words}");
    let last = last_words.lines().last().unwrap_or_default();
    for words in ["the ledger failed: cannot append to", "ledger.sqlite", "see to the disk before the next start"] {
        assert!(last.contains(words), "{words:?} is not in: {last}");
    }
    goes_on(&mut houses, &keeper, "after a full ledger").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_content_that_finds_no_space_is_refused_and_taken_later() {
    let (mut houses, keeper) = prepared(false).await;
    houses.start(Leg::Futures).await;
    let items = sample::market().into_items(VICTIM);
    let largest = items.iter().map(|item| item.encoded_len() as u64).max().unwrap();
    // The first commits and the index of the log fit; the largest item does not.
    let kib = largest / 1024 / 2;
    println!("the largest item has {largest} bytes, files may have {kib} KiB");
    start_limited(&mut houses, kib).await;
    let market = Request::Market { id: "market-1".to_owned() };
    let refused = keeper.ask(VICTIM, &market).await.unwrap_err();
    println!("{refused:?}");
    assert!(refused.message().contains("no space left to write the blob"), "{refused:?}");
    assert!(refused.message().contains("blobs/"), "{refused:?}");
    assert!(houses.ended(VICTIM).is_none(), "it goes on: {}", houses.log_text(VICTIM));
    let new = std::fs::read_dir(houses.data(VICTIM).join("blobs/new")).unwrap().count();
    assert_eq!(new, 0, "what was begun gives its space back");
    houses.kill(VICTIM);
    goes_on(&mut houses, &keeper, "after full blobs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_true_error_of_a_full_disk_is_met_on_a_file_system_of_its_own() {
    if long_form(TMPFS_VARIABLE).is_none() {
        return;
    }
    // In a namespace of its own anybody may mount, where the machine permits that.
    let status = Command::new("unshare")
        .arg("-Urm")
        .arg(std::env::current_exe().unwrap())
        .args([LONG_TEST, "--exact", "--ignored", "--nocapture"])
        .env(INSIDE_VARIABLE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{status}: this needs a machine that permits unshare -Urm and mounts of tmpfs in it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the test above starts it where it may mount"]
async fn a_house_on_a_full_file_system_of_its_own() {
    if std::env::var(INSIDE_VARIABLE).is_err() {
        return;
    }
    for what in ["ledger", "guard"] {
        let (mut houses, keeper) = prepared(true).await;
        houses.start(Leg::Futures).await;
        let data = houses.data(VICTIM);
        let aside = houses.directory().join("aside");
        copy_tree(&data, &aside);
        let (full, kib) = match what {
            // A little more than there is.
            "ledger" => (data.clone(), tree_bytes(&aside) / 1024 + 1_536),
            _ => (houses.directory().join("small"), 64),
        };
        std::fs::create_dir_all(&full).unwrap();
        mount(&full, &format!("size={kib}k"));
        if what == "ledger" {
            copy_tree(&aside, &full);
            houses.start(VICTIM).await;
            let last_words = fill(&mut houses, &keeper).await;
            println!("{last_words}");
            assert!(last_words.contains("no space left to append to"), "{last_words}");
            assert!(last_words.contains("free space, then start the node again"), "{last_words}");
        } else {
            fill_guard(&houses, &full);
            let output = Command::new(BINARY).args(["node", "--config"]).arg(houses.config(VICTIM)).output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            println!("{text}");
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.contains("no space left to write the guard"), "{text}");
        }
        mount(&full, "remount,size=64m");
        goes_on(&mut houses, &keeper, &format!("after a full {what}")).await;
        Leg::BOTH.iter().for_each(|leg| houses.kill(*leg));
        assert!(Command::new("umount").arg(&full).status().unwrap().success());
    }
}

/// Puts the guard onto a full file system, with its older slot not allocated.
fn fill_guard(houses: &Houses, full: &Path) {
    let guard = ledger_file(&houses.data(VICTIM), ".guard");
    let bytes = std::fs::read(&guard).unwrap();
    let on_full = full.join("guard");
    let file = std::fs::File::create(&on_full).unwrap();
    let newer = newer_slot(&bytes);
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes[newer..newer + 4096], newer as u64).unwrap();
    file.set_len(8192).unwrap();
    std::fs::remove_file(&guard).unwrap();
    std::os::unix::fs::symlink(&on_full, &guard).unwrap();
    // As much as goes in.
    drop(std::fs::write(full.join("filling"), vec![1; 1 << 20]));
}

/// Where the slot of the higher generation begins.
fn newer_slot(guard: &[u8]) -> usize {
    let generation = |at: usize| u64::from_le_bytes(*guard[at + 8..].first_chunk().unwrap());
    if generation(0) > generation(4096) { 0 } else { 4096 }
}

fn mount(folder: &Path, options: &str) {
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).status().unwrap();
    assert!(status.success(), "{status}: mounting a tmpfs of {options} on {}", folder.display());
}

fn tree_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // Each file takes whole pages.
    entries
        .map(|path| if path.is_dir() { tree_bytes(&path) + 4096 } else { length(&path).next_multiple_of(4096) })
        .sum()
}
