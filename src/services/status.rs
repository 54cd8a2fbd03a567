//! From errors to statuses: the one place, and exhaustive. What a client is
//! told is here; what the log is told is logged here too.

use std::time::Duration;

use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{convert::Violations, node::NodeError, pb::v1::ErrorReason};

use super::bad_request;

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
        let mut details = details_of(reason);
        if let NodeError::Invalid(violations) = &error {
            details.set_bad_request(bad_request::details(violations));
        }
        if code == Code::ResourceExhausted {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        let message = match &error {
            NodeError::Internal(_) => {
                tracing::error!(%error, "a call failed because of a defect");
                "a defect of the server, described in its log".to_owned()
            }
            NodeError::Invalid(violations) => bad_request::text(violations),
            _ => error.to_string(),
        };
        if matches!(code, Code::InvalidArgument | Code::ResourceExhausted) {
            tracing::debug!(%error, ?reason, "a call was refused");
        }
        Status::with_error_details(code, bad_request::cut(message), details)
    }
}

/// The code, reason and text of an error, for a rejection within a stream.
pub(super) fn rejection(error: &NodeError) -> (Code, &'static str, String) {
    let (code, reason) = classify(error);
    let text = bad_request::cut(error.to_string());
    (code, reason_name(reason), text)
}

/// The status of a request that could not be read, in place of tonic's, which
/// blames the server or a range; `None` for any other status.
pub(super) fn unread(status: &Status) -> Option<Status> {
    let (code, reason) = match status.code() {
        _ if !status.details().is_empty() => return None,
        Code::Internal => (Code::InvalidArgument, ErrorReason::MalformedMessage),
        Code::OutOfRange => (Code::ResourceExhausted, ErrorReason::MessageTooLarge),
        _ => return None,
    };
    let message = bad_request::cut(status.message().to_owned());
    Some(Status::with_error_details(
        code,
        message,
        details_of(reason),
    ))
}

/// Says of a call that could not be read whose fault it is. Its answer has the
/// status in its headers, as it was refused before it was served.
pub fn unread_response(mut response: http::Response<Body>) -> http::Response<Body> {
    let headers = response.headers_mut();
    if headers.contains_key(Status::GRPC_STATUS)
        && let Some(status) = Status::from_header_map(headers).as_ref().and_then(unread)
    {
        // A status without metadata can be written.
        let _ = status.add_header(headers);
    }
    response
}

/// The status of a request with fields that are wrong.
pub(super) fn invalid(violations: Violations) -> Status {
    NodeError::Invalid(violations).into()
}

fn details_of(reason: ErrorReason) -> ErrorDetails {
    let none = std::collections::HashMap::new();
    ErrorDetails::with_error_info(reason_name(reason), DOMAIN, none)
}

fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}
