//! The exit codes: the one place where an ending becomes a number.
//!
//! Scripts depend on them, so a number never changes its meaning.

use std::process::ExitCode;

use tonic::Code;

use super::error::CliError;
use crate::pb::v1::{State, TestReport};

/// The exit codes as `--help` shows them.
pub const HELP: &str = "\
Exit codes:
  0    done; a report is OK (PASS or SKIP)
  1    a report is not OK (FAIL, ERROR or TIMEOUT)
  2    the command line, a case file or another input is wrong
  3    not in time: the wait is over, or there is no report yet
  4    no such case or execution
  5    the server cannot be reached, or is shutting down
  6    any other error
  130  interrupted (Ctrl-C)";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; if there is a report, it is OK.
    Ok = 0,
    /// A report is not OK.
    NotOk = 1,
    /// The command line or another input is wrong.
    BadInput = 2,
    /// The wait is over, or there is no report yet.
    NotInTime = 3,
    /// No such case or execution.
    NotFound = 4,
    /// The server cannot be reached, or is shutting down.
    Unreachable = 5,
    /// Any other error.
    Failed = 6,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The exit of a command whose result is a report.
    pub fn of_report(report: &TestReport) -> Self {
        match report.state() {
            State::Init | State::Pass | State::Skip => Exit::Ok,
            State::Unspecified | State::Fail | State::Error | State::Timeout | State::Stall => {
                Exit::NotOk
            }
        }
    }

    /// The exit of a command that ended with an error.
    pub fn of_error(error: &CliError) -> Self {
        match error {
            CliError::Input(_) => Exit::BadInput,
            CliError::Unreachable { .. } | CliError::Broken { .. } => Exit::Unreachable,
            CliError::Refused(status) => Self::of_code(status.code()),
            CliError::Output(_) | CliError::Failed(_) => Exit::Failed,
            // Whoever read the output has seen enough.
            CliError::OutputClosed => Exit::Ok,
        }
    }

    fn of_code(code: Code) -> Self {
        match code {
            Code::Ok => Exit::Ok,
            Code::InvalidArgument => Exit::BadInput,
            // Of the calls made here, FAILED_PRECONDITION says only that a
            // report is not ready.
            Code::DeadlineExceeded | Code::FailedPrecondition => Exit::NotInTime,
            Code::NotFound => Exit::NotFound,
            Code::Unavailable => Exit::Unreachable,
            Code::Cancelled
            | Code::Unknown
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    #[test]
    fn reports_and_errors_have_their_codes() {
        for (state, expected) in [
            (State::Pass, 0),
            (State::Skip, 0),
            (State::Fail, 1),
            (State::Error, 1),
            (State::Timeout, 1),
            (State::Stall, 1),
        ] {
            let report = TestReport {
                state: state.into(),
                ..TestReport::default()
            };
            assert_eq!(Exit::of_report(&report).code(), expected, "{state:?}");
        }
        for (code, expected) in [
            (Code::InvalidArgument, 2),
            (Code::DeadlineExceeded, 3),
            (Code::FailedPrecondition, 3),
            (Code::NotFound, 4),
            (Code::Unavailable, 5),
            (Code::ResourceExhausted, 6),
            (Code::Internal, 6),
        ] {
            let error = CliError::Refused(Box::new(Status::new(code, "")));
            assert_eq!(Exit::of_error(&error).code(), expected, "{code:?}");
        }
    }

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Ok,
            Exit::NotOk,
            Exit::BadInput,
            Exit::NotInTime,
            Exit::NotFound,
            Exit::Unreachable,
            Exit::Failed,
            Exit::Interrupted,
        ] {
            let line = format!("\n  {:<5}", exit.code());
            assert!(HELP.contains(&line), "{exit:?}");
        }
    }
}
