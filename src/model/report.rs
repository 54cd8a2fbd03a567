use std::{collections::BTreeMap, time::Duration};

use super::{State, TestExecution, Time};

/// The one report about an execution (`faust.livecheck`'s `TestReport`); one
/// without `test` is about the case itself.
#[derive(Clone, Debug, PartialEq)]
pub struct TestReport {
    /// Name of the case.
    pub case_name: String,
    /// The verdict.
    pub state: State,
    /// The execution.
    pub test: Option<TestExecution>,
    /// From the start of the execution to the verdict.
    pub runtime: Option<Duration>,
    /// By signal: from the start of its clock to its arrival.
    pub signal_latency: BTreeMap<String, Duration>,
    /// Why the state is not PASS.
    pub error: Option<String>,
    /// The steps up to the verdict with their times.
    pub traceback: Option<String>,
    /// When the verdict fell.
    pub concluded_at: Time,
    /// What failed, if something did.
    pub failure: Option<Failure>,
}

/// What failed, without what differs from one execution to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The same for failures that look alike.
    pub fingerprint: String,
    /// The contract, by its id or else by its expression; empty if it is none.
    pub contract: String,
    /// The signal; empty if it is none.
    pub signal: String,
    /// The signal that was heard last; empty if none was.
    pub last_signal: String,
}
