//! Metrics for Prometheus: on each scrape a snapshot of the node, written in the
//! format that is asked for. Nothing is counted here; what counts is the fold of
//! the journal, so counters go on after a restart.
//!
//! No label holds an id: the series are bounded by the declared cases, signals
//! and webhooks. `ops/README.md` lists all metrics with their labels, and each
//! tells its meaning in `# HELP`.

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
