//! LiveCheck-Test headers on calls: a whole set is the current test, any other
//! is no test, and no call fails for them.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        SendSignalRequest, SignalEvent, SignalOutcome, WaitSignalRequest,
        stream_signals_response::Payload,
    },
};
use serde_json::json;
use tonic::{
    Code, Request,
    metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap},
};

use crate::{
    given::{case, event, item, seconds, submission},
    refusal::Refused,
    server::Server,
};

const ID: &str = "livecheck-test-id";
const NAME: &str = "livecheck-test-name";
const TIMESTAMP: &str = "livecheck-test-timestamp";
const EXPIRES: &str = "livecheck-test-expires";
const NOW: &str = "2026-11-23T09:08:07.123456+00:00";
const LATER: &str = "2026-11-23T12:08:07+00:00";

/// Names and values, in their order.
type Headers<'a> = &'a [(&'static str, &'a [u8])];

/// A request that carries these headers.
fn with_headers<T>(message: T, headers: Headers<'_>) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in headers {
        let value = AsciiMetadataValue::try_from(*value).unwrap();
        let name = AsciiMetadataKey::from_static(name);
        request.metadata_mut().append(name, value);
    }
    request
}

/// A signal that leaves out its key, and perhaps its case.
fn unaddressed(case_name: &str, number: usize) -> SendSignalRequest {
    SendSignalRequest {
        event: Some(SignalEvent {
            signal_name: "done".to_owned(),
            case_name: case_name.to_owned(),
            key: None,
            value: Some(json_to_pb(&json!(number))),
        }),
        signal_id: String::new(),
    }
}

#[tokio::test]
async fn a_whole_set_is_the_current_test_and_no_other() {
    use SignalOutcome::{Accepted, Ignored};
    let server = Server::start().await;
    let clients = server.clients();
    let mut many = case("orders", &["done", "never"]);
    many.signals[0].min = Some(100);
    clients.apply(many).await;
    clients.apply(case("others", &["done"])).await;
    clients.submit("orders", "a b\u{e9}").await;

    let (id, name): (&[u8], &[u8]) = (b"a b%C3%A9", b"orders");
    let (start, end) = (NOW.as_bytes(), LATER.as_bytes());
    let long = [b'x'; 300];
    let whole = [(ID, id), (NAME, name), (TIMESTAMP, start), (EXPIRES, end)];
    let but = |change: (&'static str, &'static [u8])| {
        whole.map(|header| if header.0 == change.0 { change } else { header })
    };
    let table: [(&str, Headers<'_>, SignalOutcome); 22] = [
        ("", &whole, Accepted),
        ("orders", &whole, Accepted),
        ("others", &whole, Ignored),
        ("", &[], Ignored),
        ("orders", &[], Ignored),
        ("", &whole[1..], Ignored),
        ("", &whole[..3], Ignored),
        ("", &[whole[0]], Ignored),
        ("", &[whole[0], whole[2], whole[3]], Ignored),
        ("", &[&whole[..], &whole[..]].concat(), Accepted),
        ("", &[&whole[..], &[(ID, b"other")]].concat(), Ignored),
        ("", &[&whole[..], &[(NAME, b"others")]].concat(), Ignored),
        (
            "",
            &[&whole[..], &[(EXPIRES, b"2027-01-01T00:00:00Z")]].concat(),
            Ignored,
        ),
        ("", &but((TIMESTAMP, b"yesterday")), Ignored),
        ("", &but((TIMESTAMP, b"2026-13-23T09:08:07+00:00")), Ignored),
        ("", &but((TIMESTAMP, b"2026-11-23T09:08:07.5Z")), Accepted),
        ("", &but((EXPIRES, b"")), Ignored),
        ("", &but((EXPIRES, b"99999-01-01T00:00:00+00:00")), Ignored),
        ("", &but((ID, b"\xff\xfe")), Ignored),
        ("", &but((ID, b"")), Ignored),
        (
            "",
            &[(ID, &long[..]), whole[1], whole[2], whole[3]],
            Ignored,
        ),
        (
            "",
            &[whole[0], (NAME, &long[..]), whole[2], whole[3]],
            Ignored,
        ),
    ];
    for (number, (case_name, headers, expected)) in table.into_iter().enumerate() {
        let request = with_headers(unaddressed(case_name, number), headers);
        let sent = clients.signals.clone().send_signal(request).await;
        let outcome = sent.unwrap().into_inner().outcome();
        assert_eq!(outcome, expected, "{case_name:?} {headers:?}");
    }

    // The test of a case that is not there is told of.
    let request = with_headers(unaddressed("", 0), &but((NAME, b"none")));
    let sent = clients.signals.clone().send_signal(request).await;
    let refusal = sent.refusal().await;
    refusal.check("send_signal", Code::NotFound, "CASE_NOT_FOUND", &[]);
    server.stop().await;
}

#[tokio::test]
async fn what_a_submission_carries_back_can_be_passed_on() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("ördérs.%25", &["done", "more"])).await;
    let request = submission("ördérs.%25", "100% a/b");
    let answer = clients.executions.clone().submit_execution(request).await;
    let headers = answer.unwrap().metadata().clone();
    let pass_on = |metadata: &mut MetadataMap| {
        for name in [ID, NAME, TIMESTAMP, EXPIRES] {
            metadata.insert(name, headers.get(name).unwrap().clone());
        }
    };

    let mut request = Request::new(unaddressed("", 1));
    pass_on(request.metadata_mut());
    let sent = clients.signals.clone().send_signal(request).await.unwrap();
    assert_eq!(sent.into_inner().outcome(), SignalOutcome::Accepted);

    let wait = |case_name: &str| WaitSignalRequest {
        case_name: case_name.to_owned(),
        signal_name: "done".to_owned(),
        key: None,
        timeout: seconds(20),
    };
    for case_name in ["", "ördérs.%25"] {
        let mut request = Request::new(wait(case_name));
        pass_on(request.metadata_mut());
        let arrived = clients.signals.clone().wait_signal(request).await.unwrap();
        let key = arrived.into_inner().event.unwrap().key.unwrap();
        assert_eq!(key, json_to_pb(&json!("100% a/b")));
    }
    // The test is another case's.
    let mut request = Request::new(wait("others"));
    pass_on(request.metadata_mut());
    let refusal = clients
        .signals
        .clone()
        .wait_signal(request)
        .await
        .refusal()
        .await;
    refusal.check(
        "wait_signal",
        Code::InvalidArgument,
        "INVALID_FIELDS",
        &["key"],
    );

    // Items of a stream say themselves where they belong.
    let nowhere = SignalEvent {
        case_name: String::new(),
        key: None,
        ..event("", "", "more")
    };
    let mut request = Request::new(tokio_stream::iter([item(nowhere)]));
    pass_on(request.metadata_mut());
    let mut answers = clients
        .signals
        .clone()
        .stream_signals(request)
        .await
        .unwrap();
    let answer = answers.get_mut().message().await.unwrap().unwrap().payload;
    let Some(Payload::Rejection(rejection)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (rejection.position, rejection.code),
        (1, Code::InvalidArgument as i32)
    );
    assert_eq!(rejection.reason, "INVALID_FIELDS");
    for field in ["event.case_name", "event.key"] {
        assert!(rejection.message.contains(field), "{rejection:?}");
    }
    server.stop().await;
}
