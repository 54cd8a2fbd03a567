//! What becomes of a signal, and of a submission that comes again.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        Case, DeleteCaseRequest, GetExecutionRequest, SendSignalRequest, Signal, SignalEvent,
        SignalOutcome, State, SubmitExecutionRequest, WaitSignalRequest,
    },
};
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    given::{case, event, event_of, seconds, sending, signal, submission},
    refusal::Refused,
    server::Server,
};

#[tokio::test]
async fn the_outcomes_of_signals() {
    use SignalOutcome::*;
    let server = Server::start().await;
    let clients = server.clients();
    let declared = Case {
        signals: vec![
            signal("step"),
            Signal {
                key: Some("execution.kwargs.order".to_owned()),
                ..signal("by_order")
            },
            signal("done"),
        ],
        ..case("orders", &[])
    };
    clients.apply(declared).await;
    let to = |key: Value, name: &str, value: Value| event_of("orders", key, name, value);
    let early = [
        (to(json!("a"), "step", json!(1)), Early),
        (to(json!("a"), "step", json!(1)), Duplicate),
        (to(json!("a"), "step", json!(2)), Early),
        (to(json!(17), "by_order", json!(null)), Early),
        (to(json!("17"), "by_order", json!(null)), Early),
        (to(json!(17), "step", json!(null)), Orphan),
        (to(json!("a"), "nameless", json!(null)), UnknownSignal),
    ];
    for (event, expected) in early {
        let shown = format!("{event:?}");
        assert_eq!(clients.send(event).await, expected, "{shown}");
    }
    let orphan = sending(to(json!(18), "done", json!(null)));
    let orphan = clients.signals.clone().send_signal(orphan).await.unwrap();
    assert_ne!(orphan.into_inner().message, "", "an orphan says why");

    let order = json_to_pb(&json!(17));
    let request = SubmitExecutionRequest {
        test_kwargs: Some(prost_types::Struct {
            fields: [("order".to_owned(), order)].into(),
        }),
        ..submission("orders", "a")
    };
    let mut executions = clients.executions.clone();
    executions.submit_execution(request).await.unwrap();
    for (event, expected) in [
        (to(json!("a"), "step", json!(1)), Duplicate),
        (to(json!("a"), "step", json!(3)), Accepted),
        (to(json!(17), "by_order", json!(null)), Duplicate),
        (to(json!("a"), "nameless", json!(null)), Duplicate),
        (to(json!("a"), "another", json!(null)), UnknownSignal),
        (to(json!("a"), "done", json!("x")), Accepted),
    ] {
        let shown = format!("{event:?}");
        assert_eq!(clients.send(event).await, expected, "{shown}");
    }
    assert_eq!(clients.report("orders", "a").await.state(), State::Pass);
    for (event, expected) in [
        (to(json!("a"), "done", json!("x")), Duplicate),
        (to(json!("a"), "done", json!("y")), Late),
        (to(json!("a"), "done", json!("y")), Duplicate),
        (to(json!(17), "by_order", json!("z")), Late),
    ] {
        let shown = format!("{event:?}");
        assert_eq!(clients.send(event).await, expected, "{shown}");
    }
    let request = GetExecutionRequest {
        case_name: "orders".to_owned(),
        id: "a".to_owned(),
    };
    let view = executions
        .get_execution(request)
        .await
        .unwrap()
        .into_inner();
    let view = view.execution.unwrap();
    assert_eq!(view.late_signal_count, 2);
    let late: Vec<_> = view.late_signals.iter().map(|one| one.outcome()).collect();
    assert_eq!(late, [Late, Late]);
    assert!(
        view.late_signals
            .iter()
            .all(|one| one.late_by.is_some() && !one.judged)
    );

    // The name of no test is no error: services may send always.
    let ignored = SignalEvent {
        key: None,
        ..event("none", "", "step")
    };
    assert_eq!(clients.send(ignored).await, Ignored);
    server.stop().await;
}

#[tokio::test]
async fn a_signal_is_known_by_its_id_else_by_its_value() {
    use SignalOutcome::*;
    let server = Server::start().await;
    let clients = server.clients();
    let mut declared = case("orders", &["step", "done"]);
    declared.signals[0].min = Some(3);
    clients.apply(declared).await;
    clients.submit("orders", "a").await;
    let numbers = [
        ("", json!(1), Accepted),
        ("", json!(1.0), Duplicate),
        ("one", json!(1), Accepted),
        ("one", json!(2), Duplicate),
        ("", json!({"a": 1, "b": [2]}), Accepted),
        ("", json!({"b": [2.0], "a": 1}), Duplicate),
        ("", json!(null), Accepted),
    ];
    for (signal_id, value, expected) in numbers {
        let request = SendSignalRequest {
            event: Some(event_of("orders", json!("a"), "step", value.clone())),
            signal_id: signal_id.to_owned(),
        };
        let sent = clients.signals.clone().send_signal(request).await.unwrap();
        assert_eq!(sent.into_inner().outcome(), expected, "{signal_id} {value}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wait_sees_what_is_there_and_what_comes() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["step", "done"])).await;
    let wait = |key: &str, name: &str| WaitSignalRequest {
        case_name: "orders".to_owned(),
        signal_name: name.to_owned(),
        key: Some(json_to_pb(&json!(key))),
        timeout: seconds(20),
    };
    let mut signals = clients.signals.clone();

    // An early one, then of a live execution, then of one that has ended.
    clients.send(event("orders", "a", "step")).await;
    let early = signals
        .wait_signal(wait("a", "step"))
        .await
        .unwrap()
        .into_inner();
    clients.submit("orders", "a").await;
    let live = signals
        .wait_signal(wait("a", "step"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(early.at, live.at);
    clients.send(event("orders", "a", "done")).await;
    clients.report("orders", "a").await;
    let ended = signals
        .wait_signal(wait("a", "step"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(ended, live);

    // One that comes later, of an execution that nobody knows yet.
    let mut waiting = clients.signals.clone();
    let request = wait("b", "done");
    let waiting = tokio::spawn(async move { waiting.wait_signal(request).await });
    let mut watch = signals
        .watch_signals(livecheck::pb::v1::WatchSignalsRequest {
            case_name: "orders".to_owned(),
            id: String::new(),
        })
        .await
        .unwrap()
        .into_inner();
    watch.message().await.unwrap().unwrap();
    clients.send(event("orders", "b", "step")).await;
    clients.send(event("orders", "b", "done")).await;
    let arrived = waiting.await.unwrap().unwrap().into_inner();
    assert_eq!(arrived.event.unwrap().signal_name, "done");
    for name in ["step", "done"] {
        let seen = watch.message().await.unwrap().unwrap().signal.unwrap();
        assert_eq!(seen.event.unwrap().signal_name, name);
        assert_eq!(seen.outcome, i32::from(SignalOutcome::Early));
    }
    server.stop().await;
}

#[tokio::test]
async fn submitting_again_gives_the_first_answer() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let request = SubmitExecutionRequest {
        labels: [("run".to_owned(), "1".to_owned())].into(),
        ..submission("orders", "a")
    };
    let mut executions = clients.executions.clone();

    // Many at once are one.
    let submits = (0..8).map(|_| {
        let (mut executions, request) = (executions.clone(), request.clone());
        tokio::spawn(async move { executions.submit_execution(request).await })
    });
    let mut answers = Vec::new();
    for submit in submits.collect::<Vec<_>>() {
        answers.push(submit.await.unwrap().unwrap());
    }
    let headers = |response: &tonic::Response<_>| {
        let value = response.metadata().get("livecheck-test-timestamp");
        value.unwrap().to_str().unwrap().to_owned()
    };
    let first = answers[0].get_ref().test.clone().unwrap();
    for answer in &answers {
        assert_eq!(answer.get_ref().test.as_ref(), Some(&first));
        assert_eq!(headers(answer), headers(&answers[0]));
    }

    // However it is sampled; after its end; after a restart.
    clients.send(event("orders", "a", "done")).await;
    let report = clients.report("orders", "a").await;
    assert_eq!(report.test.as_ref(), Some(&first));
    let by_probability = SubmitExecutionRequest {
        sampling: 0,
        ..request.clone()
    };
    let again = executions.submit_execution(by_probability).await.unwrap();
    assert_eq!(again.into_inner().test.unwrap(), first);
    let server = server.restart().await;
    let clients = server.clients();
    let mut executions = clients.executions.clone();
    let again = executions.submit_execution(request.clone()).await.unwrap();
    assert_eq!(again.into_inner().test.unwrap(), first);
    assert_eq!(clients.report("orders", "a").await, report);

    // Anything else under its id is another execution.
    let number = json_to_pb(&json!(1));
    let expires = first.timestamp;
    for other in [
        SubmitExecutionRequest {
            labels: Default::default(),
            ..request.clone()
        },
        SubmitExecutionRequest {
            test_args: Some(prost_types::ListValue {
                values: vec![number.clone()],
            }),
            ..request.clone()
        },
        SubmitExecutionRequest {
            test_kwargs: Some(prost_types::Struct {
                fields: [("n".to_owned(), number)].into(),
            }),
            ..request.clone()
        },
        SubmitExecutionRequest {
            expires,
            ..request.clone()
        },
    ] {
        let call = format!("{other:?}");
        let refusal = executions.submit_execution(other).await.refusal().await;
        refusal.check(&call, Code::AlreadyExists, "EXECUTION_EXISTS", &[]);
    }

    // The report outlives the case.
    let name = "orders".to_owned();
    let deleted = clients
        .cases
        .clone()
        .delete_case(DeleteCaseRequest { name })
        .await;
    deleted.unwrap();
    let again = executions.submit_execution(request).await.unwrap();
    assert_eq!(again.into_inner().test.unwrap(), first);
    let new = submission("orders", "new");
    let refusal = executions.submit_execution(new).await.refusal().await;
    refusal.check("submit", Code::NotFound, "CASE_NOT_FOUND", &[]);
    server.stop().await;
}
