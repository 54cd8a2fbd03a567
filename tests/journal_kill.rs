//! What a journal has acknowledged is there after kill -9, at any moment.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use livecheck::{
    clock::SystemClock,
    journal::{Admission, AppendError, Journal, LocalJournal, Ticket, local::LocalOptions},
    model::{Event, Position, Record},
};
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};

/// Names the data directory to the process that is killed.
const DATA_DIR: &str = "LIVECHECK_TEST_KILL";
const KILLS: u64 = 20;
const APPENDERS: u64 = 3;

struct NoTicket;

impl Ticket for NoTicket {
    fn refuse(self, error: AppendError) {
        panic!("{error}");
    }
}

fn open(data_dir: &Path) -> LocalJournal<NoTicket> {
    let options = LocalOptions {
        // Small, so that kills come between segments as well.
        segment_bytes: 64 << 10,
        ..LocalOptions::default()
    };
    LocalJournal::open(data_dir, Arc::new(SystemClock), options).unwrap()
}

fn event(appender: u64, number: u64) -> Event {
    Event::Cancelled {
        case_name: appender.to_string(),
        id: number.to_string(),
        reason: "x".repeat((number * 37 % 1_500) as usize),
    }
}

/// Appends without end, and tells what was acknowledged: in a process that the
/// test starts, and kills.
fn append_until_killed(data_dir: &Path) -> ! {
    let journal = Arc::new(open(data_dir));
    let begin = journal.head(0);
    let mut follower = journal.follow(0, begin).unwrap();
    for appender in 0..APPENDERS {
        let journal = journal.clone();
        thread::spawn(move || {
            for number in begin.. {
                let batch = (0..number % 5).map(|_| (event(appender, number), NoTicket));
                journal.append(0, Admission::Bounded, batch.collect());
                // So that there are small rounds too.
                while journal.head(0) + 200 < number {
                    thread::yield_now();
                }
                thread::yield_now();
            }
        });
    }
    loop {
        for delivered in follower.next().unwrap() {
            let Record {
                position, event, ..
            } = delivered.record;
            let Event::Cancelled { case_name, id, .. } = event else {
                panic!("nobody appended {event:?}");
            };
            println!("acknowledged {position} {case_name} {id}");
            if position % 64 == 0 {
                journal.save_snapshot(0, position, id.as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Some(data_dir) = env::var_os(DATA_DIR) {
        append_until_killed(Path::new(&data_dir));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut acknowledged: BTreeMap<Position, Event> = BTreeMap::new();
    for kill in 0..KILLS {
        let lines = 1 + rng.next_u32() as usize % 400;
        let before = acknowledged.len();
        run_and_kill(directory.path(), lines, &mut acknowledged);
        assert!(acknowledged.len() >= before + lines);
        if kill % 3 == 0 {
            // The next one has to open what this one has left.
            continue;
        }

        let journal = open(directory.path());
        let records = read(&journal);
        assert_eq!(records.len() as Position, journal.head(0), "kill {kill}");
        for (position, event) in &acknowledged {
            let record = &records[*position as usize - 1];
            assert_eq!((record.position, &record.event), (*position, event));
        }
        assert!(records.is_sorted_by(|a, b| a.time < b.time));
        for (position, contents) in journal.snapshots(0).unwrap() {
            let Event::Cancelled { id, .. } = &records[position as usize - 1].event else {
                panic!("a snapshot at {position}");
            };
            assert_eq!(contents, id.as_bytes());
        }
        // What was not acknowledged and is there is there for good.
        acknowledged = records
            .into_iter()
            .map(|record| (record.position, record.event))
            .collect();
    }
}

/// Has events appended and kills with the n-th that is acknowledged.
fn run_and_kill(data_dir: &Path, lines: usize, acknowledged: &mut BTreeMap<Position, Event>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("what_was_acknowledged_survives_kill_9")
        .env(DATA_DIR, data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let ["acknowledged", position, appender, number] = words[..] else {
            continue;
        };
        let event = event(appender.parse().unwrap(), number.parse().unwrap());
        acknowledged.insert(position.parse().unwrap(), event);
        count += 1;
        if count == lines {
            // SIGKILL. Lines that are in the pipe already are read on.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
}

fn read(journal: &LocalJournal<NoTicket>) -> Vec<Record> {
    let mut reader = journal.read(0, 0).unwrap();
    let mut records = Vec::new();
    loop {
        let batch = reader.next().unwrap();
        if batch.is_empty() {
            return records;
        }
        records.extend(batch);
    }
}
