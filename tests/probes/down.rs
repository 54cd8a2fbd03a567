//! Targets that are killed and started again.

use http::StatusCode;
use livecheck::pb::v1::{IncidentCause, State, TransitionKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};

use crate::{
    http_target::Target,
    livecheck::{LONG, LiveCheck, case, get, probe_of, transition},
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
    let expected = "the probe failed: connection refused (2 attempts)";
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_without_signals_recovers_with_the_first_answer() {
    let livecheck = LiveCheck::start().await;
    let target = Target::start().await;
    let mut declared = case("orders", get(target.url("/")));
    declared.signals.clear();
    probe_of(&mut declared).retries = Some(1);
    let killed = target.kill().await;
    let mut watch = livecheck.watch().await;
    livecheck.apply(declared).await;
    let down = transition(&mut watch).await;
    assert_eq!(down.kind(), TransitionKind::IncidentStarted);
    assert_eq!(down.incident.unwrap().cause(), IncidentCause::TargetDown);

    let mut target = killed.start().await;
    let failed = target.call().await;
    let first = failed.test();
    failed.answer(StatusCode::SERVICE_UNAVAILABLE);
    let call = target.call().await;
    let test = call.test();
    assert!(test.timestamp() > first.timestamp(), "{first:?}, {test:?}");
    call.answer(StatusCode::OK);
    // No other probe is answered.
    let recovered = transition(&mut watch).await;
    assert_eq!(recovered.kind(), TransitionKind::Recovered);
    assert_eq!(recovered.state(), State::Pass);
    assert_eq!(livecheck.report(&test).await.state(), State::Pass);
    let probe = livecheck.probe("orders").await.unwrap();
    assert_eq!(probe.probes - probe.failures, 1);
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_whose_answer_has_no_end_is_up() {
    let livecheck = LiveCheck::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut declared = case("orders", get(url));
    declared.signals.clear();
    livecheck.apply(declared).await;
    let (mut stream, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nthe first part";
    stream.write_all(answer).await.unwrap();
    let passed = async { while livecheck.status("orders").await.state() != State::Pass {} };
    timeout(LONG, passed).await.unwrap();
    let probe = livecheck.probe("orders").await.unwrap();
    assert_eq!((probe.failures, probe.error.as_deref()), (0, None));
    livecheck.stop().await;
}
