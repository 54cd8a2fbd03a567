//! The node: joins the journal, the engine, the feed and the archive into what
//! the services call.
//!
//! Data flows one way: a call appends a fact to the journal; the fold thread
//! folds it when it is durable, answers the call, tells the feed and hands
//! finished executions to the archiver. Nothing but the fold changes the state.

mod archiver;
mod cases;
mod error;
mod executions;
mod feed;
mod fold;
mod lists;
mod open;
mod options;
mod partition;
mod readers;
mod reply;
mod reports;
mod signals;
mod ticker;
mod token;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::{
    archive::{ArchiveError, Reader},
    clock::Clock,
    engine::Answer,
    journal::{Admission, Journal},
    model::{Event, Time},
};

pub use crate::archive::{ExecutionFilter, ReportFilter};
pub use cases::CaseStatus;
pub use error::NodeError;
pub use executions::SubmitRequest;
pub use feed::{Seen, Watcher};
pub use lists::CaseChanges;
pub use open::{OpenError, Opened};
pub use options::NodeOptions;
pub use reply::Reply;
pub use reports::ReportStream;
pub use signals::{ArrivedSignal, BatchAnswer};

use partition::Partition;
use readers::Readers;

/// A node, shared by everything that calls it.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    journal: Arc<dyn Journal<Reply>>,
    partitions: Vec<Arc<Partition>>,
    readers: Readers,
    options: NodeOptions,
    clock: Arc<dyn Clock>,
    waiters: Arc<Semaphore>,
    /// Cases that may be compiled at once.
    compilers: Semaphore,
    closing: watch::Sender<bool>,
}

/// A place among those who wait or watch.
#[derive(Debug)]
pub struct Permit {
    _place: OwnedSemaphorePermit,
}

impl Node {
    /// The wall clock's time, for showing what is derived from it.
    pub fn now(&self) -> Time {
        self.0.clock.wall()
    }

    /// A place among those who wait or watch.
    pub fn permit(&self) -> Result<Permit, NodeError> {
        let place = Arc::clone(&self.0.waiters).try_acquire_owned();
        let place = place.map_err(|_| NodeError::TooManyWaiters(self.0.options.max_waiters))?;
        Ok(Permit { _place: place })
    }

    /// Resolves when the node goes down.
    pub async fn closing(&self) {
        let mut closing = self.0.closing.subscribe();
        // The sender lives as long as the node.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// Ends all waits and watches, so that calls come to their end. The node
    /// still answers.
    pub fn end_waits(&self) {
        self.0.closing.send_replace(true);
        for partition in &self.0.partitions {
            partition.feed.close();
        }
    }

    /// Why a watcher got nothing more.
    pub fn why_cut_off(&self) -> NodeError {
        match *self.0.closing.borrow() {
            true => NodeError::ShuttingDown,
            false => NodeError::SlowWatcher,
        }
    }

    fn journal(&self) -> &dyn Journal<Reply> {
        self.0.journal.as_ref()
    }

    fn options(&self) -> &NodeOptions {
        &self.0.options
    }

    fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.0.partitions.iter()
    }

    /// The partition of a case: a checksum of its name.
    fn partition_number(&self, case_name: &str) -> u32 {
        let count = self.journal().partitions().max(1);
        crc32fast::hash(case_name.as_bytes()) % count
    }

    fn partition(&self, case_name: &str) -> &Arc<Partition> {
        // There are as many as the journal has.
        &self.0.partitions[self.partition_number(case_name) as usize]
    }

    /// Appends a fact and waits for its answer.
    ///
    /// The facts of all calls that are ready in one turn of the runtime go to the
    /// journal together: waking its writer for each costs more than the write.
    async fn append(&self, case_name: &str, event: Event) -> Result<Answer, NodeError> {
        let (caller, answer) = oneshot::channel();
        let partition = self.partition(case_name);
        if partition.put(event, Reply::One(caller)) {
            let (node, partition) = (self.clone(), Arc::clone(partition));
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                let events = partition.take_outbox();
                let number = partition.number;
                node.journal().append(number, Admission::Bounded, events);
            });
        }
        let answer = answer.await.map_err(|_| NodeError::ShuttingDown)?;
        Ok(answer?)
    }

    /// Asks the archive, on a thread that may wait for the disk.
    async fn archived<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, NodeError> {
        let readers = self.0.readers.clone();
        let answer = tokio::task::spawn_blocking(move || readers.with(ask)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error @ ArchiveError::Trimmed { .. })) => {
                Err(NodeError::ResumeOutOfRange(error.to_string()))
            }
            Ok(Err(error)) => Err(NodeError::Internal(format!("the archive: {error}"))),
            Err(error) => Err(NodeError::Internal(format!("a look-up failed: {error}"))),
        }
    }

    /// Waits until the archive has everything that was answered before.
    async fn archive_caught_up(&self) -> Result<(), NodeError> {
        for partition in &self.0.partitions {
            let wanted = partition.lock().last_archivable;
            let mut archived = partition.archived.subscribe();
            let caught_up = archived.wait_for(|position| *position >= wanted).await;
            caught_up.map_err(|_| NodeError::ShuttingDown)?;
        }
        Ok(())
    }
}

fn unexpected(answer: &Answer) -> NodeError {
    NodeError::Internal(format!(
        "the fold gave the answer to another command: {answer:?}"
    ))
}
