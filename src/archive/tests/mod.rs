use std::{path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::model::{
    Case, CaseChange, ExecutionView, Position, ReceivedSignal, SignalEvent, SignalOutcome, State,
    Submission, TestExecution, TestReport, Time,
};

mod files;
mod lists;
mod transitions;
mod writing;

const JOURNAL: Uuid = Uuid::from_u128(7);

/// A second of the tests' time.
fn at(second: i64) -> Time {
    Time::from_timestamp_micros(1_780_000_000_000_000 + second * 1_000_000).unwrap()
}

/// A finished execution of `case`, submitted at position `n` and concluded at
/// `n + 1`.
fn finished(partition: u32, n: u64, case: &str, state: State) -> Finished {
    let start = at(i64::try_from(n).unwrap());
    let test = TestExecution {
        traceparent: String::new(),
        id: format!("id-{n}"),
        case_name: case.to_owned(),
        timestamp: start,
        test_args: vec![n.into()],
        test_kwargs: [("side".to_owned(), "sell".into())].into_iter().collect(),
        expires: start + Duration::from_secs(60),
        labels: [("team".to_owned(), "a".to_owned())].into(),
    };
    let submission = Submission {
        always: false,
        traceparent: String::new(),
        case_name: case.to_owned(),
        id: test.id.clone(),
        test_args: test.test_args.clone(),
        test_kwargs: test.test_kwargs.clone(),
        expires: None,
        labels: test.labels.clone(),
    };
    let report = TestReport {
        failure: None,
        case_name: case.to_owned(),
        state,
        test: Some(test.clone()),
        runtime: Some(Duration::from_millis(1500)),
        signal_latency: [("s".to_owned(), Duration::from_millis(1))].into(),
        error: None,
        traceback: None,
        concluded_at: start + Duration::from_millis(1500),
    };
    let signals = vec![signal(case, n, None)];
    Finished {
        partition,
        execution: n,
        concluded: n + 1,
        view: ExecutionView {
            test,
            case_revision: 1,
            progress: vec![],
            signals,
            signal_count: 1,
            late_signals: vec![],
            late_signal_count: 0,
            report: Some(report),
        },
        submission,
    }
}

fn signal(case: &str, n: u64, late_by: Option<Duration>) -> ReceivedSignal {
    ReceivedSignal {
        event: SignalEvent {
            signal_name: "s".to_owned(),
            case_name: case.to_owned(),
            key: format!("id-{n}").into(),
            value: n.into(),
        },
        signal_id: String::new(),
        at: at(i64::try_from(n).unwrap()),
        outcome: match late_by {
            Some(_) => SignalOutcome::Late,
            None => SignalOutcome::Accepted,
        },
        judged: late_by.is_none(),
        late_by,
        value_dropped: false,
    }
}

fn entry(finished: &Finished) -> Entry {
    Entry::Finished(Arc::new(finished.clone()))
}

fn late(of: &Finished, position: Position, count: u64, kept: bool) -> Entry {
    Entry::Late {
        partition: of.partition,
        position,
        case_name: of.view.test.case_name.clone(),
        id: of.view.test.id.clone(),
        signal: kept.then(|| {
            signal(
                &of.view.test.case_name,
                position,
                Some(Duration::from_secs(1)),
            )
        }),
        count,
    }
}

fn case(name: &str, revision: u64) -> Case {
    Case {
        max_consecutive_failures: None,
        max_executions_per_second: None,
        max_history: None,
        max_live_executions: None,
        probe: None,
        state_transition_delay: None,
        warn_stalled_after: None,
        webhooks: Vec::new(),
        name: name.to_owned(),
        description: String::new(),
        labels: [].into(),
        active: None,
        probability: Some(0.25),
        test_expires: None,
        signals: vec![],
        contracts: vec![],
        revision,
    }
}

fn case_entry(position: Position, change: CaseChange) -> Entry {
    Entry::Case {
        partition: 0,
        position,
        time: at(i64::try_from(position).unwrap()),
        change,
    }
}

/// An archive in a file, its handles, and the directory that keeps it.
struct OnDisk {
    dir: TempDir,
    archive: Archive,
}

impl OnDisk {
    fn new() -> OnDisk {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::open(&dir.path().join("archive"), JOURNAL, 1).unwrap();
        OnDisk { dir, archive }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("archive")
    }
}
