//! What the node is like at a moment, in figures: for metrics.
//!
//! A partition is locked only while pointers to its cases are copied; whoever
//! looks at them holds nothing up.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    engine::health::Health,
    model::{Case, Position, Time},
};

use super::{Node, NodeOptions, partition::Partition};

/// The figures of a node.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The wall clock's time.
    pub wall: Time,
    /// Calls that wait or watch.
    pub waiters: usize,
    /// The limits, and the webhooks.
    pub options: NodeOptions,
    /// By partition.
    pub partitions: Vec<PartitionFigures>,
}

/// The figures of a partition.
#[derive(Clone, Debug)]
pub struct PartitionFigures {
    /// Its number.
    pub number: u32,
    /// Journal time.
    pub time: Time,
    /// Position of the last durable record.
    pub head: Position,
    /// Position of the last record that was folded.
    pub folded: Position,
    /// Position up to which the archive has everything that it is to have.
    pub archived: Position,
    /// Bytes queued for the archive, about.
    pub archive_backlog: u64,
    /// How often the server was away.
    pub absences: u64,
    /// Executions that are live, those included whose verdict is not recorded
    /// yet.
    pub live: usize,
    /// Early signals that are kept.
    pub early: usize,
    /// Bytes that live executions and early signals take, about.
    pub state_bytes: usize,
    /// Its cases, by name.
    pub cases: Vec<CaseFigures>,
}

/// The figures of a case.
#[derive(Clone, Debug)]
pub struct CaseFigures {
    /// The case.
    pub case: Arc<Case>,
    /// Its health.
    pub health: Arc<Health>,
    /// How many of its executions have no verdict yet.
    pub live: usize,
}

impl Node {
    /// What the node is like now.
    pub fn figures(&self) -> Figures {
        let options = self.options().clone();
        let places = options.max_waiters.min(Semaphore::MAX_PERMITS);
        Figures {
            wall: self.now(),
            waiters: places.saturating_sub(self.0.waiters.available_permits()),
            partitions: self.partitions().map(|one| self.figures_of(one)).collect(),
            options,
        }
    }

    fn figures_of(&self, partition: &Partition) -> PartitionFigures {
        let number = partition.number;
        let time = self.journal().now(number);
        // Before what is folded, so that records that come meanwhile are no lag.
        let head = self.journal().head(number);
        let (archived, archive_backlog) = (*partition.archived.borrow(), partition.backlog());
        let state = partition.lock();
        let engine = &state.engine;
        let cases = engine.healths().map(|(case, health)| CaseFigures {
            case: Arc::clone(case),
            health: Arc::clone(health),
            live: engine.live_of(&case.name),
        });
        PartitionFigures {
            number,
            time,
            head,
            folded: engine.position(),
            archived,
            archive_backlog,
            absences: engine.absences().count,
            live: engine.live_len(),
            early: engine.early_len(),
            state_bytes: engine.bytes(),
            cases: cases.collect(),
        }
    }
}
