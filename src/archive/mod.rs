//! The archive: finished executions, their reports and the history of cases, in
//! a SQLite file derived from the journal.
//!
//! Invariant: rows and the journal positions that they stand for are committed
//! together, so what the archive holds is what the journal says up to its
//! positions, less what retention has deleted. It is off the path of
//! acknowledgements: nothing waits for it but late look-ups.
//!
//! One [`Writer`] commits; any number of [`Reader`]s read at the same time. All
//! of them block, so they belong on threads that may.

mod entry;
mod error;
mod query;
mod reader;
mod retention;
mod row;
mod schema;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, ErrorCode};
use uuid::Uuid;

pub use entry::{ArchivedCaseChange, ArchivedReport, Entry, Finished};
pub use error::ArchiveError;
pub use query::{ExecutionCursor, ExecutionFilter, ReportCursor, ReportFilter};
pub use reader::{Page, Reader};
pub use retention::Retained;
pub use writer::Writer;

/// Most late signals of an execution that are kept.
pub const MAX_LATE_SIGNALS: usize = 16;

/// Steps of SQLite between two looks whether a check is to stop: well under a
/// millisecond.
const STEPS_BETWEEN_STOPS: i32 = 1_000;

/// An archive that was opened and found to be the right one.
#[derive(Clone, Debug)]
pub struct Archive {
    place: Place,
    partitions: u32,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Memory(Db),
}

impl Archive {
    /// Opens the archive of a journal, or creates it.
    ///
    /// What is another journal's, newer, or no archive is refused untouched.
    /// Damage that shows only when the whole file is read is found by
    /// [`Archive::check`], or when the row is read.
    pub fn open(path: &Path, journal: Uuid, partitions: u32) -> Result<Archive, ArchiveError> {
        schema::open(path, journal, partitions).map_err(|error| error.of(path))?;
        Ok(Archive {
            place: Place::File(path.to_owned()),
            partitions,
        })
    }

    /// A new archive that is gone when its last handle is: for tests, and for
    /// journals that are not stored either.
    pub fn in_memory(journal: Uuid, partitions: u32) -> Result<Archive, ArchiveError> {
        let db = Db::new(schema::in_memory(journal, partitions)?);
        Ok(Archive {
            place: Place::Memory(db),
            partitions,
        })
    }

    /// Reads the whole file and checks that it holds together: to be called after
    /// [`Writer::sync`], before the journal behind it is trimmed. Holds up nobody
    /// else; takes a second or two for each gigabyte. `stop` is asked once in a
    /// while; `false` when it ended the check.
    pub fn check(&self, stop: impl FnMut() -> bool + Send + 'static) -> Result<bool, ArchiveError> {
        let checked = match &self.place {
            Place::File(path) => {
                let mut db = schema::connect_reader(path)?;
                db.progress_handler(STEPS_BETWEEN_STOPS, Some(stop))?;
                quick_check(&db)
            }
            Place::Memory(db) => db.with(quick_check),
        };
        match checked {
            Ok(()) => Ok(true),
            Err(ArchiveError::Sqlite(error))
                if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The handle that commits. Use one at a time: a second one waits for it.
    pub fn writer(&self) -> Result<Writer, ArchiveError> {
        let db = match &self.place {
            Place::File(path) => Db::new(schema::connect_writer(path)?),
            Place::Memory(db) => db.clone(),
        };
        Ok(Writer::new(db, self.partitions))
    }

    /// A handle that reads what is committed. It never waits for the writer of
    /// a file.
    pub fn reader(&self) -> Result<Reader, ArchiveError> {
        Ok(Reader::new(self.connect_reader()?))
    }

    fn connect_reader(&self) -> Result<Db, ArchiveError> {
        Ok(match &self.place {
            Place::File(path) => Db::new(schema::connect_reader(path)?),
            Place::Memory(db) => db.clone(),
        })
    }
}

fn quick_check(db: &Connection) -> Result<(), ArchiveError> {
    let found: String = db.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(ArchiveError::Corrupt(found)),
    }
}

/// A connection; shared only where the archive is in memory.
#[derive(Clone, Debug)]
struct Db(Arc<Mutex<Connection>>);

impl Db {
    fn new(connection: Connection) -> Db {
        Db(Arc::new(Mutex::new(connection)))
    }

    fn with<R>(
        &self,
        run: impl FnOnce(&Connection) -> Result<R, ArchiveError>,
    ) -> Result<R, ArchiveError> {
        // A panic within a transaction has rolled it back.
        run(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
