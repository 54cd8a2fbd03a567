//! Deletes what is too old or too much.
//!
//! Invariant: with a row its mark is written: a reader either gets every row
//! behind its place, or is told that some are gone.
//!
//! Pages that become free are used again by later rows. Only what is free beyond
//! a quarter of the file is given back to the file system, a stretch at a time.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, Rows, Transaction, TransactionBehavior};

use super::{ArchiveError, reader::limit_of, row, schema::pragma, writer::Marks};
use crate::model::Time;

/// Most executions and changes of cases that one call deletes.
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
    let (executions, changes) = doomed(&tx, partitions, cutoff, excess)?;
    delete_executions(&tx, &executions)?;
    delete_case_changes(&tx, &changes)?;
    tx.commit()?;

    give_back(db)?;
    let count = |rows: &[i64]| u64::try_from(rows.len()).unwrap_or(u64::MAX);
    Ok(Retained {
        executions: count(&executions),
        case_changes: count(&changes),
        more: !executions.is_empty() || !changes.is_empty(),
    })
}

/// Bytes of the pages in use.
fn used_bytes(db: &Connection) -> Result<i64, ArchiveError> {
    let pages = pragma(db, "page_count")?.saturating_sub(pragma(db, "freelist_count")?);
    Ok(pages.saturating_mul(pragma(db, "page_size")?))
}

/// A row that may be deleted; the oldest is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    time: i64,
    key: i64,
    is_case_change: bool,
    bytes: i64,
}

/// The keys of the executions and of the changes of cases to delete now: what is
/// from before the cutoff, and the oldest of both in the order of time until the
/// excess is freed.
fn doomed(
    db: &Connection,
    partitions: u32,
    cutoff: i64,
    excess: i64,
) -> Result<(Vec<i64>, Vec<i64>), ArchiveError> {
    let mut statement = db.prepare_cached(
        "SELECT concluded_at, key, length(submitted) + length(report) + length(rest)
         FROM finished INDEXED BY by_end ORDER BY concluded_at, key LIMIT ?1",
    )?;
    let rows = statement.query([limit_of(BATCH)])?;
    let mut oldest = candidates(rows, false, cutoff, excess)?;
    // Those of a partition are in the order of time.
    let mut statement = db.prepare_cached(
        "SELECT time, key, length(name) + coalesce(length(declaration), 0)
         FROM case_changes WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3",
    )?;
    for partition in 0..partitions {
        let first = row::key(partition, 0)?;
        let last = row::key(partition, Marks::read(db, partition)?.position)?;
        let rows = statement.query((first, last, limit_of(BATCH)))?;
        oldest.extend(candidates(rows, true, cutoff, excess)?);
    }
    oldest.sort_unstable();
    let (mut executions, mut case_changes) = (Vec::new(), Vec::new());
    let mut freed = 0_i64;
    for one in oldest.into_iter().take(BATCH) {
        if one.time >= cutoff && freed >= excess {
            break;
        }
        freed = freed.saturating_add(one.bytes);
        match one.is_case_change {
            true => case_changes.push(one.key),
            false => executions.push(one.key),
        }
    }
    Ok((executions, case_changes))
}

/// The rows of a table to delete if there were no other table.
fn candidates(
    mut rows: Rows<'_>,
    is_case_change: bool,
    cutoff: i64,
    excess: i64,
) -> Result<Vec<Candidate>, ArchiveError> {
    let mut candidates = Vec::new();
    let mut freed = 0_i64;
    while let Some(row) = rows.next()? {
        let time = row.get(0)?;
        if time >= cutoff && freed >= excess {
            break;
        }
        let bytes = row.get(2)?;
        freed = freed.saturating_add(bytes);
        candidates.push(Candidate {
            time,
            key: row.get(1)?,
            is_case_change,
            bytes,
        });
    }
    Ok(candidates)
}

fn delete_executions(db: &Connection, doomed: &[i64]) -> Result<(), ArchiveError> {
    for key in doomed {
        for sql in [
            "DELETE FROM finished WHERE key = ?1",
            "DELETE FROM late_signals WHERE key = ?1",
            "DELETE FROM late_counts WHERE key = ?1",
        ] {
            db.prepare_cached(sql)?.execute([key])?;
        }
    }
    for (partition, key) in last_of_each(doomed)? {
        db.prepare_cached(
            "UPDATE positions SET deleted_reports = max(deleted_reports, ?2)
             WHERE partition = ?1",
        )?
        .execute((partition, key))?;
    }
    Ok(())
}

fn delete_case_changes(db: &Connection, doomed: &[i64]) -> Result<(), ArchiveError> {
    for key in doomed {
        db.prepare_cached("DELETE FROM case_changes WHERE key = ?1")?
            .execute([key])?;
    }
    for (partition, key) in last_of_each(doomed)? {
        db.prepare_cached(
            "UPDATE positions SET deleted_case_changes = max(deleted_case_changes, ?2)
             WHERE partition = ?1",
        )?
        .execute((partition, key))?;
    }
    Ok(())
}

/// The last key of each partition.
fn last_of_each(keys: &[i64]) -> Result<BTreeMap<u32, i64>, ArchiveError> {
    let mut last = BTreeMap::new();
    for &key in keys {
        let (partition, _) = row::place(key)?;
        let last = last.entry(partition).or_insert(key);
        *last = key.max(*last);
    }
    Ok(last)
}

fn give_back(db: &Connection) -> Result<(), ArchiveError> {
    let (pages, free) = (pragma(db, "page_count")?, pragma(db, "freelist_count")?);
    if free > pages / 4 && free > PAGES_A_CALL {
        db.pragma(None, "incremental_vacuum", PAGES_A_CALL, |_| Ok(()))?;
    }
    Ok(())
}
