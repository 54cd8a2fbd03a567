//! Cases that change, and a server that goes down, while probes run.

use http::StatusCode;
use livecheck::pb::v1::State;

use crate::{
    http_target::Target,
    livecheck::{LiveCheck, case, get},
};

/// Lets some slots pass: those of a case that is probed every second.
async fn pass_slots(clock: &mut Target) {
    for _ in 0..3 {
        clock.call().await.answer(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_cases_take_effect_at_once() {
    let livecheck = LiveCheck::start().await;
    let (mut target, mut clock) = (Target::start().await, Target::start().await);
    livecheck.apply(case("clock", get(clock.url("/")))).await;
    livecheck
        .apply(case("orders", get(target.url("/old"))))
        .await;
    let call = target.call().await;
    assert_eq!(call.request.uri(), "/old");

    // Switched off at runtime: the one that runs is given up, no other comes.
    let test = call.test();
    livecheck.activate("orders", false).await;
    call.given_up().await;
    let report = livecheck.report(&test).await;
    assert_eq!(report.state(), State::Skip);
    let expected = "probe attempt 1 of 1 was given up: the probe was changed or switched off";
    assert!(report.error().contains(expected), "{}", report.error());
    pass_slots(&mut clock).await;
    assert!(!target.is_called());

    // Switched on again, and declared anew.
    livecheck.activate("orders", true).await;
    let call = target.call().await;
    assert_eq!(call.request.uri(), "/old");
    livecheck
        .apply(case("orders", get(target.url("/new"))))
        .await;
    call.given_up().await;
    let call = target.call().await;
    assert_eq!(call.request.uri(), "/new");

    // A change elsewhere in the case leaves the probe alone.
    let mut described = case("orders", get(target.url("/new")));
    described.description = "orders".to_owned();
    livecheck.apply(described).await;
    pass_slots(&mut clock).await;
    call.answer(StatusCode::OK);
    let call = target.call().await;

    // Deleted.
    livecheck.delete("orders").await;
    call.given_up().await;
    pass_slots(&mut clock).await;
    assert!(!target.is_called());
    // None of those that were given up says anything about the target.
    let probe = livecheck.probe("clock").await.unwrap();
    assert_eq!(probe.failures, 0);
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_gives_up_its_probes_when_it_goes_down() {
    let livecheck = LiveCheck::start().await;
    let mut target = Target::start().await;
    livecheck.apply(case("orders", get(target.url("/")))).await;
    let answered = target.call().await;
    answered.answer(StatusCode::OK);
    let held = target.call().await;
    let test = held.test();

    let livecheck = livecheck.restart().await;
    held.given_up().await;
    let report = livecheck.report(&test).await;
    assert_eq!(report.state(), State::Skip);
    let expected = "probe attempt 1 of 1 was given up: the server is shutting down";
    assert!(report.error().contains(expected), "{}", report.error());

    // The next server goes on, with what was noted before.
    let call = target.call().await;
    let probe = livecheck.probe("orders").await.unwrap();
    assert_eq!((probe.probes, probe.failures), (1, 0));
    call.answer(StatusCode::OK);
    livecheck.stop().await;
}
