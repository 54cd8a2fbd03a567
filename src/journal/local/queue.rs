//! What was appended and not yet written: the double buffer between the
//! appenders and the writer.
//!
//! Invariant at its border: the writer gets everything in the order in which it
//! was pushed, and nothing after it was told that the queue is closed.

use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::frame::RECORD_OVERHEAD;
use crate::{
    journal::{Admission, AppendError, BATCH_RECORDS, Ticket},
    model::Event,
};

/// An event on its way to the disk.
pub(super) struct Entry<T> {
    pub event: Event,
    pub ticket: T,
    pub admission: Admission,
    /// Length of its encoding in [`Pending::payloads`].
    pub length: usize,
}

/// Events with their encodings, in order.
pub(super) struct Pending<T> {
    pub entries: VecDeque<Entry<T>>,
    /// The encodings, one after the other.
    payloads: Vec<u8>,
    /// Bytes of `payloads` whose entries are gone.
    gone: usize,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending {
            entries: VecDeque::new(),
            payloads: Vec::new(),
            gone: 0,
        }
    }
}

impl<T: Ticket> Pending<T> {
    /// Adds an event whose encoding `encode` appends to the buffer that it is
    /// given. One of over `max` bytes is refused.
    pub fn add(
        &mut self,
        (event, ticket): (Event, T),
        admission: Admission,
        max: usize,
        encode: impl FnOnce(&Event, &mut Vec<u8>),
    ) {
        let start = self.payloads.len();
        encode(&event, &mut self.payloads);
        let length = self.payloads.len() - start;
        if length > max {
            self.payloads.truncate(start);
            ticket.refuse(AppendError::TooLarge { bytes: length, max });
            return;
        }
        self.entries.push_back(Entry {
            event,
            ticket,
            admission,
            length,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What they count for in the load, in bytes: the encodings, and about as
    /// much as the events take beside them.
    pub fn cost(&self) -> usize {
        self.entries.iter().map(Entry::cost).sum()
    }

    /// How many entries make up the next round of at most `limit` bytes, which
    /// the first entry may exceed.
    pub fn round(&self, limit: usize) -> usize {
        let mut bytes = 0;
        let fitting = self.entries.iter().take(BATCH_RECORDS).take_while(|entry| {
            bytes += entry.length + RECORD_OVERHEAD;
            bytes <= limit
        });
        fitting.count().max(1)
    }

    /// The encodings of the first `count` entries.
    pub fn payloads(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.payloads.get(self.gone..).unwrap_or_default();
        self.entries.iter().take(count).map(move |entry| {
            let (payload, after) = rest.split_at(entry.length.min(rest.len()));
            rest = after;
            payload
        })
    }

    /// Takes the first `count` entries out.
    pub fn take(&mut self, count: usize) -> impl Iterator<Item = Entry<T>> {
        let taken = self.entries.iter().take(count);
        self.gone += taken.map(|entry| entry.length).sum::<usize>();
        self.entries.drain(..count.min(self.entries.len()))
    }

    /// Keeps the entries that must be queued and returns the others.
    pub fn split_off_bounded(&mut self) -> Pending<T> {
        let (mut kept, mut others) = (Pending::default(), Pending::default());
        let Pending {
            entries,
            payloads,
            gone,
        } = mem::take(self);
        let mut rest = payloads.get(gone..).unwrap_or_default();
        for entry in entries {
            let (payload, after) = rest.split_at(entry.length.min(rest.len()));
            rest = after;
            let to = match entry.admission {
                Admission::Bounded => &mut others,
                Admission::Always => &mut kept,
            };
            to.payloads.extend_from_slice(payload);
            to.entries.push_back(entry);
        }
        *self = kept;
        others
    }

    fn append(&mut self, more: &mut Pending<T>) {
        self.payloads.extend_from_slice(&more.payloads);
        self.entries.append(&mut more.entries);
        more.clear();
    }

    /// Forgets everything and keeps the memory.
    fn clear(&mut self) {
        self.entries.clear();
        self.payloads.clear();
        self.gone = 0;
    }

    /// Refuses all tickets.
    pub fn refuse(self, error: &AppendError) {
        for entry in self.entries {
            entry.ticket.refuse(error.clone());
        }
    }
}

impl<T> Entry<T> {
    /// See [`Pending::cost`].
    pub fn cost(&self) -> usize {
        self.length + mem::size_of::<Self>()
    }
}

/// Between appenders and the writer.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
}

struct State<T> {
    pending: Pending<T>,
    waiting: bool,
    closed: bool,
}

impl<T: Ticket> Queue<T> {
    pub fn new() -> Self {
        Queue {
            state: Mutex::new(State {
                pending: Pending::default(),
                waiting: false,
                closed: false,
            }),
            wake: Condvar::new(),
        }
    }

    /// Adds to what is pending; gives it back when the queue is closed.
    pub fn push(&self, mut more: Pending<T>) -> Result<(), Pending<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(more);
        }
        state.pending.append(&mut more);
        self.wake(state);
        Ok(())
    }

    /// Takes no more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state);
    }

    /// Waits until something is pending, the queue is closed, or, if a `timeout`
    /// is given, it has passed. Then moves what is pending to the end of
    /// `taken`, and returns whether the queue is closed.
    pub fn take(&self, taken: &mut Pending<T>, timeout: Option<Duration>) -> bool {
        let mut state = self.lock();
        while state.pending.is_empty() && !state.closed {
            state.waiting = true;
            if let Some(timeout) = timeout {
                let (woken, result) = self
                    .wake
                    .wait_timeout(state, timeout)
                    .unwrap_or_else(PoisonError::into_inner);
                state = woken;
                if result.timed_out() {
                    break;
                }
            } else {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        state.waiting = false;
        if taken.is_empty() {
            taken.clear();
            mem::swap(taken, &mut state.pending);
        } else {
            taken.append(&mut state.pending);
        }
        state.closed
    }

    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        if waiting {
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
