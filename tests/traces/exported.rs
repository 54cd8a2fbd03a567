//! What a collector gets.

use livecheck::pb::v1::{CancelExecutionRequest, GetCaseRequest, State, WatchExecutionRequest};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use tempfile::TempDir;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    SENDER, SUBMITTER, TRACE,
    calls::{submission, traced},
    collector::{Collector, hex, text},
    server::{Process, Server},
    traceparent,
};

const SUBMIT: &str = "livecheck.v1.ExecutionService/SubmitExecution";
const SEND: &str = "livecheck.v1.SignalService/SendSignal";
/// A caller that is not sampled.
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// Checks of which trace and parent a span is.
fn belongs(span: &Span, trace: &str, parent: &str) {
    let ids = (hex(&span.trace_id), hex(&span.parent_span_id));
    assert_eq!(ids, (trace.to_owned(), parent.to_owned()), "{span:?}");
}

fn nanos(at: Option<prost_types::Timestamp>) -> u64 {
    let at = at.unwrap();
    at.seconds as u64 * 1_000_000_000 + at.nanos as u64
}

#[tokio::test]
async fn calls_and_execution_join_the_trace_of_the_caller() {
    let collector = Collector::start().await;
    let server = Server::start(&collector.url).await;
    let clients = server.clients();
    clients.apply("orders").await;
    let (submitter, sender) = (traceparent(TRACE, SUBMITTER), traceparent(TRACE, SENDER));
    let mut request = traced(submission("orders", "one"), &[&submitter]);
    let state = "vendor=1,other=2".parse().unwrap();
    request.metadata_mut().insert("tracestate", state);
    let test = clients.executions.clone().submit_execution(request).await;
    let test = test.unwrap().into_inner().test.unwrap();
    clients.send("orders", "one", 1, &[&sender]).await;
    let report = clients.report("orders", "one", &[UNSAMPLED]).await;
    assert_eq!(report.state(), State::Pass);
    server.stop().await;

    let spans = collector.spans();
    assert_eq!(spans.names(), ["execution orders", SUBMIT, SEND]);
    for (name, parent, method) in [
        (SUBMIT, SUBMITTER, "ExecutionService SubmitExecution"),
        (SEND, SENDER, "SignalService SendSignal"),
    ] {
        let span = spans.only(name);
        belongs(span, TRACE, parent);
        assert_eq!(span.kind(), SpanKind::Server);
        let told = [
            "rpc.system",
            "rpc.service",
            "rpc.method",
            "rpc.grpc.status_code",
        ];
        let told = told.map(|key| text(&span.attributes, key)).join(" ");
        assert_eq!(told, format!("grpc livecheck.v1.{method} 0"));
        assert_eq!(
            span.status.clone().unwrap_or_default().code(),
            StatusCode::Unset
        );
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert_eq!(spans.only(SUBMIT).trace_state, "vendor=1,other=2");
    let span = spans.only("execution orders");
    belongs(span, TRACE, SUBMITTER);
    assert_eq!(span.kind(), SpanKind::Internal);
    assert_eq!(span.start_time_unix_nano, nanos(test.timestamp));
    assert_eq!(span.end_time_unix_nano, nanos(report.concluded_at));
    let told = ["livecheck.case", "livecheck.execution", "livecheck.state"];
    let told = told.map(|key| text(&span.attributes, key));
    assert_eq!(told, ["orders", "one", "PASS"]);
    assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Ok);
    assert_eq!(collector.authorization(), None);
    assert_eq!(collector.resource("service.name"), "livecheck");
}

#[tokio::test]
async fn an_execution_ends_with_its_state() {
    let collector = Collector::start().await;
    let server = Server::start(&collector.url).await;
    let clients = server.clients();
    let caller = traceparent(TRACE, SUBMITTER);
    for case in ["fails", "skipped"] {
        clients.apply(case).await;
        clients.submit(case, "one", &[&caller]).await;
    }
    clients.send("fails", "one", 2, &[UNSAMPLED]).await;
    let cancel = CancelExecutionRequest {
        case_name: "skipped".to_owned(),
        id: "one".to_owned(),
        reason: "enough".to_owned(),
    };
    let cancelled = clients.executions.clone().cancel_execution(cancel).await;
    cancelled.unwrap();
    let mut errors = Vec::new();
    for case in ["fails", "skipped"] {
        let report = clients.report(case, "one", &[UNSAMPLED]).await;
        errors.push(report.error.unwrap());
    }
    server.stop().await;

    let spans = collector.spans();
    for (case, state, code, error) in [
        ("fails", "FAIL", StatusCode::Error, &errors[0]),
        ("skipped", "SKIP", StatusCode::Unset, &errors[1]),
    ] {
        let span = spans.only(&format!("execution {case}"));
        belongs(span, TRACE, SUBMITTER);
        assert_eq!(text(&span.attributes, "livecheck.state"), state);
        assert_eq!(text(&span.attributes, "livecheck.error"), *error);
        let status = span.status.clone().unwrap_or_default();
        let message = if code == StatusCode::Error { error } else { "" };
        assert_eq!((status.code(), status.message.as_str()), (code, message));
    }
}

#[tokio::test]
async fn calls_without_a_sampled_parent_go_by_the_ratio() {
    for (ratio, begun) in [(1.0, 2), (0.0, 0)] {
        let collector = Collector::start().await;
        let server = Server::with(&collector.url, |settings| {
            settings.trace_sample_ratio = ratio;
        });
        let server = server.await;
        let clients = server.clients();
        clients.apply("orders").await;
        let sampled = traceparent(TRACE, SUBMITTER);
        clients.submit("orders", "sampled", &[&sampled]).await;
        clients.submit("orders", "unsampled", &[UNSAMPLED]).await;
        clients.submit("orders", "none", &[]).await;
        clients
            .submit("orders", "malformed", &["00-malformed"])
            .await;
        for id in ["sampled", "unsampled", "none", "malformed"] {
            clients.send("orders", id, 1, &[UNSAMPLED]).await;
        }
        server.stop().await;

        let spans = collector.spans();
        let (joined, roots): (Vec<_>, Vec<_>) = spans
            .0
            .iter()
            .partition(|span| !span.parent_span_id.is_empty());
        for span in &joined {
            belongs(span, TRACE, SUBMITTER);
        }
        let mut names: Vec<_> = joined.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["execution orders", SUBMIT], "{ratio}");
        let names: Vec<_> = roots.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, vec![SUBMIT; begun], "{ratio}");
    }
}

#[tokio::test]
async fn refused_calls_and_streams_have_spans_and_health_has_none() {
    let collector = Collector::start().await;
    let server = Server::start(&collector.url).await;
    let clients = server.clients();
    let caller = traceparent(TRACE, SUBMITTER);
    let request = GetCaseRequest {
        name: "none".to_owned(),
    };
    let request = traced(request, &[&caller]);
    let refused = clients.cases.clone().get_case(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    clients.apply("orders").await;
    clients.submit("orders", "one", &[UNSAMPLED]).await;
    let request = WatchExecutionRequest {
        case_name: "orders".to_owned(),
        id: "one".to_owned(),
    };
    let watch = clients
        .executions
        .clone()
        .watch_execution(traced(request, &[&caller]))
        .await;
    clients.send("orders", "one", 1, &[UNSAMPLED]).await;
    let mut watch = watch.unwrap().into_inner();
    while watch.message().await.unwrap().is_some() {}

    let endpoint = tonic::transport::Endpoint::from_shared(server.url()).unwrap();
    let mut health = HealthClient::new(endpoint.connect_lazy());
    let request = traced(HealthCheckRequest::default(), &[&caller]);
    health.check(request).await.unwrap();
    server.stop().await;

    let spans = collector.spans();
    let (get, watch) = (
        "livecheck.v1.CaseService/GetCase",
        "livecheck.v1.ExecutionService/WatchExecution",
    );
    assert_eq!(spans.names(), [get, watch]);
    for (name, code) in [(get, "5"), (watch, "0")] {
        let span = spans.only(name);
        belongs(span, TRACE, SUBMITTER);
        assert_eq!(text(&span.attributes, "rpc.grpc.status_code"), code);
        assert_eq!(
            span.status.clone().unwrap_or_default().code(),
            StatusCode::Unset
        );
    }
}

#[tokio::test]
async fn an_execution_has_one_span_over_a_restart() {
    let collector = Collector::start().await;
    let server = Server::start(&collector.url).await;
    let clients = server.clients();
    let caller = traceparent(TRACE, SUBMITTER);
    for case in ["before", "after"] {
        clients.apply(case).await;
        clients.submit(case, "one", &[&caller]).await;
    }
    clients.send("before", "one", 1, &[UNSAMPLED]).await;
    let server = server.restart().await;
    server.clients().send("after", "one", 1, &[UNSAMPLED]).await;
    let server = server.restart().await;
    server.stop().await;

    let spans = collector.spans();
    for case in ["before", "after"] {
        let span = spans.only(&format!("execution {case}"));
        belongs(span, TRACE, SUBMITTER);
    }
}

#[tokio::test]
async fn the_binary_exports_until_its_end_as_the_environment_says() {
    let collector = Collector::start().await;
    let data = TempDir::new().unwrap();
    let flags = [
        "--otlp-endpoint",
        &collector.url,
        "--log",
        "warn,livecheck=info",
    ];
    let variables = [
        ("OTEL_SERVICE_NAME", "checks"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret"),
    ];
    let process = Process::start(data.path(), &flags, &variables).await;
    process.clients.apply("orders").await;
    let caller = traceparent(TRACE, SUBMITTER);
    process.clients.submit("orders", "one", &[&caller]).await;
    process.clients.send("orders", "one", 1, &[&caller]).await;
    process.stop().await;
    let spans = collector.spans();
    assert_eq!(spans.names(), ["execution orders", SUBMIT, SEND]);
    assert_eq!(collector.authorization().as_deref(), Some("secret"));
    assert_eq!(collector.resource("service.name"), "checks");
    assert_eq!(collector.resource("deployment.environment.name"), "test");
}

#[tokio::test]
async fn without_the_setting_nothing_is_exported() {
    let collector = Collector::start().await;
    let data = TempDir::new().unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.url.as_str()),
    ];
    let process = Process::start(data.path(), &[], &variables).await;
    process.clients.apply("orders").await;
    let caller = traceparent(TRACE, SUBMITTER);
    process.clients.submit("orders", "one", &[&caller]).await;
    process.stop().await;
    assert_eq!(collector.connections(), 0);

    // The same collector does get them when it is asked for.
    let flags = ["--otlp-endpoint", &collector.url];
    let process = Process::start(data.path(), &flags, &variables).await;
    process.clients.send("orders", "one", 1, &[&caller]).await;
    process.stop().await;
    assert_eq!(collector.spans().names(), ["execution orders", SEND]);
    assert_eq!(collector.connections(), 1);
}
