use std::{collections::BTreeMap, sync::Arc};

use super::{Case, ControlChange, Json, ProbeResult, SignalEvent, TestReport, Time, Transition};

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
    /// Settings of a case were changed at runtime.
    CaseControlled(ControlChange),
    /// What is not journaled by itself was counted.
    Counted {
        /// Name of the case.
        case_name: String,
        /// The counts.
        counts: Counts,
    },
    /// A probe ended.
    Probed(ProbeResult),
    /// A change of a case's health was recorded.
    Transitioned(Arc<Transitioned>),
    /// A webhook was told, or that was given up.
    Delivered(Delivered),
    /// What was given up is to be delivered after all.
    Redelivered(Redelivery),
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
    /// W3C `traceparent` of the request; empty if it had none.
    pub traceparent: String,
    /// Whether it is exempt from sampling and from the limits of its case.
    pub always: bool,
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
    /// Names of the webhooks that are told of it.
    pub webhooks: Vec<String>,
}

/// What is not journaled by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that the probability left out.
    pub not_sampled: u64,
    /// Signals without a key and without a current test.
    pub ignored: u64,
    /// Requests that were refused because the server was over a limit.
    pub refused: u64,
}

/// A change of a case's health, and who is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Transitioned {
    /// Position at which the case was created.
    pub case_created: Position,
    /// The change.
    pub transition: Arc<Transition>,
    /// Names of the webhooks that are told of it.
    pub webhooks: Vec<String>,
}

/// A webhook was told, or that was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// Name of the case.
    pub case_name: String,
    /// Name of the webhook.
    pub webhook: String,
    /// Position of the event that it was told of.
    pub position: Position,
    /// Attempts that were made.
    pub attempts: u32,
    /// Why it was given up; none if the webhook was told.
    pub error: Option<String>,
}

/// What was given up is to be delivered after all.
#[derive(Clone, Debug, PartialEq)]
pub struct Redelivery {
    /// Name of the case.
    pub case_name: String,
    /// Name of the webhook; none: any.
    pub webhook: Option<String>,
    /// Position of the event that it is to be told of; none: any.
    pub position: Option<Position>,
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
