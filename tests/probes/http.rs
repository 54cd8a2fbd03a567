//! Probes by HTTP: what the target sees, and what becomes of its answers.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{HttpProbe, ProbeStatus, State, probe::Request as ProbeRequest},
};
use prost_types::{ListValue, Struct};
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::{
    http_target::Target,
    livecheck::{LONG, LiveCheck, case, duration, get, probe_of, transition},
};

fn headers(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_is_an_execution_that_its_target_can_pass() {
    let livecheck = LiveCheck::start().await;
    let mut target = Target::start().await;
    let mut declared = case(
        "shop.front",
        ProbeRequest::Http(HttpProbe {
            method: "POST".to_owned(),
            url: target.url("/orders?fake=1"),
            headers: headers(&[("Baggage", "team=a"), ("X-Own", "yes"), ("X-Fake", "no")]),
            body: r#"{"side":"buy"}"#.to_owned(),
        }),
    );
    let probe = probe_of(&mut declared);
    probe.fake_header = "X-Fake".to_owned();
    probe.test_args = Some(ListValue {
        values: vec![json_to_pb(&json!(1))],
    });
    probe.test_kwargs = Some(Struct {
        fields: [("side".to_owned(), json_to_pb(&json!("buy")))].into(),
    });
    // A probe is sampled whatever the case says.
    declared.probability = Some(0.0);
    declared.max_live_executions = Some(1);
    livecheck.apply(declared).await;

    let call = target.call().await;
    assert_eq!(call.request.method(), "POST");
    assert_eq!(call.request.uri(), "/orders?fake=1");
    assert_eq!(call.request.body(), r#"{"side":"buy"}"#);
    assert_eq!(call.header("baggage"), "team=a,livecheck.fake=true");
    assert_eq!(call.header("x-fake"), "true");
    assert_eq!(call.header("x-own"), "yes");
    let traceparent = call.header("traceparent").to_owned();
    assert_eq!(traceparent.len(), 55);
    let test = call.test();
    assert_eq!(test.case_name(), "shop.front");

    livecheck.signal(&test).await;
    call.answer(StatusCode::NO_CONTENT);
    let report = livecheck.report(&test).await;
    assert_eq!(report.state(), State::Pass, "{report:?}");
    let execution = report.test.unwrap();
    assert_eq!(execution.traceparent, traceparent);
    let args = execution.test_args.unwrap().values;
    assert_eq!(args, [json_to_pb(&json!(1))]);
    let kwargs = execution.test_kwargs.unwrap().fields;
    assert_eq!(kwargs["side"], json_to_pb(&json!("buy")));

    // The next probe begins when the one before it is noted.
    let next = target.call().await;
    assert_ne!(next.test().id(), test.id());
    assert_ne!(next.header("traceparent"), traceparent);
    let status = livecheck.status("shop.front").await;
    assert_eq!(status.state(), State::Pass);
    let probe = status.probe.unwrap();
    assert!(probe.last_at.is_some() && probe.last_due.is_some());
    let expected = ProbeStatus {
        last_at: probe.last_at,
        last_due: probe.last_due,
        probes: 1,
        attempts: 1,
        ..ProbeStatus::default()
    };
    assert_eq!(probe, expected);
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_attempts_are_retried_and_counted() {
    let livecheck = LiveCheck::start().await;
    let mut target = Target::start().await;
    let mut declared = case("orders", get(target.url("/")));
    probe_of(&mut declared).retries = Some(2);
    livecheck.apply(declared).await;

    let mut tests = Vec::new();
    for status in [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::FOUND,
        StatusCode::OK,
    ] {
        let call = target.call().await;
        tests.push(call.test());
        call.answer(status);
    }
    for (test, expected) in tests.iter().zip([
        "probe attempt 1 of 3 failed: HTTP status 503",
        "probe attempt 2 of 3 failed: HTTP status 302",
    ]) {
        let report = livecheck.report(test).await;
        assert_eq!(report.state(), State::Skip);
        assert!(report.error().contains(expected), "{}", report.error());
    }
    let next = target.call().await;
    let probe = livecheck.probe("orders").await.unwrap();
    assert_eq!((probe.probes, probe.attempts), (1, 3));
    assert_eq!((probe.failures, probe.error.as_deref()), (0, None));
    // The one that was answered waits for its signal, and so does the next one.
    let executions = livecheck.executions("orders").await;
    let states: Vec<_> = executions.iter().map(|view| view.state()).collect();
    let expected = [State::Skip, State::Skip, State::Init, State::Init];
    assert_eq!(states, expected);

    // None of three is answered.
    let mut watch = livecheck.watch().await;
    next.answer(StatusCode::INTERNAL_SERVER_ERROR);
    for _ in 0..2 {
        target.call().await.answer(StatusCode::NOT_FOUND);
    }
    let down = transition(&mut watch).await;
    let expected = "the probe failed: HTTP status 404 (3 attempts)";
    assert_eq!(down.reason, expected);
    let probe = livecheck.probe("orders").await.unwrap();
    assert_eq!((probe.probes, probe.attempts), (2, 6));
    assert_eq!((probe.failures, probe.consecutive_failures), (1, 1));
    assert_eq!(probe.error.as_deref(), Some("HTTP status 404 (3 attempts)"));
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_too_slow_does_not_answer() {
    let livecheck = LiveCheck::start().await;
    let mut target = Target::start().await;
    let mut declared = case("orders", get(target.url("/")));
    probe_of(&mut declared).timeout = Some(duration(Duration::from_millis(200)));
    let mut watch = livecheck.watch().await;
    livecheck.apply(declared).await;

    let call = target.call().await;
    let test = call.test();
    call.given_up().await;
    let down = transition(&mut watch).await;
    let expected = "the probe failed: no answer within 200ms (1 attempt)";
    assert_eq!(down.reason, expected);
    let report = livecheck.report(&test).await;
    assert_eq!(report.state(), State::Skip);
    let expected = "probe attempt 1 of 1 failed: no answer within 200ms";
    assert!(report.error().contains(expected), "{}", report.error());
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_probes_of_a_case_run_at_a_time() {
    let livecheck = LiveCheck::start().await;
    let (mut slow, mut clock) = (Target::start().await, Target::start().await);
    livecheck.apply(case("slow", get(slow.url("/")))).await;
    livecheck.apply(case("clock", get(clock.url("/")))).await;

    let held = slow.call().await;
    // Over two seconds pass.
    for _ in 0..4 {
        clock.call().await.answer(StatusCode::OK);
    }
    assert!(!slow.is_called());
    assert_eq!(livecheck.executions("slow").await.len(), 1);
    assert_eq!(livecheck.probe("slow").await, None);

    // The slots that passed are not made up for: the next probe has its own.
    let next = clock.call().await;
    held.answer(StatusCode::OK);
    let after = slow.call().await;
    assert!(!slow.is_called());
    let probe = livecheck.probe("slow").await.unwrap();
    assert_eq!((probe.probes, probe.attempts), (1, 1));
    after.answer(StatusCode::OK);
    next.answer(StatusCode::OK);
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_over_its_limit_says_nothing_about_the_target() {
    let livecheck = LiveCheck::with(|settings| settings.max_live_executions = 1).await;
    let mut target = Target::start().await;
    livecheck.apply(case("first", get(target.url("/")))).await;
    let call = target.call().await;
    let live = call.test();
    call.answer(StatusCode::OK);
    // It waits for its signal and takes the only place.

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    livecheck.apply(case("second", get(url))).await;
    for _ in 0..2 {
        // A connection, and no request on it.
        let accepted = tokio::time::timeout(LONG, listener.accept()).await;
        let (mut stream, _) = accepted.unwrap().unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
    assert_eq!(livecheck.probe("second").await, None);
    assert_eq!(livecheck.status("second").await.state(), State::Init);
    assert!(livecheck.executions("second").await.is_empty());
    livecheck.signal(&live).await;
    livecheck.stop().await;
}
