//! Signals that came before their execution: kept for a while, the oldest
//! dropped first. Order and bounds only; knows no execution.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use crate::model::{ReceivedSignal, Time, value_size};

use super::{execution::later, identity::Identity, limits};

/// One early signal.
#[derive(Clone, Debug)]
pub(super) struct EarlySignal {
    pub seen: Arc<ReceivedSignal>,
    pub identity: Identity,
}

/// Place in the order of arrival.
type Turn = u64;

#[derive(Debug)]
struct Entry {
    signal: EarlySignal,
    key: Arc<str>,
    bytes: usize,
}

/// The early signals of one partition.
#[derive(Debug, Default)]
pub(super) struct EarlySignals {
    entries: BTreeMap<Turn, Entry>,
    cases: HashMap<String, CaseTurns>,
    next_turn: Turn,
    bytes: usize,
}

#[derive(Debug, Default)]
struct CaseTurns {
    order: VecDeque<Turn>,
    /// How many of `order` are still there.
    live: usize,
    by_key: HashMap<Arc<str>, Vec<Turn>>,
}

impl EarlySignals {
    /// Keeps a signal and returns those dropped for it; `None` if the same one
    /// is kept already.
    pub(super) fn keep(&mut self, key: &str, signal: EarlySignal) -> Option<Vec<EarlySignal>> {
        let case_name = signal.seen.event.case_name.clone();
        let case = self.cases.entry(case_name.clone()).or_default();
        let turns = case.by_key.get(key).map_or(&[][..], Vec::as_slice);
        let mut same = turns.iter().filter_map(|turn| self.entries.get(turn));
        if same.any(|entry| entry.signal.identity == signal.identity) {
            return None;
        }
        let crowded = (turns.len() >= limits::EARLY_PER_KEY).then(|| turns[0]);
        let crowded = crowded.or_else(|| {
            let full = case.live >= limits::EARLY_PER_CASE;
            full.then(|| first_live(&mut case.order, &self.entries))?
        });
        let mut dropped: Vec<_> = crowded
            .and_then(|turn| self.remove(turn))
            .into_iter()
            .collect();

        let bytes = size_of::<Entry>() + key.len() + value_size(&signal.seen.event.value);
        while self.bytes + bytes > limits::EARLY_BYTES
            && let Some((&oldest, _)) = self.entries.first_key_value()
        {
            dropped.extend(self.remove(oldest));
        }

        let turn = self.next_turn;
        self.next_turn += 1;
        self.bytes += bytes;
        let key: Arc<str> = Arc::from(key);
        let case = self.cases.entry(case_name).or_default();
        case.order.push_back(turn);
        case.live += 1;
        case.by_key.entry(Arc::clone(&key)).or_default().push(turn);
        self.entries.insert(turn, Entry { signal, key, bytes });
        Some(dropped)
    }

    /// Takes the signals of a key, those of all names or of one, in their order.
    pub(super) fn claim(
        &mut self,
        case_name: &str,
        key: &str,
        signal_name: Option<&str>,
    ) -> Vec<EarlySignal> {
        let Some(turns) = self
            .cases
            .get(case_name)
            .and_then(|case| case.by_key.get(key))
        else {
            return Vec::new();
        };
        let claimed: Vec<Turn> = turns
            .iter()
            .copied()
            .filter(|turn| {
                let entry = self.entries.get(turn);
                signal_name.is_none_or(|name| {
                    entry.is_some_and(|one| one.signal.seen.event.signal_name == name)
                })
            })
            .collect();
        claimed
            .into_iter()
            .filter_map(|turn| self.remove(turn))
            .collect()
    }

    /// Takes every signal of a case.
    pub(super) fn claim_case(&mut self, case_name: &str) -> Vec<EarlySignal> {
        let Some(case) = self.cases.remove(case_name) else {
            return Vec::new();
        };
        let turns = case.order.into_iter();
        let entries = turns.filter_map(|turn| self.entries.remove(&turn));
        let taken: Vec<_> = entries.collect();
        self.bytes -= taken.iter().map(|entry| entry.bytes).sum::<usize>();
        taken.into_iter().map(|entry| entry.signal).collect()
    }

    /// Drops the signals that have waited too long by `now`.
    pub(super) fn expire(&mut self, now: Time) -> Vec<EarlySignal> {
        let mut dropped = Vec::new();
        while let Some((&oldest, entry)) = self.entries.first_key_value()
            && later(entry.signal.seen.at, limits::EARLY_LIFE) <= now
        {
            dropped.extend(self.remove(oldest));
        }
        dropped
    }

    /// The first signal of a name kept for a key.
    pub(super) fn first_of(
        &self,
        case_name: &str,
        key: &str,
        signal_name: &str,
    ) -> Option<&Arc<ReceivedSignal>> {
        let turns = self.cases.get(case_name)?.by_key.get(key)?;
        let kept = turns.iter().filter_map(|turn| self.entries.get(turn));
        kept.map(|entry| &entry.signal.seen)
            .find(|seen| seen.event.signal_name == signal_name)
    }

    /// Every early signal with its key, in order of arrival.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &EarlySignal)> {
        self.entries
            .values()
            .map(|entry| (&entry.key, &entry.signal))
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes they take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, turn: Turn) -> Option<EarlySignal> {
        let Entry { signal, key, bytes } = self.entries.remove(&turn)?;
        self.bytes -= bytes;
        let case_name = &signal.seen.event.case_name;
        if let Some(case) = self.cases.get_mut(case_name) {
            case.live -= 1;
            if let Some(turns) = case.by_key.get_mut(&key) {
                turns.retain(|&one| one != turn);
                if turns.is_empty() {
                    case.by_key.remove(&key);
                }
            }
            if case.live == 0 {
                self.cases.remove(case_name);
            } else if case.order.len() > 2 * case.live + limits::EARLY_PER_KEY {
                case.order.retain(|turn| self.entries.contains_key(turn));
            }
        }
        Some(signal)
    }
}

fn first_live(order: &mut VecDeque<Turn>, entries: &BTreeMap<Turn, Entry>) -> Option<Turn> {
    while let Some(&turn) = order.front() {
        if entries.contains_key(&turn) {
            return Some(turn);
        }
        order.pop_front();
    }
    None
}
