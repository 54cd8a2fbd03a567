//! What is declared of a case, and its deletion.

use livecheck::{
    casefile,
    pb::v1::{probe::Request, *},
};
use prost_types::Duration;
use tonic::Status;

use crate::{mock::Mock, terminal::Terminal};

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn declared() -> Case {
    let contract = |expression: &str, message: &str| Contract {
        expression: expression.into(),
        id: String::new(),
        message: message.into(),
    };
    Case {
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
        warn_stalled_after: seconds(0),
        probe: Some(Probe {
            frequency: seconds(90),
            request: Some(Request::Http(HttpProbe {
                url: "http://orders:8080/health".into(),
                body: "\u{9b}[31m\u{ffff}".into(),
                ..HttpProbe::default()
            })),
            ..Probe::default()
        }),
        max_consecutive_failures: Some(1),
        max_executions_per_second: Some(0.5),
        max_live_executions: Some(100),
        webhooks: vec!["on-call".into(), "pay".into()],
        revision: 4,
        ..Case::default()
    }
}

#[tokio::test]
async fn a_declaration_is_shown_whole() {
    let (mock, server) = Mock::serve().await;
    mock.answer(GetCaseResponse {
        case: Some(declared()),
        ..GetCaseResponse::default()
    });
    let ran = Terminal::new(server)
        .run(&["case", "orders.checkout"])
        .await;
    let (_, declaration) = ran.out.split_once("\nDeclaration\n").unwrap();
    assert_eq!(
        declaration,
        "Description     From the basket\n                \
                         to the invoice\n\
         Labels          team=pay\n\
         Revision        4\n\
         Active          yes\n\
         Probability     7%\n\
         Budget          at most 0.5 executions a second, at most 100 live\n\
         Expires after   1h30m\n\
         Fails after     1 failure in a row\n\
         Stalls after    never\n\
         Recovers after  1m\n\
         History         100 values\n\
         Webhooks        on-call, pay\n\
         Probe           every 1m30s: GET http://orders:8080/health\n\
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
async fn a_declaration_is_a_case_file() {
    let (mock, server) = Mock::serve().await;
    // Contracts over signals that are there.
    let case = Case {
        contracts: Vec::new(),
        ..declared()
    };
    for args in [
        &["case", "orders.checkout", "--declaration"][..],
        &["case", "orders.checkout", "--declaration", "--output=json"],
    ] {
        mock.answer(GetCaseResponse {
            case: Some(case.clone()),
            live_executions: 3,
            status: Some(CaseStatus::default()),
        });
        let ran = Terminal::new(server).run(args).await;
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
        let one_line = args.len() == 4;
        assert_eq!(ran.out.lines().count() == 1, one_line, "{}", ran.out);
        assert!(ran.out.contains("\\u009b[31m\\uffff"), "{}", ran.out);
        for path in ["<stdin>", "case.json"] {
            let read = casefile::parse(path, ran.out.as_bytes()).unwrap();
            let read: Vec<_> = read.into_iter().map(|document| document.pb).collect();
            let expected = Case {
                revision: 0,
                ..case.clone()
            };
            assert_eq!(read, [expected]);
        }
    }
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
