use std::{collections::BTreeMap, time::Duration};

use super::{State, TestReport, Time};

/// The health of a case as it now is: a fold of what the journal holds of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseStatus {
    /// INIT before the first PASS, PASS while it is well, FAIL or STALL while
    /// it is not.
    pub state: State,
    /// Since when.
    pub since: Time,
    /// Why, for people.
    pub reason: String,
    /// The incident that runs.
    pub incident: Option<Incident>,
    /// How many incidents there were, this one included.
    pub incidents: u64,
    /// Whether the case goes back and forth.
    pub flapping: bool,
    /// Failures since the last PASS.
    pub consecutive_failures: u32,
    /// How many verdicts there were of each state, and how often it stalled.
    pub totals: BTreeMap<State, u64>,
    /// When the last execution came that was not skipped at once.
    pub last_test_received: Option<Time>,
    /// The last failure.
    pub last_failure: Option<FailedExecution>,
    /// Runtime of the last executions that passed.
    pub runtime: Summary,
    /// By signal: latency in the last executions.
    pub signal_latency: BTreeMap<String, Summary>,
    /// Time from one execution to the next.
    pub frequency: Summary,
    /// What became of the signals.
    pub signals: SignalTotals,
    /// What became of the requests.
    pub sampling: SamplingTotals,
    /// The probe, if one has run.
    pub probe: Option<ProbeStatus>,
    /// When the server itself was away.
    pub absences: Absences,
    /// What lies over the declaration.
    pub control: CaseControl,
    /// Notifications that wait to be delivered.
    pub notifications_pending: usize,
    /// Notifications that were given up.
    pub notifications_dead: usize,
}

impl CaseStatus {
    /// Failures in all.
    pub fn total_failures(&self) -> u64 {
        total_failures(&self.totals)
    }
}

/// Failures in totals by state.
pub fn total_failures(totals: &BTreeMap<State, u64>) -> u64 {
    let failures = totals.iter().filter(|(state, _)| state.is_failure());
    failures.map(|(_, count)| count).sum()
}

/// The time from the first bad state of a case to its recovery.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its number in the life of the case, from 1.
    pub number: u64,
    /// When it began.
    pub started_at: Time,
    /// Its present cause.
    pub cause: IncidentCause,
    /// Since when it has this cause.
    pub cause_since: Time,
}

/// Why a case is unwell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentCause {
    /// Too many failures in a row.
    Failed,
    /// No execution for too long.
    Stalled,
    /// The probe's target does not answer.
    TargetDown,
}

impl IncidentCause {
    /// State of a case that is unwell because of it.
    pub fn state(self) -> State {
        match self {
            IncidentCause::Failed | IncidentCause::TargetDown => State::Fail,
            IncidentCause::Stalled => State::Stall,
        }
    }
}

/// An execution that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedExecution {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: State,
    /// When the verdict fell.
    pub at: Time,
    /// Its error, cut to a bearable length.
    pub error: String,
}

/// What the last values of a history are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many values.
    pub count: usize,
    /// The value that half of them do not exceed; zero if there is none.
    pub median: Duration,
    /// The value that nine of ten do not exceed.
    pub p90: Duration,
}

/// What became of the signals of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalTotals {
    /// They reached a live execution.
    pub accepted: u64,
    /// They came before their execution.
    pub early: u64,
    /// They were known already.
    pub duplicate: u64,
    /// They came after the verdict.
    pub late: u64,
    /// The case declares no such signal.
    pub unknown_signal: u64,
    /// No execution had their key.
    pub orphan: u64,
    /// They named no key and came without a current test.
    pub ignored: u64,
}

/// What became of the requests that were offered as executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplingTotals {
    /// They became executions.
    pub sampled: u64,
    /// The probability left them out.
    pub not_sampled: u64,
    /// They were over the rate of the case.
    pub over_rate: u64,
    /// They were over the live executions of the case.
    pub over_live: u64,
    /// The server was over one of its limits.
    pub refused: u64,
}

impl SamplingTotals {
    /// Share of all requests that were sampled; none before the first.
    pub fn share(&self) -> Option<f64> {
        let left_out = self.not_sampled + self.over_rate + self.over_live + self.refused;
        let all = self.sampled + left_out;
        (all > 0).then(|| self.sampled as f64 / all as f64)
    }
}

/// The probe of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeStatus {
    /// When the last one ended.
    pub last_at: Time,
    /// When it was due.
    pub last_due: Time,
    /// Why it failed; none if the target answered.
    pub error: Option<String>,
    /// Probes in all.
    pub probes: u64,
    /// Attempts in all.
    pub attempts: u64,
    /// Probes that failed after all their attempts.
    pub failures: u64,
    /// Those of them since the last one that was answered.
    pub consecutive_failures: u32,
}

/// When the server itself was away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absences {
    /// How often.
    pub count: u64,
    /// When the last one began and ended.
    pub last: Option<(Time, Time)>,
}

/// What was set at runtime, over the declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CaseControl {
    /// In the place of the declared `active`.
    pub active: Option<bool>,
    /// In the place of the declared `probability`.
    pub probability: Option<f64>,
    /// Until when nothing is notified.
    pub muted_until: Option<Time>,
}

impl CaseControl {
    /// Whether nothing is notified at a time.
    pub fn is_muted(&self, at: Time) -> bool {
        self.muted_until.is_some_and(|until| at < until)
    }
}

/// A change of what lies over a declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlChange {
    /// Name of the case.
    pub case_name: String,
    /// What is set; the others stay as they are.
    pub set: CaseControl,
    /// Whether `active` is as declared again.
    pub clear_active: bool,
    /// Whether `probability` is as declared again.
    pub clear_probability: bool,
    /// Whether the mute ends.
    pub clear_mute: bool,
}

/// What changed about the health of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// An incident began.
    IncidentStarted,
    /// The cause of the incident changed.
    CauseChanged,
    /// The case is well again.
    Recovered,
    /// The case goes back and forth.
    FlappingStarted,
    /// No incident began for long enough.
    FlappingEnded,
    /// The mute is over, and the health is another one than was told last.
    Unmuted,
}

/// A change of the health of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Name of the case.
    pub case_name: String,
    /// Its number in the life of the case, from 1.
    pub number: u64,
    /// What changed.
    pub kind: TransitionKind,
    /// When.
    pub at: Time,
    /// State of the case after it.
    pub state: State,
    /// What happened, for people.
    pub reason: String,
    /// The incident that it belongs to, as it was then.
    pub incident: Option<Incident>,
    /// Whether notifications were muted.
    pub muted: bool,
    /// Whether the case was going back and forth.
    pub flapping: bool,
    /// Failures since the last PASS.
    pub consecutive_failures: u32,
    /// Failures in all.
    pub total_failures: u64,
    /// The report on it, of an incident's start, change and end.
    pub report: Option<TestReport>,
}

impl Transition {
    /// Whether webhooks are told: not while they are muted, nor of each swing of
    /// a case that goes back and forth.
    pub fn is_notified(&self) -> bool {
        let swing = matches!(
            self.kind,
            TransitionKind::IncidentStarted
                | TransitionKind::CauseChanged
                | TransitionKind::Recovered
        );
        !(self.muted || self.flapping && swing)
    }
}

/// Failures that look alike.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureGroup {
    /// What they have in common.
    pub failure: super::Failure,
    /// Their state.
    pub state: State,
    /// How many there were.
    pub count: u64,
    /// When the first one's verdict fell.
    pub first_at: Time,
    /// When the last one's verdict fell.
    pub last_at: Time,
    /// Ids of the first one and of the last ones.
    pub examples: Vec<String>,
    /// The error of the last one, cut to a bearable length.
    pub error: String,
}
