//! Probes: the fake requests that LiveCheck itself makes, as cases declare them.
//!
//! **When.** A probe has slots, `frequency` apart, at a place of that span that
//! follows from the name of its case: probes of many cases spread, and each
//! keeps its slots over restarts, however long a probe takes. Slots are times of
//! the journal, which steps of the wall clock do not move. A slot is missed, and
//! not made up for, when it is found over a second late, as after the machine
//! was suspended, or while the probe before it still runs: of one case no two
//! probes run at a time. A case that is applied, deleted, activated or
//! deactivated changes its slots within about 50 ms; a probe that it no longer
//! declares is given up.
//!
//! **What.** A probe makes attempts until the target answers: at most `retries`
//! more than one, with the pauses that the case declares. An attempt connects,
//! then submits an execution that is exempt from sampling and budgets (of a case
//! without signals once the target has answered, as it passes when it starts),
//! then sends the request with
//!
//! - the four `LiveCheck-Test-*` headers of the execution,
//! - `baggage: livecheck.fake=true`, behind what the case declares there,
//! - a W3C `traceparent` of its own, which the execution keeps,
//! - the `fake_header` of the case with the value `true`, if it names one.
//!
//! An HTTP status from 200 to 299 is an answer, and so is the gRPC status OK; no
//! redirect is followed. The execution of an attempt that failed is cancelled and
//! ends as SKIP; one that could not connect has none. What came of the probe
//! goes to the journal, and from there to the health of the case: after the last
//! failed attempt the target is down. A server that is over one of its own limits
//! before it has an answer makes no statement about the target: the probe ends
//! without one.
//!
//! **gRPC.** The method is found in the `descriptor_set` of the case or else by
//! the target's reflection (v1, then v1alpha), once until an attempt fails or the
//! probe is changed. Only unary methods can be probed.
//!
//! **Bounds.** At most [`ATTEMPTS_AT_ONCE`] attempts run at once; the others wait
//! for their turn. The head of an HTTP answer decides, its body is not read; a gRPC
//! message may have 4 MiB.
//!
//! The border: this module only calls the node as the services do, and decides
//! nothing about the health of a case.

mod attempt;
mod grpc;
mod mark;
mod method;
mod prober;
mod reflection;
mod run;
mod schedule;

pub use prober::{ATTEMPTS_AT_ONCE, start};
