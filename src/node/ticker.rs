//! The ticker: appends a `Tick` when the earliest deadline of a partition is
//! due. It goes through the same queue as every fact, one at a time.

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
    journal::{Admission, Journal},
    model::Event,
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
        let queued = Arc::new(AtomicBool::new(false));
        while !closing.load(Ordering::Acquire) {
            thread::park_timeout(tick(&partition, journal.as_ref(), &queued));
        }
    })?;
    clock.wake_on_step(ticker.thread().clone());
    Ok(ticker)
}

/// Queues a tick if one is due, and says how long to sleep.
fn tick(partition: &Partition, journal: &dyn Journal<Reply>, queued: &Arc<AtomicBool>) -> Duration {
    let due = partition.tick_due.load(Ordering::Acquire);
    let now = journal.now(partition.number);
    let left = due.saturating_sub(now.timestamp_micros());
    if left > 0 {
        let left = Duration::from_micros(left.unsigned_abs());
        return left.min(LONGEST_SLEEP);
    }
    if !queued.swap(true, Ordering::AcqRel) {
        let event = Event::Tick { queued_at: now };
        let ticket = Reply::Tick(Arc::clone(queued));
        journal.append(partition.number, Admission::Always, vec![(event, ticket)]);
    }
    // The fold wakes the ticker when it has moved the due time.
    LONGEST_SLEEP
}
