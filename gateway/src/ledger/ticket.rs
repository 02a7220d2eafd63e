//! The answer to an append: a promise that completes when the records are durable.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use super::{LedgerError, RecordHash, Sequence};

/// Where the records of one append are, now that they are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The sequence of the append's first record.
    pub first: Sequence,
    /// The sequence of its last record.
    pub last: Sequence,
    /// The hash of its last record.
    pub hash: RecordHash,
}

/// Completes when an append is durable, or with the reason why it is not. Dropping it does not withdraw the append.
#[derive(Debug)]
#[must_use = "an append counts only when its ticket has completed"]
pub struct Ticket(State);

#[derive(Debug)]
enum State {
    Refused(Option<LedgerError>),
    Pending(oneshot::Receiver<Result<Appended, LedgerError>>),
}

impl Ticket {
    /// A ticket for an append that was refused before it was queued.
    pub fn refused(error: LedgerError) -> Self {
        Self(State::Refused(Some(error)))
    }

    /// A ticket, and the sender that completes it.
    pub fn pending() -> (oneshot::Sender<Result<Appended, LedgerError>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(State::Pending(receiver)))
    }

    /// Waits on the current thread, for callers outside an async runtime.
    ///
    /// # Panics
    /// When called on a runtime's own thread, which it would block.
    pub fn wait(self) -> Result<Appended, LedgerError> {
        match self.0 {
            State::Refused(error) => Err(error.unwrap_or(LedgerError::Closed)),
            State::Pending(receiver) => receiver.blocking_recv().unwrap_or(Err(LedgerError::Closed)),
        }
    }
}

impl Future for Ticket {
    type Output = Result<Appended, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(LedgerError::Closed))),
            State::Pending(receiver) => {
                Pin::new(receiver).poll(context).map(|outcome| outcome.unwrap_or(Err(LedgerError::Closed)))
            }
        }
    }
}
