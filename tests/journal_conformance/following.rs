//! Followers: no gap, no repeat, one at a time, and no ticket lost.

use std::thread;

use livecheck::journal::{AppendError, JournalError};

use crate::{
    probe::{Fate, Fates, Fold, append, assert_sequence, numbers, read, settle},
    subject::{Subject, new},
};

pub fn a_follower_sees_what_came_before_and_after(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let fates = Fates::default();
        append(&*journal, partition, fates.batch(150));
        let mut fold = Fold::follow(&*journal, partition, 0);
        let mut records = fold.settle(150);
        append(&*journal, partition, fates.batch(50));
        records.extend(fold.settle(50));

        assert_sequence(0, &records);
        assert_eq!(numbers(&records), (0..200).collect::<Vec<u64>>());
        // Tickets wait for the follower.
        let delivered: Vec<Fate> = (1..=200).map(Fate::Delivered).collect();
        assert_eq!(fates.all(), delivered);
        assert_eq!(read(&*journal, partition, 0).unwrap(), records);
    }
}

pub fn tickets_behind_which_one_follows_are_refused(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let fates = Fates::default();
        for _ in 0..5 {
            append(&*journal, partition, fates.batch(10));
        }
        // All of them are durable before one follows from the middle.
        let mut first = journal.follow(partition, 0).unwrap();
        let mut taken = 0;
        while taken < 50 {
            taken += first.next().unwrap().into_iter().map(settle).count();
        }
        append(&*journal, partition, fates.batch(10));
        append(&*journal, partition, fates.batch(10));
        while journal.head(partition) < 70 {
            thread::yield_now();
        }
        drop(first);

        let mut second = Fold::follow(&*journal, partition, 55);
        let records = second.settle(15);
        assert_sequence(55, &records);
        assert_eq!(numbers(&records), (55..70).collect::<Vec<u64>>());
        for (number, fate) in (0..).zip(fates.all()) {
            match fate {
                Fate::Delivered(position) => {
                    assert!(!(50..55).contains(&number), "{number}");
                    assert_eq!(position, number + 1);
                }
                Fate::Refused(AppendError::Unknown(_)) => {
                    assert!((50..55).contains(&number), "{number}");
                }
                other => panic!("{number}: {other:?}"),
            }
        }
    }
}

pub fn one_follows_at_a_time(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let fates = Fates::default();
        append(&*journal, partition, fates.batch(30));
        let mut first = journal.follow(partition, 0).unwrap();
        let mut records = Vec::new();
        while records.len() < 30 {
            records.extend(first.next().unwrap().into_iter().map(settle));
        }
        match journal.follow(partition, 0) {
            Err(JournalError::Followed(followed)) => assert_eq!(followed, partition),
            other => panic!("{:?}", other.map(|_| "a follower").err()),
        }
        // One that is refused takes nothing away.
        append(&*journal, partition, fates.batch(5));
        while records.len() < 35 {
            records.extend(first.next().unwrap().into_iter().map(settle));
        }
        drop(first);

        append(&*journal, partition, fates.batch(5));
        let mut second = Fold::follow(&*journal, partition, 0);
        let replayed = second.take(35);
        assert!(replayed.iter().all(|delivered| delivered.ticket.is_none()));
        let replayed: Vec<_> = replayed.into_iter().map(settle).collect();
        assert_eq!(replayed, records);
        let live = second.take(5);
        assert!(live.iter().all(|delivered| delivered.ticket.is_some()));
        let live: Vec<_> = live.into_iter().map(settle).collect();
        assert_sequence(35, &live);
    }
}

pub fn following_while_others_append_has_no_gap(subject: &dyn Subject) {
    const EVENTS: usize = 3_000;
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let fates = Fates::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..EVENTS / 10 {
                    append(&*journal, partition, fates.batch(10));
                }
            });
            // Followers come and go, and go on where the one before stopped.
            let mut records = Vec::new();
            while records.len() < EVENTS {
                let mut follower = journal.follow(partition, records.len() as u64).unwrap();
                for _ in 0..3 {
                    if records.len() < EVENTS {
                        records.extend(follower.next().unwrap().into_iter().map(settle));
                    }
                }
            }
            assert_sequence(0, &records);
            assert_eq!(numbers(&records), (0..EVENTS as u64).collect::<Vec<u64>>());
        });
        let delivered: Vec<Fate> = (1..=EVENTS as u64).map(Fate::Delivered).collect();
        assert_eq!(fates.all(), delivered);
    }
}

pub fn closing_wakes_the_follower(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    let folds: Vec<Fold> = (0..journal.partitions())
        .map(|partition| Fold::follow(&*journal, partition, 0))
        .collect();
    journal.close();
    for fold in folds {
        assert_eq!(fold.end(), []);
    }
}

pub fn tickets_that_nobody_took_are_refused_in_the_end(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    let fates = Fates::default();
    for partition in 0..journal.partitions() {
        append(&*journal, partition, fates.batch(20));
    }
    drop(journal);
    for fate in fates.all() {
        assert!(
            matches!(fate, Fate::Refused(AppendError::Unknown(_))),
            "{fate:?}"
        );
    }
    assert!(!fates.all().is_empty());
}
