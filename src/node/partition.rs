//! One partition as the node holds it: the folded state, what the archive does
//! not have yet, and the feed.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::{
    engine::Engine,
    model::{Event, Position},
};

use super::{feed::Feed, reply::Reply, unarchived::Unarchived};

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub number: u32,
    state: Mutex<State>,
    pub feed: Feed,
    /// Position up to which the archive has everything.
    pub archived: watch::Sender<Position>,
    /// When the next tick is due, in microseconds of journal time; `i64::MAX`
    /// when none is.
    pub tick_due: AtomicI64,
    /// Facts on their way to the journal: those of one turn of the runtime.
    outbox: Mutex<Vec<(Event, Reply)>>,
    /// Bytes queued for the archive, about.
    pub archive_backlog: AtomicU64,
}

/// What is under the lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub engine: Engine,
    pub unarchived: Unarchived,
}

impl Partition {
    pub(super) fn new(number: u32, engine: Engine, archived: Position) -> Partition {
        let state = State {
            engine,
            unarchived: Unarchived::default(),
        };
        Partition {
            number,
            state: Mutex::new(state),
            feed: Feed::default(),
            archived: watch::Sender::new(archived),
            tick_due: AtomicI64::new(i64::MAX),
            outbox: Mutex::default(),
            archive_backlog: AtomicU64::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a fact into the outbox; how many are there now.
    pub(super) fn put(&self, event: Event, reply: Reply) -> usize {
        let mut outbox = self.outbox();
        outbox.push((event, reply));
        outbox.len()
    }

    /// How many facts are in the outbox.
    pub(super) fn in_outbox(&self) -> usize {
        self.outbox().len()
    }

    /// Empties the outbox.
    pub(super) fn take_outbox(&self) -> Vec<(Event, Reply)> {
        std::mem::take(&mut *self.outbox())
    }

    fn outbox(&self) -> MutexGuard<'_, Vec<(Event, Reply)>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that the archive has everything up to a position.
    pub(super) fn archived_up_to(&self, position: Position) {
        self.lock().unarchived.forget(position);
        self.archived.send_replace(position);
    }

    pub(super) fn backlog(&self) -> u64 {
        self.archive_backlog.load(Ordering::Relaxed)
    }
}
