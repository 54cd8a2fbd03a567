//! No space: nothing is acknowledged, reads go on, and when there is space again
//! writes work.
//!
//! A limit on the size of files stands for the full disk: writes beyond it fail
//! before anything is written, at once and without rights of an administrator.

use std::time::Duration;

use livecheck::pb::v1::{SignalOutcome, State};
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt;

use crate::{
    clients::{Clients, case, event},
    server::Server,
};

const CASE: &str = "durability.full";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_on_a_full_disk() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let mut clients = server.clients().await;
    let hour = Duration::from_secs(3600);
    clients.apply(case(CASE, &["sent"], hour)).await;
    for id in ["finished", "live"] {
        clients.submit(CASE, id).await.unwrap();
    }
    clients
        .signal(event(CASE, "finished", "sent"))
        .await
        .unwrap();
    let report = clients.report(CASE, "finished").await;

    server.limit_files(Some(512));
    for _ in 0..3 {
        let refused = clients.submit(CASE, "refused").await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
        let details = refused.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        assert_eq!(reason, Some("STORAGE_FULL"));
        assert!(details.retry_info().is_some());
        let refused = clients
            .signal(event(CASE, "live", "sent"))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
        let (acknowledged, failed) = clients.stream(vec![event(CASE, "live", "sent")]).await;
        assert_eq!(acknowledged, 0);
        let code = failed.map(|status| status.code());
        assert_eq!(code, Some(Code::ResourceExhausted));
        reads_go_on(&mut clients).await;
        assert_eq!(clients.report(CASE, "finished").await, report);
    }

    server.limit_files(None);
    works_again(&mut clients).await;
    server.kill().await;
    let server = Server::start(data.path()).await;
    let mut clients = server.clients().await;
    assert_eq!(clients.report(CASE, "finished").await, report);
    assert_eq!(clients.report(CASE, "live").await.state(), State::Pass);
    assert_eq!(clients.all_executions(CASE).await.len(), 3);

    // A full disk does not keep a server from going down.
    server.limit_files(Some(512));
    clients.submit(CASE, "again").await.unwrap_err();
    server.stop().await;
}

async fn reads_go_on(clients: &mut Clients) {
    let found = clients.execution(CASE, "refused").await;
    assert_eq!(found.unwrap_err().code(), Code::NotFound);
    let live = clients.execution(CASE, "live").await.unwrap();
    assert_eq!((live.state(), live.signal_count), (State::Init, 0));
    assert_eq!(clients.live(CASE).await, 1);
    assert_eq!(clients.all_executions(CASE).await.len(), 2);
    assert_eq!(clients.all_reports(CASE).await.len(), 1);
}

async fn works_again(clients: &mut Clients) {
    clients.submit(CASE, "refused").await.unwrap();
    let outcome = clients.signal(event(CASE, "live", "sent")).await.unwrap();
    assert_eq!(outcome, SignalOutcome::Accepted);
    let report = clients.report(CASE, "live").await;
    assert_ne!(report.state(), State::Timeout, "{report:?}");
    assert_eq!(clients.all_executions(CASE).await.len(), 3);
}
