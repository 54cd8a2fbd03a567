//! Faust, whose headers are the headers of LiveCheck.

use std::collections::BTreeMap;

use livecheck::{
    headers::{CurrentTest, read_metadata},
    pb::v1::{
        ApplyCaseRequest, Case, Sampling, SendSignalRequest, Signal, SignalEvent, SignalOutcome,
        SubmitExecutionRequest, case_service_client::CaseServiceClient,
        execution_service_client::ExecutionServiceClient,
        signal_service_client::SignalServiceClient,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::{Request, metadata::MetadataKey, transport::Channel};

use crate::{
    python,
    server::Server,
    tools::{self, run},
};

const CASE: &str = "orders.test_order";

type Headers = BTreeMap<String, String>;

/// What the script prints.
#[derive(Deserialize)]
struct Seen {
    made: Vec<Headers>,
    read: Vec<Value>,
}

/// Runs Faust. None when it is to be skipped.
async fn faust(make: Value, read: Value) -> Option<Seen> {
    let mut command = python::command(&tools::FAUST.find()?);
    command.arg(format!("{}/faust_headers.py", python::SCRIPTS));
    let input = json!({"make": make, "read": read}).to_string();
    Some(serde_json::from_value(run(command, &input).await.json()).unwrap())
}

/// A server that knows the case, and a connection to it.
async fn serve() -> (Server, Channel) {
    let server = Server::start(&[]).await;
    let channel = Channel::from_shared(server.url()).unwrap();
    let channel = channel.connect().await.unwrap();
    let case = Case {
        name: CASE.into(),
        signals: vec![Signal {
            name: "sent".into(),
            ..Signal::default()
        }],
        ..Case::default()
    };
    let request = ApplyCaseRequest {
        case: Some(case),
        ..ApplyCaseRequest::default()
    };
    let mut cases = CaseServiceClient::new(channel.clone());
    cases.apply_case(request).await.unwrap();
    (server, channel)
}

/// Submits an execution; the test in the headers of the answer.
async fn submit(channel: &Channel, id: &str) -> CurrentTest {
    let request = SubmitExecutionRequest {
        case_name: CASE.into(),
        id: id.into(),
        sampling: Sampling::Always.into(),
        ..SubmitExecutionRequest::default()
    };
    let mut executions = ExecutionServiceClient::new(channel.clone());
    let submitted = executions.submit_execution(request).await.unwrap();
    read_metadata(submitted.metadata()).test().unwrap()
}

/// Sends the signal with nothing to tell its key but these headers.
async fn signal(channel: &Channel, headers: &Headers) -> SignalOutcome {
    let mut request = Request::new(SendSignalRequest {
        event: Some(SignalEvent {
            signal_name: "sent".into(),
            ..SignalEvent::default()
        }),
        ..SendSignalRequest::default()
    });
    for (name, value) in headers {
        let name = MetadataKey::from_bytes(name.as_bytes()).unwrap();
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    let mut signals = SignalServiceClient::new(channel.clone());
    let told = signals.send_signal(request).await.unwrap();
    told.into_inner().outcome()
}

#[tokio::test]
async fn the_server_reads_what_faust_makes() {
    let tests: Vec<Value> = [
        ("faust-1", "2026-11-23T09:08:07.123456+00:00", "2026-11-23T12:08:07.123456+00:00"),
        ("order:17/b", "2026-11-23T09:08:07+00:00", "2026-11-23T12:08:07.5+00:00"),
        ("e2f6-4a", "2026-11-23T14:38:07.000001+05:30", "2026-11-23T17:38:07+05:30"),
    ]
    .into_iter()
    .map(|(id, timestamp, expires)| {
        json!({"id": id, "case_name": CASE, "timestamp": timestamp, "expires": expires})
    })
    .collect();
    let Some(seen) = faust(json!(tests), json!([])).await else {
        return;
    };
    let (server, channel) = serve().await;
    assert_eq!(seen.made.len(), tests.len());
    for headers in &seen.made {
        assert_eq!(headers.len(), 4, "{headers:?}");
        submit(&channel, &headers["LiveCheck-Test-Id"]).await;
        // Each of the four headers has been read: a set that lacks one is no test.
        for missing in headers.keys() {
            let mut rest = headers.clone();
            rest.remove(missing);
            let outcome = signal(&channel, &rest).await;
            assert_eq!(outcome, SignalOutcome::Ignored, "{rest:?}");
        }
        let outcome = signal(&channel, headers).await;
        assert_eq!(outcome, SignalOutcome::Accepted, "{headers:?}");
    }
    drop(channel);
    server.stop().await;
}

#[tokio::test]
async fn faust_reads_what_the_server_returns() {
    if tools::FAUST.find().is_none() {
        return;
    }
    let (server, channel) = serve().await;
    let mut tests = Vec::new();
    for id in ["livecheck-1", "order:17/b", ""] {
        tests.push(submit(&channel, id).await);
    }
    // As a message in Kafka carries them, where the case of names is kept.
    let headers: Vec<Headers> = tests
        .iter()
        .map(|test| {
            let list = test.to_list().into_iter();
            list.map(|(name, value)| (name.to_owned(), String::from_utf8(value).unwrap()))
                .collect()
        })
        .collect();
    let seen = faust(json!([]), json!(headers)).await.unwrap();
    assert_eq!(seen.read.len(), tests.len());
    for (read, test) in seen.read.iter().zip(&tests) {
        let text = |field: &str| read[field].as_str().unwrap().to_owned();
        let time = |field| {
            text(field)
                .parse::<chrono::DateTime<chrono::FixedOffset>>()
                .unwrap()
        };
        assert_eq!(
            (text("id"), text("case_name")),
            (test.id().into(), CASE.into())
        );
        assert_eq!(
            (time("timestamp"), time("expires")),
            (test.timestamp().into(), test.expires().into())
        );
    }
    drop(channel);
    server.stop().await;
}
