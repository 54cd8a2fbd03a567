//! Every call that a server refuses: the code, the reason, every bad field at
//! once, and nothing changed by it.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        ApplyCaseRequest, CancelExecutionRequest, Case, Contract, DeleteCaseRequest,
        GetCaseRequest, GetExecutionRequest, GetReportRequest, ListCasesRequest,
        ListExecutionsRequest, ListFailuresRequest, ListReportsRequest, SendSignalRequest, Signal,
        SignalEvent, SubmitExecutionRequest, WaitSignalRequest, WatchCasesRequest,
        WatchExecutionRequest, WatchReportsRequest, WatchSignalsRequest,
    },
};
use prost_types::{Duration, Timestamp};
use serde_json::json;
use tonic::Code;

use crate::{
    given::{case, contract, event, event_of, seconds, sending, signal, submission},
    refusal::Refused,
    server::{Clients, Server},
};

/// A time that there is none.
const NO_TIME: Option<Timestamp> = Some(Timestamp {
    seconds: i64::MAX,
    nanos: 0,
});
/// A duration that there is none.
const NEGATIVE: Option<Duration> = Some(Duration {
    seconds: -1,
    nanos: 0,
});

/// A server with a case, a live execution and one that has its report.
async fn prepared() -> (Server, Clients) {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    clients.submit("orders", "live").await;
    clients.pass("orders", "over").await;
    (server, clients)
}

/// Makes calls that are to be refused, one a row, and sees how each is.
macro_rules! refused {
    ($($client:ident.$method:ident($request:expr) => $code:ident, $reason:literal, $fields:expr;)+) => {{
        let (server, clients) = prepared().await;
        let before = clients.everything().await;
        $(
            let answer = clients.$client.clone().$method($request).await;
            let fields: &[&str] = &$fields;
            let call = concat!(stringify!($method), " line ", line!());
            answer.refusal().await.check(call, Code::$code, $reason, fields);
        )+
        assert_eq!(clients.everything().await, before);
        server.stop().await;
    }};
}

mod cases;

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[tokio::test]
async fn every_bad_field_of_the_execution_service_is_named() {
    let labels = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect();
    let bad_list = prost_types::ListValue {
        values: vec![json_to_pb(&json!(long(70_000)))],
    };
    let mut nan = json_to_pb(&json!({"n": 1}));
    if let Some(prost_types::value::Kind::StructValue(object)) = &mut nan.kind {
        let number = prost_types::value::Kind::NumberValue(f64::NAN);
        object.fields.entry("n".to_owned()).or_default().kind = Some(number);
    }
    let nan = match nan.kind {
        Some(prost_types::value::Kind::StructValue(object)) => Some(object),
        _ => None,
    };
    refused! {
        executions.submit_execution(SubmitExecutionRequest {
            case_name: String::new(),
            id: long(257),
            test_args: Some(bad_list),
            test_kwargs: nan,
            expires: NO_TIME,
            sampling: 99,
            labels: [(String::new(), String::new())].into(),
        }) => InvalidArgument, "INVALID_FIELDS", [
            "case_name", "id", "test_args", "test_kwargs", "expires", "sampling", "labels[\"\"]",
        ];
        executions.submit_execution(SubmitExecutionRequest {
            labels: labels(65),
            expires: Some(Timestamp { seconds: 253_402_300_799, nanos: 0 }),
            ..submission("a\u{0}b", "a\nb")
        }) => InvalidArgument, "INVALID_FIELDS", ["case_name", "id", "labels", "expires"];
        executions.get_execution(GetExecutionRequest::default())
            => InvalidArgument, "INVALID_FIELDS", ["case_name", "id"];
        executions.get_execution(GetExecutionRequest { case_name: long(257), id: "\u{7f}".into() })
            => InvalidArgument, "INVALID_FIELDS", ["case_name", "id"];
        executions.list_executions(ListExecutionsRequest {
            case_name: long(257),
            states: vec![1, 0, 77],
            since: NO_TIME,
            until: Some(Timestamp { seconds: 0, nanos: -1 }),
            page_size: 1001,
            page_token: String::new(),
        }) => InvalidArgument, "INVALID_FIELDS", [
            "case_name", "states[1]", "states[2]", "since", "until", "page_size",
        ];
        executions.cancel_execution(CancelExecutionRequest {
            reason: long(1025),
            ..CancelExecutionRequest::default()
        }) => InvalidArgument, "INVALID_FIELDS", ["case_name", "id", "reason"];
        executions.watch_execution(WatchExecutionRequest::default())
            => InvalidArgument, "INVALID_FIELDS", ["case_name", "id"];
    }
}

#[tokio::test]
async fn every_bad_field_of_the_signal_service_is_named() {
    let bad = SignalEvent {
        signal_name: "a b".to_owned(),
        case_name: long(257),
        key: Some(json_to_pb(&json!(9_007_199_254_740_992_i64))),
        value: Some(json_to_pb(&json!(long(70_000)))),
    };
    let no_case = |signal_name: &str| SignalEvent {
        case_name: String::new(),
        ..event("orders", "live", signal_name)
    };
    refused! {
        signals.send_signal(SendSignalRequest { event: Some(bad), signal_id: long(257) })
            => InvalidArgument, "INVALID_FIELDS", [
                "event.signal_name", "event.case_name", "event.key", "event.value", "signal_id",
            ];
        signals.send_signal(SendSignalRequest { event: None, signal_id: long(257) })
            => InvalidArgument, "INVALID_FIELDS", ["event", "signal_id"];
        signals.send_signal(sending(no_case("done")))
            => InvalidArgument, "INVALID_FIELDS", ["event.case_name"];
        signals.send_signal(sending(no_case("")))
            => InvalidArgument, "INVALID_FIELDS", ["event.case_name", "event.signal_name"];
        signals.wait_signal(WaitSignalRequest::default())
            => InvalidArgument, "INVALID_FIELDS", ["case_name", "signal_name", "key"];
        signals.wait_signal(WaitSignalRequest {
            key: Some(json_to_pb(&json!(-9_007_199_254_740_992_i64))),
            timeout: NEGATIVE,
            ..WaitSignalRequest::default()
        }) => InvalidArgument, "INVALID_FIELDS", ["case_name", "signal_name", "key", "timeout"];
        signals.wait_signal(WaitSignalRequest {
            case_name: "orders".to_owned(),
            signal_name: "done".to_owned(),
            key: Some(json_to_pb(&json!(null))),
            timeout: seconds(0),
        }) => InvalidArgument, "INVALID_FIELDS", ["key", "timeout"];
        signals.wait_signal(WaitSignalRequest {
            case_name: "\u{1b}".to_owned(),
            signal_name: "done".to_owned(),
            key: Some(json_to_pb(&json!(1))),
            timeout: seconds(3601),
        }) => InvalidArgument, "INVALID_FIELDS", ["case_name", "timeout"];
        signals.watch_signals(WatchSignalsRequest { case_name: String::new(), id: "\n".into() })
            => InvalidArgument, "INVALID_FIELDS", ["case_name", "id"];
    }
}

#[tokio::test]
async fn every_bad_field_of_the_report_service_is_named() {
    refused! {
        reports.get_report(GetReportRequest { wait: NEGATIVE, ..GetReportRequest::default() })
            => InvalidArgument, "INVALID_FIELDS", ["case_name", "id", "wait"];
        reports.get_report(GetReportRequest {
            case_name: "orders".to_owned(),
            id: String::new(),
            wait: seconds(3601),
        }) => InvalidArgument, "INVALID_FIELDS", ["id", "wait"];
        reports.list_reports(ListReportsRequest {
            case_name: "\u{0}".to_owned(),
            states: vec![0, -3],
            ok: None,
            since: Some(Timestamp { seconds: 0, nanos: 1_000_000_000 }),
            until: NO_TIME,
            page_size: -1,
            page_token: String::new(),
        }) => InvalidArgument, "INVALID_FIELDS", [
            "case_name", "states[0]", "states[1]", "since", "until", "page_size",
        ];
        reports.list_failures(ListFailuresRequest {
            case_name: "\u{0}".to_owned(),
            since: NO_TIME,
            page_size: 1001,
            page_token: String::new(),
        }) => InvalidArgument, "INVALID_FIELDS", ["case_name", "since", "page_size"];
        reports.watch_reports(WatchReportsRequest {
            case_name: long(257),
            states: vec![2, 8],
            ..WatchReportsRequest::default()
        }) => InvalidArgument, "INVALID_FIELDS", ["case_name", "states[1]"];
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let named = |name: &str| (name.to_owned(), "none".to_owned());
    let get = |(case_name, id)| GetExecutionRequest { case_name, id };
    let cancel = |(case_name, id)| CancelExecutionRequest {
        case_name,
        id,
        reason: String::new(),
    };
    let watch = |(case_name, id)| WatchExecutionRequest { case_name, id };
    let report = |(case_name, id)| GetReportRequest {
        case_name,
        id,
        wait: seconds(60),
    };
    let signals = |(case_name, id)| WatchSignalsRequest { case_name, id };
    let wait = WaitSignalRequest {
        case_name: "none".to_owned(),
        signal_name: "done".to_owned(),
        key: Some(json_to_pb(&json!("live"))),
        timeout: seconds(60),
    };
    refused! {
        executions.submit_execution(submission("none", "a")) => NotFound, "CASE_NOT_FOUND", [];
        executions.get_execution(get(named("orders"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        executions.get_execution(get(named("none"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        executions.cancel_execution(cancel(named("orders")))
            => NotFound, "EXECUTION_NOT_FOUND", [];
        executions.cancel_execution(cancel(named("none"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        executions.watch_execution(watch(named("orders"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        reports.get_report(report(named("orders"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        reports.get_report(report(named("none"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        signals.send_signal(sending(event("none", "live", "done")))
            => NotFound, "CASE_NOT_FOUND", [];
        signals.wait_signal(wait) => NotFound, "CASE_NOT_FOUND", [];
        signals.watch_signals(signals(named("orders"))) => NotFound, "EXECUTION_NOT_FOUND", [];
        signals.watch_signals(WatchSignalsRequest { case_name: "none".into(), id: String::new() })
            => NotFound, "CASE_NOT_FOUND", [];
        cases.get_case(GetCaseRequest { name: "none".into() }) => NotFound, "CASE_NOT_FOUND", [];
        cases.delete_case(DeleteCaseRequest { name: "none".into() })
            => NotFound, "CASE_NOT_FOUND", [];
    }
}

#[tokio::test]
async fn what_does_not_fit_the_state_is_refused() {
    let report = |wait| GetReportRequest {
        case_name: "orders".to_owned(),
        id: "live".to_owned(),
        wait,
    };
    let moment = Some(Duration {
        seconds: 0,
        nanos: 1_000_000,
    });
    let other = |id: &str| SubmitExecutionRequest {
        labels: [("run".to_owned(), "2".to_owned())].into(),
        ..submission("orders", id)
    };
    let never = WaitSignalRequest {
        case_name: "orders".to_owned(),
        signal_name: "done".to_owned(),
        key: Some(json_to_pb(&json!(17))),
        timeout: moment,
    };
    refused! {
        executions.submit_execution(other("live")) => AlreadyExists, "EXECUTION_EXISTS", [];
        executions.submit_execution(other("over")) => AlreadyExists, "EXECUTION_EXISTS", [];
        reports.get_report(report(None)) => FailedPrecondition, "REPORT_NOT_READY", [];
        reports.get_report(report(seconds(0))) => FailedPrecondition, "REPORT_NOT_READY", [];
        reports.get_report(report(moment)) => DeadlineExceeded, "WAIT_TIMED_OUT", [];
        signals.wait_signal(never) => DeadlineExceeded, "WAIT_TIMED_OUT", [];
        cases.watch_cases(WatchCasesRequest { resume_token: "x".into() })
            => InvalidArgument, "INVALID_RESUME_TOKEN", [];
        reports.watch_reports(WatchReportsRequest {
            resume_token: long(5000),
            ..WatchReportsRequest::default()
        }) => InvalidArgument, "INVALID_RESUME_TOKEN", [];
    }
}

/// A status travels in headers: clients in Java and Python take no more than
/// 8 KiB of them.
#[tokio::test]
async fn a_refusal_of_any_size_reaches_the_client() {
    let wrong = |n: usize| Signal {
        name: format!("{n} {}", long(60)),
        timeout: NEGATIVE,
        expect: vec![contract("value.{}?"); 16],
        ..Signal::default()
    };
    let case = Case {
        name: "é\u{0}".repeat(60),
        labels: (0..64)
            .map(|n| (format!("{n:03}\u{0}{}", "é".repeat(60)), String::new()))
            .collect(),
        signals: (0..64).map(wrong).collect(),
        ..Case::default()
    };
    let server = Server::start().await;
    let channel = server.endpoint().http2_max_header_list_size(8192);
    let clients = Clients::over(channel.connect_lazy());
    let refusal = clients.try_apply(case).await.unwrap_err();
    let refusal = crate::refusal::Refusal::from(&refusal);
    assert_eq!(refusal.code, Code::InvalidArgument, "{refusal:?}");
    assert_eq!(refusal.reason, "INVALID_FIELDS");
    assert!(refusal.fields.iter().any(|field| field == "case.name"));
    assert!(refusal.message.contains("more"), "{}", refusal.message);

    // What fits is named in full, a description or not.
    let many = Case {
        signals: (0..50)
            .map(|n| Signal {
                timeout: seconds(0),
                ..signal(&format!("s{n}"))
            })
            .collect(),
        ..crate::given::case("many", &[])
    };
    let refusal = clients.try_apply(many).await.unwrap_err();
    let refusal = crate::refusal::Refusal::from(&refusal);
    let fields: Vec<_> = (0..50)
        .map(|n| format!("case.signals[{n}].timeout"))
        .collect();
    let fields: Vec<_> = fields.iter().map(String::as_str).collect();
    refusal.check(
        "apply_case",
        Code::InvalidArgument,
        "INVALID_FIELDS",
        &fields,
    );

    // A long text of the client's own comes back cut.
    let unknown = event_of(&"é".repeat(128), json!("k"), "done", json!(null));
    let refusal = clients.signals.clone().send_signal(sending(unknown)).await;
    refusal
        .refusal()
        .await
        .check("send_signal", Code::NotFound, "CASE_NOT_FOUND", &[]);
    server.stop().await;
}
