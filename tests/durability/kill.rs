//! kill -9 at any moment under load, again and again on one directory: what was
//! acknowledged is there, and every execution gets one report that never changes.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use livecheck::pb::v1::{ExecutionView, State, TestReport};
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    DEADLINE,
    clients::{Clients, case, event},
    number,
    random::Random,
    server::Server,
};

/// All signals of these come, though for some only after later restarts.
const CASE: &str = "durability.kill";
const SIGNALS: [&str; 3] = ["first", "second", "third"];
/// Of these no signal comes.
const SILENT: &str = "durability.silent";
const SILENCE: Duration = Duration::from_secs(2);
const CALLERS: u64 = 4;
/// Executions of one stream.
const STREAMED: u64 = 20;

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    submitted: HashSet<String>,
    /// By execution, the signals.
    signalled: HashMap<String, HashSet<String>>,
    silent: HashSet<String>,
    calls: u64,
}

/// The acknowledgements of all callers, and how many they are.
#[derive(Clone)]
struct Book {
    acknowledged: Arc<Mutex<Acknowledged>>,
    calls: watch::Sender<u64>,
}

impl Book {
    async fn note(&self, note: impl FnOnce(&mut Acknowledged)) {
        let mut acknowledged = self.acknowledged.lock().await;
        note(&mut acknowledged);
        acknowledged.calls += 1;
        self.calls.send_replace(acknowledged.calls);
    }

    async fn signalled(&self, id: &str, signal: &str) {
        self.note(|all| {
            let of = all.signalled.entry(id.to_owned()).or_default();
            of.insert(signal.to_owned());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills() {
    let rounds = number("LIVECHECK_KILL_ROUNDS", 12);
    let mut random = Random::new();
    let data = TempDir::new().unwrap();
    let book = Book {
        acknowledged: Arc::default(),
        calls: watch::Sender::new(0),
    };
    let mut seen = Seen::default();
    for round in 0..rounds {
        let server = seen.restart(data.path()).await;
        let mut clients = server.clients().await;
        if round == 0 {
            let hour = Duration::from_secs(3600);
            clients.apply(case(CASE, &SIGNALS, hour)).await;
            clients.apply(case(SILENT, &["never"], SILENCE)).await;
        }
        seen.check(&mut clients, &book).await;

        let calls = *book.calls.borrow();
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let prefix = format!("{round}-{caller}");
            callers.spawn(call(server.clients().await, book.clone(), prefix));
        }
        callers.spawn(stream(server.clients().await, book.clone(), round));
        let until = calls + 20 + random.below(400);
        let mut calls = book.calls.subscribe();
        let reached = timeout(DEADLINE, calls.wait_for(|calls| *calls >= until));
        reached.await.expect("calls are answered").unwrap();
        server.kill().await;
        callers.join_all().await;
    }

    let server = seen.restart(data.path()).await;
    let mut clients = server.clients().await;
    seen.check(&mut clients, &book).await;
    seen.finish(&mut clients, &book).await;
    server.stop().await;

    let server = seen.restart(data.path()).await;
    seen.check(&mut server.clients().await, &book).await;
    assert_eq!(server.clients().await.live(CASE).await, 0);
    server.stop().await;
}

/// Submits and signals until the server is gone.
async fn call(mut clients: Clients, book: Book, prefix: String) {
    for number in 0_u64.. {
        let id = format!("{prefix}-{number}");
        if clients.submit(CASE, &id).await.is_err() {
            return;
        }
        book.note(|all| {
            all.submitted.insert(id.clone());
        })
        .await;
        // Some executions have to wait for the end of the test.
        let sent = if number % 4 == 3 { 1 } else { SIGNALS.len() };
        for signal in &SIGNALS[..sent] {
            if clients.signal(event(CASE, &id, signal)).await.is_err() {
                return;
            }
            book.signalled(&id, signal).await;
        }
        if number % 8 == 0 {
            if clients.submit(SILENT, &id).await.is_err() {
                return;
            }
            book.note(|all| {
                all.silent.insert(id);
            })
            .await;
        }
    }
}

/// The same with the signals in streams.
async fn stream(mut clients: Clients, book: Book, round: u64) {
    for number in 0_u64.. {
        let ids: Vec<_> = (0..STREAMED)
            .map(|one| format!("{round}-s-{number}-{one}"))
            .collect();
        for id in &ids {
            if clients.submit(CASE, id).await.is_err() {
                return;
            }
            book.note(|all| {
                all.submitted.insert(id.clone());
            })
            .await;
        }
        let sent: Vec<_> = ids
            .iter()
            .flat_map(|id| SIGNALS.map(|signal| (id, signal)))
            .collect();
        let events = sent.iter().map(|(id, signal)| event(CASE, id, signal));
        let (acknowledged, failed) = clients.stream(events.collect()).await;
        for (id, signal) in sent.iter().take(acknowledged as usize) {
            book.signalled(id, signal).await;
        }
        if failed.is_some() {
            return;
        }
    }
}

/// What has been seen of the server's state over its restarts.
#[derive(Default)]
struct Seen {
    reports: HashMap<(&'static str, String), TestReport>,
    /// When the last server was started, and when it served.
    started: Option<(SystemTime, SystemTime)>,
}

impl Seen {
    async fn restart(&mut self, data: &Path) -> Server {
        let before = SystemTime::now();
        let server = Server::start(data).await;
        self.started = Some((before, SystemTime::now()));
        server
    }

    /// Everything acknowledged is there, and no report has changed.
    async fn check(&mut self, clients: &mut Clients, book: &Book) {
        for name in [CASE, SILENT] {
            let reports = clients.all_reports(name).await;
            for ((case_name, id), report) in &self.reports {
                if *case_name == name {
                    assert_eq!(reports.get(id), Some(report), "{id}");
                }
            }
            self.reports
                .extend(reports.into_iter().map(|(id, one)| ((name, id), one)));
        }
        let acknowledged = book.acknowledged.lock().await;
        let silent = clients.all_executions(SILENT).await;
        for id in &acknowledged.silent {
            assert!(silent.contains_key(id), "{id} is lost");
        }
        let executions = clients.all_executions(CASE).await;
        for id in &acknowledged.submitted {
            let view = executions.get(id);
            let view = view.unwrap_or_else(|| panic!("{id} is lost"));
            let names = names(view);
            let sent = acknowledged.signalled.get(id).cloned().unwrap_or_default();
            assert!(sent.is_subset(&names), "{id}: {sent:?}, but {names:?}");
        }
        println!(
            "{} executions, {} reports after {} acknowledgements",
            executions.len() + silent.len(),
            self.reports.len(),
            acknowledged.calls
        );
    }

    /// Sends what is missing: with all their signals executions pass, however
    /// often the server was away; those that nothing came for do not.
    async fn finish(&mut self, clients: &mut Clients, book: &Book) {
        let executions = clients.all_executions(CASE).await;
        for (id, view) in &executions {
            let came = names(view);
            for signal in SIGNALS.iter().filter(|signal| !came.contains(**signal)) {
                clients.signal(event(CASE, id, signal)).await.unwrap();
                book.signalled(id, signal).await;
            }
        }
        let ids: Vec<_> = executions.into_keys().collect();
        let reports = clients.reports_of(CASE, &ids).await;
        for (id, report) in &reports {
            assert_eq!(report.state(), State::Pass, "{id}: {report:?}");
        }
        assert_eq!(clients.all_reports(CASE).await, reports);

        let silent = clients.all_executions(SILENT).await;
        let ids: Vec<_> = silent.into_keys().collect();
        let reports = clients.reports_of(SILENT, &ids).await;
        let (before, serving) = self.started.unwrap();
        for (id, report) in &reports {
            let ended = ended(report);
            match report.state() {
                State::Skip => {}
                // Before the last start, in time for the server of those days.
                State::Timeout => assert!(ended < before, "{id}: {report:?}"),
                _ => panic!("{id}: {report:?}"),
            }
            if ended > serving {
                assert_eq!(report.state(), State::Skip, "{id}: {report:?}");
            }
        }
        assert!(!reports.is_empty());
    }
}

/// When the verdict fell.
fn ended(report: &TestReport) -> SystemTime {
    let start = report
        .test
        .as_ref()
        .and_then(|test| test.timestamp)
        .unwrap();
    let runtime: Duration = report.runtime.unwrap().try_into().unwrap();
    SystemTime::try_from(start).unwrap() + runtime
}

fn names(view: &ExecutionView) -> HashSet<String> {
    let all = view.signals.iter().chain(&view.late_signals);
    all.filter_map(|one| Some(one.event.as_ref()?.signal_name.clone()))
        .collect()
}
