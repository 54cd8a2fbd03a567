//! The health of cases, between the schema and the model.
//!
//! What is stored is read back; the status as a whole is only shown.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Violations,
    models::{optional, report_from_pb, report_to_pb, state_from_pb, state_to_pb},
    time::{duration_to_pb, required_time, time_from_pb, time_to_pb},
};
use crate::{
    model::{
        Absences, CaseControl, CaseStatus, FailedExecution, Failure, FailureGroup, Incident,
        IncidentCause, ProbeStatus, SamplingTotals, SignalTotals, State, Summary, Transition,
        TransitionKind,
    },
    pb::v1,
};

/// Writes a status.
pub fn status_to_pb(status: &CaseStatus) -> v1::CaseStatus {
    let CaseStatus {
        state,
        since,
        reason,
        incident,
        incidents,
        flapping,
        consecutive_failures,
        totals,
        last_test_received,
        last_failure,
        runtime,
        signal_latency,
        frequency,
        signals,
        sampling,
        probe,
        absences,
        control,
        notifications_pending,
        notifications_dead,
    } = status;
    let count = |count: &usize| u32::try_from(*count).unwrap_or(u32::MAX);
    v1::CaseStatus {
        state: state_to_pb(*state).into(),
        since: Some(time_to_pb(*since)),
        reason: reason.clone(),
        incident: incident.as_ref().map(incident_to_pb),
        incidents: *incidents,
        flapping: *flapping,
        consecutive_failures: *consecutive_failures,
        total_failures: status.total_failures(),
        totals: totals_to_pb(totals),
        last_test_received: last_test_received.map(time_to_pb),
        last_failure: last_failure.as_ref().map(failed_to_pb),
        runtime: Some(summary_to_pb(runtime)),
        signal_latency: signal_latency
            .iter()
            .map(|(name, summary)| (name.clone(), summary_to_pb(summary)))
            .collect(),
        frequency: Some(summary_to_pb(frequency)),
        signals: Some(signal_totals_to_pb(signals)),
        sampling: Some(sampling_to_pb(sampling)),
        probe: probe.as_ref().map(probe_status_to_pb),
        absences: Some(absences_to_pb(absences)),
        control: (*control != CaseControl::default()).then(|| control_to_pb(control)),
        notifications_pending: count(notifications_pending),
        notifications_dead: count(notifications_dead),
    }
}

fn totals_to_pb(totals: &BTreeMap<State, u64>) -> Vec<v1::StateTotal> {
    let totals = totals.iter().filter(|(_, count)| **count > 0);
    totals
        .map(|(state, count)| v1::StateTotal {
            state: state_to_pb(*state).into(),
            count: *count,
        })
        .collect()
}

fn summary_to_pb(summary: &Summary) -> v1::DurationSummary {
    let Summary { count, median, p90 } = summary;
    let some = |duration: &Duration| (*count > 0).then(|| duration_to_pb(*duration));
    v1::DurationSummary {
        count: u32::try_from(*count).unwrap_or(u32::MAX),
        median: some(median),
        p90: some(p90),
    }
}

fn absences_to_pb(absences: &Absences) -> v1::Absences {
    let Absences { count, last } = absences;
    v1::Absences {
        count: *count,
        last_began: last.map(|(began, _)| time_to_pb(began)),
        last_ended: last.map(|(_, ended)| time_to_pb(ended)),
    }
}

/// Writes an incident.
pub fn incident_to_pb(incident: &Incident) -> v1::Incident {
    let Incident {
        number,
        started_at,
        cause,
        cause_since,
    } = incident;
    v1::Incident {
        number: *number,
        started_at: Some(time_to_pb(*started_at)),
        cause: cause_to_pb(*cause).into(),
        cause_since: Some(time_to_pb(*cause_since)),
    }
}

/// Reads an incident.
pub fn incident_from_pb(pb: v1::Incident, bad: &mut Violations) -> Option<Incident> {
    let v1::Incident {
        number,
        started_at,
        cause,
        cause_since,
    } = pb;
    let started_at = required_time(started_at, &mut bad.field("started_at"));
    let cause_since = required_time(cause_since, &mut bad.field("cause_since"));
    let cause = cause_from_pb(cause, &mut bad.field("cause"));
    Some(Incident {
        number,
        started_at: started_at?,
        cause: cause?,
        cause_since: cause_since?,
    })
}

/// Writes a cause.
pub fn cause_to_pb(cause: IncidentCause) -> v1::IncidentCause {
    match cause {
        IncidentCause::Failed => v1::IncidentCause::Failed,
        IncidentCause::Stalled => v1::IncidentCause::Stalled,
        IncidentCause::TargetDown => v1::IncidentCause::TargetDown,
    }
}

/// Reads a cause; an unknown number is refused, and so is none.
pub fn cause_from_pb(pb: i32, bad: &mut Violations) -> Option<IncidentCause> {
    Some(match v1::IncidentCause::try_from(pb) {
        Ok(v1::IncidentCause::Failed) => IncidentCause::Failed,
        Ok(v1::IncidentCause::Stalled) => IncidentCause::Stalled,
        Ok(v1::IncidentCause::TargetDown) => IncidentCause::TargetDown,
        Ok(v1::IncidentCause::Unspecified) | Err(_) => {
            bad.add(format!("{pb} is no cause that this version knows"));
            return None;
        }
    })
}

/// Writes a failed execution.
pub fn failed_to_pb(failed: &FailedExecution) -> v1::FailedExecution {
    let FailedExecution {
        id,
        state,
        at,
        error,
    } = failed;
    v1::FailedExecution {
        id: id.clone(),
        state: state_to_pb(*state).into(),
        at: Some(time_to_pb(*at)),
        error: error.clone(),
    }
}

/// Reads a failed execution.
pub fn failed_from_pb(pb: v1::FailedExecution, bad: &mut Violations) -> Option<FailedExecution> {
    let v1::FailedExecution {
        id,
        state,
        at,
        error,
    } = pb;
    let state = state_from_pb(state, &mut bad.field("state"));
    let at = required_time(at, &mut bad.field("at"));
    Some(FailedExecution {
        id,
        state: state?,
        at: at?,
        error,
    })
}

/// Writes what became of signals.
pub fn signal_totals_to_pb(totals: &SignalTotals) -> v1::SignalTotals {
    let SignalTotals {
        accepted,
        early,
        duplicate,
        late,
        unknown_signal,
        orphan,
        ignored,
    } = *totals;
    v1::SignalTotals {
        accepted,
        early,
        duplicate,
        late,
        unknown_signal,
        orphan,
        ignored,
    }
}

/// Reads what became of signals.
pub fn signal_totals_from_pb(pb: v1::SignalTotals) -> SignalTotals {
    let v1::SignalTotals {
        accepted,
        early,
        duplicate,
        late,
        unknown_signal,
        orphan,
        ignored,
    } = pb;
    SignalTotals {
        accepted,
        early,
        duplicate,
        late,
        unknown_signal,
        orphan,
        ignored,
    }
}

/// Writes what became of requests.
pub fn sampling_to_pb(totals: &SamplingTotals) -> v1::SamplingTotals {
    let SamplingTotals {
        sampled,
        not_sampled,
        over_rate,
        over_live,
        refused,
    } = *totals;
    v1::SamplingTotals {
        sampled,
        not_sampled,
        over_rate,
        over_live,
        refused,
        share: totals.share(),
    }
}

/// Reads what became of requests.
pub fn sampling_from_pb(pb: v1::SamplingTotals) -> SamplingTotals {
    let v1::SamplingTotals {
        sampled,
        not_sampled,
        over_rate,
        over_live,
        refused,
        share: _,
    } = pb;
    SamplingTotals {
        sampled,
        not_sampled,
        over_rate,
        over_live,
        refused,
    }
}

/// Writes how a probe stands.
pub fn probe_status_to_pb(probe: &ProbeStatus) -> v1::ProbeStatus {
    let ProbeStatus {
        last_at,
        last_due,
        error,
        probes,
        attempts,
        failures,
        consecutive_failures,
    } = probe;
    v1::ProbeStatus {
        last_at: Some(time_to_pb(*last_at)),
        last_due: Some(time_to_pb(*last_due)),
        error: error.clone(),
        probes: *probes,
        attempts: *attempts,
        failures: *failures,
        consecutive_failures: *consecutive_failures,
    }
}

/// Reads how a probe stands.
pub fn probe_status_from_pb(pb: v1::ProbeStatus, bad: &mut Violations) -> Option<ProbeStatus> {
    let v1::ProbeStatus {
        last_at,
        last_due,
        error,
        probes,
        attempts,
        failures,
        consecutive_failures,
    } = pb;
    let last_due = required_time(last_due, &mut bad.field("last_due"));
    Some(ProbeStatus {
        last_at: required_time(last_at, &mut bad.field("last_at"))?,
        last_due: last_due?,
        error,
        probes,
        attempts,
        failures,
        consecutive_failures,
    })
}

/// Writes what lies over a declaration.
pub fn control_to_pb(control: &CaseControl) -> v1::CaseControl {
    let CaseControl {
        active,
        probability,
        muted_until,
    } = *control;
    v1::CaseControl {
        active,
        probability,
        muted_until: muted_until.map(time_to_pb),
    }
}

/// Reads what lies over a declaration.
pub fn control_from_pb(pb: v1::CaseControl, bad: &mut Violations) -> Option<CaseControl> {
    let v1::CaseControl {
        active,
        probability,
        muted_until,
    } = pb;
    Some(CaseControl {
        active,
        probability,
        muted_until: optional(muted_until, &mut bad.field("muted_until"), time_from_pb)?,
    })
}

/// Writes a transition.
pub fn transition_to_pb(transition: &Transition) -> v1::CaseTransition {
    let Transition {
        case_name,
        number,
        kind,
        at,
        state,
        reason,
        incident,
        muted,
        flapping,
        consecutive_failures,
        total_failures,
        report,
    } = transition;
    v1::CaseTransition {
        case_name: case_name.clone(),
        number: *number,
        kind: kind_to_pb(*kind).into(),
        at: Some(time_to_pb(*at)),
        state: state_to_pb(*state).into(),
        reason: reason.clone(),
        incident: incident.as_ref().map(incident_to_pb),
        muted: *muted,
        flapping: *flapping,
        consecutive_failures: *consecutive_failures,
        total_failures: *total_failures,
        report: report.as_ref().map(report_to_pb),
    }
}

/// Reads a transition.
pub fn transition_from_pb(pb: v1::CaseTransition, bad: &mut Violations) -> Option<Transition> {
    let v1::CaseTransition {
        case_name,
        number,
        kind,
        at,
        state,
        reason,
        incident,
        muted,
        flapping,
        consecutive_failures,
        total_failures,
        report,
    } = pb;
    let kind = kind_from_pb(kind, &mut bad.field("kind"));
    let at = required_time(at, &mut bad.field("at"));
    let state = state_from_pb(state, &mut bad.field("state"));
    let incident = optional(incident, &mut bad.field("incident"), incident_from_pb);
    let report = optional(report, &mut bad.field("report"), report_from_pb);
    Some(Transition {
        case_name,
        number,
        kind: kind?,
        at: at?,
        state: state?,
        reason,
        incident: incident?,
        muted,
        flapping,
        consecutive_failures,
        total_failures,
        report: report?,
    })
}

/// Writes a kind of transition.
pub fn kind_to_pb(kind: TransitionKind) -> v1::TransitionKind {
    match kind {
        TransitionKind::IncidentStarted => v1::TransitionKind::IncidentStarted,
        TransitionKind::CauseChanged => v1::TransitionKind::CauseChanged,
        TransitionKind::Recovered => v1::TransitionKind::Recovered,
        TransitionKind::FlappingStarted => v1::TransitionKind::FlappingStarted,
        TransitionKind::FlappingEnded => v1::TransitionKind::FlappingEnded,
        TransitionKind::Unmuted => v1::TransitionKind::Unmuted,
    }
}

fn kind_from_pb(pb: i32, bad: &mut Violations) -> Option<TransitionKind> {
    Some(match v1::TransitionKind::try_from(pb) {
        Ok(v1::TransitionKind::IncidentStarted) => TransitionKind::IncidentStarted,
        Ok(v1::TransitionKind::CauseChanged) => TransitionKind::CauseChanged,
        Ok(v1::TransitionKind::Recovered) => TransitionKind::Recovered,
        Ok(v1::TransitionKind::FlappingStarted) => TransitionKind::FlappingStarted,
        Ok(v1::TransitionKind::FlappingEnded) => TransitionKind::FlappingEnded,
        Ok(v1::TransitionKind::Unmuted) => TransitionKind::Unmuted,
        Ok(v1::TransitionKind::Unspecified) | Err(_) => {
            bad.add(format!("{pb} is no kind that this version knows"));
            return None;
        }
    })
}

/// Writes what failed.
pub fn failure_to_pb(failure: &Failure) -> v1::Failure {
    let Failure {
        fingerprint,
        contract,
        signal,
        last_signal,
    } = failure.clone();
    v1::Failure {
        fingerprint,
        contract,
        signal,
        last_signal,
    }
}

/// Reads what failed.
pub fn failure_from_pb(pb: v1::Failure) -> Failure {
    let v1::Failure {
        fingerprint,
        contract,
        signal,
        last_signal,
    } = pb;
    Failure {
        fingerprint,
        contract,
        signal,
        last_signal,
    }
}

/// Writes a group of failures.
pub fn failure_group_to_pb(case_name: &str, group: &FailureGroup) -> v1::FailureGroup {
    let FailureGroup {
        failure,
        state,
        count,
        first_at,
        last_at,
        examples,
        error,
    } = group;
    v1::FailureGroup {
        case_name: case_name.to_owned(),
        failure: Some(failure_to_pb(failure)),
        state: state_to_pb(*state).into(),
        count: *count,
        first_at: Some(time_to_pb(*first_at)),
        last_at: Some(time_to_pb(*last_at)),
        examples: examples.clone(),
        error: error.clone(),
    }
}
