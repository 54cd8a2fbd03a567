//! Readers of the archive, kept for the next look-up.

use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::{Archive, ArchiveError, Reader};

/// Most readers that are kept.
const KEPT: usize = 16;

/// Readers, made when there is none at hand.
#[derive(Clone)]
pub(super) struct Readers {
    archive: Archive,
    idle: Arc<Mutex<Vec<Reader>>>,
}

impl Readers {
    pub(super) fn new(archive: Archive) -> Readers {
        Readers {
            archive,
            idle: Arc::default(),
        }
    }

    /// Asks the archive. Blocks.
    pub(super) fn with<T>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let reader = match kept {
            Some(reader) => reader,
            None => self.archive.reader()?,
        };
        let answer = ask(&reader);
        let mut idle = idle();
        if idle.len() < KEPT {
            idle.push(reader);
        }
        answer
    }
}
