//! What the suite is run against.

use std::sync::Arc;

use livecheck::{
    clock::ManualClock,
    journal::{Journal, JournalError, LocalJournal, MemoryJournal, local::LocalOptions},
};
use tempfile::TempDir;

use crate::probe::Probe;

pub type Opened = Result<Arc<dyn Journal<Probe>>, JournalError>;

/// An implementation.
pub trait Subject {
    /// A new place, with nothing in it.
    fn place(&self) -> Box<dyn Place>;
}

/// Where a journal is kept.
pub trait Place {
    /// Whether a journal can be opened here again.
    fn durable(&self) -> bool;

    /// Opens the journal, or makes it. It takes on at least 10,000 small events
    /// that nobody takes, and at most 100,000.
    fn open(&self, clock: Arc<ManualClock>) -> Opened;
}

/// A new journal with a clock.
pub fn new(subject: &dyn Subject) -> (Box<dyn Place>, Arc<dyn Journal<Probe>>, Arc<ManualClock>) {
    let place = subject.place();
    let clock = Arc::new(ManualClock::fixed());
    let journal = place.open(clock.clone()).unwrap();
    (place, journal, clock)
}

pub struct Memory {
    pub partitions: u32,
}

impl Subject for Memory {
    fn place(&self) -> Box<dyn Place> {
        Box::new(Memory { ..*self })
    }
}

impl Place for Memory {
    fn durable(&self) -> bool {
        false
    }

    fn open(&self, clock: Arc<ManualClock>) -> Opened {
        Ok(Arc::new(MemoryJournal::new(self.partitions, clock, 10_000)))
    }
}

pub struct Local;

impl Subject for Local {
    fn place(&self) -> Box<dyn Place> {
        Box::new(tempfile::tempdir().unwrap())
    }
}

impl Place for TempDir {
    fn durable(&self) -> bool {
        true
    }

    fn open(&self, clock: Arc<ManualClock>) -> Opened {
        let options = LocalOptions {
            // Small, so that every check crosses from one to the next.
            segment_bytes: 16 << 10,
            queue_bytes: 10 << 20,
        };
        Ok(Arc::new(LocalJournal::open(self.path(), clock, options)?))
    }
}
