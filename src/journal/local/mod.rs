//! The journal on a local disk: segment files, one partition, one writer thread.
//!
//! Invariant at its border: what was acknowledged survives kill -9 and power
//! loss, and every byte that is read was checked. Below [`LocalJournal`] only
//! `reader` and the append know events; everything else knows bytes.
//!
//! # Files
//!
//! Everything is in `<data-dir>/journal/`. Numbers are little-endian, times are
//! microseconds since 1970, checksums are CRC-32 (IEEE).
//!
//! - `<position>.segment`: records from that position on; 20 digits.
//! - `snapshot-<position>`: a snapshot of the fold after that position.
//! - `*.tmp`: unfinished; removed at the next opening.
//!
//! `<data-dir>/LOCK` keeps other processes away ([`DataDirLock`]).
//!
//! ## Segment
//!
//! A file of fixed length (64 MiB unless told otherwise), allocated and filled
//! with zeros before it gets its name, so that an `fdatasync` writes no
//! metadata. The next one is made ahead, by a thread of its own, when the
//! current one is half full; so the disk sees every byte twice. Its first sector
//! (512 bytes):
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | `LCjournl` |
//! | 4 | format version, 1 |
//! | 16 | id of the journal |
//! | 8 | position of the first record |
//! | 8 | the same of the segment before, 0 if there never was one |
//! | 8 | time of the last record before, `i64::MIN` if there is none |
//! | 8 | length of the file |
//! | 452 | zeros |
//! | 4 | checksum of the bytes before |
//!
//! Frames follow, each from a multiple of 512 bytes on, then zeros to the end.
//! The last sector is kept for the mark of a clean close.
//!
//! ## Frame
//!
//! The records of one round: at most 4096, or 1 MiB, or one record of up to 16
//! MiB. Written by one write and made durable by one `fdatasync`, before the
//! next one begins.
//!
//! | bytes | |
//! | --- | --- |
//! | 4 | `LCfr` |
//! | 4 | length of the body |
//! | 4 | number of records; 0: the mark of a clean close |
//! | 8 | position of the first record |
//! | 8 | time of the first record |
//! | 4 | checksum of the fields above and the body |
//! | 4 | checksum of the 32 bytes above |
//! | … | body: per record the time since the one before and the length, as varints, then the event |
//! | … | zeros up to a whole number of sectors |
//!
//! Both checksums start from the checksum of the journal's id instead of 0. The
//! bytes above are laid out over sectors that each end with the stamp `5A C3`,
//! 510 bytes in each. So no sector of a frame is all zeros, whatever the records
//! hold.
//!
//! An event is a `livecheck.storage.v1.Event`.
//!
//! ## Snapshot
//!
//! `LCsnapsh`, version (4 bytes), id of the journal (16), position (8), length of
//! the contents (8), checksum of these and the contents (4), contents. Written
//! under another name, synced, renamed, and the directory synced. The two of the
//! highest positions are kept.
//!
//! # Opening
//!
//! The headers of all segments are checked, and that each names the one before.
//! The last segment is read to its end; older ones are checked as they are read.
//!
//! A crash can tear only the last frame of the last segment, because the next
//! one is not written before that one is durable. A frame is torn when it is not
//! whole, at least one of its sectors is all zeros (was never written), each of
//! the others is stamped, its first sector is either zeros or a good header, and
//! nothing is written behind it. It was not acknowledged; it is cut, and the log
//! says so. Everything else that is not as it was written is
//! [`JournalError::Corrupt`], and no file is changed.
//!
//! What cannot be told from a torn frame: the last frame of a journal that was
//! not closed cleanly, when whole sectors of it were turned into zeros. After a
//! clean close a mark ends the journal, and nothing counts as torn; it is erased
//! when the journal is opened.
//!
//! # Errors while running
//!
//! When there is no space, or a write fails, everything bounded that is queued
//! is refused, the file gets its zeros back, and the next append tries again.
//! What must be queued stays queued, in order, and is tried again with the next
//! append or after a second. When a sync fails the process ends.

mod disk;
mod frame;
mod lock;
mod log;
mod queue;
mod reader;
mod recovery;
mod segment;
mod segments;
mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

pub use lock::DataDirLock;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use uuid::Uuid;

use self::{
    disk::{Disk, SystemDisk},
    frame::{MAX_PAYLOAD, RECORD_OVERHEAD, SECTOR},
    log::{Log, largest_round},
    queue::{Pending, Queue},
    reader::SegmentReader,
    segment::{failed, make_directory},
    segments::Segments,
    snapshot::Snapshots,
    writer::Writer,
};
use super::{
    Admission, AppendError, BATCH_BYTES, Follower, Journal, JournalError, Reader, Ticket,
    delivery::{Deliveries, Load},
    time::{JournalTime, micros_to_time},
};
use crate::{
    clock::Clock,
    convert::storage::encode_event,
    model::{Event, Position, Time},
};

/// Settings of a [`LocalJournal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalOptions {
    /// Length of a segment in bytes, rounded up to whole sectors, 4 KiB at
    /// least. An event has to fit into one. Segments that exist keep theirs.
    pub segment_bytes: u64,
    /// Bytes that may be queued, appended or durable and not yet taken by the
    /// follower; then bounded appends are refused. About: the append that goes
    /// over it is still taken, and an event counts as its encoding and a
    /// constant.
    pub queue_bytes: usize,
}

impl Default for LocalOptions {
    /// 64 MiB each.
    fn default() -> Self {
        LocalOptions {
            segment_bytes: 64 << 20,
            queue_bytes: 64 << 20,
        }
    }
}

/// A journal in segment files. It has one partition.
///
/// Dropping it closes it.
pub struct LocalJournal<T: Ticket> {
    segments: Arc<Segments>,
    snapshots: Snapshots,
    queue: Arc<Queue<T>>,
    deliveries: Arc<Deliveries<T>>,
    load: Arc<Load>,
    time: Arc<JournalTime>,
    max_payload: usize,
    /// None once it has ended.
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: DataDirLock,
}

impl<T: Ticket> LocalJournal<T> {
    /// Opens the journal of a data directory, or makes both.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] when another process has the directory,
    /// [`JournalError::Corrupt`] and [`JournalError::Unsupported`] for what is
    /// in it.
    pub fn open(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        options: LocalOptions,
    ) -> Result<Self, JournalError> {
        Self::open_on(data_dir, clock, options, Arc::new(SystemDisk))
    }

    fn open_on(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        options: LocalOptions,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, JournalError> {
        let lock = DataDirLock::acquire(data_dir)?;
        let directory = data_dir.join("journal");
        make_directory(&directory).map_err(failed("cannot make directory", &directory))?;

        let segment_bytes = options.segment_bytes.max(4096);
        let segment_bytes = segment_bytes.next_multiple_of(SECTOR as u64);
        let (segments, end) = recovery::open(&directory, &*disk, segment_bytes)?;
        let head = end.next.saturating_sub(1);

        let time = Arc::new(JournalTime::open(clock, end.last_time));
        let load = Arc::new(Load::new(options.queue_bytes));
        let deliveries = Arc::new(Deliveries::new(0, head, load.clone()));
        let queue = Arc::new(Queue::new());
        let largest = largest_round(segment_bytes);
        let writer = Writer {
            log: Log::new(segments.clone(), disk, segment_bytes, end),
            queue: queue.clone(),
            deliveries: deliveries.clone(),
            load: load.clone(),
            time: time.clone(),
            round_bytes: largest.min(BATCH_BYTES),
            failing: false,
        };
        let writer = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(failed("cannot start a thread for", &directory))?;
        Ok(LocalJournal {
            snapshots: Snapshots::new(&directory, segments.journal()),
            segments,
            queue,
            deliveries,
            load,
            time,
            max_payload: largest.saturating_sub(RECORD_OVERHEAD).min(MAX_PAYLOAD),
            writer: Mutex::new(Some(writer)),
            _lock: lock,
        })
    }

    fn check_left(&self, wanted: Position) -> Result<(), JournalError> {
        let begins = self.segments.begins();
        if wanted < begins {
            return Err(JournalError::Trimmed { begins, wanted });
        }
        Ok(())
    }

    fn check_reached(&self, wanted: Position) -> Result<Position, JournalError> {
        let head = self.deliveries.head();
        if wanted > head {
            return Err(JournalError::Beyond { head, wanted });
        }
        Ok(head)
    }
}

impl<T: Ticket> Journal<T> for LocalJournal<T> {
    fn id(&self) -> Uuid {
        self.segments.journal()
    }

    fn partitions(&self) -> u32 {
        1
    }

    fn now(&self, _partition: u32) -> Time {
        micros_to_time(self.time.now())
    }

    fn append(&self, _partition: u32, admission: Admission, events: Vec<(Event, T)>) {
        if admission == Admission::Bounded && !self.load.has_room() {
            for (_, ticket) in events {
                ticket.refuse(AppendError::Overloaded);
            }
            return;
        }
        // Encoded here, so that appenders do it side by side while the writer
        // waits for the disk.
        let mut pending = Pending::default();
        for event in events {
            pending.add(event, admission, self.max_payload, encode_event);
        }
        let cost = pending.cost();
        self.load.add(cost);
        if let Err(refused) = self.queue.push(pending) {
            self.load.release(cost);
            refused.refuse(&AppendError::Closed);
        }
    }

    fn head(&self, _partition: u32) -> Position {
        self.deliveries.head()
    }

    fn read(&self, _partition: u32, after: Position) -> Result<Box<dyn Reader>, JournalError> {
        let head = self.check_reached(after)?;
        let next = after.saturating_add(1);
        self.check_left(next)?;
        Ok(Box::new(SegmentReader::new(
            self.segments.clone(),
            next,
            head,
        )))
    }

    fn follow(
        &self,
        _partition: u32,
        after: Position,
    ) -> Result<Box<dyn Follower<T>>, JournalError> {
        self.check_left(after.saturating_add(1))?;
        self.deliveries.follow(after, |next, last| {
            let segments = self.segments.clone();
            Ok(Box::new(SegmentReader::new(segments, next, last)))
        })
    }

    fn save_snapshot(
        &self,
        _partition: u32,
        position: Position,
        snapshot: &[u8],
    ) -> Result<(), JournalError> {
        self.check_reached(position)?;
        self.snapshots.save(position, snapshot)
    }

    fn snapshots(&self, _partition: u32) -> Result<Vec<(Position, Vec<u8>)>, JournalError> {
        self.snapshots.load()
    }

    fn trim(&self, _partition: u32, up_to: Position) -> Result<(), JournalError> {
        self.segments.trim(up_to.min(self.deliveries.head()))
    }

    fn close(&self) {
        self.queue.close();
        // Whoever comes second waits here for the first.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.take() {
            // It ends the process rather than panic.
            let _ = writer.join();
        }
    }
}

impl<T: Ticket> Drop for LocalJournal<T> {
    fn drop(&mut self) {
        self.close();
    }
}
