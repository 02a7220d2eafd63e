//! What well-behaved callers wait for their answers.

use std::time::Duration;

/// How long each call of one kind took.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// A row of a table of Markdown: count, median, 99th percentile and maximum in milliseconds.
    pub(crate) fn row(&mut self, during: &str, what: &str) -> String {
        self.0.sort_unstable();
        let at = |share: usize| {
            let place = (self.0.len() * share / 100).min(self.0.len().saturating_sub(1));
            self.0.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
        };
        format!("| {during} | {what} | {} | {:.1} | {:.1} | {:.1} |", self.0.len(), at(50), at(99), at(100))
    }
}
