//! Going down: health says so, every wait, watch and stream ends with why, and
//! the tokens that were given resume on the next server.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        WaitSignalRequest, WatchCasesRequest, WatchExecutionRequest, WatchReportsRequest,
        WatchReportsResponse, WatchSignalsRequest, stream_signals_response::Payload,
    },
};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    given::{DEADLINE, case, event, item, report_of, seconds},
    refusal::{Refusal, Refused},
    server::Server,
};

/// Reads a watch to its end; its last token and its status.
async fn to_the_end(mut watch: Streaming<WatchReportsResponse>) -> (String, Status) {
    let mut token = String::new();
    loop {
        match watch.message().await {
            Ok(Some(item)) => token = item.resume_token,
            Ok(None) => panic!("the watch ended well"),
            Err(status) => return (token, status),
        }
    }
}

#[tokio::test]
async fn everything_open_ends_with_why_and_with_its_token() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["step", "done"])).await;
    clients.submit("orders", "live").await;
    let (case_name, id) = ("orders".to_owned(), "live".to_owned());

    let mut health = HealthClient::new(clients.channel.clone());
    let request = HealthCheckRequest {
        service: "livecheck.v1.ReportService".to_owned(),
    };
    let mut health = health.watch(request).await.unwrap().into_inner();
    let status = health.message().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::Serving);

    let (mut reports, mut signals) = (clients.reports.clone(), clients.signals.clone());
    let mut cases = clients.cases.clone();
    let mut executions = clients.executions.clone();
    // It tells nothing of what goes past it, but its last token knows of it.
    let narrow = WatchReportsRequest {
        case_name: "none".to_owned(),
        ..WatchReportsRequest::default()
    };
    let narrow = reports.watch_reports(narrow).await.unwrap().into_inner();
    let wide = WatchReportsRequest::default();
    let mut wide = reports.watch_reports(wide).await.unwrap().into_inner();
    wide.message().await.unwrap().unwrap();
    clients.submit("orders", "ends").await;
    for name in ["step", "done"] {
        clients.send(event("orders", "ends", name)).await;
    }
    let told = wide.message().await.unwrap().unwrap();
    assert_eq!(told.report.unwrap().test.unwrap().id, "ends");

    let mut steps = executions
        .watch_execution(WatchExecutionRequest {
            case_name: case_name.clone(),
            id: id.clone(),
        })
        .await;
    let of_case = signals
        .watch_signals(WatchSignalsRequest {
            case_name: case_name.clone(),
            id: String::new(),
        })
        .await;
    let of_cases = cases.watch_cases(WatchCasesRequest::default()).await;
    // Told where it is: then the watch is on.
    let first = steps.as_mut().unwrap().get_mut().message().await.unwrap();
    assert!(first.is_some());
    let (sender, items) = mpsc::channel(1);
    let acks = signals.stream_signals(ReceiverStream::new(items)).await;
    let mut acks = acks.unwrap().into_inner();
    sender
        .send(item(event("orders", "live", "step")))
        .await
        .unwrap();
    let ack = acks.message().await.unwrap().unwrap().payload;
    assert_eq!(ack, Some(Payload::Ack(1)));
    let mut waits = clients.signals.clone();
    let wait = tokio::spawn(async move {
        let request = WaitSignalRequest {
            case_name,
            signal_name: "done".to_owned(),
            key: Some(json_to_pb(&json!("live"))),
            timeout: seconds(600),
        };
        waits.wait_signal(request).await.refusal().await
    });
    let mut awaited = clients.reports.clone();
    let report = tokio::spawn(async move {
        let request = report_of("orders", "live");
        awaited.get_report(request).await.refusal().await
    });
    // Calls go out in their order: this one after those.
    clients.send(event("orders", "live", "other")).await;

    let restarted = tokio::spawn(server.restart());
    let status = health.message().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::NotServing);
    let (narrow_token, narrow) = to_the_end(narrow).await;
    let (wide_token, wide) = to_the_end(wide).await;
    for (call, refusal) in [
        ("narrow watch", Refusal::from(&narrow)),
        ("wide watch", Refusal::from(&wide)),
        ("watch_execution", steps.refusal().await),
        ("watch_signals", of_case.refusal().await),
        ("watch_cases", of_cases.refusal().await),
        (
            "stream_signals",
            Ok(tonic::Response::new(acks)).refusal().await,
        ),
        ("wait_signal", wait.await.unwrap()),
        ("get_report", report.await.unwrap()),
    ] {
        refusal.check(call, Code::Unavailable, "SHUTTING_DOWN", &[]);
    }
    drop((sender, health));

    let server = timeout(DEADLINE, restarted).await.unwrap().unwrap();
    let clients = server.clients();
    clients.send(event("orders", "live", "done")).await;
    clients.report("orders", "live").await;
    for resume_token in [narrow_token, wide_token] {
        let request = WatchReportsRequest {
            resume_token,
            ..WatchReportsRequest::default()
        };
        let watch = clients.reports.clone().watch_reports(request).await;
        let mut watch = watch.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().report, None);
        let next = watch.message().await.unwrap().unwrap().report.unwrap();
        assert_eq!(next.test.unwrap().id, "live", "neither gap nor repeat");
    }
    server.stop().await;
}
