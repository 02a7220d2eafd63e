//! How often one caller may call: a bucket of tokens for each identity.
//!
//! A caller is known by the role of its certificate, id included, and by the house that vouches for it: however many
//! connections it opens, it has one bucket.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};

use super::{ClientIdentity, HouseId, Limits, Role};

/// Who calls: as long as a certificate says the same, it is the same caller.
pub type Caller = (HouseId, Role);

/// The buckets of every caller. `C` is the clock; a wall clock that is set back must not stop a caller, so it is the
/// machine's monotonic one.
pub struct CallRates<C: Clock = MonotonicClock> {
    limiter: RateLimiter<Caller, HashMapStateStore<Caller>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    callers_max: usize,
    burst: NonZeroU32,
}

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
        let burst = at_least_one(limits.analysis_burst);
        let quota = quota.allow_burst(burst);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), clock.clone());
        Self { limiter, clock, callers_max: limits.analysis_callers_max, burst }
    }

    /// Takes the tokens of a call, at most the burst: the heaviest calls come through with a full bucket.
    ///
    /// # Errors
    /// [`TooOften`] says when to try again; no token is taken then.
    pub fn take(&self, caller: &ClientIdentity, tokens: NonZeroU32) -> Result<(), TooOften> {
        if self.limiter.len() >= self.callers_max {
            // Forgets who has a full bucket again.
            self.limiter.retain_recent();
            if self.limiter.len() >= self.callers_max {
                return Err(TooOften::Callers { retry_after: Duration::from_secs(1) });
            }
        }
        let key = caller.caller();
        match self.limiter.check_key_n(&key, tokens.min(self.burst)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(TooOften::Caller { retry_after: until.wait_time_from(self.clock.now()) }),
            // Invariant: no call costs more than the burst.
            Err(_) => Err(TooOften::Caller { retry_after: Duration::from_secs(1) }),
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
}
