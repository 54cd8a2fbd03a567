use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use super::*;
use crate::{
    convert::{arbitrary, json, value::MAX_DEPTH},
    model::{ExecutionView, Json, ReceivedSignal, SignalEvent, SignalOutcome, State, Time},
    pb::v1,
};

fn read<T, U>(pb: T, read: impl Fn(T, &mut Violations) -> Option<U>) -> Result<U, Violations> {
    let mut bad = Violations::new();
    let read = read(pb, &mut bad);
    bad.finish(read)
}

proptest! {
    #[test]
    fn views_survive(view in arbitrary::view(), now in arbitrary::time()) {
        prop_assert_eq!(read(view_to_pb(&view, now), view_from_pb), Ok(view));
    }

    #[test]
    fn a_damaged_view_is_a_view_or_an_error(
        view in arbitrary::view(),
        now in arbitrary::time(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = view_to_pb(&view, now).encode_to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(pb) = v1::ExecutionView::decode(bytes.as_slice())
            && let Ok(view) = read(pb, view_from_pb)
        {
            prop_assert_eq!(read(view_to_pb(&view, now), view_from_pb), Ok(view));
        }
    }
}

fn at(seconds: i64) -> Time {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn view(value: Json) -> ExecutionView {
    let test = crate::model::TestExecution {
        traceparent: String::new(),
        id: "0f1c9e2a-7b63-4f4e-9d0a-2b6f5e3c1a77".into(),
        case_name: "a.orders".into(),
        timestamp: at(1_780_000_000),
        test_args: vec![],
        test_kwargs: [].into_iter().collect(),
        expires: at(1_780_000_060),
        labels: [].into(),
    };
    let signal = ReceivedSignal {
        event: SignalEvent {
            signal_name: "s".into(),
            case_name: "a.orders".into(),
            key: json!("k"),
            value,
        },
        signal_id: String::new(),
        at: at(1_780_000_001),
        outcome: SignalOutcome::Accepted,
        judged: true,
        late_by: None,
        value_dropped: false,
    };
    ExecutionView {
        test,
        case_revision: 1,
        progress: vec![],
        signals: vec![signal],
        signal_count: 1,
        late_signals: vec![],
        late_signal_count: 0,
        report: None,
    }
}

#[test]
fn derived_values_are_those_of_the_time_given() {
    let view = view(Json::Null);
    let now = view_to_pb(&view, at(1_780_000_000));
    assert_eq!(now.state(), v1::State::Init);
    assert_eq!(now.ident, view.test.ident());
    assert_eq!(now.shortident, "orders:0f1c9e2a-7b63-4[...]");
    assert_eq!(now.short_case_name, "orders");
    assert!(now.human_date.starts_with("Today "));
    assert!(now.was_issued_today);
    assert!(!now.is_expired);

    let later = view_to_pb(&view, at(1_780_100_000));
    assert!(!later.was_issued_today);
    assert!(later.is_expired);
    assert!(later.human_date.starts_with("2026-"));
}

/// What is accepted must be readable from within the largest answer.
#[test]
fn the_deepest_value_can_be_shown() {
    let deepest = (1..MAX_DEPTH).fold(json!({}), |inner, _| json!({ "k": inner }));
    let view = view(deepest);
    let answer = v1::WatchExecutionResponse {
        payload: Some(v1::watch_execution_response::Payload::Execution(
            view_to_pb(&view, at(0)),
        )),
    };
    let decoded = v1::WatchExecutionResponse::decode(answer.encode_to_vec().as_slice()).unwrap();
    let Some(v1::watch_execution_response::Payload::Execution(decoded)) = decoded.payload else {
        panic!("another payload");
    };
    assert_eq!(read(decoded, view_from_pb), Ok(view));
    let shown = json::to_json(&answer, "livecheck.v1.WatchExecutionResponse").unwrap();
    assert!(shown["execution"]["signals"][0]["event"]["value"].is_object());
}

#[test]
fn every_bad_field_of_a_view_is_named() {
    let mut pb = view_to_pb(&view(Json::Null), at(0));
    pb.progress.push(v1::SignalProgress {
        latency: Some(prost_types::Duration {
            seconds: -1,
            nanos: 0,
        }),
        ..Default::default()
    });
    if let Some(test) = &mut pb.test {
        test.expires = None;
    }
    pb.signals[0].outcome = 99;
    pb.signals[0].late_by = Some(prost_types::Duration {
        seconds: 0,
        nanos: i32::MAX,
    });
    pb.late_signals.push(v1::ReceivedSignal {
        at: Some(Default::default()),
        outcome: 1,
        ..Default::default()
    });
    pb.report = Some(v1::TestReport {
        state: 8,
        signal_latency: [(
            "a".to_owned(),
            prost_types::Duration {
                seconds: i64::MAX,
                nanos: 0,
            },
        )]
        .into(),
        ..Default::default()
    });
    let fields: Vec<_> = read(pb, view_from_pb)
        .unwrap_err()
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(
        fields,
        [
            "test.expires",
            "progress[0].deadline",
            "progress[0].latency",
            "signals[0].outcome",
            "signals[0].late_by",
            "late_signals[0].event",
            "report.state",
            "report.signal_latency[\"a\"]",
            "report.concluded_at",
        ]
    );
}

/// What Faust's own models produce; see the README beside the file.
fn vectors() -> Json {
    let text = include_str!("../../../tests/vectors/faust-0.15.3.json");
    serde_json::from_str(text).unwrap()
}

/// Faust's JSON of a model without its mark of the type.
fn unmarked(json: &Json) -> Json {
    match json {
        Json::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "__faust")
            .map(|(name, value)| (name.clone(), unmarked(value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn fausts_states() {
    let vectors = vectors();
    let states = vectors["states"].as_object().unwrap();
    assert_eq!(states.len(), State::ALL.len());
    for (name, state) in states {
        let text = state["value"].as_str().unwrap();
        let read: State = text.parse().unwrap();
        assert_eq!(read.faust_text(), text);
        assert_eq!(read.is_ok(), state["is_ok"].as_bool().unwrap());
        let by_name = v1::State::try_from(state_to_pb(read) as i32).unwrap();
        let alias = json!({ "state": format!("STATE_{name}") });
        let report: v1::TestReport = json::from_json("livecheck.v1.TestReport", &alias).unwrap();
        assert_eq!(report.state(), by_name);
    }
    assert_eq!("PASS".parse(), Ok(State::Pass));
}

#[test]
fn fausts_signals() {
    let vectors = vectors();
    let signals = vectors["signals"].as_array().unwrap();
    assert_eq!(signals.len(), 3);
    for vector in signals {
        let faust = unmarked(&vector["json"]);
        let pb: v1::SignalEvent = json::from_json("livecheck.v1.SignalEvent", &faust).unwrap();
        let event = read(pb, signal_event_from_pb).unwrap();
        assert_eq!(event.signal_name, vector["signal_name"]);
        assert_eq!(event.case_name, vector["case_name"]);
        assert_eq!(event.key, vector["key"]);
        assert_eq!(event.value, vector["value"]);

        let pb = signal_event_to_pb(&event);
        let written = json::to_json(&pb, "livecheck.v1.SignalEvent").unwrap();
        assert_eq!(written.to_string(), faust.to_string());
    }
}

#[test]
fn fausts_executions() {
    let vectors = vectors();
    let executions = vectors["executions"].as_array().unwrap();
    assert_eq!(executions.len(), 6);
    for vector in executions {
        let faust = unmarked(&vector["json"]);
        let pb: v1::TestExecution = json::from_json("livecheck.v1.TestExecution", &faust).unwrap();
        let test = read(pb, execution_from_pb).unwrap();
        let time = |field: &str| {
            DateTime::parse_from_rfc3339(vector[field].as_str().unwrap())
                .unwrap()
                .to_utc()
        };
        assert_eq!(test.id, vector["id"]);
        assert_eq!(test.case_name, vector["case_name"]);
        assert_eq!(test.timestamp, time("timestamp"));
        assert_eq!(test.expires, time("expires"));
        assert_eq!(Json::from(test.test_args.clone()), vector["test_args"]);
        assert_eq!(Json::from(test.test_kwargs.clone()), vector["test_kwargs"]);

        let pb = execution_to_pb(&test);
        let written = json::to_json(&pb, "livecheck.v1.TestExecution").unwrap();
        let mut expected = faust;
        // Where Faust keeps the offset of a time, the same instant in UTC is
        // right.
        for field in ["timestamp", "expires"] {
            let text = time(field).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            expected[field] = text.into();
        }
        assert_eq!(written.to_string(), expected.to_string());
    }
}

#[test]
fn fausts_reports() {
    let vectors = vectors();
    let reports = vectors["reports"].as_array().unwrap();
    assert_eq!(reports.len(), State::ALL.len());
    for vector in reports {
        let faust = unmarked(vector);
        let state: State = faust["state"].as_str().unwrap().parse().unwrap();
        let seconds = |json: &Json| json.as_f64().map(Duration::from_secs_f64);
        let runtime = seconds(&faust["runtime"]);
        let latencies: Vec<_> = faust["signal_latency"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, latency)| (name.clone(), seconds(latency).unwrap()))
            .collect();

        let text = |span: Duration| format!("{}s", span.as_secs_f64());
        let mut ours = faust.clone();
        ours["state"] = format!("STATE_{state}").into();
        ours["runtime"] = runtime.map(text).into();
        ours["signal_latency"] = latencies
            .iter()
            .map(|(name, latency)| (name.clone(), Json::from(text(*latency))))
            .collect();
        ours["concluded_at"] = "2026-11-23T10:00:00Z".into();
        let pb: v1::TestReport = json::from_json("livecheck.v1.TestReport", &ours).unwrap();
        let report = read(pb, report_from_pb).unwrap();
        assert_eq!(report.case_name, faust["case_name"]);
        assert_eq!(report.state, state);
        assert_eq!(report.runtime, runtime);
        assert_eq!(report.signal_latency, latencies.into_iter().collect());
        assert_eq!(Json::from(report.error.clone()), faust["error"]);
        assert_eq!(Json::from(report.traceback.clone()), faust["traceback"]);
        assert_eq!(report.test.is_some(), faust["test"].is_object());

        let written = report_to_pb(&report);
        let again: v1::TestReport = json::from_json(
            "livecheck.v1.TestReport",
            &json::to_json(&written, "livecheck.v1.TestReport").unwrap(),
        )
        .unwrap();
        assert_eq!(read(again, report_from_pb), Ok(report));
    }
}
