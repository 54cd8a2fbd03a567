//! Control at runtime: it lies over the declaration, survives applying it again,
//! and is cleared; the mute ends by itself.

use std::time::Duration;

use livecheck::{
    clock::Clock,
    pb::v1::{
        CaseControl, CaseSetting, ControlCaseRequest, Sampling, State, SubmitExecutionRequest,
        TransitionKind,
    },
};
use tonic::Code;

use super::{CASE, Day, LIMIT, declared};
use crate::given::submission;

/// A request that changes nothing yet.
fn control() -> ControlCaseRequest {
    ControlCaseRequest {
        name: CASE.to_owned(),
        ..ControlCaseRequest::default()
    }
}

fn clear(setting: CaseSetting) -> ControlCaseRequest {
    ControlCaseRequest {
        clear: vec![setting.into()],
        ..control()
    }
}

impl Day {
    /// Submits by the probability: whether it was sampled.
    async fn is_sampled(&self, id: &str) -> bool {
        let request = SubmitExecutionRequest {
            sampling: Sampling::ByProbability.into(),
            ..submission(CASE, id)
        };
        let answer = self.executions.clone().submit_execution(request).await;
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.sampled, Some(answer.test.is_some()));
        answer.test.is_some()
    }

    /// Applies the declaration again, changed.
    async fn apply_changed(&self, description: &str) {
        let mut changed = declared();
        changed.description = description.to_owned();
        self.apply(changed).await;
    }
}

#[tokio::test]
async fn an_inactive_case_skips_until_that_is_cleared() {
    let day = Day::with(declared()).await;
    day.end("before", true).await;
    let request = ControlCaseRequest {
        active: Some(false),
        ..control()
    };
    let view = day.control(request).await.unwrap();
    let over = CaseControl {
        active: Some(false),
        ..CaseControl::default()
    };
    assert_eq!(view.status.unwrap().control, Some(over));
    assert_eq!(view.case.unwrap().active, None, "the declaration stays");
    let received = day.status().await.last_test_received;
    for (id, description) in [("a", ""), ("b", "applied again"), ("c", "and again")] {
        day.submit(CASE, id).await;
        let report = day.report(CASE, id).await;
        assert_eq!(report.state(), State::Skip);
        assert_eq!(report.error.unwrap(), "Skipped: the case is inactive");
        day.apply_changed(description).await;
    }
    let status = day.status().await;
    assert_eq!(status.control, Some(over));
    // A skipped test is no sign of life.
    assert_eq!(status.last_test_received, received);
    let view = day.control(clear(CaseSetting::Active)).await.unwrap();
    assert_eq!(view.status.unwrap().control, None);
    day.end("after", true).await;
    day.close().await;
}

#[tokio::test]
async fn a_probability_that_is_set_is_the_one_that_counts() {
    let mut case = declared();
    case.probability = Some(1.0);
    let day = Day::with(case.clone()).await;
    assert!(day.is_sampled("before").await);
    let request = ControlCaseRequest {
        probability: Some(0.0),
        ..control()
    };
    day.control(request).await.unwrap();
    for id in ["a", "b", "c"] {
        assert!(!day.is_sampled(id).await);
    }
    assert!(day.is_sampled("before").await, "the same answer as before");
    case.description = "applied again".to_owned();
    day.apply(case).await;
    assert!(!day.is_sampled("d").await);
    day.submit(CASE, "always").await;
    let status = day.settled().await;
    let sampling = status.sampling.unwrap();
    assert_eq!((sampling.sampled, sampling.not_sampled), (2, 4));
    assert_eq!(sampling.share, Some(2.0 / 6.0));
    assert_eq!(status.control.unwrap().probability, Some(0.0));
    day.control(clear(CaseSetting::Probability)).await.unwrap();
    assert!(
        day.is_sampled("a").await,
        "what was left out has left no trace"
    );
    assert_eq!(day.status().await.control, None);
    day.close().await;
}

#[tokio::test]
async fn a_mute_ends_by_itself_and_tells_what_was_missed() {
    let day = Day::with(declared()).await;
    let token = day.case_token().await;
    day.end("p", true).await;
    let until = day.in_seconds(90);
    let mute = || ControlCaseRequest {
        mute_until: Some(until),
        ..control()
    };
    let view = day.control(mute()).await.unwrap();
    assert_eq!(
        view.status.unwrap().control.unwrap().muted_until,
        Some(until)
    );
    day.fail("f", LIMIT).await;
    day.apply_changed("applied again").await;
    day.pass_seconds(89).await;
    let over = day.status().await.control;
    assert_eq!(over.unwrap().muted_until, Some(until));
    day.pass_seconds(2).await;
    let told = day.transitions(&token, 2).await;
    let kinds: Vec<_> = told.iter().map(|one| (one.kind(), one.muted)).collect();
    let (began, unmuted) = (TransitionKind::IncidentStarted, TransitionKind::Unmuted);
    assert_eq!(kinds, [(began, true), (unmuted, false)]);
    assert_eq!(told[1].at, Some(until));
    assert_eq!(
        told[1].reason,
        format!("no longer muted; now: {}", told[0].reason)
    );
    assert_eq!((told[1].state(), &told[1].report), (State::Fail, &None));
    let status = day.status().await;
    assert_eq!((status.control, status.state()), (None, State::Fail));

    // Cleared by hand, and nothing missed.
    day.end("well", true).await;
    let request = ControlCaseRequest {
        mute_until: Some(day.in_seconds(90)),
        ..control()
    };
    day.control(request).await.unwrap();
    day.fail("g", LIMIT).await;
    day.end("well again", true).await;
    let view = day.control(clear(CaseSetting::Mute)).await.unwrap();
    assert_eq!(view.status.unwrap().control, None);
    day.fail("h", LIMIT).await;
    let told = day.transitions(&token, 6).await;
    let kinds: Vec<_> = told[2..]
        .iter()
        .map(|one| (one.kind(), one.muted))
        .collect();
    let recovered = TransitionKind::Recovered;
    assert_eq!(
        kinds,
        [
            (recovered, false),
            (began, true),
            (recovered, true),
            (began, false)
        ]
    );
    day.close().await;
}

#[tokio::test]
async fn a_mute_is_in_the_time_of_the_server() {
    let day = Day::with(declared()).await;
    let mute = |seconds| ControlCaseRequest {
        mute_until: Some(day.in_seconds(seconds)),
        ..control()
    };
    let (past, future) = (mute(-1), mute(60));
    // The wall clock goes back an hour; the time of the journal does not.
    let clock = &day.stepped.clock;
    clock.step_wall(clock.wall() - chrono::TimeDelta::hours(1));
    let refused = day.control(past).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let text = "mute_until: must be in the future; the server's time is 2026-05-28T20:26:40.";
    assert!(refused.message().contains(text), "{refused:?}");
    let until = future.mute_until;
    let view = day.control(future).await.unwrap();
    assert_eq!(view.status.unwrap().control.unwrap().muted_until, until);
    day.close().await;
}

#[tokio::test]
async fn a_mute_ends_even_if_nothing_else_keeps_the_server_busy() {
    let day = Day::with(declared()).await;
    let token = day.case_token().await;
    day.end("p", true).await;
    let until = day.in_seconds(3600);
    let request = ControlCaseRequest {
        mute_until: Some(until),
        ..control()
    };
    day.control(request).await.unwrap();
    day.fail("f", LIMIT).await;
    let request = ControlCaseRequest {
        active: Some(false),
        ..control()
    };
    day.control(request).await.unwrap();
    // Without an active case no clock ticks.
    day.stepped.clock.advance(Duration::from_secs(3601));
    let told = day.transitions(&token, 2).await;
    assert_eq!(told[1].kind(), TransitionKind::Unmuted);
    assert_eq!(told[1].at, Some(until));
    let over = day.status().await.control.unwrap();
    assert_eq!((over.active, over.muted_until), (Some(false), None));
    day.close().await;
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_and_changes_nothing() {
    let day = Day::with(declared()).await;
    let unknown = ControlCaseRequest {
        name: "none".to_owned(),
        active: Some(true),
        ..control()
    };
    let refused = day.control(unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let both = ControlCaseRequest {
        active: Some(true),
        ..clear(CaseSetting::Active)
    };
    for (request, field) in [
        (control(), "changes nothing"),
        (both, "clear[0]"),
        (clear(CaseSetting::Unspecified), "clear[0]"),
        (
            ControlCaseRequest {
                probability: Some(1.5),
                ..control()
            },
            "probability",
        ),
        (
            ControlCaseRequest {
                probability: Some(f64::NAN),
                ..control()
            },
            "probability",
        ),
        (
            ControlCaseRequest {
                mute_until: Some(day.in_seconds(-1)),
                ..control()
            },
            "mute_until",
        ),
        (
            ControlCaseRequest {
                mute_until: Some(day.in_seconds(400 * 24 * 3600)),
                ..control()
            },
            "mute_until",
        ),
    ] {
        let refused = day.control(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{request:?}");
        assert!(refused.message().contains(field), "{refused:?}");
    }
    assert_eq!(day.status().await.control, None);
    day.close().await;
}
