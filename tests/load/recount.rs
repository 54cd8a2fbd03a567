//! The plain recount of one case from its reports, in the order in which they
//! were told.

use std::collections::BTreeMap;

use livecheck::pb::v1::{DurationSummary, FailedExecution, State, TestExecution, TestReport};
use prost_types::Timestamp;

use super::{HISTORY, LIMIT};

/// What the reports of a case add up to.
#[derive(Default)]
pub struct Recount {
    pub totals: BTreeMap<State, u64>,
    pub consecutive_failures: u32,
    pub last_failure: Option<FailedExecution>,
    /// Failures by fingerprint.
    pub failures: BTreeMap<String, u64>,
    pub incidents: u64,
    pub unwell: bool,
    /// Of executions that passed, in microseconds.
    runtimes: Vec<i64>,
    latencies: BTreeMap<String, Vec<i64>>,
    /// When the executions came, in microseconds since 1970.
    received: Vec<i64>,
}

impl Recount {
    /// Adds the report of an execution; how many reports on the case itself must
    /// come of it.
    pub fn add(&mut self, report: &TestReport, test: &TestExecution) -> u64 {
        let state = report.state();
        *self.totals.entry(state).or_default() += 1;
        self.received.extend(test.timestamp.map(micros));
        if state != State::Skip {
            for (name, latency) in &report.signal_latency {
                let latencies = self.latencies.entry(name.clone()).or_default();
                latencies.push(span(*latency));
            }
        }
        match state {
            State::Pass => {
                self.consecutive_failures = 0;
                self.runtimes.extend(report.runtime.map(span));
                let failed_at = self.last_failure.as_ref().and_then(|failure| failure.at);
                let is_later = failed_at.map(micros) < test.timestamp.map(micros);
                u64::from(is_later && std::mem::take(&mut self.unwell))
            }
            State::Fail | State::Error | State::Timeout => {
                self.consecutive_failures += 1;
                self.last_failure = Some(FailedExecution {
                    id: test.id.clone(),
                    state: report.state,
                    at: report.concluded_at,
                    error: report.error.clone().unwrap_or_default(),
                });
                let failure = report.failure.clone().unwrap_or_default();
                *self.failures.entry(failure.fingerprint).or_default() += 1;
                let begins = self.consecutive_failures >= LIMIT && !self.unwell;
                self.unwell |= begins;
                self.incidents += u64::from(begins);
                u64::from(begins)
            }
            _ => 0,
        }
    }

    /// State of the case.
    pub fn state(&self) -> State {
        let passed = self.totals.contains_key(&State::Pass);
        match (self.unwell, passed || self.incidents > 0) {
            (true, _) => State::Fail,
            (false, true) => State::Pass,
            (false, false) => State::Init,
        }
    }

    /// Failures in all.
    pub fn total_failures(&self) -> u64 {
        let failures = [State::Fail, State::Error, State::Timeout];
        failures.iter().filter_map(|one| self.totals.get(one)).sum()
    }

    /// When the last execution came, in microseconds since 1970.
    pub fn last_received(&self) -> Option<i64> {
        self.received.iter().copied().max()
    }

    pub fn runtime(&self) -> DurationSummary {
        summary(&self.runtimes)
    }

    pub fn latency(&self) -> BTreeMap<&str, DurationSummary> {
        let latencies = self.latencies.iter();
        latencies
            .map(|(name, values)| (name.as_str(), summary(values)))
            .collect()
    }

    pub fn frequency(&self) -> DurationSummary {
        let mut received = self.received.clone();
        received.sort_unstable();
        let times: Vec<_> = received.windows(2).map(|two| two[1] - two[0]).collect();
        summary(&times)
    }
}

/// Median and ninth decile of the last values.
fn summary(values: &[i64]) -> DurationSummary {
    let mut last = values[values.len().saturating_sub(HISTORY as usize)..].to_vec();
    last.sort_unstable();
    // The least value that so many of a hundred do not exceed.
    let value = |percent: usize| {
        let reached = |value: &&i64| {
            let within = last.iter().filter(|one| one <= value).count();
            within * 100 >= last.len() * percent
        };
        last.iter()
            .find(reached)
            .map(|micros| prost_types::Duration {
                seconds: micros / 1_000_000,
                nanos: (micros % 1_000_000) as i32 * 1000,
            })
    };
    DurationSummary {
        count: last.len() as u32,
        median: value(50),
        p90: value(90),
    }
}

/// A span in microseconds.
fn span(span: prost_types::Duration) -> i64 {
    span.seconds * 1_000_000 + i64::from(span.nanos / 1000)
}

/// An instant in microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.seconds * 1_000_000 + i64::from(at.nanos / 1000)
}
