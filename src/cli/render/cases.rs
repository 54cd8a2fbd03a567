//! Cases: the list, a whole one, and what a watch tells of them.

use super::{declaration, status};
use crate::{
    cli::{
        output::{Rows, Style, cell, state_cell},
        text::{self, NOTHING},
    },
    pb::v1::{self, watch_cases_response::Payload},
};

/// Full name of a case with what is known of it.
pub const CASE: &str = "livecheck.v1.GetCaseResponse";
/// Full name of a watched change.
pub const WATCHED_CASE: &str = "livecheck.v1.WatchCasesResponse";

/// Longest reason in a list, in characters.
const MAX_REASON_CHARS: usize = 160;
const HEADINGS: &[&str] = &[
    "CASE",
    "STATE",
    "SINCE",
    ">PASSED",
    ">FAILED",
    ">IN A ROW",
    ">SKIPPED",
    ">LIVE",
    ">SAMPLED",
    "MARKS",
];
const WATCH_HEADINGS: &[&str] = &["AT", "WHAT", "STATE", "CASE"];
/// Least widths of a watched change's columns, so that lines that come one by
/// one stand below each other.
const WATCH_WIDTHS: &[u16] = &[24, 16, 5];

/// Cases as a table; below the row of one that is unwell stands why.
pub fn cases(cases: &[v1::GetCaseResponse], style: Style) -> String {
    let mut rows = Rows::new(HEADINGS, style);
    for response in cases {
        let case = response.case.clone().unwrap_or_default();
        let status = response.status.clone().unwrap_or_default();
        let total = |state: v1::State| {
            let mut totals = status.totals.iter();
            let of_state = totals.find(|total| total.state == i32::from(state));
            of_state.map_or(0, |total| total.count)
        };
        let share = status.sampling.and_then(|sampling| sampling.share);
        let share = share.map_or(NOTHING.to_owned(), |share| format!("{:.1}%", 100.0 * share));
        let why = match status.incident {
            Some(_) => text::cut(&status.reason, MAX_REASON_CHARS),
            None => String::new(),
        };
        let cells = [
            cell(&case.name),
            state_cell(status.state),
            cell(text::time(status.since.as_ref())),
            cell(total(v1::State::Pass)),
            cell(status.total_failures),
            cell(status.consecutive_failures),
            cell(total(v1::State::Skip)),
            cell(response.live_executions),
            cell(share),
            cell(status::marks(&case, &status).join(", ")),
        ];
        rows.add(cells, &why);
    }
    rows.render()
}

/// A whole case: its health, then its declaration.
pub fn case(response: &v1::GetCaseResponse, style: Style) -> String {
    let case = response.case.clone().unwrap_or_default();
    let status = response.status.clone().unwrap_or_default();
    let health = status::status(&case, &status, response.live_executions, style);
    let declaration = declaration::declaration(&case, style);
    format!("{health}\nDeclaration\n{declaration}")
}

/// What a watch tells, as a line of a table.
pub fn watched_case(item: &v1::WatchCasesResponse, with_heading: bool, style: Style) -> String {
    let status = item.status.as_ref();
    let nothing = || cell(NOTHING);
    let (at, what, state, name, note) = match &item.payload {
        None => return String::new(),
        Some(Payload::Applied(case)) => match status {
            Some(status) => (
                text::time(status.since.as_ref()),
                "as it is".to_owned(),
                state_cell(status.state),
                &case.name,
                match status.incident {
                    Some(_) => status.reason.clone(),
                    None => String::new(),
                },
            ),
            None => (
                NOTHING.to_owned(),
                "applied".to_owned(),
                nothing(),
                &case.name,
                format!("revision {}", case.revision),
            ),
        },
        Some(Payload::Deleted(name)) => (
            NOTHING.to_owned(),
            "deleted".to_owned(),
            nothing(),
            name,
            String::new(),
        ),
        Some(Payload::Transition(transition)) => (
            text::time(transition.at.as_ref()),
            text::transition_kind(transition.kind),
            state_cell(transition.state),
            &transition.case_name,
            transition_note(transition),
        ),
        Some(Payload::Controlled(controlled)) => (
            NOTHING.to_owned(),
            "controlled".to_owned(),
            nothing(),
            &controlled.case_name,
            match status::overlay(controlled.control.as_ref()) {
                overlay if overlay.is_empty() => "as declared".to_owned(),
                overlay => overlay,
            },
        ),
    };
    let mut rows = Rows::new(WATCH_HEADINGS, style).at_least(WATCH_WIDTHS);
    rows.add([cell(at), cell(what), state, cell(name)], &note);
    match with_heading {
        true => rows.render(),
        false => rows.render_without_heading(),
    }
}

/// What happened, and what kept it from being notified.
fn transition_note(transition: &v1::CaseTransition) -> String {
    let marks = [
        (transition.flapping, "flapping"),
        (transition.muted, "muted"),
    ];
    let marks: Vec<_> = marks
        .iter()
        .filter(|(so, _)| *so)
        .map(|(_, m)| *m)
        .collect();
    match marks.is_empty() {
        true => transition.reason.clone(),
        false => format!("{} ({})", transition.reason, marks.join(", ")),
    }
}
