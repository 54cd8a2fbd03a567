use livecheck::{
    headers::CurrentTest,
    pb::v1::{watch_execution_response::Payload, *},
};
use prost_types::{Timestamp, Value, value::Kind};
use tonic::{Response, Status};

use crate::{mock::Mock, terminal::Terminal};

fn at(seconds: i64) -> Timestamp {
    Timestamp {
        seconds: 1_780_000_000 + seconds,
        nanos: 0,
    }
}

fn text(text: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.into())),
    }
}

fn test() -> TestExecution {
    TestExecution {
        id: "it's 1".into(),
        case_name: "orders.checkout".into(),
        timestamp: Some(at(0)),
        expires: Some(at(60)),
        labels: [("team".to_owned(), "pay".to_owned())].into(),
        ..TestExecution::default()
    }
}

fn sampled() -> Response<SubmitExecutionResponse> {
    let mut response = Response::new(SubmitExecutionResponse {
        sampled: Some(true),
        test: Some(test()),
    });
    let time = |seconds: i64| chrono::DateTime::from_timestamp(1_780_000_000 + seconds, 0).unwrap();
    CurrentTest::new("it's 1", "orders.checkout", time(0), time(60))
        .unwrap()
        .write_metadata(response.metadata_mut());
    response
}

fn report(state: State) -> TestReport {
    TestReport {
        case_name: "orders.checkout".into(),
        state: state.into(),
        test: Some(test()),
        concluded_at: Some(at(5)),
        ..TestReport::default()
    }
}

fn signal(name: &str, seconds: i64) -> ReceivedSignal {
    ReceivedSignal {
        event: Some(SignalEvent {
            signal_name: name.into(),
            case_name: "orders.checkout".into(),
            key: Some(text("it's 1")),
            value: Some(text("v")),
        }),
        at: Some(at(seconds)),
        outcome: SignalOutcome::Accepted.into(),
        ..ReceivedSignal::default()
    }
}

fn view(signals: Vec<ReceivedSignal>) -> ExecutionView {
    ExecutionView {
        test: Some(test()),
        state: State::Init.into(),
        case_revision: 3,
        progress: vec![SignalProgress {
            signal_name: "sent".into(),
            min: 1,
            deadline: Some(at(30)),
            ..SignalProgress::default()
        }],
        signal_count: signals.len() as u64,
        signals,
        ..ExecutionView::default()
    }
}

const SUBMITTED: &str = "\
Case     orders.checkout
Id       it's 1
Started  2026-05-28T20:26:40.000Z
Expires  2026-05-28T20:27:40.000Z
Labels   team=pay

-H 'LiveCheck-Test-Id: it'\\''s%201' \\
-H 'LiveCheck-Test-Name: orders.checkout' \\
-H 'LiveCheck-Test-Timestamp: 2026-05-28T20:26:40+00:00' \\
-H 'LiveCheck-Test-Expires: 2026-05-28T20:27:40+00:00'
";

#[tokio::test]
async fn a_submission_shows_the_headers() {
    let (mock, server) = Mock::serve().await;
    mock.answer_with(sampled());
    let args = [
        "submit",
        "orders.checkout",
        "--id=it's 1",
        "--arg=17",
        "--arg={\"a\": null}",
        "--kwarg=side=\"buy\"",
        "--kwarg=price=2.5",
        "--always",
        "--expires=1m",
        "--label=team=pay",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(ran.out, SUBMITTED);
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(
        mock.calls(),
        [concat!(
            r#"SubmitExecution {"case_name":"orders.checkout","expires":"2026-05-28T20:27:40Z","#,
            r#""id":"it's 1","labels":{"team":"pay"},"sampling":"SAMPLING_ALWAYS","#,
            r#""test_args":[17,{"a":null}],"test_kwargs":{"price":2.5,"side":"buy"}}"#
        )]
    );

    mock.answer_with(sampled());
    let args = ["submit", "orders.checkout", "--output=json"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        concat!(
            r#"{"headers":{"LiveCheck-Test-Expires":"2026-05-28T20:27:40+00:00","#,
            r#""LiveCheck-Test-Id":"it's%201","LiveCheck-Test-Name":"orders.checkout","#,
            r#""LiveCheck-Test-Timestamp":"2026-05-28T20:26:40+00:00"},"sampled":true,"#,
            r#""test":{"case_name":"orders.checkout","expires":"2026-05-28T20:27:40Z","#,
            r#""id":"it's 1","labels":{"team":"pay"},"timestamp":"2026-05-28T20:26:40Z"}}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn a_submission_can_wait_for_its_report() {
    let (mock, server) = Mock::serve().await;
    mock.answer_with(sampled()).answer(GetReportResponse {
        report: Some(report(State::Fail)),
    });
    let args = ["submit", "orders.checkout", "--wait=30s"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.err.as_str()), (1, ""));
    let shown = ran.out.strip_prefix(SUBMITTED).unwrap();
    assert!(
        shown.starts_with("\nCase       orders.checkout\n"),
        "{shown}"
    );
    assert!(shown.ends_with("State      FAIL\n"), "{shown}");
    assert_eq!(
        mock.calls()[1],
        r#"GetReport {"case_name":"orders.checkout","id":"it's 1","wait":"30s"}"#
    );

    // The exit code is the report's also when nobody reads it.
    mock.answer_with(sampled()).answer(GetReportResponse {
        report: Some(report(State::Fail)),
    });
    let ran = Terminal::new(server).closed().run(&args).await;
    assert_eq!((ran.exit, ran.err.as_str()), (1, ""));

    mock.answer(SubmitExecutionResponse {
        sampled: Some(false),
        test: None,
    });
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, ""));
    assert_eq!(
        ran.err,
        "not sampled: there is no execution; --always samples every one\n"
    );
}

#[tokio::test]
async fn names_that_are_given_twice_are_refused() {
    let (mock, server) = Mock::serve().await;
    for args in [
        ["submit", "c", "--kwarg=a=1", "--kwarg=a=2"],
        ["submit", "c", "--label=a=1", "--label=a=2"],
    ] {
        let ran = Terminal::new(server).run(&args).await;
        assert_eq!((ran.exit, ran.out.as_str()), (2, ""));
        let flag = args[2].split('=').next().unwrap();
        assert_eq!(ran.err, format!("error: {flag} a is given twice\n"));
    }
    assert_eq!(mock.calls(), [""; 0]);
}

const VIEW: &str = "\
Case      orders.checkout
Id        it's 1
Started   2026-05-28T20:26:40.000Z
Expires   2026-05-28T20:27:40.000Z
Labels    team=pay
Revision  3
State     INIT

SIGNAL  CAME  NEEDED  DEADLINE                  LATENCY  SETTLED
sent       0       1  2026-05-28T20:27:10.000Z        -  no

AT                        SIGNAL  OUTCOME   KEY       VALUE
2026-05-28T20:26:41.000Z  stored  ACCEPTED  \"it's 1\"  \"v\"
";

#[tokio::test]
async fn an_execution_is_shown_whole() {
    let (mock, server) = Mock::serve().await;
    mock.answer(GetExecutionResponse {
        execution: Some(view(vec![signal("stored", 1)])),
    });
    let args = ["execution", "orders.checkout", "it's 1"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(ran.out, VIEW);
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    // The exit code is that of showing it, whatever its state.
    mock.answer(CancelExecutionResponse {
        execution: Some(ExecutionView {
            state: State::Fail.into(),
            report: Some(report(State::Fail)),
            late_signals: vec![signal("sent", 9)],
            late_signal_count: 20,
            ..view(vec![])
        }),
    });
    let args = ["cancel", "orders.checkout", "it's 1", "--reason=done"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    let verdict = ran.out.split("\nAfter the verdict\n").nth(1).unwrap();
    assert_eq!(
        verdict,
        "AT                        SIGNAL  OUTCOME   KEY       VALUE\n\
         2026-05-28T20:26:49.000Z  sent    ACCEPTED  \"it's 1\"  \"v\"\n\
         and 19 more, of which only the number is kept\n\
         \n\
         Report\n\
         Case       orders.checkout\n\
         Id         it's 1\n\
         Labels     team=pay\n\
         Started    2026-05-28T20:26:40.000Z\n\
         Concluded  2026-05-28T20:26:45.000Z\n\
         Runtime    -\n\
         State      FAIL\n"
    );
    assert_eq!(
        mock.calls()[1],
        r#"CancelExecution {"case_name":"orders.checkout","id":"it's 1","reason":"done"}"#
    );
}

#[tokio::test]
async fn a_watched_execution_is_shown_step_by_step_across_a_break() {
    let (mock, server) = Mock::serve().await;
    let item = |payload| {
        Ok(WatchExecutionResponse {
            payload: Some(payload),
        })
    };
    let stored = || signal("stored", 1);
    let (sent, again) = (signal("sent", 2), signal("again", 3));
    mock.stream(vec![
        item(Payload::Execution(view(vec![stored()]))),
        Ok(WatchExecutionResponse::default()),
        item(Payload::Signal(sent.clone())),
        Err(Status::unavailable("shutting down")),
    ])
    .stream(vec![
        item(Payload::Execution(view(vec![stored(), sent, again]))),
        item(Payload::Report(report(State::Timeout))),
    ]);
    let args = ["execution", "orders.checkout", "it's 1", "--watch"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(ran.exit, 1);
    let steps = ran.out.strip_prefix(VIEW).unwrap();
    let (signals, report) = steps.split_once("\nReport\n").unwrap();
    assert_eq!(
        signals,
        "2026-05-28T20:26:42.000Z  sent                  ACCEPTED  \"it's 1\"  \"v\"\n\
         2026-05-28T20:26:43.000Z  again                 ACCEPTED  \"it's 1\"  \"v\"\n"
    );
    assert!(report.ends_with("State      TIMEOUT\n"), "{report}");
    assert_eq!(
        ran.err,
        "the watch broke off (shutting down); trying again\n"
    );
}

#[tokio::test]
async fn a_watch_of_an_ended_execution_ends() {
    let (mock, server) = Mock::serve().await;
    let ended = ExecutionView {
        report: Some(report(State::Pass)),
        ..view(vec![])
    };
    mock.stream(vec![Ok(WatchExecutionResponse {
        payload: Some(Payload::Execution(ended)),
    })]);
    let args = ["execution", "c", "i", "--watch", "--output=json"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with(r#"{"execution":{"#));
    assert!(lines[1].starts_with(r#"{"report":{"#));
}

#[tokio::test]
async fn executions_are_listed() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListExecutionsResponse {
        executions: vec![view(vec![signal("stored", 1)])],
        next_page_token: String::new(),
    });
    let args = ["executions", "--state=init", "--limit=7"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        "STARTED                   STATE  SIGNALS  CASE             ID\n\
         2026-05-28T20:26:40.000Z  INIT         1  orders.checkout  it's 1\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(
        mock.calls(),
        [r#"ListExecutions {"page_size":7,"states":["STATE_INIT"]}"#]
    );
}
