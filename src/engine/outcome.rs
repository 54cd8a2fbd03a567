//! What a fold gives back: the answer to the command, and effects as data.

use std::sync::Arc;

use crate::model::{
    Case, CaseChange, Concluded, ExecutionView, Position, ReceivedSignal, SignalOutcome,
    TestExecution, Time, Transitioned,
};

use super::health::LeftOut;

/// The answer to the command that a record holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The record holds no command.
    Nothing,
    /// To a submission.
    Submitted(SubmitAnswer),
    /// To a signal.
    Signalled(SignalAnswer),
    /// To a cancellation: whether there is such an execution. Its report comes,
    /// or is there.
    Cancelled(bool),
    /// To an apply.
    CaseApplied(Arc<Case>, ApplyOutcome),
    /// To a deletion: whether there was such a case.
    CaseDeleted(bool),
    /// To a change of settings at runtime: whether there is such a case.
    Controlled(bool),
    /// To a request to deliver again: how much was queued, if there is such a
    /// case.
    Redelivered(Option<usize>),
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum SubmitAnswer {
    /// The execution, new or the same as before.
    Execution(Box<TestExecution>),
    /// The same one was submitted before and is concluded: it is where concluded
    /// executions are kept.
    Concluded,
    /// The id is taken by an execution with other contents.
    Exists,
    /// A limit of its case leaves it out: it is not sampled.
    LeftOut(LeftOut),
    /// There is no such case.
    NoSuchCase,
}

/// The answer to a signal.
#[derive(Clone, Debug, PartialEq)]
pub enum SignalAnswer {
    /// What became of it, and why where the outcome alone does not say it.
    Taken(SignalOutcome, Option<String>),
    /// There is no such case.
    NoSuchCase,
}

/// What an apply did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// The case is new.
    Created,
    /// The case was there and is changed.
    Updated,
    /// The case was there and is the same.
    Unchanged,
}

/// What follows from a record, outside the fold.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// This is decided and is to be appended.
    Append(Arc<Concluded>),
    /// The health of a case changed, which is to be appended; who is told is not
    /// known here.
    Announce(Arc<Transitioned>),
    /// What webhooks are to be told has changed.
    Notifications,
    /// A signal came, or was claimed by its execution, or was given up.
    Signal {
        /// The execution that it reached, live or remembered.
        execution: Option<Position>,
        /// The signal.
        seen: Arc<ReceivedSignal>,
    },
    /// A verdict was recorded: the execution is finished.
    Finished(Box<Finished>),
    /// A signal came after its execution was finished: one of the first, or, when
    /// the execution is forgotten, the final count of them.
    Late {
        /// Name of the case.
        case_name: String,
        /// Id of the execution.
        id: String,
        /// The signal, if it is one of the first.
        signal: Option<Arc<ReceivedSignal>>,
        /// How many late ones there are.
        total: u64,
    },
    /// The set of cases changed.
    Case(CaseChange),
}

/// A finished execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Position of its submission.
    pub execution: Position,
    /// Position at which its verdict was recorded.
    pub concluded: Position,
    /// When it was to expire, if its client said so.
    pub asked_expires: Option<Time>,
    /// Everything that is known of it; the report is there.
    pub view: ExecutionView,
}
