//! Failures that look alike.

use crate::{
    cli::{
        output::{Rows, Style, cell, state_cell},
        text::{self, NOTHING},
    },
    pb::v1,
};

/// Full name of a group of failures.
pub const FAILURES: &str = "livecheck.v1.FailureGroup";

/// Longest name of a contract in the table, in characters.
const MAX_WHAT_CHARS: usize = 60;

/// Groups of failures as a table, a line each.
pub fn failures(groups: &[v1::FailureGroup], style: Style) -> String {
    let headings = [
        ">COUNT",
        "STATE",
        "CASE",
        "WHAT",
        "HEARD LAST",
        "FIRST",
        "LAST",
        "EXAMPLE",
    ];
    let mut rows = Rows::new(&headings, style);
    for group in groups {
        let failure = group.failure.clone().unwrap_or_default();
        let or_nothing = |text: &str| match text {
            "" => NOTHING.to_owned(),
            text => text.to_owned(),
        };
        let cells = [
            cell(group.count),
            state_cell(group.state),
            cell(&group.case_name),
            cell(what(&failure)),
            cell(or_nothing(&failure.last_signal)),
            cell(text::time(group.first_at.as_ref())),
            cell(text::time(group.last_at.as_ref())),
            // The last one: its execution is kept longest.
            cell(group.examples.last().map_or(NOTHING, String::as_str)),
        ];
        rows.add(cells, "");
    }
    rows.render()
}

/// The contract or the signal that failed.
fn what(failure: &v1::Failure) -> String {
    let contract = text::cut(failure.contract.trim(), MAX_WHAT_CHARS);
    match (contract.as_str(), failure.signal.as_str()) {
        ("", "") => NOTHING.to_owned(),
        ("", signal) => format!("signal {signal}"),
        (contract, "") => format!("contract {contract}"),
        (contract, signal) => format!("contract {contract} at {signal}"),
    }
}
