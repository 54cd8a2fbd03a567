//! Reports.

use std::collections::BTreeMap;

use super::{execution_from_pb, execution_to_pb, optional, state_from_pb, state_to_pb};
use crate::{
    convert::{
        Violations,
        status::{failure_from_pb, failure_to_pb},
        time::{duration_from_pb, duration_to_pb, required_time, time_to_pb},
    },
    model::TestReport,
    pb::v1,
};

/// Writes a report.
pub fn report_to_pb(report: &TestReport) -> v1::TestReport {
    let TestReport {
        case_name,
        state,
        test,
        runtime,
        signal_latency,
        error,
        traceback,
        concluded_at,
        failure,
    } = report;
    v1::TestReport {
        case_name: case_name.clone(),
        state: state_to_pb(*state).into(),
        test: test.as_ref().map(execution_to_pb),
        runtime: runtime.map(duration_to_pb),
        signal_latency: signal_latency
            .iter()
            .map(|(name, latency)| (name.clone(), duration_to_pb(*latency)))
            .collect(),
        error: error.clone(),
        traceback: traceback.clone(),
        concluded_at: Some(time_to_pb(*concluded_at)),
        failure: failure.as_ref().map(failure_to_pb),
    }
}

/// Reads a report.
pub fn report_from_pb(pb: v1::TestReport, bad: &mut Violations) -> Option<TestReport> {
    let v1::TestReport {
        case_name,
        state,
        test,
        runtime,
        signal_latency,
        error,
        traceback,
        concluded_at,
        failure,
    } = pb;
    let state = state_from_pb(state, &mut bad.field("state"));
    let test = optional(test, &mut bad.field("test"), execution_from_pb);
    let runtime = optional(runtime, &mut bad.field("runtime"), duration_from_pb);
    let mut latencies = Some(BTreeMap::new());
    for (name, latency) in signal_latency {
        match duration_from_pb(latency, &mut bad.entry("signal_latency", &name)) {
            Some(latency) => {
                if let Some(latencies) = &mut latencies {
                    latencies.insert(name, latency);
                }
            }
            None => latencies = None,
        }
    }
    let concluded_at = required_time(concluded_at, &mut bad.field("concluded_at"));
    Some(TestReport {
        case_name,
        state: state?,
        test: test?,
        runtime: runtime?,
        signal_latency: latencies?,
        error,
        traceback,
        concluded_at: concluded_at?,
        failure: failure.map(failure_from_pb),
    })
}
