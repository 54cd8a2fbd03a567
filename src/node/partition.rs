//! One partition as the node holds it: the folded state, what the archive does
//! not have yet, and the feed.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::{
    engine::Engine,
    model::{Counts, Event, Position},
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
    /// What is counted and not journaled by itself, by case.
    counts: Mutex<HashMap<String, Counts>>,
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
            counts: Mutex::default(),
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

    /// Counts something of a case that there is.
    pub(super) fn count(&self, case_name: &str, add: impl FnOnce(&mut Counts)) {
        if self.lock().engine.case(case_name).is_none() {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        add(counts.entry(case_name.to_owned()).or_default());
    }

    /// Takes what was counted, as facts.
    pub(super) fn take_counts(&self) -> Vec<(Event, Reply)> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = std::mem::take(&mut *counts).into_iter();
        counted
            .map(|(case_name, counts)| (Event::Counted { case_name, counts }, Reply::Nobody))
            .collect()
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
