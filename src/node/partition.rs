//! One partition as the node holds it: the folded state, what the archive does
//! not have yet, and the feed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::{
    archive::Finished,
    engine::Engine,
    model::{Event, Position, ReceivedSignal},
};

use super::{
    feed::{ExecutionKey, Feed},
    reply::Reply,
};

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
    /// Position of the last record that the archive has to know.
    pub last_archivable: Position,
}

impl Partition {
    pub(super) fn new(number: u32, engine: Engine, archived: Position) -> Partition {
        let state = State {
            engine,
            last_archivable: archived,
            ..State::default()
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

/// Finished executions that the archive does not have yet.
#[derive(Debug, Default)]
pub(super) struct Unarchived {
    by_key: HashMap<ExecutionKey, Arc<Finished>>,
    order: VecDeque<(Position, ExecutionKey)>,
}

impl Unarchived {
    pub(super) fn insert(&mut self, finished: Arc<Finished>) {
        let test = &finished.view.test;
        let key = ExecutionKey::new(&test.case_name, &test.id);
        self.order.push_back((finished.concluded, key.clone()));
        self.by_key.insert(key, finished);
    }

    pub(super) fn get(&self, case_name: &str, id: &str) -> Option<&Arc<Finished>> {
        self.by_key.get(&ExecutionKey::new(case_name, id))
    }

    /// Notes a late signal of one of them.
    pub(super) fn late(&mut self, key: &ExecutionKey, signal: Option<&ReceivedSignal>, total: u64) {
        if let Some(finished) = self.by_key.get_mut(key) {
            let finished = Arc::make_mut(finished);
            finished.view.late_signals.extend(signal.cloned());
            finished.view.late_signal_count = total;
        }
    }

    fn forget(&mut self, archived: Position) {
        while let Some((position, key)) = self.order.front()
            && *position <= archived
        {
            if self
                .by_key
                .get(key)
                .is_some_and(|one| one.concluded == *position)
            {
                self.by_key.remove(key);
            }
            self.order.pop_front();
        }
    }
}
