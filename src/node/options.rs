use std::{sync::Arc, time::Duration};

use crate::model::Webhook;

/// How a node works and what it bounds.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Executions that may be live at once.
    pub max_live_executions: usize,
    /// Bytes that live executions and early signals may take, about.
    pub max_state_bytes: usize,
    /// Cases that may be declared.
    pub max_cases: usize,
    /// Calls that may wait or watch at once.
    pub max_waiters: usize,
    /// Bytes that may wait for the archive, about.
    pub archive_backlog_bytes: u64,
    /// How long finished executions are kept; none: for ever.
    pub retention_age: Option<Duration>,
    /// How large the archive may grow, in bytes; none: without limit.
    pub retention_size: Option<u64>,
    /// Records between two snapshots.
    pub snapshot_every: u64,
    /// Who is told of the health of cases.
    pub webhooks: Arc<[Webhook]>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        NodeOptions {
            max_live_executions: 1_000_000,
            max_state_bytes: 4 << 30,
            max_cases: 10_000,
            max_waiters: 100_000,
            archive_backlog_bytes: 256 << 20,
            retention_age: Some(Duration::from_secs(30 * 24 * 3600)),
            retention_size: Some(10 << 30),
            snapshot_every: 500_000,
            webhooks: Arc::new([]),
        }
    }
}
