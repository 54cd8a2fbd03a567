//! Values at their borders: what is refused, and that the rest comes back as it
//! was sent, from memory, from the archive and after a restart.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        CancelExecutionRequest, GetExecutionRequest, SendSignalRequest, SignalEvent, State,
        SubmitExecutionRequest,
    },
};
use prost_types::{ListValue, NullValue, Struct, Timestamp, Value, value::Kind};
use serde_json::{Value as Json, json};
use tonic::Code;

use crate::{
    given::{case, event_of, sending, submission},
    refusal::Refused,
    server::{Clients, Server},
};

fn number(number: f64) -> Value {
    Value {
        kind: Some(Kind::NumberValue(number)),
    }
}

fn nested(levels: usize) -> Json {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

fn object(json: &Json) -> Option<Struct> {
    match json_to_pb(json).kind {
        Some(Kind::StructValue(object)) => Some(object),
        _ => None,
    }
}

#[tokio::test]
async fn values_at_their_borders() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let before = clients.everything().await;
    let good = json_to_pb(&json!("a"));
    let event = |key: Value, value: Value| SignalEvent {
        signal_name: "done".to_owned(),
        case_name: "orders".to_owned(),
        key: Some(key),
        value: Some(value),
    };
    let text = |bytes: usize| json_to_pb(&json!("x".repeat(bytes)));
    for (key, value, fields) in [
        (
            number(f64::NAN),
            number(f64::INFINITY),
            &["event.key", "event.value"][..],
        ),
        (number(f64::NEG_INFINITY), good.clone(), &["event.key"]),
        (number(2f64.powi(53)), good.clone(), &["event.key"]),
        (number(-(2f64.powi(53))), good.clone(), &["event.key"]),
        (
            json_to_pb(&json!({"n": [1e300]})),
            good.clone(),
            &["event.key"],
        ),
        (
            json_to_pb(&nested(31)),
            json_to_pb(&nested(31)),
            &["event.key", "event.value"],
        ),
        (text(1023), text(65_535), &["event.key", "event.value"]),
    ] {
        let mut signals = clients.signals.clone();
        let sent = signals.send_signal(sending(event(key, value))).await;
        let refusal = sent.refusal().await;
        refusal.check(
            "send_signal",
            Code::InvalidArgument,
            "INVALID_FIELDS",
            fields,
        );
    }
    assert_eq!(clients.everything().await, before);

    for (key, value) in [
        (number(2f64.powi(53) - 1.0), number(f64::MAX)),
        (number(-0.0), number(f64::MIN_POSITIVE)),
        (json_to_pb(&nested(30)), json_to_pb(&nested(30))),
        (text(1022), text(65_534)),
    ] {
        let sent = clients
            .signals
            .clone()
            .send_signal(sending(event(key, value)))
            .await;
        sent.unwrap();
    }

    // A null key is none, whatever its number.
    let null = Value {
        kind: Some(Kind::NullValue(77)),
    };
    let sent = clients
        .signals
        .clone()
        .send_signal(sending(event(null, good)))
        .await;
    let outcome = sent.unwrap().into_inner().outcome();
    assert_eq!(outcome, livecheck::pb::v1::SignalOutcome::Ignored);
    server.stop().await;
}

/// What is kept of an execution, without what the time of the call adds.
async fn kept(clients: &Clients, id: &str) -> String {
    let request = GetExecutionRequest {
        case_name: "orders".to_owned(),
        id: id.to_owned(),
    };
    let found = clients.executions.clone().get_execution(request).await;
    let mut view = found.unwrap().into_inner().execution.unwrap();
    view.human_date.clear();
    view.was_issued_today = false;
    view.is_expired = false;
    format!("{view:#?}")
}

#[tokio::test]
async fn control_characters_come_back_as_they_were_sent() {
    let odd = "\u{0}\u{1b}[31m\r\n\u{7f}\u{2028}\u{feff}\u{10ffff} '\"\\%";
    let server = Server::start().await;
    let clients = server.clients();
    let mut declared = case("orders", &["done"]);
    declared.description = odd.to_owned();
    declared.labels = [("a".to_owned(), odd.to_owned())].into();
    clients.apply(declared.clone()).await;
    let sent = SubmitExecutionRequest {
        test_args: Some(ListValue {
            values: vec![json_to_pb(&json!(odd)), Value::default()],
        }),
        test_kwargs: object(&json!({odd: {"": odd}})),
        labels: [("a".to_owned(), odd.to_owned())].into(),
        ..submission("orders", "a")
    };
    let mut executions = clients.executions.clone();
    let test = executions.submit_execution(sent.clone()).await.unwrap();
    let test = test.into_inner().test.unwrap();
    assert_eq!(test.labels, sent.labels);
    assert_eq!(test.test_kwargs, sent.test_kwargs);
    let null = Value {
        kind: Some(Kind::NullValue(NullValue::NullValue.into())),
    };
    let args = test.test_args.as_ref().unwrap();
    assert_eq!(args.values, [json_to_pb(&json!(odd)), null]);

    let unknown = event_of("orders", json!("a"), "other", json!({odd: [odd]}));
    clients.send(unknown.clone()).await;
    let bad = SendSignalRequest {
        event: Some(unknown),
        signal_id: odd.to_owned(),
    };
    let refusal = clients
        .signals
        .clone()
        .send_signal(bad)
        .await
        .refusal()
        .await;
    refusal.check(
        "send_signal",
        Code::InvalidArgument,
        "INVALID_FIELDS",
        &["signal_id"],
    );
    let cancel = CancelExecutionRequest {
        case_name: "orders".to_owned(),
        id: "a".to_owned(),
        reason: odd.to_owned(),
    };
    let ended = executions.cancel_execution(cancel).await.unwrap();
    let view = ended.into_inner().execution.unwrap();
    assert_eq!(view.state(), State::Skip);
    assert!(view.report.unwrap().error.unwrap().contains(odd));

    let (in_memory, listed) = (kept(&clients, "a").await, clients.everything().await);
    assert!(in_memory.contains(&format!("{odd:?}")), "{in_memory}");
    let server = server.restart().await;
    let clients = server.clients();
    assert_eq!(kept(&clients, "a").await, in_memory);
    assert_eq!(clients.everything().await, listed);
    let again = clients.executions.clone().submit_execution(sent).await;
    assert_eq!(again.unwrap().into_inner().test.unwrap(), test);
    server.stop().await;
}

#[tokio::test]
async fn an_expiry_in_the_past_ends_at_once() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    for (id, seconds) in [("year-1", -62_135_596_800), ("1970", 0)] {
        let request = SubmitExecutionRequest {
            expires: Some(Timestamp { seconds, nanos: 0 }),
            ..submission("orders", id)
        };
        let answer = clients.executions.clone().submit_execution(request).await;
        assert_eq!(answer.unwrap().into_inner().sampled, Some(true));
        let report = clients.report("orders", id).await;
        assert_eq!(report.state(), State::Skip, "{report:?}");
    }
    server.stop().await;
}
