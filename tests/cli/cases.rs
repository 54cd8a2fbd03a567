use livecheck::pb::v1::*;
use prost_types::Duration;
use tonic::Status;

use crate::{mock::Mock, terminal::Terminal};

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn case() -> GetCaseResponse {
    let contract = |expression: &str, message: &str| Contract {
        expression: expression.into(),
        id: String::new(),
        message: message.into(),
    };
    GetCaseResponse {
        status: None,
        case: Some(Case {
            name: "orders.checkout".into(),
            description: "From the basket\nto the invoice".into(),
            labels: [("team".to_owned(), "pay".to_owned())].into(),
            probability: Some(0.07),
            test_expires: seconds(5400),
            signals: vec![
                Signal {
                    name: "stored".into(),
                    expect: vec![contract("value.id == execution.id", "another order")],
                    ..Signal::default()
                },
                Signal {
                    name: "refunded".into(),
                    timeout: seconds(2),
                    within: seconds(60),
                    after: vec!["stored".into()],
                    min: Some(0),
                    max: Some(0),
                    key: Some("execution.kwargs.number".into()),
                    ..Signal::default()
                },
            ],
            contracts: vec![Contract {
                id: "order".into(),
                ..contract("signals.a.at <\n  signals.b.at", "")
            }],
            revision: 4,
            ..Case::default()
        }),
        live_executions: 12,
    }
}

#[tokio::test]
async fn cases_are_listed() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListCasesResponse {
        cases: vec![case(), GetCaseResponse::default()],
        next_page_token: String::new(),
    });
    let ran = Terminal::new(server).run(&["cases"]).await;
    assert_eq!(
        ran.out,
        "CASE             REVISION  ACTIVE  SAMPLED  SIGNALS  CONTRACTS  LIVE\n\
         orders.checkout         4  yes          7%        2          2    12\n                        \
                                 0  yes         50%        0          0     0\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
}

#[tokio::test]
async fn a_case_is_shown_whole() {
    let (mock, server) = Mock::serve().await;
    mock.answer(case());
    let ran = Terminal::new(server)
        .run(&["case", "orders.checkout"])
        .await;
    assert_eq!(
        ran.out,
        "Case             orders.checkout\n\
         Description      From the basket\n                 \
                          to the invoice\n\
         Labels           team=pay\n\
         Revision         4\n\
         Active           yes\n\
         Sampled          7%\n\
         Expires after    1h30m\n\
         Live executions  12\n\
         \n\
         SIGNAL    TIMEOUT  WITHIN  NEEDED  CLOCK STARTS  KEY\n\
         stored        30s       -       1  in sequence   -\n      \
               value.id == execution.id  (another order)\n\
         refunded       2s      1m    0..0  after stored  execution.kwargs.number\n\
         \n\
         Contracts\n  \
           order: signals.a.at <\\n  signals.b.at\n"
    );
    assert_eq!(mock.calls(), [r#"GetCase {"name":"orders.checkout"}"#]);
}

#[tokio::test]
async fn a_case_is_deleted() {
    let (mock, server) = Mock::serve().await;
    mock.answer(DeleteCaseResponse {});
    let ran = Terminal::new(server).run(&["delete", "c"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "c deleted\n"));

    mock.refuse::<DeleteCaseResponse>(Status::not_found("there is no case \"c\""));
    let ran = Terminal::new(server).run(&["delete", "c"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (4, ""));
    assert_eq!(ran.err, "error: there is no case \"c\" (NOT_FOUND)\n");
}
