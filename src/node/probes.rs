//! Probes: which there are, and what came of them.

use std::sync::Arc;

use crate::{
    journal::Admission,
    model::{Case, Event, ProbeResult, Time},
};

use super::{Node, Reply};

impl Node {
    /// The active cases that have a probe.
    pub fn probed_cases(&self) -> Vec<Arc<Case>> {
        let mut probed = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            let cases = state.engine.cases();
            let cases =
                cases.filter(|case| case.probe.is_some() && state.engine.is_active(&case.name));
            probed.extend(cases.map(Arc::clone));
        }
        probed
    }

    /// Resolves when cases, or what lies over them, may have changed since the
    /// last call.
    pub async fn cases_changed(&self) {
        self.0.cases_changed.notified().await;
    }

    /// The time of the journal: the latest of its partitions'. It never
    /// decreases, whatever happens to the wall clock, and goes on while the
    /// machine is suspended.
    pub fn journal_time(&self) -> Time {
        let partitions = 0..self.journal().partitions();
        let times = partitions.map(|partition| self.journal().now(partition));
        times.max().unwrap_or(Time::UNIX_EPOCH)
    }

    /// Takes note of what came of a probe.
    pub fn probed(&self, result: ProbeResult) {
        let number = self.partition_number(&result.case_name);
        let event = Event::Probed(result);
        self.journal()
            .append(number, Admission::Always, vec![(event, Reply::Nobody)]);
    }
}
