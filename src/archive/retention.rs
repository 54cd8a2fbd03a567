//! Deletes what is too old or too much.
//!
//! Invariant: with a row its mark is written: a reader either gets every row
//! behind its place, or is told that some are gone.
//!
//! Pages that become free are used again by later rows. Only what is free beyond
//! a quarter of the file is given back to the file system, a stretch at a time.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{ArchiveError, reader::limit_of, row, schema::pragma};
use crate::model::Time;

/// Most rows that one call deletes.
const BATCH: usize = 1_000;
/// Most pages that one call gives back.
const PAGES_A_CALL: i64 = 1_000;

/// What retention has deleted in one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Executions with their reports.
    pub executions: u64,
    /// Changes of cases.
    pub case_changes: u64,
    /// Whether there is more to delete.
    pub more: bool,
}

/// Deletes one batch.
pub fn retain(
    db: &Connection,
    partitions: u32,
    age: Duration,
    now: Time,
    max_bytes: u64,
) -> Result<Retained, ArchiveError> {
    // An age beyond the calendar keeps everything.
    let cutoff = chrono::TimeDelta::from_std(age)
        .ok()
        .and_then(|age| now.checked_sub_signed(age))
        .unwrap_or(Time::MIN_UTC)
        .timestamp_micros();

    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
    let excess = used_bytes(&tx)?.saturating_sub(max_bytes);
    let doomed = doomed(&tx, cutoff, excess)?;
    delete_executions(&tx, &doomed)?;
    let mut case_changes = 0;
    for partition in 0..partitions {
        case_changes += delete_case_changes(&tx, partition, cutoff)?;
    }
    tx.commit()?;

    give_back(db)?;
    Ok(Retained {
        executions: u64::try_from(doomed.len()).unwrap_or(u64::MAX),
        case_changes,
        more: !doomed.is_empty() || case_changes > 0,
    })
}

/// Bytes of the pages in use.
fn used_bytes(db: &Connection) -> Result<i64, ArchiveError> {
    let pages = pragma(db, "page_count")?.saturating_sub(pragma(db, "freelist_count")?);
    Ok(pages.saturating_mul(pragma(db, "page_size")?))
}

/// The executions to delete now, the oldest first: those from before the cutoff,
/// and as many as it takes to free the excess.
fn doomed(db: &Connection, cutoff: i64, excess: i64) -> Result<Vec<i64>, ArchiveError> {
    let mut statement = db.prepare_cached(
        "SELECT key, concluded_at, length(submitted) + length(report) + length(rest)
         FROM finished INDEXED BY by_end ORDER BY concluded_at, key LIMIT ?1",
    )?;
    let mut rows = statement.query([limit_of(BATCH)])?;
    let mut doomed = Vec::new();
    let mut freed = 0_i64;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= cutoff && freed >= excess {
            break;
        }
        doomed.push(row.get(0)?);
        freed = freed.saturating_add(row.get(2)?);
    }
    Ok(doomed)
}

fn delete_executions(db: &Connection, doomed: &[i64]) -> Result<(), ArchiveError> {
    let mut last = BTreeMap::new();
    for key in doomed {
        for sql in [
            "DELETE FROM finished WHERE key = ?1",
            "DELETE FROM late_signals WHERE key = ?1",
            "DELETE FROM late_counts WHERE key = ?1",
        ] {
            db.prepare_cached(sql)?.execute([key])?;
        }
        let (partition, _) = row::place(*key)?;
        let last = last.entry(partition).or_insert(*key);
        *last = (*key).max(*last);
    }
    for (partition, key) in last {
        db.prepare_cached(
            "UPDATE positions SET deleted_reports = max(deleted_reports, ?2)
             WHERE partition = ?1",
        )?
        .execute((partition, key))?;
    }
    Ok(())
}

/// Deletes the changes of cases before the cutoff; they are in the order of time.
fn delete_case_changes(db: &Connection, partition: u32, cutoff: i64) -> Result<u64, ArchiveError> {
    let first = row::key(partition, 0)?;
    let mut statement = db.prepare_cached(
        "SELECT key, time FROM case_changes WHERE key > ?1 ORDER BY key LIMIT ?2",
    )?;
    let mut rows = statement.query((first, limit_of(BATCH)))?;
    let mut deleted = 0;
    let mut last: Option<i64> = None;
    while let Some(row) = rows.next()? {
        let key = row.get(0)?;
        if row::place(key)?.0 != partition || row.get::<_, i64>(1)? >= cutoff {
            break;
        }
        last = Some(key);
        deleted += 1;
    }
    if let Some(key) = last {
        db.prepare_cached("DELETE FROM case_changes WHERE key > ?1 AND key <= ?2")?
            .execute((first, key))?;
        db.prepare_cached("UPDATE positions SET deleted_case_changes = ?2 WHERE partition = ?1")?
            .execute((partition, key))?;
    }
    Ok(deleted)
}

fn give_back(db: &Connection) -> Result<(), ArchiveError> {
    let (pages, free) = (pragma(db, "page_count")?, pragma(db, "freelist_count")?);
    if free > pages / 4 && free > PAGES_A_CALL {
        db.pragma(None, "incremental_vacuum", PAGES_A_CALL, |_| Ok(()))?;
    }
    Ok(())
}
