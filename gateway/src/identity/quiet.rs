//! How often refusals are logged: whoever is refused must not be able to fill the disk with it.

use std::{
    num::NonZeroU32,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

/// Lines a second, and at once.
const LINES_PER_SECOND: u32 = 10;
const LINES_BURST: u32 = 100;

/// One for the process, as its log is.
static REFUSALS: LazyLock<Quiet> = LazyLock::new(|| Quiet::new(MonotonicClock));

/// Whether a refusal may be logged now, and how many were not since the last that was.
pub(super) fn say() -> Option<u64> {
    REFUSALS.say()
}

struct Quiet<C: Clock = MonotonicClock> {
    lines: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    unsaid: AtomicU64,
}

impl<C: Clock> Quiet<C> {
    fn new(clock: C) -> Self {
        let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(LINES_PER_SECOND)).allow_burst(at_least_one(LINES_BURST));
        Self { lines: RateLimiter::direct_with_clock(quota, clock), unsaid: AtomicU64::new(0) }
    }

    fn say(&self) -> Option<u64> {
        if self.lines.check().is_ok() {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_flood_of_refusals_is_said_up_to_a_bound_and_the_rest_is_counted() {
        let clock = FakeRelativeClock::default();
        let quiet = Quiet::new(clock.clone());
        let said = (0..1_000).filter(|_| quiet.say().is_some()).count();
        assert_eq!(said, usize::try_from(LINES_BURST).unwrap());
        clock.advance(Duration::from_secs(1));
        assert_eq!(quiet.say(), Some(900));
        assert_eq!(quiet.say(), Some(0));
    }
}
