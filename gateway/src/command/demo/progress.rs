//! What the demo is doing, on standard error.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A line that moves on a terminal; elsewhere a line for each finished step.
pub(super) struct Progress {
    bar: ProgressBar,
    step: String,
    begun: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, step: String::new(), begun: Instant::now() }
    }

    /// Begins a step, and ends the one before.
    pub(super) fn step(&mut self, step: impl Into<String>) {
        self.end();
        self.step = step.into();
        self.begun = Instant::now();
        self.bar.reset_elapsed();
        self.bar.set_message(self.step.clone());
    }

    /// Ends the step that is under way.
    pub(super) fn end(&mut self) {
        let step = std::mem::take(&mut self.step);
        if step.is_empty() {
            return;
        }
        let line = format!("  {:>6.2} s  {step}", self.begun.elapsed().as_secs_f64());
        self.bar.set_message("");
        if self.bar.is_hidden() { eprintln!("{line}") } else { self.bar.println(line) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
