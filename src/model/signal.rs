use std::{fmt, time::Duration};

use super::{Json, Time};

/// A signal: one step of the work, told by the service that reached it
/// (`faust.livecheck`'s `SignalEvent`).
#[derive(Clone, Debug, PartialEq)]
pub struct SignalEvent {
    /// Name of the signal.
    pub signal_name: String,
    /// Name of the case.
    pub case_name: String,
    /// What it is about; never null.
    pub key: Json,
    /// What its sender has to say.
    pub value: Json,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalOutcome {
    /// It reached a live execution.
    Accepted,
    /// No execution has its key yet; it is kept for a while.
    Early,
    /// It was known already.
    Duplicate,
    /// It came after the verdict.
    Late,
    /// The case declares no such signal.
    UnknownSignal,
    /// No execution can have its key, or none came in time.
    Orphan,
    /// It names no key and came without a current test.
    Ignored,
}

impl SignalOutcome {
    /// The outcome's name.
    pub fn name(self) -> &'static str {
        match self {
            SignalOutcome::Accepted => "ACCEPTED",
            SignalOutcome::Early => "EARLY",
            SignalOutcome::Duplicate => "DUPLICATE",
            SignalOutcome::Late => "LATE",
            SignalOutcome::UnknownSignal => "UNKNOWN_SIGNAL",
            SignalOutcome::Orphan => "ORPHAN",
            SignalOutcome::Ignored => "IGNORED",
        }
    }
}

impl fmt::Display for SignalOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A signal that came, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedSignal {
    /// The signal.
    pub event: SignalEvent,
    /// Identity that its sender gave it; empty if none.
    pub signal_id: String,
    /// When it came, in journal time.
    pub at: Time,
    /// What became of it.
    pub outcome: SignalOutcome,
    /// Whether the verdict takes it into account.
    pub judged: bool,
    /// How long after the verdict it came, if it is late.
    pub late_by: Option<Duration>,
    /// Whether its value was dropped because the execution's values are over
    /// the limit.
    pub value_dropped: bool,
}
