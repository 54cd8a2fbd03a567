//! What was given up: it is shown, and told after all when that is asked for.

use livecheck::{model::Webhook, pb::v1::NotificationState};
use tonic::Code;

use crate::{
    receiver::{Answer, Mode, Receiver, numbers},
    server::{Server, webhook},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_listed_and_retried() {
    let receiver = Receiver::start(Mode::Refuses).await;
    let ops = Webhook {
        max_attempts: 2,
        ..webhook("ops", receiver.url("/"))
    };
    let server = Server::start(vec![ops]).await;
    let mut clients = server.clients().await;
    clients.apply("c", &[]).await;
    clients.apply("other", &[]).await;
    for (id, passes) in [("a", false), ("b", true)] {
        clients.swing("c", id, passes).await;
    }
    // The queue goes on behind what was given up.
    let dead = clients.wait_for(NotificationState::Dead, 2).await;
    for one in &dead {
        assert_eq!((&*one.case_name, &*one.webhook), ("c", "ops"));
        assert_eq!(one.state(), NotificationState::Dead);
        assert_eq!(one.attempts, 2);
        assert_eq!(one.error, "answered 500 Internal Server Error: not now");
    }
    let text = &dead[0].text;
    assert!(text.starts_with("1 failure, the last one FAIL"), "{text}");
    assert!(dead[1].text.starts_with("well again"), "{}", dead[1].text);
    assert_eq!(clients.list(NotificationState::Pending).await, []);
    let ids: Vec<_> = receiver
        .arrivals()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    let (first, second) = (&dead[0].id, &dead[1].id);
    assert_eq!(ids, [first, first, second, second].map(String::clone));

    // Only what was asked for.
    receiver.set(Mode::Takes);
    assert_eq!(clients.retry("c", second).await.unwrap(), 1);
    let arrivals = receiver.wait(|came| came.len() == 5).await;
    assert_eq!(arrivals[4].id(), second);
    assert_eq!(
        clients.wait_for(NotificationState::Unspecified, 1).await[0].id,
        *first
    );
    assert_eq!(clients.retry("other", "").await.unwrap(), 0);
    assert_eq!(clients.retry("c", "").await.unwrap(), 1);
    let arrivals = receiver.wait(|came| came.len() == 6).await;
    assert_eq!(arrivals[5].id(), first);
    assert_eq!(arrivals[5].answer, Answer::Taken);
    assert_eq!(numbers(&arrivals)["c"], [1, 2, 1]);
    clients.wait_for(NotificationState::Unspecified, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_no_longer_set_is_given_up() {
    let receiver = Receiver::start(Mode::Refuses).await;
    let ops = || webhook("ops", receiver.url("/"));
    let server = Server::start(vec![ops()]).await;
    let mut clients = server.clients().await;
    clients.apply("c", &[]).await;
    clients.swing("c", "a", false).await;
    let pending = clients.wait_for(NotificationState::Pending, 1).await;
    receiver.wait(|came| !came.is_empty()).await;

    let server = server.restart(Vec::new()).await;
    let mut clients = server.clients().await;
    let dead = clients.wait_for(NotificationState::Dead, 1).await;
    assert_eq!(dead[0].id, pending[0].id);
    assert_eq!(dead[0].attempts, 0);
    assert_eq!(dead[0].error, "the settings name no such webhook");

    // It is set again, and what was given up is asked for.
    receiver.set(Mode::Takes);
    let server = server.restart(vec![ops()]).await;
    let mut clients = server.clients().await;
    assert_eq!(clients.retry("c", &dead[0].id).await.unwrap(), 1);
    receiver
        .wait(|came| {
            let last = came.last();
            last.is_some_and(|last| last.answer == Answer::Taken && last.id() == dead[0].id)
        })
        .await;
    clients.wait_for(NotificationState::Unspecified, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_request_is_told_at_once() {
    let server = Server::start(Vec::new()).await;
    let mut clients = server.clients().await;
    let refused = clients.retry("none", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    clients.apply("c", &[]).await;
    for id in ["17", "00000000-0-+1", "x"] {
        let refused = clients.retry("c", id).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let expected = format!("id: {id:?} is no id of a notification of \"c\"");
        assert_eq!(refused.message(), expected);
    }
    let request = livecheck::pb::v1::ListNotificationsRequest {
        case_name: "a\nb".to_owned(),
        webhook: "a b".to_owned(),
        state: 9,
        page_size: -1,
        page_token: String::new(),
    };
    let refused = clients.notifications.list_notifications(request).await;
    let message = refused.unwrap_err().message().to_owned();
    for field in ["case_name: ", "webhook: ", "state: ", "page_size: "] {
        assert!(message.contains(field), "{message}");
    }
    let request = livecheck::pb::v1::RetryNotificationsRequest {
        case_name: String::new(),
        webhook: "a b".to_owned(),
        id: "x".to_owned(),
    };
    let refused = clients.notifications.retry_notifications(request).await;
    let message = refused.unwrap_err().message().to_owned();
    for field in ["case_name: ", "webhook: "] {
        assert!(message.contains(field), "{message}");
    }
    server.stop().await;
}
