//! From errors to statuses: the one place, and exhaustive. What a client is
//! told is here; what the log is told is logged here too.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{convert::Violations, node::NodeError, pb::v1::ErrorReason};

/// Domain of the reasons.
const DOMAIN: &str = "livecheck";
/// When a client may try again after an overload.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The code and reason of an error.
fn classify(error: &NodeError) -> (Code, ErrorReason) {
    match error {
        NodeError::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidFields),
        NodeError::InvalidPageToken => (Code::InvalidArgument, ErrorReason::InvalidPageToken),
        NodeError::InvalidResumeToken => (Code::InvalidArgument, ErrorReason::InvalidResumeToken),
        NodeError::CaseNotFound(_) => (Code::NotFound, ErrorReason::CaseNotFound),
        NodeError::ExecutionNotFound { .. } => (Code::NotFound, ErrorReason::ExecutionNotFound),
        NodeError::ExecutionExists { .. } => (Code::AlreadyExists, ErrorReason::ExecutionExists),
        NodeError::ReportNotReady { .. } => (Code::FailedPrecondition, ErrorReason::ReportNotReady),
        NodeError::WaitTimedOut(_) => (Code::DeadlineExceeded, ErrorReason::WaitTimedOut),
        NodeError::ResumeOutOfRange(_) => (Code::OutOfRange, ErrorReason::ResumeOutOfRange),
        NodeError::Overloaded => (Code::ResourceExhausted, ErrorReason::Overloaded),
        NodeError::TooManyExecutions(_) => {
            (Code::ResourceExhausted, ErrorReason::TooManyExecutions)
        }
        NodeError::TooManyCases(_) => (Code::ResourceExhausted, ErrorReason::TooManyCases),
        NodeError::TooManyWaiters(_) => (Code::ResourceExhausted, ErrorReason::TooManyWaiters),
        NodeError::ArchiveBehind => (Code::ResourceExhausted, ErrorReason::ArchiveBehind),
        NodeError::SlowWatcher => (Code::ResourceExhausted, ErrorReason::SlowWatcher),
        NodeError::StorageFull(_) => (Code::ResourceExhausted, ErrorReason::StorageFull),
        NodeError::ShuttingDown => (Code::Unavailable, ErrorReason::ShuttingDown),
        NodeError::OutcomeUnknown(_) => (Code::Unknown, ErrorReason::OutcomeUnknown),
        NodeError::Internal(_) => (Code::Internal, ErrorReason::Internal),
    }
}

impl From<NodeError> for Status {
    fn from(error: NodeError) -> Self {
        let (code, reason) = classify(&error);
        let reason = reason_name(reason);
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, DOMAIN, std::collections::HashMap::new());
        if let NodeError::Invalid(violations) = &error {
            for violation in violations.iter() {
                details.add_bad_request_violation(&violation.field, &violation.description);
            }
        }
        if code == Code::ResourceExhausted {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        let message = match code {
            Code::Internal => {
                tracing::error!(%error, "a call failed because of a defect");
                "a defect of the server, described in its log".to_owned()
            }
            Code::InvalidArgument | Code::ResourceExhausted => {
                tracing::debug!(%error, reason, "a call was refused");
                error.to_string()
            }
            _ => error.to_string(),
        };
        Status::with_error_details(code, cut(message), details)
    }
}

/// The code, reason and text of an error, for a rejection within a stream.
pub(super) fn rejection(error: &NodeError) -> (Code, &'static str, String) {
    let (code, reason) = classify(error);
    (code, reason_name(reason), cut(error.to_string()))
}

/// The status of a request with fields that are wrong.
pub(super) fn invalid(violations: Violations) -> Status {
    NodeError::Invalid(violations).into()
}

fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// A status travels in a header, percent-encoded: its text has to be short.
fn cut(mut text: String) -> String {
    const MAX_BYTES: usize = 2048;
    if text.len() > MAX_BYTES {
        let mut end = MAX_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}
