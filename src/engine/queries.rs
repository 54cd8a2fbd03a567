//! Questions about the state as it is.

use std::{sync::Arc, time::Duration};

use crate::model::{Absences, Case, ExecutionView, Json, Position, ReceivedSignal, Time};

use super::{
    Engine,
    cases::CaseState,
    health::Health,
    identity::{SubmissionDigest, key_text},
};

/// Where a signal is that someone asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundSignal {
    /// It came: the signal, and its latency if it reached an execution.
    Here(Arc<ReceivedSignal>, Option<Duration>),
    /// Its execution is concluded, under this id.
    Concluded(String),
    /// It has not come.
    Nowhere,
}

impl Engine {
    /// Position of the last record that was folded.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Time of the last record that was folded.
    pub fn time(&self) -> Time {
        self.time
    }

    /// A case as it now stands.
    pub fn case(&self, name: &str) -> Option<&Arc<Case>> {
        Some(&self.cases.get(name)?.current.as_ref()?.case)
    }

    /// The cases as they now stand, by name.
    pub fn cases(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.cases.current().map(|(_, current)| &current.case)
    }

    /// The cases whose names come after one.
    pub fn cases_after(&self, name: Option<&str>) -> impl Iterator<Item = &Arc<Case>> {
        self.cases.current_after(name).map(|current| &current.case)
    }

    /// How many executions of a case have no verdict yet.
    pub fn live_of(&self, name: &str) -> usize {
        self.cases.get(name).map_or(0, |state| state.live)
    }

    /// Share of the requests of a case that are sampled.
    pub fn sampled_share(&self, name: &str) -> Option<f64> {
        let (case, health) = self.health(name)?;
        Some(health.sampled_share(case))
    }

    /// Whether the executions of a case are judged.
    pub fn is_active(&self, name: &str) -> bool {
        self.cases.get(name).is_some_and(CaseState::is_active)
    }

    /// A case with its health.
    pub fn health(&self, name: &str) -> Option<(&Arc<Case>, &Arc<Health>)> {
        let state = self.cases.get(name)?;
        Some((&state.current.as_ref()?.case, state.health.as_ref()?))
    }

    /// The health of every case, by name.
    pub fn healths(&self) -> impl Iterator<Item = (&Arc<Case>, &Arc<Health>)> {
        let healths = self.cases.healths();
        healths.map(|(current, health)| (&current.case, health))
    }

    /// The health of the cases of which webhooks are to be told something.
    pub fn notifying(&self) -> impl Iterator<Item = (&Arc<Case>, &Arc<Health>)> {
        let notifying = self.cases.notifying();
        notifying.map(|(current, health)| (&current.case, health))
    }

    /// When the server itself was away.
    pub fn absences(&self) -> Absences {
        let last = (self.absent_from, self.absent_until);
        Absences {
            count: self.absences,
            last: (self.absences > 0).then_some(last),
        }
    }

    /// How many executions are live, decided and not yet recorded ones included.
    pub fn live_len(&self) -> usize {
        self.live.len()
    }

    /// How many early signals are kept.
    pub fn early_len(&self) -> usize {
        self.early.len()
    }

    /// How many concluded executions are remembered.
    pub fn remembered_len(&self) -> usize {
        self.concluded.len()
    }

    /// Bytes that live executions and early signals take, about.
    pub fn bytes(&self) -> usize {
        self.live_bytes + self.early.bytes()
    }

    /// A live execution, with the digest of its submission.
    pub fn live_execution(
        &self,
        case_name: &str,
        id: &str,
    ) -> Option<(ExecutionView, SubmissionDigest)> {
        let position = self.position_of(case_name, id)?;
        let execution = self.live.get(&position)?;
        Some((execution.view(), execution.digest))
    }

    /// How many late signals a remembered execution has had.
    pub fn late_total(&self, case_name: &str, id: &str) -> Option<u64> {
        let position = self.position_of(case_name, id)?;
        Some(self.concluded.get(position)?.late_total)
    }

    /// The live execution that was submitted at a position.
    pub fn live_at(&self, position: Position) -> Option<ExecutionView> {
        Some(self.live.get(&position)?.view())
    }

    /// The first `limit` live executions that a filter on (case, start,
    /// position) lets through: their starts and positions, the newest first.
    pub fn live_executions(
        &self,
        limit: usize,
        filter: impl Fn(&str, Time, Position) -> bool,
    ) -> Vec<(Time, Position)> {
        let live = self.live.values();
        let found = live.filter_map(|one| {
            let (test, place) = (&one.test, (one.test.timestamp, one.position));
            filter(&test.case_name, place.0, place.1).then_some(place)
        });
        let mut found: Vec<_> = found.collect();
        // There may be a million: only those that are asked for are sorted.
        if limit < found.len() {
            found.select_nth_unstable_by(limit, |a, b| b.cmp(a));
            found.truncate(limit);
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    /// Where a signal is.
    pub fn find_signal(&self, case_name: &str, signal_name: &str, key: &Json) -> FoundSignal {
        let text = key_text(key);
        let state = self.cases.get(case_name);
        let reached = state.and_then(|state| self.reached(state, signal_name, key, &text));
        if let Some(position) = reached {
            if let Some(execution) = self.live.get(&position) {
                return match execution.first_of(signal_name) {
                    Some((seen, latency)) => FoundSignal::Here(Arc::clone(seen), Some(latency)),
                    None => FoundSignal::Nowhere,
                };
            }
            if let Some(concluded) = self.concluded.get(position) {
                return FoundSignal::Concluded(concluded.id.clone());
            }
        }
        match self.early.first_of(case_name, &text, signal_name) {
            Some(seen) => FoundSignal::Here(Arc::clone(seen), None),
            None => FoundSignal::Nowhere,
        }
    }

    /// Under which other keys a signal of a live or remembered execution is
    /// known: the execution's id, and the key that its case declares for the
    /// signal. With the signal's latency.
    pub fn signal_keys(
        &self,
        execution: Position,
        seen: &ReceivedSignal,
    ) -> Option<(&str, Option<&str>, Option<Duration>)> {
        let name = &seen.event.signal_name;
        let (id, keys, latency) = if let Some(live) = self.live.get(&execution) {
            let latency = live.first_of(name).map(|(_, latency)| latency);
            (&live.test.id, &live.keys, latency)
        } else {
            let concluded = self.concluded.get(execution)?;
            let since_start = concluded.started_at.map(|start| seen.at - start);
            let latency = since_start.map(|since| since.to_std().unwrap_or_default());
            (&concluded.id, &concluded.keys, latency)
        };
        let declared = keys.iter().find(|(signal, _)| **signal == **name);
        Some((id, declared.map(|(_, key)| key.as_str()), latency))
    }

    fn position_of(&self, case_name: &str, id: &str) -> Option<Position> {
        self.cases.get(case_name)?.executions.get(id).copied()
    }
}
