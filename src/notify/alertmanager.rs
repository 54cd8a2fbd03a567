//! Alerts for Alertmanager's `/api/v2/alerts`.
//!
//! Every message says of each alert that a case can have whether it fires: one
//! for each cause, and one for flapping. So the one that was, ends where the
//! cause changes, whatever was not told in between. Nothing fires that is over by
//! the time it is told, late or again: there may be nothing that ends it. Labels
//! hold only what does not change while an alert fires.

use std::time::Duration;

use serde_json::json;

use super::message::{Standing, instant, running};
use crate::model::{Incident, IncidentCause, Json, Transition, TransitionKind};

/// How long an alert fires that nothing ends. Alertmanager would end it itself
/// after five minutes, as it is not sent again.
const FIRES_FOR: Duration = Duration::from_secs(365 * 24 * 3600);
const CAUSES: [IncidentCause; 3] = [
    IncidentCause::Failed,
    IncidentCause::Stalled,
    IncidentCause::TargetDown,
];

/// The alerts of a case after a transition. While it flaps only that fires: its
/// incidents are not told until it no longer does.
pub fn alerts(transition: &Transition, standing: &Standing) -> Json {
    let still = |told: &&Incident| {
        let now = standing.incident.as_ref();
        now.is_some_and(|now| (now.number, now.cause) == (told.number, told.cause))
    };
    let unwell = running(transition).filter(|_| !transition.flapping);
    let unwell = unwell.filter(still);
    let flapping = transition.flapping && standing.flapping;
    let causes = CAUSES.map(|cause| {
        let (name, severity) = match cause {
            IncidentCause::Failed => ("failed", "critical"),
            IncidentCause::Stalled => ("stalled", "warning"),
            IncidentCause::TargetDown => ("target_down", "critical"),
        };
        let labels = json!({
            "alertname": "LiveCheckCaseUnwell",
            "case": transition.case_name,
            "cause": name,
            "severity": severity,
        });
        let of_cause = |incident: &&Incident| incident.cause == cause;
        let began = transition.incident.as_ref().filter(of_cause);
        let mut alert = alert(transition, labels, unwell.is_some_and(|one| of_cause(&one)));
        if let (Some(incident), Json::Object(fields)) = (began, &mut alert) {
            fields.insert("startsAt".to_owned(), instant(incident.cause_since));
        }
        alert
    });
    let labels = json!({
        "alertname": "LiveCheckCaseFlapping",
        "case": transition.case_name,
        "severity": "warning",
    });
    let mut flaps = alert(transition, labels, flapping);
    if let (TransitionKind::FlappingStarted, Json::Object(fields)) = (transition.kind, &mut flaps) {
        fields.insert("startsAt".to_owned(), instant(transition.at));
    }
    causes.into_iter().chain([flaps]).collect()
}

fn alert(transition: &Transition, labels: Json, fires: bool) -> Json {
    let ends = match fires {
        true => transition.at + FIRES_FOR,
        false => transition.at,
    };
    json!({
        "labels": labels,
        "annotations": {
            "summary": format!("{} is {}", transition.case_name, transition.state),
            "description": transition.reason,
        },
        "endsAt": instant(ends),
    })
}
