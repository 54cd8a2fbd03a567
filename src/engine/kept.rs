//! What is kept of an execution's signals, and the bytes that an execution
//! takes.

use std::sync::Arc;

use crate::{
    model::{Json, Position, ReceivedSignal, SignalOutcome, TestExecution, value_size},
    plan::Plan,
};

use super::{
    execution::{Execution, SignalState},
    identity::Identity,
    limits,
};

impl Execution {
    /// Keeps a signal if there is room, or if it is still needed; drops its
    /// value when the execution's values are over the limit. One that counts is
    /// known by its identity even when it is not kept: doubled it would be one
    /// too many.
    pub(super) fn keep(
        &mut self,
        mut seen: Arc<ReceivedSignal>,
        identity: Identity,
        needed: bool,
        counted: bool,
    ) -> Arc<ReceivedSignal> {
        let room = |held: usize| limits::KEPT_SIGNALS.saturating_sub(held);
        if !needed && self.received.len() >= room(self.places_held()) {
            if counted {
                self.identities.push(identity);
            }
            return seen;
        }
        let size = value_size(&seen.event.value);
        if self.value_bytes + size > limits::KEPT_VALUE_BYTES {
            let mut bare = ReceivedSignal::clone(&seen);
            bare.event.value = Json::Null;
            bare.value_dropped = true;
            seen = Arc::new(bare);
        } else {
            self.value_bytes += size;
        }
        self.identities.push(identity);
        self.signal_bytes += received_bytes(&seen);
        self.received.push(Arc::clone(&seen));
        seen
    }

    pub(super) fn keep_unknown(
        &mut self,
        seen: Arc<ReceivedSignal>,
        identity: Identity,
    ) -> Arc<ReceivedSignal> {
        let unknown = self.received.iter();
        let unknown = unknown.filter(|one| one.outcome == SignalOutcome::UnknownSignal);
        let mut names: Vec<_> = unknown.map(|one| one.event.signal_name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let known = names.binary_search(&seen.event.signal_name.as_str());
        if known.is_err() && names.len() >= limits::UNKNOWN_NAMES {
            return seen;
        }
        self.keep(seen, identity, false, false)
    }

    /// Keeps one of the first late signals.
    pub(super) fn keep_late(&mut self, seen: &Arc<ReceivedSignal>, identity: Identity) {
        if self.late.len() < limits::LATE_SIGNALS {
            self.identities.push(identity);
            self.signal_bytes += received_bytes(seen) + value_size(&seen.event.value);
            self.late.push(Arc::clone(seen));
        }
    }

    /// Takes over the signals of a snapshot.
    pub(super) fn restore_signals(
        &mut self,
        received: Vec<Arc<ReceivedSignal>>,
        late: Vec<Arc<ReceivedSignal>>,
    ) {
        let all = received.iter().chain(&late);
        let all: usize = all.map(|one| received_bytes(one)).sum();
        let values = late.iter().map(|one| value_size(&one.event.value));
        self.signal_bytes = all + values.sum::<usize>();
        (self.received, self.late) = (received, late);
    }

    /// How many places must stay free for signals that are still needed.
    fn places_held(&self) -> usize {
        let all = self.plan.signals().iter().zip(&self.signals);
        let missing = all
            .filter(|(_, state)| !state.settled)
            .map(|(declared, state)| u64::from(declared.min.max(1)).saturating_sub(state.count));
        usize::try_from(missing.sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// Bytes it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let identities = self.identities.len() * size_of::<Identity>();
        self.base_bytes + self.value_bytes + self.signal_bytes + identities + self.key_bytes()
    }

    /// Those of its declared keys; the index of its case has them too.
    pub(super) fn key_bytes(&self) -> usize {
        const KEY: usize = size_of::<(Arc<str>, String)>() + size_of::<(String, Position)>();
        let keys = self.keys.iter();
        keys.map(|(_, key)| KEY + 2 * key.len()).sum()
    }
}

/// Bytes of an execution without signals. Contracts and keys see a copy of what
/// was submitted.
pub(super) fn base_bytes(test: &TestExecution, plan: &Plan) -> usize {
    const ENTRY: usize = size_of::<(String, String)>();
    let arguments: usize = test.test_args.iter().map(value_size).sum();
    let named = test.test_kwargs.iter();
    let named: usize = named
        .map(|(name, value)| ENTRY + name.len() + value_size(value))
        .sum();
    let labels = test.labels.iter();
    let labels: usize = labels
        .map(|(name, value)| ENTRY + name.len() + value.len())
        .sum();
    let submitted = test.id.len() + test.case_name.len() + arguments + named + labels;
    let mut signals = plan.signals().iter();
    let evaluates = !plan.contracts().is_empty()
        || signals.any(|signal| signal.key.is_some() || !signal.expect.is_empty());
    let copies = if evaluates { 2 } else { 1 };
    // The index of its case has the id too.
    let indexed = size_of::<(String, Position)>() + test.id.len();
    size_of::<Execution>()
        + plan.signals().len() * size_of::<SignalState>()
        + copies * submitted
        + indexed
}

/// Bytes that a kept signal takes, but for its value.
fn received_bytes(seen: &ReceivedSignal) -> usize {
    let event = &seen.event;
    size_of::<Arc<ReceivedSignal>>()
        + size_of::<ReceivedSignal>()
        + event.signal_name.len()
        + event.case_name.len()
        + value_size(&event.key)
        + seen.signal_id.len()
}
