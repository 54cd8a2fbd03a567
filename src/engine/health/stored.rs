//! The health of a case in a snapshot, and back.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use chrono::DateTime;

use crate::{
    convert::{
        Violations,
        models::{each, optional, state_from_pb, state_to_pb},
        status::{
            cause_from_pb, cause_to_pb, control_from_pb, control_to_pb, failed_from_pb,
            failed_to_pb, failure_from_pb, failure_to_pb, incident_from_pb, incident_to_pb,
            probe_status_from_pb, probe_status_to_pb, sampling_from_pb, sampling_to_pb,
            signal_totals_from_pb, signal_totals_to_pb, transition_from_pb, transition_to_pb,
        },
    },
    model::{FailureGroup, Time},
    pb::storage::{self as pb, snapshot_notification},
};

use super::{
    DeadNotification, Failures, Health, History, Notification, Notifications, Subject, Told,
};

type StoredSubject = snapshot_notification::Subject;

/// Writes the health of a case.
pub(in crate::engine) fn health_to_pb(health: &Health) -> pb::SnapshotHealth {
    let Health {
        name,
        created,
        created_at,
        absences_before,
        state,
        since,
        reason,
        incident,
        incidents,
        incident_starts,
        flapping,
        transitions,
        moved_at,
        steps,
        told,
        failing,
        stalled,
        down,
        consecutive_failures,
        totals,
        last_failure,
        last_received,
        alive_at,
        alive_before,
        active_since,
        quiet_from,
        probe,
        probe_failed_at,
        passed_while_down,
        control,
        signals,
        sampling,
        rate,
        runtime,
        frequency,
        latency,
        failures,
        notifications,
        pending,
        queued: _,
    } = health;
    let micros = |time: &Time| time.timestamp_micros();
    pb::SnapshotHealth {
        case_name: name.clone(),
        created: *created,
        created_micros: micros(created_at),
        absences_before: *absences_before,
        state: state_to_pb(*state).into(),
        since_micros: micros(since),
        reason: reason.clone(),
        incident: incident.as_ref().map(incident_to_pb),
        incidents: *incidents,
        incident_starts_micros: incident_starts.iter().map(micros).collect(),
        flapping: *flapping,
        transitions: *transitions,
        moved_micros: micros(moved_at),
        steps: steps.clone(),
        told: Some(told_to_pb(told)),
        failing: *failing,
        stalled: *stalled,
        down: *down,
        consecutive_failures: *consecutive_failures,
        totals: totals
            .iter()
            .map(|(state, count)| (state_to_pb(*state).into(), *count))
            .collect(),
        last_failure: last_failure.as_ref().map(failed_to_pb),
        last_received_micros: last_received.as_ref().map(micros),
        alive_micros: alive_at.as_ref().map(micros),
        alive_before_micros: alive_before.as_ref().map(micros),
        active_since_micros: micros(active_since),
        quiet_from_micros: micros(quiet_from),
        probe: probe.as_ref().map(probe_status_to_pb),
        probe_failed_micros: probe_failed_at.as_ref().map(micros),
        passed_while_down: passed_while_down
            .as_ref()
            .map(|(id, submitted)| pb::SnapshotPass {
                id: id.clone(),
                submitted_micros: micros(submitted),
            }),
        control: Some(control_to_pb(control)),
        signals: Some(signal_totals_to_pb(signals)),
        sampling: Some(sampling_to_pb(sampling)),
        rate_micros: rate.as_ref().map(micros),
        runtime: Some(history_to_pb(runtime)),
        frequency: Some(history_to_pb(frequency)),
        latency: latency
            .iter()
            .map(|(name, history)| (name.clone(), history_to_pb(history)))
            .collect(),
        failures: failures.groups.iter().map(group_to_pb).collect(),
        notifications: notifications_to_pb(notifications),
        pending: pending.iter().map(|one| transition_to_pb(one)).collect(),
    }
}

/// Reads the health of a case.
pub(in crate::engine) fn health_from_pb(
    pb: pb::SnapshotHealth,
    bad: &mut Violations,
) -> Option<Health> {
    let pb::SnapshotHealth {
        case_name,
        created,
        created_micros,
        absences_before,
        state,
        since_micros,
        reason,
        incident,
        incidents,
        incident_starts_micros,
        flapping,
        transitions,
        moved_micros,
        steps,
        told,
        failing,
        stalled,
        down,
        consecutive_failures,
        totals,
        last_failure,
        last_received_micros,
        alive_micros,
        alive_before_micros,
        active_since_micros,
        quiet_from_micros,
        probe,
        probe_failed_micros,
        passed_while_down,
        control,
        signals,
        sampling,
        rate_micros,
        runtime,
        frequency,
        latency,
        failures,
        notifications,
        pending,
    } = pb;
    let mut states = BTreeMap::new();
    for (state, count) in totals {
        states.insert(state_from_pb(state, &mut bad.field("totals"))?, count);
    }
    let incident_starts = incident_starts_micros.into_iter();
    let incident_starts = incident_starts
        .map(|micros| time(micros, bad))
        .collect::<Option<_>>()?;
    let failures = each("failures", failures, bad, group_from_pb)?;
    let notifications = notifications_from_pb(notifications, bad)?;
    let pending = each("pending", pending, bad, transition_from_pb)?;
    let mut histories = BTreeMap::new();
    for (name, history) in latency {
        let history = history_from_pb(history, &mut bad.entry("latency", &name))?;
        histories.insert(name, history);
    }
    let control = control.unwrap_or_default();
    let created_at = time(created_micros, bad)?;
    let moved_at = time(moved_micros, bad)?;
    let alive_at = optional(alive_micros, bad, time)?;
    let alive_before = optional(alive_before_micros, bad, time)?;
    let told = told_from_pb(told.unwrap_or_default(), &mut bad.field("told"))?;
    let passed_while_down = match passed_while_down {
        Some(pb::SnapshotPass {
            id,
            submitted_micros,
        }) => Some((id, time(submitted_micros, bad)?)),
        None => None,
    };
    let state = state_from_pb(state, &mut bad.field("state"))?;
    let since = time(since_micros, bad)?;
    let incident = optional(incident, &mut bad.field("incident"), incident_from_pb)?;
    let last_failure = optional(last_failure, &mut bad.field("last_failure"), failed_from_pb)?;
    let last_received = optional(last_received_micros, bad, time)?;
    let active_since = time(active_since_micros, bad)?;
    let quiet_from = time(quiet_from_micros, bad)?;
    let probe = optional(probe, &mut bad.field("probe"), probe_status_from_pb)?;
    let probe_failed_at = optional(probe_failed_micros, bad, time)?;
    let control = control_from_pb(control, &mut bad.field("control"))?;
    let rate = optional(rate_micros, bad, time)?;
    let runtime = history_from_pb(runtime.unwrap_or_default(), &mut bad.field("runtime"))?;
    let frequency = history_from_pb(frequency.unwrap_or_default(), &mut bad.field("frequency"))?;
    Some(Health {
        name: case_name,
        created,
        created_at,
        absences_before,
        state,
        since,
        reason,
        incident,
        incidents,
        incident_starts,
        flapping,
        transitions,
        moved_at,
        steps,
        told,
        failing,
        stalled,
        down,
        consecutive_failures,
        totals: states,
        last_failure,
        last_received,
        alive_at,
        alive_before,
        active_since,
        quiet_from,
        probe,
        probe_failed_at,
        passed_while_down,
        control,
        signals: signal_totals_from_pb(signals.unwrap_or_default()),
        sampling: sampling_from_pb(sampling.unwrap_or_default()),
        rate,
        runtime,
        frequency,
        latency: histories,
        failures: Failures { groups: failures },
        notifications,
        pending: pending.into_iter().map(Arc::new).collect(),
        queued: None,
    })
}

fn told_to_pb(told: &Told) -> pb::SnapshotTold {
    let Told { incident, flapping } = *told;
    pb::SnapshotTold {
        incident: incident.map_or(0, |(number, _)| number),
        cause: incident.map_or(0, |(_, cause)| cause_to_pb(cause).into()),
        flapping,
    }
}

fn told_from_pb(pb: pb::SnapshotTold, bad: &mut Violations) -> Option<Told> {
    let pb::SnapshotTold {
        incident,
        cause,
        flapping,
    } = pb;
    let incident = match incident {
        0 => None,
        number => Some((number, cause_from_pb(cause, bad)?)),
    };
    Some(Told { incident, flapping })
}

fn time(micros: i64, bad: &mut Violations) -> Option<Time> {
    let time = DateTime::from_timestamp_micros(micros);
    if time.is_none() {
        bad.add(format!("{micros} µs since 1970 is no time"));
    }
    time
}

fn history_to_pb(history: &History) -> pb::SnapshotHistory {
    let History {
        last,
        buckets,
        sum_micros,
    } = history;
    pb::SnapshotHistory {
        last_micros: last.iter().copied().collect(),
        buckets: buckets.to_vec(),
        sum_micros: *sum_micros,
    }
}

fn history_from_pb(pb: pb::SnapshotHistory, bad: &mut Violations) -> Option<History> {
    let pb::SnapshotHistory {
        last_micros,
        buckets,
        sum_micros,
    } = pb;
    let mut history = History {
        last: VecDeque::from(last_micros),
        sum_micros,
        ..History::default()
    };
    if buckets.len() > history.buckets.len() {
        bad.add(format!("has {} buckets", buckets.len()));
        return None;
    }
    for (to, from) in history.buckets.iter_mut().zip(buckets) {
        *to = from;
    }
    Some(history)
}

fn notifications_to_pb(all: &Notifications) -> Vec<pb::SnapshotNotification> {
    let pending = all.pending().map(|one| notification_to_pb(one));
    let dead = all.dead().map(|dead| pb::SnapshotNotification {
        dead: true,
        attempts: dead.attempts,
        error: dead.error.clone(),
        ..notification_to_pb(&dead.notification)
    });
    pending.chain(dead).collect()
}

fn notification_to_pb(notification: &Notification) -> pb::SnapshotNotification {
    let Notification {
        webhook,
        position,
        queued_at,
        subject,
    } = notification;
    pb::SnapshotNotification {
        webhook: webhook.clone(),
        position: *position,
        queued_micros: queued_at.timestamp_micros(),
        subject: Some(match subject {
            Subject::Transition(transition) => {
                StoredSubject::Transition(transition_to_pb(transition))
            }
            Subject::Report { id, state } => StoredSubject::Report(pb::SnapshotReported {
                id: id.clone(),
                state: state_to_pb(*state).into(),
            }),
        }),
        dead: false,
        attempts: 0,
        error: String::new(),
    }
}

fn notifications_from_pb(
    pb: Vec<pb::SnapshotNotification>,
    bad: &mut Violations,
) -> Option<Notifications> {
    let mut all = Notifications::default();
    for (i, one) in pb.into_iter().enumerate() {
        let mut bad = bad.at("notifications", i);
        let pb::SnapshotNotification {
            webhook,
            position,
            queued_micros,
            subject,
            dead,
            attempts,
            error,
        } = one;
        let subject = match subject {
            Some(StoredSubject::Transition(transition)) => Subject::Transition(Arc::new(
                transition_from_pb(transition, &mut bad.field("transition"))?,
            )),
            Some(StoredSubject::Report(pb::SnapshotReported { id, state })) => Subject::Report {
                id,
                state: state_from_pb(state, &mut bad.field("report"))?,
            },
            None => {
                bad.add("is of no known kind");
                return None;
            }
        };
        let notification = Arc::new(Notification {
            webhook,
            position,
            queued_at: time(queued_micros, &mut bad)?,
            subject,
        });
        match dead {
            true => all.dead.push_back(DeadNotification {
                notification,
                attempts,
                error,
            }),
            false => all.put(notification),
        }
    }
    Some(all)
}

fn group_to_pb(group: &FailureGroup) -> pb::SnapshotFailures {
    let FailureGroup {
        failure,
        state,
        count,
        first_at,
        last_at,
        examples,
        error,
    } = group;
    pb::SnapshotFailures {
        failure: Some(failure_to_pb(failure)),
        state: state_to_pb(*state).into(),
        count: *count,
        first_micros: first_at.timestamp_micros(),
        last_micros: last_at.timestamp_micros(),
        examples: examples.clone(),
        error: error.clone(),
    }
}

fn group_from_pb(pb: pb::SnapshotFailures, bad: &mut Violations) -> Option<FailureGroup> {
    let pb::SnapshotFailures {
        failure,
        state,
        count,
        first_micros,
        last_micros,
        examples,
        error,
    } = pb;
    let state = state_from_pb(state, &mut bad.field("state"));
    Some(FailureGroup {
        failure: failure_from_pb(failure.unwrap_or_default()),
        state: state?,
        count,
        first_at: time(first_micros, bad)?,
        last_at: time(last_micros, bad)?,
        examples,
        error,
    })
}
