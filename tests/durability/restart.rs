//! A restart with many live executions: all are live afterwards, and finish.

use std::time::Duration;

use livecheck::pb::v1::State;
use tempfile::TempDir;

use crate::{
    clients::{case, event},
    number,
    server::Server,
};

const CASE: &str = "durability.restart";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_executions_survive_restarts_and_finish() {
    let executions = number("LIVECHECK_RESTART_EXECUTIONS", 3_000);
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    println!("an empty server served after {:?}", server.start);
    let mut clients = server.clients().await;
    let hour = Duration::from_secs(3600);
    clients.apply(case(CASE, &["first", "second"], hour)).await;
    let ids: Vec<_> = (0..executions).map(|one| format!("live-{one}")).collect();
    clients.submit_all(CASE, ids.iter().cloned()).await;
    let all = |signal: &str| ids.iter().map(|id| event(CASE, id, signal)).collect();
    let (acknowledged, failed) = clients.stream(all("first")).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(acknowledged, executions);

    server.kill().await;
    let server = Server::start(data.path()).await;
    println!("after kill -9 it served after {:?}", server.start);
    let mut clients = server.clients().await;
    assert_eq!(clients.live(CASE).await, executions);
    let folded = clients.all_executions(CASE).await;
    assert!(folded.values().all(|one| one.signal_count == 1));

    server.stop().await;
    let server = Server::start(data.path()).await;
    println!("after SIGTERM it served after {:?}", server.start);
    let mut clients = server.clients().await;
    assert_eq!(clients.live(CASE).await, executions);
    assert_eq!(clients.all_executions(CASE).await, folded);

    let (acknowledged, failed) = clients.stream(all("second")).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(acknowledged, executions);
    let reports = clients.reports_of(CASE, &ids).await;
    assert_eq!(reports.len() as u64, executions);
    for report in reports.values() {
        assert_eq!(report.state(), State::Pass, "{report:?}");
    }
    server.stop().await;
}
