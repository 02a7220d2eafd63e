//! Errors of requests as gRPC statuses, with every problem by field.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    analysis::AnalysisError, arrangement::cycle_id::CycleIdError, node::RequestError, problem::Problems,
    reading::ReadError, wire::WireError,
};

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        let message = error.to_string();
        match error {
            RequestError::Invalid(problems) => of_problems(&problems),
            RequestError::Conflict(_) => Self::new(Code::Aborted, message),
            RequestError::NotFound(_) => Self::new(Code::NotFound, message),
            RequestError::Precondition(reason) => {
                let mut details = ErrorDetails::new();
                details.add_precondition_failure_violation("STATE", "node", reason);
                Self::with_error_details(Code::FailedPrecondition, message, details)
            }
            RequestError::Unavailable(_) => Self::new(Code::Unavailable, message),
        }
    }
}

/// Bytes of problems that one status names. A status travels in trailers, encoded in base64, and clients take 8 to 16 KiB
/// of them.
const DETAILS_BYTES_MAX: usize = 4 << 10;

/// Every problem by field, as far as they fit a status; the rest are counted.
fn of_problems(problems: &Problems) -> Status {
    let all = problems.list();
    let mut details = ErrorDetails::new();
    let mut bytes = 0;
    let mut named = 0;
    for problem in all {
        bytes += problem.field.len() + problem.description.len() + 16;
        if named > 0 && bytes > DETAILS_BYTES_MAX {
            break;
        }
        details.add_bad_request_violation(&problem.field, &problem.description);
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
    // A text of the caller's own may be long; the details repeat it.
    let message: String = message.chars().take(512).collect();
    Status::with_error_details(Code::InvalidArgument, message, details)
}

impl From<AnalysisError> for Status {
    fn from(error: AnalysisError) -> Self {
        match error {
            AnalysisError::NotFound(reason) => Self::not_found(reason),
            AnalysisError::Invalid(problems) => of_problems(&problems),
            AnalysisError::Precondition(reason) => Self::failed_precondition(reason),
            AnalysisError::Damaged(reason) => Self::data_loss(reason),
            AnalysisError::Busy(reason) => Self::resource_exhausted(reason),
        }
    }
}

impl From<ReadError> for Status {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        match error {
            ReadError::NotFound(_) => Self::not_found(message),
            ReadError::Damaged(_) => Self::data_loss(message),
        }
    }
}

/// A single field that is wrong.
pub(crate) fn invalid(field: &str, reason: impl ToString) -> Status {
    let reason = reason.to_string();
    let message = format!("{field}: {reason}");
    Status::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request_violation(field, reason))
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
    let message = error.to_string();
    Status::with_error_details(
        Code::InvalidArgument,
        message.clone(),
        ErrorDetails::with_bad_request_violation(field, message),
    )
}

/// The request id stands for a request of another kind.
pub(crate) fn other_request(request_id: &str) -> Status {
    invalid("request_id", format!("{request_id:?} was given to a request of another kind: choose a new one"))
}

/// Runs work that reads the store, off the threads that serve.
pub(crate) async fn blocking<T: Send + 'static, E: Into<Status> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Status::internal(format!("a piece of work of this node failed: {error}")))?.map_err(Into::into)
}
