//! Fields that several requests have.

use std::time::Duration;

use tonic::Status;

use crate::{
    convert::{
        Violations,
        models::state_from_pb,
        names::check_case_name,
        time::{duration_from_pb, time_from_pb},
    },
    model::{State, Time},
};

use super::status::invalid;

/// Page size unless a request says otherwise.
const DEFAULT_PAGE_SIZE: usize = 50;
/// Largest page.
const MAX_PAGE_SIZE: i32 = 1000;
/// Longest wait.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(3600);

pub(super) fn required<T>(name: &str, field: Option<T>) -> Result<T, Status> {
    field.ok_or_else(|| one(name, "must be set"))
}

/// The status of one bad field.
pub(super) fn one(field: &str, description: &str) -> Status {
    let mut bad = Violations::new();
    bad.add_to(field, description);
    invalid(bad)
}

pub(super) fn page_size(size: i32) -> Result<usize, Status> {
    let mut bad = Violations::new();
    let size = read_page_size(size, &mut bad);
    bad.finish(size).map_err(invalid)
}

pub(super) fn read_page_size(size: i32, bad: &mut Violations) -> Option<usize> {
    match size {
        0 => Some(DEFAULT_PAGE_SIZE),
        1..=MAX_PAGE_SIZE => usize::try_from(size).ok(),
        _ => {
            bad.add_to("page_size", format!("must be from 0 to {MAX_PAGE_SIZE}"));
            None
        }
    }
}

pub(super) fn read_states(states: &[i32], bad: &mut Violations) -> Option<Vec<State>> {
    let read = states.iter().enumerate();
    // All of them are read, so that each bad one is told.
    let read: Vec<_> = read
        .map(|(index, &state)| state_from_pb(state, &mut bad.at("states", index)))
        .collect();
    read.into_iter().collect()
}

/// Reads a time that may be left out; the outer `None` is a violation.
pub(super) fn read_time(
    name: &str,
    time: Option<prost_types::Timestamp>,
    bad: &mut Violations,
) -> Option<Option<Time>> {
    match time {
        None => Some(None),
        Some(time) => time_from_pb(time, &mut bad.field(name)).map(Some),
    }
}

/// Reads a wait of at most an hour that may be left out.
pub(super) fn read_wait(
    name: &str,
    wait: Option<prost_types::Duration>,
    bad: &mut Violations,
) -> Option<Option<Duration>> {
    let Some(wait) = wait else {
        return Some(None);
    };
    let mut bad = bad.field(name);
    let wait = duration_from_pb(wait, &mut bad)?;
    if wait > MAX_WAIT {
        bad.add(format!("is {wait:?}; at most 1 h: wait again after that"));
        return None;
    }
    Some(Some(wait))
}

/// Reads the name of a case that may be left out; the outer `None` is a
/// violation.
pub(super) fn read_case_name(name: String, bad: &mut Violations) -> Option<Option<String>> {
    match given(name) {
        Some(name) if !check_case_name(&name, &mut bad.field("case_name")) => None,
        name => Some(name),
    }
}

/// An empty text is none.
pub(super) fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
