//! What stands before an analysis: the caller's rate, its turn, and a place among those that compute.
//!
//! An analysis has its place's threads for itself while it computes, and a cycle needs the machine too. So only a few
//! compute at once, each caller one, a bounded number waits, and the rest are told to come again.

use std::{num::NonZeroU32, time::Duration};

use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    status::blocking,
    turns::{Full, Place, Turns},
};
use crate::{
    analysis::{DAYS_MAX, NEW_INSTRUMENTS_MAX},
    identity::{CallRates, ClientIdentity, Limits, calls::exhausted, limits::COST_MAX, rate::TooOften},
    seam::Executor,
};

/// How heavy a call is, by what its request shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// One account, as it stands.
    Light,
    /// Every account, or many days.
    Heavy,
    /// One portfolio, with changes that may bring new instruments.
    Positions {
        /// Number of changes.
        changes: usize,
    },
    /// The same after each day of a path.
    Path {
        /// Number of days.
        days: usize,
        /// Number of changes.
        changes: usize,
    },
    /// The same with many quantities of each candidate.
    Suggestions {
        /// Number of candidates, directable ones among them.
        candidates: usize,
        /// Number of changes.
        changes: usize,
    },
}

/// New instruments whose valuation costs as much as a trial of positions that are all held.
const INSTRUMENTS_PER_TOKEN: usize = 100;
/// Candidates whose search costs as much.
const CANDIDATES_PER_TOKEN: usize = 10;

/// The gate of the analysis service.
pub(super) struct Gate {
    rates: CallRates,
    turns: Turns,
    executor: Executor,
}

/// When to try again where the length of the queue is the reason.
const QUEUE_RETRY: Duration = Duration::from_secs(1);

impl Gate {
    pub(super) fn new(limits: &Limits, executor: Executor) -> Self {
        Self { rates: CallRates::of_analyses(limits), turns: Turns::new(limits), executor }
    }

    /// Does a piece of work for a caller when its turn comes, off the threads that serve. A caller that goes away while
    /// it waits leaves its place; work that has begun is told by the token and keeps its place to its end.
    pub(super) async fn run<T: Send + 'static, E: Into<Status> + Send + 'static>(
        &self,
        caller: &ClientIdentity,
        weight: Weight,
        work: impl FnOnce(&CancellationToken) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Status> {
        let place = self.enter(caller, weight).await?;
        let gone = CancellationToken::new();
        // Dropped with this future, which is dropped with its call.
        let _here = gone.clone().drop_guard();
        blocking(&self.executor, move || place.run(|| work(&gone))).await
    }

    async fn enter(&self, caller: &ClientIdentity, weight: Weight) -> Result<Place, Status> {
        self.rates.take(caller, weight.tokens()).map_err(too_often)?;
        let waiting = self.turns.enter(caller.caller()).map_err(|full| match full {
            Full::Caller => exhausted("as many analyses of this caller wait as may", QUEUE_RETRY),
            Full::All => exhausted("as many analyses wait as may", QUEUE_RETRY),
        })?;
        waiting.turn().await.map_err(|_| Status::unavailable("the node stops"))
    }
}

impl Weight {
    /// What it costs. Past the burst a caller pays its whole burst.
    fn tokens(self) -> NonZeroU32 {
        let new = |changes: usize| changes.min(NEW_INSTRUMENTS_MAX) / INSTRUMENTS_PER_TOKEN;
        let heavy = usize::try_from(COST_MAX).unwrap_or(usize::MAX);
        let tokens = match self {
            Self::Light => 1,
            Self::Heavy => heavy,
            Self::Positions { changes } => 1 + new(changes),
            // One that is too long is refused at once.
            Self::Path { days, .. } if days > DAYS_MAX => heavy,
            Self::Path { days, changes } => heavy.max(days * (1 + new(changes))),
            Self::Suggestions { candidates, changes } => heavy + candidates / CANDIDATES_PER_TOKEN + new(changes),
        };
        u32::try_from(tokens).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
    }
}

fn too_often(error: TooOften) -> Status {
    match error {
        TooOften::Caller { retry_after } => exhausted("this caller has called as often as it may", retry_after),
        TooOften::Callers { retry_after } => exhausted("too many callers call at once", retry_after),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use tokio::sync::oneshot;
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;
    use crate::analysis::AnalysisError;

    fn caller(role: &str) -> ClientIdentity {
        let house = "FICC".parse().unwrap();
        ClientIdentity { role: role.parse().unwrap(), house, serial: "01".into(), subject: "CN=x".into() }
    }

    #[tokio::test]
    async fn who_calls_too_often_is_told_when_to_try_again() {
        let limits = Limits { analysis_burst: COST_MAX, analysis_calls_per_second: 1, ..Limits::default() };
        let gate = Gate::new(&limits, Executor::Threads);
        let done = gate.run(&caller("member/M1"), Weight::Heavy, |_| Ok::<_, AnalysisError>(7)).await.unwrap();
        assert_eq!(done, 7);
        let refused = gate.run(&caller("member/M1"), Weight::Light, |_| Ok::<_, AnalysisError>(7)).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("try again in"), "{}", refused.message());
        let retry = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!(retry > Duration::ZERO && retry <= Duration::from_secs(1), "{retry:?}");
        gate.run(&caller("member/M2"), Weight::Heavy, |_| Ok::<_, AnalysisError>(7)).await.unwrap();
    }

    #[tokio::test]
    async fn a_call_of_another_caller_is_served_before_the_many_heavy_ones_of_the_first() {
        let gate = Arc::new(Gate::new(&Limits::default(), Executor::Threads));
        let (began, first_began) = oneshot::channel();
        let (release, held) = mpsc::channel::<()>();
        let mut began = Some(began);
        let mut held = Some(held);
        let mut calls = Vec::new();
        for _ in 0..4 {
            let (gate, began, held) = (Arc::clone(&gate), began.take(), held.take());
            calls.push(tokio::spawn(async move {
                let work = move |_: &CancellationToken| {
                    began.into_iter().for_each(|began| began.send(()).unwrap());
                    // Until the other caller has its answer.
                    held.into_iter().for_each(|held| assert!(held.recv().is_err()));
                    Ok::<_, AnalysisError>(())
                };
                gate.run(&caller("member/M1"), Weight::Heavy, work).await
            }));
        }
        first_began.await.unwrap();
        let work = |_: &CancellationToken| Ok::<_, AnalysisError>(7);
        assert_eq!(gate.run(&caller("member/M2"), Weight::Heavy, work).await.unwrap(), 7);
        assert!(calls.iter().all(|call| !call.is_finished()), "the first caller's calls are still there");
        drop(release);
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_caller_has_a_bounded_number_of_calls_waiting() {
        let limits = Limits { analysis_waiting_per_caller_max: 0, ..Limits::default() };
        let gate = Gate::new(&limits, Executor::Threads);
        let computing = gate.enter(&caller("member/M1"), Weight::Light).await.unwrap();
        let refused = gate.enter(&caller("member/M1"), Weight::Light).await.err().unwrap();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("wait") && refused.get_details_retry_info().is_some());
        drop(gate.enter(&caller("member/M2"), Weight::Light).await.unwrap());
        drop(computing);
        drop(gate.enter(&caller("member/M1"), Weight::Light).await.unwrap());
    }

    #[tokio::test]
    async fn work_is_told_that_its_caller_has_gone() {
        let gate = Arc::new(Gate::new(&Limits::default(), Executor::Threads));
        let (began, has_begun) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        let call = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move {
                let work = move |gone: &CancellationToken| {
                    began.send(()).unwrap();
                    while !gone.is_cancelled() {
                        std::thread::yield_now();
                    }
                    ended.send(()).unwrap();
                    Ok::<_, AnalysisError>(())
                };
                gate.run(&caller("member/M1"), Weight::Heavy, work).await
            }
        });
        has_begun.await.unwrap();
        call.abort();
        has_ended.await.unwrap();
        // Its turn is free again.
        gate.run(&caller("member/M1"), Weight::Light, |_| Ok::<_, AnalysisError>(())).await.unwrap();
    }

    #[test]
    fn a_call_costs_more_the_more_it_computes() {
        let path = |days, changes| Weight::Path { days, changes };
        let suggestions = |candidates, changes| Weight::Suggestions { candidates, changes };
        for (weight, tokens) in [
            (Weight::Light, 1),
            (Weight::Heavy, 10),
            (Weight::Positions { changes: 0 }, 1),
            (Weight::Positions { changes: 10_000 }, 6),
            (path(1, 0), 10),
            (path(60, 0), 60),
            (path(60, 500), 360),
            (path(61, 500), 10),
            (path(usize::MAX, usize::MAX), 10),
            (suggestions(0, 0), 10),
            (suggestions(500, 500), 65),
        ] {
            assert_eq!(weight.tokens().get(), tokens, "{weight:?}");
        }
    }

    #[tokio::test]
    async fn the_heaviest_call_costs_the_whole_burst_and_is_let_through() {
        let gate = Gate::new(&Limits::default(), Executor::Threads);
        let heaviest = Weight::Path { days: DAYS_MAX, changes: 500 };
        drop(gate.enter(&caller("member/M1"), heaviest).await.unwrap());
        let refused = gate.enter(&caller("member/M1"), Weight::Heavy).await.err().unwrap();
        assert_eq!(refused.code(), Code::ResourceExhausted);
    }
}
