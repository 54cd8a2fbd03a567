//! Verdicts and transitions that the journal holds already. A replay books the facts of these
//! executions and takes their verdicts as they were recorded, so that nothing
//! is judged twice.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::model::{Event, Position, Record, State, Time};

/// The recorded verdicts and transitions of a stretch of the journal.
#[derive(Debug, Default)]
pub struct Recorded {
    verdicts: HashMap<Position, RecordedVerdict, RandomState>,
    /// By the position at which their case was created, and their number.
    transitions: HashSet<(Position, u64), RandomState>,
}

/// What a verdict was, and when it fell.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordedVerdict {
    pub decided_by: Position,
    pub at: Time,
    pub state: State,
}

impl Recorded {
    /// Takes note of a record. The first verdict on an execution is the one that
    /// counts.
    pub fn note(&mut self, record: &Record) {
        match &record.event {
            Event::Concluded(concluded) => {
                self.verdicts
                    .entry(concluded.execution)
                    .or_insert_with(|| RecordedVerdict {
                        decided_by: concluded.decided_by,
                        at: concluded.report.concluded_at,
                        state: concluded.report.state,
                    });
            }
            Event::Transitioned(transitioned) => {
                let number = transitioned.transition.number;
                self.transitions.insert((transitioned.case_created, number));
            }
            _ => {}
        }
    }

    /// Whether there is a verdict on an execution.
    pub fn holds(&self, execution: Position) -> bool {
        self.verdicts.contains_key(&execution)
    }

    /// Whether a transition of a case is there.
    pub fn holds_transition(&self, case_created: Position, number: u64) -> bool {
        self.transitions.contains(&(case_created, number))
    }

    pub(super) fn of(&self, execution: Position) -> Option<RecordedVerdict> {
        self.verdicts.get(&execution).copied()
    }
}
