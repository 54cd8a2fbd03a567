//! Collectors that are away, and that take and never answer: no call waits for
//! them, and the end does not either.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use crate::{
    DEADLINE, SENDER, SUBMITTER, TRACE,
    collector::Collector,
    server::{Process, Server},
    traceparent,
};

/// More calls than spans have room in the queue.
const CALLS: usize = 3000;
const GRACE: Duration = Duration::from_secs(8);

/// Makes many calls that are traced, and ends the server, within its grace.
async fn make_calls_and_stop(collector: &str) {
    let server = Server::with(collector, |settings| settings.drain_grace = GRACE).await;
    let clients = server.clients();
    clients.apply("orders").await;
    let caller = traceparent(TRACE, SUBMITTER);
    clients.submit("orders", "one", &[&caller]).await;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (clients, sender) = (clients.clone(), traceparent(TRACE, SENDER));
        calls.spawn(async move { clients.send("orders", "one", 1, &[&sender]).await });
    }
    // A call that waited for one export would wait for seconds, and these would
    // be six.
    let all = timeout(DEADLINE, calls.join_all()).await;
    assert_eq!(all.expect("the calls are answered in time").len(), CALLS);
    let report = clients.report("orders", "one", &[&caller]).await;
    assert_eq!(report.test.unwrap().traceparent, caller);
    let asked = Instant::now();
    server.stop().await;
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_collector_that_is_away_delays_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    make_calls_and_stop(&format!("http://{address}")).await;
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    make_calls_and_stop(&format!("http://{address}")).await;
}

#[tokio::test]
async fn what_a_collector_did_not_take_is_logged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let data = TempDir::new().unwrap();
    let url = format!("http://{address}");
    let flags = ["--otlp-endpoint", &url];
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let mut process = Process::start(data.path(), &flags, &variables).await;
    process.clients.apply("orders").await;
    let caller = traceparent(TRACE, SUBMITTER);
    process.clients.submit("orders", "one", &[&caller]).await;
    process.logs("the collector does not take spans").await;

    let collector = Collector::start_at(address).await;
    process.clients.send("orders", "one", 1, &[&caller]).await;
    process.logs("the collector takes spans again").await;
    process.stop().await;
    assert!(!collector.spans().0.is_empty());
}
