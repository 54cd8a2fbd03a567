//! What is durable and not yet taken by the follower, and the follower itself:
//! the same for every journal that lives in this process.
//!
//! Invariant at its border: a follower gets every record once and in order,
//! those from before the queue out of a [`Reader`], the rest out of the queue;
//! and no ticket is lost.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    AppendError, BATCH_BYTES, BATCH_RECORDS, Delivered, Follower, JournalError, Reader, Ticket,
};
use crate::model::Position;

/// What is queued, appended or delivered and not yet taken, against its bound.
pub(super) struct Load {
    used: AtomicUsize,
    bound: usize,
}

impl Load {
    pub fn new(bound: usize) -> Self {
        Load {
            used: AtomicUsize::new(0),
            bound,
        }
    }

    /// Whether no more than the bound is queued. The append that goes over it
    /// is still taken, so that none is too large for ever.
    pub fn has_room(&self) -> bool {
        self.used.load(Ordering::Acquire) < self.bound
    }

    pub fn add(&self, cost: usize) {
        self.used.fetch_add(cost, Ordering::AcqRel);
    }

    pub fn release(&self, cost: usize) {
        self.used.fetch_sub(cost, Ordering::AcqRel);
    }
}

/// Durable records that wait for the follower.
pub(super) struct Deliveries<T: Ticket> {
    partition: u32,
    load: Arc<Load>,
    state: Mutex<State<T>>,
    wake: Condvar,
}

struct State<T> {
    queue: VecDeque<Batch<T>>,
    /// Position of the last record that was pushed.
    last: Position,
    followed: bool,
    waiting: bool,
    closed: bool,
}

struct Batch<T> {
    records: Vec<Delivered<T>>,
    /// What they count for in the load.
    cost: usize,
}

impl<T: Ticket> Deliveries<T> {
    /// `last` is the position of the last record that is durable at opening.
    pub fn new(partition: u32, last: Position, load: Arc<Load>) -> Self {
        Deliveries {
            partition,
            load,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                last,
                followed: false,
                waiting: false,
                closed: false,
            }),
            wake: Condvar::new(),
        }
    }

    /// Queues the records that come next. Their `cost` is released when they are
    /// taken.
    pub fn push(&self, records: Vec<Delivered<T>>, cost: usize) {
        let mut state = self.lock();
        if let Some(last) = records.last() {
            state.last = last.record.position;
            state.queue.push_back(Batch { records, cost });
        }
        self.wake(state);
    }

    /// Position of the last record that was pushed.
    pub fn head(&self) -> Position {
        self.lock().last
    }

    /// Nothing more is pushed.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        if waiting {
            self.wake.notify_one();
        }
    }

    /// Lets one follow from behind `after`. `read` gives a reader of the records
    /// from one position to another, both included; they are durable. The
    /// tickets of records up to `after` are refused.
    pub fn follow(
        self: &Arc<Self>,
        after: Position,
        read: impl FnOnce(Position, Position) -> Result<Box<dyn Reader>, JournalError>,
    ) -> Result<Box<dyn Follower<T>>, JournalError> {
        let mut state = self.lock();
        if state.followed {
            return Err(JournalError::Followed(self.partition));
        }
        if after > state.last {
            return Err(JournalError::Beyond {
                head: state.last,
                wanted: after,
            });
        }
        let queued_from = state.queue_front().unwrap_or(state.last.saturating_add(1));
        let wanted = after.saturating_add(1);
        let passed = state.drop_before(wanted);
        // From here on nobody else takes from the queue.
        state.followed = true;
        drop(state);
        let mut follower = Box::new(QueueFollower {
            replay: None,
            deliveries: self.clone(),
        });
        self.load
            .release(passed.iter().map(|batch| batch.cost).sum());
        passed.into_iter().for_each(refuse);
        if wanted < queued_from {
            follower.replay = Some(read(wanted, queued_from - 1)?);
        }
        Ok(follower)
    }

    /// Waits for records. Empty when nothing more will come.
    fn take(&self) -> Vec<Delivered<T>> {
        let mut state = self.lock();
        let mut batch = loop {
            if let Some(batch) = state.queue.pop_front() {
                break batch;
            }
            if state.closed {
                return Vec::new();
            }
            state.waiting = true;
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        // Small ones together, so that a follower that has fallen behind has
        // less to do per record.
        while let Some(next) = state.queue.front()
            && batch.records.len() + next.records.len() <= BATCH_RECORDS
            && batch.cost + next.cost <= BATCH_BYTES
            && let Some(next) = state.queue.pop_front()
        {
            batch.records.extend(next.records);
            batch.cost += next.cost;
        }
        drop(state);
        self.load.release(batch.cost);
        batch.records
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn queue_front(&self) -> Option<Position> {
        let first = self.queue.front()?.records.first()?;
        Some(first.record.position)
    }

    /// Takes out what lies before `position`.
    fn drop_before(&mut self, position: Position) -> Vec<Batch<T>> {
        let mut passed = Vec::new();
        while let Some(front) = self.queue.front_mut() {
            let keep_from = front
                .records
                .partition_point(|delivered| delivered.record.position < position);
            if keep_from == front.records.len() {
                passed.extend(self.queue.pop_front());
                continue;
            }
            let kept = front.records.split_off(keep_from);
            let records = mem::replace(&mut front.records, kept);
            // The rest carries the cost.
            passed.push(Batch { records, cost: 0 });
            break;
        }
        passed
    }
}

impl<T: Ticket> Drop for Deliveries<T> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut state.queue).into_iter().for_each(refuse);
    }
}

fn refuse<T: Ticket>(batch: Batch<T>) {
    for ticket in batch.records.into_iter().filter_map(|one| one.ticket) {
        ticket.refuse(AppendError::Unknown(
            "it is stored, and nobody followed the journal to tell what became of it".to_owned(),
        ));
    }
}

struct QueueFollower<T: Ticket> {
    replay: Option<Box<dyn Reader>>,
    deliveries: Arc<Deliveries<T>>,
}

impl<T: Ticket> Follower<T> for QueueFollower<T> {
    fn next(&mut self) -> Result<Vec<Delivered<T>>, JournalError> {
        if let Some(replay) = &mut self.replay {
            let records = replay.next()?;
            if !records.is_empty() {
                let replayed = records.into_iter().map(|record| Delivered {
                    record,
                    ticket: None,
                });
                return Ok(replayed.collect());
            }
            self.replay = None;
        }
        Ok(self.deliveries.take())
    }
}

impl<T: Ticket> Drop for QueueFollower<T> {
    fn drop(&mut self) {
        self.deliveries.lock().followed = false;
    }
}
