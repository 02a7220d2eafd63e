//! Prints how long the kernel takes for its job, beside the time that reading its data alone takes on this machine.
//!
//! `cargo run --release -p risk --example kernel_job -- [THREADS] [ROUNDS]`, by default 2 and 15. Times are the least of
//! all rounds, and the median behind it.

#![expect(clippy::unwrap_used, reason = "a measurement may panic")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

#[path = "../benches/job/mod.rs"]
mod job;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use rayon::prelude::*;
use risk::kernel::Level;

use crate::job::{ACCOUNTS, Job, POSITIONS, SCENARIOS, Shape};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let threads = arguments.next().unwrap_or(2);
    let rounds = arguments.next().unwrap_or(15);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let job = Job::new();

    println!("{ACCOUNTS} accounts x {POSITIONS} positions x {SCENARIOS} scenarios, {threads} threads, {rounds} rounds");
    for shape in [Shape::OneLeg, Shape::TwoLegs] {
        let legs = job.legs(shape);
        for level in Level::available() {
            let times = pool.install(|| measure(rounds, || job.run(level, &legs).unwrap()));
            report(&format!("{shape:?} {}", level.name()), &times);
        }
    }

    // Every position reads its row once: four bytes a scenario.
    let bytes = ACCOUNTS * POSITIONS * SCENARIOS * 4;
    for (cache, size) in [("second-level cache", 256 << 10), ("third-level cache", 6 << 20)] {
        let times = pool.install(|| measure(rounds, || read(threads, size, bytes)));
        report(&format!("reading {} GB from the {cache}", bytes / 1_000_000_000), &times);
    }
}

/// Adds up a block of memory again and again until so many bytes were read, on each thread its own block.
fn read(threads: usize, size: usize, bytes: usize) -> u64 {
    (0..threads)
        .into_par_iter()
        .map(|thread| {
            let block = vec![u64::try_from(thread).unwrap(); size / 8];
            (0..bytes / threads / size)
                .map(|_| black_box(&block).iter().fold(0u64, |sum, value| sum | value))
                .fold(0, |a, b| a ^ b)
        })
        .sum()
}

fn measure<T>(rounds: usize, mut run: impl FnMut() -> T) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn report(what: &str, times: &[Duration]) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{what:<44} {:8.1} ms   median {:8.1} ms", milliseconds(times[0]), milliseconds(times[times.len() / 2]));
}
