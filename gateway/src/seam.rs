//! Where a node takes its time from, and where it does its long work, so that a simulation can put its own in.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::telemetry;

/// A clock.
pub trait Clock: Send + Sync + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;

    /// Waits until the clock shows `at` or later.
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A clock that many share.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Longest sleep before the clock is read again, so that a step of the machine's clock is noticed.
const NAP: Duration = Duration::from_secs(1);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let Ok(left) = Duration::try_from(at.duration_since(self.now())) else { return };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(NAP)).await;
            }
        })
    }
}

/// How long a piece of work is to take, asked before and after each. See [`Executor::Inline`].
pub type Pace = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Where a node does what would hold up the threads that serve: it computes, reads and writes the store.
#[derive(Clone, Default)]
pub enum Executor {
    /// On threads of the runtime for such work.
    #[default]
    Threads,
    /// Where it is asked for, so that one thread does everything in an order that repeats. By the runtime's clock it
    /// begins after one answer of the pace, and is done after another one.
    Inline(Pace),
}

/// Work that panicked, or that the end of the runtime cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a piece of work of this node failed: its log says where")]
pub struct WorkFailed;

impl Executor {
    /// Does a piece of work, within the span that is current now. Work that has begun goes on to its end, though nobody
    /// may wait for it any more.
    ///
    /// # Errors
    /// The work panicked, or the runtime ends.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, WorkFailed> {
        match self {
            Self::Threads => telemetry::spawn_blocking(work).await.map_err(|_| WorkFailed),
            Self::Inline(pace) => {
                tokio::time::sleep(pace()).await;
                let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| WorkFailed);
                tokio::time::sleep(pace()).await;
                done
            }
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "Threads",
            Self::Inline(_) => "Inline",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executors() -> [Executor; 2] {
        [Executor::Threads, Executor::Inline(Arc::new(|| Duration::from_secs(3)))]
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_wherever_it_is_done() {
        tokio::time::pause();
        for executor in executors() {
            assert_eq!(executor.run(|| 7).await, Ok(7), "{executor:?}");
            assert_eq!(executor.run(|| panic!("a fault")).await, Err::<(), _>(WorkFailed), "{executor:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn inline_work_is_done_on_the_thread_that_asks_and_takes_the_time_that_it_is_given() {
        let [_, inline] = executors();
        let (thread, begun) = (std::thread::current().id(), tokio::time::Instant::now());
        assert_eq!(inline.run(|| std::thread::current().id()).await, Ok(thread));
        assert_eq!(begun.elapsed(), Duration::from_secs(6));
    }
}
