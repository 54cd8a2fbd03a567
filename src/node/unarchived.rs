//! What is finished and not in the archive yet: executions, and signals that
//! came late. Whoever looks one up sees it as if the archive had it already.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    archive::{Finished, MAX_LATE_SIGNALS},
    model::{ExecutionView, Position, ReceivedSignal},
};

use super::feed::ExecutionKey;

/// Finished executions and late signals that the archive does not have yet.
#[derive(Debug, Default)]
pub(super) struct Unarchived {
    finished: HashMap<ExecutionKey, Arc<Finished>>,
    late: HashMap<ExecutionKey, LateSignals>,
    /// What is in the two, in the order of the journal.
    order: VecDeque<(Position, ExecutionKey)>,
}

/// Late signals of one execution.
#[derive(Clone, Debug, Default)]
pub(super) struct LateSignals {
    signals: Vec<Arc<ReceivedSignal>>,
    /// How many late ones there are in all.
    total: u64,
    /// Position of the last one.
    last: Position,
}

impl LateSignals {
    /// Adds them to a view that may have some of them.
    pub(super) fn add_to(&self, view: &mut ExecutionView) {
        let shown = &mut view.late_signals;
        for signal in &self.signals {
            // Journal time never stands still: it tells one from another.
            let known = shown.iter().any(|one| one.at == signal.at);
            if !known && shown.len() < MAX_LATE_SIGNALS {
                shown.push((**signal).clone());
            }
        }
        view.late_signal_count = view.late_signal_count.max(self.total);
    }
}

impl Unarchived {
    pub(super) fn insert(&mut self, finished: Arc<Finished>) {
        let test = &finished.view.test;
        let key = ExecutionKey::new(&test.case_name, &test.id);
        self.order.push_back((finished.concluded, key.clone()));
        self.finished.insert(key, finished);
    }

    /// Notes a late signal; none where only their count is known.
    pub(super) fn late(
        &mut self,
        key: &ExecutionKey,
        position: Position,
        signal: Option<Arc<ReceivedSignal>>,
        total: u64,
    ) {
        self.order.push_back((position, key.clone()));
        let late = self.late.entry(key.clone()).or_default();
        late.signals.extend(signal);
        late.total = total;
        late.last = position;
    }

    /// A finished execution with its late signals.
    pub(super) fn get(&self, key: &ExecutionKey) -> Option<Arc<Finished>> {
        let finished = self.finished.get(key)?;
        Some(self.with_late(key, finished))
    }

    /// The first of those that have a place, the last place first, with their
    /// late signals.
    pub(super) fn page<P: Ord>(
        &self,
        limit: usize,
        place: impl Fn(&Finished) -> Option<P>,
    ) -> Vec<(P, Arc<Finished>)> {
        let placed = self.finished.iter();
        let placed = placed.filter_map(|(key, one)| Some((place(one)?, key, one)));
        let mut page: Vec<_> = placed.collect();
        if limit < page.len() {
            page.select_nth_unstable_by(limit, |(a, ..), (b, ..)| b.cmp(a));
            page.truncate(limit);
        }
        page.sort_unstable_by(|(a, ..), (b, ..)| b.cmp(a));
        page.into_iter()
            .map(|(place, key, one)| (place, self.with_late(key, one)))
            .collect()
    }

    /// The late signals of an execution, whether the archive has it or not.
    pub(super) fn late_of(&self, key: &ExecutionKey) -> Option<&LateSignals> {
        self.late.get(key)
    }

    /// The late signals of the executions that a filter on the case lets through.
    pub(super) fn all_late(&self, case_name: Option<&str>) -> HashMap<ExecutionKey, LateSignals> {
        let late = self.late.iter();
        let wanted = late.filter(|(key, _)| case_name.is_none_or(|name| name == key.case_name));
        wanted
            .map(|(key, late)| (key.clone(), late.clone()))
            .collect()
    }

    /// Lets go of what the archive has up to a position.
    pub(super) fn forget(&mut self, archived: Position) {
        while let Some((position, _)) = self.order.front()
            && *position <= archived
        {
            let Some((position, key)) = self.order.pop_front() else {
                return;
            };
            let finished = self.finished.get(&key);
            if finished.is_some_and(|one| one.concluded == position) {
                self.finished.remove(&key);
            }
            if self.late.get(&key).is_some_and(|one| one.last == position) {
                self.late.remove(&key);
            }
        }
    }

    fn with_late(&self, key: &ExecutionKey, finished: &Arc<Finished>) -> Arc<Finished> {
        let mut finished = Arc::clone(finished);
        if let Some(late) = self.late.get(key) {
            late.add_to(&mut Arc::make_mut(&mut finished).view);
        }
        finished
    }
}
