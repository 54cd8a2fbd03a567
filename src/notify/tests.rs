//! What the receivers get, whole.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta};
use serde_json::json;

use super::message::{About, Message, Standing, What, message, running};
use crate::model::{
    Incident, IncidentCause, Json, State, TestExecution, TestReport, Time, Transition,
    TransitionKind, WebhookFormat,
};

/// 2026-05-28T20:26:40Z
const BASE: i64 = 1_780_000_000;

fn at(seconds: i64) -> Time {
    DateTime::from_timestamp(BASE + seconds, 500_000_000).unwrap()
}

fn started() -> Transition {
    Transition {
        case_name: "orders <checkout>".to_owned(),
        number: 3,
        kind: TransitionKind::IncidentStarted,
        at: at(0),
        state: State::Fail,
        reason: "30 failures in a row & more".to_owned(),
        incident: Some(Incident {
            number: 2,
            started_at: at(0),
            cause: IncidentCause::Failed,
            cause_since: at(0),
        }),
        muted: false,
        flapping: false,
        consecutive_failures: 30,
        total_failures: 59,
        report: None,
    }
}

/// The incident began for another cause.
fn changed() -> Transition {
    let mut changed = Transition {
        kind: TransitionKind::CauseChanged,
        at: at(60),
        state: State::Stall,
        reason: "no execution since then".to_owned(),
        ..started()
    };
    let incident = changed.incident.as_mut().unwrap();
    incident.cause = IncidentCause::Stalled;
    incident.cause_since = at(60);
    changed
}

/// The incident of the changed cause is over.
fn recovered() -> Transition {
    Transition {
        kind: TransitionKind::Recovered,
        at: at(90),
        state: State::Pass,
        reason: "well again after 1m 30s".to_owned(),
        ..changed()
    }
}

fn flapping() -> Transition {
    Transition {
        kind: TransitionKind::FlappingStarted,
        flapping: true,
        reason: "it goes back and forth".to_owned(),
        ..started()
    }
}

fn steady() -> Transition {
    Transition {
        kind: TransitionKind::FlappingEnded,
        at: at(3600),
        state: State::Pass,
        reason: "no incident began for an hour".to_owned(),
        incident: None,
        ..started()
    }
}

fn report() -> TestReport {
    TestReport {
        case_name: "c".to_owned(),
        state: State::Fail,
        test: Some(TestExecution {
            id: "e-1".to_owned(),
            case_name: "c".to_owned(),
            timestamp: at(0),
            test_args: vec![json!(17)],
            test_kwargs: serde_json::Map::new(),
            expires: at(10),
            labels: BTreeMap::new(),
            traceparent: String::new(),
        }),
        runtime: Some(Duration::from_millis(1500)),
        signal_latency: BTreeMap::new(),
        error: Some("a < b is false".to_owned()),
        traceback: None,
        concluded_at: at(1),
        failure: None,
    }
}

fn said(format: WebhookFormat, what: What<'_>, standing: &Standing) -> Result<Message, String> {
    let case_name = match what {
        What::Transition(transition) => &transition.case_name,
        What::Report(report) => &report.case_name,
    };
    let about = About {
        id: "1-0-17",
        source: "/livecheck/j",
        case_name,
        what,
        standing,
    };
    message(format, &about).map_err(|error| error.to_string())
}

fn transition(format: WebhookFormat, transition: Transition) -> Message {
    // Told while nothing has changed since.
    let standing = Standing {
        incident: running(&transition).cloned(),
        flapping: transition.flapping,
    };
    said(format, What::Transition(&transition), &standing).unwrap()
}

#[test]
fn cloud_events() {
    let message = transition(WebhookFormat::CloudEvents, started());
    assert_eq!(message.content_type, "application/cloudevents+json");
    assert_eq!(
        message.body,
        json!({
            "specversion": "1.0",
            "id": "1-0-17",
            "source": "/livecheck/j",
            "type": "livecheck.case.incident_started",
            "subject": "orders <checkout>",
            "time": "2026-05-28T20:26:40.500Z",
            "datacontenttype": "application/json",
            "data": {
                "case_name": "orders <checkout>",
                "number": "3",
                "kind": "TRANSITION_KIND_INCIDENT_STARTED",
                "at": "2026-05-28T20:26:40.500Z",
                "state": "STATE_FAIL",
                "reason": "30 failures in a row & more",
                "incident": {
                    "number": "2",
                    "started_at": "2026-05-28T20:26:40.500Z",
                    "cause": "INCIDENT_CAUSE_FAILED",
                    "cause_since": "2026-05-28T20:26:40.500Z",
                },
                "consecutive_failures": 30,
                "total_failures": "59",
            },
        })
    );

    let report = report();
    let message = said(
        WebhookFormat::CloudEvents,
        What::Report(&report),
        &Standing::default(),
    )
    .unwrap();
    assert_eq!(
        message.body,
        json!({
            "specversion": "1.0",
            "id": "1-0-17",
            "source": "/livecheck/j",
            "type": "livecheck.execution.report",
            "subject": "c",
            "time": "2026-05-28T20:26:41.500Z",
            "datacontenttype": "application/json",
            "data": {
                "case_name": "c",
                "state": "STATE_FAIL",
                "test": {
                    "id": "e-1",
                    "case_name": "c",
                    "timestamp": "2026-05-28T20:26:40.500Z",
                    "expires": "2026-05-28T20:26:50.500Z",
                    "test_args": [17],
                    "test_kwargs": {},
                },
                "runtime": "1.500s",
                "error": "a < b is false",
                "concluded_at": "2026-05-28T20:26:41.500Z",
            },
        })
    );
}

#[test]
fn each_kind_of_transition_is_a_type_of_event() {
    for (kind, expected) in [
        (TransitionKind::IncidentStarted, "incident_started"),
        (TransitionKind::CauseChanged, "cause_changed"),
        (TransitionKind::Recovered, "recovered"),
        (TransitionKind::FlappingStarted, "flapping_started"),
        (TransitionKind::FlappingEnded, "flapping_ended"),
        (TransitionKind::Unmuted, "unmuted"),
    ] {
        let told = Transition { kind, ..started() };
        let message = transition(WebhookFormat::CloudEvents, told);
        let expected = format!("livecheck.case.{expected}");
        assert_eq!(message.body["type"], expected.as_str());
    }
}

/// A message for Slack of these texts.
fn slack(text: &str, header: &str, section: &str, context: &str) -> Json {
    json!({
        "text": text,
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": header, "emoji": true},
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": section}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": context}]},
        ],
    })
}

#[test]
fn slack_messages() {
    let date = |seconds: i64, text: &str| {
        let unix = BASE + seconds;
        format!("<!date^{unix}^{{date_short_pretty}} {{time_secs}}|2026-05-28T{text}Z>")
    };
    let message = transition(WebhookFormat::Slack, started());
    assert_eq!(message.content_type, "application/json");
    assert_eq!(
        message.body,
        slack(
            "orders &lt;checkout&gt;: FAIL: 30 failures in a row &amp; more",
            ":red_circle: orders <checkout>: FAIL",
            "30 failures in a row &amp; more",
            &format!("Incident 2, since {}", date(0, "20:26:40")),
        )
    );
    assert_eq!(
        transition(WebhookFormat::Slack, recovered()).body,
        slack(
            "orders &lt;checkout&gt;: PASS: well again after 1m 30s",
            ":large_green_circle: orders <checkout>: PASS",
            "well again after 1m 30s",
            &format!("Since {}", date(90, "20:28:10")),
        )
    );
    let report = report();
    assert_eq!(
        said(
            WebhookFormat::Slack,
            What::Report(&report),
            &Standing::default()
        )
        .unwrap()
        .body,
        slack(
            "c: FAIL: execution e-1: a &lt; b is false",
            ":red_circle: c: FAIL",
            "execution e-1: a &lt; b is false",
            &date(1, "20:26:41"),
        )
    );
}

#[test]
fn slack_messages_stay_within_its_limits() {
    let long = Transition {
        case_name: "&".repeat(256),
        reason: "&".repeat(4000),
        ..started()
    };
    let body = transition(WebhookFormat::Slack, long).body;
    let length = |pointer: &str| {
        let text = body.pointer(pointer).and_then(Json::as_str);
        text.unwrap().chars().count()
    };
    assert_eq!(length("/blocks/0/text/text"), 150);
    assert!((2900..=3000).contains(&length("/blocks/1/text/text")));
}

/// What is told of an alert: its labels' rest, when it began, and when it ends.
fn alert(
    of: &Transition,
    name: &str,
    cause: Option<&str>,
    severity: &str,
    starts: Option<&str>,
    ends: &str,
) -> Json {
    let mut alert = json!({
        "labels": {"alertname": name, "case": "orders <checkout>", "severity": severity},
        "annotations": {
            "summary": format!("orders <checkout> is {}", of.state),
            "description": of.reason,
        },
        "endsAt": ends,
    });
    if let Some(cause) = cause {
        alert["labels"]["cause"] = json!(cause);
    }
    if let Some(starts) = starts {
        alert["startsAt"] = json!(starts);
    }
    alert
}

#[test]
fn alerts() {
    const T0: &str = "2026-05-28T20:26:40.500Z";
    const T60: &str = "2026-05-28T20:27:40.500Z";
    const T90: &str = "2026-05-28T20:28:10.500Z";
    const T3600: &str = "2026-05-28T21:26:40.500Z";
    const T0_FIRES: &str = "2027-05-28T20:26:40.500Z";
    const T60_FIRES: &str = "2027-05-28T20:27:40.500Z";
    // Of each alert (failed, stalled, target down, flapping): when it began, if
    // that is told, and when it ends.
    let resolved = |at| (None, at);
    for (told, expected) in [
        (
            started(),
            [
                (Some(T0), T0_FIRES),
                resolved(T0),
                resolved(T0),
                resolved(T0),
            ],
        ),
        (
            changed(),
            [
                resolved(T60),
                (Some(T60), T60_FIRES),
                resolved(T60),
                resolved(T60),
            ],
        ),
        (
            recovered(),
            [
                resolved(T90),
                (Some(T60), T90),
                resolved(T90),
                resolved(T90),
            ],
        ),
        (
            flapping(),
            [
                (Some(T0), T0),
                resolved(T0),
                resolved(T0),
                (Some(T0), T0_FIRES),
            ],
        ),
        (
            steady(),
            [
                resolved(T3600),
                resolved(T3600),
                resolved(T3600),
                resolved(T3600),
            ],
        ),
    ] {
        let alerts = [
            ("LiveCheckCaseUnwell", Some("failed"), "critical"),
            ("LiveCheckCaseUnwell", Some("stalled"), "warning"),
            ("LiveCheckCaseUnwell", Some("target_down"), "critical"),
            ("LiveCheckCaseFlapping", None, "warning"),
        ];
        let alerts = alerts.into_iter().zip(expected);
        let expected: Vec<_> = alerts
            .map(|((name, cause, severity), (starts, ends))| {
                alert(&told, name, cause, severity, starts, ends)
            })
            .collect();
        let kind = told.kind;
        let message = transition(WebhookFormat::Alertmanager, told);
        assert_eq!(message.content_type, "application/json");
        assert_eq!(message.body, Json::from(expected), "{kind:?}");
    }
    assert_eq!(
        at(0) + TimeDelta::days(365),
        T0_FIRES.parse::<Time>().unwrap()
    );
}

#[test]
fn what_is_over_by_the_time_it_is_told_does_not_fire() {
    let next = Incident {
        number: 3,
        ..started().incident.unwrap()
    };
    let other = changed().incident;
    for (told, incident, flapping) in [
        (started(), None, false),
        (started(), Some(next), false),
        (started(), other, false),
        (flapping(), started().incident, false),
    ] {
        let standing = Standing { incident, flapping };
        let at = told.at;
        let message = said(
            WebhookFormat::Alertmanager,
            What::Transition(&told),
            &standing,
        )
        .unwrap();
        for alert in message.body.as_array().unwrap() {
            let ends: Time = alert["endsAt"].as_str().unwrap().parse().unwrap();
            assert_eq!(ends, at, "{standing:?}");
        }
    }
}

#[test]
fn a_report_is_no_alert() {
    let report = report();
    let error = said(
        WebhookFormat::Alertmanager,
        What::Report(&report),
        &Standing::default(),
    )
    .unwrap_err();
    assert_eq!(
        error,
        "alerts are about cases, and this is the report on an execution"
    );
}
