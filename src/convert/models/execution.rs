//! Executions and the view of everything that is known of one.

use super::{
    each, optional, received_from_pb, received_to_pb, report_from_pb, report_to_pb, required,
    state_to_pb,
};
use crate::{
    convert::{
        Violations,
        time::{duration_from_pb, duration_to_pb, required_time, time_from_pb, time_to_pb},
        value::{Limits, list_from_pb, list_to_pb, object_from_pb, object_to_pb},
    },
    model::{ExecutionView, SignalProgress, TestExecution, Time},
    pb::v1,
};

/// Writes an execution.
pub fn execution_to_pb(test: &TestExecution) -> v1::TestExecution {
    let TestExecution {
        id,
        case_name,
        timestamp,
        test_args,
        test_kwargs,
        expires,
        labels,
        traceparent,
    } = test;
    v1::TestExecution {
        id: id.clone(),
        case_name: case_name.clone(),
        timestamp: Some(time_to_pb(*timestamp)),
        test_args: Some(list_to_pb(test_args)),
        test_kwargs: Some(object_to_pb(test_kwargs)),
        expires: Some(time_to_pb(*expires)),
        labels: labels.clone(),
        traceparent: traceparent.clone(),
    }
}

/// Reads an execution.
pub fn execution_from_pb(pb: v1::TestExecution, bad: &mut Violations) -> Option<TestExecution> {
    let v1::TestExecution {
        id,
        case_name,
        timestamp,
        test_args,
        test_kwargs,
        expires,
        labels,
        traceparent,
    } = pb;
    let timestamp = required_time(timestamp, &mut bad.field("timestamp"));
    let test_args = list_from_pb(test_args, Limits::STORED, &mut bad.field("test_args"));
    let test_kwargs = object_from_pb(test_kwargs, Limits::STORED, &mut bad.field("test_kwargs"));
    let expires = required_time(expires, &mut bad.field("expires"));
    Some(TestExecution {
        id,
        case_name,
        timestamp: timestamp?,
        test_args: test_args?,
        test_kwargs: test_kwargs?,
        expires: expires?,
        labels,
        traceparent,
    })
}

/// Writes where a signal stands.
pub fn progress_to_pb(progress: &SignalProgress) -> v1::SignalProgress {
    let SignalProgress {
        signal_name,
        count,
        min,
        max,
        settled,
        clock_started_at,
        deadline,
        latency,
    } = progress;
    v1::SignalProgress {
        signal_name: signal_name.clone(),
        count: *count,
        min: *min,
        max: *max,
        settled: *settled,
        clock_started_at: clock_started_at.map(time_to_pb),
        deadline: Some(time_to_pb(*deadline)),
        latency: latency.map(duration_to_pb),
    }
}

/// Reads where a signal stands.
pub fn progress_from_pb(pb: v1::SignalProgress, bad: &mut Violations) -> Option<SignalProgress> {
    let v1::SignalProgress {
        signal_name,
        count,
        min,
        max,
        settled,
        clock_started_at,
        deadline,
        latency,
    } = pb;
    let clock_started_at = optional(
        clock_started_at,
        &mut bad.field("clock_started_at"),
        time_from_pb,
    );
    let deadline = required_time(deadline, &mut bad.field("deadline"));
    let latency = optional(latency, &mut bad.field("latency"), duration_from_pb);
    Some(SignalProgress {
        signal_name,
        count,
        min,
        max,
        settled,
        clock_started_at: clock_started_at?,
        deadline: deadline?,
        latency: latency?,
    })
}

/// Writes a view with its derived values as they are at `now`.
pub fn view_to_pb(view: &ExecutionView, now: Time) -> v1::ExecutionView {
    let ExecutionView {
        test,
        case_revision,
        progress,
        signals,
        signal_count,
        late_signals,
        late_signal_count,
        report,
    } = view;
    v1::ExecutionView {
        test: Some(execution_to_pb(test)),
        state: state_to_pb(view.state()).into(),
        ident: test.ident(),
        shortident: test.shortident(),
        short_case_name: test.short_case_name().to_owned(),
        human_date: test.human_date(now),
        was_issued_today: test.was_issued_today(now),
        is_expired: test.is_expired(now),
        case_revision: *case_revision,
        progress: progress.iter().map(progress_to_pb).collect(),
        signals: signals.iter().map(received_to_pb).collect(),
        signal_count: *signal_count,
        late_signals: late_signals.iter().map(received_to_pb).collect(),
        late_signal_count: *late_signal_count,
        report: report.as_ref().map(report_to_pb),
    }
}

/// Reads a view; its derived values are not read.
pub fn view_from_pb(pb: v1::ExecutionView, bad: &mut Violations) -> Option<ExecutionView> {
    let v1::ExecutionView {
        test,
        state: _,
        ident: _,
        shortident: _,
        short_case_name: _,
        human_date: _,
        was_issued_today: _,
        is_expired: _,
        case_revision,
        progress,
        signals,
        signal_count,
        late_signals,
        late_signal_count,
        report,
    } = pb;
    let test = required(test, &mut bad.field("test"), execution_from_pb);
    let progress = each("progress", progress, bad, progress_from_pb);
    let signals = each("signals", signals, bad, received_from_pb);
    let late_signals = each("late_signals", late_signals, bad, received_from_pb);
    let report = optional(report, &mut bad.field("report"), report_from_pb);
    Some(ExecutionView {
        test: test?,
        case_revision,
        progress: progress?,
        signals: signals?,
        signal_count,
        late_signals: late_signals?,
        late_signal_count,
        report: report?,
    })
}
