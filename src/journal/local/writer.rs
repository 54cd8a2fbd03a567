//! The one thread that writes: takes what was appended, round by round, and
//! delivers it once it is durable.
//!
//! Invariant at its border: every ticket that the queue gave it is delivered
//! with its durable record, or refused.

use std::{mem, sync::Arc, time::Duration};

use tracing::{info, warn};

use super::{
    log::Log,
    queue::{Pending, Queue},
};
use crate::{
    abort::AbortOnPanic,
    journal::{
        AppendError, Delivered, Ticket,
        delivery::{Deliveries, Load},
        time::{JournalTime, micros_to_time},
    },
    model::Record,
};

/// How long events that must be queued wait for space before they are tried
/// again without a new one.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Writer<T: Ticket> {
    pub log: Log,
    pub queue: Arc<Queue<T>>,
    pub deliveries: Arc<Deliveries<T>>,
    pub load: Arc<Load>,
    pub time: Arc<JournalTime>,
    /// Most bytes of a round.
    pub round_bytes: usize,
    /// Whether the last round failed.
    pub failing: bool,
}

impl<T: Ticket> Writer<T> {
    /// Writes until the queue is closed and empty, then marks the journal as
    /// closed.
    pub fn run(mut self) {
        let _guard = AbortOnPanic("journal");
        let mut work = Pending::default();
        loop {
            let retry = (!work.is_empty()).then_some(RETRY);
            let closed = self.queue.take(&mut work, retry);
            if let Err(error) = self.write(&mut work) {
                // Once, and not for each of the many that may follow.
                if !mem::replace(&mut self.failing, true) {
                    warn!(%error, "cannot append to the journal; events are refused");
                }
                let bounded = work.split_off_bounded();
                self.refuse(bounded, &error);
                if closed {
                    self.refuse(work, &error);
                    break;
                }
                continue;
            }
            if mem::take(&mut self.failing) {
                info!("can append to the journal again");
            }
            if closed {
                break;
            }
        }
        self.log.close();
        self.deliveries.close();
    }

    /// Writes and delivers everything, or up to the first error.
    fn write(&mut self, work: &mut Pending<T>) -> Result<(), AppendError> {
        while !work.is_empty() {
            let count = work.round(self.round_bytes);
            let first_time = self.time.stamp(count);
            let first = self.log.append(first_time, work.payloads(count))?;
            let mut cost = 0;
            let mut delivered = Vec::with_capacity(count);
            for ((position, time), entry) in (first..).zip(first_time..).zip(work.take(count)) {
                cost += entry.cost();
                delivered.push(Delivered {
                    record: Record {
                        position,
                        time: micros_to_time(time),
                        event: entry.event,
                    },
                    ticket: Some(entry.ticket),
                });
            }
            self.deliveries.push(delivered, cost);
        }
        Ok(())
    }

    fn refuse(&self, pending: Pending<T>, error: &AppendError) {
        self.load.release(pending.cost());
        pending.refuse(error);
    }
}
