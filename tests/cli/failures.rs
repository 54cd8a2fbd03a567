use livecheck::pb::v1::*;
use prost_types::Timestamp;

use crate::{mock::Mock, terminal::Terminal};

fn group(count: u64, state: State, contract: &str, signal: &str) -> FailureGroup {
    let at = |seconds: i64| {
        Some(Timestamp {
            seconds: 1_780_000_000 + seconds,
            nanos: 0,
        })
    };
    FailureGroup {
        case_name: "orders.checkout".into(),
        failure: Some(Failure {
            fingerprint: "0123456789abcdef".into(),
            contract: contract.into(),
            signal: signal.into(),
            last_signal: if signal.is_empty() { "" } else { "stored" }.into(),
        }),
        state: state.into(),
        count,
        first_at: at(0),
        last_at: at(60),
        examples: vec!["order-1".into(), "order-998".into(), "order-999".into()],
        error: "Timed out waiting for signal sent (30.0)\nmore".into(),
    }
}

#[tokio::test]
async fn failures_that_look_alike_are_a_line() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListFailuresResponse {
        failures: vec![
            group(999, State::Timeout, "", "sent"),
            group(2, State::Fail, "same_side", "stored"),
            group(1, State::Error, &"x".repeat(70), ""),
            FailureGroup {
                examples: Vec::new(),
                ..group(1, State::Timeout, "", "")
            },
        ],
        next_page_token: String::new(),
    });
    let args = ["failures", "--case=orders.checkout", "--since=1h"];
    let ran = Terminal::new(server).run(&args).await;
    let times = "2026-05-28T20:26:40.000Z  2026-05-28T20:27:40.000Z";
    let contract = format!("contract {}…", "x".repeat(60));
    let width = contract.chars().count();
    assert_eq!(
        ran.out,
        format!(
            "COUNT  STATE    CASE             {:width$}  HEARD LAST  FIRST                     \
             LAST                      EXAMPLE\n  \
               999  TIMEOUT  orders.checkout  {:width$}  stored      {times}  order-999\n    \
                 2  FAIL     orders.checkout  {:width$}  stored      {times}  order-999\n    \
                 1  ERROR    orders.checkout  {contract}  -           {times}  order-999\n    \
                 1  TIMEOUT  orders.checkout  {:width$}  -           {times}  -\n",
            "WHAT", "signal sent", "contract same_side at stored", "-"
        )
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(
        mock.calls(),
        [concat!(
            r#"ListFailures {"case_name":"orders.checkout","page_size":50,"#,
            r#""since":"2026-05-28T19:26:40Z"}"#
        )]
    );
}

#[tokio::test]
async fn failures_come_in_pages() {
    let (mock, server) = Mock::serve().await;
    let page = |counts: [u64; 2], next: &str| ListFailuresResponse {
        failures: counts.map(|n| group(n, State::Fail, "c", "s")).into(),
        next_page_token: next.into(),
    };
    mock.answer(page([5, 4], "p2")).answer(page([3, 2], "p3"));
    let args = ["failures", "--limit=3", "--output=json"];
    let ran = Terminal::new(server).run(&args).await;
    let counts: Vec<_> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["count"].clone())
        .collect();
    assert_eq!(counts, ["5", "4", "3"]);
    assert_eq!(
        ran.err,
        "3 failures, and there are more; --limit 0 shows all\n"
    );
    assert_eq!(
        mock.calls(),
        [
            r#"ListFailures {"page_size":3}"#,
            r#"ListFailures {"page_size":1,"page_token":"p2"}"#,
        ]
    );

    mock.answer(ListFailuresResponse::default());
    let ran = Terminal::new(server).run(&["failures"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "no failures\n");
}
