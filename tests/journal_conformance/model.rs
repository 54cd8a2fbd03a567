//! Any schedule of calls does what it would do to a plain list.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use livecheck::{
    clock::{Clock, ManualClock},
    journal::{Journal, JournalError},
    model::{Position, Record},
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    probe::{Fates, Fold, Probe, append, assert_sequence, read},
    subject::{Place, Subject},
};

/// A call, or something that happens in between. Shares are of the head.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Read { share: f64 },
    Trim { share: f64 },
    Snapshot { share: f64, bytes: usize },
    Follow,
    Reopen,
    Pass { millis: u64 },
    TurnWall { minutes: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0usize..40, 1..5).prop_map(Step::Append),
        2 => (0.0..1.0).prop_map(|share| Step::Read { share }),
        1 => (0.0..1.0).prop_map(|share| Step::Trim { share }),
        1 => (0.0..1.0, 0usize..2_000).prop_map(|(share, bytes)| Step::Snapshot { share, bytes }),
        1 => Just(Step::Follow),
        2 => Just(Step::Reopen),
        1 => (0u64..5_000).prop_map(|millis| Step::Pass { millis }),
        1 => (-60i64..60).prop_map(|minutes| Step::TurnWall { minutes }),
    ]
}

pub fn any_schedule_does_what_a_list_does(subject: &dyn Subject) {
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..30), |steps| {
            let mut run = Run::new(subject);
            for step in steps {
                run.step(step);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// A journal beside what it should hold.
struct Run {
    place: Box<dyn Place>,
    clock: Arc<ManualClock>,
    /// None between two openings.
    journal: Option<Arc<dyn Journal<Probe>>>,
    /// Per partition.
    parts: Vec<Part>,
}

struct Part {
    fates: Fates,
    fold: Option<Fold>,
    records: Vec<Record>,
    /// Up to where trimming was allowed.
    trimmed: Position,
    /// What was seen to be left.
    begins: Position,
    snapshots: Vec<(Position, Vec<u8>)>,
}

impl Run {
    fn new(subject: &dyn Subject) -> Self {
        let place = subject.place();
        let clock = Arc::new(ManualClock::fixed());
        let journal = place.open(clock.clone()).unwrap();
        let part = |partition| Part {
            fates: Fates::default(),
            fold: Some(Fold::follow(&*journal, partition, 0)),
            records: Vec::new(),
            trimmed: 0,
            begins: 1,
            snapshots: Vec::new(),
        };
        Run {
            parts: (0..journal.partitions()).map(part).collect(),
            place,
            clock,
            journal: Some(journal),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass { millis } => self.clock.advance(Duration::from_millis(millis)),
            Step::TurnWall { minutes } => {
                let to = self.clock.wall() + TimeDelta::minutes(minutes);
                self.clock.step_wall(to);
            }
            Step::Reopen if !self.place.durable() => {}
            Step::Reopen => {
                self.journal = None;
                let journal = self.place.open(self.clock.clone()).unwrap();
                for (partition, part) in (0..).zip(&mut self.parts) {
                    if let Some(fold) = part.fold.take() {
                        assert_eq!(fold.end(), []);
                    }
                    part.follow(&*journal, partition);
                }
                self.journal = Some(journal);
            }
            step => {
                let journal = self.journal.as_deref().unwrap();
                for (partition, part) in (0..).zip(&mut self.parts) {
                    part.step(journal, partition, &step);
                }
            }
        }
    }
}

impl Part {
    fn step(&mut self, journal: &dyn Journal<Probe>, partition: u32, step: &Step) {
        let head = self.records.len() as Position;
        let at = |share: f64| (share * (head + 1) as f64) as Position;
        match *step {
            Step::Append(ref batches) => {
                for count in batches {
                    append(journal, partition, self.fates.batch(*count));
                }
                let count = batches.iter().sum();
                let fold = self.fold.as_mut().unwrap();
                self.records.extend(fold.settle(count));
                assert_sequence(0, &self.records);
            }
            Step::Read { share } => self.read(journal, partition, at(share)),
            Step::Trim { share } => {
                journal.trim(partition, at(share)).unwrap();
                self.trimmed = self.trimmed.max(at(share));
                self.read(journal, partition, 0);
            }
            Step::Snapshot { share, bytes } => {
                let snapshot = vec![bytes as u8; bytes];
                journal
                    .save_snapshot(partition, at(share), &snapshot)
                    .unwrap();
                self.snapshots
                    .retain(|(position, _)| *position != at(share));
                self.snapshots.push((at(share), snapshot));
                self.snapshots
                    .sort_by_key(|(position, _)| std::cmp::Reverse(*position));
                self.snapshots.truncate(2);
            }
            Step::Follow => assert!(matches!(
                journal.follow(partition, head).err(),
                Some(JournalError::Followed(_))
            )),
            Step::Reopen | Step::Pass { .. } | Step::TurnWall { .. } => {}
        }
        assert_eq!(journal.head(partition), self.records.len() as Position);
        assert_eq!(journal.snapshots(partition).unwrap(), self.snapshots);
    }

    /// Follows from the first record that is left, and sees them again.
    fn follow(&mut self, journal: &dyn Journal<Probe>, partition: u32) {
        let mut fold = Fold::follow(journal, partition, self.begins - 1);
        let expected = &self.records[self.begins as usize - 1..];
        assert_eq!(fold.settle(expected.len()), expected);
        self.fold = Some(fold);
    }

    fn read(&mut self, journal: &dyn Journal<Probe>, partition: u32, after: Position) {
        match read(journal, partition, after) {
            Ok(found) => {
                assert!(after + 1 >= self.begins);
                assert_eq!(found, self.records[after as usize..]);
            }
            Err(JournalError::Trimmed { begins, wanted }) => {
                assert_eq!(wanted, after + 1);
                assert!(wanted < begins && self.begins <= begins);
                assert!(begins <= self.trimmed + 1, "{begins}");
                self.begins = begins;
            }
            Err(other) => panic!("{other}"),
        }
    }
}
