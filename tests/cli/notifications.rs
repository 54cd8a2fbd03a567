use livecheck::pb::v1::{notification_service_server::NotificationService, *};
use prost_types::Timestamp;
use tonic::{Request, Status};

use crate::{
    mock::{Answer, Mock},
    terminal::Terminal,
};

#[tonic::async_trait]
impl NotificationService for Mock {
    async fn list_webhooks(
        &self,
        request: Request<ListWebhooksRequest>,
    ) -> Answer<ListWebhooksResponse> {
        self.unary(request)
    }

    async fn list_notifications(
        &self,
        request: Request<ListNotificationsRequest>,
    ) -> Answer<ListNotificationsResponse> {
        self.unary(request)
    }

    async fn retry_notifications(
        &self,
        request: Request<RetryNotificationsRequest>,
    ) -> Answer<RetryNotificationsResponse> {
        self.unary(request)
    }
}

fn notification(state: NotificationState, error: &str) -> Notification {
    Notification {
        id: "1-0-17".into(),
        webhook: "ops".into(),
        case_name: "orders".into(),
        queued_at: Some(Timestamp {
            seconds: 1_780_000_000,
            nanos: 0,
        }),
        state: state.into(),
        text: "30 failures\nin a row".into(),
        case_state: State::Fail.into(),
        attempts: if error.is_empty() { 0 } else { 12 },
        error: error.into(),
    }
}

#[tokio::test]
async fn notifications_are_listed() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListNotificationsResponse {
        notifications: vec![notification(NotificationState::Pending, "")],
        next_page_token: "t".into(),
    });
    mock.answer(ListNotificationsResponse {
        notifications: vec![notification(NotificationState::Dead, "answered 410 Gone")],
        next_page_token: String::new(),
    });
    let args = ["notifications", "--case=orders", "--webhook=ops"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        "QUEUED                    STANDS   ATTEMPTS  WEBHOOK  STATE  CASE    ID\n\
         2026-05-28T20:26:40.000Z  PENDING         0  ops      FAIL   orders  1-0-17\n    \
             30 failures\n    in a row\n\
         2026-05-28T20:26:40.000Z  DEAD           12  ops      FAIL   orders  1-0-17\n    \
             30 failures\n    in a row\n    given up: answered 410 Gone\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    let wanted = r#""case_name":"orders","page_size":"#;
    let calls = mock.calls();
    assert_eq!(
        calls,
        [
            format!(r#"ListNotifications {{{wanted}50,"webhook":"ops"}}"#),
            format!(r#"ListNotifications {{{wanted}49,"page_token":"t","webhook":"ops"}}"#),
        ]
    );
}

#[tokio::test]
async fn only_what_was_given_up_is_asked_for() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListNotificationsResponse::default());
    let args = ["notifications", "--dead", "--output=json"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "no notifications\n");
    assert_eq!(
        mock.calls(),
        [r#"ListNotifications {"page_size":50,"state":"NOTIFICATION_STATE_DEAD"}"#]
    );
}

#[tokio::test]
async fn what_was_given_up_is_retried() {
    let (mock, server) = Mock::serve().await;
    mock.answer(RetryNotificationsResponse { queued: 3 });
    let ran = Terminal::new(server).run(&["retry", "--case=orders"]).await;
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (0, "3 notifications queued again\n", "")
    );

    mock.answer(RetryNotificationsResponse { queued: 1 });
    let args = [
        "retry",
        "--case=orders",
        "--webhook=ops",
        "--id=1-0-17",
        "--output=json",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "{\"queued\":1}\n"));
    assert_eq!(
        mock.calls(),
        [
            r#"RetryNotifications {"case_name":"orders"}"#,
            r#"RetryNotifications {"case_name":"orders","id":"1-0-17","webhook":"ops"}"#,
        ]
    );

    mock.refuse::<RetryNotificationsResponse>(Status::not_found("there is no case \"c\""));
    let ran = Terminal::new(server).run(&["retry", "--case=c"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (4, ""));
}

#[tokio::test]
async fn webhooks_are_listed() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListWebhooksResponse {
        webhooks: vec![
            Webhook {
                name: "ops".into(),
                url: "https://a.example/hook".into(),
                format: WebhookFormat::Cloudevents.into(),
                every_case: true,
                reports: false,
                signed: true,
            },
            Webhook {
                name: "chat".into(),
                url: "https://b.example/…".into(),
                format: WebhookFormat::Slack.into(),
                every_case: false,
                reports: true,
                signed: false,
            },
        ],
    });
    let ran = Terminal::new(server).run(&["webhooks"]).await;
    assert_eq!(
        ran.out,
        "WEBHOOK  FORMAT       CASES  REPORTS  SIGNED  URL\n\
         ops      CLOUDEVENTS  all    no       yes     https://a.example/hook\n\
         chat     SLACK        named  yes      no      https://b.example/…\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    mock.answer(ListWebhooksResponse::default());
    let ran = Terminal::new(server).run(&["webhooks"]).await;
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (0, "", "no webhooks\n")
    );
}
