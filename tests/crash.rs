//! Crashes of real nodes on real files: SIGKILL at random moments and at every named point of the protocol, torn and
//! damaged files, full disks, and data that a node must not start on. What was acknowledged is there afterwards or the node
//! says that it is not; no house ever signs a second story. docs/crash-tests.md tells the cases and the long forms.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: a failure is a panic")]

#[path = "crash/doors.rs"]
mod doors;
#[path = "crash/files.rs"]
mod files;
#[path = "crash/full.rs"]
mod full;
#[path = "crash/keeper.rs"]
mod keeper;
#[path = "crash/kills.rs"]
mod kills;
#[path = "crash/points.rs"]
mod points;
#[path = "crash/story.rs"]
mod story;
#[path = "support/mod.rs"]
mod support;
#[path = "crash/tails.rs"]
mod tails;

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// A number from the environment that turns a short form into a long one.
fn long_form(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}: a number is needed")))
}
