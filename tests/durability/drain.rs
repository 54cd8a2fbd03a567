//! SIGTERM under load, with streams open and calls waiting: health says so, all
//! of them end, the server is gone within the grace period, and what it
//! acknowledged is there.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use livecheck::pb::v1::{
    State, WaitSignalRequest, WatchReportsRequest, stream_signals_response::Payload,
};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    DEADLINE,
    clients::{Clients, case, event, item, text},
    server::Server,
};

const CASE: &str = "durability.drain";
/// Calls that are open do not use it up.
const GRACE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loaded_server_goes_down_within_the_grace_period() {
    let data = TempDir::new().unwrap();
    let server = Server::start_with(data.path(), &["--drain-grace", "60s"]).await;
    let mut clients = server.clients().await;
    let hour = Duration::from_secs(3600);
    clients.apply(case(CASE, &["sent", "never"], hour)).await;

    let mut health = HealthClient::new(clients.channel.clone());
    let mut health = health.watch(HealthCheckRequest::default()).await;
    let health = health.as_mut().unwrap().get_mut();
    let status = health.message().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::Serving);

    // A stream that its client leaves open, calls that wait, a watch.
    clients.submit(CASE, "streamed").await.unwrap();
    let (stream, mut acks) = clients.open_stream().await;
    stream
        .send(item(event(CASE, "streamed", "sent")))
        .await
        .unwrap();
    let acked = acks.message().await.unwrap().unwrap().payload;
    assert_eq!(acked, Some(Payload::Ack(1)));
    let mut watch = clients
        .reports
        .watch_reports(WatchReportsRequest::default())
        .await;
    let watch = watch.as_mut().unwrap().get_mut();
    let checkpoint = watch.message().await.unwrap().unwrap();
    let mut waits = JoinSet::new();
    for number in 0..20 {
        let mut clients = clients.clone();
        waits.spawn(async move {
            let request = WaitSignalRequest {
                case_name: CASE.to_owned(),
                signal_name: "never".to_owned(),
                key: Some(text(&number.to_string())),
                timeout: Some(hour.try_into().unwrap()),
            };
            clients.signals.wait_signal(request).await
        });
    }

    let calls = watch::Sender::new(0_u64);
    let mut callers = JoinSet::new();
    for caller in 0..4 {
        callers.spawn(call(server.clients().await, caller, calls.clone()));
    }
    let mut answered = calls.subscribe();
    let loaded = timeout(DEADLINE, answered.wait_for(|calls| *calls > 100));
    loaded.await.expect("calls are answered").unwrap();
    server.terminate();
    let began = Instant::now();

    let status = timeout(DEADLINE, health.message()).await.unwrap();
    let status = status.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::NotServing);
    let ended = timeout(DEADLINE, acks.message()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    let ended = timeout(DEADLINE, async {
        loop {
            match watch.message().await {
                Ok(Some(message)) => assert_ne!(message.resume_token, ""),
                ended => return ended,
            }
        }
    });
    let ended = ended.await.unwrap();
    assert!(
        matches!(&ended, Err(status) if status.code() == Code::Unavailable),
        "{ended:?}"
    );
    assert_ne!(checkpoint.resume_token, "");
    for wait in timeout(DEADLINE, waits.join_all()).await.unwrap() {
        assert_eq!(wait.unwrap_err().code(), Code::Unavailable);
    }
    let exit = server.ended().await;
    assert_eq!(exit.code(), Some(0), "{exit}");
    assert!(began.elapsed() < GRACE / 2, "{:?}", began.elapsed());
    let acknowledged: HashSet<_> = callers.join_all().await.into_iter().flatten().collect();
    assert!(acknowledged.len() > 10);

    let server = Server::start(data.path()).await;
    let mut clients = server.clients().await;
    let executions = clients.all_executions(CASE).await;
    for id in &acknowledged {
        let view = executions.get(id);
        let view = view.unwrap_or_else(|| panic!("{id} is lost"));
        assert_eq!((view.state(), view.signal_count), (State::Init, 1), "{id}");
    }
    assert_eq!(executions["streamed"].signal_count, 1);
    server.stop().await;
}

/// Submits and signals until the server is gone: what was acknowledged in full.
async fn call(mut clients: Clients, caller: u64, calls: watch::Sender<u64>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0_u64.. {
        let id = format!("{caller}-{number}");
        if clients.submit(CASE, &id).await.is_err()
            || clients.signal(event(CASE, &id, "sent")).await.is_err()
        {
            break;
        }
        acknowledged.push(id);
        calls.send_modify(|calls| *calls += 1);
    }
    acknowledged
}
