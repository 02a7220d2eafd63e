//! The report of a run: seeds, faults by kind, how cycles ended, simulated and real time.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{hours, world::Outcome};

/// What some seeds came to.
#[derive(Debug, Default)]
pub struct Report {
    seeds: u64,
    pub failed: Vec<u64>,
    counts: BTreeMap<String, u64>,
    /// The lowest seed in which something was counted: where to look at it.
    lowest: BTreeMap<String, u64>,
    simulated: Duration,
    wall: Duration,
}

impl Report {
    pub fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        if !outcome.violations.is_empty() {
            self.failed.push(seed);
            self.failed.sort_unstable();
        }
        for (what, count) in &outcome.counts {
            *self.counts.entry(what.clone()).or_default() += count;
            let lowest = self.lowest.entry(what.clone()).or_insert(seed);
            *lowest = seed.min(*lowest);
        }
        self.simulated += outcome.simulated;
        self.wall += outcome.wall;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, count: &dyn fmt::Display| writeln!(f, "{what:<46} {count:>12}");
        row("seeds", &self.seeds)?;
        row("seeds that fail", &self.failed.len())?;
        row("simulated hours", &hours(self.simulated))?;
        row("seconds of real time, all threads together", &format!("{:.1}", self.wall.as_secs_f64()))?;
        for (what, count) in &self.counts {
            let lowest = self.lowest.get(what).map(|seed| format!("seed {seed}")).unwrap_or_default();
            row(what, &format!("{count:>12} {lowest:>12}"))?;
        }
        Ok(())
    }
}
