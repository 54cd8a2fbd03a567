//! Bytes that are no message, or one that nobody should send: refused as the
//! client's fault, and nobody else is harmed.

use std::time::Duration;

use livecheck::pb::v1::{
    ApplyCaseRequest, CancelExecutionRequest, GetReportRequest, ListExecutionsRequest,
    ListReportsRequest, WaitSignalRequest, WatchSignalsRequest,
};
use livecheck::settings::units::ByteSize;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use prost::Message;
use tonic::Code;

use crate::{
    given::{case, event, sending, submission},
    raw::{METHODS, field, frame, post},
    refusal::Refusal,
    server::Server,
};

/// The path to a text of each request: the numbers of its fields.
fn a_text_of(method: &str) -> &'static [u8] {
    match method {
        "CaseService/ListCases" => &[2],
        "CaseService/ApplyCase" | "SignalService/SendSignal" | "SignalService/StreamSignals" => {
            &[1, 1]
        }
        _ => &[1],
    }
}

fn within(path: &[u8], content: &[u8]) -> Vec<u8> {
    let path = path.iter().rev();
    path.fold(content.to_vec(), |inner, number| field(*number, &inner))
}

#[tokio::test]
async fn what_is_no_message_is_the_clients_fault() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let before = clients.everything().await;
    for (method, _) in METHODS {
        let text = a_text_of(method);
        let not_utf8 = frame(&within(text, b"\xff\xfe"));
        let mut cut = within(text, b"orders");
        cut.pop();
        // An object in an object and so on, deeper than any decoder goes.
        let deep = (0..300).fold(Vec::new(), |inner, _| {
            field(5, &field(1, &field(2, &inner)))
        });
        let good = within(text, b"orders");
        let mut flagged = frame(&good);
        flagged[0] = 1;
        let mut odd = frame(&good);
        odd[0] = 7;
        let mut halved = frame(&good);
        halved.pop();
        let mut bodies = vec![
            ("not UTF-8", not_utf8),
            ("cut message", frame(&cut)),
            ("no field", frame(&[0xff; 12])),
            ("a group that does not end", frame(&[0x0b])),
            ("compressed without a word", flagged),
            ("an odd frame", odd),
            ("a cut frame", halved),
        ];
        match method {
            "SignalService/SendSignal" | "SignalService/StreamSignals" => {
                bodies.push(("too deep", frame(&field(1, &field(4, &deep)))));
            }
            "SignalService/WaitSignal" => bodies.push(("too deep", frame(&field(3, &deep)))),
            _ => {}
        }
        if method != "SignalService/StreamSignals" {
            bodies.push(("nothing", Vec::new()));
        }
        for (what, body) in bodies {
            let status = post(&clients.channel, method, body).await;
            let call = format!("{method}: {what}");
            let refusal = Refusal::from(&status);
            refusal.check(&call, Code::InvalidArgument, "MALFORMED_MESSAGE", &[]);
        }
    }
    assert_eq!(clients.everything().await, before);
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let server = Server::with(|settings| settings.max_message_bytes = ByteSize::kib(8)).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let before = clients.everything().await;
    for (method, _) in METHODS {
        let whole = frame(&vec![0; 8193]);
        let announced = [&[0][..], &u32::MAX.to_be_bytes()].concat();
        for body in [whole, announced] {
            let status = post(&clients.channel, method, body).await;
            let refusal = Refusal::from(&status);
            let told = (refusal.code, refusal.reason.as_str(), refusal.retry);
            let wanted = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE", false);
            assert_eq!(told, wanted, "{method}: {refusal:?}");
        }
    }
    assert_eq!(clients.everything().await, before);
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_known_is_passed_over() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    // Field 15, a text; its content means nothing.
    let unknown = field(15, b"\xff\xff");
    for (method, message) in [
        (
            "ExecutionService/SubmitExecution",
            submission("orders", "a").encode_to_vec(),
        ),
        (
            "SignalService/SendSignal",
            sending(event("orders", "a", "done")).encode_to_vec(),
        ),
        (
            "ReportService/ListReports",
            ListReportsRequest::default().encode_to_vec(),
        ),
        (
            "CaseService/ApplyCase",
            ApplyCaseRequest {
                case: Some(case("orders", &["done"])),
                validate_only: true,
            }
            .encode_to_vec(),
        ),
    ] {
        let status = post(
            &clients.channel,
            method,
            frame(&[message, unknown.clone()].concat()),
        );
        assert_eq!(status.await.code(), Code::Ok, "{method}");
    }
    for method in ["ExecutionService/Nothing", "NoService/GetCase"] {
        let status = post(&clients.channel, method, frame(&[])).await;
        assert_eq!(status.code(), Code::Unimplemented, "{method}");
    }
    server.stop().await;
}

/// A valid request of each method, to be spoiled.
fn valid(method: &str) -> Vec<u8> {
    let (case_name, id) = ("orders".to_owned(), "a".to_owned());
    let moment = Some(prost_types::Duration {
        seconds: 0,
        nanos: 1,
    });
    match method {
        "ExecutionService/SubmitExecution" => submission("orders", "a").encode_to_vec(),
        "ExecutionService/ListExecutions" => ListExecutionsRequest {
            case_name,
            states: vec![1, 2],
            page_size: 3,
            ..ListExecutionsRequest::default()
        }
        .encode_to_vec(),
        "ExecutionService/CancelExecution" => CancelExecutionRequest {
            case_name,
            id,
            reason: "r".to_owned(),
        }
        .encode_to_vec(),
        "SignalService/SendSignal" | "SignalService/StreamSignals" => {
            sending(event("orders", "a", "done")).encode_to_vec()
        }
        "SignalService/WaitSignal" => WaitSignalRequest {
            case_name,
            signal_name: "done".to_owned(),
            key: None,
            timeout: moment,
        }
        .encode_to_vec(),
        "ReportService/GetReport" => GetReportRequest {
            case_name,
            id,
            wait: moment,
        }
        .encode_to_vec(),
        "ReportService/ListReports" => ListReportsRequest {
            case_name,
            states: vec![2],
            ..ListReportsRequest::default()
        }
        .encode_to_vec(),
        "CaseService/ApplyCase" => ApplyCaseRequest {
            case: Some(case("orders", &["done", "more"])),
            validate_only: false,
        }
        .encode_to_vec(),
        "CaseService/ListCases" => vec![8, 5],
        "CaseService/WatchCases" => Vec::new(),
        // Each begins with the name of a case, and most go on with an id.
        _ => WatchSignalsRequest { case_name, id }.encode_to_vec(),
    }
}

/// Changes some bytes of a message.
fn spoil(message: &mut Vec<u8>, rng: &mut TestRng) {
    for _ in 0..rng.next_u32() % 4 {
        let at = rng.next_u32() as usize % (message.len() + 1);
        match rng.next_u32() % 4 {
            0 => message.insert(at, rng.next_u32() as u8),
            1 => message.truncate(at),
            _ => {
                if let Some(byte) = message.get_mut(at) {
                    *byte = rng.next_u32() as u8;
                }
            }
        }
    }
}

#[tokio::test]
async fn spoiled_messages_are_never_the_servers_fault() {
    /// A call that still waits then is served.
    const WAITS: Duration = Duration::from_millis(20);
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    for (method, _) in METHODS {
        for round in 0..60 {
            let mut message = valid(method);
            spoil(&mut message, &mut rng);
            let shown = format!("{method}: round {round}: {message:?}");
            let call = post(&clients.channel, method, frame(&message));
            let Ok(status) = tokio::time::timeout(WAITS, call).await else {
                continue;
            };
            let blamed = matches!(status.code(), Code::Internal | Code::Unknown);
            assert!(!blamed, "{shown}: {status:?}");
            assert_ne!(status.code(), Code::Unavailable, "{shown}: {status:?}");
        }
    }
    // It has come through all of that, and serves.
    clients.apply(case("next", &["done"])).await;
    clients.pass("next", "a").await;
    server.stop().await;
}
