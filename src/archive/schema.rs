//! The tables, and the checks before a file is used as an archive.
//!
//! Invariant: a file is changed only once it is known to be empty or an archive
//! of this journal.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::{ArchiveError, writer::Marks};

/// Version of the tables, in `user_version`.
const VERSION: i64 = 2;
/// Marks the file as an archive, in `application_id`: "LvCk".
const APPLICATION: i64 = 0x4c76_436b;
/// How long a reader waits for another connection's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the writer does, which tries again by itself.
const WRITER_BUSY_TIMEOUT: Duration = Duration::from_millis(500);
/// Statements that a connection keeps compiled; more than there are forms of
/// queries in use at a time.
const STATEMENTS: usize = 64;

/// The state is one of those that call for attention: FAIL, ERROR, TIMEOUT and
/// STALL, whose numbers follow each other. Indexes and queries have to use the
/// same words. (A list would be built anew for every index of every row.)
pub const NOT_OK: &str = "state BETWEEN 3 AND 6";

/// Every position is stored as a key, which is the partition and the position in
/// it (see `row::key`). So finished executions lie in the order of the journal
/// and are appended. `execution` is the key of the submission; `key` and `place`
/// of late signals are those of the execution and of the signal.
///
/// A report on a case itself lies among the finished executions, with an empty
/// id. The `kind` of a case's change tells what its blob is (see `row`).
const TABLES: &str = "
    CREATE TABLE meta (
        journal BLOB NOT NULL,
        partitions INTEGER NOT NULL
    );
    CREATE TABLE positions (
        partition INTEGER PRIMARY KEY,
        position INTEGER NOT NULL DEFAULT 0,
        deleted_reports INTEGER NOT NULL DEFAULT 0,
        deleted_case_changes INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE cases (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    );
    CREATE TABLE finished (
        key INTEGER PRIMARY KEY,
        execution INTEGER NOT NULL,
        case_id INTEGER NOT NULL,
        state INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        concluded_at INTEGER NOT NULL,
        id TEXT NOT NULL,
        submitted BLOB NOT NULL,
        report BLOB NOT NULL,
        rest BLOB NOT NULL
    );
    CREATE INDEX by_id ON finished (case_id, id);
    CREATE INDEX by_start ON finished (started_at, execution);
    CREATE INDEX by_case_and_start ON finished (case_id, started_at, execution);
    CREATE INDEX by_end ON finished (concluded_at);
    CREATE INDEX by_case_and_end ON finished (case_id, concluded_at);
    CREATE INDEX not_ok_by_start ON finished (started_at, execution) WHERE {NOT_OK};
    CREATE INDEX not_ok_by_case_and_start ON finished (case_id, started_at, execution)
        WHERE {NOT_OK};
    CREATE INDEX not_ok_by_end ON finished (concluded_at) WHERE {NOT_OK};
    CREATE INDEX not_ok_by_case_and_end ON finished (case_id, concluded_at) WHERE {NOT_OK};
    CREATE TABLE late_signals (
        key INTEGER NOT NULL,
        place INTEGER NOT NULL,
        signal BLOB NOT NULL,
        PRIMARY KEY (key, place)
    ) WITHOUT ROWID;
    CREATE TABLE late_counts (
        key INTEGER PRIMARY KEY,
        count INTEGER NOT NULL
    );
    CREATE TABLE case_changes (
        key INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        name TEXT NOT NULL,
        declaration BLOB,
        kind INTEGER NOT NULL DEFAULT 0
    );
";

/// What brings the tables of version 1 up to date: cases had nothing but
/// declarations.
const FROM_VERSION_1: &str = "
    ALTER TABLE case_changes ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
";

/// Creates or checks the archive at `path`.
pub fn open(path: &Path, journal: Uuid, partitions: u32) -> Result<(), ArchiveError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    match (tables(&db, path)?, pragma(&db, "application_id")?) {
        (0, 0) => {
            db.pragma_update(None, "page_size", 8192)?;
            db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            write_ahead(&db, path)?;
            create(&db, journal, partitions)
        }
        _ => {
            check(&db, path, journal, partitions)?;
            write_ahead(&db, path)?;
            update(&db)
        }
    }
}

/// A new archive in memory.
pub fn in_memory(journal: Uuid, partitions: u32) -> Result<Connection, ArchiveError> {
    let db = Connection::open_in_memory()?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    create(&db, journal, partitions)?;
    Ok(db)
}

/// A connection that writes to an archive.
pub fn connect_writer(path: &Path) -> Result<Connection, ArchiveError> {
    let db = connect(path, OpenFlags::empty())?;
    db.busy_timeout(WRITER_BUSY_TIMEOUT)?;
    // Commits become durable by `sync`; the file is whole at any time.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    // 64 MiB: all of an index's pages that are written to again and again.
    db.pragma_update(None, "cache_size", -64 * 1024)?;
    // Pages: about 64 MiB of write-ahead log between checkpoints.
    db.pragma_update(None, "wal_autocheckpoint", 8 * 1024)?;
    Ok(db)
}

/// A connection that reads from an archive.
pub fn connect_reader(path: &Path) -> Result<Connection, ArchiveError> {
    let db = connect(path, OpenFlags::empty())?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

fn connect(path: &Path, extra: OpenFlags) -> Result<Connection, ArchiveError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// How many tables the file has, if it is a database at all.
fn tables(db: &Connection, path: &Path) -> Result<i64, ArchiveError> {
    let count = "SELECT count(*) FROM sqlite_schema";
    db.query_one(count, [], |row| row.get(0))
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => ArchiveError::NotAnArchive {
                path: path.to_owned(),
                why: "no SQLite file".to_owned(),
            },
            _ => error.into(),
        })
}

/// The value of a pragma that is a number.
pub fn pragma(db: &Connection, name: &str) -> Result<i64, ArchiveError> {
    Ok(db.pragma_query_value(None, name, |row| row.get(0))?)
}

fn create(db: &Connection, journal: Uuid, partitions: u32) -> Result<(), ArchiveError> {
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    tx.execute_batch(&TABLES.replace("{NOT_OK}", NOT_OK))?;
    tx.execute(
        "INSERT INTO meta (journal, partitions) VALUES (?1, ?2)",
        (journal.as_bytes(), partitions),
    )?;
    for partition in 0..partitions {
        tx.execute("INSERT INTO positions (partition) VALUES (?1)", [partition])?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    Ok(tx.commit()?)
}

fn check(db: &Connection, path: &Path, journal: Uuid, partitions: u32) -> Result<(), ArchiveError> {
    if pragma(db, "application_id")? != APPLICATION {
        return Err(ArchiveError::NotAnArchive {
            path: path.to_owned(),
            why: "a SQLite file of something else".to_owned(),
        });
    }
    let version = pragma(db, "user_version")?;
    if version > VERSION {
        return Err(ArchiveError::Newer {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    let (found, of) = db.query_one("SELECT journal, partitions FROM meta", [], |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, u32>(1)?))
    })?;
    if found != *journal.as_bytes() {
        return Err(ArchiveError::OtherJournal {
            path: path.to_owned(),
            found: Uuid::from_bytes(found),
            wanted: journal,
        });
    }
    if of != partitions {
        return Err(ArchiveError::OtherPartitions {
            found: of,
            wanted: partitions,
        });
    }
    for partition in 0..partitions {
        Marks::read(db, partition)?;
    }
    Ok(())
}

fn update(db: &Connection) -> Result<(), ArchiveError> {
    if pragma(db, "user_version")? == VERSION {
        return Ok(());
    }
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    tx.execute_batch(FROM_VERSION_1)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    Ok(tx.commit()?)
}

/// Writers and readers must not wait for each other.
fn write_ahead(db: &Connection, path: &Path) -> Result<(), ArchiveError> {
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(ArchiveError::NoWal {
        path: path.to_owned(),
        mode,
    })
}
