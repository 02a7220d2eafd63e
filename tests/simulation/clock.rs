//! The clock of a house: true time, with an offset that may step and a rate that may drift.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gateway::seam::Clock;
use jiff::{SignedDuration, Timestamp};

use super::trace::TrueTime;

/// What a perfect clock shows when a simulation begins: half past nine in Chicago on the sample's business date.
pub const BEGIN: &str = "2026-02-13T15:30:00Z";
/// Longest sleep before the clock is read again, as the node's own clock has it.
const NAP: Duration = Duration::from_secs(1);

/// A house's clock.
pub struct HouseClock {
    time: TrueTime,
    course: Mutex<Course>,
}

/// What the clock shows: `shown` at the true time `since`, both in microseconds, and from then on at the rate.
#[derive(Clone, Copy)]
struct Course {
    since: i64,
    shown: i64,
    /// How much faster than true, in parts of a million.
    rate_ppm: i64,
}

/// The instant that a perfect clock shows at a true time.
pub fn true_instant(micros: u64) -> Timestamp {
    let begin: Timestamp = BEGIN.parse().unwrap();
    begin + SignedDuration::from_micros(i64::try_from(micros).unwrap())
}

/// The true time in microseconds at which a perfect clock shows an instant; 0 if before the beginning.
pub fn true_micros(instant: Timestamp) -> u64 {
    let begin: Timestamp = BEGIN.parse().unwrap();
    u64::try_from(instant.duration_since(begin).as_micros()).unwrap_or(0)
}

impl HouseClock {
    pub fn new(time: TrueTime) -> Self {
        Self { time, course: Mutex::new(Course { since: 0, shown: 0, rate_ppm: 0 }) }
    }

    fn micros(&self) -> i64 {
        let course = *self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let since = i64::try_from(self.time.micros()).unwrap() - course.since;
        course.shown + since + since * course.rate_ppm / 1_000_000
    }

    /// How far the clock is before the true time, in microseconds.
    pub fn offset_micros(&self) -> i64 {
        self.micros() - i64::try_from(self.time.micros()).unwrap()
    }

    /// From now on the clock is so far before the true time, and so much faster.
    pub fn set(&self, offset_micros: i64, rate_ppm: i64) {
        let since = i64::try_from(self.time.micros()).unwrap();
        *self.course.lock().unwrap_or_else(PoisonError::into_inner) =
            Course { since, shown: since + offset_micros, rate_ppm };
    }
}

impl Clock for HouseClock {
    fn now(&self) -> Timestamp {
        let begin: Timestamp = BEGIN.parse().unwrap();
        begin + SignedDuration::from_micros(self.micros())
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let Ok(left) = Duration::try_from(at.duration_since(self.now())) else { return };
                if left.is_zero() {
                    return;
                }
                // True time goes on tick by tick: shorter naps would not see it move.
                tokio::time::sleep(left.clamp(Duration::from_millis(5), NAP)).await;
            }
        })
    }
}
