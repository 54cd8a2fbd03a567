//! Limits: RESOURCE_EXHAUSTED with when to retry, before anything is stored, and
//! room again when some is given up.

use std::time::Duration;

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        ApplyCaseRequest, CancelExecutionRequest, DeleteCaseRequest, ListCasesRequest,
        ListExecutionsRequest, State, WaitSignalRequest, WatchCasesRequest, WatchExecutionRequest,
        WatchReportsRequest, WatchSignalsRequest,
    },
    settings::units::ByteSize,
};
use serde_json::json;
use tokio::time::timeout;
use tonic::{Code, Request};

use crate::{
    given::{DEADLINE, case, event, event_of, item, seconds, sending, submission},
    refusal::{Refusal, Refused},
    server::{Clients, Server},
};

#[tokio::test]
async fn no_more_executions_than_may_be_live() {
    let server = Server::with(|settings| settings.max_live_executions = 3).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;

    // All at once: none slips through while others are on their way.
    let submits = (0..20).map(|n| {
        let mut executions = clients.executions.clone();
        tokio::spawn(async move {
            let request = submission("orders", &n.to_string());
            executions.submit_execution(request).await
        })
    });
    let (mut admitted, mut refused) = (Vec::new(), 0);
    for submit in submits.collect::<Vec<_>>() {
        match submit.await.unwrap() {
            Ok(answer) => admitted.push(answer.into_inner().test.unwrap().id),
            Err(status) => {
                let code = Code::ResourceExhausted;
                Refusal::from(&status).check("submit", code, "TOO_MANY_EXECUTIONS", &[]);
                refused += 1;
            }
        }
    }
    assert_eq!((admitted.len(), refused), (3, 17));
    let mut executions = clients.executions.clone();
    let all = ListExecutionsRequest::default();
    let listed = executions.list_executions(all).await;
    assert_eq!(listed.unwrap().into_inner().executions.len(), 3);

    // One that is known is answered, and one that ends makes room.
    clients.submit("orders", &admitted[0]).await;
    clients.send(event("orders", &admitted[0], "done")).await;
    clients.report("orders", &admitted[0]).await;
    clients.submit("orders", "next").await;
    server.stop().await;
}

#[tokio::test]
async fn no_more_state_than_may_be_in_memory() {
    let server = Server::with(|settings| settings.max_state_bytes = ByteSize::kib(8)).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let mut executions = clients.executions.clone();
    let mut refused = None;
    for n in 0..100 {
        let request = submission("orders", &n.to_string());
        if let Err(status) = executions.submit_execution(request).await {
            refused = Some((n, status));
            break;
        }
    }
    let (admitted, status) = refused.expect("a hundred executions take more than 8 KiB");
    assert!(admitted > 1, "{admitted}");
    let mut signals = clients.signals.clone();
    let signal = signals.send_signal(sending(event("orders", "0", "done")));
    for (call, status) in [("submit", status), ("send", signal.await.unwrap_err())] {
        let code = Code::ResourceExhausted;
        Refusal::from(&status).check(call, code, "TOO_MANY_EXECUTIONS", &[]);
        let told = "and max_state_bytes is 8192: ";
        assert!(status.message().contains(told), "{}", status.message());
    }

    // One that ends makes room.
    let cancel = CancelExecutionRequest {
        case_name: "orders".to_owned(),
        id: "0".to_owned(),
        ..CancelExecutionRequest::default()
    };
    executions.cancel_execution(cancel).await.unwrap();
    clients.report("orders", "0").await;
    clients.submit("orders", "next").await;
    server.stop().await;
}

#[tokio::test]
async fn no_more_cases_than_may_be_declared() {
    let server = Server::with(|settings| settings.max_cases = 2).await;
    let clients = server.clients();
    let applies = (0..8).map(|n| {
        let clients = clients.clone();
        tokio::spawn(async move { clients.try_apply(case(&format!("case.{n}"), &[])).await })
    });
    let mut refused = 0;
    for apply in applies.collect::<Vec<_>>() {
        if let Err(status) = apply.await.unwrap() {
            let code = Code::ResourceExhausted;
            Refusal::from(&status).check("apply", code, "TOO_MANY_CASES", &[]);
            refused += 1;
        }
    }
    let mut cases = clients.cases.clone();
    let listed = cases.list_cases(ListCasesRequest::default()).await.unwrap();
    let listed = listed.into_inner().cases;
    assert_eq!((listed.len(), refused), (2, 6));

    // One that is there can be changed, and one that goes makes room.
    let name = listed[0].case.clone().unwrap().name;
    clients.apply(case(&name, &["done"])).await;
    cases.delete_case(DeleteCaseRequest { name }).await.unwrap();
    clients.apply(case("next", &[])).await;
    server.stop().await;
}

#[tokio::test]
async fn a_change_of_a_case_takes_no_place_of_a_new_one() {
    const CHANGES: usize = 40;
    let server = Server::with(|settings| settings.max_cases = 2).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    for round in 0..3 {
        let mut changes = tokio::task::JoinSet::new();
        for n in 0..CHANGES {
            let clients = clients.clone();
            changes.spawn(async move {
                let mut changed = case("orders", &["done"]);
                changed.description = format!("{round} {}", n / 2);
                clients.apply(changed).await;
                let request = ApplyCaseRequest {
                    case: Some(case("other", &[])),
                    validate_only: true,
                };
                // Refused once the new case is there and nothing more fits.
                let _ = clients.cases.clone().apply_case(request).await;
            });
        }
        // While the changes are on their way.
        changes.join_next().await.unwrap().unwrap();
        clients.apply(case("new", &[])).await;
        while let Some(changed) = changes.join_next().await {
            changed.unwrap();
        }
        let name = "new".to_owned();
        let mut cases = clients.cases.clone();
        cases.delete_case(DeleteCaseRequest { name }).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn no_more_calls_than_may_wait() {
    let server = Server::with(|settings| settings.max_waiters = 1).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    clients.submit("orders", "live").await;
    let before = clients.everything().await;
    let mut signals = clients.signals.clone();
    let watch = WatchSignalsRequest {
        case_name: "orders".to_owned(),
        id: String::new(),
    };
    let mut first = signals.watch_signals(watch.clone()).await.unwrap();
    first.get_mut().message().await.unwrap().unwrap();

    let (case_name, id) = ("orders".to_owned(), "live".to_owned());
    let wait = WaitSignalRequest {
        case_name: case_name.clone(),
        signal_name: "done".to_owned(),
        key: Some(json_to_pb(&json!("live"))),
        timeout: seconds(60),
    };
    let report = crate::given::report_of("orders", "live");
    let (mut executions, mut reports) = (clients.executions.clone(), clients.reports.clone());
    let mut cases = clients.cases.clone();
    for refusal in [
        signals.watch_signals(watch.clone()).await.refusal().await,
        signals.wait_signal(wait.clone()).await.refusal().await,
        signals
            .stream_signals(tokio_stream::empty())
            .await
            .refusal()
            .await,
        executions
            .watch_execution(WatchExecutionRequest { case_name, id })
            .await
            .refusal()
            .await,
        reports.get_report(report).await.refusal().await,
        reports
            .watch_reports(WatchReportsRequest::default())
            .await
            .refusal()
            .await,
        cases
            .watch_cases(WatchCasesRequest::default())
            .await
            .refusal()
            .await,
    ] {
        refusal.check("wait", Code::ResourceExhausted, "TOO_MANY_WAITERS", &[]);
    }
    assert_eq!(clients.everything().await, before);

    // A cancelled execution is waited for, but it needs no place.
    clients.submit("orders", "cancelled").await;
    let cancel = CancelExecutionRequest {
        case_name: "orders".to_owned(),
        id: "cancelled".to_owned(),
        reason: String::new(),
    };
    let cancelled = executions.cancel_execution(cancel).await.unwrap();
    let cancelled = cancelled.into_inner().execution.unwrap();
    assert_eq!(cancelled.state(), State::Skip);

    // What is there already is not waited for, and who leaves makes room.
    clients.send(event("orders", "live", "done")).await;
    signals.wait_signal(wait).await.unwrap();
    drop(first);
    let again = async {
        while let Err(status) = signals.watch_signals(watch.clone()).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, again).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_slow_watcher_is_cut_off_alone() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let watch = || WatchSignalsRequest {
        case_name: "orders".to_owned(),
        id: String::new(),
    };
    // It takes little ahead, and reads nothing.
    let narrow = server.endpoint().initial_stream_window_size(65_535);
    let mut narrow = Clients::over(narrow.connect_lazy()).signals;
    let mut slow = narrow.watch_signals(watch()).await.unwrap().into_inner();
    let mut quick = server.clients().signals;
    let mut quick = quick.watch_signals(watch()).await.unwrap().into_inner();
    for watcher in [&mut slow, &mut quick] {
        let first = watcher.message().await.unwrap().unwrap();
        assert_eq!(first.signal, None, "the watch has begun");
    }

    const SIGNALS: usize = 6000;
    let text = "x".repeat(100);
    let (given, taken) = tokio::sync::mpsc::channel(100);
    let reader = tokio::spawn(async move {
        for _ in 0..SIGNALS {
            let seen = quick.message().await.unwrap().unwrap();
            assert!(seen.signal.is_some());
            given.send(()).await.unwrap();
        }
    });
    let mut taken = taken;
    let mut signals = clients.signals.clone();
    // No faster than the other watcher reads.
    let (sender, items) = tokio::sync::mpsc::channel(1);
    let items = tokio_stream::wrappers::ReceiverStream::new(items);
    let sending = tokio::spawn(async move {
        for n in 0..SIGNALS {
            if n >= 1000 {
                taken.recv().await.unwrap();
            }
            let value = json!([n, text]);
            let event = event_of("orders", json!(format!("k-{n}")), "done", value);
            sender.send(item(event)).await.unwrap();
        }
        // The rest of what the other watcher reads.
        while taken.recv().await.is_some() {}
    });
    let mut acks = signals.stream_signals(items).await.unwrap().into_inner();
    while acks.message().await.unwrap().is_some() {}
    timeout(DEADLINE, reader).await.unwrap().unwrap();
    sending.await.unwrap();

    let mut told = 0;
    let status = loop {
        match slow.message().await {
            Ok(Some(seen)) => told += usize::from(seen.signal.is_some()),
            Ok(None) => panic!("the watch ended well"),
            Err(status) => break status,
        }
    };
    Refusal::from(&status).check("watch", Code::ResourceExhausted, "SLOW_WATCHER", &[]);
    assert!((4096..SIGNALS).contains(&told), "{told}");
    server.stop().await;
}

#[tokio::test]
async fn headers_that_are_too_large_harm_nobody() {
    let server = Server::with(|settings| settings.max_header_list_bytes = ByteSize::kib(4)).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let mut request = Request::new(submission("orders", "a"));
    let large = "x".repeat(8192).parse().unwrap();
    request.metadata_mut().insert("x-large", large);
    let refused = clients.executions.clone().submit_execution(request).await;
    refused.unwrap_err();
    let all = ListExecutionsRequest::default();
    let listed = clients.executions.clone().list_executions(all).await;
    assert_eq!(listed.unwrap().into_inner().executions, []);
    // On the same connection and on another one.
    clients.submit("orders", "a").await;
    server.clients().submit("orders", "b").await;
    server.stop().await;
}

#[tokio::test]
async fn a_call_beyond_the_streams_of_a_connection_waits_for_its_turn() {
    let server = Server::with(|settings| settings.max_concurrent_streams = 2).await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let mut waits = Vec::new();
    for n in 0..2 {
        let mut signals = clients.signals.clone();
        let watch = WatchSignalsRequest {
            case_name: "orders".to_owned(),
            id: String::new(),
        };
        let mut watch = signals.watch_signals(watch).await.unwrap().into_inner();
        watch.message().await.unwrap().unwrap();
        waits.push((n, watch));
    }
    let waiting = clients.clone();
    let mut waiting = tokio::spawn(async move { waiting.submit("orders", "a").await });
    // Others have connections of their own.
    server.clients().submit("orders", "b").await;
    let early = timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "both streams of the connection are taken");
    waits.pop();
    timeout(DEADLINE, waiting).await.unwrap().unwrap();
    server.stop().await;
}
