//! What outlives the process.

use chrono::TimeDelta;
use livecheck::{clock::Clock, journal::JournalError};

use crate::{
    probe::{Fates, Fold, append, assert_sequence, read},
    subject::{Subject, new},
};

pub fn everything_is_there_when_opened_again(subject: &dyn Subject) {
    let (place, mut journal, clock) = new(subject);
    let id = journal.id();
    let partitions = journal.partitions();
    let mut records = vec![Vec::new(); partitions as usize];
    for round in 0..4u8 {
        for (partition, records) in (0..).zip(&mut records) {
            let fates = Fates::default();
            let head = records.len() as u64;
            let mut fold = Fold::follow(&*journal, partition, head);
            append(&*journal, partition, fates.batch(100));
            records.extend(fold.settle(100));
            journal
                .save_snapshot(partition, head + 100, &[round; 9])
                .unwrap();
        }
        let mut begins = Vec::new();
        for partition in 0..partitions {
            journal.trim(partition, u64::from(round) * 50).unwrap();
            begins.push(match journal.read(partition, 0) {
                Err(JournalError::Trimmed { begins, .. }) => begins,
                _ => 1,
            });
        }
        drop(journal);

        journal = place.open(clock.clone()).unwrap();
        assert_eq!(journal.id(), id);
        assert_eq!(journal.partitions(), partitions);
        for ((partition, records), begins) in (0..).zip(&records).zip(begins) {
            assert_eq!(journal.head(partition), records.len() as u64);
            let found = read(&*journal, partition, begins - 1).unwrap();
            assert_eq!(found, records[begins as usize - 1..]);
            assert_eq!(journal.read(partition, 0).is_ok(), begins == 1);
            let newest = &journal.snapshots(partition).unwrap()[0];
            assert_eq!(newest, &(records.len() as u64, vec![round; 9]));
        }
    }
}

pub fn times_rise_across_openings(subject: &dyn Subject) {
    let (place, mut journal, clock) = new(subject);
    let mut records = Vec::new();
    for hours in [-1, 1, 0, -1, -1, 3] {
        let fates = Fates::default();
        let mut fold = Fold::follow(&*journal, 0, records.len() as u64);
        append(&*journal, 0, fates.batch(10));
        records.extend(fold.settle(10));
        drop((journal, fold));

        clock.step_wall(clock.wall() + TimeDelta::hours(hours));
        journal = place.open(clock.clone()).unwrap();
        let last = records.last().map(|record| record.time).unwrap();
        assert_eq!(journal.now(0), last.max(clock.wall()), "{hours}");
    }
    assert_sequence(0, &records);
}

pub fn a_place_has_one_journal_at_a_time(subject: &dyn Subject) {
    let (place, journal, clock) = new(subject);
    match place.open(clock.clone()).err() {
        Some(JournalError::InUse { holder, .. }) => assert_eq!(holder, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(journal);
    place.open(clock).unwrap();
}
