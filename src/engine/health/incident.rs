//! Incidents: from the first bad state of a case to its recovery, and what is
//! told of them.
//!
//! Three conditions make a case unwell: its probe's target is down, it has
//! stalled, it has failed. The first of them that holds is the cause of the
//! incident. When none holds any more the incident goes on until a PASS ends it.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use crate::{
    engine::{execution::later, texts::instant},
    model::{
        Case, Incident, IncidentCause, State, TestReport, Time, Transition, TransitionKind,
        total_failures,
    },
};

use super::{Health, Sight, Told};

/// So many incidents that begin within [`FLAPPING_WITHIN`] make a case flap.
pub const FLAPPING_INCIDENTS: usize = 3;
/// See [`FLAPPING_INCIDENTS`]; a case flaps until none has begun for so long.
pub const FLAPPING_WITHIN: Duration = Duration::from_secs(3600);
/// Steps kept for the report of an incident.
const STEPS: usize = 32;

impl Health {
    /// Weighs the conditions after one of them changed: an incident may begin,
    /// or its cause change. `news` is what happened, where that is no new
    /// condition.
    pub(super) fn weigh(&mut self, at: Time, news: &str) {
        let cause = if self.down {
            IncidentCause::TargetDown
        } else if self.stalled {
            IncidentCause::Stalled
        } else if self.failing {
            IncidentCause::Failed
        } else {
            return;
        };
        match &self.incident {
            None => self.begin(cause, at),
            Some(incident) if incident.cause != cause => self.change(cause, at, news),
            Some(_) => {}
        }
    }

    fn begin(&mut self, cause: IncidentCause, at: Time) {
        let at = at.max(self.moved_at);
        self.incidents += 1;
        self.incident = Some(Incident {
            number: self.incidents,
            started_at: at,
            cause,
            cause_since: at,
        });
        self.steps.clear();
        self.incident_starts.push_back(at);
        if self.incident_starts.len() > FLAPPING_INCIDENTS {
            self.incident_starts.pop_front();
        }
        let many = self.incident_starts.len() == FLAPPING_INCIDENTS;
        let first = self.incident_starts.front();
        let flaps = many && first.is_some_and(|first| at <= later(*first, FLAPPING_WITHIN));
        let began = flaps && !self.flapping;
        self.flapping |= flaps;
        let reason = self.why(cause);
        self.enter(cause.state(), at, reason);
        self.report(TransitionKind::IncidentStarted, at);
        if began {
            let reason = format!(
                "it goes back and forth: {FLAPPING_INCIDENTS} incidents within an hour, the last \
                 one: {}",
                self.reason
            );
            self.tell(TransitionKind::FlappingStarted, at, reason, None);
        }
    }

    fn change(&mut self, cause: IncidentCause, at: Time, news: &str) {
        let at = at.max(self.moved_at);
        let before = self.incident.as_ref().map(|incident| incident.cause);
        if let Some(incident) = &mut self.incident {
            incident.cause = cause;
            incident.cause_since = at;
        }
        let mut reason = self.why(cause);
        // A condition that outranks the cause before needs no other news.
        let outranked = before.is_some_and(|before| rank(cause) > rank(before));
        if !outranked && !news.is_empty() {
            reason = format!("{news}, but still: {reason}");
        }
        self.enter(cause.state(), at, reason);
        self.report(TransitionKind::CauseChanged, at);
    }

    /// An execution passed: the case may recover.
    pub(super) fn passed(&mut self, id: &str, submitted: Time, at: Time, case: &Case) {
        let Some(incident) = self.incident.clone() else {
            if self.state == State::Init {
                self.enter(State::Pass, at, format!("execution {id} passed"));
            }
            return;
        };
        if self.down {
            self.passed_while_down = Some((id.to_owned(), submitted));
            return;
        }
        if self.stalled {
            return;
        }
        let failed_at = self.last_failure.as_ref().map(|failure| failure.at);
        let bad = [failed_at, self.probe_failed_at]
            .into_iter()
            .flatten()
            .max();
        let after_all = bad.is_none_or(|bad| submitted > bad)
            && (incident.cause != IncidentCause::Stalled || submitted > incident.cause_since);
        let delayed = bad.is_some_and(|bad| at < later(bad, case.recovers_after()));
        if !after_all || delayed {
            return;
        }
        let at = at.max(self.moved_at);
        let lasted = (at - incident.started_at).to_std().unwrap_or_default();
        let reason = format!("well again after {}: execution {id} passed", span(lasted));
        self.incident = None;
        self.enter(State::Pass, at, reason.clone());
        self.note_step(at);
        let report = TestReport {
            runtime: Some(lasted),
            error: None,
            ..self.about(&incident.started_at, at)
        };
        self.tell_of(
            TransitionKind::Recovered,
            at,
            reason,
            Some(report),
            Some(incident),
        );
        self.steps.clear();
    }

    /// When something falls due by itself: the case stalls, the mute is over, or
    /// it no longer flaps.
    pub(in crate::engine) fn next_due(&self, case: &Case, absent_until: Time) -> Option<Time> {
        let flapped = self.incident_starts.back().filter(|_| self.flapping);
        let steady = flapped.map(|last| later(*last, FLAPPING_WITHIN));
        [
            self.stalls_at(case, absent_until),
            steady,
            self.control.muted_until,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn stalls_at(&self, case: &Case, absent_until: Time) -> Option<Time> {
        if self.stalled || !self.is_active(case) {
            return None;
        }
        Some(later(self.quiet_since(absent_until), case.stalled_after()?))
    }

    /// From when on the silence counts.
    fn quiet_since(&self, absent_until: Time) -> Time {
        let alive = self.alive_at.unwrap_or(self.active_since);
        alive.max(self.active_since).max(absent_until)
    }

    /// Lets what is due at `at` happen.
    pub(in crate::engine) fn pass_due(&mut self, at: Time, sight: Sight<'_>) {
        if self.control.muted_until.is_some_and(|until| until <= at) {
            self.control.muted_until = None;
            self.unmuted(at);
        }
        let last = self.incident_starts.back();
        if self.flapping && last.is_none_or(|last| later(*last, FLAPPING_WITHIN) <= at) {
            self.flapping = false;
            let reason = format!("no incident began for an hour; now: {}", self.reason);
            self.tell(TransitionKind::FlappingEnded, at, reason, None);
        }
        if self
            .stalls_at(sight.case, sight.absent_until)
            .is_some_and(|due| due <= at)
        {
            self.stalled = true;
            *self.totals.entry(State::Stall).or_default() += 1;
            self.quiet_from = self.quiet_since(sight.absent_until);
            self.weigh(at, "");
        }
    }

    /// The mute is over: what webhooks missed is told.
    pub(super) fn unmuted(&mut self, at: Time) {
        let now = self.to_tell();
        if now.flapping != self.told.flapping || !now.flapping && now.incident != self.told.incident
        {
            let reason = format!("no longer muted; now: {}", self.reason);
            self.tell(TransitionKind::Unmuted, at, reason, None);
        }
    }

    /// What there is to tell of the health as it now is.
    fn to_tell(&self) -> Told {
        let incident = self.incident.as_ref();
        Told {
            incident: incident.map(|one| (one.number, one.cause)),
            flapping: self.flapping,
        }
    }

    fn enter(&mut self, state: State, at: Time, reason: String) {
        if self.state != state {
            self.since = at.max(self.since);
        }
        self.state = state;
        self.reason = reason;
    }

    /// Tells of the incident, with a report.
    fn report(&mut self, kind: TransitionKind, at: Time) {
        self.note_step(at);
        let started = self.incident.as_ref().map_or(at, |one| one.started_at);
        let report = self.about(&started, at);
        self.tell(kind, at, self.reason.clone(), Some(report));
    }

    fn note_step(&mut self, at: Time) {
        // The first step says how it began.
        if self.steps.len() >= STEPS {
            self.steps.remove(1);
        }
        self.steps
            .push(format!("{} {}: {}", instant(at), self.state, self.reason));
    }

    /// A report on the case itself.
    fn about(&self, started: &Time, at: Time) -> TestReport {
        TestReport {
            case_name: self.name.clone(),
            state: self.state,
            test: None,
            runtime: Some((at - *started).to_std().unwrap_or_default()),
            signal_latency: std::collections::BTreeMap::new(),
            error: Some(self.reason.clone()),
            traceback: Some(self.steps.join("\n")),
            concluded_at: at,
            failure: None,
        }
    }

    fn tell(&mut self, kind: TransitionKind, at: Time, reason: String, report: Option<TestReport>) {
        self.tell_of(kind, at, reason, report, self.incident.clone());
    }

    fn tell_of(
        &mut self,
        kind: TransitionKind,
        at: Time,
        reason: String,
        report: Option<TestReport>,
        incident: Option<Incident>,
    ) {
        self.transitions += 1;
        let at = at.max(self.moved_at);
        self.moved_at = at;
        let transition = Transition {
            case_name: self.name.clone(),
            number: self.transitions,
            kind,
            at,
            state: self.state,
            reason,
            incident,
            muted: self.control.is_muted(at),
            flapping: self.flapping,
            consecutive_failures: self.consecutive_failures,
            total_failures: total_failures(&self.totals),
            report,
        };
        if transition.is_notified() {
            self.told = self.to_tell();
        }
        self.pending.push_back(Arc::new(transition));
    }

    /// Why the case is unwell, for people.
    fn why(&self, cause: IncidentCause) -> String {
        match cause {
            IncidentCause::Failed => {
                let mut text = match self.consecutive_failures {
                    1 => "1 failure".to_owned(),
                    many => format!("{many} failures in a row"),
                };
                if let Some(last) = &self.last_failure {
                    let _ = write!(
                        text,
                        ", the last one {} of execution {}",
                        last.state, last.id
                    );
                    if !last.error.is_empty() {
                        let _ = write!(text, ": {}", last.error);
                    }
                }
                text
            }
            IncidentCause::Stalled => format!("no execution since {}", instant(self.quiet_from)),
            IncidentCause::TargetDown => {
                let error = self.probe.as_ref().and_then(|probe| probe.error.as_deref());
                format!("the probe failed: {}", error.unwrap_or_default())
            }
        }
    }
}

/// Which of two causes is told when both hold: the greater.
fn rank(cause: IncidentCause) -> u8 {
    match cause {
        IncidentCause::Failed => 0,
        IncidentCause::Stalled => 1,
        IncidentCause::TargetDown => 2,
    }
}

/// A span of time for people, such as `1h 2m 3s`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m {s}s"),
        _ => format!("{h}h {m}m {s}s"),
    }
}
