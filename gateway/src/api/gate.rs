//! What stands before an analysis: the caller's rate, and a place among those that compute.
//!
//! An analysis has the machine's threads for itself while it computes, and a cycle needs them too. So only a few compute
//! at once, a bounded number waits, and the rest are told to come again.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::status::blocking;
use crate::identity::{CallRates, ClientIdentity, Limits, limits::COST_MAX, rate::TooOften};

/// How heavy a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// One margin or two.
    Light,
    /// Many margins, or many scenario sets.
    Heavy,
}

/// The gate of the analysis service.
pub(super) struct Gate {
    rates: CallRates,
    computing: Arc<Semaphore>,
    /// Permits of those that compute or wait.
    inside: Arc<Semaphore>,
}

/// When to try again where the length of the queue is the reason.
const QUEUE_RETRY: Duration = Duration::from_secs(1);

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        let inside = limits.analysis_computing_max.saturating_add(limits.analysis_waiting_max);
        Self {
            rates: CallRates::new(limits),
            computing: Arc::new(Semaphore::new(limits.analysis_computing_max.min(Semaphore::MAX_PERMITS))),
            inside: Arc::new(Semaphore::new(inside.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Does a piece of work for a caller when its turn comes, off the threads that serve. A caller that goes away while
    /// it waits leaves its place; work that has begun keeps its place to its end.
    pub(super) async fn run<T: Send + 'static, E: Into<Status> + Send + 'static>(
        &self,
        caller: &ClientIdentity,
        weight: Weight,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Status> {
        let places = self.enter(caller, weight).await?;
        blocking(move || {
            let done = work();
            drop(places);
            done
        })
        .await
    }

    async fn enter(&self, caller: &ClientIdentity, weight: Weight) -> Result<[OwnedSemaphorePermit; 2], Status> {
        self.rates.take(caller, weight.tokens()).map_err(too_often)?;
        let inside = Arc::clone(&self.inside).try_acquire_owned();
        let inside = inside.map_err(|_| exhausted("as many analyses wait as may", QUEUE_RETRY))?;
        let computing = Arc::clone(&self.computing).acquire_owned().await;
        // Invariant: nobody closes the semaphore.
        let computing = computing.map_err(|_| Status::unavailable("the node stops"))?;
        Ok([inside, computing])
    }
}

impl Weight {
    fn tokens(self) -> NonZeroU32 {
        let tokens = match self {
            Self::Light => 1,
            Self::Heavy => COST_MAX,
        };
        NonZeroU32::new(tokens).unwrap_or(NonZeroU32::MIN)
    }
}

fn too_often(error: TooOften) -> Status {
    match error {
        TooOften::Caller { retry_after } => exhausted("this caller has called as often as it may", retry_after),
        TooOften::Callers { retry_after } => exhausted("too many callers call at once", retry_after),
    }
}

/// A refusal that says when to try again: in words, and as `google.rpc.RetryInfo`.
fn exhausted(why: &str, retry_after: Duration) -> Status {
    // Up to the next tenth of a second, so that who keeps to the words comes through.
    let tenths = retry_after.as_millis().div_ceil(100);
    let message = format!("{why}: try again in {}.{} seconds", tenths / 10, tenths % 10);
    Status::with_error_details(Code::ResourceExhausted, message, ErrorDetails::with_retry_info(Some(retry_after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::AnalysisError;

    fn caller(role: &str) -> ClientIdentity {
        let house = "FICC".parse().unwrap();
        ClientIdentity { role: role.parse().unwrap(), house, serial: "01".into(), subject: "CN=x".into() }
    }

    #[tokio::test]
    async fn who_calls_too_often_is_told_when_to_try_again() {
        let limits = Limits { analysis_burst: COST_MAX, analysis_calls_per_second: 1, ..Limits::default() };
        let gate = Gate::new(&limits);
        let done = gate.run(&caller("member/M1"), Weight::Heavy, || Ok::<_, AnalysisError>(7)).await.unwrap();
        assert_eq!(done, 7);
        let refused = gate.run(&caller("member/M1"), Weight::Light, || Ok::<_, AnalysisError>(7)).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("try again in"), "{}", refused.message());
        let retry = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!(retry > Duration::ZERO && retry <= Duration::from_secs(1), "{retry:?}");
        gate.run(&caller("member/M2"), Weight::Heavy, || Ok::<_, AnalysisError>(7)).await.unwrap();
    }

    #[tokio::test]
    async fn a_queue_has_an_end_and_moves_on_when_work_is_done() {
        let limits = Limits { analysis_computing_max: 1, analysis_waiting_max: 1, ..Limits::default() };
        let gate = Arc::new(Gate::new(&limits));
        let member = caller("member/M1");
        let computing = gate.enter(&member, Weight::Light).await.unwrap();
        let waiting = tokio::spawn({
            let (gate, member) = (Arc::clone(&gate), member.clone());
            async move { gate.enter(&member, Weight::Light).await.map(drop) }
        });
        while gate.inside.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = gate.enter(&member, Weight::Light).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("wait") && refused.get_details_retry_info().is_some());
        drop(computing);
        waiting.await.unwrap().unwrap();
        drop(gate.enter(&member, Weight::Light).await.unwrap());
    }
}
