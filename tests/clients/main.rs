//! The server as a process, called by clients that know nothing of its code:
//! grpcurl, buf, Python with stubs generated from the schemas, and Faust.
//!
//! They come from `python/requirements.txt`. A test whose client is not here
//! says that it was skipped, or fails where it may not be: see [`tools`].

mod buf_curl;
mod faust;
mod grpcurl;
mod json_client;
mod python;
mod readme;
mod refusals;
mod schemas;
mod server;
mod tools;
mod tour;

use std::time::Duration;

/// How long anything may take; only what hangs takes so long.
const DEADLINE: Duration = Duration::from_secs(60);
