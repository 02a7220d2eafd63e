//! How often one caller may call: a bucket of tokens for each identity.
//!
//! A caller is known by the role of its certificate, id included, and by the house that vouches for it: however many
//! connections it opens, it has one bucket. Connections whose certificate gives no role share one.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use tokio::time::Instant;

use super::{
    ClientIdentity, HouseId, Limits, Role, RoleKind,
    limits::{Rate, RoleRates},
};

/// Who calls: as long as a certificate says the same, it is the same caller.
pub type Caller = (HouseId, Role);

/// One caller's tokens.
type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of every caller. `C` is the clock; a wall clock that is set back must not stop a caller, so it is the
/// runtime's, which is monotonic.
pub struct CallRates<C: Clock = RuntimeClock> {
    table: Mutex<Table<C>>,
    clock: C,
    callers_max: usize,
    rates: RoleRates,
}

/// A caller, or all that have no role.
type Key = Option<Caller>;

struct Table<C: Clock> {
    buckets: HashMap<Key, Bucket<C>>,
    /// When full buckets were looked for last.
    swept: Option<C::Instant>,
}

/// After looking for full buckets in vain, so long without looking again: callers that are refused must cost little.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The runtime's time since the clock was made: the machine's monotonic time, and in a simulation the simulated one.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeClock(Instant);

impl Default for RuntimeClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RuntimeClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
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
    /// The buckets of all calls, by role.
    #[must_use]
    pub fn of_calls(limits: &Limits) -> Self {
        Self::with_clock(limits.calls.clone(), limits.callers_max, RuntimeClock::default())
    }

    /// The buckets of the analysis service, equal for all roles.
    #[must_use]
    pub fn of_analyses(limits: &Limits) -> Self {
        Self::with_clock(analyses(limits), limits.analysis_callers_max, RuntimeClock::default())
    }
}

fn analyses(limits: &Limits) -> RoleRates {
    // Invariant: checked limits are not zero.
    let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    RoleRates::equal(Rate {
        per_second: at_least_one(limits.analysis_calls_per_second),
        burst: at_least_one(limits.analysis_burst),
    })
}

impl<C: Clock + Clone> CallRates<C> {
    fn with_clock(rates: RoleRates, callers_max: usize, clock: C) -> Self {
        let table = Mutex::new(Table { buckets: HashMap::new(), swept: None });
        Self { table, clock, callers_max, rates }
    }

    /// Takes the tokens of a call, at most the burst: the heaviest calls come through with a full bucket. A caller that is
    /// counted stays so; only a new one meets the bound of callers. A caller without an identity is one of those without a
    /// role.
    ///
    /// # Errors
    /// [`TooOften`] says when to try again; no token is taken then.
    pub fn take<'a>(&self, caller: impl Into<Option<&'a ClientIdentity>>, tokens: NonZeroU32) -> Result<(), TooOften> {
        // Invariant: a panic leaves a whole table behind.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let key = caller.into().map(ClientIdentity::caller);
        let quota = quota(self.rates.of(&key));
        let is_new = !table.buckets.contains_key(&key);
        // Roles without an id are a handful, and the other house is one: many members do not keep them out.
        if is_new && are_many(&key) && table.buckets.len() >= self.callers_max {
            table.sweep(&self.rates, self.clock.now());
            if table.buckets.len() >= self.callers_max {
                return Err(TooOften::Callers { retry_after: SWEEP_EVERY });
            }
        }
        let new = || RateLimiter::direct_with_clock(quota, self.clock.clone());
        match table.buckets.entry(key).or_insert_with(new).check_n(tokens.min(quota.burst_size())) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(TooOften::Caller { retry_after: until.wait_time_from(self.clock.now()) }),
            // Invariant: no call costs more than the burst.
            Err(_) => Err(TooOften::Caller { retry_after: Duration::from_secs(1) }),
        }
    }
}

fn quota(rate: Rate) -> Quota {
    Quota::per_second(rate.per_second).allow_burst(rate.burst)
}

fn are_many(key: &Key) -> bool {
    key.as_ref().is_some_and(|(_, role)| {
        matches!(role.kind(), RoleKind::Member | RoleKind::MemberAdministrator | RoleKind::Customer)
    })
}

impl RoleRates {
    fn of(&self, key: &Key) -> Rate {
        key.as_ref().map_or(self.without_role, |(_, role)| self.of_role(role.kind()))
    }
}

impl<C: Clock> Table<C> {
    /// Forgets who has a full bucket again, unless that was done just now.
    fn sweep(&mut self, rates: &RoleRates, now: C::Instant) {
        let is_due = |swept: C::Instant| Duration::from(now.duration_since(swept)) >= SWEEP_EVERY;
        if self.swept.is_none_or(is_due) {
            // Only a full bucket gives the whole burst; one that does is dropped, one that does not loses nothing.
            self.buckets.retain(|key, bucket| !matches!(bucket.check_n(rates.of(key).burst), Ok(Ok(()))));
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

    fn rates(limits: &Limits) -> (CallRates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (CallRates::with_clock(analyses(limits), limits.analysis_callers_max, clock.clone()), clock)
    }

    #[test]
    fn a_caller_that_has_spent_its_tokens_is_told_when_to_come_back_and_comes_through_then() {
        let limits = Limits { analysis_calls_per_second: 2, analysis_burst: 10, ..Limits::default() };
        let (rates, clock) = rates(&limits);
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
        let (rates, _) = rates(&Limits { analysis_burst: 10, ..Limits::default() });
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
        let (rates, clock) = rates(&Limits { analysis_callers_max: 2, ..Limits::default() });
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
        let (rates, clock) = rates(&Limits { analysis_callers_max: 2, ..Limits::default() });
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
        let (rates, clock) = rates(&limits);
        rates.take(&caller("member/M1"), ONE).unwrap();
        rates.take(&caller("member/M2"), ONE).unwrap_err();
        // Full again after 50 ms, and not looked at before the second is over.
        clock.advance(Duration::from_millis(999));
        rates.take(&caller("member/M2"), ONE).unwrap_err();
        clock.advance(Duration::from_millis(1));
        rates.take(&caller("member/M2"), ONE).unwrap();
    }

    #[test]
    fn each_role_has_its_own_rate_and_who_has_no_role_shares_one_with_all_like_it() {
        let of = |per_second, burst| Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        let table = RoleRates { member: of(1, 2), peer: of(5, 7), without_role: of(1, 3), ..RoleRates::default() };
        let rates = CallRates::with_clock(table, 10, FakeRelativeClock::default());
        let through =
            |caller: Option<&ClientIdentity>| (0..100).take_while(|_| rates.take(caller, ONE).is_ok()).count();
        assert_eq!(through(Some(&caller("member/M1"))), 2);
        assert_eq!(through(Some(&caller("member/M2"))), 2);
        assert_eq!(through(Some(&caller("peer/CME"))), 7);
        assert_eq!(through(None), 3);
        assert_eq!(through(None), 0);
    }

    #[test]
    fn many_members_do_not_keep_the_other_house_and_the_own_operations_out() {
        let (rates, _) = rates(&Limits { analysis_callers_max: 1, ..Limits::default() });
        rates.take(&caller("member/M1"), ONE).unwrap();
        for role in ["member/M2", "customer/C1", "member-administrator/M1"] {
            assert!(matches!(rates.take(&caller(role), ONE), Err(TooOften::Callers { .. })), "{role}");
        }
        for role in ["peer/CME", "operator", "administrator", "margin-reader", "position-source"] {
            rates.take(&caller(role), ONE).unwrap();
        }
        rates.take(None, ONE).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_the_buckets_is_the_runtimes() {
        let clock = RuntimeClock::default();
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now() - before, Duration::from_secs(5));
    }
}
