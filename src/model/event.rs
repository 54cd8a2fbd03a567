use std::{collections::BTreeMap, sync::Arc};

use super::{Case, Json, SignalEvent, TestReport, Time};

/// Place of an event in its partition of the journal, from 1; 0 is before the
/// first.
pub type Position = u64;

/// A fact: what the journal holds. A command is one fact and no verdict; the
/// verdicts follow from the facts.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The journal was opened; what came before is an absence.
    Opened {
        /// Version of the server that opened it.
        server_version: String,
    },
    /// Time passed.
    Tick {
        /// Journal time when the tick was queued.
        queued_at: Time,
    },
    /// A case was created or replaced.
    CaseApplied(Arc<Case>),
    /// A case was deleted.
    CaseDeleted {
        /// Name of the case.
        name: String,
    },
    /// An execution was submitted.
    Submitted(Submission),
    /// A signal was sent.
    Signalled(Signalled),
    /// An execution was cancelled.
    Cancelled {
        /// Name of the case.
        case_name: String,
        /// Id of the execution.
        id: String,
        /// Why; may be empty.
        reason: String,
    },
    /// A verdict was recorded.
    Concluded(Arc<Concluded>),
}

/// An execution as its client submitted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Name of the case.
    pub case_name: String,
    /// Id of the execution; never empty.
    pub id: String,
    /// Positional arguments of the request.
    pub test_args: Vec<Json>,
    /// Named arguments of the request.
    pub test_kwargs: serde_json::Map<String, Json>,
    /// When it expires, if the client said so.
    pub expires: Option<Time>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A signal as its sender sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Signalled {
    /// The signal.
    pub event: SignalEvent,
    /// Identity that its sender gave it; empty: its value is its identity.
    pub signal_id: String,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Concluded {
    /// Position of the execution's submission.
    pub execution: Position,
    /// Position of the fact that decided it.
    pub decided_by: Position,
    /// The whole report.
    pub report: TestReport,
}

/// An event in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place in the partition.
    pub position: Position,
    /// When it took its place, in journal time: never earlier than the one
    /// before it. Whole microseconds.
    pub time: Time,
    /// What happened.
    pub event: Event,
}
