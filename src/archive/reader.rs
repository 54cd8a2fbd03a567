//! The handle that reads.
//!
//! Invariant: a call sees one moment of the archive, whatever is committed
//! meanwhile.

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params_from_iter,
};

use super::{
    ArchiveError, ArchivedCaseChange, ArchivedReport, Db, ExecutionCursor, ExecutionFilter,
    Finished, MAX_LATE_SIGNALS, ReportCursor, ReportFilter,
    query::Query,
    row::{self, FinishedRow},
    writer::Marks,
};
use crate::model::{Position, Time};

/// Most positions of a partition that one call looks through, so that a filter
/// that little passes does not keep it busy for long.
const POSITIONS_A_CALL: u64 = 200_000;

const FINISHED: &str = "key, execution, submitted, report, rest";
const REPORT: &str = "key, execution, report";

/// Rows in the order of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows, partition by partition, in the order of each.
    pub items: Vec<T>,
    /// For every partition asked for: up to where the rows are complete; the
    /// next call goes on from there.
    pub reached: Vec<(u32, Position)>,
    /// Whether the archive had more beyond that when it was read, even where no
    /// row came out.
    pub more: bool,
}

/// Reads the archive. Cheap; calls block.
#[derive(Debug)]
pub struct Reader {
    db: Db,
}

impl Reader {
    pub(super) fn new(db: Db) -> Reader {
        Reader { db }
    }

    /// How far the archive is: what happened up to here in the partition is in
    /// it.
    pub fn position(&self, partition: u32) -> Result<Position, ArchiveError> {
        self.marks(partition).map(|marks| marks.position)
    }

    /// The execution of this case with this id, the latest if several had it.
    /// Its submission tells whether another one is a repetition.
    pub fn get(&self, case_name: &str, id: &str) -> Result<Option<Finished>, ArchiveError> {
        self.read(|db| {
            let found = db
                .prepare_cached(&format!(
                    "SELECT {FINISHED} FROM finished WHERE key = ({KEY_BY_ID})"
                ))?
                .query_one([case_name, id], finished_row)
                .optional()?;
            found.map(|found| finished(db, found)).transpose()
        })
    }

    /// Lists executions, the newest first: by start, partition and position of
    /// the submission, all falling.
    pub fn list_executions(
        &self,
        filter: &ExecutionFilter,
        after: Option<ExecutionCursor>,
        limit: usize,
    ) -> Result<Vec<Finished>, ArchiveError> {
        let (sql, params) = Query::executions(filter, after)?.select(FINISHED, limit);
        self.read(|db| {
            db.prepare_cached(&sql)?
                .query_map(params_from_iter(params), finished_row)?
                .map(|found| finished(db, found?))
                .collect()
        })
    }

    /// Lists reports, the newest first: by the time of the verdict, partition
    /// and position of the verdict, all falling.
    pub fn list_reports(
        &self,
        filter: &ReportFilter,
        after: Option<ReportCursor>,
        limit: usize,
    ) -> Result<Vec<ArchivedReport>, ArchiveError> {
        let (sql, params) = Query::reports(filter, after)?.select(REPORT, limit);
        self.read(|db| {
            db.prepare_cached(&sql)?
                .query_map(params_from_iter(params), report_row)?
                .map(|found| report(found?))
                .collect()
        })
    }

    /// The reports after these positions, in the order of the journal. Where
    /// retention has deleted reports behind one of them:
    /// [`ArchiveError::Trimmed`].
    pub fn reports_after(
        &self,
        cursors: &[(u32, Position)],
        filter: &ReportFilter,
        limit: usize,
    ) -> Result<Page<ArchivedReport>, ArchiveError> {
        self.page(
            cursors,
            limit,
            |marks| marks.deleted_reports,
            |db, after, up_to, limit| {
                let (sql, params) = Query::journal(filter, after, up_to).select(REPORT, limit);
                db.prepare_cached(&sql)?
                    .query_map(params_from_iter(params), report_row)?
                    .map(|found| report(found?))
                    .collect()
            },
            |report| report.concluded,
        )
    }

    /// The changes of cases after these positions, in the order of the journal.
    /// Where retention has deleted changes behind one of them:
    /// [`ArchiveError::Trimmed`].
    pub fn case_changes_after(
        &self,
        cursors: &[(u32, Position)],
        limit: usize,
    ) -> Result<Page<ArchivedCaseChange>, ArchiveError> {
        self.page(
            cursors,
            limit,
            |marks| marks.deleted_case_changes,
            |db, after, up_to, limit| {
                db.prepare_cached(
                    "SELECT changes.key, time, name, declaration, kind, report
                     FROM case_changes AS changes
                     LEFT JOIN finished ON finished.key = changes.key
                     WHERE changes.key > ?1 AND changes.key <= ?2
                     ORDER BY changes.key LIMIT ?3",
                )?
                .query_map((after, up_to, limit_of(limit)), case_change_row)?
                .map(|found| case_change(found?))
                .collect()
            },
            |change| change.position,
        )
    }

    fn page<T>(
        &self,
        cursors: &[(u32, Position)],
        limit: usize,
        deleted: impl Fn(&Marks) -> Position,
        select: impl Fn(&Connection, i64, i64, usize) -> Result<Vec<T>, ArchiveError>,
        position: impl Fn(&T) -> Position,
    ) -> Result<Page<T>, ArchiveError> {
        self.read(|db| {
            let mut page = Page {
                items: Vec::new(),
                reached: Vec::with_capacity(cursors.len()),
                more: false,
            };
            for &(partition, after) in cursors {
                let marks = Marks::read(db, partition)?;
                let deleted = deleted(&marks);
                if after < deleted {
                    return Err(ArchiveError::Trimmed {
                        partition,
                        deleted,
                        wanted: after,
                    });
                }
                let room = limit.saturating_sub(page.items.len());
                let up_to = marks.position.min(after.saturating_add(POSITIONS_A_CALL));
                let reached = if room == 0 || up_to <= after {
                    after
                } else {
                    let (from, to) = (row::key(partition, after)?, row::key(partition, up_to)?);
                    let items = select(db, from, to, room)?;
                    let reached = match items.last() {
                        Some(last) if items.len() >= room => position(last),
                        _ => up_to,
                    };
                    page.items.extend(items);
                    reached
                };
                page.more |= reached < marks.position;
                page.reached.push((partition, reached));
            }
            Ok(page)
        })
    }

    pub(super) fn marks(&self, partition: u32) -> Result<Marks, ArchiveError> {
        self.db.with(|db| Marks::read(db, partition))
    }

    fn read<R>(
        &self,
        run: impl FnOnce(&Connection) -> Result<R, ArchiveError>,
    ) -> Result<R, ArchiveError> {
        self.db.with(|db| {
            let tx = Transaction::new_unchecked(db, TransactionBehavior::Deferred)?;
            run(&tx)
        })
    }
}

/// Key of the execution of a case (the first parameter) with an id (the second).
pub const KEY_BY_ID: &str = "SELECT max(key) FROM finished INDEXED BY by_id
    WHERE case_id = (SELECT id FROM cases WHERE name = ?1) AND id = ?2";

pub fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn finished_row(row: &Row<'_>) -> rusqlite::Result<FinishedRow> {
    Ok(FinishedRow {
        key: row.get(0)?,
        execution: row.get(1)?,
        submitted: row.get(2)?,
        report: row.get(3)?,
        rest: row.get(4)?,
    })
}

/// Adds the signals that came after the execution was committed.
fn finished(db: &Connection, row: FinishedRow) -> Result<Finished, ArchiveError> {
    let key = row.key;
    let mut finished = row::decode_finished(row)?;
    let count: Option<i64> = db
        .prepare_cached("SELECT count FROM late_counts WHERE key = ?1")?
        .query_one([key], |row| row.get(0))
        .optional()?;
    let Some(count) = count else {
        return Ok(finished);
    };
    let view = &mut finished.view;
    let count = u64::try_from(count).unwrap_or_default();
    view.late_signal_count = view.late_signal_count.max(count);
    let room = MAX_LATE_SIGNALS.saturating_sub(view.late_signals.len());
    let mut statement = db
        .prepare_cached("SELECT signal FROM late_signals WHERE key = ?1 ORDER BY place LIMIT ?2")?;
    let late = statement.query_map((key, limit_of(room)), |row| row.get::<_, Vec<u8>>(0))?;
    for signal in late {
        view.late_signals.push(row::decode_late(key, &signal?)?);
    }
    Ok(finished)
}

fn report_row(row: &Row<'_>) -> rusqlite::Result<(i64, i64, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn report((key, execution, report): (i64, i64, Vec<u8>)) -> Result<ArchivedReport, ArchiveError> {
    let (partition, concluded) = row::place(key)?;
    let (_, execution) = row::place(execution)?;
    Ok(ArchivedReport {
        partition,
        execution,
        concluded,
        report: row::decode_report(key, &report)?,
    })
}

type CaseChangeRow = (i64, i64, String, Option<Vec<u8>>, i64, Option<Vec<u8>>);

fn case_change_row(row: &Row<'_>) -> rusqlite::Result<CaseChangeRow> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

fn case_change(
    (key, time, name, declaration, kind, report): CaseChangeRow,
) -> Result<ArchivedCaseChange, ArchiveError> {
    let (partition, position) = row::place(key)?;
    let (declaration, report) = (declaration.as_deref(), report.as_deref());
    let change = row::decode_change(key, name, kind, declaration, report)?;
    Ok(ArchivedCaseChange {
        partition,
        position,
        time: Time::from_timestamp_micros(time)
            .ok_or_else(|| ArchiveError::Corrupt(format!("row {key}: {time} is no time")))?,
        change,
    })
}
