//! The ticker: appends a `Tick` when the earliest deadline of a partition is due,
//! and what was counted. It goes through the same queue as every fact. While the
//! fold is behind, one is queued every second: a slow fold is no absence.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    clock::Clock,
    engine::limits::TICK_INTERVAL,
    journal::{Admission, Journal},
    model::{Event, Time},
};

use super::{partition::Partition, reply::Reply};

/// Longest sleep, so that a due time that is moved without a wake-up is seen.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// Starts the ticker of a partition. It ends when `closing` is set and it is
/// unparked.
pub(super) fn start(
    partition: Arc<Partition>,
    journal: Arc<dyn Journal<Reply>>,
    clock: &dyn Clock,
    closing: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    let name = format!("ticker-{}", partition.number);
    let ticker = thread::Builder::new().name(name).spawn(move || {
        let mut ticks = Ticks {
            queued: Arc::default(),
            last: Time::UNIX_EPOCH,
            counted: Time::UNIX_EPOCH,
        };
        while !closing.load(Ordering::Acquire) {
            let pause = ticks.tick(&partition, journal.as_ref());
            ticks.count(&partition, journal.as_ref());
            thread::park_timeout(pause);
        }
        counted(&partition, journal.as_ref());
    })?;
    clock.wake_on_step(ticker.thread().clone());
    Ok(ticker)
}

struct Ticks {
    /// Whether one is queued and not folded yet.
    queued: Arc<AtomicBool>,
    /// When the last one was queued.
    last: Time,
    /// When counts were queued last.
    counted: Time,
}

/// Queues what was counted.
fn counted(partition: &Partition, journal: &dyn Journal<Reply>) {
    let counts = partition.take_counts();
    if !counts.is_empty() {
        journal.append(partition.number, Admission::Always, counts);
    }
}

impl Ticks {
    /// Queues what was counted, once a second at most.
    fn count(&mut self, partition: &Partition, journal: &dyn Journal<Reply>) {
        let now = journal.now(partition.number);
        let age = (now - self.counted).to_std();
        if age.is_ok_and(|age| age >= TICK_INTERVAL) {
            self.counted = now;
            counted(partition, journal);
        }
    }

    /// Queues a tick if one is due, and says how long to sleep.
    fn tick(&mut self, partition: &Partition, journal: &dyn Journal<Reply>) -> Duration {
        let due = partition.tick_due.load(Ordering::Acquire);
        let now = journal.now(partition.number);
        let left = due.saturating_sub(now.timestamp_micros());
        if left > 0 {
            let left = Duration::from_micros(left.unsigned_abs());
            return left.min(LONGEST_SLEEP);
        }
        let waiting = self.queued.swap(true, Ordering::AcqRel);
        if !waiting
            || (now - self.last)
                .to_std()
                .is_ok_and(|age| age >= TICK_INTERVAL)
        {
            self.last = now;
            let event = Event::Tick { queued_at: now };
            let ticket = Reply::Tick(Arc::clone(&self.queued));
            journal.append(partition.number, Admission::Always, vec![(event, ticket)]);
        }
        // The fold wakes the ticker when it has moved the due time.
        LONGEST_SLEEP
    }
}
