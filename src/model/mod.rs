//! The models: executions, signals, reports, cases and the facts about them.
//!
//! Plain Rust types with chrono times. Nothing here knows protobuf, does I/O or
//! reads a clock: whatever depends on the time is told it.

mod case;
mod event;
mod execution;
mod json;
mod probe;
mod report;
mod signal;
mod state;
mod status;
mod webhook;

pub use case::{
    Case, CaseChange, Contract, DEFAULT_MAX_CONSECUTIVE_FAILURES, DEFAULT_MAX_HISTORY,
    DEFAULT_PROBABILITY, DEFAULT_SIGNAL_TIMEOUT, DEFAULT_STATE_TRANSITION_DELAY,
    DEFAULT_TEST_EXPIRES, DEFAULT_WARN_STALLED_AFTER, MAX_TEST_EXPIRES, Signal, is_sampled,
};
pub use event::{
    Concluded, Counts, Delivered, Event, Position, Record, Redelivery, Signalled, Submission,
    Transitioned,
};
pub use execution::{ExecutionView, SignalProgress, TestExecution};
pub use json::{Json, MAX_SAFE_INTEGER, json_text, number, value_size};
pub use probe::{
    DEFAULT_DELAY_MAX, DEFAULT_DELAY_MIN, GrpcProbe, HttpProbe, Probe, ProbeRequest, ProbeResult,
};
pub use report::{Failure, TestReport};
pub use signal::{ReceivedSignal, SignalEvent, SignalOutcome};
pub use state::State;
pub use status::{
    Absences, CaseControl, CaseStatus, ControlChange, FailedExecution, FailureGroup, Incident,
    IncidentCause, ProbeStatus, SamplingTotals, SignalTotals, Summary, Transition, TransitionKind,
    total_failures,
};
pub use webhook::{DEFAULT_MAX_ATTEMPTS, DEFAULT_WEBHOOK_TIMEOUT, Secret, Webhook, WebhookFormat};

/// An instant, in UTC.
pub type Time = chrono::DateTime<chrono::Utc>;
