//! Metrics for Prometheus: on each scrape a snapshot of the node, written in the
//! format that is asked for. Nothing is counted here; what counts is the fold of
//! the journal, so counters go on after a restart.
//!
//! No label holds an id: the series are bounded by the declared cases, signals
//! and webhooks. Of a case, under the label `case`:
//!
//! | metric | further labels | meaning |
//! | --- | --- | --- |
//! | `livecheck_case_state` | `state` | 1 for the state that it has, of INIT, PASS, FAIL and STALL |
//! | `livecheck_case_state_since_seconds` | | since when, as Unix time |
//! | `livecheck_case_incident` | `cause` | 1 for the cause of the incident that runs: FAILED, STALLED or TARGET_DOWN |
//! | `livecheck_case_active`, `livecheck_case_flapping`, `livecheck_case_muted` | | 1 if it is |
//! | `livecheck_case_consecutive_failures` | | failures since the last PASS |
//! | `livecheck_incidents_total`, `livecheck_stalls_total` | | how many incidents there were, and how often it stalled |
//! | `livecheck_executions_total` | `state` | verdicts: PASS, FAIL, ERROR, TIMEOUT, SKIP |
//! | `livecheck_executions_live` | | executions without a verdict |
//! | `livecheck_last_execution_timestamp_seconds` | | when the last execution came; none before the first |
//! | `livecheck_requests_total` | `result` | `sampled`, `not_sampled`, `over_rate`, `over_live`, `refused` |
//! | `livecheck_signals_total` | `outcome` | as the API names outcomes: ACCEPTED, EARLY, … |
//! | `livecheck_execution_runtime_seconds` | | histogram over the executions that passed |
//! | `livecheck_signal_latency_seconds` | `signal` | histogram, by declared signal |
//! | `livecheck_probe_up`, `livecheck_probe_last_timestamp_seconds` | | the last probe; none before the first |
//! | `livecheck_probes_total`, `livecheck_probe_attempts_total`, `livecheck_probe_failures_total` | | probes, their attempts, and those of which every attempt failed |
//!
//! Of the server:
//!
//! | metric | labels | meaning |
//! | --- | --- | --- |
//! | `livecheck_build_info` | `version` | 1 |
//! | `livecheck_start_time_seconds` | | when it came up, as Unix time |
//! | `livecheck_cases` | | declared cases |
//! | `livecheck_notifications_pending`, `livecheck_notifications_dead` | `webhook` | waiting, and given up |
//! | `livecheck_waiters` | | calls that wait or watch |
//! | `livecheck_journal_records_total` | `partition` | durable records: the position of the last one |
//! | `livecheck_folded_records_total`, `livecheck_fold_lag_records` | `partition` | folded ones, and how many are not yet |
//! | `livecheck_archive_position`, `livecheck_archive_backlog_bytes` | `partition` | up to where the archive has everything, and what is queued for it |
//! | `livecheck_absences_total` | `partition` | how often the server was away |
//! | `livecheck_executions_in_memory`, `livecheck_early_signals`, `livecheck_state_bytes` | `partition` | what the fold keeps |
//! | `livecheck_wall_clock_ahead_seconds` | `partition` | wall clock minus journal time |
//! | `livecheck_cases_limit`, `livecheck_waiters_limit`, `livecheck_executions_in_memory_limit`, `livecheck_state_limit_bytes`, `livecheck_archive_backlog_limit_bytes` | | the limits, for all partitions together |

mod case;
mod families;
mod format;
mod server;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use prometheus_client::{collector::Collector, encoding, registry::Registry};

use crate::{
    model::Time,
    node::{Figures, Node},
};

use families::Families;

pub use format::Format;

/// The metrics of a node.
pub struct Metrics {
    node: Node,
    started_at: Time,
    /// Length of the last answer, by which room is made for the next.
    length: AtomicUsize,
}

impl Metrics {
    /// The metrics of a node that comes up now.
    pub fn new(node: Node) -> Metrics {
        Metrics {
            started_at: node.now(),
            node,
            length: AtomicUsize::new(0),
        }
    }

    /// The metrics as they now are. Takes some milliseconds where there are many
    /// cases.
    pub fn scrape(&self, format: Format) -> Result<String, fmt::Error> {
        let last = self.length.load(Ordering::Relaxed);
        let mut text = String::with_capacity(last + last / 8);
        let snapshot = Snapshot {
            figures: self.node.figures(),
            started_at: self.started_at,
        };
        snapshot.write(format, &mut text)?;
        self.length.store(text.len(), Ordering::Relaxed);
        Ok(text)
    }
}

/// What one scrape shows.
#[derive(Debug)]
struct Snapshot {
    figures: Figures,
    started_at: Time,
}

impl Snapshot {
    fn write(self, format: Format, text: &mut String) -> fmt::Result {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        match format {
            Format::OpenMetrics => encoding::text::encode(text, &registry),
            Format::PrometheusText => encoding::prometheus_text::encode(text, &registry),
        }
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: encoding::DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families::new(encoder);
        case::encode(&self.figures, &mut families)?;
        server::encode(&self.figures, self.started_at, &mut families)
    }
}
