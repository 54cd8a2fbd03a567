//! Single figures of the health of a case, for metrics. They cost nothing to ask
//! for: medians are in [`CaseStatus`](crate::model::CaseStatus).

use crate::model::{Incident, ProbeStatus, SamplingTotals, State, Time};

use super::Health;

impl Health {
    /// State of the case.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when it has it.
    pub fn since(&self) -> Time {
        self.since
    }

    /// The incident that runs.
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }

    /// How many incidents there were, this one included.
    pub fn incidents(&self) -> u64 {
        self.incidents
    }

    /// Whether the case goes back and forth.
    pub fn is_flapping(&self) -> bool {
        self.flapping
    }

    /// Failures since the last PASS.
    pub fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    /// How many verdicts of a state there were; of STALL, how often the case
    /// stalled.
    pub fn total(&self, state: State) -> u64 {
        self.totals.get(&state).copied().unwrap_or_default()
    }

    /// When the last execution came that was not skipped at once.
    pub fn last_test_received(&self) -> Option<Time> {
        self.last_received
    }

    /// What became of the requests.
    pub fn sampling(&self) -> SamplingTotals {
        self.sampling
    }

    /// The probe, if one has run.
    pub fn probe(&self) -> Option<&ProbeStatus> {
        self.probe.as_ref()
    }
}
