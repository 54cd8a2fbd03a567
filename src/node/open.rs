//! Opening a node: the state is what the newest snapshot and the journal behind
//! it give; the archive tells how far it has come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use tokio::sync::{Notify, Semaphore, oneshot, watch};

use crate::{
    archive::{Archive, ArchiveError, Writer},
    clock::Clock,
    contract,
    engine::{Engine, Recorded, SnapshotError},
    journal::{Admission, AppendError, Journal, JournalError},
    model::{Event, Position},
};

use super::{
    Inner, Node, NodeOptions, Reply,
    archiver::{Archiver, Closing},
    fold::Folder,
    partition::Partition,
    places::Places,
    readers::Readers,
    reply::{self, Answers},
    ticker,
};

/// Cases that are compiled at once; each takes a thread with a deep stack.
const COMPILERS: usize = 2;

/// Why a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A snapshot cannot be read.
    #[error("{0}; remove the snapshot to start from the older one")]
    Snapshot(#[from] SnapshotError),
    /// Journal and archive do not belong together.
    #[error("{0}")]
    Inconsistent(String),
    /// The first event could not be appended.
    #[error("the journal does not take events: {0}")]
    Append(#[from] AppendError),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The fold ended before it had caught up; the log says why.
    #[error("the journal could not be folded; the log says why")]
    Fold,
}

/// A node that is up, and its threads.
pub struct Opened {
    /// The node.
    pub node: Node,
    folds: Vec<JoinHandle<()>>,
    tickers: Vec<JoinHandle<()>>,
    archiver: Option<JoinHandle<()>>,
    stop_ticking: Arc<AtomicBool>,
    closing: Arc<Closing>,
}

/// How one partition starts.
struct Start {
    engine: Engine,
    archived: Position,
    recorded: Recorded,
    replay_to: Position,
}

impl Node {
    /// Opens a node over a journal and its archive; resolves when everything in
    /// the journal is folded.
    pub async fn open(
        journal: Arc<dyn Journal<Reply>>,
        archive: Archive,
        clock: Arc<dyn Clock>,
        options: NodeOptions,
    ) -> Result<Opened, OpenError> {
        let (callers, folded) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(reply::tell(folded));
        let (sender, opened) = oneshot::channel();
        // A snapshot has cases to compile, which takes a deep stack.
        let opener = thread::Builder::new()
            .name("open".to_owned())
            .stack_size(contract::STACK_SIZE);
        opener.spawn(move || {
            let opened = archive
                .writer()
                .map_err(OpenError::from)
                .and_then(|writer| {
                    let starts = (0..journal.partitions())
                        .map(|partition| start(journal.as_ref(), &writer, partition))
                        .collect::<Result<Vec<_>, OpenError>>()?;
                    run(journal, archive, writer, clock, options, starts, callers)
                });
            // A caller that has left is not told.
            let _ = sender.send(opened);
        })?;
        let (opened, ready) = opened.await.map_err(|_| OpenError::Fold)??;
        for folded in ready {
            folded.await.map_err(|_| OpenError::Fold)??;
        }
        Ok(opened)
    }
}

impl Opened {
    /// Ends waits, makes durable what is queued, stores a last snapshot and ends
    /// the threads. Blocks. What the archive does not have by the deadline is left
    /// to the next start, and so is the snapshot.
    pub fn close(mut self, deadline: Instant) {
        self.closing.begin(deadline);
        self.node.end_waits();
        self.stop_ticking.store(true, Ordering::Release);
        for ticker in self.tickers.drain(..) {
            ticker.thread().unpark();
            join(ticker);
        }
        self.node.journal().close();
        self.folds.drain(..).for_each(join);
        self.archiver.take().into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the node panicked");
    }
}

fn start(
    journal: &dyn Journal<Reply>,
    archive: &Writer,
    partition: u32,
) -> Result<Start, OpenError> {
    let archived = archive.position(partition)?;
    let head = journal.head(partition);
    if archived > head {
        return Err(OpenError::Inconsistent(format!(
            "the archive has records up to {archived} and the journal ends at {head}: \
             restore both from the same backup"
        )));
    }
    let snapshots = journal.snapshots(partition)?;
    let mut usable = snapshots.into_iter().filter(|(at, _)| *at <= archived);
    let engine = match usable.next() {
        Some((_, snapshot)) => Engine::restore(&snapshot)?,
        None => Engine::default(),
    };
    let mut recorded = Recorded::default();
    let mut reader = journal.read(partition, engine.position())?;
    loop {
        let records = reader.next()?;
        if records.is_empty() {
            break;
        }
        records.iter().for_each(|record| recorded.note(record));
    }
    Ok(Start {
        engine,
        archived,
        recorded,
        replay_to: head,
    })
}

type Ready = oneshot::Receiver<Result<crate::engine::Answer, AppendError>>;

fn run(
    journal: Arc<dyn Journal<Reply>>,
    archive: Archive,
    writer: Writer,
    clock: Arc<dyn Clock>,
    options: NodeOptions,
    starts: Vec<Start>,
    callers: tokio::sync::mpsc::UnboundedSender<Answers>,
) -> Result<(Opened, Vec<Ready>), OpenError> {
    let (jobs, job_queue) = mpsc::channel();
    let stop_ticking = Arc::new(AtomicBool::new(false));
    let closing = Arc::new(Closing::default());
    let (mut partitions, mut folders) = (Vec::new(), Vec::new());
    for (number, start) in (0..).zip(starts) {
        let Start {
            engine,
            archived,
            recorded,
            replay_to,
        } = start;
        let snapshot_at = engine.position();
        let follower = journal.follow(number, snapshot_at)?;
        let partition = Arc::new(Partition::new(number, engine, archived));
        partitions.push(Arc::clone(&partition));
        folders.push((partition, follower, recorded, replay_to, snapshot_at));
    }

    let notified = Arc::new(Notify::new());
    let cases_changed = Arc::new(Notify::new());
    let node = Node(Arc::new(Inner {
        journal: Arc::clone(&journal),
        partitions,
        readers: Readers::new(archive.clone()),
        clock: Arc::clone(&clock),
        waiters: Arc::new(Semaphore::new(
            options.max_waiters.min(Semaphore::MAX_PERMITS),
        )),
        compilers: Semaphore::new(COMPILERS),
        submitting: Places::default(),
        creating: Places::default(),
        closing: watch::Sender::new(false),
        notified: Arc::clone(&notified),
        cases_changed: Arc::clone(&cases_changed),
        options: options.clone(),
    }));
    let archiver = Archiver {
        archive,
        writer,
        journal: Arc::clone(&journal),
        options: options.clone(),
        jobs: job_queue,
        closing: Arc::clone(&closing),
    };
    let mut opened = Opened {
        node: node.clone(),
        folds: Vec::new(),
        tickers: Vec::new(),
        archiver: Some(
            thread::Builder::new()
                .name("archiver".to_owned())
                .spawn(move || archiver.run())?,
        ),
        stop_ticking: Arc::clone(&stop_ticking),
        closing,
    };

    let mut ready = Vec::new();
    for (partition, follower, recorded, replay_to, snapshot_at) in folders {
        let number = partition.number;
        let ticker = ticker::start(
            Arc::clone(&partition),
            Arc::clone(&journal),
            clock.as_ref(),
            Arc::clone(&stop_ticking),
        )?;
        let folder = Folder {
            partition,
            journal: Arc::clone(&journal),
            follower,
            recorded,
            replay_to,
            archiver: jobs.clone(),
            callers: callers.clone(),
            ticker: ticker.thread().clone(),
            snapshot_every: options.snapshot_every,
            snapshot_at,
            snapshot_queued: Arc::default(),
            refused: Arc::default(),
            webhooks: Arc::clone(&options.webhooks),
            notified: Arc::clone(&notified),
            cases_changed: Arc::clone(&cases_changed),
            effects: Vec::new(),
        };
        opened.tickers.push(ticker);
        let node = node.clone();
        let fold = thread::Builder::new()
            .name(format!("fold-{number}"))
            .stack_size(contract::STACK_SIZE)
            .spawn(move || {
                if let Err(error) = folder.run() {
                    tracing::error!(partition = number, %error, "the fold ended; going down");
                    node.end_waits();
                }
            })?;
        opened.folds.push(fold);

        let (ticket, folded) = oneshot::channel();
        let event = Event::Opened {
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        journal.append(number, Admission::Always, vec![(event, Reply::One(ticket))]);
        ready.push(folded);
    }
    Ok((opened, ready))
}
