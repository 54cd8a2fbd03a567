//! Between the wire and the models: `pb` on one side, `model` on the other.
//!
//! Invariant: what comes out of here keeps the promises of the models (valid
//! names, times and numbers, no null keys), or every field that breaks one is
//! named at once. Messages are taken apart by destructuring, so that a new field
//! breaks the build until it is handled.

pub mod case;
pub mod json;
pub mod models;
pub mod names;
pub mod notification;
pub mod probe;
pub mod status;
pub mod storage;
pub mod time;
pub mod value;
pub mod violation;

#[cfg(test)]
pub(crate) mod arbitrary;

pub use violation::{Violation, Violations};
