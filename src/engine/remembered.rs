//! Executions whose report is recorded, remembered for a while so that late and
//! doubled signals are known as such.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::model::{Position, Time};

use super::{
    execution::later,
    identity::{Identity, SubmissionDigest},
    limits,
};

/// What is remembered of a concluded execution.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Remembered {
    pub case_name: String,
    pub id: String,
    pub digest: SubmissionDigest,
    /// When it started; snapshots once did not say.
    pub started_at: Option<Time>,
    /// When the verdict fell.
    pub decided_at: Time,
    /// When the verdict was recorded: the age counts from here.
    pub recorded_at: Time,
    /// Signals that are known already.
    pub identities: Vec<Identity>,
    /// Keys other than its id by which signals reach it: (signal, key text).
    pub keys: Vec<(Arc<str>, String)>,
    pub late_total: u64,
    /// How many of the late ones are shown.
    pub late_kept: usize,
}

/// The concluded executions of one partition, by their positions.
#[derive(Debug, Default)]
pub(super) struct Concluded {
    /// Shared with the frozen states that are being written.
    by_position: HashMap<Position, Arc<Remembered>, RandomState>,
    /// In the order in which they were recorded.
    order: VecDeque<Position>,
}

impl Concluded {
    pub(super) fn insert(&mut self, position: Position, remembered: Remembered) {
        self.order.push_back(position);
        self.by_position.insert(position, Arc::new(remembered));
    }

    pub(super) fn get(&self, position: Position) -> Option<&Remembered> {
        self.by_position.get(&position).map(AsRef::as_ref)
    }

    pub(super) fn get_mut(&mut self, position: Position) -> Option<&mut Remembered> {
        self.by_position.get_mut(&position).map(Arc::make_mut)
    }

    /// Forgets and returns one that is too old by `now`, or one too many.
    pub(super) fn forget(&mut self, now: Time) -> Option<(Position, Remembered)> {
        let &position = self.order.front()?;
        let oldest = self.by_position.get(&position)?;
        let aged = later(oldest.recorded_at, limits::REMEMBERED_LIFE) <= now;
        if !aged && self.order.len() <= limits::REMEMBERED {
            return None;
        }
        self.order.pop_front();
        let oldest = self.by_position.remove(&position)?;
        Some((position, Arc::unwrap_or_clone(oldest)))
    }

    /// All of them, in the order in which they were recorded.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Position, &Arc<Remembered>)> {
        let order = self.order.iter();
        order.filter_map(|&position| Some((position, self.by_position.get(&position)?)))
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
