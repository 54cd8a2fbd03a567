//! Appends rounds to the segments: one write and one fdatasync each.
//!
//! Knows only bytes. Invariant at its border: what [`Log::append`] has returned
//! a position for is durable; what it has refused is not in the file and never
//! will be.

use std::{
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tracing::{debug, error, warn};

use super::{
    disk::{Disk, is_full},
    frame::{self, Builder, SECTOR},
    recovery::End,
    segment::{Blank, FIRST_FRAME, SegmentHeader, UNFINISHED, sync_directory},
    segments::Segments,
};
use crate::{journal::AppendError, model::Position};

/// The end of the journal, in the hands of its one writer.
pub(super) struct Log {
    segments: Arc<Segments>,
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    end: End,
    /// Bytes behind the end that a failed write may have left and that have to
    /// be zeros again before the next one.
    leftover: usize,
    /// The next segment, which is being made ahead.
    spare: Option<JoinHandle<io::Result<Blank>>>,
    frame: Builder,
}

impl Log {
    pub fn new(segments: Arc<Segments>, disk: Arc<dyn Disk>, segment_bytes: u64, end: End) -> Self {
        Log {
            segments,
            disk,
            segment_bytes,
            end,
            leftover: 0,
            spare: None,
            frame: Builder::default(),
        }
    }

    /// Appends a round, durably, and returns the position of its first record.
    /// The record times are `base_time` and the microseconds after it.
    ///
    /// Ends the process when a sync fails: what is durable is then unknown.
    pub fn append<'a>(
        &mut self,
        base_time: i64,
        payloads: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Position, AppendError> {
        let mut frame = mem::take(&mut self.frame);
        let first = self.end.next;
        frame.begin(first, base_time);
        let mut last_time = base_time;
        for (time, payload) in (base_time..).zip(payloads) {
            frame.push(time, payload);
            last_time = time;
        }
        let records = frame.records();
        let written = self.write(frame.seal(self.segments.seed()));
        self.frame = frame;
        written?;
        self.end.next += u64::from(records);
        self.end.last_time = Some(last_time);
        self.prepare_next();
        Ok(first)
    }

    /// Marks the journal as closed cleanly.
    pub fn close(mut self) {
        let mut mark = mem::take(&mut self.frame);
        mark.begin(self.end.next, self.end.last_time.unwrap_or_default());
        let seed = self.segments.seed();
        let marked = self.erase_leftover().and_then(|()| {
            self.disk
                .write(&self.end.file, mark.seal(seed), self.end.offset)
        });
        match marked {
            Ok(()) => self.sync(),
            // The next opening then takes the end for that of a crash.
            Err(error) => warn!(%error, "cannot mark the journal as closed"),
        }
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), AppendError> {
        self.erase_leftover().map_err(refusal)?;
        // A sector is kept for the mark of the close.
        let needed = frame.len() as u64 + SECTOR as u64;
        if self.end.offset.saturating_add(needed) > self.end.header.length {
            self.begin_segment().map_err(refusal)?;
        }
        if let Err(error) = self.disk.write(&self.end.file, frame, self.end.offset) {
            self.leftover = frame.len();
            if let Err(error) = self.erase_leftover() {
                warn!(%error, "cannot take back a write that failed; trying again later");
            }
            return Err(refusal(error));
        }
        self.sync();
        self.end.offset += frame.len() as u64;
        Ok(())
    }

    /// Puts zeros where a failed write may have left something.
    fn erase_leftover(&mut self) -> io::Result<()> {
        if self.leftover > 0 {
            let zeros = vec![0; self.leftover];
            self.disk.write(&self.end.file, &zeros, self.end.offset)?;
            // Before the next write, so that a crash never shows both.
            self.sync();
            self.leftover = 0;
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let spare = match self.spare.take().map(JoinHandle::join) {
            Some(Ok(Ok(spare))) => spare,
            // Not begun, or failed a while ago.
            _ => Blank::allocate(&*self.disk, self.spare_path(), self.segment_bytes)?,
        };
        let before = &self.end.header;
        let header = SegmentHeader {
            journal: before.journal,
            first: self.end.next,
            // An empty segment gives way.
            previous: if self.end.next == before.first {
                before.previous
            } else {
                before.first
            },
            last_time: self.end.last_time,
            length: spare.length(),
        };
        self.end.file = spare.into_segment(&*self.disk, &header)?;
        // From here on the segment counts, whatever happens.
        self.end.header = header;
        self.end.offset = FIRST_FRAME;
        if let Err(error) = sync_directory(self.segments.directory()) {
            die(self.segments.directory(), &error);
        }
        self.segments.push(header);
        debug!(first = header.first, "began a segment");
        Ok(())
    }

    /// Has the next segment made by a thread of its own once this one is half
    /// full.
    fn prepare_next(&mut self) {
        if self.spare.is_none() && self.end.offset > self.end.header.length / 2 {
            let (disk, path, length) = (self.disk.clone(), self.spare_path(), self.segment_bytes);
            self.spare = thread::Builder::new()
                .name("journal-spare".to_owned())
                .spawn(move || Blank::allocate(&*disk, path, length))
                .inspect_err(|error| warn!(%error, "cannot prepare a segment ahead"))
                .ok();
        }
    }

    fn spare_path(&self) -> PathBuf {
        self.segments.directory().join(format!("spare{UNFINISHED}"))
    }

    fn sync(&self) {
        if let Err(error) = self.disk.sync(&self.end.file) {
            die(&self.segments.path(self.end.header.first), &error);
        }
    }
}

impl Drop for Log {
    /// So that nothing is written to the directory any more.
    fn drop(&mut self) {
        if let Some(Ok(Ok(spare))) = self.spare.take().map(JoinHandle::join) {
            spare.discard();
        }
    }
}

/// How much a round may hold, payloads and [`frame::RECORD_OVERHEAD`] for each,
/// so that it fits into a segment of this length.
pub(super) fn largest_round(segment_bytes: u64) -> usize {
    // One sector is kept for the mark of the close.
    frame::largest_body(segment_bytes.saturating_sub(FIRST_FRAME + SECTOR as u64))
}

fn refusal(error: io::Error) -> AppendError {
    if is_full(&error) {
        AppendError::Full(error.to_string())
    } else {
        AppendError::Io(error.to_string())
    }
}

/// Ends the process at once: after a failed sync nobody knows what is durable,
/// and asking again may get a yes that is not true.
fn die(path: &Path, error: &io::Error) -> ! {
    error!(
        path = %path.display(),
        %error,
        "a sync of the journal failed; ending the process, because what is durable is unknown"
    );
    std::process::abort()
}
