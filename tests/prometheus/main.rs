//! The HTTP side of a server, as Prometheus uses it: a real Prometheus scrapes a
//! real server and evaluates the rules of `ops/`, and promtool checks the files.
//!
//! A test whose program is not here says that it was skipped, or fails where it
//! may not be: see [`tools`].

mod alerts;
mod endpoint;
mod files;
mod get;
mod prometheus;
mod server;
mod tools;

use std::time::Duration;

/// How long anything may take; only what hangs takes so long.
const DEADLINE: Duration = Duration::from_secs(60);
