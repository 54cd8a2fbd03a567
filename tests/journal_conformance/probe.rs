//! Events that can be told apart, tickets whose fate is known, and a fold that
//! takes what a follower gives.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use livecheck::{
    journal::{Admission, AppendError, Delivered, Follower, Journal, JournalError, Reader, Ticket},
    model::{Event, Position, Record},
};

/// Longest wait for something that has to happen.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// An event that carries a number, of a size that depends on it.
pub fn event(number: u64) -> Event {
    Event::Cancelled {
        case_name: "journal.conformance".to_owned(),
        id: number.to_string(),
        reason: "é\0".repeat((number % 97) as usize),
    }
}

/// The number of an event, after a look at the rest of it.
pub fn number(found: &Event) -> u64 {
    let Event::Cancelled { id, .. } = found else {
        panic!("nobody appended {found:?}");
    };
    let number = id.parse().unwrap();
    assert_eq!(found, &event(number));
    number
}

/// What became of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Pending,
    Delivered(Position),
    Refused(AppendError),
    /// Neither delivered nor refused.
    Lost,
}

/// The fates of numbered tickets.
#[derive(Clone, Debug, Default)]
pub struct Fates(Arc<Mutex<Vec<Fate>>>);

impl Fates {
    /// An event of the next number with its ticket.
    pub fn next(&self) -> (Event, Probe) {
        let mut fates = self.0.lock().unwrap();
        let number = fates.len() as u64;
        fates.push(Fate::Pending);
        let probe = Probe {
            number,
            fates: self.clone(),
            settled: false,
        };
        (event(number), probe)
    }

    /// As many events with tickets.
    pub fn batch(&self, count: usize) -> Vec<(Event, Probe)> {
        (0..count).map(|_| self.next()).collect()
    }

    pub fn all(&self) -> Vec<Fate> {
        self.0.lock().unwrap().clone()
    }

    fn settle(&self, number: u64, fate: Fate) {
        let mut fates = self.0.lock().unwrap();
        let before = std::mem::replace(&mut fates[number as usize], fate);
        assert_eq!(before, Fate::Pending, "ticket {number}");
    }
}

/// A ticket that remembers what became of it.
#[derive(Debug)]
pub struct Probe {
    number: u64,
    fates: Fates,
    settled: bool,
}

impl Ticket for Probe {
    fn refuse(mut self, error: AppendError) {
        self.settled = true;
        self.fates.settle(self.number, Fate::Refused(error));
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.settled {
            self.fates.settle(self.number, Fate::Lost);
        }
    }
}

/// Takes a record in, and its ticket, which has to be the event's own.
pub fn settle(delivered: Delivered<Probe>) -> Record {
    let Delivered { record, ticket } = delivered;
    if let Some(mut ticket) = ticket {
        assert_eq!(ticket.number, number(&record.event));
        ticket.settled = true;
        let fate = Fate::Delivered(record.position);
        ticket.fates.settle(ticket.number, fate);
    }
    record
}

/// A fold: a thread that takes everything from a follower.
pub struct Fold {
    batches: mpsc::Receiver<Result<Vec<Delivered<Probe>>, JournalError>>,
    taken: VecDeque<Delivered<Probe>>,
}

impl Fold {
    pub fn start(mut follower: Box<dyn Follower<Probe>>) -> Self {
        let (to, batches) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let batch = follower.next();
                let ended = !matches!(&batch, Ok(records) if !records.is_empty());
                if to.send(batch).is_err() || ended {
                    break;
                }
            }
        });
        Fold {
            batches,
            taken: VecDeque::new(),
        }
    }

    /// Follows a partition from behind a position.
    pub fn follow(journal: &dyn Journal<Probe>, partition: u32, after: Position) -> Self {
        Fold::start(journal.follow(partition, after).unwrap())
    }

    /// The next `count` records.
    pub fn take(&mut self, count: usize) -> Vec<Delivered<Probe>> {
        while self.taken.len() < count {
            let batch = self.batches.recv_timeout(DEADLINE);
            let batch = batch.expect("records in time").unwrap();
            assert!(!batch.is_empty(), "{count} records before the end");
            self.taken.extend(batch);
        }
        self.taken.drain(..count).collect()
    }

    /// The next `count` records, their tickets settled.
    pub fn settle(&mut self, count: usize) -> Vec<Record> {
        self.take(count).into_iter().map(settle).collect()
    }

    /// Everything up to the end, which has to come.
    pub fn end(mut self) -> Vec<Record> {
        loop {
            let batch = self.batches.recv_timeout(DEADLINE);
            let batch = batch.expect("the end in time").unwrap();
            if batch.is_empty() {
                return self.taken.into_iter().map(settle).collect();
            }
            self.taken.extend(batch);
        }
    }
}

/// Appends with bounds.
pub fn append(journal: &dyn Journal<Probe>, partition: u32, events: Vec<(Event, Probe)>) {
    journal.append(partition, Admission::Bounded, events);
}

/// Everything that a reader gives.
pub fn read_all(mut reader: Box<dyn Reader>) -> Result<Vec<Record>, JournalError> {
    let mut records = Vec::new();
    loop {
        let batch = reader.next()?;
        if batch.is_empty() {
            return Ok(records);
        }
        records.extend(batch);
    }
}

/// The records after a position.
pub fn read(
    journal: &dyn Journal<Probe>,
    partition: u32,
    after: Position,
) -> Result<Vec<Record>, JournalError> {
    read_all(journal.read(partition, after)?)
}

/// Checks that positions follow `after` without gap and that times rise.
pub fn assert_sequence(after: Position, records: &[Record]) {
    for (record, expected) in records.iter().zip(after + 1..) {
        assert_eq!(record.position, expected);
    }
    for pair in records.windows(2) {
        assert!(pair[0].time < pair[1].time, "{pair:?}");
    }
}

/// The numbers of the events of some records.
pub fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| number(&record.event)).collect()
}
