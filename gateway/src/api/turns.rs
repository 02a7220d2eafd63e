//! Turns of callers: each computes one analysis at a time, and those of one caller wait behind each other, not before
//! other callers.
//!
//! A caller takes its own turn first and only then stands in the queue of all, so that the queue holds at most one call of
//! each caller: it serves callers in turn, whatever number of calls one of them makes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use crate::identity::{Limits, rate::Caller};

/// Who computes and who waits.
pub(super) struct Turns {
    callers: Arc<Callers>,
    /// Permits of those that compute.
    computing: Arc<Semaphore>,
    /// Permits of those that compute or wait.
    inside: Arc<Semaphore>,
    threads: Arc<Threads>,
}

/// Why a call cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// As many calls of its caller wait as may.
    Caller,
    /// As many calls of all callers wait as may.
    All,
}

/// A call that may wait for its turn.
pub(super) struct Waiting {
    entry: Entry,
    inside: OwnedSemaphorePermit,
    computing: Arc<Semaphore>,
    threads: Arc<Threads>,
}

/// A place to compute, with threads of its own. It is free again when this is dropped.
pub(super) struct Place {
    pool: Option<ThreadPool>,
    threads: Arc<Threads>,
    // Dropped in this order: the caller's next call finds the place free.
    _computing: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
    _inside: OwnedSemaphorePermit,
    _entry: Entry,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        let places = limits.analysis_computing_max.clamp(1, Semaphore::MAX_PERMITS);
        let inside = places.saturating_add(limits.analysis_waiting_max).min(Semaphore::MAX_PERMITS);
        Self {
            callers: Arc::new(Callers {
                inside_max: limits.analysis_waiting_per_caller_max.saturating_add(1),
                inside: Mutex::default(),
            }),
            computing: Arc::new(Semaphore::new(places)),
            inside: Arc::new(Semaphore::new(inside)),
            threads: Arc::new(Threads::new(places)),
        }
    }

    /// Lets a call of a caller wait.
    ///
    /// # Errors
    /// As many wait as may.
    pub(super) fn enter(&self, caller: Caller) -> Result<Waiting, Full> {
        let entry = Callers::enter(&self.callers, caller).ok_or(Full::Caller)?;
        let inside = Arc::clone(&self.inside).try_acquire_owned().map_err(|_| Full::All)?;
        Ok(Waiting { entry, inside, computing: Arc::clone(&self.computing), threads: Arc::clone(&self.threads) })
    }
}

impl Waiting {
    /// Waits for the caller's turn, and then for a place. Dropped, it no longer waits.
    ///
    /// # Errors
    /// Never: nobody closes a semaphore.
    pub(super) async fn turn(self) -> Result<Place, AcquireError> {
        let turn = Arc::clone(&self.entry.turn).acquire_owned().await?;
        let computing = self.computing.acquire_owned().await?;
        Ok(Place {
            pool: self.threads.take(),
            threads: self.threads,
            _computing: computing,
            _turn: turn,
            _inside: self.inside,
            _entry: self.entry,
        })
    }
}

impl Place {
    /// Runs work on the place's own threads: a cycle's work never waits in one queue with it, and neither does another
    /// place's. It waits for the work: not for an async thread.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => {
                let span = Span::current();
                pool.install(|| span.in_scope(work))
            }
            // The machine gives no more threads: better beside a cycle than not at all.
            None => work(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before the permits: who comes next finds the threads.
        self.threads.give_back(self.pool.take());
    }
}

/// The threads of places that are free. Of each place its own, since a thread that waits in a pool takes up other work of
/// that pool: one caller's short call would wait for a piece of another's long one, or for a lock that is held below it.
struct Threads {
    each: usize,
    free: Mutex<Vec<ThreadPool>>,
}

impl Threads {
    /// Half the machine over all places, and one thread at least for each.
    fn new(places: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { each: (cores / 2 / places).max(1), free: Mutex::default() }
    }

    fn take(&self) -> Option<ThreadPool> {
        let free = lock(&self.free).pop();
        free.or_else(|| {
            let pool =
                ThreadPoolBuilder::new().num_threads(self.each).thread_name(|at| format!("analysis-{at}")).build();
            pool.inspect_err(|error| tracing::warn!(%error, "an analysis has no threads of its own")).ok()
        })
    }

    fn give_back(&self, pool: Option<ThreadPool>) {
        lock(&self.free).extend(pool);
    }
}

/// The callers that compute or wait.
struct Callers {
    inside_max: usize,
    inside: Mutex<HashMap<Caller, Inside>>,
}

/// What a caller has inside.
struct Inside {
    calls: usize,
    /// One permit: the caller's turn.
    turn: Arc<Semaphore>,
}

/// One call of a caller that computes or waits.
struct Entry {
    callers: Arc<Callers>,
    caller: Caller,
    turn: Arc<Semaphore>,
}

impl Callers {
    /// `None` where as many calls of the caller are inside as may.
    fn enter(this: &Arc<Self>, caller: Caller) -> Option<Entry> {
        let mut inside = lock(&this.inside);
        let own = inside.entry(caller.clone());
        let own = own.or_insert_with(|| Inside { calls: 0, turn: Arc::new(Semaphore::new(1)) });
        if own.calls >= this.inside_max {
            return None;
        }
        own.calls += 1;
        Some(Entry { turn: Arc::clone(&own.turn), callers: Arc::clone(this), caller })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut inside = lock(&self.callers.inside);
        let Some(own) = inside.get_mut(&self.caller) else { return };
        own.calls -= 1;
        if own.calls == 0 {
            inside.remove(&self.caller);
        }
    }
}

/// Invariant: a panic leaves a whole value behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: &str) -> Caller {
        ("FICC".parse().unwrap(), role.parse().unwrap())
    }

    #[test]
    fn a_caller_may_have_so_many_calls_inside_and_is_forgotten_when_they_have_left() {
        let turns = Turns::new(&Limits { analysis_waiting_per_caller_max: 2, ..Limits::default() });
        let calls: Vec<_> = (0..3).map(|_| turns.enter(caller("member/M1")).ok().unwrap()).collect();
        assert_eq!(turns.enter(caller("member/M1")).err(), Some(Full::Caller));
        let other = turns.enter(caller("member/M2")).ok().unwrap();
        assert_eq!(lock(&turns.callers.inside).len(), 2);
        drop((calls, other));
        assert!(lock(&turns.callers.inside).is_empty());
        turns.enter(caller("member/M1")).ok().unwrap();
    }

    #[test]
    fn all_callers_together_may_have_so_many_calls_inside() {
        let limits = Limits { analysis_computing_max: 1, analysis_waiting_max: 1, ..Limits::default() };
        let turns = Turns::new(&limits);
        let calls = ["member/M1", "member/M2"].map(|role| turns.enter(caller(role)).ok().unwrap());
        assert_eq!(turns.enter(caller("member/M3")).err(), Some(Full::All));
        drop(calls);
        turns.enter(caller("member/M3")).ok().unwrap();
    }

    #[tokio::test]
    async fn a_caller_with_many_calls_leaves_the_other_places_to_other_callers() {
        let turns = Turns::new(&Limits { analysis_computing_max: 2, ..Limits::default() });
        let first = turns.enter(caller("member/M1")).ok().unwrap().turn().await.unwrap();
        let mut second = Box::pin(turns.enter(caller("member/M1")).ok().unwrap().turn());
        assert!(futures_util::poll!(&mut second).is_pending(), "a place is free, but not for the same caller");
        let other = turns.enter(caller("member/M2")).ok().unwrap().turn().await.unwrap();
        drop(first);
        let second = second.await.unwrap();
        drop((second, other));
    }

    #[tokio::test]
    async fn with_one_place_callers_are_served_in_turn() {
        let turns = Turns::new(&Limits { analysis_computing_max: 1, ..Limits::default() });
        let first = turns.enter(caller("member/M1")).ok().unwrap().turn().await.unwrap();
        let mut second = Box::pin(turns.enter(caller("member/M1")).ok().unwrap().turn());
        assert!(futures_util::poll!(&mut second).is_pending());
        let mut other = Box::pin(turns.enter(caller("member/M2")).ok().unwrap().turn());
        assert!(futures_util::poll!(&mut other).is_pending());
        drop(first);
        // It came after the second call of the first caller, and goes before it.
        assert!(futures_util::poll!(&mut second).is_pending());
        let other = other.await.unwrap();
        drop(other);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_call_that_goes_away_while_it_waits_leaves_its_turn() {
        let turns = Turns::new(&Limits::default());
        let first = turns.enter(caller("member/M1")).ok().unwrap().turn().await.unwrap();
        let mut gone = Box::pin(turns.enter(caller("member/M1")).ok().unwrap().turn());
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        drop(first);
        turns.enter(caller("member/M1")).ok().unwrap().turn().await.unwrap();
        assert!(lock(&turns.callers.inside).is_empty());
    }

    #[tokio::test]
    async fn work_runs_on_threads_of_its_place_that_the_next_one_finds_again() {
        let turns = Turns::new(&Limits::default());
        for _ in 0..2 {
            let place = turns.enter(caller("operator")).ok().unwrap().turn().await.unwrap();
            let name = place.run(|| std::thread::current().name().map(str::to_owned)).unwrap();
            assert!(name.starts_with("analysis-"), "{name}");
            drop(place);
            assert_eq!(lock(&turns.threads.free).len(), 1);
        }
    }
}
