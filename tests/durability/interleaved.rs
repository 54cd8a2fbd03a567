//! Thousands of executions at once, their signals mixed at random, some doubled
//! and many early: every one passes.

use std::time::Duration;

use livecheck::pb::v1::State;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    clients::{case, event},
    number,
    random::Random,
    server::Server,
};

const CASE: &str = "durability.interleaved";
const SIGNALS: [&str; 4] = ["received", "stored", "sent", "executed"];
const STREAMS: usize = 4;
/// Executions whose signals are mixed.
const AT_ONCE: usize = 500;
const EXECUTIONS: u64 = if cfg!(debug_assertions) {
    5_000
} else {
    20_000
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleaved_executions_all_pass() {
    let executions = number("LIVECHECK_INTERLEAVED_EXECUTIONS", EXECUTIONS);
    let mut random = Random::new();
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let mut clients = server.clients().await;
    let hour = Duration::from_secs(3600);
    clients.apply(case(CASE, &SIGNALS, hour)).await;

    let mut ids: Vec<_> = (0..executions).map(|one| format!("mixed-{one}")).collect();
    random.shuffle(&mut ids);
    // Early signals are kept for a minute: no more at once than a slow machine
    // gets done in that time.
    for at_once in ids.chunks(AT_ONCE) {
        let mut events = Vec::new();
        for id in at_once {
            for signal in SIGNALS {
                for _ in 0..1 + random.below(4) / 3 {
                    events.push(event(CASE, id, signal));
                }
            }
        }
        random.shuffle(&mut events);
        let sent = events.len() as u64;
        let mut streams = JoinSet::new();
        for part in events.chunks(events.len().div_ceil(STREAMS)) {
            let (mut clients, part) = (clients.clone(), part.to_vec());
            streams.spawn(async move { clients.stream(part).await });
        }
        clients.submit_all(CASE, at_once.iter().cloned()).await;
        let streamed = streams.join_all().await.into_iter();
        let acknowledged = streamed.map(|(acknowledged, failed)| {
            assert!(failed.is_none(), "{failed:?}");
            acknowledged
        });
        assert_eq!(acknowledged.sum::<u64>(), sent);
    }

    let reports = clients.reports_of(CASE, &ids).await;
    assert_eq!(reports.len() as u64, executions);
    for (id, report) in &reports {
        assert_eq!(report.state(), State::Pass, "{id}: {report:?}");
        assert_eq!(report.signal_latency.len(), SIGNALS.len(), "{id}");
    }
    assert_eq!(clients.all_reports(CASE).await, reports);
    assert_eq!(clients.live(CASE).await, 0);
    server.stop().await;
}
