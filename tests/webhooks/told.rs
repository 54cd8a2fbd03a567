//! What is told, in which order, and when.

use std::collections::BTreeMap;

use http::HeaderMap;
use livecheck::{
    model::{Secret, Webhook, WebhookFormat},
    pb::v1::{self, NotificationState},
};
use tokio::task::JoinSet;

use crate::{
    receiver::{Answer, Mode, Receiver, numbers, taken},
    server::{Server, webhook},
    swings::TOLD,
};

const CASES: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_in_order_to_a_receiver_that_fails_half_of_its_calls() {
    let receiver = Receiver::start(Mode::HalfFails).await;
    let server = Server::start(vec![webhook("ops", receiver.url("/hook"))]).await;
    let names: Vec<_> = (0..CASES).map(|n| format!("case {n}")).collect();
    let mut swings = JoinSet::new();
    for name in names.clone() {
        let mut clients = server.clients().await;
        swings.spawn(async move { clients.swing_all(&name).await });
    }
    swings.join_all().await;

    let all = CASES * TOLD.len();
    let arrivals = receiver.wait(|came| taken(came).len() == all).await;
    let expected: BTreeMap<_, _> = names.into_iter().map(|name| (name, TOLD.into())).collect();
    assert_eq!(numbers(&arrivals), expected);
    for failure in [Answer::Refused, Answer::Broken, Answer::Silence] {
        let count = arrivals.iter().filter(|one| one.answer == failure).count();
        println!("{count} of {} {failure:?}", arrivals.len());
        assert_ne!(count, 0, "{failure:?}");
    }
    let mut clients = server.clients().await;
    clients.wait_for(NotificationState::Unspecified, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_webhook_is_told_what_it_is_for_in_its_form() {
    let receiver = Receiver::start(Mode::Takes).await;
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer hidden".parse().unwrap());
    let unsigned = |name: &str| Webhook {
        every_case: false,
        key: None,
        headers: Secret::new(headers.clone()),
        ..webhook(name, receiver.url(&format!("/{name}?token=hidden")))
    };
    let webhooks = vec![
        Webhook {
            reports: true,
            ..unsigned("reports")
        },
        Webhook {
            format: WebhookFormat::Slack,
            ..unsigned("slack")
        },
        Webhook {
            format: WebhookFormat::Alertmanager,
            ..unsigned("alerts")
        },
        unsigned("nobody"),
    ];
    let server = Server::start(webhooks).await;
    let mut clients = server.clients().await;
    let told = ["reports", "slack", "alerts"];
    clients.apply("named", &told).await;
    clients.apply("unnamed", &[]).await;
    clients.swing("unnamed", "a", false).await;
    clients.swing("named", "b", false).await;

    let arrivals = receiver.wait(|came| came.len() == 4).await;
    let of = |path: &str| {
        let of = arrivals.iter().filter(|one| one.path == path);
        of.map(|one| one.json()).collect::<Vec<_>>()
    };
    let types: Vec<_> = of("/reports")
        .iter()
        .map(|one| one["type"].clone())
        .collect();
    let mut sorted = types.clone();
    sorted.sort_by_key(|one| one.to_string());
    assert_eq!(
        sorted,
        [
            "livecheck.case.incident_started",
            "livecheck.execution.report"
        ]
    );
    let slack = of("/slack");
    let text = slack[0]["text"].as_str().unwrap();
    assert!(text.starts_with("named: FAIL: 1 failure, "), "{text}");
    let alerts = of("/alerts");
    assert_eq!(alerts[0][0]["labels"]["case"], "named");
    assert_eq!(alerts[0][0]["labels"]["cause"], "failed");
    for arrival in &arrivals {
        assert_eq!(arrival.header("authorization"), "Bearer hidden");
        assert!(!arrival.headers.contains_key("webhook-signature"));
    }

    // A second failure is a report, and no transition.
    clients.swing("named", "c", false).await;
    let arrivals = receiver.wait(|came| came.len() == 5).await;
    assert_eq!(arrivals[4].json()["data"]["test"]["id"], "c");

    let listed = clients
        .notifications
        .list_webhooks(v1::ListWebhooksRequest {});
    let listed = listed.await.unwrap().into_inner().webhooks;
    let names: Vec<_> = listed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["alerts", "nobody", "reports", "slack"]);
    let expected = v1::Webhook {
        name: "reports".to_owned(),
        url: receiver.url("/reports"),
        format: v1::WebhookFormat::Cloudevents.into(),
        every_case: false,
        reports: true,
        signed: false,
    };
    assert_eq!(listed[2], expected);
    assert!(!format!("{listed:?}").contains("hidden"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_at_a_stop_is_told_after_the_start() {
    let receiver = Receiver::start(Mode::Silent).await;
    let ops = || Webhook {
        timeout: std::time::Duration::from_secs(60),
        ..webhook("ops", receiver.url("/"))
    };
    let server = Server::start(vec![ops()]).await;
    let mut clients = server.clients().await;
    clients.apply("c", &[]).await;
    clients.swing("c", "a", false).await;
    receiver.wait(|came| came.len() == 1).await;

    receiver.set(Mode::Takes);
    let server = server.restart(vec![ops()]).await;
    let arrivals = receiver.wait(|came| came.len() == 2).await;
    assert_eq!(arrivals[0].id(), arrivals[1].id());
    assert_eq!(
        numbers(&arrivals),
        BTreeMap::from([("c".to_owned(), vec![1])])
    );
    let mut clients = server.clients().await;
    clients.wait_for(NotificationState::Unspecified, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_confirms() {
    let receiver = Receiver::start(Mode::TakesWithoutEnd).await;
    let server = Server::start(vec![webhook("ops", receiver.url("/"))]).await;
    let mut clients = server.clients().await;
    clients.swing_all("c").await;
    clients.wait_for(NotificationState::Unspecified, 0).await;
    let arrivals = receiver.wait(|came| came.len() >= TOLD.len()).await;
    assert_eq!(arrivals.len(), TOLD.len(), "each is told once");
    let expected = BTreeMap::from([("c".to_owned(), TOLD.into())]);
    assert_eq!(numbers(&arrivals), expected);
    server.stop().await;
}
