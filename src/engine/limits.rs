//! What the fold keeps, and for how long. Constants and not settings: the same
//! journal must give the same verdicts on every server.

use std::time::Duration;

/// How long a signal waits for its execution.
pub const EARLY_LIFE: Duration = Duration::from_secs(60);
/// Early signals kept for one case.
pub const EARLY_PER_CASE: usize = 100_000;
/// Early signals kept for one key of a case.
pub const EARLY_PER_KEY: usize = 16;
/// Bytes of early signals kept in one partition.
pub const EARLY_BYTES: usize = 256 << 20;

/// How long a concluded execution is remembered for its late signals.
pub const REMEMBERED_LIFE: Duration = Duration::from_secs(600);
/// Concluded executions remembered in one partition.
pub const REMEMBERED: usize = 100_000;

/// Signals kept of one execution; those that are still needed have their places
/// held for them. Only a case stored before an apply checked that they fit has
/// more.
pub const KEPT_SIGNALS: usize = 256;
/// Bytes of values kept of one execution.
pub const KEPT_VALUE_BYTES: usize = 256 << 10;
/// Names that the case does not declare, kept of one execution.
pub const UNKNOWN_NAMES: usize = 16;
/// Late signals kept beside one report.
pub const LATE_SIGNALS: usize = 16;

/// A silence of the clock longer than this is an absence: so long between two
/// ticks, or between a tick's queueing and its place in the journal.
pub const ABSENCE: Duration = Duration::from_secs(3);

/// How often a tick comes at least, while any is needed.
pub const TICK_INTERVAL: Duration = Duration::from_secs(1);
