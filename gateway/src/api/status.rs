//! Errors of requests as gRPC statuses, with every problem by field.
//!
//! A status travels in trailers: its message percent-encoded, its details in base64 with the message once more. Clients take
//! 8 to 16 KiB of trailers and lose the whole answer past that, code included. So every text of a status is cut here.

use std::borrow::Cow;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    analysis::AnalysisError,
    arrangement::cycle_id::CycleIdError,
    node::RequestError,
    problem::Problems,
    reading::{ReadError, defaults::DefaultError},
    request::OtherRequest,
    seam::Executor,
    wire::WireError,
};

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        let message = message(&error.to_string());
        match error {
            RequestError::Invalid(problems) => of_problems(&problems),
            RequestError::Conflict(_) => Self::new(Code::Aborted, message),
            RequestError::NotFound(_) => Self::new(Code::NotFound, message),
            RequestError::Precondition(_) => {
                let mut details = ErrorDetails::new();
                details.add_precondition_failure_violation("STATE", "node", message.clone());
                Self::with_error_details(Code::FailedPrecondition, message, details)
            }
            RequestError::Unavailable(_) => Self::new(Code::Unavailable, message),
        }
    }
}

/// Bytes of the problems that one status names.
const DETAILS_BYTES_MAX: usize = 4 << 10;
/// Bytes of one problem's field, and of its description.
const PROBLEM_BYTES_MAX: usize = 512;
/// Bytes of a message that stands alone.
const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// A text of at most so many bytes: one that is longer ends in an ellipsis.
fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    const ELLIPSIS: &str = "…";
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(ELLIPSIS.len()));
    Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]))
}

/// A message as a status can carry it.
fn message(text: &str) -> String {
    cut(text, MESSAGE_BYTES_MAX).into_owned()
}

/// Every problem by field, as far as they fit a status; the rest are counted.
fn of_problems(problems: &Problems) -> Status {
    let all = problems.list();
    let mut details = ErrorDetails::new();
    let mut bytes = 0;
    let mut named = 0;
    for problem in all {
        let [field, description] = [&problem.field, &problem.description].map(|text| cut(text, PROBLEM_BYTES_MAX));
        bytes += field.len() + description.len() + 16;
        if bytes > DETAILS_BYTES_MAX {
            break;
        }
        details.add_bad_request_violation(field, description);
        named += 1;
    }
    if named < all.len() {
        let more = all.len() - named;
        details.add_bad_request_violation("...", format!("and {more} more problems: mend these and submit again"));
    }
    let message = match all {
        [only] => format!("{}: {}", only.field, only.description),
        [first, ..] => format!("{} problems; the first: {}: {}", all.len(), first.field, first.description),
        [] => "invalid".to_owned(),
    };
    // The details repeat it.
    let message = cut(&message, PROBLEM_BYTES_MAX);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

impl From<AnalysisError> for Status {
    fn from(error: AnalysisError) -> Self {
        let (code, reason) = match error {
            AnalysisError::Invalid(problems) => return of_problems(&problems),
            AnalysisError::Gone => return Self::cancelled(error.to_string()),
            AnalysisError::NotFound(reason) => (Code::NotFound, reason),
            AnalysisError::Precondition(reason) => (Code::FailedPrecondition, reason),
            AnalysisError::Damaged(reason) => (Code::DataLoss, reason),
            AnalysisError::Busy(reason) => (Code::ResourceExhausted, reason),
        };
        Self::new(code, message(&reason))
    }
}

impl From<ReadError> for Status {
    fn from(error: ReadError) -> Self {
        let message = message(&error.to_string());
        match error {
            ReadError::NotFound(_) => Self::not_found(message),
            ReadError::Damaged(_) => Self::data_loss(message),
        }
    }
}

impl From<DefaultError> for Status {
    fn from(error: DefaultError) -> Self {
        match error {
            DefaultError::Read(error) => error.into(),
            DefaultError::Missing(problems) => of_missing(&problems),
        }
    }
}

/// Everything that a request lacks, as far as it fits a status.
fn of_missing(problems: &Problems) -> Status {
    let mut details = ErrorDetails::new();
    let mut text = Vec::new();
    let mut bytes = 0;
    for problem in problems.list() {
        let [subject, why] = [&problem.field, &problem.description].map(|text| cut(text, PROBLEM_BYTES_MAX));
        bytes += subject.len() + why.len() + 16;
        if bytes > DETAILS_BYTES_MAX {
            break;
        }
        text.push(format!("{subject}: {why}"));
        details.add_precondition_failure_violation("MISSING", subject, why);
    }
    Status::with_error_details(Code::FailedPrecondition, message(&text.join("; ")), details)
}

/// A single field that is wrong.
pub(crate) fn invalid(field: &str, reason: impl ToString) -> Status {
    of_problems(&Problems::one(field, reason.to_string()))
}

/// A field that cannot be read.
pub(crate) fn unreadable(error: WireError) -> Status {
    invalid(&error.field, error.reason)
}

/// A cycle that cannot be read.
pub(crate) fn wrong_cycle(error: &CycleIdError) -> Status {
    let field = match error {
        CycleIdError::Arrangement { .. } => "cycle.arrangement",
        CycleIdError::BusinessDate(_) => "cycle.business_date",
        CycleIdError::Kind(_) => "cycle.kind",
        CycleIdError::Run(_) => "cycle.run",
        CycleIdError::Form(_) | CycleIdError::Missing => "cycle",
    };
    let reason = error.to_string();
    let reason = cut(&reason, PROBLEM_BYTES_MAX);
    let details = ErrorDetails::with_bad_request_violation(field, reason.clone());
    Status::with_error_details(Code::InvalidArgument, reason, details)
}

/// The request id stands for another request.
pub(crate) fn other_request(request_id: &str) -> Status {
    invalid("request_id", OtherRequest(request_id.to_owned()))
}

/// Runs work that reads the store, off the threads that serve.
pub(crate) async fn blocking<T: Send + 'static, E: Into<Status> + Send + 'static>(
    executor: &Executor,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Status> {
    executor.run(work).await.map_err(|error| Status::internal(error.to_string()))?.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::problem::Collector;

    /// What the smallest of the usual clients take.
    const TRAILERS_BYTES_MAX: usize = 8 << 10;

    /// Bytes of a status on the wire: what tonic writes into the trailers, and what HTTP/2 counts for each of them.
    fn encoded(status: &Status) -> usize {
        let mut trailers = http::HeaderMap::new();
        status.add_header(&mut trailers).unwrap();
        trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof!["[a-z ]{1,40}", "[%\\x00\u{20ac}\u{1f600}]{1,40}"];
        (piece, 0..200_usize).prop_map(|(piece, times)| piece.repeat(times))
    }

    proptest! {
        #[test]
        fn any_problems_fit_the_trailers_that_clients_take(listed in vec((text(), text()), 1..300)) {
            let count = listed.len();
            let mut problems = Collector::default();
            listed.into_iter().for_each(|(field, description)| problems.add(field, description));
            let problems = problems.finish(()).unwrap_err();
            let status = of_problems(&problems);
            prop_assert!(encoded(&status) < TRAILERS_BYTES_MAX, "{}", encoded(&status));
            let named = status.get_details_bad_request().unwrap().field_violations.len();
            prop_assert!(named >= count.min(2), "{named} of {count}");
        }

        #[test]
        fn any_reason_fits_the_trailers_that_clients_take(reason in text(), kind in 0..8_usize) {
            let problems = || Problems::one("field", reason.clone());
            let status: Status = match kind {
                0 => AnalysisError::NotFound(reason.clone()).into(),
                1 => AnalysisError::Precondition(reason.clone()).into(),
                2 => AnalysisError::Damaged(reason.clone()).into(),
                3 => AnalysisError::Invalid(problems()).into(),
                4 => ReadError::NotFound(reason.clone()).into(),
                5 => RequestError::Precondition(reason.clone()).into(),
                6 => RequestError::Conflict(reason.clone()).into(),
                _ => wrong_cycle(&CycleIdError::Form(reason.clone())),
            };
            prop_assert!(encoded(&status) < TRAILERS_BYTES_MAX, "{}", encoded(&status));
        }

        #[test]
        fn a_text_is_cut_on_a_character_and_says_so(text in text(), bytes_max in 3..600_usize) {
            let short = cut(&text, bytes_max);
            prop_assert!(short.len() <= bytes_max);
            match short.strip_suffix('…') {
                Some(start) if text.len() > bytes_max => prop_assert!(text.starts_with(start)),
                _ => prop_assert_eq!(&*short, &text),
            }
        }
    }
}
