//! Ends connections whose client does not read what it asked for.
//!
//! Neither hyper nor h2 has a deadline here. A client that gives no window, or does not read its socket, would hold every
//! answer in memory until the connection's age ends it; and one that goes on sending is never pinged.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};
use tonic::{Status, body::Body};

/// The answers of one connection that wait for their reader.
#[derive(Debug, Default)]
pub struct Unread {
    last: AtomicU64,
    /// By number, since when.
    waiting: Mutex<BTreeMap<u64, Instant>>,
}

impl Unread {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        // Invariant: each change is one insertion or removal.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the answer waits that has waited longest.
    fn since(&self) -> Option<Instant> {
        self.waiting().values().min().copied()
    }
}

/// Watches one connection for unread answers, and for bytes that its socket does not take.
#[derive(Debug)]
pub(super) struct Reader {
    unread: Arc<Unread>,
    blocked: Option<Instant>,
    most: Duration,
    check: Pin<Box<Sleep>>,
}

impl Reader {
    pub(super) fn new(most: Duration) -> Self {
        Self { unread: Arc::default(), blocked: None, most, check: Box::pin(sleep(most / 4)) }
    }

    pub(super) fn unread(&self) -> Arc<Unread> {
        Arc::clone(&self.unread)
    }

    /// Notes whether the socket took what was written.
    pub(super) fn wrote<T>(&mut self, outcome: &Poll<T>) {
        match outcome {
            Poll::Ready(_) => self.blocked = None,
            Poll::Pending => {
                self.blocked.get_or_insert_with(Instant::now);
            }
        }
    }

    /// Ready with the reason when the client has not read for too long.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.check.as_mut().poll(cx));
            let now = Instant::now();
            let since = self.unread.since().into_iter().chain(self.blocked).min();
            if since.is_some_and(|since| now.duration_since(since) >= self.most) {
                let text = "the client leaves unread what it asked for (limits.unread_ms_max)";
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            self.check.as_mut().reset(now + self.most / 4);
        }
    }
}

/// An answer that notes when it waits for its reader: HTTP/2 asks for the next piece when the window lets it through. It
/// keeps `held` until it has ended.
pub(super) struct Watched<T> {
    body: Body,
    unread: Option<Arc<Unread>>,
    number: u64,
    held: Option<T>,
}

impl<T> Watched<T> {
    pub(super) fn new(body: Body, unread: Option<Arc<Unread>>, held: T) -> Self {
        let number = unread.as_ref().map_or(0, |unread| unread.last.fetch_add(1, Ordering::Relaxed));
        let watched = Self { body, unread, number, held: Some(held) };
        watched.waits(true);
        watched
    }

    fn waits(&self, for_reader: bool) {
        if let Some(unread) = &self.unread {
            let mut waiting = unread.waiting();
            if for_reader {
                waiting.insert(self.number, Instant::now());
            } else {
                waiting.remove(&self.number);
            }
        }
    }
}

impl<T: Unpin> http_body::Body for Watched<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let piece = Pin::new(&mut this.body).poll_frame(cx);
        // One that has nothing to tell waits for nobody.
        this.waits(matches!(piece, Poll::Ready(Some(Ok(_)))) && !this.body.is_end_stream());
        if matches!(piece, Poll::Ready(None | Some(Err(_)))) {
            this.held = None;
        }
        piece
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.waits(false);
    }
}
