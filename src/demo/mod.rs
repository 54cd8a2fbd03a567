//! The demo: a small order system that is tested while it runs.
//!
//! Four services on ports of their own pass orders on over gRPC and know
//! LiveCheck only by its public API. Invariant: whether an order is tested
//! travels in the metadata of their calls and nowhere else, and every number
//! shown was counted from answers.
//!
//! - `plan`: which orders come, and which of them are hurt;
//! - `services`: the order system;
//! - `run`: lets the orders flow and collects what LiveCheck says of them;
//! - `embedded`: the same with a LiveCheck server of its own;
//! - `summary` and `print`: what it adds up to, and how it is shown.

mod case;
mod embedded;
mod error;
mod livecheck;
mod options;
mod order;
mod plan;
mod print;
mod run;
mod services;
mod summary;

#[cfg(test)]
mod tests;

pub use case::CASE_NAME;
pub use embedded::run_with_server;
pub use error::DemoError;
pub use options::{MAX_ORDERS, Options, Rate, RateError};
pub use plan::Hurt;
pub use print::{Format, Printer};
pub use run::{Server, run};
pub use summary::{Group, Summary};
