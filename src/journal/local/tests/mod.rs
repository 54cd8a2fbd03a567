//! What the conformance suite cannot see: damage, torn writes, full and failing
//! disks.

mod damage;
mod faults;
mod torn;

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::{disk::Disk, log::Log, reader::SegmentReader, recovery};
use crate::{
    convert::storage::encode_event,
    journal::{JournalError, Reader, time::micros_to_time},
    model::{Event, Record},
};

/// Small segments: seven sectors for frames, and the one for the close.
const SEGMENT: u64 = 9 * 512;

/// A disk that syncs nothing, and fails when it is told to.
#[derive(Debug, Default)]
struct TestDisk(Mutex<Faults>);

#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Bytes that can still be written; none: any number.
    space: Option<usize>,
    /// Bytes that can be written after a write has failed.
    space_after_failure: usize,
    no_new_files: bool,
    failing_sync: bool,
}

impl TestDisk {
    fn set(&self, faults: Faults) {
        *self.0.lock().unwrap() = faults;
    }
}

impl Disk for TestDisk {
    fn allocate(&self, file: &File, length: u64) -> io::Result<()> {
        if self.0.lock().unwrap().no_new_files {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.set_len(length)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut faults = self.0.lock().unwrap();
        let fitting = faults.space.unwrap_or(bytes.len()).min(bytes.len());
        faults.space = faults.space.map(|space| space - fitting);
        file.write_all_at(&bytes[..fitting], offset)?;
        if fitting < bytes.len() {
            faults.space = Some(faults.space_after_failure);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&self, _file: &File) -> io::Result<()> {
        if self.0.lock().unwrap().failing_sync {
            return Err(io::Error::other("the disk is on fire"));
        }
        Ok(())
    }
}

/// An event with a number and so many bytes of zeros.
fn event(number: i64, zeros: usize) -> Event {
    Event::Cancelled {
        case_name: "case".to_owned(),
        id: number.to_string(),
        reason: "\0".repeat(zeros),
    }
}

/// Appends rounds to a journal, each of events with so many zeros, and leaves it
/// closed or as a crash would. Returns what was appended.
fn write(directory: &Path, rounds: &[&[usize]], close: bool) -> Vec<Record> {
    let disk = Arc::new(TestDisk::default());
    let (segments, end) = recovery::open(directory, &*disk, SEGMENT).unwrap();
    let mut time = end.last_time.map_or(1_000, |last| last + 100);
    let mut log = Log::new(segments, disk, SEGMENT, end);
    let mut records = Vec::new();
    for zeros in rounds {
        let events: Vec<Event> = (time..)
            .zip(*zeros)
            .map(|(n, zeros)| event(n, *zeros))
            .collect();
        let payloads: Vec<Vec<u8>> = events.iter().map(encoded).collect();
        let first = log
            .append(time, payloads.iter().map(Vec::as_slice))
            .unwrap();
        for ((position, micros), event) in (first..).zip(time..).zip(events) {
            let time = micros_to_time(micros);
            records.push(Record {
                position,
                time,
                event,
            });
        }
        time += 100;
    }
    if close {
        log.close();
    }
    records
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_event(event, &mut bytes);
    bytes
}

/// The segments in a directory, in order.
fn segment_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "segment")
    });
    paths.sort();
    paths
}

/// Writes into a file that is there.
fn patch(path: &Path, bytes: &[u8], offset: usize) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset as u64).unwrap();
}

/// The text of the error that says that a journal is corrupt.
#[track_caller]
fn corruption<T>(result: Result<T, JournalError>) -> String {
    match result {
        Err(JournalError::Corrupt(text)) => text,
        Err(other) => panic!("not corrupt: {other}"),
        Ok(_) => panic!("not corrupt"),
    }
}

/// Opens a journal and reads all that is left.
fn recover(directory: &Path) -> Result<Vec<Record>, JournalError> {
    let (segments, end) = recovery::open(directory, &TestDisk::default(), SEGMENT)?;
    let mut reader = SegmentReader::new(segments.clone(), segments.begins(), end.next - 1);
    let mut records = Vec::new();
    loop {
        let batch = reader.next()?;
        if batch.is_empty() {
            return Ok(records);
        }
        records.extend(batch);
    }
}
