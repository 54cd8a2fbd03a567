//! The health of one case: a fold of its verdicts and of what else the journal
//! holds of it. Knows no other case, no execution and no clock; what is outside
//! it is told in `Sight`.

mod failures;
mod figures;
pub mod history;
mod incident;
mod notifications;
mod sampling;
mod stored;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::model::{
    Absences, Case, CaseControl, CaseStatus, ControlChange, Counts, FailedExecution, Incident,
    IncidentCause, Position, ProbeResult, ProbeStatus, SamplingTotals, SignalOutcome, SignalTotals,
    State, TestReport, Time, Transition,
};

pub use failures::Failures;
pub use history::History;
pub use notifications::{DeadNotification, Notification, Notifications, Subject};
pub use sampling::LeftOut;
pub(super) use stored::{health_from_pb, health_to_pb};

/// Longest error that is kept of a failure, in bytes.
const ERROR_BYTES: usize = 1024;

/// What the health of a case needs to know of the world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    /// The case as it now stands.
    pub case: &'a Case,
    /// Time of the fact.
    pub now: Time,
    /// End of the last absence: cases do not stall because of it.
    pub absent_until: Time,
}

/// What webhooks were told last of the health of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Told {
    /// Number and cause of the incident that ran.
    incident: Option<(u64, IncidentCause)>,
    flapping: bool,
}

/// The health of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Name of the case.
    name: String,
    /// Position at which the case was created.
    pub(super) created: Position,
    /// When it was.
    created_at: Time,
    /// How many absences there were by then.
    absences_before: u64,
    state: State,
    since: Time,
    reason: String,
    incident: Option<Incident>,
    incidents: u64,
    /// When the last incidents began, as many as make a case flap.
    incident_starts: VecDeque<Time>,
    flapping: bool,
    transitions: u64,
    /// When the last one was.
    moved_at: Time,
    /// Steps of the incident that runs, for its reports.
    steps: Vec<String>,
    /// What webhooks were told last.
    told: Told,
    /// Too many failures in a row, and no PASS since.
    failing: bool,
    stalled: bool,
    /// The last probe failed.
    down: bool,
    consecutive_failures: u32,
    totals: BTreeMap<State, u64>,
    last_failure: Option<FailedExecution>,
    last_received: Option<Time>,
    /// The last sign of life: when an execution came that was no SKIP so far.
    alive_at: Option<Time>,
    /// The one before.
    alive_before: Option<Time>,
    /// When the case became active last.
    active_since: Time,
    /// Since when it was quiet when it stalled last.
    quiet_from: Time,
    probe: Option<ProbeStatus>,
    probe_failed_at: Option<Time>,
    /// The last execution that passed while the target was down: its id and its
    /// submission. The probe that finds the target up may not be recorded yet.
    passed_while_down: Option<(String, Time)>,
    control: CaseControl,
    signals: SignalTotals,
    sampling: SamplingTotals,
    /// When the next execution conforms to the rate of the case, if that is
    /// later than now.
    rate: Option<Time>,
    runtime: History,
    frequency: History,
    latency: BTreeMap<String, History>,
    failures: Failures,
    notifications: Notifications,
    /// Transitions that are not recorded yet, in their order.
    pending: VecDeque<Arc<Transition>>,
    /// Under which time the engine has queued it; not a part of its state.
    pub(super) queued: Option<Time>,
}

impl Health {
    pub(super) fn new(name: &str, created: Position, now: Time, absences: u64) -> Health {
        Health {
            name: name.to_owned(),
            created,
            created_at: now,
            absences_before: absences,
            state: State::Init,
            since: now,
            reason: "no execution has passed yet".to_owned(),
            incident: None,
            incidents: 0,
            incident_starts: VecDeque::new(),
            flapping: false,
            transitions: 0,
            moved_at: now,
            steps: Vec::new(),
            told: Told::default(),
            failing: false,
            stalled: false,
            down: false,
            consecutive_failures: 0,
            totals: BTreeMap::new(),
            last_failure: None,
            last_received: None,
            alive_at: None,
            alive_before: None,
            active_since: now,
            quiet_from: now,
            probe: None,
            probe_failed_at: None,
            passed_while_down: None,
            control: CaseControl::default(),
            signals: SignalTotals::default(),
            sampling: SamplingTotals::default(),
            rate: None,
            runtime: History::default(),
            frequency: History::default(),
            latency: BTreeMap::new(),
            failures: Failures::default(),
            notifications: Notifications::default(),
            pending: VecDeque::new(),
            queued: None,
        }
    }

    /// Whether executions are judged.
    pub fn is_active(&self, case: &Case) -> bool {
        self.control.active.unwrap_or_else(|| case.is_active())
    }

    /// Share of requests that are sampled.
    pub(super) fn sampled_share(&self, case: &Case) -> f64 {
        let declared = || case.sampled_share();
        self.control.probability.unwrap_or_else(declared)
    }

    /// An execution came that is not skipped at once.
    pub(super) fn received(&mut self, sight: Sight<'_>) {
        if let Some(last) = self.last_received {
            let since = (sight.now - last).to_std().unwrap_or_default();
            self.frequency.push(since, sight.case.history_length());
        }
        self.last_received = Some(sight.now);
        self.alive_before = self.alive_at.replace(sight.now);
        if std::mem::take(&mut self.stalled) {
            self.weigh(sight.now, "an execution came again");
        }
    }

    /// A verdict was recorded on an execution that was submitted at a time.
    pub(super) fn verdict(&mut self, report: &TestReport, submitted: Time, sight: Sight<'_>) {
        let (state, at) = (report.state, report.concluded_at);
        *self.totals.entry(state).or_default() += 1;
        let length = sight.case.history_length();
        if state == State::Skip && self.alive_at == Some(submitted) {
            // It was none after all.
            self.alive_at = self.alive_before;
        }
        if state != State::Skip {
            let declared = |name: &String| sight.case.signals.iter().any(|one| one.name == *name);
            let latencies = report.signal_latency.iter();
            for (name, latency) in latencies.filter(|(name, _)| declared(name)) {
                match self.latency.get_mut(name) {
                    Some(history) => history.push(*latency, length),
                    None => {
                        let history = self.latency.entry(name.clone()).or_default();
                        history.push(*latency, length);
                    }
                }
            }
        }
        let id = report.test.as_ref().map_or("", |test| &test.id);
        if state.is_failure() {
            self.consecutive_failures = self.consecutive_failures.saturating_add(1);
            self.last_failure = Some(FailedExecution {
                id: id.to_owned(),
                state,
                at,
                error: cut(report.error.as_deref().unwrap_or_default()),
            });
            self.failures.add(report);
            self.failing |= self.consecutive_failures >= sight.case.failures_to_fail();
            self.weigh(at, "");
        } else if state == State::Pass {
            self.consecutive_failures = 0;
            self.failing = false;
            if let Some(runtime) = report.runtime {
                self.runtime.push(runtime, length);
            }
            self.passed(id, submitted, at, sight.case);
        }
    }

    /// A probe ended.
    pub(super) fn probed(&mut self, result: &ProbeResult, sight: Sight<'_>) {
        let now = sight.now;
        if result.due < self.created_at {
            // Of an earlier case of the name.
            return;
        }
        let before = self.probe.take();
        let failed = result.error.is_some();
        let failures = before.as_ref().map_or(0, |probe| probe.failures);
        let in_a_row = before
            .as_ref()
            .map_or(0, |probe| probe.consecutive_failures);
        let attempts = before.as_ref().map_or(0, |probe| probe.attempts);
        self.probe = Some(ProbeStatus {
            last_at: now,
            last_due: result.due,
            error: result.error.as_deref().map(cut),
            probes: before.as_ref().map_or(0, |probe| probe.probes) + 1,
            attempts: attempts + u64::from(result.attempts),
            failures: failures + u64::from(failed),
            consecutive_failures: if failed {
                in_a_row.saturating_add(1)
            } else {
                0
            },
        });
        if failed {
            self.probe_failed_at = Some(now);
            self.passed_while_down = None;
        }
        if self.down != failed {
            self.down = failed;
            self.weigh(now, "the probe's target answers again");
        }
        if let Some((id, submitted)) = self.passed_while_down.take() {
            self.passed(&id, submitted, now, sight.case);
        }
    }

    /// The case was declared anew, or controlled: `was_active` is how it was
    /// before.
    pub(super) fn redeclared(&mut self, was_active: bool, sight: Sight<'_>) {
        let is_active = self.is_active(sight.case);
        if is_active && !was_active {
            self.active_since = sight.now;
        }
        if !is_active {
            self.stalled = false;
        }
        if sight.case.probe.is_none() {
            self.down = false;
        }
        let declared = |name: &String| sight.case.signals.iter().any(|one| one.name == *name);
        self.latency.retain(|name, _| declared(name));
        self.weigh(sight.now, "the case was changed");
    }

    /// Lays settings over the declaration, or clears them. Whether anything
    /// changed.
    pub(super) fn controlled(&mut self, change: &ControlChange, sight: Sight<'_>) -> bool {
        let before = self.control;
        let was_active = self.is_active(sight.case);
        let CaseControl {
            active,
            probability,
            muted_until,
        } = change.set;
        let over = &mut self.control;
        over.active = active.or(over.active.filter(|_| !change.clear_active));
        over.probability = probability.or(over.probability.filter(|_| !change.clear_probability));
        over.muted_until = muted_until.or(over.muted_until.filter(|_| !change.clear_mute));
        if before.is_muted(sight.now) && !self.control.is_muted(sight.now) {
            self.unmuted(sight.now);
        }
        self.redeclared(was_active, sight);
        before != self.control
    }

    /// What was counted and not journaled by itself.
    pub(super) fn counted(&mut self, counts: Counts) {
        let Counts {
            not_sampled,
            ignored,
            refused,
        } = counts;
        self.sampling.not_sampled += not_sampled;
        self.sampling.refused += refused;
        self.signals.ignored += ignored;
    }

    /// What became of a signal.
    pub(super) fn signal(&mut self, outcome: SignalOutcome) {
        let totals = &mut self.signals;
        *match outcome {
            SignalOutcome::Accepted => &mut totals.accepted,
            SignalOutcome::Early => &mut totals.early,
            SignalOutcome::Duplicate => &mut totals.duplicate,
            SignalOutcome::Late => &mut totals.late,
            SignalOutcome::UnknownSignal => &mut totals.unknown_signal,
            SignalOutcome::Orphan => &mut totals.orphan,
            SignalOutcome::Ignored => &mut totals.ignored,
        } += 1;
    }

    /// What lies over the declaration.
    pub fn control(&self) -> CaseControl {
        self.control
    }

    /// How many transitions there were.
    pub(super) fn transitions(&self) -> u64 {
        self.transitions
    }

    /// The transitions after so many that are not recorded yet.
    pub(super) fn transitions_after(&self, number: u64) -> Vec<Arc<Transition>> {
        let pending = self.pending.iter();
        let after = pending.filter(|transition| transition.number > number);
        after.cloned().collect()
    }

    /// Takes note that a transition was recorded; whether it was not before.
    pub(super) fn confirm(&mut self, number: u64) -> bool {
        let found = self.pending.iter().position(|one| one.number == number);
        found.is_some_and(|found| self.pending.remove(found).is_some())
    }

    pub(super) fn notifications_mut(&mut self) -> &mut Notifications {
        &mut self.notifications
    }

    /// What webhooks are to be told of the case.
    pub fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    /// What became of the signals.
    pub fn signals(&self) -> SignalTotals {
        self.signals
    }

    /// Failures of the case that look alike.
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Runtimes of the executions that passed.
    pub fn runtime(&self) -> &History {
        &self.runtime
    }

    /// Latencies by signal.
    pub fn latency(&self) -> &BTreeMap<String, History> {
        &self.latency
    }

    /// The health as it now is; `absences` are those of the partition.
    pub fn status(&self, absences: Absences) -> CaseStatus {
        let count = absences.count - self.absences_before.min(absences.count);
        CaseStatus {
            state: self.state,
            since: self.since,
            reason: self.reason.clone(),
            incident: self.incident.clone(),
            incidents: self.incidents,
            flapping: self.flapping,
            consecutive_failures: self.consecutive_failures,
            totals: self.totals.clone(),
            last_test_received: self.last_received,
            last_failure: self.last_failure.clone(),
            runtime: self.runtime.summary(),
            signal_latency: self
                .latency
                .iter()
                .map(|(name, history)| (name.clone(), history.summary()))
                .collect(),
            frequency: self.frequency.summary(),
            signals: self.signals,
            sampling: self.sampling,
            probe: self.probe.clone(),
            absences: Absences {
                count,
                last: absences.last.filter(|_| count > 0),
            },
            control: self.control,
            notifications_pending: self.notifications.pending().count(),
            notifications_dead: self.notifications.dead().count(),
        }
    }
}

/// A text of at most [`ERROR_BYTES`].
fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(ERROR_BYTES);
    match end < text.len() {
        true => format!(
            "{}…",
            &text[..text.floor_char_boundary(ERROR_BYTES - '…'.len_utf8())]
        ),
        false => text.to_owned(),
    }
}
