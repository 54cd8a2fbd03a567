use livecheck::pb::v1::{watch_cases_response::Payload, *};
use prost_types::Timestamp;
use tonic::Status;

use crate::{mock::Mock, terminal::Terminal};

type Item = Result<WatchCasesResponse, Status>;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: 1_780_000_000 + seconds,
        nanos: 0,
    })
}

fn told(payload: Payload, token: &str) -> Item {
    Ok(WatchCasesResponse {
        payload: Some(payload),
        resume_token: token.into(),
        status: None,
    })
}

fn checkpoint(token: &str) -> Item {
    Ok(WatchCasesResponse {
        resume_token: token.into(),
        ..WatchCasesResponse::default()
    })
}

fn case(name: &str, revision: u64) -> Case {
    Case {
        name: name.into(),
        revision,
        ..Case::default()
    }
}

/// A case as it is when the watch begins.
fn as_it_is(name: &str, state: State, why: Option<&str>) -> Item {
    Ok(WatchCasesResponse {
        payload: Some(Payload::Applied(case(name, 1))),
        resume_token: String::new(),
        status: Some(CaseStatus {
            state: state.into(),
            since: at(0),
            reason: why.unwrap_or("execution order-1 passed").into(),
            incident: why.map(|_| Incident::default()),
            ..CaseStatus::default()
        }),
    })
}

fn transition(number: u64, kind: TransitionKind, state: State) -> CaseTransition {
    CaseTransition {
        case_name: "orders".into(),
        number,
        kind: kind.into(),
        at: at(60),
        state: state.into(),
        reason: "no execution since 20:00".into(),
        ..CaseTransition::default()
    }
}

fn controlled(control: CaseControl) -> Payload {
    Payload::Controlled(CaseControlled {
        case_name: "orders".into(),
        control: Some(control),
    })
}

#[tokio::test]
async fn a_watch_of_cases_shows_each_change_and_resumes() {
    let (mock, server) = Mock::serve().await;
    let started = transition(1, TransitionKind::IncidentStarted, State::Stall);
    let flapping = CaseTransition {
        muted: true,
        flapping: true,
        ..transition(2, TransitionKind::CauseChanged, State::Fail)
    };
    mock.stream(vec![
        as_it_is("orders", State::Pass, None),
        as_it_is("refunds", State::Stall, Some("no execution since 19:00")),
        checkpoint("t0"),
        told(Payload::Applied(case("new", 2)), "t1"),
        told(Payload::Transition(started), "t2"),
        Err(Status::unavailable("shutting down")),
    ])
    .stream(vec![
        told(Payload::Transition(flapping), "t3"),
        told(
            controlled(CaseControl {
                active: Some(false),
                ..CaseControl::default()
            }),
            "t4",
        ),
        told(controlled(CaseControl::default()), "t5"),
        told(Payload::Deleted("new".into()), "t6"),
    ]);
    let ran = Terminal::new(server)
        .interrupt_at("deleted")
        .run(&["cases", "--watch"])
        .await;
    assert_eq!(
        ran.out,
        "AT                        WHAT              STATE  CASE\n\
         2026-05-28T20:26:40.000Z  as it is          PASS   orders\n\
         2026-05-28T20:26:40.000Z  as it is          STALL  refunds\n    \
             no execution since 19:00\n\
         -                         applied           -      new\n    \
             revision 2\n\
         2026-05-28T20:27:40.000Z  incident started  STALL  orders\n    \
             no execution since 20:00\n\
         2026-05-28T20:27:40.000Z  cause changed     FAIL   orders\n    \
             no execution since 20:00 (flapping, muted)\n\
         -                         controlled        -      orders\n    \
             active no\n\
         -                         controlled        -      orders\n    \
             as declared\n\
         -                         deleted           -      new\n"
    );
    assert_eq!(ran.exit, 130);
    assert_eq!(
        ran.err,
        "the watch broke off (shutting down); trying again\n\
         to go on from here: --resume-token 't6'\n"
    );
    assert_eq!(
        mock.calls(),
        [r#"WatchCases {}"#, r#"WatchCases {"resume_token":"t2"}"#]
    );
}

#[tokio::test]
async fn a_watch_of_cases_begins_again_where_it_was_not_told_in_full() {
    let (mock, server) = Mock::serve().await;
    mock.stream(vec![
        as_it_is("orders", State::Pass, None),
        Err(Status::unavailable("shutting down")),
    ])
    .stream(vec![as_it_is("orders", State::Pass, None)]);
    let args = ["cases", "--watch", "--limit=2", "--output=json"];
    let ran = Terminal::new(server).run(&args).await;
    let names: Vec<_> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|item| {
            (
                item["applied"]["name"].clone(),
                item["status"]["state"].clone(),
            )
        })
        .collect();
    let expected = ("orders".into(), "STATE_PASS".into());
    assert_eq!(names, [expected.clone(), expected]);
    // There is nowhere to go on from.
    assert_eq!(
        (ran.exit, ran.err.as_str()),
        (0, "the watch broke off (shutting down); trying again\n")
    );
    assert_eq!(mock.calls(), [r#"WatchCases {}"#, r#"WatchCases {}"#]);
}

#[tokio::test]
async fn a_watch_of_cases_ends_where_it_cannot_go_on() {
    let (mock, server) = Mock::serve().await;
    mock.stream::<WatchCasesResponse>(vec![Err(Status::out_of_range("it is too old"))]);
    let args = ["cases", "--watch", "--resume-token=t0"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (6, ""));
    assert_eq!(ran.err, "error: it is too old (OUT_OF_RANGE)\n");
    assert_eq!(mock.calls(), [r#"WatchCases {"resume_token":"t0"}"#]);
}
