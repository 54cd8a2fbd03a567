use livecheck::pb::v1::*;
use prost_types::{Duration, Timestamp};
use tokio::runtime::Runtime;
use tonic::{Code, Status};

use crate::{mock::Mock, terminal::Terminal};

/// A report that was concluded `number` seconds after a round time.
fn report(number: i64, state: State) -> TestReport {
    let error = match state {
        State::Pass => None,
        _ => Some("Timed out waiting for signal sent (30.0)\ncame: \u{1b}[31mstored".to_owned()),
    };
    TestReport {
        failure: None,
        case_name: "orders.checkout".into(),
        state: state.into(),
        test: Some(TestExecution {
            id: format!("id-{number}"),
            ..TestExecution::default()
        }),
        runtime: Some(Duration {
            seconds: number,
            nanos: 5_000_000,
        }),
        signal_latency: [("stored".to_owned(), Duration::default())].into(),
        error,
        traceback: Some("0.000 s  started\n0.001 s  stored".to_owned()),
        concluded_at: Some(Timestamp {
            seconds: 1_780_000_000 + number,
            nanos: 0,
        }),
    }
}

fn watched(number: i64, state: State, token: &str) -> Result<WatchReportsResponse, Status> {
    Ok(WatchReportsResponse {
        report: Some(report(number, state)),
        resume_token: token.into(),
    })
}

fn checkpoint(token: &str) -> Result<WatchReportsResponse, Status> {
    Ok(WatchReportsResponse {
        report: None,
        resume_token: token.into(),
    })
}

#[tokio::test]
async fn a_report_is_shown_whole() {
    let (mock, server) = Mock::serve().await;
    mock.answer(GetReportResponse {
        report: Some(report(2, State::Timeout)),
    });
    let ran = Terminal::new(server)
        .run(&["report", "orders.checkout", "id-2"])
        .await;
    assert_eq!(
        ran.out,
        "Case       orders.checkout\n\
         Id         id-2\n\
         Started    -\n\
         Concluded  2026-05-28T20:26:42.000Z\n\
         Runtime    2.005s\n\
         State      TIMEOUT\n\
         Error      Timed out waiting for signal sent (30.0)\n           \
                    came: \\u{1b}[31mstored\n\
         \n\
         SIGNAL  LATENCY\n\
         stored   0.000s\n\
         \n\
         Traceback\n  \
           0.000 s  started\n  \
           0.001 s  stored\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (1, ""));
    assert_eq!(
        mock.calls(),
        [r#"GetReport {"case_name":"orders.checkout","id":"id-2"}"#]
    );
}

#[tokio::test]
async fn the_exit_code_is_the_report() {
    let (mock, server) = Mock::serve().await;
    for (state, exit) in [
        (State::Pass, 0),
        (State::Skip, 0),
        (State::Fail, 1),
        (State::Error, 1),
        (State::Timeout, 1),
    ] {
        let answer = || GetReportResponse {
            report: Some(report(1, state)),
        };
        mock.answer(answer());
        let args = ["report", "c", "i", "--output=json"];
        let ran = Terminal::new(server).run(&args).await;
        assert_eq!(ran.exit, exit, "{state:?}");
        assert_eq!(ran.out.lines().count(), 1);
        assert!(ran.out.contains(state.as_str_name()), "{}", ran.out);

        // Also when nobody reads it.
        mock.answer(answer());
        let ran = Terminal::new(server).closed().run(&args).await;
        assert_eq!((ran.exit, ran.err.as_str()), (exit, ""), "{state:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_has_its_exit_code() {
    let (mock, server) = Mock::serve().await;
    for (code, exit, name) in [
        (Code::NotFound, 4, "NOT_FOUND"),
        (Code::FailedPrecondition, 3, "FAILED_PRECONDITION"),
        (Code::DeadlineExceeded, 3, "DEADLINE_EXCEEDED"),
        (Code::InvalidArgument, 2, "INVALID_ARGUMENT"),
        (Code::Unavailable, 5, "UNAVAILABLE"),
        (Code::Internal, 6, "INTERNAL"),
    ] {
        mock.refuse::<GetReportResponse>(Status::new(code, "why"));
        let ran = Terminal::new(server).run(&["report", "c", "i"]).await;
        assert_eq!(ran.exit, exit, "{code:?}");
        assert_eq!(ran.err, format!("error: why ({name})\n"));
        assert_eq!(ran.out, "");
    }
}

#[tokio::test]
async fn a_wait_outlives_the_server() {
    let (mock, server) = Mock::serve().await;
    mock.refuse::<GetReportResponse>(Status::unavailable("shutting down"))
        .answer(GetReportResponse {
            report: Some(report(1, State::Pass)),
        });
    let ran = Terminal::new(server)
        .run(&["report", "c", "i", "--wait=1m"])
        .await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    let calls = mock.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        calls[0],
        r#"GetReport {"case_name":"c","id":"i","wait":"60s"}"#
    );
    assert!(calls[1].contains(r#""wait":"59."#), "{}", calls[1]);
}

#[tokio::test]
async fn lists_go_on_to_the_limit() {
    let (mock, server) = Mock::serve().await;
    let page = |numbers: [i64; 2], next: &str| ListReportsResponse {
        reports: numbers.map(|n| report(n, State::Pass)).into(),
        next_page_token: next.into(),
    };
    let args = ["reports", "--limit", "3", "--output", "json"];
    mock.answer(page([5, 4], "p2")).answer(page([3, 2], "p3"));
    let ran = Terminal::new(server).run(&args).await;
    let ids: Vec<_> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["test"]["id"].clone())
        .collect();
    assert_eq!(ids, ["id-5", "id-4", "id-3"]);
    assert_eq!(
        ran.err,
        "3 reports, and there are more; --limit 0 shows all\n"
    );
    assert_eq!(
        mock.calls(),
        [
            r#"ListReports {"page_size":3}"#,
            r#"ListReports {"page_size":1,"page_token":"p2"}"#,
        ]
    );

    mock.answer(page([5, 4], "p2")).answer(page([3, 2], ""));
    let ran = Terminal::new(server).run(&["reports", "--limit=0"]).await;
    assert_eq!(ran.out.lines().count(), 5);
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    mock.answer(ListReportsResponse::default());
    let ran = Terminal::new(server).run(&["reports"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "no reports\n");
}

#[tokio::test]
async fn a_list_is_a_table_with_its_errors() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListReportsResponse {
        reports: vec![report(12, State::Timeout), report(1, State::Pass)],
        next_page_token: String::new(),
    });
    let args = [
        "reports",
        "--case=orders.checkout",
        "--state=pass",
        "--state=TIMEOUT",
        "--not-ok",
        "--since=1h",
        "--until=2026-11-23T09:08:07+01:00",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        "CONCLUDED                 STATE    RUNTIME  CASE             ID\n\
         2026-05-28T20:26:52.000Z  TIMEOUT  12.005s  orders.checkout  id-12\n    \
             Timed out waiting for signal sent (30.0)\n    \
             came: \\u{1b}[31mstored\n\
         2026-05-28T20:26:41.000Z  PASS      1.005s  orders.checkout  id-1\n"
    );
    assert_eq!(
        mock.calls(),
        [concat!(
            r#"ListReports {"case_name":"orders.checkout","ok":false,"page_size":50,"#,
            r#""since":"2026-05-28T19:26:40Z","states":["STATE_PASS","STATE_TIMEOUT"],"#,
            r#""until":"2026-11-23T08:08:07Z"}"#
        )]
    );
}

#[tokio::test]
async fn a_report_on_the_case_itself_has_no_id() {
    let (mock, server) = Mock::serve().await;
    let of_case = |state, error: Option<&str>| TestReport {
        test: None,
        error: error.map(str::to_owned),
        ..report(3600, state)
    };
    let began = || of_case(State::Stall, Some("no execution since 20:00"));
    mock.answer(ListReportsResponse {
        reports: vec![of_case(State::Pass, None), began()],
        next_page_token: String::new(),
    });
    let ran = Terminal::new(server).run(&["reports"]).await;
    assert_eq!(
        ran.out,
        "CONCLUDED                 STATE    RUNTIME  CASE             ID\n\
         2026-05-28T21:26:40.000Z  PASS   3600.005s  orders.checkout  (the case itself)\n    \
             the case is well again; its incident lasted 1h\n\
         2026-05-28T21:26:40.000Z  STALL  3600.005s  orders.checkout  (the case itself)\n    \
             no execution since 20:00\n"
    );

    mock.stream(vec![Ok(WatchReportsResponse {
        report: Some(began()),
        resume_token: "t1".into(),
    })]);
    let args = ["reports", "--watch", "--limit=1"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(ran.exit, 0);
    assert!(
        ran.out
            .ends_with("(the case itself)\n    no execution since 20:00\n"),
        "{}",
        ran.out
    );

    mock.answer(GetReportResponse {
        report: Some(of_case(State::Pass, None)),
    });
    let ran = Terminal::new(server).run(&["report", "c", "i"]).await;
    let (fields, _) = ran.out.split_once("\n\n").unwrap();
    assert_eq!(
        fields,
        "Case       orders.checkout\n\
         Concluded  2026-05-28T21:26:40.000Z\n\
         Runtime    3600.005s\n\
         State      PASS\n\
         Error      the case is well again; its incident lasted 1h"
    );
}

#[tokio::test]
async fn a_watch_resumes_without_gap_and_repeat() {
    let (mock, server) = Mock::serve().await;
    mock.stream(vec![
        checkpoint("t0"),
        watched(1, State::Pass, "t1"),
        checkpoint("t2"),
        Err(Status::unavailable("shutting down")),
    ])
    .stream::<WatchReportsResponse>(vec![Err(Status::resource_exhausted("slow"))])
    .stream(vec![watched(2, State::Timeout, "t3")]);
    let ran = Terminal::new(server)
        .interrupt_at("stored\n")
        .run(&["reports", "--watch", "--case=orders.checkout"])
        .await;
    assert_eq!(
        ran.out,
        "CONCLUDED                 STATE      RUNTIME  CASE             ID\n\
         2026-05-28T20:26:41.000Z  PASS        1.005s  orders.checkout  id-1\n\
         2026-05-28T20:26:42.000Z  TIMEOUT     2.005s  orders.checkout  id-2\n    \
             Timed out waiting for signal sent (30.0)\n    \
             came: \\u{1b}[31mstored\n"
    );
    assert_eq!(ran.exit, 130);
    assert_eq!(
        ran.err,
        "the watch broke off (shutting down); trying again\n\
         to go on from here: --resume-token 't3'\n"
    );
    assert_eq!(
        mock.calls(),
        [
            r#"WatchReports {"case_name":"orders.checkout"}"#,
            r#"WatchReports {"case_name":"orders.checkout","resume_token":"t2"}"#,
            r#"WatchReports {"case_name":"orders.checkout","resume_token":"t2"}"#,
        ]
    );
}

#[test]
fn a_watch_survives_that_its_server_is_killed() {
    // What a runtime serves ends with it, connections included.
    let runtime = || Runtime::new().unwrap();
    let (first, second, client) = (runtime(), runtime(), runtime());
    let (mock, server) = first.block_on(Mock::serve());
    mock.stream(vec![watched(1, State::Pass, "t1")])
        .stream(vec![watched(2, State::Pass, "t2")]);
    let restart = || {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Waits until its listener has let go of the port.
                first.shutdown_timeout(std::time::Duration::from_secs(60));
                second.block_on(mock.serve_at(server));
            });
        });
    };
    let ran = client.block_on(Terminal::new(server).when("id-1", restart).run(&[
        "reports",
        "--watch",
        "--limit=2",
    ]));
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.ends_with("id-2\n"), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    assert!(ran.err.starts_with("the watch broke off ("), "{}", ran.err);
    assert_eq!(
        mock.calls(),
        [
            r#"WatchReports {}"#,
            r#"WatchReports {"resume_token":"t1"}"#
        ]
    );
}

#[tokio::test]
async fn a_watch_can_be_limited() {
    let (mock, server) = Mock::serve().await;
    mock.stream(vec![
        watched(1, State::Pass, "t1"),
        watched(2, State::Pass, "t2"),
        watched(3, State::Pass, "t3"),
    ]);
    let args = [
        "reports",
        "--watch",
        "--limit=2",
        "--resume-token=t0",
        "--ok",
        "--output=json",
    ];
    let ran = Terminal::new(server).run(&args).await;
    let tokens: Vec<_> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|item| {
            (
                item["report"]["test"]["id"].clone(),
                item["resume_token"].clone(),
            )
        })
        .collect();
    assert_eq!(
        tokens,
        [("id-1".into(), "t1".into()), ("id-2".into(), "t2".into())]
    );
    assert_eq!(ran.exit, 0);
    assert_eq!(ran.err, "to go on from here: --resume-token 't2'\n");
    assert_eq!(
        mock.calls(),
        [r#"WatchReports {"ok":true,"resume_token":"t0"}"#]
    );
}

#[tokio::test]
async fn a_watch_ends_where_it_cannot_go_on() {
    let (mock, server) = Mock::serve().await;
    mock.stream::<WatchReportsResponse>(vec![Err(Status::out_of_range("reports were deleted"))]);
    let ran = Terminal::new(server)
        .run(&["reports", "--watch", "--resume-token=t0"])
        .await;
    assert_eq!((ran.exit, ran.out.as_str()), (6, ""));
    assert_eq!(ran.err, "error: reports were deleted (OUT_OF_RANGE)\n");

    // Nobody reads it any more.
    mock.stream(vec![watched(1, State::Pass, "t1")]);
    let ran = Terminal::new(server)
        .closed()
        .run(&["reports", "--watch"])
        .await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
}
