//! The cases of one partition, and which execution has which id and key.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::{
    convert::Violation,
    model::{Case, Position, Time},
    plan::Plan,
};

use super::{
    health::{Health, Notifications},
    remembered::Remembered,
};

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
    /// There as long as the case is. Shared with the frozen states that are being
    /// written.
    pub health: Option<Arc<Health>>,
    /// How many of its executions have no verdict yet.
    pub live: usize,
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

    /// Whether there is such a case and its executions are judged.
    pub(super) fn is_active(&self) -> bool {
        let case = self.current.as_ref().zip(self.health.as_ref());
        case.is_some_and(|(current, health)| health.is_active(&current.case))
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
    /// When the health of a case changes by itself: not before that, but
    /// perhaps later.
    due: BTreeSet<(Time, String)>,
    /// The cases of which webhooks are to be told something.
    notifying: BTreeSet<String>,
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

    /// The health of the current cases, by name.
    pub(super) fn healths(&self) -> impl Iterator<Item = (&Current, &Arc<Health>)> {
        let states = self.by_name.values();
        states.filter_map(|state| Some((state.current.as_ref()?, state.health.as_ref()?)))
    }

    /// How many of the cases are active.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Makes a declaration the current one.
    pub(super) fn replace(&mut self, name: &str, current: Current, health: Arc<Health>) {
        let state = self.entry(name);
        let was_active = state.is_active();
        state.current = Some(current);
        state.health = Some(health);
        let is_active = state.is_active();
        self.count_active(was_active, is_active);
    }

    /// Removes a declaration, and the health of its case.
    pub(super) fn remove(&mut self, name: &str) {
        let state = self.entry(name);
        let was_active = state.is_active();
        state.current = None;
        let health = state.health.take();
        if state.is_empty() {
            self.by_name.remove(name);
        }
        self.notifying.remove(name);
        if let Some(due) = health.and_then(|health| health.queued) {
            self.due.remove(&(due, name.to_owned()));
        }
        self.count_active(was_active, false);
    }

    fn count_active(&mut self, before: bool, after: bool) {
        self.active += usize::from(after);
        self.active -= usize::from(before);
    }

    /// The health of a case that there is, for what changes neither whether it
    /// is active nor when something falls due.
    pub(super) fn health_mut(&mut self, name: &str) -> Option<&mut Health> {
        let state = self.by_name.get_mut(name)?;
        state.health.as_mut().map(Arc::make_mut)
    }

    /// Changes what webhooks are to be told of a case that there is.
    pub(super) fn change_notifications<T>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Notifications) -> T,
    ) -> Option<T> {
        let notifications = self.health_mut(name)?.notifications_mut();
        let changed = change(notifications);
        match notifications.are_waiting() {
            true => self.notifying.insert(name.to_owned()),
            false => self.notifying.remove(name),
        };
        Some(changed)
    }

    /// The health of the cases of which webhooks are to be told something.
    pub(super) fn notifying(&self) -> impl Iterator<Item = (&Current, &Arc<Health>)> {
        let states = self.notifying.iter().filter_map(|name| self.get(name));
        states.filter_map(|state| Some((state.current.as_ref()?, state.health.as_ref()?)))
    }

    /// Changes the health of a case that there is.
    pub(super) fn with_health<T>(
        &mut self,
        name: &str,
        absent_until: Time,
        run: impl FnOnce(&mut Health, &Case) -> T,
    ) -> Option<T> {
        let state = self.by_name.get_mut(name)?;
        let case = &state.current.as_ref()?.case;
        let health = Arc::make_mut(state.health.as_mut()?);
        let was_active = health.is_active(case);
        let done = run(health, case);
        let is_active = health.is_active(case);
        let next = health.next_due(case, absent_until);
        let sooner = |next: &Time| health.queued.is_none_or(|queued| *next < queued);
        if let Some(next) = next.filter(sooner) {
            if let Some(queued) = health.queued.replace(next) {
                self.due.remove(&(queued, name.to_owned()));
            }
            self.due.insert((next, name.to_owned()));
        }
        self.count_active(was_active, is_active);
        Some(done)
    }

    /// Before what time the health of no case changes by itself.
    pub(super) fn first_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next case whose health changes by itself up to `now`, and when.
    pub(super) fn next_due(&mut self, now: Time, absent_until: Time) -> Option<(Time, String)> {
        while let Some((queued, _)) = self.due.first()
            && *queued <= now
        {
            let (queued, name) = self.due.pop_first()?;
            let state = self.by_name.get_mut(&name);
            let Some((current, health)) =
                state.and_then(|state| Some((state.current.as_ref()?, state.health.as_mut()?)))
            else {
                continue;
            };
            let health = Arc::make_mut(health);
            health.queued = None;
            let next = health.next_due(&current.case, absent_until);
            if next == Some(queued) {
                return Some((queued, name));
            }
            if let Some(next) = next {
                health.queued = Some(next);
                self.due.insert((next, name));
            }
        }
        None
    }

    /// Takes note that an execution has no verdict yet.
    pub(super) fn started(&mut self, name: &str) {
        self.entry(name).live += 1;
    }

    /// Takes note that an execution has its verdict.
    pub(super) fn decided(&mut self, name: &str) {
        if let Some(state) = self.by_name.get_mut(name) {
            state.live -= 1;
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
