//! Places under a limit, taken by what is on its way to the journal: it counts
//! before it is folded, so that calls at the same time cannot exceed the limit.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many places are taken.
#[derive(Debug, Default)]
pub(super) struct Places(AtomicUsize);

/// A place, given up when dropped.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Places);

impl Places {
    /// Takes a place; also says how many were taken before.
    pub(super) fn take(&self) -> (Place<'_>, usize) {
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        (Place(self), before)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
