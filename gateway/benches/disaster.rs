//! How long a house is away after a disaster, over a large ledger: killed and started again; its disk lost, an old copy
//! put back and the rest recovered from the other house; its disk lost with no copy at all. After each the node must
//! answer with the requirements that it gave before, and agree on a new cycle.
//!
//! `cargo bench -p gateway --bench disaster -- [PAIRS]`; 10,000 pairs of 30 + 30 positions otherwise. The objective is two
//! hours (PFMI, principle 17); docs/disaster.md has the figures. The folder is that of `TMPDIR`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first failure")]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crossmargin::v1;
use gateway::{
    arrangement::leg::Leg,
    sample::{self, large},
};
use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// The house that has the disaster.
const STRUCK: Leg = Leg::Treasury;

fn main() {
    let pairs = std::env::args().skip(1).find_map(|argument| argument.parse::<u32>().ok()).unwrap_or(10_000);
    tokio::runtime::Runtime::new().unwrap().block_on(run(pairs));
}

async fn run(pairs: u32) {
    let mut houses = Houses::running(BINARY).await;
    fill(&houses, pairs).await;
    let mut bench = Bench { run: 1, before: Vec::new() };
    bench.agree(&houses, "the first cycle, from its opening").await;

    // The copy that a backup would hold: everything up to the first cycle.
    assert!(houses.stop(STRUCK).await.success());
    let copy = houses.directory().join("copy");
    copy_folder(&houses.data(STRUCK), &copy);
    houses.start(STRUCK).await;
    bench.agree(&houses, "the second cycle, a snapshot of the books in force").await;
    println!("{:>10} MB  of ledger and content at the house that is struck", folder_bytes(&houses.data(STRUCK)) >> 20);

    houses.kill(STRUCK);
    let begin = Instant::now();
    houses.start(STRUCK).await;
    say(begin, "killed: from the start of the process to its first answer");
    bench.is_as_before(&houses, begin, "killed").await;
    bench.agree(&houses, "killed: a new cycle").await;

    let begin = Instant::now();
    let other = houses.data(STRUCK.other());
    command(&houses, &["ledger", "verify"], &["--other", other.to_str().unwrap()]);
    say(begin, "verification of both ledgers side by side, every margin computed again");

    for (name, is_copied) in [("old copy", true), ("no copy", false)] {
        houses.kill(STRUCK);
        let data = houses.data(STRUCK);
        fs::remove_dir_all(&data).unwrap();
        let begin = Instant::now();
        if is_copied {
            copy_folder(&copy, &data);
            say(begin, &format!("{name}: copied back"));
        }
        command(&houses, &["ledger", "recover"], &[]);
        say(begin, &format!("{name}: recovered from the other house"));
        houses.start(STRUCK).await;
        say(begin, &format!("{name}: first answer"));
        bench.is_as_before(&houses, begin, name).await;
        // What no other house holds comes from the house's own systems again.
        submit_book(&houses, STRUCK, pairs).await;
        bench.agree(&houses, &format!("{name}: a new cycle")).await;
        say(begin, &format!("{name}: ALL, from the loss of the disk to the agreement on a new cycle"));
    }
}

/// The cycles run so far, and what the struck house requires of its accounts for the last.
struct Bench {
    run: u32,
    before: Vec<v1::Requirement>,
}

impl Bench {
    async fn agree(&mut self, houses: &Houses, what: &str) {
        let itd = cycle(v1::CycleKind::Itd, self.run);
        self.run += 1;
        let begin = Instant::now();
        for leg in Leg::BOTH {
            houses.clients(leg).open(&itd, 1_800).await;
        }
        for leg in Leg::BOTH {
            houses.clients(leg).wait_agreed(&itd, 1).await;
        }
        say(begin, what);
        self.before = houses.clients(STRUCK).requirements(&itd, 0).await;
        assert!(!self.before.is_empty());
    }

    /// What the struck house requires for the last cycle is what it required before the disaster.
    async fn is_as_before(&self, houses: &Houses, begin: Instant, name: &str) {
        let itd = cycle(v1::CycleKind::Itd, self.run - 1);
        let now = houses.clients(STRUCK).requirements(&itd, 0).await;
        assert!(now == self.before, "{name}: other requirements than before");
        say(begin, &format!("{name}: {} requirements read, all as before", now.len()));
    }
}

async fn fill(houses: &Houses, pairs: u32) {
    let sample = large::generate(pairs, 1);
    let date = sample::BUSINESS_DATE;
    let begin = Instant::now();
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample.links.clone()).await;
        houses.clients(leg).submit_market(date, sample.market.clone().into_items(leg)).await;
    }
    for leg in Leg::BOTH {
        submit_book(houses, leg, pairs).await;
    }
    say(begin, &format!("{pairs} pairs recorded, books and market data submitted"));
}

async fn submit_book(houses: &Houses, leg: Leg, pairs: u32) {
    let books = large::generate(pairs, 1).books;
    let book = if leg == Leg::Treasury { books.treasury } else { books.futures };
    houses.clients(leg).submit_book(book, sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap();
}

fn command(houses: &Houses, words: &[&str], more: &[&str]) {
    let output = Command::new(BINARY).args(words).arg("--config").arg(houses.config(STRUCK)).args(more).output();
    let output = output.unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&text));
}

fn say(begin: Instant, what: &str) {
    println!("{:>10.1} s   {what}", Duration::as_secs_f64(&begin.elapsed()));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let bytes = |entry: fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() { folder_bytes(&entry.path()) } else { entry.metadata().unwrap().len() }
    };
    entries.map(bytes).sum()
}
