//! What can go wrong with the archive, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};
use uuid::Uuid;

use crate::model::Position;

/// Why the archive cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is something else.
    #[error(
        "{path} is no archive of LiveCheck ({why}); restore it from a backup, together with the \
         journal"
    )]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The archive belongs to another journal.
    #[error(
        "{path} is the archive of the journal {found}, and not of {wanted}; put the journal and \
         the archive that belong together back together, or name another file"
    )]
    OtherJournal {
        /// The file.
        path: PathBuf,
        /// The journal it was made from.
        found: Uuid,
        /// The journal at hand.
        wanted: Uuid,
    },
    /// The archive was made from a journal with another number of partitions.
    #[error("the archive has {found} partitions, and the journal {wanted}; they belong apart")]
    OtherPartitions {
        /// Those of the archive.
        found: u32,
        /// Those of the journal.
        wanted: u32,
    },
    /// A newer version wrote the archive.
    #[error(
        "{path} was written by a newer version of LiveCheck (schema {found}; this one knows up to \
         {known}); start that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that is known.
        known: i64,
    },
    /// The file system cannot hold an archive.
    #[error(
        "the archive cannot be kept at {path}: its file system has no shared memory or locks \
         (journal mode {mode}); use a local disk"
    )]
    NoWal {
        /// The file.
        path: PathBuf,
        /// The mode that SQLite fell back to.
        mode: String,
    },
    /// What is stored is not what was written.
    #[error("the archive is corrupt: {0}; restore it from a backup, together with the journal")]
    Corrupt(String),
    /// The disk is full. Nothing of the call was stored; it can be repeated.
    #[error("no space is left for the archive; free some: {0}")]
    Full(String),
    /// Another process or a long read is in the way. Nothing of the call was
    /// stored; it can be repeated.
    #[error("the archive is in use: {0}")]
    Busy(String),
    /// Retention has deleted rows behind the place asked for.
    #[error(
        "the archive has deleted rows of partition {partition} up to position {deleted}, and was \
         asked for those after {wanted}"
    )]
    Trimmed {
        /// The partition.
        partition: u32,
        /// Position of the last deleted row.
        deleted: Position,
        /// The place asked for.
        wanted: Position,
    },
    /// The journal has no such place.
    #[error("the journal has no position {position} in a partition {partition}")]
    NoSuchPlace {
        /// The partition.
        partition: u32,
        /// The position.
        position: Position,
    },
    /// An execution without a report is not finished.
    #[error("the execution {0} has no report and is not for the archive")]
    Unfinished(String),
    /// SQLite refused for another reason.
    #[error("the archive cannot be used: {0}")]
    Sqlite(rusqlite::Error),
}

impl ArchiveError {
    /// The same error, with the file where it says what is wrong with one.
    pub(super) fn of(self, path: &Path) -> Self {
        let of = |what: String| format!("{what} ({})", path.display());
        match self {
            ArchiveError::Corrupt(what) => ArchiveError::Corrupt(of(what)),
            ArchiveError::Full(what) => ArchiveError::Full(of(what)),
            ArchiveError::Busy(what) => ArchiveError::Busy(of(what)),
            other => other,
        }
    }

    /// Whether what is durable is no longer known, so that the process must end:
    /// a failed fsync.
    pub fn is_fatal(&self) -> bool {
        let ArchiveError::Sqlite(rusqlite::Error::SqliteFailure(error, _)) = self else {
            return false;
        };
        matches!(
            error.extended_code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC
        )
    }
}

impl From<rusqlite::Error> for ArchiveError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ArchiveError::Full(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                ArchiveError::Busy(error.to_string())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                ArchiveError::Corrupt(error.to_string())
            }
            _ => match error {
                // A column that is not of its type: not what was written.
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::FromSqlConversionFailure(..) => {
                    ArchiveError::Corrupt(error.to_string())
                }
                other => ArchiveError::Sqlite(other),
            },
        }
    }
}
