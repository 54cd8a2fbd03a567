//! A journal in memory, for tests and simulations: the same contract, without
//! durability.
//!
//! Invariant at its border: partitions share nothing but the id, so that what
//! holds for one holds for each.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use super::{
    Admission, AppendError, BATCH_RECORDS, Delivered, Follower, Journal, JournalError, Reader,
    Ticket,
    delivery::{Deliveries, Load},
    time::{JournalTime, micros_to_time},
};
use crate::{
    clock::Clock,
    model::{Event, Position, Record, Time},
};

/// How many snapshots are kept.
const SNAPSHOTS: usize = 2;

/// A journal in memory.
pub struct MemoryJournal<T: Ticket> {
    id: Uuid,
    partitions: Vec<Partition<T>>,
}

struct Partition<T: Ticket> {
    time: JournalTime,
    load: Arc<Load>,
    deliveries: Arc<Deliveries<T>>,
    store: Arc<Mutex<Store>>,
}

struct Store {
    records: VecDeque<Record>,
    /// Position of the first record that is left.
    begins: Position,
    /// By position, the newest first.
    snapshots: Vec<(Position, Vec<u8>)>,
    closed: bool,
}

impl<T: Ticket> MemoryJournal<T> {
    /// An empty journal. Each partition takes on `queue_bound` events that its
    /// follower has not taken; then bounded appends are refused.
    pub fn new(partitions: u32, clock: Arc<dyn Clock>, queue_bound: usize) -> Self {
        MemoryJournal {
            id: Uuid::new_v4(),
            partitions: (0..partitions)
                .map(|number| Partition::new(number, clock.clone(), queue_bound))
                .collect(),
        }
    }

    fn partition(&self, partition: u32) -> &Partition<T> {
        &self.partitions[partition as usize]
    }
}

impl<T: Ticket> Partition<T> {
    fn new(number: u32, clock: Arc<dyn Clock>, queue_bound: usize) -> Self {
        let load = Arc::new(Load::new(queue_bound));
        Partition {
            time: JournalTime::open(clock, None),
            deliveries: Arc::new(Deliveries::new(number, 0, load.clone())),
            load,
            store: Arc::new(Mutex::new(Store {
                records: VecDeque::new(),
                begins: 1,
                snapshots: Vec::new(),
                closed: false,
            })),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    fn append(&self, admission: Admission, events: Vec<(Event, T)>) {
        let mut store = self.store();
        let refusal = if store.closed {
            Some(AppendError::Closed)
        } else if admission == Admission::Bounded && !self.load.has_room() {
            Some(AppendError::Overloaded)
        } else {
            None
        };
        if let Some(error) = refusal {
            drop(store);
            for (_, ticket) in events {
                ticket.refuse(error.clone());
            }
            return;
        }
        self.load.add(events.len());
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            let batch: Vec<(Event, T)> = events.by_ref().take(BATCH_RECORDS).collect();
            let first_time = self.time.stamp(batch.len());
            let delivered: Vec<Delivered<T>> = (first_time..)
                .zip(batch)
                .map(|(time, (event, ticket))| {
                    let record = Record {
                        position: store.head() + 1,
                        time: micros_to_time(time),
                        event,
                    };
                    store.records.push_back(record.clone());
                    Delivered {
                        record,
                        ticket: Some(ticket),
                    }
                })
                .collect();
            // Under the lock, so that deliveries keep the order of the records.
            let cost = delivered.len();
            self.deliveries.push(delivered, cost);
        }
    }

    fn read(&self, next: Position, last: Position) -> Result<Box<dyn Reader>, JournalError> {
        self.store().check_left(next)?;
        Ok(Box::new(MemoryReader {
            store: self.store.clone(),
            next,
            last,
        }))
    }
}

impl Store {
    fn head(&self) -> Position {
        self.begins + self.records.len() as Position - 1
    }

    fn check_left(&self, wanted: Position) -> Result<(), JournalError> {
        if wanted < self.begins {
            return Err(JournalError::Trimmed {
                begins: self.begins,
                wanted,
            });
        }
        Ok(())
    }

    fn check_reached(&self, wanted: Position) -> Result<(), JournalError> {
        let head = self.head();
        if wanted > head {
            return Err(JournalError::Beyond { head, wanted });
        }
        Ok(())
    }
}

impl<T: Ticket> Journal<T> for MemoryJournal<T> {
    fn id(&self) -> Uuid {
        self.id
    }

    fn partitions(&self) -> u32 {
        self.partitions.len() as u32
    }

    fn now(&self, partition: u32) -> Time {
        micros_to_time(self.partition(partition).time.now())
    }

    fn append(&self, partition: u32, admission: Admission, events: Vec<(Event, T)>) {
        self.partition(partition).append(admission, events);
    }

    fn head(&self, partition: u32) -> Position {
        self.partition(partition).store().head()
    }

    fn read(&self, partition: u32, after: Position) -> Result<Box<dyn Reader>, JournalError> {
        let partition = self.partition(partition);
        let head = {
            let store = partition.store();
            store.check_reached(after)?;
            store.head()
        };
        partition.read(after.saturating_add(1), head)
    }

    fn follow(
        &self,
        partition: u32,
        after: Position,
    ) -> Result<Box<dyn Follower<T>>, JournalError> {
        let partition = self.partition(partition);
        partition.store().check_left(after.saturating_add(1))?;
        partition
            .deliveries
            .follow(after, |next, last| partition.read(next, last))
    }

    fn save_snapshot(
        &self,
        partition: u32,
        position: Position,
        snapshot: &[u8],
    ) -> Result<(), JournalError> {
        let mut store = self.partition(partition).store();
        store.check_reached(position)?;
        store.snapshots.retain(|(kept, _)| *kept != position);
        store.snapshots.push((position, snapshot.to_vec()));
        store
            .snapshots
            .sort_unstable_by_key(|(position, _)| std::cmp::Reverse(*position));
        store.snapshots.truncate(SNAPSHOTS);
        Ok(())
    }

    fn snapshots(&self, partition: u32) -> Result<Vec<(Position, Vec<u8>)>, JournalError> {
        Ok(self.partition(partition).store().snapshots.clone())
    }

    fn trim(&self, partition: u32, up_to: Position) -> Result<(), JournalError> {
        let mut store = self.partition(partition).store();
        let gone = up_to.min(store.head()).saturating_add(1);
        while store.begins < gone {
            store.records.pop_front();
            store.begins += 1;
        }
        Ok(())
    }

    fn close(&self) {
        for partition in &self.partitions {
            partition.store().closed = true;
            partition.deliveries.close();
        }
    }
}

impl<T: Ticket> Drop for MemoryJournal<T> {
    /// So that followers end.
    fn drop(&mut self) {
        self.close();
    }
}

struct MemoryReader {
    store: Arc<Mutex<Store>>,
    next: Position,
    last: Position,
}

impl Reader for MemoryReader {
    fn next(&mut self) -> Result<Vec<Record>, JournalError> {
        if self.next > self.last {
            return Ok(Vec::new());
        }
        let store = lock(&self.store);
        store.check_left(self.next)?;
        let skipped = (self.next - store.begins) as usize;
        let wanted = usize::try_from(self.last - self.next).map_or(BATCH_RECORDS, |more| {
            more.saturating_add(1).min(BATCH_RECORDS)
        });
        let records: Vec<Record> = store
            .records
            .iter()
            .skip(skipped)
            .take(wanted)
            .cloned()
            .collect();
        self.next += records.len() as Position;
        Ok(records)
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
