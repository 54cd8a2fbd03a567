//! Why a call cannot be answered as it was meant. The texts are for clients; one
//! file of the services turns each into a status.

use crate::{convert::Violations, journal::AppendError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Fields of the request are wrong.
    #[error("{0}")]
    Invalid(Violations),
    /// The page token is not one of this request.
    #[error(
        "page_token was not issued for this request: pass next_page_token of the page before \
         and leave the other fields as they were"
    )]
    InvalidPageToken,
    /// The resume token is none.
    #[error("resume_token was not issued by a LiveCheck server: leave it out to start anew")]
    InvalidResumeToken,
    /// There is no such case.
    #[error("there is no case {0:?}: apply it first, or check the name")]
    CaseNotFound(String),
    /// There is no such execution.
    #[error("there is no execution {id:?} of case {case_name:?}, or its report is no longer kept")]
    ExecutionNotFound {
        /// Name of the case.
        case_name: String,
        /// Id of the execution.
        id: String,
    },
    /// The id is taken.
    #[error(
        "execution {id:?} of case {case_name:?} was submitted with other contents: use another id"
    )]
    ExecutionExists {
        /// Name of the case.
        case_name: String,
        /// Id of the execution.
        id: String,
    },
    /// The execution is live.
    #[error(
        "execution {id:?} of case {case_name:?} has no report yet: call again later, or set wait"
    )]
    ReportNotReady {
        /// Name of the case.
        case_name: String,
        /// Id of the execution.
        id: String,
    },
    /// What was waited for did not come in time.
    #[error("{0}")]
    WaitTimedOut(String),
    /// A watch cannot resume.
    #[error("{0}: leave resume_token out to start anew, and list what is there")]
    ResumeOutOfRange(String),
    /// Too much is queued.
    #[error("the server has more work queued than it takes on: retry later")]
    Overloaded,
    /// Too many executions are live.
    #[error("{0}: retry when some have ended, or lower the probability of the cases")]
    TooManyExecutions(String),
    /// Too many cases.
    #[error("{0} cases are declared, which is the limit: delete some, or raise max_cases")]
    TooManyCases(usize),
    /// Too many calls wait or watch.
    #[error("{0} calls wait or watch, which is the limit: retry later, or raise max_waiters")]
    TooManyWaiters(usize),
    /// The archive lags.
    #[error("the archive is too far behind the journal: retry later")]
    ArchiveBehind,
    /// A watcher is too slow.
    #[error("the watcher read too slowly and was cut off: call again")]
    SlowWatcher,
    /// The disk is full.
    #[error("the server's disk is full, nothing was stored: {0}")]
    StorageFull(String),
    /// The server is going down.
    #[error("the server is shutting down: call again, or call another one")]
    ShuttingDown,
    /// Nobody knows.
    #[error("whether the change was stored is not known, repeat the call: {0}")]
    OutcomeUnknown(String),
    /// A defect. The text is for the log; clients are told less.
    #[error("{0}")]
    Internal(String),
}

impl NodeError {
    /// Whether a limit of the server refused what was to be stored.
    pub(super) fn is_over_a_limit(&self) -> bool {
        matches!(
            self,
            NodeError::Overloaded
                | NodeError::TooManyExecutions(_)
                | NodeError::ArchiveBehind
                | NodeError::StorageFull(_)
        )
    }
}

impl From<AppendError> for NodeError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded => NodeError::Overloaded,
            AppendError::Full(text) => NodeError::StorageFull(text),
            AppendError::TooLarge { .. } | AppendError::Io(_) => {
                NodeError::Internal(error.to_string())
            }
            AppendError::Closed => NodeError::ShuttingDown,
            AppendError::Unknown(text) => NodeError::OutcomeUnknown(text),
        }
    }
}

impl From<Violations> for NodeError {
    fn from(violations: Violations) -> Self {
        NodeError::Invalid(violations)
    }
}
