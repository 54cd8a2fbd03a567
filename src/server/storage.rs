//! The data directory: the journal in `journal/`, the archive beside it.

use std::{path::PathBuf, sync::Arc};

use crate::{
    archive::{Archive, ArchiveError},
    clock::Clock,
    journal::{
        Journal, JournalError,
        local::{LocalJournal, LocalOptions},
    },
    node::Reply,
    settings::ServeSettings,
};

/// Name of the archive in the data directory.
const ARCHIVE: &str = "archive.sqlite";

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The directory.
    #[error("data directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A thread.
    #[error("opening the data directory failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Opens the data directory, or makes it.
pub(super) async fn open(
    settings: &ServeSettings,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<dyn Journal<Reply>>, Archive), StorageError> {
    let directory = settings.data_dir.clone();
    let queue_bytes = usize::try_from(settings.journal_queue_bytes.bytes()).unwrap_or(usize::MAX);
    tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&directory).map_err(|source| StorageError::Directory {
            path: directory.clone(),
            source,
        })?;
        let options = LocalOptions {
            queue_bytes,
            ..LocalOptions::default()
        };
        let journal = LocalJournal::open(&directory, clock, options)?;
        let id = Journal::<Reply>::id(&journal);
        let partitions = Journal::<Reply>::partitions(&journal);
        let archive = Archive::open(&directory.join(ARCHIVE), id, partitions)?;
        let journal: Arc<dyn Journal<Reply>> = Arc::new(journal);
        Ok((journal, archive))
    })
    .await?
}
