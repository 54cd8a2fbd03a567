//! Reading, trimming and snapshots.

use std::thread;

use livecheck::{
    journal::{Journal, JournalError},
    model::{Position, Record},
};

use crate::{
    probe::{Fates, Fold, Probe, append, read, read_all},
    subject::{Subject, new},
};

/// Appends so many events and waits until they are there.
fn filled(journal: &dyn Journal<Probe>, partition: u32, count: usize) -> Vec<Record> {
    let fates = Fates::default();
    let mut fold = Fold::follow(journal, partition, 0);
    for _ in 0..count / 10 {
        append(journal, partition, fates.batch(10));
    }
    fold.settle(count)
}

pub fn reading_goes_up_to_the_head(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        assert_eq!(read(&*journal, partition, 0).unwrap(), []);
        let fates = Fates::default();
        let mut fold = Fold::follow(&*journal, partition, 0);
        append(&*journal, partition, fates.batch(500));
        let mut records = fold.settle(500);
        let reader = journal.read(partition, 490).unwrap();
        for _ in 0..50 {
            append(&*journal, partition, fates.batch(10));
            records.extend(fold.settle(10));
        }
        assert_eq!(read_all(reader).unwrap(), records[490..500]);
        for after in [0, 1, 7, 499, 500, 501, 505, 777, 999, 1_000] {
            let found = read(&*journal, partition, after).unwrap();
            assert_eq!(found, records[after as usize..], "after {after}");
        }
    }
}

pub fn what_lies_behind_the_head_is_refused(subject: &dyn Subject) {
    for head in [0, 20] {
        let (_place, journal, _clock) = new(subject);
        for partition in 0..journal.partitions() {
            let fates = Fates::default();
            append(&*journal, partition, fates.batch(head));
            while journal.head(partition) < head as Position {
                thread::yield_now();
            }
            for after in [head as Position + 1, u64::MAX] {
                for error in [
                    journal.read(partition, after).err(),
                    journal.follow(partition, after).err(),
                    journal.save_snapshot(partition, after, &[]).err(),
                ] {
                    let Some(JournalError::Beyond { head: now, wanted }) = error else {
                        panic!("{error:?}");
                    };
                    assert_eq!((now, wanted), (head as Position, after));
                }
            }
            // That did not count as following, and stored nothing.
            assert_eq!(
                Fold::follow(&*journal, partition, 0).settle(head).len(),
                head
            );
            assert_eq!(journal.snapshots(partition).unwrap(), []);
        }
    }
}

pub fn trimming_keeps_what_was_not_asked_for(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        let records = filled(&*journal, partition, 1_000);
        let mut begins = 1;
        for up_to in [0, 1, 300, 299, 700, 1_000, 5_000] {
            let early = journal.read(partition, begins - 1).unwrap();
            journal.trim(partition, up_to).unwrap();
            let kept_from = match journal.read(partition, begins - 1) {
                Ok(_) => begins,
                Err(JournalError::Trimmed {
                    begins: now,
                    wanted,
                }) => {
                    assert_eq!(wanted, begins);
                    assert!(now > begins);
                    // A reader from before says so too, or has it still.
                    match read_all(early) {
                        Ok(found) => assert_eq!(found, records[begins as usize - 1..]),
                        Err(JournalError::Trimmed { wanted, .. }) => assert!(wanted < now),
                        Err(other) => panic!("{other}"),
                    }
                    now
                }
                Err(other) => panic!("{other}"),
            };
            assert!(
                kept_from <= up_to.max(begins - 1).min(1_000) + 1,
                "{kept_from}"
            );
            begins = kept_from;
            let found = read(&*journal, partition, begins - 1).unwrap();
            assert_eq!(found, records[begins as usize - 1..]);
            assert_eq!(journal.head(partition), 1_000);
        }
        assert!(begins > 500, "of a thousand records nothing was let go");
    }
}

pub fn the_two_newest_snapshots_are_kept(subject: &dyn Subject) {
    let (_place, journal, _clock) = new(subject);
    for partition in 0..journal.partitions() {
        filled(&*journal, partition, 50);
        let big: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
        for (position, contents, kept) in [
            (10, vec![1], vec![10]),
            (30, vec![], vec![30, 10]),
            (20, big.clone(), vec![30, 20]),
            (5, vec![4], vec![30, 20]),
            (50, vec![5; 3], vec![50, 30]),
            (50, big.clone(), vec![50, 30]),
        ] {
            journal
                .save_snapshot(partition, position, &contents)
                .unwrap();
            let found = journal.snapshots(partition).unwrap();
            let positions: Vec<Position> = found.iter().map(|(position, _)| *position).collect();
            assert_eq!(positions, kept);
            if let Some((_, stored)) = found.iter().find(|(found, _)| *found == position) {
                assert_eq!(stored, &contents);
            }
        }
    }
}
