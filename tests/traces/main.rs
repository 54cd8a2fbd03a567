//! Traces, as a collector of OpenTelemetry and the callers see them: a real
//! server, and a receiver that speaks OTLP over gRPC.

mod calls;
mod collector;
mod exported;
mod kept;
mod outages;
mod server;

use std::time::Duration;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(30);

/// A trace of a caller, and two of its spans.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SUBMITTER: &str = "00f067aa0ba902b7";
const SENDER: &str = "b7ad6b7169203331";

/// A `traceparent` of these, which is sampled.
fn traceparent(trace: &str, span: &str) -> String {
    format!("00-{trace}-{span}-01")
}
