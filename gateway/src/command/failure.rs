//! Why a command failed, as its reader sees it.

use std::{error::Error, fmt::Write as _};

use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::words::chain;

/// Why a command failed: what was tried, what is wrong, and everything that the node said, a line for each problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    text: String,
    is_usage: bool,
}

/// Problems of an answer that are shown; more are counted.
const SHOWN_MAX: usize = 200;

impl Failure {
    /// A failure in words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_usage: false }
    }

    /// A command line that is wrong, in words.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_usage: true }
    }

    /// Whether the command line was wrong.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }

    /// A failure of something with a cause: `reading book.csv: no such file`.
    pub fn of(doing: &str, cause: &(dyn Error + 'static)) -> Self {
        Self::new(format!("{doing}: {}", chain(cause)))
    }

    /// A call that the node refused or that did not reach it.
    #[must_use]
    pub fn status(doing: &str, status: &Status) -> Self {
        Self::status_named(doing, status, str::to_owned)
    }

    /// A call that the node refused or that did not reach it, with the fields of the request by other names: where their
    /// content stands in the caller's file.
    #[must_use]
    pub fn status_named(doing: &str, status: &Status, name: impl Fn(&str) -> String) -> Self {
        let mut problems: Vec<String> = Vec::new();
        if let Some(bad) = status.get_details_bad_request() {
            problems.extend(
                bad.field_violations.into_iter().map(|found| format!("{}: {}", name(&found.field), found.description)),
            );
        }
        // Where a status has problems by field, its message repeats them.
        let message = match problems.len() {
            0 => status.message().to_owned(),
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        let mut text = format!("{doing}: {}", said(status, &message));
        for problem in problems.iter().take(SHOWN_MAX) {
            let _ = write!(text, "\n  {}", problem.replace('\n', "\n  "));
        }
        if problems.len() > SHOWN_MAX {
            let _ = write!(text, "\n  and {} more problems", problems.len() - SHOWN_MAX);
        }
        if let Some(info) = status.get_details_error_info()
            && !info.reason.is_empty()
        {
            let _ = write!(text, "\n  reason {}", info.reason);
        }
        Self::new(text)
    }
}

/// Turns an answer of the node into its message, or into a failure that says what was being done.
pub trait Told<T> {
    /// The message.
    ///
    /// # Errors
    /// What the node said, behind `doing`.
    fn told(self, doing: &str) -> Result<T, Failure>;
}

impl<T> Told<T> for Result<Response<T>, Status> {
    fn told(self, doing: &str) -> Result<T, Failure> {
        self.map(Response::into_inner).map_err(|status| Failure::status(doing, &status))
    }
}

/// What a status means, then its message, with the cause where the call never reached the node.
fn said(status: &Status, message: &str) -> String {
    let what = match status.code() {
        Code::Unavailable if status.source().is_some() => "the node cannot be reached (--node, CROSSMARGIN_NODE)",
        Code::Unavailable => "the node is not ready",
        Code::PermissionDenied => "the certificate's role does not allow it",
        Code::Unauthenticated => "the node does not accept the certificate",
        Code::InvalidArgument => "the node refused it",
        Code::NotFound => "not found",
        Code::FailedPrecondition => "not possible now",
        Code::Unimplemented => "the node does not offer it",
        Code::DeadlineExceeded | Code::Cancelled => "no answer in time",
        Code::ResourceExhausted => "too much",
        _ => status.code().description(),
    };
    let cause = status.source().map(chain).filter(|cause| !cause.contains(message));
    let cause = cause.map(|cause| format!(" ({cause})"));
    format!("{what}: {message}{}", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn every_field_that_the_node_refused_has_a_line() {
        let violations = vec![
            FieldViolation::new("positions[0].quantities[17]", "is zero"),
            FieldViolation::new("header.book_version", "3 is stale"),
        ];
        let details = ErrorDetails::with_bad_request(violations);
        let status = Status::with_error_details(Code::InvalidArgument, "2 problems", details);
        let text = Failure::status("submitting the book", &status).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "submitting the book: the node refused it: 2 problems",
                "  positions[0].quantities[17]: is zero",
                "  header.book_version: 3 is stale",
            ]
        );
    }

    #[test]
    fn a_cause_is_told_once() {
        let inner = std::io::Error::other("connection refused");
        let outer = std::io::Error::other(inner);
        assert_eq!(Failure::of("connecting", &outer).to_string(), "connecting: connection refused");
    }
}
