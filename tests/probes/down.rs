//! Targets that are killed and started again.

use http::StatusCode;
use livecheck::pb::v1::{IncidentCause, State, TransitionKind};

use crate::{
    http_target::Target,
    livecheck::{LiveCheck, case, get, probe_of, transition},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_down_with_its_target_and_recovers_with_it() {
    let livecheck = LiveCheck::start().await;
    let mut target = Target::start().await;
    let mut declared = case("orders", get(target.url("/")));
    probe_of(&mut declared).retries = Some(1);
    let mut watch = livecheck.watch().await;
    livecheck.apply(declared).await;

    let call = target.call().await;
    livecheck.signal(&call.test()).await;
    let passed = call.test();
    call.answer(StatusCode::OK);
    assert_eq!(livecheck.report(&passed).await.state(), State::Pass);

    // Killed with a request under way, which is a failed attempt like others.
    let call = target.call().await;
    let cut_off = call.test();
    let killed = target.kill().await;
    drop(call);
    let down = transition(&mut watch).await;
    assert_eq!(down.kind(), TransitionKind::IncidentStarted);
    assert_eq!(down.state(), State::Fail);
    let expected = "the probe's target does not answer: connection refused (2 attempts)";
    assert_eq!(down.reason, expected);
    assert_eq!(down.incident.unwrap().cause(), IncidentCause::TargetDown);
    let report = down.report.unwrap();
    assert_eq!((report.state(), report.error()), (State::Fail, expected));
    assert!(report.test.is_none());
    let report = livecheck.report(&cut_off).await;
    assert_eq!(report.state(), State::Skip);
    let expected = "probe attempt 1 of 2 failed: ";
    assert!(report.error().contains(expected), "{}", report.error());

    let status = livecheck.status("orders").await;
    assert_eq!(status.state(), State::Fail);
    let cause = status.incident.unwrap().cause();
    assert_eq!(cause, IncidentCause::TargetDown);
    // What cannot be reached gets no execution.
    assert_eq!(livecheck.executions("orders").await.len(), 2);

    let mut target = killed.start().await;
    let call = target.call().await;
    assert_eq!(livecheck.executions("orders").await.len(), 3);
    let first = call.test();
    call.answer(StatusCode::OK);
    // The target answers again; the case is well when an execution passes.
    let call = target.call().await;
    let failed = transition(&mut watch);
    livecheck.signal(&first).await;
    let recovered = failed.await;
    call.answer(StatusCode::OK);
    assert_eq!(recovered.kind(), TransitionKind::Recovered);
    assert_eq!(recovered.state(), State::Pass);
    let status = livecheck.status("orders").await;
    assert_eq!(status.state(), State::Pass);
    assert_eq!(status.incident, None);
    let probe = status.probe.unwrap();
    assert!(probe.failures >= 1);
    assert_eq!(probe.consecutive_failures, 0);
    livecheck.stop().await;
}
