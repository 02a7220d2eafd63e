//! A whole cycle of both nodes, as processes on one machine over mutual TLS: from the first byte of the first snapshot to
//! the moment at which both houses hold both statements on their disks.
//!
//! `cargo bench -p gateway --bench cycle -- [PAIRS] [RUNS]`; 10,000 pairs of 30 + 30 positions and three runs otherwise.
//! docs/performance.md has the figures, and the yardstick that they are quoted against.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first failure")]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use crossmargin::v1;
use gateway::{
    arrangement::leg::{Leg, Pair},
    sample::{self, large},
};
use support::{Houses, books::cycle};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let pairs = numbers.next().unwrap_or(10_000);
    let runs = numbers.next().unwrap_or(3);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut totals: Vec<f64> = (0..runs).map(|_| runtime.block_on(run(pairs))).collect();
    totals.sort_by(f64::total_cmp);
    println!("\n{pairs} pairs, {runs} runs: best {:.0} ms, median {:.0} ms", totals[0], totals[totals.len() / 2]);
}

/// One cycle in fresh nodes; milliseconds.
async fn run(pairs: u32) -> f64 {
    let houses = Houses::running(env!("CARGO_BIN_EXE_crossmargin")).await;
    let sample = large::generate(pairs, 1);
    let positions: usize = Leg::BOTH.iter().map(|leg| sample.books[*leg].positions().len()).sum();
    let eod = cycle(v1::CycleKind::Eod, 1);
    let date = sample::BUSINESS_DATE;
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample.links.clone()).await;
        houses.clients(leg).submit_market(date, sample.market.clone().into_items(leg)).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).open(&eod, 300).await;
    }
    let Pair { treasury, futures } = sample.books;
    let begin_us = jiff::Timestamp::now().as_microsecond();
    let begin = Instant::now();
    let full = v1::SnapshotScope::Full;
    let clients = (houses.clients(Leg::Treasury), houses.clients(Leg::Futures));
    let (first, second) =
        tokio::join!(clients.0.submit_book(treasury, date, 1, full), clients.1.submit_book(futures, date, 1, full));
    first.unwrap();
    second.unwrap();
    let submitted = begin.elapsed();
    let mut ends = Vec::new();
    let mut cycles = Vec::new();
    for leg in Leg::BOTH {
        cycles.push(houses.clients(leg).wait_agreed(&eod, 1).await);
        let at = houses.clients(leg).agreement(&eod, 1).await.agreed_at.unwrap();
        ends.push(at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000);
    }
    let total = to_ms(ends.iter().max().unwrap() - begin_us);
    println!(
        "\n{pairs} pairs, {positions} positions: {total:.0} ms from the first snapshot byte to the second durable signature"
    );
    println!("  both snapshots accepted after {:.0} ms", submitted.as_secs_f64() * 1e3);
    println!("  {:<12}{:>12}{:>12}   ends at (ms)", "step", "FICC ms", "CME ms");
    for (row, timing) in cycles[0].timings.iter().enumerate() {
        let other = cycles[1].timings.get(row);
        let of = |timing: &v1::StepTiming| to_ms(i64::try_from(timing.duration_us).unwrap_or(0));
        println!(
            "  {:<12}{:>12.1}{:>12.1}   {:>8.0} {:>8.0}",
            timing.step,
            of(timing),
            other.map_or(0.0, of),
            to_ms(timing.ended_at_us - begin_us),
            other.map_or(0.0, |t| to_ms(t.ended_at_us - begin_us)),
        );
    }
    total
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark fit a double's mantissa")]
fn to_ms(micros: i64) -> f64 {
    micros as f64 / 1e3
}
