//! What happens in a simulation, in order, each line with its simulated time: what two runs of one seed must agree on to
//! the last line, and what a failing seed prints.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Simulated time since the beginning, in microseconds, true at all hosts alike: what a perfect clock would show.
#[derive(Clone, Debug, Default)]
pub struct TrueTime(Arc<AtomicU64>);

impl TrueTime {
    /// Microseconds since the beginning.
    pub fn micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Seconds since the beginning.
    pub fn seconds(&self) -> u64 {
        self.micros() / 1_000_000
    }

    pub fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

/// The trace of one simulation. A clone writes to the same.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub time: TrueTime,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    lines: Vec<String>,
    counts: BTreeMap<String, u64>,
    violations: Vec<String>,
}

impl Trace {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line: who, and what happened.
    pub fn add(&self, who: &str, what: impl fmt::Display) {
        let at = self.time.micros();
        let line = format!("{:>4}.{:03} {who:<10} {what}", at / 1_000_000, at % 1_000_000 / 1_000);
        self.lock().lines.push(line);
    }

    /// Counts something for the report.
    pub fn count(&self, what: &str) {
        *self.lock().counts.entry(what.to_owned()).or_default() += 1;
    }

    /// A promise was broken.
    pub fn violation(&self, what: impl fmt::Display) {
        self.add("CHECKER", format!("VIOLATION {what}"));
        self.lock().violations.push(what.to_string());
    }

    /// Every broken promise.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// Every line.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// What was counted.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }
}
