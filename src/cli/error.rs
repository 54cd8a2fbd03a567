//! What can go wrong with a command, in words for the person at the terminal.

use std::{error::Error, fmt::Write, io, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::client::ServerAddr;
use crate::{convert::names::grpc_code_name, settings::units::format_duration};

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Something that was typed or read is wrong.
    #[error("{0}")]
    Input(String),
    /// There is no server where it should be.
    #[error(
        "cannot reach the LiveCheck server at {server}: is it running? start one with \
         `livecheck serve`, or name another with --server or LIVECHECK_SERVER ({cause})"
    )]
    Unreachable {
        /// Where it should be.
        server: ServerAddr,
        /// What the attempt ended with.
        cause: String,
    },
    /// The connection broke in the midst of a call.
    #[error("the connection to the LiveCheck server at {server} broke: {cause}")]
    Broken {
        /// The server.
        server: ServerAddr,
        /// How it broke.
        cause: String,
    },
    /// The server answered with an error.
    #[error("{}", describe(.0))]
    Refused(Box<Status>),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// Nobody reads the output any more (`| head`).
    #[error("nobody reads the output")]
    OutputClosed,
    /// Something else, described.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::OutputClosed,
            _ => CliError::Output(error),
        }
    }
}

/// Goes on when nobody reads the output: for commands whose exit code says more
/// than what they show.
pub fn even_unread(written: Result<(), CliError>) -> Result<(), CliError> {
    match written {
        Err(CliError::OutputClosed) => Ok(()),
        other => other,
    }
}

/// Whether the connection broke: the client made this status, from an error of
/// the transport; the statuses of a server have no source.
pub fn is_broken(status: &Status) -> bool {
    status.source().is_some()
}

/// Whether the same call may succeed later: none if not, else how long the
/// server asks to wait before.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    let passes = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted);
    (passes || is_broken(status)).then(|| {
        status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay)
            .unwrap_or_default()
    })
}

/// The innermost cause of an error: what the operating system said.
pub fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A status for people: its message, each bad field on a line of its own, and
/// when to try again.
fn describe(status: &Status) -> String {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map_or(&[][..], |bad| &bad.field_violations);
    // The message names the bad fields as well, for clients that show no
    // details.
    let told = |text: &str| status.message().contains(text);
    let mut text = if status.message().is_empty() {
        "the server refused".to_owned()
    } else if !violations.is_empty() && violations.iter().all(|bad| told(&bad.description)) {
        "the request is not valid".to_owned()
    } else {
        status.message().to_owned()
    };
    // Writing to a string cannot fail.
    let _ = write!(text, " ({})", grpc_code_name(status.code()));
    for bad in violations {
        let alone = bad.field.is_empty() || bad.description.is_empty();
        let separator = if alone { "" } else { ": " };
        let _ = write!(text, "\n  {}{separator}{}", bad.field, bad.description);
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        let _ = write!(text, "\n  try again in {}", format_duration(delay));
    }
    text
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    fn bad_request(message: &str) -> Status {
        let details = ErrorDetails::with_bad_request(vec![
            FieldViolation::new("signals[0].timeout", "must be more than zero"),
            FieldViolation::new("", "is odd"),
        ]);
        Status::with_error_details(Code::InvalidArgument, message, details)
    }

    #[test]
    fn a_status_is_shown_for_people() {
        let mut overloaded = ErrorDetails::new();
        overloaded.set_retry_info(Some(Duration::from_millis(1500)));
        for (status, expected) in [
            (
                Status::not_found("there is no case \"a\""),
                "there is no case \"a\" (NOT_FOUND)",
            ),
            (Status::internal(""), "the server refused (INTERNAL)"),
            (
                bad_request("signals[0].timeout: must be more than zero; is odd"),
                "the request is not valid (INVALID_ARGUMENT)\n  \
                 signals[0].timeout: must be more than zero\n  is odd",
            ),
            (
                bad_request("look at the fields"),
                "look at the fields (INVALID_ARGUMENT)\n  \
                 signals[0].timeout: must be more than zero\n  is odd",
            ),
            (
                Status::with_error_details(Code::ResourceExhausted, "too much", overloaded),
                "too much (RESOURCE_EXHAUSTED)\n  try again in 1s500ms",
            ),
        ] {
            assert_eq!(
                CliError::Refused(Box::new(status)).to_string(),
                expected.to_owned()
            );
        }
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        let mut details = ErrorDetails::new();
        details.set_retry_info(Some(Duration::from_secs(2)));
        for (status, expected) in [
            (Status::unavailable("draining"), Some(Duration::ZERO)),
            (
                Status::with_error_details(Code::ResourceExhausted, "", details),
                Some(Duration::from_secs(2)),
            ),
            (
                Status::from_error(Box::new(io::Error::other("reset"))),
                Some(Duration::ZERO),
            ),
            (Status::out_of_range("gone"), None),
            (Status::invalid_argument("no"), None),
            (Status::unknown("outcome"), None),
        ] {
            assert_eq!(retry_delay(&status), expected, "{status:?}");
        }
    }
}
