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
mod figures;
mod fold;
mod health;
mod lists;
mod notifications;
mod open;
mod options;
mod page;
mod partition;
mod places;
mod probes;
mod readers;
mod reply;
mod reports;
mod signals;
mod ticker;
mod token;
mod unarchived;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::{
    archive::{ArchiveError, Reader},
    clock::Clock,
    engine::Answer,
    journal::{Admission, AppendError, Journal},
    model::{Event, Time},
};

pub use crate::archive::{ExecutionFilter, ReportFilter};
pub use cases::CaseView;
pub use error::NodeError;
pub use feed::{Seen, Watcher};
pub use figures::{CaseFigures, Figures, PartitionFigures};
pub use lists::{CaseChanges, ToldChange};
pub use notifications::{NotificationFilter, Notified};
pub use open::{OpenError, Opened};
pub use options::NodeOptions;
pub use reply::Reply;
pub use reports::ReportStream;
pub use signals::{ArrivedSignal, BatchAnswer, TakenSignal};

use partition::Partition;
use places::Places;
use readers::Readers;

/// So many facts of calls go to the journal at once, whether more come or not.
const GATHERED: usize = 1024;

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
    /// Executions and cases on their way to the journal.
    submitting: Places,
    creating: Places,
    closing: watch::Sender<bool>,
    /// Told when what webhooks are to be told has changed.
    notified: Arc<Notify>,
    /// Told when cases have changed.
    cases_changed: Arc<Notify>,
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

    /// A place among those who wait or watch. Who asks for it after registering
    /// with the feed is told of the node's end, or refused here.
    pub fn permit(&self) -> Result<Permit, NodeError> {
        self.check_open()?;
        let place = Arc::clone(&self.0.waiters).try_acquire_owned();
        let place = place.map_err(|_| NodeError::TooManyWaiters(self.0.options.max_waiters))?;
        Ok(Permit { _place: place })
    }

    /// Whether the node goes down.
    pub fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Refuses to wait once the node goes down.
    fn check_open(&self) -> Result<(), NodeError> {
        match self.is_closing() {
            true => Err(NodeError::ShuttingDown),
            false => Ok(()),
        }
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
        match self.is_closing() {
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

    /// Appends a fact.
    ///
    /// The facts of all calls that are ready go to the journal together, once a
    /// turn of the runtime brings no more: small rounds cost the calls more in
    /// wake-ups and writes to sockets than they gain in time.
    fn append(&self, case_name: &str, event: Event) -> Appended {
        let (caller, answer) = oneshot::channel();
        let partition = self.partition(case_name);
        if partition.put(event, Reply::One(caller)) == 1 {
            tokio::spawn(self.clone().gather(Arc::clone(partition)));
        }
        Appended(answer)
    }

    async fn gather(self, partition: Arc<Partition>) {
        let mut gathered = 0;
        while partition.in_outbox() > gathered && gathered < GATHERED {
            gathered = partition.in_outbox();
            tokio::task::yield_now().await;
        }
        let (number, events) = (partition.number, partition.take_outbox());
        self.journal().append(number, Admission::Bounded, events);
    }

    /// Asks the archive, on a thread that may wait for the disk.
    async fn archived<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, NodeError> {
        match self.0.readers.ask(ask).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error @ ArchiveError::Trimmed { .. })) => {
                Err(NodeError::ResumeOutOfRange(error.to_string()))
            }
            Ok(Err(error)) => Err(NodeError::Internal(format!("the archive: {error}"))),
            Err(error) => Err(NodeError::Internal(format!("a look-up failed: {error}"))),
        }
    }
}

/// A fact that was appended.
struct Appended(oneshot::Receiver<Result<Answer, AppendError>>);

impl Appended {
    /// Waits until it is durable and folded, for its answer.
    async fn answer(self) -> Result<Answer, NodeError> {
        let answer = self.0.await.map_err(|_| NodeError::ShuttingDown)?;
        Ok(answer?)
    }
}

fn unexpected(answer: &Answer) -> NodeError {
    NodeError::Internal(format!(
        "the fold gave the answer to another command: {answer:?}"
    ))
}
