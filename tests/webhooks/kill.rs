//! kill -9 in the middle of telling, again and again: everything is told at
//! least once and in order, and what was confirmed is not told again.

use std::{
    collections::{BTreeMap, HashSet},
    env,
    path::Path,
    process::Stdio,
};

use livecheck::pb::v1::NotificationState;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    DEADLINE,
    receiver::{Arrival, Mode, Receiver, numbers, taken},
    server::{start, webhook},
    swings::{Clients, TOLD},
};

/// Names the data directory, and the URL of the receiver, to the process that is
/// killed.
const DATA_DIR: &str = "LIVECHECK_TEST_WEBHOOKS_DATA";
const URL: &str = "LIVECHECK_TEST_WEBHOOKS_URL";
const SERVING: &str = "killed server at ";
const KILLS: usize = 4;
/// Cases that swing before each kill.
const CASES: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_in_order_over_kills() {
    if let (Some(data), Ok(url)) = (env::var_os(DATA_DIR), env::var(URL)) {
        let server = start(Path::new(&data), vec![webhook("ops", url)]).await;
        println!("\n{SERVING}{}", server.addr());
        std::future::pending::<()>().await;
    }
    let receiver = Receiver::start(Mode::HalfFails).await;
    let data = TempDir::new().unwrap();
    let mut expected = BTreeMap::new();
    // What was confirmed for good, and how much had come by then.
    let mut settled: Vec<(HashSet<String>, usize)> = Vec::new();
    for kill in 0..KILLS {
        let (mut server, mut clients) = serve(data.path(), &receiver.url("/")).await;
        let before = receiver.arrivals().len();
        for case in 0..CASES {
            let name = format!("{kill}-{case}");
            clients.swing_all(&name).await;
            expected.insert(name, TOLD.to_vec());
        }
        // Some of it at least, and never all of it: each is told after the other.
        receiver.wait(|came| came.len() > before).await;
        settled.push(confirmed(&receiver, &mut clients).await);
        server.kill().await.unwrap();
    }

    let (mut server, mut clients) = serve(data.path(), &receiver.url("/")).await;
    let all = expected.len() * TOLD.len();
    let arrivals = receiver.wait(|came| taken(came).len() == all).await;
    assert_eq!(numbers(&arrivals), expected);
    clients.wait_for(NotificationState::Unspecified, 0).await;
    for (confirmed, came) in &settled {
        println!("{} confirmed of {came} that came", confirmed.len());
        let again = |one: &&Arrival| confirmed.contains(one.id());
        let again: Vec<_> = arrivals[*came..].iter().filter(again).collect();
        assert!(again.is_empty(), "{again:?}");
    }
    assert!(settled.iter().any(|(confirmed, _)| !confirmed.is_empty()));
    server.kill().await.unwrap();
}

/// What was confirmed for good: the receiver took it, and the server no longer
/// has it to be told. And how much had come before that was asked.
async fn confirmed(receiver: &Receiver, clients: &mut Clients) -> (HashSet<String>, usize) {
    let arrivals = receiver.arrivals();
    let mut confirmed = taken(&arrivals);
    for pending in clients.list(NotificationState::Pending).await {
        confirmed.remove(&pending.id);
    }
    (confirmed, arrivals.len())
}

/// This test in another process, as the server.
async fn serve(data: &Path, url: &str) -> (Child, Clients) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("kill::everything_is_told_in_order_over_kills")
        .env(DATA_DIR, data)
        .env(URL, url)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let serving = timeout(DEADLINE, async {
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("the server did not end at once");
            if let Some(address) = line.strip_prefix(SERVING) {
                return address.to_owned();
            }
        }
    });
    let address = serving.await.expect("the server serves in time");
    (child, Clients::connect(&address).await)
}
