//! Silence: a case stalls when no execution comes, but not because the server
//! itself was away; one that goes back and forth is marked as such.

use std::time::Duration;

use livecheck::pb::v1::{CaseTransition, ControlCaseRequest, IncidentCause, State, TransitionKind};
use prost_types::Timestamp;

use super::{CASE, Day, LIMIT, declared, totals};
use crate::given::seconds;

/// After so many seconds of silence the case of these tests stalls.
const QUIET: i64 = 120;

fn after(at: Option<Timestamp>, seconds: i64) -> Option<Timestamp> {
    at.map(|at| Timestamp {
        seconds: at.seconds + seconds,
        ..at
    })
}

fn kinds(told: &[CaseTransition]) -> Vec<(TransitionKind, State)> {
    told.iter().map(|one| (one.kind(), one.state())).collect()
}

impl Day {
    async fn set_active(&self, active: bool) {
        let request = ControlCaseRequest {
            name: CASE.to_owned(),
            active: Some(active),
            ..ControlCaseRequest::default()
        };
        self.control(request).await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_case_stalls_in_the_right_second_and_a_pass_ends_it() {
    let mut case = declared();
    case.warn_stalled_after = seconds(QUIET);
    let day = Day::with(case).await;
    let token = day.case_token().await;
    day.pass_seconds(60).await;
    let received = day.submit(CASE, "a").await.timestamp;
    day.finish("a", true).await;
    day.pass_seconds(QUIET as u32 - 1).await;
    assert_eq!(day.status().await.state(), State::Pass);
    // What is skipped at once is no sign of life.
    let mut expired = crate::given::submission(CASE, "expired");
    expired.expires = Some(day.in_seconds(-1));
    day.executions
        .clone()
        .submit_execution(expired)
        .await
        .unwrap();
    assert_eq!(day.report(CASE, "expired").await.state(), State::Skip);
    day.pass_seconds(1).await;
    let told = day.transitions(&token, 1).await;
    assert_eq!(
        kinds(&told),
        [(TransitionKind::IncidentStarted, State::Stall)]
    );
    assert_eq!(told[0].at, after(received, QUIET));
    assert!(
        told[0].reason.starts_with("no execution since 20"),
        "{}",
        told[0].reason
    );
    let status = day.status().await;
    assert_eq!((status.state(), status.since), (State::Stall, told[0].at));
    assert_eq!(status.reason, told[0].reason);
    assert_eq!(status.incident.unwrap().cause(), IncidentCause::Stalled);
    assert_eq!(
        totals(&status),
        [(State::Pass, 1), (State::Stall, 1), (State::Skip, 1)]
    );
    assert_eq!(status.last_test_received, received);

    // An execution alone does not end it, its PASS does.
    day.submit(CASE, "b").await;
    assert_eq!(day.status().await.state(), State::Stall);
    let well = day.finish("b", true).await;
    let status = day.status().await;
    assert_eq!(
        (status.state(), status.since),
        (State::Pass, well.concluded_at)
    );
    assert_eq!(
        status.absences.unwrap().count,
        0,
        "the clock was moved well"
    );
    // Failures make it stall no less.
    let received = day.submit(CASE, "c").await.timestamp;
    day.finish("c", false).await;
    day.pass_seconds(QUIET as u32 + 1).await;
    let told = day.transitions(&token, 3).await;
    assert_eq!(
        kinds(&told)[2],
        (TransitionKind::IncidentStarted, State::Stall)
    );
    assert_eq!(told[2].at, after(received, QUIET));
    assert_eq!(told[1].reason, "well again after 0s: execution b passed");
    day.close().await;
}

#[tokio::test]
async fn an_inactive_case_does_not_stall() {
    let mut case = declared();
    case.warn_stalled_after = seconds(QUIET);
    let day = Day::with(case).await;
    let token = day.case_token().await;
    day.end("a", true).await;
    // Ticks go on while any case is active.
    let mut other = declared();
    other.name = "payments".to_owned();
    day.apply(other).await;
    day.set_active(false).await;
    day.pass_seconds(2 * QUIET as u32).await;
    assert_eq!(day.status().await.state(), State::Pass);
    let active_since = day.in_seconds(0);
    day.set_active(true).await;
    day.pass_seconds(QUIET as u32 - 1).await;
    assert_eq!(day.status().await.state(), State::Pass);
    day.pass_seconds(1).await;
    let told = day.transitions(&token, 1).await;
    let at = told[0].at.unwrap().seconds - active_since.seconds;
    assert_eq!((at, told[0].state()), (QUIET, State::Stall));
    day.close().await;
}

#[tokio::test]
async fn the_absence_of_the_server_is_shown_and_makes_no_case_stall() {
    let mut case = declared();
    case.warn_stalled_after = seconds(QUIET);
    case.signals[0].timeout = seconds(30);
    let day = Day::with(case).await;
    let token = day.case_token().await;
    day.end("a", true).await;
    day.submit(CASE, "in doubt").await;
    day.submit(CASE, "heard").await;
    day.pass_seconds(10).await;
    let began = day.in_seconds(0);
    // Nothing happens for five minutes, as when a laptop sleeps.
    day.stepped.clock.advance(Duration::from_secs(300));
    let report = day.report(CASE, "in doubt").await;
    assert_eq!(report.state(), State::Skip);
    let error = report.error.unwrap();
    assert!(
        error.starts_with("Skipped: the server was away until "),
        "{error}"
    );
    assert!(error.contains("otherwise TIMEOUT"), "{error}");
    let status = day.settled().await;
    assert_eq!(status.state(), State::Pass);
    let absences = status.absences.unwrap();
    assert_eq!(absences.count, 1);
    assert_eq!(absences.last_began.unwrap().seconds, began.seconds);
    let ended = absences.last_ended;
    assert_eq!(ended.unwrap().seconds, began.seconds + 300);
    // The clock of the stall starts again at its end.
    day.pass_seconds(QUIET as u32 - 3).await;
    assert_eq!(day.status().await.state(), State::Pass);
    day.pass_seconds(3).await;
    let told = day.transitions(&token, 1).await;
    assert_eq!(
        kinds(&told),
        [(TransitionKind::IncidentStarted, State::Stall)]
    );
    assert_eq!(told[0].at, after(ended, QUIET));
    assert_eq!(day.status().await.absences.unwrap().count, 1);
    day.close().await;
}

#[tokio::test]
async fn a_case_that_goes_back_and_forth_is_marked_once() {
    let day = Day::with(declared()).await;
    let token = day.case_token().await;
    for round in 1..=5 {
        day.fail(&format!("f{round}."), LIMIT).await;
        day.end(&format!("p{round}"), true).await;
        assert_eq!(day.status().await.flapping, round >= 3, "{round}");
        day.pass_seconds(60).await;
    }
    let last_began = day.transitions(&token, 10).await[9].at;
    let steady = after(last_began, 3600);
    while day.in_seconds(2).seconds < steady.unwrap().seconds {
        day.pass_seconds(1).await;
    }
    assert!(day.status().await.flapping);
    day.pass_seconds(3).await;
    let told = day.transitions(&token, 12).await;
    let (began, recovered) = (
        (TransitionKind::IncidentStarted, State::Fail),
        (TransitionKind::Recovered, State::Pass),
    );
    let mut wanted = [began, recovered].repeat(5);
    wanted.insert(5, (TransitionKind::FlappingStarted, State::Fail));
    wanted.push((TransitionKind::FlappingEnded, State::Pass));
    assert_eq!(kinds(&told), wanted);
    assert_eq!(told[11].at, steady);
    let flapping: Vec<_> = told.iter().map(|one| one.flapping).collect();
    assert_eq!(flapping, [&[false; 4][..], &[true; 7], &[false]].concat());
    assert!(!day.status().await.flapping);
    assert_eq!(day.status().await.incidents, 5);
    day.close().await;
}
