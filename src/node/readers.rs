//! Readers of the archive, kept for the next look-up.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

use crate::archive::{Archive, ArchiveError, Reader};

/// Most readers, and so threads that read at once: opening one takes longer than
/// most look-ups.
const READERS: usize = 8;

/// Readers, made when there is none at hand.
#[derive(Clone)]
pub(super) struct Readers {
    archive: Archive,
    idle: Arc<Mutex<Vec<Reader>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(archive: Archive) -> Readers {
        Readers {
            archive,
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Asks the archive, on a thread that may wait for the disk.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<Result<T, ArchiveError>, JoinError> {
        // It is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await;
        let readers = self.clone();
        spawn_blocking(move || {
            // Kept by the thread: a call may be gone before it.
            let _place = place;
            readers.with(ask)
        })
        .await
    }

    fn with<T>(
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
        idle().push(reader);
        answer
    }
}
