//! The cases of one partition, and which execution has which id and key.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::{
    convert::Violation,
    model::{Case, Position},
    plan::Plan,
};

use super::remembered::Remembered;

/// A case as it now stands.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub case: Arc<Case>,
    /// Position at which it was applied.
    pub applied_at: Position,
    pub plan: Arc<Plan>,
    /// Why it cannot judge: it was applied by a server that understood it.
    pub broken: Option<String>,
}

impl Current {
    pub(super) fn new(case: Arc<Case>, applied_at: Position) -> Current {
        let (plan, broken) = match Plan::compile(Arc::clone(&case)) {
            Ok(plan) => (plan, None),
            Err(violations) => {
                let texts = violations
                    .into_iter()
                    .map(|bad| Violation::from(bad).to_string());
                let texts: Vec<_> = texts.collect();
                (
                    Plan::without_signals(Arc::clone(&case)),
                    Some(texts.join("; ")),
                )
            }
        };
        Current {
            case,
            applied_at,
            plan: Arc::new(plan),
            broken,
        }
    }
}

/// What is known under the name of one case.
#[derive(Debug, Default)]
pub(super) struct CaseState {
    /// None after it was deleted.
    pub current: Option<Current>,
    /// Live and remembered executions by their ids.
    pub executions: HashMap<String, Position, RandomState>,
    /// Executions by signal and key.
    pub keys: HashMap<Arc<str>, HashMap<String, Position, RandomState>, RandomState>,
}

impl CaseState {
    /// The execution that a signal reaches by its declared key.
    pub(super) fn by_key(&self, signal_name: &str, key: &str) -> Option<Position> {
        self.keys.get(signal_name)?.get(key).copied()
    }

    fn is_empty(&self) -> bool {
        self.current.is_none() && self.executions.is_empty()
    }
}

/// The cases of one partition.
#[derive(Debug, Default)]
pub(super) struct Cases {
    by_name: BTreeMap<String, CaseState>,
    active: usize,
}

impl Cases {
    pub(super) fn get(&self, name: &str) -> Option<&CaseState> {
        self.by_name.get(name)
    }

    fn entry(&mut self, name: &str) -> &mut CaseState {
        self.by_name.entry(name.to_owned()).or_default()
    }

    /// The current cases, by name.
    pub(super) fn current(&self) -> impl Iterator<Item = (&CaseState, &Current)> {
        let states = self.by_name.values();
        states.filter_map(|state| Some((state, state.current.as_ref()?)))
    }

    /// The current cases whose names come after one.
    pub(super) fn current_after(&self, name: Option<&str>) -> impl Iterator<Item = &Current> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let states = self.by_name.range::<str, _>((start, Bound::Unbounded));
        states.filter_map(|(_, state)| state.current.as_ref())
    }

    /// How many of the cases are active.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Makes a declaration the current one, or none.
    pub(super) fn replace(&mut self, name: &str, current: Option<Current>) {
        let is_active = |one: &Option<Current>| one.as_ref().is_some_and(|c| c.case.is_active());
        let state = self.by_name.entry(name.to_owned()).or_default();
        self.active += usize::from(is_active(&current));
        self.active -= usize::from(is_active(&state.current));
        state.current = current;
        if state.is_empty() {
            self.by_name.remove(name);
        }
    }

    /// Notes under which id and keys an execution is known.
    pub(super) fn know(
        &mut self,
        name: &str,
        id: &str,
        keys: &[(Arc<str>, String)],
        position: Position,
    ) {
        let state = self.entry(name);
        state.executions.insert(id.to_owned(), position);
        for (signal, key) in keys {
            let keys = state.keys.entry(Arc::clone(signal)).or_default();
            keys.insert(key.clone(), position);
        }
    }

    /// Forgets a concluded execution.
    pub(super) fn forget(&mut self, position: Position, forgotten: &Remembered) {
        let Some(state) = self.by_name.get_mut(&forgotten.case_name) else {
            return;
        };
        if state.executions.get(&forgotten.id) == Some(&position) {
            state.executions.remove(&forgotten.id);
        }
        for (signal, key) in &forgotten.keys {
            if let Some(keys) = state.keys.get_mut(signal) {
                if keys.get(key) == Some(&position) {
                    keys.remove(key);
                }
                if keys.is_empty() {
                    state.keys.remove(signal);
                }
            }
        }
        if state.is_empty() {
            self.by_name.remove(&forgotten.case_name);
        }
    }
}
