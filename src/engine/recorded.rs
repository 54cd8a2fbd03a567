//! Verdicts that the journal holds already. A replay books the facts of these
//! executions and takes their verdicts as they were recorded, so that nothing
//! is judged twice.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::model::{Event, Position, Record, Time};

/// The recorded verdicts of a stretch of the journal.
#[derive(Debug, Default)]
pub struct Recorded(HashMap<Position, RecordedVerdict, RandomState>);

/// When a verdict fell.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordedVerdict {
    pub decided_by: Position,
    pub at: Time,
}

impl Recorded {
    /// Takes note of a record. The first verdict on an execution is the one that
    /// counts.
    pub fn note(&mut self, record: &Record) {
        if let Event::Concluded(concluded) = &record.event {
            self.0
                .entry(concluded.execution)
                .or_insert_with(|| RecordedVerdict {
                    decided_by: concluded.decided_by,
                    at: concluded.report.concluded_at,
                });
        }
    }

    /// Whether there is a verdict on an execution.
    pub fn holds(&self, execution: Position) -> bool {
        self.0.contains_key(&execution)
    }

    pub(super) fn of(&self, execution: Position) -> Option<RecordedVerdict> {
        self.0.get(&execution).copied()
    }
}
