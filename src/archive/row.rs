//! Rows: what an entry becomes in the tables, and back.
//!
//! Invariant: a blob is read only if it is the one that was written to its row:
//! every blob ends in a checksum over itself and its place.

use std::sync::Arc;

use prost::Message;

use super::{ArchiveError, Finished};
use crate::{
    convert::{
        Violations,
        case::case_to_pb,
        models::{
            execution_to_pb, progress_to_pb, received_from_pb, received_to_pb, report_from_pb,
            report_to_pb, state_to_pb, view_from_pb,
        },
        status::{control_from_pb, control_to_pb, transition_from_pb, transition_to_pb},
        storage::{case_from_stored, submission_from_pb, submission_to_pb},
    },
    model::{
        CaseChange, ExecutionView, Position, ReceivedSignal, State, Submission, TestExecution,
        TestReport,
    },
    pb::{storage, v1},
};

/// Bits of a key that hold the position; the partition is above them.
const POSITION_BITS: u32 = 48;
/// Length of a blob's checksum.
const CHECKSUM_BYTES: usize = 4;

/// A place in the journal as one number, which is in the order of the journal
/// within a partition.
pub fn key(partition: u32, position: Position) -> Result<i64, ArchiveError> {
    let high = i64::from(partition) << POSITION_BITS;
    match i64::try_from(position) {
        Ok(low) if low >> POSITION_BITS == 0 && partition < 1 << 15 => Ok(high | low),
        _ => Err(ArchiveError::NoSuchPlace {
            partition,
            position,
        }),
    }
}

/// The place that a key stands for.
pub fn place(key: i64) -> Result<(u32, Position), ArchiveError> {
    u64::try_from(key)
        .ok()
        .and_then(|key| {
            let partition = u32::try_from(key >> POSITION_BITS).ok()?;
            Some((partition, key & ((1 << POSITION_BITS) - 1)))
        })
        .ok_or_else(|| ArchiveError::Corrupt(format!("{key} is no key")))
}

/// A state as it is stored: its number in the schema.
pub fn state_number(state: State) -> i32 {
    state_to_pb(state).into()
}

/// The columns of a finished execution.
pub struct FinishedRow {
    pub key: i64,
    pub execution: i64,
    pub submitted: Vec<u8>,
    pub report: Vec<u8>,
    pub rest: Vec<u8>,
}

/// Encodes a finished execution. What the report says of it already is stored
/// once.
pub fn encode_finished(
    finished: &Finished,
    report: &TestReport,
) -> Result<FinishedRow, ArchiveError> {
    let Finished {
        partition,
        execution,
        concluded,
        view,
        submission,
    } = finished;
    let key = key(*partition, *concluded)?;
    Ok(FinishedRow {
        key,
        execution: self::key(*partition, *execution)?,
        submitted: seal(key, &submitted_to_pb(submission, &view.test)),
        report: seal(key, &report_to_pb(report)),
        rest: seal(key, &rest_to_pb(view, report)),
    })
}

/// Decodes a finished execution, without the late signals that have a table of
/// their own.
pub fn decode_finished(row: FinishedRow) -> Result<Finished, ArchiveError> {
    let FinishedRow {
        key,
        execution,
        submitted,
        report,
        rest,
    } = row;
    let (partition, concluded) = place(key)?;
    let (_, execution) = place(execution)?;
    let report: v1::TestReport = unseal(key, &report)?;
    let mut rest: v1::ExecutionView = unseal(key, &rest)?;
    rest.test = rest.test.or_else(|| report.test.clone());
    rest.report = Some(report);
    let view = whole(key, rest, view_from_pb)?;
    let submitted: storage::Submitted = unseal(key, &submitted)?;
    let submission = whole(key, with_test(submitted, &view.test), submission_from_pb)?;
    Ok(Finished {
        partition,
        execution,
        concluded,
        view,
        submission,
    })
}

/// Decodes the report alone.
pub fn decode_report(key: i64, report: &[u8]) -> Result<TestReport, ArchiveError> {
    whole(key, unseal(key, report)?, report_from_pb)
}

/// Encodes a late signal of the execution with this key.
pub fn encode_late(key: i64, signal: &ReceivedSignal) -> Vec<u8> {
    seal(key, &received_to_pb(signal))
}

/// Decodes a late signal.
pub fn decode_late(key: i64, signal: &[u8]) -> Result<ReceivedSignal, ArchiveError> {
    whole(key, unseal(key, signal)?, received_from_pb)
}

/// The blob of a case's change is its declaration; none where it was deleted.
const DECLARED: i64 = 0;
/// It is a change of its health.
const TRANSITIONED: i64 = 1;
/// It is what lies over its declaration.
const CONTROLLED: i64 = 2;

/// Encodes a change of a case: its kind and its blob. A transition is without its
/// report, which has a row of its own under the same key.
pub fn encode_change(key: i64, change: &CaseChange) -> (i64, Option<Vec<u8>>) {
    match change {
        CaseChange::Applied(case) => (DECLARED, Some(seal(key, &case_to_pb(case)))),
        CaseChange::Deleted(_) => (DECLARED, None),
        CaseChange::Transitioned(transition) => {
            let transition = v1::CaseTransition {
                report: None,
                ..transition_to_pb(transition)
            };
            (TRANSITIONED, Some(seal(key, &transition)))
        }
        CaseChange::Controlled { control, .. } => {
            (CONTROLLED, Some(seal(key, &control_to_pb(control))))
        }
    }
}

/// Decodes a change of a case; a transition gets the report that is kept of it.
pub fn decode_change(
    key: i64,
    name: String,
    kind: i64,
    blob: Option<&[u8]>,
    report: Option<&[u8]>,
) -> Result<CaseChange, ArchiveError> {
    Ok(match (kind, blob) {
        (DECLARED, Some(case)) => {
            let case = whole(key, unseal(key, case)?, case_from_stored)?;
            CaseChange::Applied(Arc::new(case))
        }
        (DECLARED, None) => CaseChange::Deleted(name),
        (TRANSITIONED, Some(transition)) => {
            let mut transition: v1::CaseTransition = unseal(key, transition)?;
            if let Some(report) = report {
                transition.report = Some(unseal(key, report)?);
            }
            let transition = whole(key, transition, transition_from_pb)?;
            CaseChange::Transitioned(Arc::new(transition))
        }
        (CONTROLLED, Some(control)) => CaseChange::Controlled {
            case_name: name,
            control: whole(key, unseal(key, control)?, control_from_pb)?,
        },
        _ => {
            let what = format!("row {key}: a change of a case is of kind {kind}");
            return Err(ArchiveError::Corrupt(what));
        }
    })
}

/// Encodes a report on a case itself.
pub fn encode_report(key: i64, report: &TestReport) -> Vec<u8> {
    seal(key, &report_to_pb(report))
}

/// A submission; one that says what the execution says has no id and only what
/// the client said of the expiry.
fn submitted_to_pb(submission: &Submission, test: &TestExecution) -> storage::Submitted {
    let Submission {
        case_name,
        id,
        test_args,
        test_kwargs,
        expires,
        labels,
        traceparent,
        always,
    } = submission;
    let same = *case_name == test.case_name
        && *id == test.id
        && *test_args == test.test_args
        && *test_kwargs == test.test_kwargs
        && *labels == test.labels
        && *traceparent == test.traceparent;
    if same {
        storage::Submitted {
            expires_micros: expires.map(|time| time.timestamp_micros()),
            always: *always,
            ..Default::default()
        }
    } else {
        submission_to_pb(submission)
    }
}

fn with_test(submitted: storage::Submitted, test: &TestExecution) -> storage::Submitted {
    if !submitted.id.is_empty() {
        return submitted;
    }
    let v1::TestExecution {
        id,
        case_name,
        timestamp: _,
        test_args,
        test_kwargs,
        expires: _,
        labels,
        traceparent,
    } = execution_to_pb(test);
    storage::Submitted {
        case_name,
        id,
        test_args,
        test_kwargs,
        expires_micros: submitted.expires_micros,
        labels,
        traceparent,
        always: submitted.always,
    }
}

/// A view without its report, without the execution where the report has it, and
/// without derived values.
fn rest_to_pb(view: &ExecutionView, report: &TestReport) -> v1::ExecutionView {
    let ExecutionView {
        test,
        case_revision,
        progress,
        signals,
        signal_count,
        late_signals,
        late_signal_count,
        report: _,
    } = view;
    v1::ExecutionView {
        test: (report.test.as_ref() != Some(test)).then(|| execution_to_pb(test)),
        case_revision: *case_revision,
        progress: progress.iter().map(progress_to_pb).collect(),
        signals: signals.iter().map(received_to_pb).collect(),
        signal_count: *signal_count,
        late_signals: late_signals.iter().map(received_to_pb).collect(),
        late_signal_count: *late_signal_count,
        ..Default::default()
    }
}

fn seal(key: i64, message: &impl Message) -> Vec<u8> {
    let len = message.encoded_len();
    let mut blob = Vec::with_capacity(len.saturating_add(CHECKSUM_BYTES));
    message.encode_raw(&mut blob);
    blob.extend(checksum(key, &blob));
    blob
}

fn unseal<M: Message + Default>(key: i64, blob: &[u8]) -> Result<M, ArchiveError> {
    let corrupt = |what: String| ArchiveError::Corrupt(format!("row {key}: {what}"));
    let (bytes, _) = blob
        .split_last_chunk()
        .filter(|(bytes, sum)| checksum(key, bytes) == **sum)
        .ok_or_else(|| corrupt("its checksum is wrong".to_owned()))?;
    M::decode(bytes).map_err(|error| corrupt(error.to_string()))
}

fn checksum(key: i64, bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

fn whole<T, U>(
    key: i64,
    pb: T,
    read: impl FnOnce(T, &mut Violations) -> Option<U>,
) -> Result<U, ArchiveError> {
    let mut bad = Violations::new();
    let read = read(pb, &mut bad);
    bad.finish(read)
        .map_err(|bad| ArchiveError::Corrupt(format!("row {key}: {bad}")))
}
