//! The handle that commits.
//!
//! Invariant: a commit is one transaction with the positions it stands for;
//! entries that are in already, or were and are deleted, change nothing.

use std::{collections::HashMap, time::Duration};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{
    ArchiveError, Db, Entry, Finished, Retained,
    reader::KEY_BY_ID,
    retention,
    row::{self, FinishedRow},
};
use crate::model::{CaseChange, Position, ReceivedSignal, TestReport, Time};

/// Most names of cases whose numbers are kept in memory.
const KNOWN_CASES: usize = 10_000;

/// Commits to the archive; one at a time. Calls block.
#[derive(Debug)]
pub struct Writer {
    pub(super) db: Db,
    partitions: u32,
    case_ids: HashMap<String, i64>,
}

impl Writer {
    pub(super) fn new(db: Db, partitions: u32) -> Writer {
        Writer {
            db,
            partitions,
            case_ids: HashMap::new(),
        }
    }

    /// Commits entries, and that the archive then has everything up to these
    /// positions. Entries of a partition come in the order of the journal, and
    /// none lies beyond its position.
    ///
    /// Entries up to a position that was committed before are passed over, so
    /// replaying is harmless. After an error nothing of the call is stored. What
    /// is committed is seen by readers, and durable after [`Writer::sync`].
    pub fn commit(
        &mut self,
        entries: &[Entry],
        positions: &[(u32, Position)],
    ) -> Result<(), ArchiveError> {
        let Writer {
            db,
            partitions,
            case_ids,
        } = self;
        let committed = db.with(|db| {
            let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
            let before = (0..*partitions)
                .map(|partition| Ok(Marks::read(&tx, partition)?.position))
                .collect::<Result<Vec<_>, ArchiveError>>()?;
            let mut commit = Commit { tx: &tx, case_ids };
            for entry in entries {
                let (partition, position) = entry.place();
                let before = usize::try_from(partition)
                    .ok()
                    .and_then(|partition| before.get(partition))
                    .ok_or(ArchiveError::NoSuchPlace {
                        partition,
                        position,
                    })?;
                if position > *before {
                    commit.entry(entry)?;
                }
            }
            for (partition, position) in positions {
                commit.position(*partition, *position)?;
            }
            Ok(tx.commit()?)
        });
        // Numbers that were given out are taken back with the transaction.
        if committed.is_err() || case_ids.len() > KNOWN_CASES {
            case_ids.clear();
        }
        committed
    }

    /// Up to where the archive has everything.
    pub fn position(&self, partition: u32) -> Result<Position, ArchiveError> {
        self.db.with(|db| Ok(Marks::read(db, partition)?.position))
    }

    /// Makes everything durable that was committed: brings it into the main file
    /// and waits for the disk.
    pub fn sync(&mut self) -> Result<(), ArchiveError> {
        self.db.with(|db| {
            let busy: bool =
                db.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                return Err(ArchiveError::Busy("a reader takes long".to_owned()));
            }
            Ok(())
        })
    }

    /// Deletes a batch of what is older than `age`, or too much for `max_bytes`,
    /// the oldest verdict first. Call again while there is more.
    pub fn retain(
        &mut self,
        age: Duration,
        now: Time,
        max_bytes: u64,
    ) -> Result<Retained, ArchiveError> {
        self.db
            .with(|db| retention::retain(db, self.partitions, age, now, max_bytes))
    }
}

/// What is known of a partition.
pub struct Marks {
    /// Up to here the archive has everything.
    pub position: Position,
    /// The last report that retention has deleted.
    pub deleted_reports: Position,
    /// The last change of a case that retention has deleted.
    pub deleted_case_changes: Position,
}

impl Marks {
    pub fn read(db: &Connection, partition: u32) -> Result<Marks, ArchiveError> {
        db.prepare_cached(
            "SELECT position, deleted_reports, deleted_case_changes FROM positions
             WHERE partition = ?1",
        )?
        .query_one([partition], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?])
        })
        .optional()?
        .ok_or(ArchiveError::NoSuchPlace {
            partition,
            position: 0,
        })
        .and_then(|[position, deleted_reports, deleted_case_changes]| {
            Ok(Marks {
                position: row::place(position)?.1,
                deleted_reports: row::place(deleted_reports)?.1,
                deleted_case_changes: row::place(deleted_case_changes)?.1,
            })
        })
    }
}

/// A commit in the making.
struct Commit<'a> {
    tx: &'a Connection,
    case_ids: &'a mut HashMap<String, i64>,
}

impl Commit<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        match entry {
            Entry::Finished(finished) => self.finished(finished),
            Entry::Late {
                partition,
                position,
                case_name,
                id,
                signal,
                count,
            } => {
                let place = row::key(*partition, *position)?;
                self.late(place, case_name, id, signal.as_ref(), *count)
            }
            Entry::Case {
                partition,
                position,
                time,
                change,
            } => self.case(row::key(*partition, *position)?, *time, change),
        }
    }

    fn finished(&mut self, finished: &Finished) -> Result<(), ArchiveError> {
        let test = &finished.view.test;
        let report = finished
            .view
            .report
            .as_ref()
            .ok_or_else(|| ArchiveError::Unfinished(test.ident()))?;
        let FinishedRow {
            key,
            execution,
            submitted,
            report: report_blob,
            rest,
        } = row::encode_finished(finished, report)?;
        let case_id = self.case_id(&test.case_name)?;
        self.tx
            .prepare_cached(
                "INSERT INTO finished (key, execution, case_id, state, started_at, concluded_at,
                     id, submitted, report, rest)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT DO NOTHING",
            )?
            .execute((
                key,
                execution,
                case_id,
                row::state_number(report.state),
                test.timestamp.timestamp_micros(),
                report.concluded_at.timestamp_micros(),
                &test.id,
                submitted,
                report_blob,
                rest,
            ))?;
        Ok(())
    }

    /// Notes a late signal; of an execution that retention has deleted, nothing.
    fn late(
        &mut self,
        place: i64,
        case_name: &str,
        id: &str,
        signal: Option<&ReceivedSignal>,
        count: u64,
    ) -> Result<(), ArchiveError> {
        let key: Option<i64> = self
            .tx
            .prepare_cached(KEY_BY_ID)?
            .query_one([case_name, id], |row| row.get(0))?;
        let Some(key) = key else {
            return Ok(());
        };
        self.tx
            .prepare_cached(
                "INSERT INTO late_counts (key, count) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET count = max(count, excluded.count)",
            )?
            .execute((key, i64::try_from(count).unwrap_or(i64::MAX)))?;
        if let Some(signal) = signal {
            self.tx
                .prepare_cached(
                    "INSERT INTO late_signals (key, place, signal) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?
                .execute((key, place, row::encode_late(key, signal)))?;
        }
        Ok(())
    }

    fn case(&mut self, key: i64, time: Time, change: &CaseChange) -> Result<(), ArchiveError> {
        let (kind, blob) = row::encode_change(key, change);
        self.tx
            .prepare_cached(
                "INSERT INTO case_changes (key, time, name, declaration, kind)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?
            .execute((key, time.timestamp_micros(), change.case_name(), blob, kind))?;
        match change {
            CaseChange::Transitioned(transition) => match &transition.report {
                Some(report) => self.case_report(key, report),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// A report on a case itself, among those on executions.
    fn case_report(&mut self, key: i64, report: &TestReport) -> Result<(), ArchiveError> {
        let case_id = self.case_id(&report.case_name)?;
        let at = report.concluded_at.timestamp_micros();
        self.tx
            .prepare_cached(
                "INSERT INTO finished (key, execution, case_id, state, started_at, concluded_at,
                     id, submitted, report, rest)
                 VALUES (?1, ?1, ?2, ?3, ?4, ?4, '', x'', ?5, x'') ON CONFLICT DO NOTHING",
            )?
            .execute((
                key,
                case_id,
                row::state_number(report.state),
                at,
                row::encode_report(key, report),
            ))?;
        Ok(())
    }

    fn position(&mut self, partition: u32, position: Position) -> Result<(), ArchiveError> {
        let key = row::key(partition, position)?;
        let changed = self
            .tx
            .prepare_cached(
                "UPDATE positions SET position = max(position, ?2) WHERE partition = ?1",
            )?
            .execute((partition, key))?;
        if changed == 0 {
            return Err(ArchiveError::NoSuchPlace {
                partition,
                position,
            });
        }
        Ok(())
    }

    fn case_id(&mut self, name: &str) -> Result<i64, ArchiveError> {
        if let Some(id) = self.case_ids.get(name) {
            return Ok(*id);
        }
        self.tx
            .prepare_cached("INSERT INTO cases (name) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([name])?;
        let id = self
            .tx
            .prepare_cached("SELECT id FROM cases WHERE name = ?1")?
            .query_one([name], |row| row.get(0))?;
        self.case_ids.insert(name.to_owned(), id);
        Ok(id)
    }
}
