//! Messages as text for people.

mod cases;
mod declaration;
mod failures;
mod status;

use std::time::Duration;

use comfy_table::Cell;

use super::{
    output::{Rows, Style, cell, fields, indent, state_cell},
    text::{self, NOTHING},
};
use crate::{
    convert::{
        Violations,
        value::{Limits, list_from_pb, object_from_pb},
    },
    model::Json,
    pb::v1,
    settings::units::format_duration,
};

pub use cases::{CASE, WATCHED_CASE, case, cases, watched_case};
pub use declaration::case_file;
pub use failures::{FAILURES, failures};
pub use status::control;

/// Full name of a report.
pub const REPORT: &str = "livecheck.v1.TestReport";
/// Full name of a watched report.
pub const WATCHED_REPORT: &str = "livecheck.v1.WatchReportsResponse";
/// Full name of an execution with what is known of it.
pub const EXECUTION_VIEW: &str = "livecheck.v1.ExecutionView";
/// Full name of a step of a watched execution.
pub const WATCHED_STEP: &str = "livecheck.v1.WatchExecutionResponse";

/// Least widths of a watched report's columns, so that lines that come one by
/// one stand below each other.
const WATCH_WIDTHS: &[u16] = &[24, 7, 9];
/// The same for the signals of a watched execution.
const STEP_WIDTHS: &[u16] = &[24, 20, 8];
/// What stands for the id in a report that is about the case itself.
const OF_THE_CASE: &str = "(the case itself)";
const REPORT_HEADINGS: &[&str] = &["CONCLUDED", "STATE", ">RUNTIME", "CASE", "ID"];
const SIGNAL_HEADINGS: &[&str] = &["AT", "SIGNAL", "OUTCOME", "KEY", "VALUE"];

/// Reports as a table, the error of each below its row.
pub fn reports(reports: &[v1::TestReport], style: Style) -> String {
    let mut rows = Rows::new(REPORT_HEADINGS, style);
    for report in reports {
        rows.add(report_cells(report), &report_note(report));
    }
    rows.render()
}

/// A report of a watch, as a line of the table of [`reports`].
pub fn watched_report(item: &v1::WatchReportsResponse, with_heading: bool, style: Style) -> String {
    let Some(report) = &item.report else {
        return String::new();
    };
    let mut rows = Rows::new(REPORT_HEADINGS, style).at_least(WATCH_WIDTHS);
    rows.add(report_cells(report), &report_note(report));
    match with_heading {
        true => rows.render(),
        false => rows.render_without_heading(),
    }
}

fn report_cells(report: &v1::TestReport) -> [Cell; 5] {
    [
        cell(text::time(report.concluded_at.as_ref())),
        state_cell(report.state),
        cell(text::seconds(report.runtime.as_ref())),
        cell(&report.case_name),
        cell(report.test.as_ref().map_or(OF_THE_CASE, |test| &test.id)),
    ]
}

/// What is wrong; of a report on the case itself that says nothing, that it is
/// well again.
fn report_note(report: &v1::TestReport) -> String {
    match (&report.test, &report.error) {
        (None, None) => {
            let lasted = report.runtime.as_ref().and_then(text::read_span);
            let lasted = Duration::from_secs(lasted.unwrap_or_default().as_secs());
            let lasted = format_duration(lasted);
            format!("the case is well again; its incident lasted {lasted}")
        }
        (_, error) => error.clone().unwrap_or_default(),
    }
}

/// A whole report.
pub fn report(report: &v1::TestReport, style: Style) -> String {
    let test = report.test.clone().unwrap_or_default();
    let started = match &report.test {
        Some(test) => text::time(test.timestamp.as_ref()),
        None => String::new(),
    };
    let mut text = fields(&[
        ("Case", report.case_name.clone()),
        ("Id", test.id),
        ("Labels", text::labels(&test.labels)),
        ("Started", started),
        ("Concluded", text::time(report.concluded_at.as_ref())),
        ("Runtime", text::seconds(report.runtime.as_ref())),
        ("State", text::state(report.state).into_owned()),
        ("Error", report_note(report)),
    ]);
    if !report.signal_latency.is_empty() {
        let mut rows = Rows::new(&["SIGNAL", ">LATENCY"], style);
        for (name, latency) in &report.signal_latency {
            rows.add([cell(name), cell(text::seconds(Some(latency)))], "");
        }
        text.push('\n');
        text.push_str(&rows.render());
    }
    if !report.traceback().is_empty() {
        text.push_str("\nTraceback\n");
        text.push_str(&indent(report.traceback(), "  "));
    }
    text
}

/// An execution as it was submitted.
pub fn test(test: &v1::TestExecution, _style: Style) -> String {
    fields(&test_fields(test))
}

fn test_fields(test: &v1::TestExecution) -> Vec<(&'static str, String)> {
    let mut bad = Violations::new();
    let args = list_from_pb(test.test_args.clone(), Limits::STORED, &mut bad);
    let kwargs = object_from_pb(test.test_kwargs.clone(), Limits::STORED, &mut bad);
    vec![
        ("Case", test.case_name.clone()),
        ("Id", test.id.clone()),
        ("Started", text::time(test.timestamp.as_ref())),
        ("Expires", text::time(test.expires.as_ref())),
        ("Args", unless_empty(args.map(Json::Array))),
        ("Kwargs", unless_empty(kwargs.map(Json::Object))),
        ("Labels", text::labels(&test.labels)),
    ]
}

/// A list or an object as JSON; nothing if it is empty.
fn unless_empty(json: Option<Json>) -> String {
    match json {
        Some(Json::Array(items)) if items.is_empty() => String::new(),
        Some(Json::Object(fields)) if fields.is_empty() => String::new(),
        Some(json) => text::json(&json),
        None => NOTHING.to_owned(),
    }
}

/// Executions as a table.
pub fn executions(executions: &[v1::ExecutionView], style: Style) -> String {
    let headings = ["STARTED", "STATE", ">SIGNALS", "CASE", "ID"];
    let mut rows = Rows::new(&headings, style);
    for view in executions {
        let test = view.test.clone().unwrap_or_default();
        let cells = [
            cell(text::time(test.timestamp.as_ref())),
            state_cell(view.state),
            cell(view.signal_count),
            cell(test.case_name),
            cell(test.id),
        ];
        rows.add(cells, "");
    }
    rows.render()
}

/// A whole execution: itself, where its signals stand, what came, and its
/// report.
pub fn execution(view: &v1::ExecutionView, style: Style) -> String {
    let mut lines = test_fields(&view.test.clone().unwrap_or_default());
    lines.push(("Revision", view.case_revision.to_string()));
    lines.push(("State", text::state(view.state).into_owned()));
    let mut text = fields(&lines);

    if !view.progress.is_empty() {
        text.push('\n');
        text.push_str(&progress(&view.progress, style));
    }
    let kept = view.signals.len();
    if !view.signals.is_empty() {
        text.push('\n');
        text.push_str(&signals(&view.signals, style));
        text.push_str(&not_kept(kept, view.signal_count));
    }
    if !view.late_signals.is_empty() {
        text.push_str("\nAfter the verdict\n");
        text.push_str(&signals(&view.late_signals, style));
        text.push_str(&not_kept(view.late_signals.len(), view.late_signal_count));
    }
    if let Some(report) = &view.report {
        text.push_str("\nReport\n");
        text.push_str(&self::report(report, style));
    }
    text
}

fn progress(progress: &[v1::SignalProgress], style: Style) -> String {
    let headings = [
        "SIGNAL", ">CAME", ">NEEDED", "DEADLINE", ">LATENCY", "SETTLED",
    ];
    let mut rows = Rows::new(&headings, style);
    for signal in progress {
        let needed = match signal.max {
            None => signal.min.to_string(),
            Some(max) => format!("{}..{max}", signal.min),
        };
        let cells = [
            cell(&signal.signal_name),
            cell(signal.count),
            cell(needed),
            cell(text::time(signal.deadline.as_ref())),
            cell(text::seconds(signal.latency.as_ref())),
            cell(if signal.settled { "yes" } else { "no" }),
        ];
        rows.add(cells, "");
    }
    rows.render()
}

fn signals(signals: &[v1::ReceivedSignal], style: Style) -> String {
    let mut rows = Rows::new(SIGNAL_HEADINGS, style);
    for signal in signals {
        rows.add(signal_cells(signal), "");
    }
    rows.render()
}

fn signal_cells(signal: &v1::ReceivedSignal) -> [Cell; 5] {
    let event = signal.event.clone().unwrap_or_default();
    let value = match signal.value_dropped {
        true => "(dropped)".to_owned(),
        false => text::value(event.value.as_ref()),
    };
    [
        cell(text::time(signal.at.as_ref())),
        cell(event.signal_name),
        cell(text::signal_outcome(signal.outcome)),
        cell(text::value(event.key.as_ref())),
        cell(value),
    ]
}

/// Tells that more came than is kept.
fn not_kept(kept: usize, came: u64) -> String {
    let kept = u64::try_from(kept).unwrap_or(u64::MAX);
    match came.saturating_sub(kept) {
        0 => String::new(),
        more => format!("and {more} more, of which only the number is kept\n"),
    }
}

/// A step of a watched execution.
pub fn watched_step(item: &v1::WatchExecutionResponse, style: Style) -> String {
    use v1::watch_execution_response::Payload;
    match &item.payload {
        None => String::new(),
        Some(Payload::Execution(view)) => execution(view, style),
        Some(Payload::Signal(signal)) => {
            let mut rows = Rows::new(SIGNAL_HEADINGS, style).at_least(STEP_WIDTHS);
            rows.add(signal_cells(signal), "");
            rows.render_without_heading()
        }
        Some(Payload::Report(report)) => format!("\nReport\n{}", self::report(report, style)),
    }
}

/// A signal that was waited for.
pub fn awaited_signal(response: &v1::WaitSignalResponse, _style: Style) -> String {
    let event = response.event.clone().unwrap_or_default();
    fields(&[
        ("Case", event.case_name),
        ("Signal", event.signal_name),
        ("Key", text::value(event.key.as_ref())),
        ("Value", text::value(event.value.as_ref())),
        ("At", text::time(response.at.as_ref())),
        ("Latency", text::seconds(response.latency.as_ref())),
    ])
}

/// What became of a signal that was sent.
pub fn sent_signal(response: &v1::SendSignalResponse, _style: Style) -> String {
    let outcome = text::signal_outcome(response.outcome);
    match response.message.is_empty() {
        true => format!("{outcome}\n"),
        false => format!("{outcome}: {}\n", text::clean_lines(&response.message)),
    }
}
