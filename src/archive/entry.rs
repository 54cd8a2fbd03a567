//! What goes into the archive and comes out of it.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message;

use crate::{
    convert::{case::case_to_pb, status::transition_to_pb},
    model::{
        CaseChange, ExecutionView, Json, Position, ReceivedSignal, SignalProgress, Submission,
        TestReport, Time, value_size,
    },
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

    /// Bytes it takes in memory, about: what its values and texts take, and the
    /// structures around them.
    pub fn bytes(&self) -> u64 {
        let bytes = match self {
            Entry::Finished(finished) => finished_bytes(finished),
            Entry::Late {
                case_name,
                id,
                signal,
                ..
            } => case_name.len() + id.len() + signal.as_ref().map_or(0, signal_bytes),
            Entry::Case { change, .. } => match change {
                CaseChange::Applied(case) => case_to_pb(case).encoded_len(),
                CaseChange::Deleted(name) => name.len(),
                CaseChange::Transitioned(transition) => transition_to_pb(transition).encoded_len(),
                CaseChange::Controlled { case_name, .. } => case_name.len(),
            },
        };
        (size_of::<Entry>() + bytes) as u64
    }
}

/// The arguments are in the view, in its report and in the submission.
fn finished_bytes(finished: &Finished) -> usize {
    let Finished {
        view, submission, ..
    } = finished;
    let values = submission.test_args.iter().map(value_size);
    let named = submission.test_kwargs.iter();
    let named = named.map(|(name, value)| size_of::<Json>() + name.len() + value_size(value));
    let asked = values.chain(named).sum::<usize>() + labels_bytes(&submission.labels);
    let names = 2 * submission.case_name.len() + submission.id.len();
    let signals = view.signals.iter().chain(&view.late_signals);
    let progress = view.progress.iter();
    let report = view.report.as_ref().map_or(0, |report| {
        let texts = [&report.error, &report.traceback].into_iter().flatten();
        let latencies = report.signal_latency.keys();
        texts.map(String::len).sum::<usize>()
            + latencies.map(|name| EACH + name.len()).sum::<usize>()
    });
    size_of::<Finished>()
        + 3 * (asked + names)
        + signals.map(signal_bytes).sum::<usize>()
        + progress
            .map(|one| size_of::<SignalProgress>() + one.signal_name.len())
            .sum::<usize>()
        + report
}

fn signal_bytes(signal: &ReceivedSignal) -> usize {
    let event = &signal.event;
    size_of::<ReceivedSignal>()
        + event.case_name.len()
        + event.signal_name.len()
        + value_size(&event.key)
        + value_size(&event.value)
        + signal.signal_id.len()
}

fn labels_bytes(labels: &BTreeMap<String, String>) -> usize {
    let labels = labels.iter();
    labels
        .map(|(name, value)| 2 * EACH + name.len() + value.len())
        .sum()
}

/// What a text takes beside its characters.
const EACH: usize = size_of::<String>();

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
