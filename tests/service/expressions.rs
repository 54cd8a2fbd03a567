//! Expressions that mean harm: refused at apply with the place, or ended as
//! ERROR, while others are served.

use livecheck::pb::v1::{Case, GetCaseRequest, Signal, SignalOutcome, State};
use serde_json::json;
use tokio::time::timeout;
use tonic::Code;

use crate::{
    given::{DEADLINE, case, contract, event_of, signal},
    refusal::Refusal,
    server::Server,
};

#[tokio::test]
async fn harmful_expressions_are_refused_at_apply() {
    let server = Server::start().await;
    let clients = server.clients();
    let before = clients.everything().await;
    let repeat = |text: &str, times: usize| text.repeat(times);
    for (expression, told) in [
        (repeat("true && ", 600) + "true", "at most 4096"),
        (repeat("(", 2000), "nested"),
        (repeat("!(", 1000) + "true" + &repeat(")", 1000), "nested"),
        ("value".to_owned() + &repeat(".a", 2000), "nested"),
        (
            "value.all(x, value.all(y, value.all(z, x == y)))".to_owned(),
            "inside",
        ),
        ("valu.id == 1".to_owned(), "valu"),
        ("value.id = 1".to_owned(), ""),
        ("\u{0}".to_owned(), ""),
        ("value.matches('(a{1000}){1000}')".to_owned(), "pattern"),
        ("value.matches('(')".to_owned(), "pattern"),
        ("nosuch(value)".to_owned(), "nosuch"),
        (String::new(), "empty"),
        ("\t \n".to_owned(), "empty"),
        ("// only a comment".to_owned(), ""),
    ] {
        let declared = Case {
            signals: vec![
                Signal {
                    expect: vec![contract("true"), contract(&expression)],
                    ..signal("done")
                },
                Signal {
                    key: Some(expression.clone()),
                    ..signal("keyed")
                },
            ],
            contracts: vec![contract(&expression)],
            ..case("hostile", &[])
        };
        let refusal = Refusal::from(&clients.try_apply(declared).await.unwrap_err());
        assert_eq!(
            refusal.code,
            Code::InvalidArgument,
            "{expression:?}: {refusal:?}"
        );
        assert_eq!(refusal.reason, "INVALID_FIELDS", "{expression:?}");
        for field in [
            "case.signals[0].expect[1].expression",
            "case.signals[1].key",
            "case.contracts[0].expression",
        ] {
            assert!(
                refusal.fields.iter().any(|one| one == field),
                "{expression:?}: {refusal:?}"
            );
            assert!(
                refusal.message.contains(field),
                "{expression:?}: {refusal:?}"
            );
        }
        assert!(
            refusal.message.contains(told),
            "{expression:?}: {refusal:?}"
        );
    }

    for expression in [
        "signals.none.at > execution.timestamp",
        "value == 1",
        "signals.done.nothing",
    ] {
        let declared = Case {
            contracts: vec![contract(expression)],
            ..case("hostile", &["done"])
        };
        let refusal = Refusal::from(&clients.try_apply(declared).await.unwrap_err());
        let fields = ["case.contracts[0].expression"];
        refusal.check(expression, Code::InvalidArgument, "INVALID_FIELDS", &fields);
    }
    assert_eq!(clients.everything().await, before);
    server.stop().await;
}

#[tokio::test]
async fn harmful_evaluations_end_as_error() {
    let server = Server::start().await;
    let clients = server.clients();
    let list = json!(vec![1; 1000]);
    let wide = json!(vec![1; 1001]);
    let text = json!("a".repeat(60_000));
    for (number, (expression, value, told)) in [
        ("value.all(x, x == 1)", wide, "at most 1000"),
        ("value.all(x, value == value)", list, "too much work"),
        ("value + value != ''", text.clone(), "too long"),
        ("value.matches('(a|b)*c(a|b)*d$') || true", text, ""),
        ("value.a.b == 1", json!({"a": {}}), "b"),
        ("value / 0 == 1", json!(1), ""),
        ("value.id == 1", json!("a"), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("hostile.{number}");
        let mut declared = case(&name, &["done"]);
        declared.signals[0].expect = vec![contract(expression)];
        clients.apply(declared).await;
        clients.submit(&name, "a").await;
        let sent = clients
            .send(event_of(&name, json!("a"), "done", value))
            .await;
        assert_eq!(sent, SignalOutcome::Accepted);
        let report = clients.report(&name, "a").await;
        let error = report.error.as_deref().unwrap_or_default();
        assert!(error.contains(told), "{expression}: {report:?}");
        match told {
            "" => assert_ne!(report.state(), State::Init, "{expression}"),
            _ => assert_eq!(report.state(), State::Error, "{expression}: {report:?}"),
        }
    }
    server.stop().await;
}

/// The worst contracts of many signals at once, and a client of another case
/// beside them.
#[tokio::test]
async fn others_are_served_while_the_worst_is_evaluated() {
    /// Signals with the worst contracts.
    const SIGNALS: usize = 12;
    let server = Server::start().await;
    let (clients, others) = (server.clients(), server.clients());
    let mut declared = case("hostile", &["done"]);
    declared.signals[0].expect = vec![contract("value.all(x, value == value)"); 16];
    clients.apply(declared).await;
    others.apply(case("usual", &["done"])).await;

    let list = json!(vec![json!([1, 2, 3]); 1000]);
    for n in 0..SIGNALS {
        clients.submit("hostile", &n.to_string()).await;
    }
    let sends = (0..SIGNALS).map(|n| {
        let (clients, list) = (clients.clone(), list.clone());
        tokio::spawn(async move {
            let key = json!(n.to_string());
            clients.send(event_of("hostile", key, "done", list)).await
        })
    });
    let sends: Vec<_> = sends.collect();
    let served = async {
        for n in 0..5 {
            let request = GetCaseRequest {
                name: "usual".to_owned(),
            };
            others.cases.clone().get_case(request).await.unwrap();
            let report = others.pass("usual", &n.to_string()).await;
            assert_eq!(report.state(), State::Pass);
        }
    };
    timeout(DEADLINE, served).await.expect("others are served");
    for (n, send) in sends.into_iter().enumerate() {
        assert_eq!(send.await.unwrap(), SignalOutcome::Accepted);
        let report = clients.report("hostile", &n.to_string()).await;
        assert_eq!(report.state(), State::Error, "{report:?}");
    }
    server.stop().await;
}
