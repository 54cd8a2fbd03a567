//! `StreamSignals`: what an acknowledgement means, rejections in their order,
//! and sending everything again after a break.

use livecheck::pb::v1::{
    GetExecutionRequest, SignalRejection, StreamSignalsRequest, StreamSignalsResponse,
    stream_signals_response::Payload,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::{
    given::{case, event, event_of, item},
    server::{Clients, Server},
};

/// Opens a stream; items go in by the sender.
async fn open(
    clients: &Clients,
) -> (
    mpsc::Sender<StreamSignalsRequest>,
    Streaming<StreamSignalsResponse>,
) {
    let (sender, items) = mpsc::channel(16);
    let mut signals = clients.signals.clone();
    let answers = signals.stream_signals(ReceiverStream::new(items)).await;
    (sender, answers.unwrap().into_inner())
}

async fn next(answers: &mut Streaming<StreamSignalsResponse>) -> Option<Payload> {
    let answer = answers.message().await.unwrap()?;
    Some(answer.payload.expect("an answer says something"))
}

/// How many signals an execution has.
async fn count(clients: &Clients, id: &str) -> u64 {
    let request = GetExecutionRequest {
        case_name: "orders".to_owned(),
        id: id.to_owned(),
    };
    let found = clients.executions.clone().get_execution(request).await;
    found.unwrap().into_inner().execution.unwrap().signal_count
}

/// A case of which executions take many signals and stay live.
async fn prepared() -> (Server, Clients) {
    let server = Server::start().await;
    let clients = server.clients();
    let mut declared = case("orders", &["step", "never"]);
    declared.signals[0].min = Some(200);
    clients.apply(declared).await;
    clients.submit("orders", "a").await;
    (server, clients)
}

#[tokio::test]
async fn rejections_come_in_order_before_their_acknowledgement() {
    const ITEMS: u64 = 3000;
    let (server, clients) = prepared().await;
    let (sender, mut answers) = open(&clients).await;
    let sending = tokio::spawn(async move {
        for n in 1..=ITEMS {
            let good = event_of("orders", json!("a"), "step", json!(n % 100));
            let sent = match n % 7 {
                3 => StreamSignalsRequest::default(),
                4 => item(event("none", "a", "step")),
                5 => item(event("orders", "", "a b")),
                _ => item(good),
            };
            sender.send(sent).await.unwrap();
        }
    });
    let (mut acknowledged, mut rejections) = (0, Vec::new());
    while let Some(answer) = next(&mut answers).await {
        match answer {
            Payload::Ack(ack) => {
                assert!(ack > acknowledged, "{ack} after {acknowledged}");
                acknowledged = ack;
                let last = rejections.last().map(|one: &SignalRejection| one.position);
                let wanted = (1..=ack).rev().find(|n| (3..=5).contains(&(n % 7)));
                assert_eq!(last, wanted, "at ack {ack}");
            }
            Payload::Rejection(rejection) => {
                assert!(rejection.position > acknowledged, "{rejection:?}");
                rejections.push(rejection);
            }
        }
    }
    sending.await.unwrap();
    assert_eq!(acknowledged, ITEMS);
    let positions: Vec<_> = rejections.iter().map(|one| one.position).collect();
    let wanted: Vec<_> = (1..=ITEMS).filter(|n| (3..=5).contains(&(n % 7))).collect();
    assert_eq!(positions, wanted);
    for rejection in rejections {
        let (code, reason, named) = match rejection.position % 7 {
            3 => (Code::InvalidArgument, "INVALID_FIELDS", "event"),
            4 => (Code::NotFound, "CASE_NOT_FOUND", "none"),
            _ => (Code::InvalidArgument, "INVALID_FIELDS", "event.signal_name"),
        };
        let told = (rejection.code, rejection.reason.as_str());
        assert_eq!(told, (code as i32, reason), "{rejection:?}");
        assert!(rejection.message.contains(named), "{rejection:?}");
    }
    // Different values only.
    assert_eq!(count(&clients, "a").await, 100);
    server.stop().await;
}

#[tokio::test]
async fn what_is_acknowledged_is_seen_at_once_and_kept() {
    let (server, clients) = prepared().await;
    let (sender, mut answers) = open(&clients).await;
    for n in 1..=20 {
        let event = event_of("orders", json!("a"), "step", json!(n));
        sender.send(item(event)).await.unwrap();
        assert_eq!(next(&mut answers).await, Some(Payload::Ack(n)));
        assert_eq!(count(&clients, "a").await, n);
    }
    drop((sender, answers));
    let server = server.restart().await;
    assert_eq!(count(&server.clients(), "a").await, 20);
    server.stop().await;
}

#[tokio::test]
async fn sending_everything_unacknowledged_again_is_harmless() {
    const ITEMS: u64 = 150;
    let (server, clients) = prepared().await;
    let mut acknowledged = 0;
    // Each stream breaks after a few more acknowledgements, the client gone and
    // items under way.
    for breaks_after in [1, 40, 3, 90, ITEMS] {
        let (sender, mut answers) = open(&clients).await;
        let first = acknowledged + 1;
        let sending = tokio::spawn(async move {
            for n in first..=ITEMS {
                let event = event_of("orders", json!("a"), "step", json!(n));
                if sender.send(item(event)).await.is_err() {
                    return;
                }
            }
        });
        while let Some(answer) = next(&mut answers).await {
            let Payload::Ack(ack) = answer else {
                panic!("{answer:?}");
            };
            acknowledged = first - 1 + ack;
            if acknowledged >= breaks_after {
                break;
            }
        }
        drop(answers);
        sending.await.unwrap();
    }
    assert_eq!(acknowledged, ITEMS);
    assert_eq!(count(&clients, "a").await, ITEMS);
    server.stop().await;
}
