//! Probes: which there are, and what came of them.

use crate::{
    journal::Admission,
    model::{Event, Probe, ProbeResult},
};

use super::{Node, Reply};

impl Node {
    /// The probes of the active cases, each with the name of its case.
    pub fn probes(&self) -> Vec<(String, Probe)> {
        let mut probes = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            for case in state.engine.cases() {
                if let Some(probe) = &case.probe
                    && state.engine.is_active(&case.name)
                {
                    probes.push((case.name.clone(), probe.clone()));
                }
            }
        }
        probes
    }

    /// Takes note of what came of a probe.
    pub fn probed(&self, result: ProbeResult) {
        let number = self.partition_number(&result.case_name);
        let event = Event::Probed(result);
        self.journal()
            .append(number, Admission::Always, vec![(event, Reply::Nobody)]);
    }
}
