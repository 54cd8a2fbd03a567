//! Positions, times, order, admission and the end of it.

use std::{collections::BTreeMap, thread, time::Duration};

use chrono::TimeDelta;
use livecheck::{
    clock::Clock,
    journal::{Admission, AppendError},
};
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};

use crate::{
    probe::{Fate, Fates, Fold, append, assert_sequence, number, numbers, read, settle},
    subject::{Subject, new},
};

/// Most records that a follower or a reader may return at once.
const MOST_AT_ONCE: usize = 8_192;

pub fn positions_have_no_gaps(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let fates = Fates::default();
        let mut fold = Fold::follow(&*journal, partition, 0);
        for count in [1, 0, 2, 50, 1, 200, 0, 3] {
            append(&*journal, partition, fates.batch(count));
        }
        let records = fold.settle(257);
        assert_sequence(0, &records);
        assert_eq!(numbers(&records), (0..257).collect::<Vec<u64>>());
        assert_eq!(journal.head(partition), 257);
        let delivered: Vec<Fate> = (1..=257).map(Fate::Delivered).collect();
        assert_eq!(fates.all(), delivered);
    }
}

pub fn times_rise_whatever_the_wall_clock_does(subject: &dyn Subject) {
    let (_place, journal, clock) = new(subject);
    let wall = clock.wall();
    for partition in 0..journal.partitions() {
        let opened = journal.now(partition);
        assert!(opened >= wall, "{opened}");
        let fates = Fates::default();
        let mut fold = Fold::follow(&*journal, partition, 0);
        let mut records = Vec::new();
        for (step_hours, pass) in [
            (0, 0),
            (-1, 0),
            (1, 5),
            (1, 0),
            (-1, 1_000),
            (-1, 0),
            (1, 1),
        ] {
            clock.step_wall(clock.wall() + TimeDelta::hours(step_hours));
            clock.advance(Duration::from_millis(pass));
            let now = journal.now(partition);
            append(&*journal, partition, fates.batch(20));
            records.extend(fold.settle(20));
            let first = &records[records.len() - 20];
            // The clock stands, so the time before is the record's, or the
            // microsecond before it.
            assert!(first.time - now <= TimeDelta::microseconds(1), "{first:?}");
            assert!(first.time >= now, "{first:?}");
        }
        assert_sequence(0, &records);
        // A second and 6 ms have passed, and 140 records had a microsecond.
        let passed = journal.now(partition) - opened;
        assert!(passed >= TimeDelta::milliseconds(1_006), "{passed}");
        assert!(passed <= TimeDelta::milliseconds(1_007), "{passed}");
    }
}

pub fn the_order_of_every_appender_is_kept(subject: &dyn Subject) {
    const APPENDERS: usize = 4;
    const EVENTS: usize = 600;
    for seed in 0..3u8 {
        let (_place, journal, _clock) = new(subject);
        let partitions = journal.partitions();
        let fates: Vec<Fates> = (0..partitions).map(|_| Fates::default()).collect();
        let mut folds: Vec<Fold> = (0..partitions)
            .map(|partition| Fold::follow(&*journal, partition, 0))
            .collect();
        // Per partition and appender, the numbers in the order of appending.
        let appended: Vec<BTreeMap<u32, Vec<u64>>> = thread::scope(|scope| {
            let appenders: Vec<_> = (0..APPENDERS)
                .map(|appender| {
                    let (journal, fates) = (&journal, &fates);
                    scope.spawn(move || {
                        let mut rng = rng(&[seed, appender as u8]);
                        let mut appended: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
                        let mut left = EVENTS;
                        while left > 0 {
                            let partition = rng.next_u32() % partitions;
                            let count = (rng.next_u32() as usize % 9).min(left);
                            let events = fates[partition as usize].batch(count);
                            let mine = appended.entry(partition).or_default();
                            mine.extend(events.iter().map(|(event, _)| number(event)));
                            append(&**journal, partition, events);
                            left -= count;
                        }
                        appended
                    })
                })
                .collect();
            appenders
                .into_iter()
                .map(|one| one.join().unwrap())
                .collect()
        });
        for (partition, fold) in (0..).zip(&mut folds) {
            let all: Vec<&Vec<u64>> = appended.iter().filter_map(|a| a.get(&partition)).collect();
            let count = all.iter().map(|numbers| numbers.len()).sum();
            let records = fold.settle(count);
            assert_sequence(0, &records);
            let places: BTreeMap<u64, u64> = records
                .iter()
                .map(|record| (number(&record.event), record.position))
                .collect();
            assert_eq!(places.len(), count, "an event came twice");
            for numbers in all {
                let places: Vec<u64> = numbers.iter().map(|number| places[number]).collect();
                assert!(places.is_sorted(), "seed {seed}: {places:?}");
            }
            let fates = fates[partition as usize].all();
            assert!(fates.iter().all(|fate| matches!(fate, Fate::Delivered(_))));
        }
    }
}

pub fn over_the_bound_only_what_must_be_queued_is_taken(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let fates = Fates::default();
        let mut follower = journal.follow(partition, 0).unwrap();
        let refused = Fate::Refused(AppendError::Overloaded);
        let mut stored = 0;
        loop {
            append(&*journal, partition, fates.batch(100));
            let fates = fates.all();
            let last = &fates[fates.len() - 100..];
            if last.iter().all(|fate| *fate == refused) {
                break;
            }
            assert!(last.iter().all(|fate| *fate == Fate::Pending));
            stored += 100;
            assert!(stored <= 100_000, "nothing was refused");
        }
        assert!(stored >= 10_000, "{stored} and no more");

        journal.append(partition, Admission::Always, fates.batch(7));
        stored += 7;
        let read = journal.read(partition, 0).unwrap().next().unwrap();
        assert!(!read.is_empty() && read.len() <= MOST_AT_ONCE);
        let mut records = Vec::new();
        while records.len() < stored {
            let batch = follower.next().unwrap();
            assert!(!batch.is_empty() && batch.len() <= MOST_AT_ONCE);
            records.extend(batch.into_iter().map(settle));
        }
        append(&*journal, partition, fates.batch(1));
        records.extend(follower.next().unwrap().into_iter().map(settle));
        assert_sequence(0, &records);

        let fates = fates.all();
        assert_eq!(records.len(), stored + 1);
        for (number, fate) in (0..).zip(&fates) {
            // The hundred that were refused lie before the last eight.
            let expected = match number {
                n if n + 7 < stored => Fate::Delivered(n as u64 + 1),
                n if n + 8 < fates.len() => refused.clone(),
                n => Fate::Delivered(n as u64 + 1 - 100),
            };
            assert_eq!(fate, &expected, "{number}");
        }
    }
}

pub fn partitions_are_sequences_of_their_own(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    let all = 0..journal.partitions();
    for partition in all.clone() {
        let fates = Fates::default();
        append(&*journal, partition, fates.batch(partition as usize + 1));
    }
    for partition in all.clone() {
        let expected = u64::from(partition) + 1;
        let records = Fold::follow(&*journal, partition, 0).settle(expected as usize);
        assert_sequence(0, &records);
        assert_eq!(numbers(&records), (0..expected).collect::<Vec<u64>>());
        assert_eq!(journal.head(partition), expected);
        assert_eq!(read(&*journal, partition, 0).unwrap(), records);
        journal
            .save_snapshot(partition, 1, &[partition as u8])
            .unwrap();
    }
    for partition in all {
        let expected = vec![(1, vec![partition as u8])];
        assert_eq!(journal.snapshots(partition).unwrap(), expected);
    }
}

pub fn closing_stores_what_is_queued_and_refuses_the_rest(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    let (stored, refused) = (Fates::default(), Fates::default());
    let all = 0..journal.partitions();
    let folds: Vec<Fold> = all.clone().map(|p| Fold::follow(&*journal, p, 0)).collect();
    for partition in all.clone() {
        append(&*journal, partition, stored.batch(300));
    }
    journal.close();
    for partition in all.clone() {
        for admission in [Admission::Bounded, Admission::Always] {
            journal.append(partition, admission, refused.batch(2));
        }
    }
    journal.close();
    for (partition, fold) in all.zip(folds) {
        let records = fold.end();
        assert_eq!(records.len(), 300);
        assert_sequence(0, &records);
        assert_eq!(journal.head(partition), 300);
        assert_eq!(read(&*journal, partition, 0).unwrap(), records);
    }
    let delivered = |fate: &Fate| matches!(fate, Fate::Delivered(_));
    assert!(stored.all().iter().all(delivered));
    let closed = Fate::Refused(AppendError::Closed);
    assert!(refused.all().iter().all(|fate| *fate == closed));
    assert!(!refused.all().is_empty());
}

fn rng(seed: &[u8]) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..seed.len()].copy_from_slice(seed);
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
