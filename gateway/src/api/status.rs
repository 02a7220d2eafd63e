//! Errors of requests as gRPC statuses, with every problem by field.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::node::RequestError;

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        let message = error.to_string();
        match error {
            RequestError::Invalid(problems) => {
                let mut details = ErrorDetails::new();
                for problem in problems.list() {
                    details.add_bad_request_violation(&problem.field, &problem.description);
                }
                Self::with_error_details(Code::InvalidArgument, message, details)
            }
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
