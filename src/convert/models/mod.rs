//! The models on the wire.
//!
//! Invariant: reading is the inverse of writing: what was written is read back
//! as it was, whatever the limits of today. Limits are for what clients send,
//! and that is read by [`SentSignal`].

mod execution;
mod report;
mod signal;
mod state;

pub use execution::{
    execution_from_pb, execution_to_pb, progress_from_pb, progress_to_pb, view_from_pb, view_to_pb,
};
pub use report::{report_from_pb, report_to_pb};
pub use signal::{
    About, SentSignal, received_from_pb, received_to_pb, signal_event_from_pb, signal_event_to_pb,
};
pub use state::{outcome_from_pb, outcome_to_pb, state_from_pb, state_to_pb, states_from_pb};

use super::Violations;

/// Reads a field that must be given.
fn required<T, U>(
    pb: Option<T>,
    bad: &mut Violations,
    read: impl Fn(T, &mut Violations) -> Option<U>,
) -> Option<U> {
    match pb {
        Some(pb) => read(pb, bad),
        None => {
            bad.add("must be set");
            None
        }
    }
}

/// Reads a field that may be left out; the outer `None` means that it is wrong.
pub(crate) fn optional<T, U>(
    pb: Option<T>,
    bad: &mut Violations,
    read: impl Fn(T, &mut Violations) -> Option<U>,
) -> Option<Option<U>> {
    match pb {
        Some(pb) => read(pb, bad).map(Some),
        None => Some(None),
    }
}

/// Reads every element of a repeated field, so that all that is wrong is found;
/// `None` if any could not be read.
pub(crate) fn each<T, U>(
    field: &str,
    pb: Vec<T>,
    bad: &mut Violations,
    read: impl Fn(T, &mut Violations) -> Option<U>,
) -> Option<Vec<U>> {
    let mut all = Some(Vec::with_capacity(pb.len()));
    for (i, pb) in pb.into_iter().enumerate() {
        match read(pb, &mut bad.at(field, i)) {
            Some(one) => {
                if let Some(all) = &mut all {
                    all.push(one);
                }
            }
            None => all = None,
        }
    }
    all
}

#[cfg(test)]
mod tests;
