//! The journal: an ordered, durable log of facts. It is the truth; everything
//! else is a fold of it.
//!
//! The doc of [`Journal`] is the contract of every implementation, and one
//! suite checks it against each of them. A journal knows nothing of cases and
//! executions.

mod delivery;
pub mod local;
pub mod memory;
mod time;

pub use local::LocalJournal;
pub use memory::MemoryJournal;

use uuid::Uuid;

use crate::model::{Event, Position, Record, Time};

/// Most records that a follower or a reader returns at once, about.
const BATCH_RECORDS: usize = 4096;
/// Most bytes of them, about; a single record may be larger.
const BATCH_BYTES: usize = 1 << 20;

/// Why an append did not happen, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// More is queued than the journal takes on. Nothing was stored.
    #[error("the journal has more queued than it takes on")]
    Overloaded,
    /// The disk is full. Nothing was stored.
    #[error("no space is left for the journal: {0}")]
    Full(String),
    /// The event is larger than a journal takes. Nothing was stored.
    #[error("an event of {bytes} bytes is over the journal's limit of {max}")]
    TooLarge {
        /// Encoded size of the event.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The operating system refused for another reason. Nothing was stored.
    #[error("the journal cannot be written: {0}")]
    Io(String),
    /// The journal is closed. Nothing was stored.
    #[error("the journal is closed")]
    Closed,
    /// The event may or may not be stored. Appending again is harmless.
    #[error("whether the event was stored is not known: {0}")]
    Unknown(String),
}

/// Why a journal cannot be opened, read or trimmed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// What is stored is not what was written. The journal is refused as a
    /// whole; nothing is cut.
    #[error("the journal is corrupt: {0}")]
    Corrupt(String),
    /// A newer version wrote it.
    #[error("{0}")]
    Unsupported(String),
    /// Another process has the data directory.
    #[error(
        "data directory {directory} is in use by {}; stop it or choose another --data-dir",
        .holder.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The data directory.
        directory: String,
        /// Id of the process, if it is known.
        holder: Option<u32>,
    },
    /// The events from here on were trimmed.
    #[error("the journal begins at position {begins}, after {wanted}")]
    Trimmed {
        /// First position that is left.
        begins: Position,
        /// The one asked for.
        wanted: Position,
    },
    /// The journal has not come that far: what asks has seen another one, or
    /// this one has lost its end.
    #[error("the journal ends at position {head}, before {wanted}")]
    Beyond {
        /// Position of the last record.
        head: Position,
        /// The one asked for.
        wanted: Position,
    },
    /// Another reader follows this partition already.
    #[error("partition {0} is followed already")]
    Followed(u32),
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

/// What an appender gives along with an event: it goes to the follower with the
/// durable record, or is told why there will be none. One of the two happens to
/// every ticket.
pub trait Ticket: Send + 'static {
    /// The event was not appended, or may not have been.
    fn refuse(self, error: AppendError);
}

/// Whether an append counts against the bound on what is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Refused with [`AppendError::Overloaded`] when too much is queued.
    Bounded,
    /// Always queued: for the few events that the fold itself asks for.
    Always,
}

/// A durable record with the ticket of the one who appended it, if that was
/// this process.
#[derive(Debug)]
pub struct Delivered<T> {
    /// The record.
    pub record: Record,
    /// The appender's ticket; none on replay.
    pub ticket: Option<T>,
}

/// An ordered, durable log in partitions.
///
/// - **Order.** Each partition is one sequence: positions 1, 2, 3, … without
///   gaps. Between partitions there is none. Events appended by one thread to
///   one partition keep their order.
/// - **Durability.** A record is delivered only after it is durable (for a
///   journal that stores at all): what a follower has seen survives kill -9 and
///   power loss, and every later read gives the same record.
/// - **Time.** A record's time is given when it takes its place, strictly
///   increasing within the partition, in whole microseconds: the later of the
///   wall clock at opening and the last recorded time, advanced by the boot
///   clock. Steps of the wall clock change nothing.
/// - **Tickets.** Every ticket is delivered once or refused once. One whose
///   record no follower takes, because it follows from behind it or the journal
///   is dropped first, is refused with [`AppendError::Unknown`].
/// - **Refusal.** A ticket that is refused with anything but
///   [`AppendError::Unknown`] belongs to an event that is not and never will be
///   in the journal.
/// - **Failure.** What is corrupt is refused, never cut. A failed fsync ends the
///   process: what is durable is then unknown.
///
/// # Panics
///
/// A partition that is not below [`Journal::partitions`] is a bug of the caller
/// and may panic.
pub trait Journal<T: Ticket>: Send + Sync + 'static {
    /// Identity of this journal, made when it was created.
    fn id(&self) -> Uuid;

    /// How many partitions it has; never changes.
    fn partitions(&self) -> u32;

    /// The journal time of an event that would take its place now.
    fn now(&self, partition: u32) -> Time;

    /// Queues events, in this order, and returns at once. With
    /// [`Admission::Bounded`] all of them are queued or all are refused as
    /// overloaded. Tickets may be refused before this returns, on this thread.
    fn append(&self, partition: u32, admission: Admission, events: Vec<(Event, T)>);

    /// Position of the last durable record, 0 if there is none.
    fn head(&self, partition: u32) -> Position;

    /// Reads the durable records after `after`, up to the head of this moment.
    /// `after` before the first record that is left is [`JournalError::Trimmed`],
    /// behind the head [`JournalError::Beyond`].
    fn read(&self, partition: u32, after: Position) -> Result<Box<dyn Reader>, JournalError>;

    /// Reads the records after `after` and then follows, for the one follower
    /// of the partition; another may follow when this one is dropped. Errors as
    /// for [`Journal::read`].
    fn follow(&self, partition: u32, after: Position)
    -> Result<Box<dyn Follower<T>>, JournalError>;

    /// Stores a snapshot of the fold at `position`, durably, and forgets all but
    /// the two of the highest positions.
    fn save_snapshot(
        &self,
        partition: u32,
        position: Position,
        snapshot: &[u8],
    ) -> Result<(), JournalError>;

    /// The stored snapshots, the newest first. One that cannot be read or whose
    /// checksum is wrong is an error.
    fn snapshots(&self, partition: u32) -> Result<Vec<(Position, Vec<u8>)>, JournalError>;

    /// Lets go of records up to and including `up_to`, in part or in full, but
    /// of none behind it.
    fn trim(&self, partition: u32, up_to: Position) -> Result<(), JournalError>;

    /// Stops taking events, makes durable what is queued and wakes the
    /// followers, which then end. Returns when that is done.
    fn close(&self);
}

/// Reads a stretch of the journal.
pub trait Reader: Send {
    /// The next records in order; empty at the end.
    fn next(&mut self) -> Result<Vec<Record>, JournalError>;
}

/// Reads a partition and follows it.
pub trait Follower<T>: Send {
    /// Waits for records and returns the next ones in order; empty when the
    /// journal is closed and everything was delivered.
    fn next(&mut self) -> Result<Vec<Delivered<T>>, JournalError>;
}
