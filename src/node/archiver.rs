//! The archiver: one thread that writes what is finished to the archive, in
//! large batches, off the path of acknowledgements. It also lets go: of old
//! reports by retention, and of the journal behind archive and snapshots.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use crate::{
    abort::AbortOnPanic,
    archive::{Archive, ArchiveError, Entry, Writer},
    engine::Frozen,
    journal::Journal,
    model::{Position, Time},
};

use super::{NodeOptions, partition::Partition, reply::Reply};

/// Most jobs of one transaction.
const BATCH: usize = 2000;
/// How often retention looks.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// How soon it goes on while there is more to delete.
const RETAIN_MORE_AFTER: Duration = Duration::from_millis(10);
/// After the archive could not be written, how long until the next try.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What the archiver is to do.
pub(super) enum Job {
    /// Write this.
    Write {
        position: Position,
        entries: Vec<Entry>,
        backlog: Backlog,
    },
    /// Store a snapshot once the archive has everything up to its position, and
    /// trim the journal.
    Snapshot {
        partition: Arc<Partition>,
        state: Box<Frozen>,
        /// Cleared when it is done.
        queued: Arc<AtomicBool>,
    },
}

impl Job {
    /// Entries of one record, which belong into one transaction.
    pub(super) fn write(
        partition: &Arc<Partition>,
        position: Position,
        entries: Vec<Entry>,
    ) -> Job {
        let bytes = entries.iter().map(Entry::bytes).sum();
        Job::Write {
            position,
            backlog: Backlog::new(partition, bytes),
            entries,
        }
    }
}

/// A share of what a partition has queued for the archive; given back when it is
/// dropped, however the entry ends.
pub(super) struct Backlog {
    partition: Arc<Partition>,
    bytes: u64,
}

impl Backlog {
    fn new(partition: &Arc<Partition>, bytes: u64) -> Backlog {
        partition
            .archive_backlog
            .fetch_add(bytes, Ordering::Relaxed);
        Backlog {
            partition: Arc::clone(partition),
            bytes,
        }
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.partition
            .archive_backlog
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What the archiver works with.
pub(super) struct Archiver {
    pub archive: Archive,
    pub writer: Writer,
    pub journal: Arc<dyn Journal<Reply>>,
    pub options: NodeOptions,
    pub jobs: mpsc::Receiver<Job>,
    pub closing: Arc<Closing>,
}

impl Archiver {
    /// Works until every fold has ended and its jobs are done, or until the time
    /// for that is over.
    pub(super) fn run(mut self) {
        let _guard = AbortOnPanic("archiver");
        let mut retain_at = Instant::now() + RETAIN_EVERY;
        loop {
            let idle = retain_at.saturating_duration_since(Instant::now());
            let taken = match self.jobs.recv_timeout(idle) {
                Ok(first) => self.take(first),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Err(GivenUp) = taken {
                tracing::warn!(
                    "going down before the archive has everything; the next start brings it up \
                     to date from the journal"
                );
                return;
            }
            if Instant::now() >= retain_at && !self.closing.has_begun() {
                let pause = match self.retain() {
                    true => RETAIN_MORE_AFTER,
                    false => RETAIN_EVERY,
                };
                retain_at = Instant::now() + pause;
            }
        }
    }

    fn take(&mut self, first: Job) -> Result<(), GivenUp> {
        let mut next = Some(first);
        let mut writes = Vec::new();
        while let Some(job) = next {
            match job {
                Job::Write {
                    position,
                    entries,
                    backlog,
                } => writes.push((position, entries, backlog)),
                Job::Snapshot {
                    partition,
                    state,
                    queued,
                } => {
                    let position = state.position();
                    let snapshot = state.encode();
                    self.write(std::mem::take(&mut writes))?;
                    self.snapshot(&partition, position, &snapshot)?;
                    queued.store(false, Ordering::Release);
                }
            }
            next = match writes.len() < BATCH {
                true => self.jobs.try_recv().ok(),
                false => None,
            };
        }
        self.write(writes)
    }

    /// Writes entries, and tries again for as long as it takes: they are in the
    /// journal, and submissions are refused when too many wait.
    fn write(&mut self, writes: Vec<(Position, Vec<Entry>, Backlog)>) -> Result<(), GivenUp> {
        let mut reached: Vec<(Arc<Partition>, Position)> = Vec::new();
        let mut entries = Vec::with_capacity(writes.len());
        let mut backlogs = Vec::with_capacity(writes.len());
        for (position, of_record, backlog) in writes {
            let partition = &backlog.partition;
            match reached
                .iter_mut()
                .find(|(one, _)| one.number == partition.number)
            {
                Some((_, last)) => *last = position,
                None => reached.push((Arc::clone(partition), position)),
            }
            entries.extend(of_record);
            backlogs.push(backlog);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let last: Vec<_> = reached.iter().map(|(one, at)| (one.number, *at)).collect();
        self.persist("write", |writer| writer.commit(&entries, &last))?;
        drop(backlogs);
        for (partition, position) in reached {
            partition.archived_up_to(position);
        }
        Ok(())
    }

    /// Stores a snapshot after the archive is safe up to its position, then trims
    /// the journal behind the older of the two snapshots that are left. At the end
    /// it only stores: the check takes long, and without it nothing is trimmed.
    fn snapshot(
        &mut self,
        partition: &Partition,
        position: Position,
        snapshot: &[u8],
    ) -> Result<(), GivenUp> {
        let number = partition.number;
        self.persist("sync", |writer| {
            writer.commit(&[], &[(number, position)])?;
            writer.sync()
        })?;
        partition.archived_up_to(position);
        let closing = Arc::clone(&self.closing);
        let checked = match self.closing.has_begun() {
            true => Ok(false),
            false => self.archive.check(move || closing.has_begun()),
        };
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => {
                tracing::error!(%error, "the archive is not sound; the journal is not trimmed");
                return Ok(());
            }
        };
        let stored = self
            .journal
            .save_snapshot(number, position, snapshot)
            .and_then(|()| self.journal.snapshots(number));
        let trimmed = stored.and_then(|snapshots| match snapshots.as_slice() {
            [_, .., (older, _)] if checked => self.journal.trim(number, *older),
            _ => Ok(()),
        });
        match trimmed {
            Ok(()) => tracing::info!(
                partition = number,
                position,
                bytes = snapshot.len(),
                "stored a snapshot"
            ),
            Err(error) => tracing::error!(
                partition = number,
                position,
                %error,
                "could not store a snapshot or trim the journal; it grows until the next one"
            ),
        }
        Ok(())
    }

    /// Deletes some of what is too old or too much; says whether there is more.
    fn retain(&mut self) -> bool {
        let age = self.options.retention_age.unwrap_or(Duration::MAX);
        let size = self.options.retention_size.unwrap_or(u64::MAX);
        match self.writer.retain(age, now(self.journal.as_ref()), size) {
            Ok(retained) => {
                let (executions, more) = (retained.executions, retained.more);
                if executions > 0 {
                    tracing::info!(executions, more, "deleted finished executions by retention");
                }
                more
            }
            Err(error) => {
                end_if_fatal(&error);
                tracing::error!(%error, "retention failed; it is tried again");
                false
            }
        }
    }

    /// Writes, and tries again for as long as it takes: until the node goes down.
    fn persist(
        &mut self,
        what: &str,
        mut write: impl FnMut(&mut Writer) -> Result<(), ArchiveError>,
    ) -> Result<(), GivenUp> {
        loop {
            if self.closing.is_over() {
                return Err(GivenUp);
            }
            let Err(error) = write(&mut self.writer) else {
                return Ok(());
            };
            end_if_fatal(&error);
            tracing::error!(%error, what, "the archive cannot be written; trying again");
            self.closing.wait(RETRY_AFTER);
        }
    }
}

/// Ends the process when nobody knows what the disk holds.
fn end_if_fatal(error: &ArchiveError) {
    if error.is_fatal() {
        tracing::error!(%error, "what the disk holds is not known: the process ends");
        std::process::abort();
    }
}

/// Journal time, that of the partition that is furthest behind: what has an age
/// has it in journal time.
pub(super) fn now(journal: &dyn Journal<Reply>) -> Time {
    let times = (0..journal.partitions()).map(|partition| journal.now(partition));
    times.min().unwrap_or(Time::MIN_UTC)
}

/// What is left was not done in time.
struct GivenUp;

/// Tells the archiver that the node goes down, and when it has to have ended.
#[derive(Default)]
pub(super) struct Closing {
    deadline: Mutex<Option<Instant>>,
    begun: Condvar,
}

impl Closing {
    pub(super) fn begin(&self, deadline: Instant) {
        *self.lock() = Some(deadline);
        self.begun.notify_all();
    }

    fn has_begun(&self) -> bool {
        self.lock().is_some()
    }

    fn is_over(&self) -> bool {
        self.lock()
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Waits for a while, and no longer than to the deadline.
    fn wait(&self, pause: Duration) {
        let end = Instant::now() + pause;
        let mut deadline = self.lock();
        loop {
            let until = deadline.map_or(end, |deadline| deadline.min(end));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.begun.wait_timeout(deadline, left);
            deadline = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
