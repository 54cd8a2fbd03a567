//! The health of cases: the list, and a whole one.

use livecheck::pb::v1::*;
use prost_types::{Duration, Timestamp};

use crate::{mock::Mock, terminal::Terminal};

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: 1_780_000_000 + seconds,
        nanos: 0,
    })
}

fn summary(count: u32, median_ms: i32, p90_seconds: i64) -> DurationSummary {
    DurationSummary {
        count,
        median: Some(Duration {
            seconds: 0,
            nanos: median_ms * 1_000_000,
        }),
        p90: Some(Duration {
            seconds: p90_seconds,
            nanos: 0,
        }),
    }
}

fn totals(counts: &[(State, u64)]) -> Vec<StateTotal> {
    let total = |(state, count): &(State, u64)| StateTotal {
        state: (*state).into(),
        count: *count,
    };
    counts.iter().map(total).collect()
}

/// A case that is well.
fn well() -> GetCaseResponse {
    GetCaseResponse {
        case: Some(Case {
            name: "orders.checkout".into(),
            ..Case::default()
        }),
        live_executions: 2,
        status: Some(CaseStatus {
            state: State::Pass.into(),
            since: at(0),
            reason: "execution order-1 passed".into(),
            totals: totals(&[(State::Pass, 1), (State::Skip, 3)]),
            sampling: Some(SamplingTotals {
                sampled: 4,
                share: Some(1.0),
                ..SamplingTotals::default()
            }),
            ..CaseStatus::default()
        }),
    }
}

/// A case that has everything a status can have.
fn unwell() -> GetCaseResponse {
    GetCaseResponse {
        case: Some(Case {
            name: "orders.refund".into(),
            ..Case::default()
        }),
        live_executions: 12,
        status: Some(CaseStatus {
            state: State::Fail.into(),
            since: at(60),
            reason: format!(
                "31 failures in a row, the last one TIMEOUT: {}",
                "x".repeat(200)
            ),
            incident: Some(Incident {
                number: 3,
                started_at: at(50),
                cause: IncidentCause::TargetDown.into(),
                cause_since: at(60),
            }),
            incidents: 3,
            flapping: true,
            consecutive_failures: 31,
            total_failures: 42,
            totals: totals(&[
                (State::Pass, 100),
                (State::Fail, 40),
                (State::Timeout, 2),
                (State::Stall, 1),
                (State::Skip, 5),
            ]),
            last_test_received: at(70),
            last_failure: Some(FailedExecution {
                id: "order-17".into(),
                state: State::Timeout.into(),
                at: at(65),
                error: "Timed out waiting for signal sent (30.0)\ncame: \u{1b}[31m".into(),
            }),
            runtime: Some(summary(100, 85, 2)),
            signal_latency: [
                ("stored".to_owned(), summary(99, 1, 0)),
                ("never".to_owned(), summary(0, 0, 0)),
            ]
            .into(),
            frequency: Some(summary(99, 500, 61)),
            signals: Some(SignalTotals {
                accepted: 200,
                early: 1,
                duplicate: 2,
                late: 3,
                unknown_signal: 4,
                orphan: 5,
                ignored: 6,
            }),
            sampling: Some(SamplingTotals {
                sampled: 147,
                not_sampled: 140,
                over_rate: 5,
                over_live: 2,
                refused: 0,
                share: Some(0.5),
            }),
            probe: Some(ProbeStatus {
                last_at: at(64),
                error: Some("connection refused".to_owned()),
                last_due: None,
                probes: 20,
                attempts: 53,
                failures: 3,
                consecutive_failures: 3,
            }),
            absences: Some(Absences {
                count: 2,
                last_began: at(10),
                last_ended: at(20),
            }),
            control: Some(CaseControl {
                active: Some(false),
                probability: Some(0.07),
                muted_until: at(7200),
            }),
            notifications_pending: 4,
            notifications_dead: 1,
        }),
    }
}

#[tokio::test]
async fn cases_are_listed_with_what_stands_out() {
    let (mock, server) = Mock::serve().await;
    mock.answer(ListCasesResponse {
        cases: vec![well(), unwell()],
        next_page_token: String::new(),
    });
    let ran = Terminal::new(server).run(&["cases"]).await;
    let reason = format!(
        "31 failures in a row, the last one TIMEOUT: {}…",
        "x".repeat(116)
    );
    assert_eq!(
        ran.out,
        format!(
            "CASE             STATE  SINCE                     PASSED  FAILED  IN A ROW  SKIPPED  \
             LIVE  SAMPLED  MARKS\n\
             orders.checkout  PASS   2026-05-28T20:26:40.000Z       1       0         0        3\
             \x20    2   100.0%\n\
             orders.refund    FAIL   2026-05-28T20:27:40.000Z     100      42        31        5\
             \x20   12    50.0%  inactive, flapping, muted, undelivered\n    {reason}\n"
        )
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    // Declared inactive; nothing is known of it yet.
    mock.answer(ListCasesResponse {
        cases: vec![GetCaseResponse {
            case: Some(Case {
                name: "idle".into(),
                active: Some(false),
                ..Case::default()
            }),
            live_executions: 0,
            status: Some(CaseStatus {
                state: State::Init.into(),
                ..CaseStatus::default()
            }),
        }],
        next_page_token: String::new(),
    });
    let ran = Terminal::new(server).run(&["cases"]).await;
    let cells: Vec<_> = ran.out.lines().nth(1).unwrap().split_whitespace().collect();
    let expected = [
        "idle", "INIT", "-", "0", "0", "0", "0", "0", "-", "inactive",
    ];
    assert_eq!(cells, expected);
}

#[tokio::test]
async fn the_health_of_a_case_is_shown_whole() {
    let (mock, server) = Mock::serve().await;
    mock.answer(unwell());
    let ran = Terminal::new(server).run(&["case", "orders.refund"]).await;
    let (health, _) = ran.out.split_once("\nDeclaration\n").unwrap();
    assert_eq!(
        health,
        format!(
            "Case             orders.refund\n\
             State            FAIL\n\
             Since            2026-05-28T20:27:40.000Z\n\
             Why              31 failures in a row, the last one TIMEOUT: {}\n\
             Marks            inactive, flapping, muted, undelivered\n\
             Incident         3: began 2026-05-28T20:27:30.000Z, target down since \
             2026-05-28T20:27:40.000Z\n\
             Failures         31 in a row, 42 in all\n\
             Totals           100 PASS, 40 FAIL, 2 TIMEOUT, 1 STALL, 5 SKIP\n\
             Last test        2026-05-28T20:27:50.000Z\n\
             Last failure     TIMEOUT of order-17 at 2026-05-28T20:27:45.000Z: Timed out waiting \
             for signal sent (30.0)\n                 \
                              came: \\u{{1b}}[31m\n\
             Live executions  12\n\
             Requests         147 sampled, 50.0% of all; left out: 140 by the probability, 5 over \
             the rate, 2 over the live executions\n\
             Signals          200 accepted, 1 early, 3 late, 2 duplicate, 5 orphan, 4 unknown, 6 \
             ignored\n\
             Probe            failed at 2026-05-28T20:27:44.000Z: connection refused\n                 \
                              20 in all with 53 attempts, 3 failed, 3 of them in a row\n\
             Server away      2 times, the last one from 2026-05-28T20:26:50.000Z to \
             2026-05-28T20:27:00.000Z\n\
             Control          active no, probability 7%, muted until 2026-05-28T22:26:40.000Z\n\
             Notifications    4 pending, 1 given up\n\
             \n\
             HISTORY                  VALUES  MEDIAN      P90\n\
             runtime                     100  0.085s   2.000s\n\
             time between executions      99  0.500s  61.000s\n\
             latency of stored            99  0.001s   0.000s\n",
            "x".repeat(200)
        )
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    mock.answer(well());
    let ran = Terminal::new(server)
        .run(&["case", "orders.checkout"])
        .await;
    let (health, declaration) = ran.out.split_once("\nDeclaration\n").unwrap();
    assert_eq!(
        health,
        "Case             orders.checkout\n\
         State            PASS\n\
         Since            2026-05-28T20:26:40.000Z\n\
         Why              execution order-1 passed\n\
         Failures         none\n\
         Totals           1 PASS, 3 SKIP\n\
         Last test        -\n\
         Live executions  2\n\
         Requests         4 sampled, 100.0% of all\n\
         Signals          0 accepted, 0 early, 0 late, 0 duplicate, 0 orphan, 0 unknown, 0 ignored\n"
    );
    assert!(
        declaration.starts_with("Revision        0\n"),
        "{declaration}"
    );
}

#[tokio::test]
async fn as_json_the_answer_is_whole() {
    let (mock, server) = Mock::serve().await;
    mock.answer(unwell());
    let args = ["case", "orders.refund", "--output=json"];
    let ran = Terminal::new(server).run(&args).await;
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["case"]["name"], "orders.refund");
    assert_eq!(json["status"]["state"], "STATE_FAIL");
    assert_eq!(
        json["status"]["incident"]["cause"],
        "INCIDENT_CAUSE_TARGET_DOWN"
    );
    assert_eq!(
        json["status"]["signal_latency"]["stored"]["median"],
        "0.001s"
    );
}
