//! What goes into the archive and comes out of it.

use std::sync::Arc;

use crate::model::{
    CaseChange, ExecutionView, Position, ReceivedSignal, Submission, TestReport, Time,
};

/// An execution that has its report.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Partition of its case.
    pub partition: u32,
    /// Position of its submission.
    pub execution: Position,
    /// Position of its verdict.
    pub concluded: Position,
    /// Everything that is known of it; has a report.
    pub view: ExecutionView,
    /// What its client sent, to know a repeated submission.
    pub submission: Submission,
}

/// One row for the archive, in its place of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// An execution has its report.
    Finished(Arc<Finished>),
    /// A signal came after the verdict of an execution that was committed, or is
    /// before this entry.
    Late {
        /// Partition of the case.
        partition: u32,
        /// Position of the signal.
        position: Position,
        /// Name of the case.
        case_name: String,
        /// Id of the execution.
        id: String,
        /// The signal; none beyond the first 16 of an execution.
        signal: Option<ReceivedSignal>,
        /// How many have come after the verdict, this one included.
        count: u64,
    },
    /// A case was applied or deleted.
    Case {
        /// Partition of the case.
        partition: u32,
        /// Position of the change.
        position: Position,
        /// When it was made, in journal time.
        time: Time,
        /// The change.
        change: CaseChange,
    },
}

impl Entry {
    /// Its place in the journal.
    pub fn place(&self) -> (u32, Position) {
        match self {
            Entry::Finished(finished) => (finished.partition, finished.concluded),
            Entry::Late {
                partition,
                position,
                ..
            }
            | Entry::Case {
                partition,
                position,
                ..
            } => (*partition, *position),
        }
    }
}

/// A report with its places in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedReport {
    /// Partition of its case.
    pub partition: u32,
    /// Position of the execution's submission.
    pub execution: Position,
    /// Position of the verdict.
    pub concluded: Position,
    /// The report.
    pub report: TestReport,
}

/// A change of a case with its place in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedCaseChange {
    /// Partition of the case.
    pub partition: u32,
    /// Position of the change.
    pub position: Position,
    /// When it was made, in journal time.
    pub time: Time,
    /// The change.
    pub change: CaseChange,
}
