//! The segments of a journal: which there are, and the way to open and to
//! remove one.
//!
//! Invariant at its border: the list is never empty, its segments follow one
//! another without a gap, and each has its file.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use super::{
    frame::Seed,
    segment::{SegmentHeader, Window, failed, name, sync_directory},
};
use crate::{journal::JournalError, model::Position};

/// The segments of a journal, shared by the writer and the readers.
pub(super) struct Segments {
    directory: PathBuf,
    journal: Uuid,
    /// By position.
    headers: Mutex<Vec<SegmentHeader>>,
}

impl Segments {
    /// `headers` are those of the files in `directory`, in order.
    pub fn new(directory: &Path, journal: Uuid, headers: Vec<SegmentHeader>) -> Self {
        Segments {
            directory: directory.to_owned(),
            journal,
            headers: Mutex::new(headers),
        }
    }

    pub fn journal(&self) -> Uuid {
        self.journal
    }

    pub fn seed(&self) -> Seed {
        Seed::of(self.journal)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Path of the segment that begins with this position.
    pub fn path(&self, first: Position) -> PathBuf {
        self.directory.join(name(first))
    }

    /// Position of the first record that is left, or that will be written.
    pub fn begins(&self) -> Position {
        self.lock().first().map_or(1, |header| header.first)
    }

    /// Adds the newest. An empty one that begins with the same position gives
    /// way to it.
    pub fn push(&self, header: SegmentHeader) {
        let mut headers = self.lock();
        headers.pop_if(|last| last.first == header.first);
        headers.push(header);
    }

    /// Opens the segment in which the record at `position` is or will be.
    pub fn open(&self, position: Position) -> Result<(SegmentHeader, Window), JournalError> {
        // The lock is held so that the file is not removed in between.
        let headers = self.lock();
        let after = headers.partition_point(|header| header.first <= position);
        let Some(header) = after.checked_sub(1).and_then(|at| headers.get(at)) else {
            return Err(JournalError::Trimmed {
                begins: headers.first().map_or(1, |header| header.first),
                wanted: position,
            });
        };
        let path = self.path(header.first);
        let window = Window::open(&path, header.length).map_err(failed("cannot open", &path))?;
        Ok((*header, window))
    }

    /// Removes the segments whose records are all at or before `up_to`, the
    /// oldest first, but never the last one.
    pub fn trim(&self, up_to: Position) -> Result<(), JournalError> {
        let mut headers = self.lock();
        while let [oldest, next, ..] = headers.as_slice()
            && next.first <= up_to.saturating_add(1)
        {
            let path = self.path(oldest.first);
            fs::remove_file(&path).map_err(failed("cannot remove", &path))?;
            // So that no younger one can vanish before it in a power loss.
            sync_directory(&self.directory).map_err(failed("cannot sync", &self.directory))?;
            headers.remove(0);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SegmentHeader>> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
