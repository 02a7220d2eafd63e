//! How often one caller may call: a bucket of tokens for each identity.
//!
//! A caller is known by the role of its certificate, id included, and by the house that vouches for it: however many
//! connections it opens, it has one bucket.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock, Reference},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use super::{ClientIdentity, HouseId, Limits, Role};

/// Who calls: as long as a certificate says the same, it is the same caller.
pub type Caller = (HouseId, Role);

/// One caller's tokens.
type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of every caller. `C` is the clock; a wall clock that is set back must not stop a caller, so it is the
/// machine's monotonic one.
pub struct CallRates<C: Clock = MonotonicClock> {
    table: Mutex<Table<C>>,
    clock: C,
    callers_max: usize,
    quota: Quota,
}

struct Table<C: Clock> {
    buckets: HashMap<Caller, Bucket<C>>,
    /// When full buckets were looked for last.
    swept: Option<C::Instant>,
}

/// After looking for full buckets in vain, so long without looking again: callers that are refused must cost little.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Why a call is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooOften {
    /// The caller's tokens do not suffice.
    Caller {
        /// When they will.
        retry_after: Duration,
    },
    /// Too many callers are counted.
    Callers {
        /// When the oldest may have been forgotten.
        retry_after: Duration,
    },
}

impl CallRates {
    /// The buckets that limits allow.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, MonotonicClock)
    }
}

impl<C: Clock + Clone> CallRates<C> {
    fn with_clock(limits: &Limits, clock: C) -> Self {
        // Invariant: checked limits are not zero.
        let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.analysis_calls_per_second));
        let quota = quota.allow_burst(at_least_one(limits.analysis_burst));
        let table = Mutex::new(Table { buckets: HashMap::new(), swept: None });
        Self { table, clock, callers_max: limits.analysis_callers_max, quota }
    }

    /// Takes the tokens of a call, at most the burst: the heaviest calls come through with a full bucket. A caller that is
    /// counted stays so; only a new one meets the bound of callers.
    ///
    /// # Errors
    /// [`TooOften`] says when to try again; no token is taken then.
    pub fn take(&self, caller: &ClientIdentity, tokens: NonZeroU32) -> Result<(), TooOften> {
        // Invariant: a panic leaves a whole table behind.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, burst) = (caller.caller(), self.quota.burst_size());
        if !table.buckets.contains_key(&key) && table.buckets.len() >= self.callers_max {
            table.sweep(burst, self.clock.now());
            if table.buckets.len() >= self.callers_max {
                return Err(TooOften::Callers { retry_after: SWEEP_EVERY });
            }
        }
        let new = || RateLimiter::direct_with_clock(self.quota, self.clock.clone());
        match table.buckets.entry(key).or_insert_with(new).check_n(tokens.min(burst)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(TooOften::Caller { retry_after: until.wait_time_from(self.clock.now()) }),
            // Invariant: no call costs more than the burst.
            Err(_) => Err(TooOften::Caller { retry_after: Duration::from_secs(1) }),
        }
    }
}

impl<C: Clock> Table<C> {
    /// Forgets who has a full bucket again, unless that was done just now.
    fn sweep(&mut self, burst: NonZeroU32, now: C::Instant) {
        let is_due = |swept: C::Instant| Duration::from(now.duration_since(swept)) >= SWEEP_EVERY;
        if self.swept.is_none_or(is_due) {
            // Only a full bucket gives the whole burst; one that does is dropped, one that does not loses nothing.
            self.buckets.retain(|_, bucket| !matches!(bucket.check_n(burst), Ok(Ok(()))));
            self.swept = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    fn caller(role: &str) -> ClientIdentity {
        let house = HouseId::new("FICC").unwrap();
        ClientIdentity { role: role.parse().unwrap(), house, serial: role.into(), subject: "CN=x".into() }
    }

    fn rates(limits: Limits) -> (CallRates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (CallRates::with_clock(&limits, clock.clone()), clock)
    }

    #[test]
    fn a_caller_that_has_spent_its_tokens_is_told_when_to_come_back_and_comes_through_then() {
        let limits = Limits { analysis_calls_per_second: 2, analysis_burst: 10, ..Limits::default() };
        let (rates, clock) = rates(limits);
        let member = caller("member/M1");
        (0..10).for_each(|_| rates.take(&member, ONE).unwrap());
        let Err(TooOften::Caller { retry_after }) = rates.take(&member, ONE) else { panic!("an eleventh call") };
        assert_eq!(retry_after, Duration::from_millis(500));
        clock.advance(retry_after - Duration::from_millis(1));
        rates.take(&member, ONE).unwrap_err();
        clock.advance(Duration::from_millis(1));
        rates.take(&member, ONE).unwrap();
        let Err(TooOften::Caller { retry_after }) = rates.take(&member, NonZeroU32::new(10).unwrap()) else {
            panic!("a heavy call with an empty bucket")
        };
        assert_eq!(retry_after, Duration::from_secs(5));
    }

    #[test]
    fn a_caller_is_its_role_and_not_its_certificate_and_no_caller_spends_anothers_tokens() {
        let (rates, _) = rates(Limits { analysis_burst: 10, ..Limits::default() });
        let ten = NonZeroU32::new(10).unwrap();
        rates.take(&caller("member/M1"), ten).unwrap();
        let renewed = ClientIdentity { serial: "02".into(), ..caller("member/M1") };
        rates.take(&renewed, ONE).unwrap_err();
        for other in ["member/M2", "customer/M1", "operator"] {
            rates.take(&caller(other), ten).unwrap();
        }
    }

    #[test]
    fn callers_are_counted_up_to_a_bound_and_forgotten_when_their_bucket_is_full() {
        let (rates, clock) = rates(Limits { analysis_callers_max: 2, ..Limits::default() });
        for name in ["member/M1", "member/M2"] {
            rates.take(&caller(name), ONE).unwrap();
        }
        let refused = rates.take(&caller("member/M3"), ONE).unwrap_err();
        assert!(matches!(refused, TooOften::Callers { .. }));
        clock.advance(Duration::from_secs(10));
        rates.take(&caller("member/M3"), ONE).unwrap();
    }

    #[test]
    fn a_caller_that_is_counted_goes_on_when_no_more_can_be() {
        let (rates, clock) = rates(Limits { analysis_callers_max: 2, ..Limits::default() });
        for name in ["member/M1", "member/M2"] {
            rates.take(&caller(name), NonZeroU32::new(100).unwrap()).unwrap();
        }
        clock.advance(Duration::from_secs(1));
        rates.take(&caller("member/M3"), ONE).unwrap_err();
        for name in ["member/M1", "member/M2"] {
            rates.take(&caller(name), NonZeroU32::new(20).unwrap()).unwrap();
            // Looking for full buckets took and gave none.
            rates.take(&caller(name), ONE).unwrap_err();
        }
    }

    #[test]
    fn full_buckets_are_looked_for_once_a_second_at_most() {
        let limits = Limits { analysis_callers_max: 1, analysis_calls_per_second: 20, ..Limits::default() };
        let (rates, clock) = rates(limits);
        rates.take(&caller("member/M1"), ONE).unwrap();
        rates.take(&caller("member/M2"), ONE).unwrap_err();
        // Full again after 50 ms, and not looked at before the second is over.
        clock.advance(Duration::from_millis(999));
        rates.take(&caller("member/M2"), ONE).unwrap_err();
        clock.advance(Duration::from_millis(1));
        rates.take(&caller("member/M2"), ONE).unwrap();
    }
}
