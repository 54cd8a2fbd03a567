//! What the node does with the archive, over a journal and an archive on disk.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    archive::Archive,
    clock::{ManualClock, SystemClock},
    journal::{LocalJournal, local::LocalOptions},
    model::{
        ExecutionView, Json, SignalEvent, SignalOutcome, Signalled, State, Submission, TestReport,
    },
    pb::v1,
};

const CASE: &str = "orders";
const ARCHIVE: &str = "archive.sqlite";
const LONG: Duration = Duration::from_secs(60);

/// A node on a directory of its own.
struct Site {
    opened: Opened,
    directory: TempDir,
}

impl Site {
    async fn new() -> Site {
        let directory = TempDir::new().unwrap();
        let site = Site::on(directory, Arc::new(SystemClock), NodeOptions::default()).await;
        let case = v1::Case {
            name: CASE.to_owned(),
            signals: vec![v1::Signal {
                name: "sent".to_owned(),
                ..v1::Signal::default()
            }],
            ..v1::Case::default()
        };
        site.node().apply_case(case, false).await.unwrap();
        site
    }

    async fn on(directory: TempDir, clock: Arc<dyn Clock>, options: NodeOptions) -> Site {
        let journal = LocalJournal::open(
            directory.path(),
            Arc::clone(&clock),
            LocalOptions {
                segment_bytes: 1 << 20,
                ..LocalOptions::default()
            },
        );
        let journal: Arc<dyn Journal<Reply>> = Arc::new(journal.unwrap());
        let archive = Archive::open(&directory.path().join(ARCHIVE), journal.id(), 1).unwrap();
        let opened = Node::open(journal, archive, clock, options).await.unwrap();
        Site { opened, directory }
    }

    fn node(&self) -> &Node {
        &self.opened.node
    }

    async fn submit(&self, id: &str) {
        let submission = Submission {
            case_name: CASE.to_owned(),
            id: id.to_owned(),
            test_args: vec!["x".repeat(1000).into()],
            test_kwargs: serde_json::Map::new(),
            expires: None,
            labels: [].into(),
            traceparent: String::new(),
            always: true,
        };
        self.node().submit(submission).await.unwrap();
    }

    async fn signal(&self, id: &str, value: u64) -> SignalOutcome {
        let signal = Signalled {
            event: SignalEvent {
                signal_name: "sent".to_owned(),
                case_name: CASE.to_owned(),
                key: Json::from(id),
                value: Json::from(value),
            },
            signal_id: String::new(),
        };
        self.node()
            .signal(signal)
            .unwrap()
            .outcome()
            .await
            .unwrap()
            .0
    }

    /// Submits an execution and lets it pass.
    async fn finish(&self, id: &str) {
        self.submit(id).await;
        assert_eq!(self.signal(id, 0).await, SignalOutcome::Accepted);
        let report = self.node().report(CASE, id, LONG).await.unwrap();
        assert_eq!(report.state, State::Pass);
    }

    /// What a look-up and the lists say of the only execution.
    async fn seen(&self, id: &str) -> [ExecutionView; 2] {
        let one = self.node().execution(CASE, id).await.unwrap();
        let listed = self
            .node()
            .list_executions(ExecutionFilter::default(), 10, "");
        let (mut listed, more) = listed.await.unwrap();
        assert_eq!((listed.len(), more.as_str()), (1, ""));
        [one, listed.remove(0)]
    }

    /// The ids of the executions in some states, as many as fit into a page.
    async fn listed(&self, states: &[State]) -> Result<Vec<String>, NodeError> {
        let filter = ExecutionFilter {
            states: states.to_vec(),
            ..ExecutionFilter::default()
        };
        let (listed, _) = self.node().list_executions(filter, 1000, "").await?;
        Ok(listed.into_iter().map(|view| view.test.id).collect())
    }

    async fn reports(&self) -> Vec<TestReport> {
        let listed = self.node().list_reports(ReportFilter::default(), 10, "");
        listed.await.unwrap().0
    }

    /// Waits until the archive has everything.
    async fn archived(&self) {
        for partition in self.node().partitions() {
            let position = partition.lock().engine.position();
            let mut archived = partition.archived.subscribe();
            // Positions of ticks are not for the archive.
            let last = archived.wait_for(|_| partition.backlog() == 0);
            let last = *tokio::time::timeout(LONG, last).await.unwrap().unwrap();
            assert!(last <= position);
        }
    }

    /// What is queued for the archive, once the fold has done what follows from
    /// the answers that were given.
    fn backlog(&self) -> u64 {
        let partition = self.node().partition(CASE);
        let _folded = partition.lock();
        partition.backlog()
    }

    /// Keeps the archive from being written.
    fn block_archive(&self) -> Connection {
        let db = Connection::open(self.directory.path().join(ARCHIVE)).unwrap();
        db.busy_timeout(LONG).unwrap();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        db
    }

    fn close(self) -> TempDir {
        self.opened.close(Instant::now() + LONG);
        self.directory
    }
}

/// The directory as a crash at this moment would leave it.
fn crashed(from: &Path) -> TempDir {
    let to = TempDir::new().unwrap();
    std::fs::create_dir(to.path().join("journal")).unwrap();
    for place in ["", "journal"] {
        for entry in std::fs::read_dir(from.join(place)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if entry.file_type().unwrap().is_file() && name != "LOCK" {
                std::fs::copy(entry.path(), to.path().join(place).join(name)).unwrap();
            }
        }
    }
    to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_signals_show_before_the_archive_has_them() {
    let site = Site::new().await;
    let blocker = site.block_archive();
    site.finish("a").await;
    for value in 1..=20 {
        assert_eq!(site.signal("a", value).await, SignalOutcome::Late);
        let kept = usize::try_from(value.min(16)).unwrap();
        for view in site.seen("a").await {
            assert_eq!(view.late_signals.len(), kept);
            assert_eq!(view.late_signal_count, value);
            assert_eq!(view.state(), State::Pass);
        }
    }
    assert_eq!(site.reports().await.len(), 1);

    // The archive gets it, with the same late signals.
    let before = site.seen("a").await;
    drop(blocker);
    site.archived().await;
    assert_eq!(site.seen("a").await, before);
    assert_eq!(site.reports().await.len(), 1);
    site.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_signals_of_an_archived_execution_show_at_once() {
    let site = Site::new().await;
    site.finish("a").await;
    assert_eq!(site.signal("a", 1).await, SignalOutcome::Late);
    site.archived().await;
    let blocker = site.block_archive();
    for value in 2..=20 {
        assert_eq!(site.signal("a", value).await, SignalOutcome::Late);
        let shown: Vec<u64> = (1..=value.min(16)).collect();
        for view in site.seen("a").await {
            let late = view.late_signals.iter();
            let values: Vec<_> = late.filter_map(|one| one.event.value.as_u64()).collect();
            assert_eq!(values, shown);
            assert_eq!(view.late_signal_count, value);
        }
    }
    let before = site.seen("a").await;
    drop(blocker);
    site.archived().await;
    assert_eq!(site.seen("a").await, before);
    site.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backlog_counts_what_the_archive_lacks() {
    let site = Site::new().await;
    site.archived().await;
    let blocker = site.block_archive();
    site.finish("a").await;
    // The argument is there three times.
    let one = site.backlog();
    assert!((3_000..10_000).contains(&one), "{one}");
    site.finish("b").await;
    assert_eq!(site.backlog(), 2 * one);
    drop(blocker);
    site.archived().await;
    assert_eq!(site.backlog(), 0);

    // Without a snapshot all of it is folded again, and the archive has it.
    let site_after = Site::on(
        crashed(site.directory.path()),
        Arc::new(SystemClock),
        NodeOptions::default(),
    )
    .await;
    assert_eq!(site_after.reports().await, site.reports().await);
    assert_eq!(site_after.backlog(), 0);
    site_after.close();
    site.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_down_although_the_archive_cannot_be_written() {
    let site = Site::new().await;
    site.archived().await;
    let blocker = site.block_archive();
    site.finish("a").await;
    let reports = site.reports().await;

    let Site { opened, directory } = site;
    let began = Instant::now();
    opened.close(began + Duration::from_millis(50));
    assert!(began.elapsed() < Duration::from_secs(20));

    drop(blocker);
    let site = Site::on(directory, Arc::new(SystemClock), NodeOptions::default()).await;
    assert_eq!(site.reports().await, reports);
    site.archived().await;
    assert_eq!(site.reports().await, reports);
    site.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_closed_with_a_snapshot() {
    let site = Site::new().await;
    site.submit("live").await;
    let directory = site.close();
    let site = Site::on(directory, Arc::new(SystemClock), NodeOptions::default()).await;
    let snapshots = site.node().journal().snapshots(0).unwrap();
    assert_eq!(snapshots.len(), 1);
    assert_eq!(site.seen("live").await[0].state(), State::Init);
    site.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_goes_by_journal_time() {
    let clock = Arc::new(ManualClock::fixed());
    let directory = TempDir::new().unwrap();
    let site = Site::on(directory, clock.clone(), NodeOptions::default()).await;
    let journal = Arc::clone(&site.node().0.journal);
    let before = archiver::now(journal.as_ref());
    for hours in [-1000, 1000] {
        clock.step_wall(clock.wall() + chrono::TimeDelta::hours(hours));
        assert!(archiver::now(journal.as_ref()) - before < chrono::TimeDelta::hours(1));
    }
    clock.advance(Duration::from_secs(7200));
    assert!(archiver::now(journal.as_ref()) - before >= chrono::TimeDelta::hours(2));
    site.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_is_not_asked_for_live_executions() {
    let site = Site::new().await;
    site.finish("finished").await;
    site.submit("live").await;
    site.archived().await;
    for (states, ids) in [
        (&[][..], &["live", "finished"][..]),
        (&[State::Init], &["live"]),
        (&[State::Pass], &["finished"]),
        (&[State::Init, State::Pass], &["live", "finished"]),
        (&[State::Init, State::Fail], &["live"]),
    ] {
        assert_eq!(site.listed(states).await.unwrap(), ids, "{states:?}");
    }

    // Where the archive cannot answer.
    let db = Connection::open(site.directory.path().join(ARCHIVE)).unwrap();
    db.execute_batch("ALTER TABLE finished RENAME TO hidden")
        .unwrap();
    assert_eq!(site.listed(&[State::Init]).await.unwrap(), ["live"]);
    let of_init = ReportFilter {
        states: vec![State::Init],
        ..ReportFilter::default()
    };
    let reports = site.node().list_reports(of_init, 10, "").await.unwrap();
    assert_eq!(reports, (Vec::new(), String::new()));
    let mixed = site.listed(&[State::Init, State::Pass]).await;
    assert!(matches!(mixed, Err(NodeError::Internal(_))), "{mixed:?}");
    db.execute_batch("ALTER TABLE hidden RENAME TO finished")
        .unwrap();
    site.close();
}
