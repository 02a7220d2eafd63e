//! What one direction costs: checked and recorded in memory, and through a node's whole path - its loop and its ledger on
//! the disk - over books of 1,000, 10,000 and 100,000 links.
//!
//! `cargo bench -p gateway --bench directions` prints a table. With `-- million [LINKS]` a node takes a million directions
//! of one day over a book of 1,000 links, and is stopped and started again. The folder is that of `TMPDIR`: set it to the
//! disk that the ledger will be on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first failure")]

#[path = "directions/memory.rs"]
mod memory;
#[path = "directions/node.rs"]
mod node_path;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use crossmargin::v1;
use gateway::sample;

/// Sizes of the books, in links.
const LINKS: [usize; 3] = [1_000, 10_000, 100_000];
/// Directions that are measured in memory.
const IN_MEMORY: u64 = 100_000;
/// Directions that are measured through a node, one after another and many at once.
const ONE_BY_ONE: u64 = 500;
const AT_ONCE: u64 = 20_000;
/// Directions that wait for the ledger at once.
const WAITING: usize = 256;
/// Directions of the long form.
const MILLION: u64 = 1_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if arguments.first().is_some_and(|word| word == "million") {
        let links = arguments.get(1).map_or(LINKS[0], |text| text.parse().expect("a number of links"));
        return runtime.block_on(million(links));
    }
    println!(
        "{:>9}  {:>14}  {:>18}  {:>22}",
        "links",
        "in memory",
        "node, one by one",
        format!("node, {WAITING} at once")
    );
    for links in LINKS {
        let in_memory = memory::per_direction(links, IN_MEMORY);
        let (one_by_one, at_once) = runtime.block_on(async {
            let house = node_path::House::new();
            let node = house.start().await;
            node.fill(links).await;
            let one_by_one = node.direct(1, ONE_BY_ONE, 1).await;
            let at_once = node.direct(ONE_BY_ONE + 1, AT_ONCE, WAITING).await;
            node.stop().await;
            (one_by_one, at_once)
        });
        println!("{links:>9}  {:>14}  {:>18}  {:>22}", micros(in_memory), micros(one_by_one), micros(at_once));
    }
}

/// A million directions in a day, and a start behind them.
async fn million(links: usize) {
    let house = node_path::House::new();
    let node = house.start().await;
    node.fill(links).await;
    println!("{:>9}  {:>14}", "directed", "each");
    for part in 0..10 {
        let count = MILLION / 10;
        let each = node.direct(part * count + 1, count, WAITING).await;
        println!("{:>9}  {:>14}", (part + 1) * count, micros(each));
    }
    let (number, is_replay) = node.direct_one(MILLION).await;
    assert!(is_replay);
    let begin = Instant::now();
    node.stop().await;
    println!("stopped in {:.1} s", begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let node = house.start().await;
    println!("started in {:.1} s", begin.elapsed().as_secs_f64());
    // A request that is sent again is answered and not recorded, and the numbers go on.
    assert_eq!(node.direct_one(MILLION).await, (number, true));
    assert_eq!(node.direct_one(MILLION + 1).await, (MILLION + 1, false));
    node.stop().await;
}

fn micros(each: Duration) -> String {
    format!("{:.1} us", each.as_secs_f64() * 1e6)
}

/// The accounts of a link, and the regular account beside it.
fn accounts(place: usize) -> (String, String) {
    (format!("XM-{place:06}"), format!("REG-{place:06}"))
}

/// The request of a number: ten contracts into a cross-margin account, and with the next request of the account back.
fn request(number: u64, pairs: usize) -> v1::DirectPositionsRequest {
    let pairs = pairs as u64;
    let (cross_margin, regular) = accounts(usize::try_from(number % pairs).unwrap());
    let is_out = (number / pairs) % 2 == 1;
    let (from_account, to_account) = if is_out { (cross_margin, regular) } else { (regular, cross_margin) };
    let leg = v1::PositionLeg { from_account, to_account, instrument: "FUT:ZN:2026-03".to_owned(), quantity: 10 };
    v1::DirectPositionsRequest {
        request_id: format!("r-{number}"),
        business_date: sample::BUSINESS_DATE.to_string(),
        legs: vec![leg],
        ..Default::default()
    }
}
