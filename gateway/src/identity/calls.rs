//! What stands before every call: the caller's rate, its open calls, and a deadline.
//!
//! It stands before admission, so that calls which are refused for their role are counted too.

use std::{
    collections::HashMap,
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::time::timeout;
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Layer, Service};
use tracing::debug;

use super::{
    ClientIdentity,
    caller::Presented,
    limits::Limits,
    rate::{CallRates, Caller, TooOften},
    unread::Watched,
};

/// Puts the limits of calls in force in front of services.
#[derive(Clone)]
pub struct CallsLayer {
    gate: Arc<Gate>,
}

impl CallsLayer {
    /// A layer for `Server::layer`, outside that of admission. Connections are those of the acceptor.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let gate = Gate {
            rates: CallRates::of_calls(limits),
            open: Arc::default(),
            open_max: limits.calls_open_per_caller_max,
            deadline: limits.request(),
        };
        Self { gate: Arc::new(gate) }
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { gate: Arc::clone(&self.gate), inner }
    }
}

/// Services behind the limits of calls.
#[derive(Clone)]
pub struct Calls<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Calls<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let presented = request.extensions().get::<Presented>();
        let unread = presented.map(|presented| Arc::clone(&presented.unread));
        let identity = presented.and_then(|presented| presented.identity.as_deref().ok());
        let place = match self.gate.enter(identity) {
            Ok(place) => place,
            Err(status) => {
                // Not a warning: a caller that calls too often shall not fill the log as well.
                debug!(remote = ?presented.map(|presented| presented.remote), reason = status.message(), "a call was refused");
                return Box::pin(std::future::ready(Ok(status.into_http())));
            }
        };
        let deadline = self.gate.deadline;
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = match timeout(deadline, answer).await {
                Ok(answer) => answer?,
                Err(_) => late(deadline).into_http(),
            };
            Ok(answer.map(|body| Body::new(Watched::new(body, unread, place))))
        })
    }
}

struct Gate {
    rates: CallRates,
    open: Arc<Mutex<HashMap<Option<Caller>, usize>>>,
    open_max: usize,
    deadline: Duration,
}

impl Gate {
    fn enter(&self, caller: Option<&ClientIdentity>) -> Result<Place, Status> {
        self.rates.take(caller, NonZeroU32::MIN).map_err(|too_often| match too_often {
            TooOften::Caller { retry_after } => {
                exhausted("this caller has called as often as it may (limits.calls)", retry_after)
            }
            TooOften::Callers { retry_after } => {
                exhausted("too many callers call at once (limits.callers_max)", retry_after)
            }
        })?;
        let key = caller.map(ClientIdentity::caller);
        // Invariant: each change leaves a whole table.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key.clone()).or_default();
        if *count >= self.open_max {
            let text = format!(
                "this caller has {} calls open, as many as it may (limits.calls_open_per_caller_max): end one first",
                self.open_max
            );
            return Err(Status::resource_exhausted(text));
        }
        *count += 1;
        Ok(Place { open: Arc::clone(&self.open), key })
    }
}

/// A refusal that says when to try again: in words, and as `google.rpc.RetryInfo`.
pub(crate) fn exhausted(why: &str, retry_after: Duration) -> Status {
    // Up to the next tenth of a second, so that who keeps to the words comes through.
    let tenths = retry_after.as_millis().div_ceil(100);
    let message = format!("{why}: try again in {}.{} seconds", tenths / 10, tenths % 10);
    Status::with_error_details(Code::ResourceExhausted, message, ErrorDetails::with_retry_info(Some(retry_after)))
}

fn late(deadline: Duration) -> Status {
    let text = format!("the call was not answered within {} ms (limits.request_ms_max)", deadline.as_millis());
    Status::deadline_exceeded(text)
}

/// An open call's place among its caller's, given back when dropped.
struct Place {
    open: Arc<Mutex<HashMap<Option<Caller>, usize>>>,
    key: Option<Caller>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}
