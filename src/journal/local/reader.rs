//! Reads durable records back from the segments.
//!
//! Invariant at its border: what it returns was checked byte for byte and comes
//! without gap or repeat.

use std::sync::Arc;

use super::{
    frame::{self, Header, SECTOR, Seed, Start},
    segment::{FIRST_FRAME, SegmentHeader, Window, corrupt, failed},
    segments::Segments,
};
use crate::{
    convert::storage::decode_event,
    journal::{BATCH_BYTES, BATCH_RECORDS, JournalError, Reader, time::micros_to_time},
    model::{Position, Record},
};

/// Reads a stretch of records that were durable when it was made.
pub(super) struct SegmentReader {
    segments: Arc<Segments>,
    seed: Seed,
    /// Position of the next record to return.
    next: Position,
    /// Position of the last one.
    last: Position,
    current: Option<Current>,
    content: Vec<u8>,
}

/// Where it is.
struct Current {
    segment: SegmentHeader,
    window: Window,
    offset: u64,
    /// Position of the first record of the frame at `offset`.
    position: Position,
}

impl SegmentReader {
    /// Reads the records from `next` to `last`, which are durable.
    pub fn new(segments: Arc<Segments>, next: Position, last: Position) -> Self {
        SegmentReader {
            seed: segments.seed(),
            segments,
            next,
            last,
            current: None,
            content: Vec::new(),
        }
    }

    /// Appends the records of the next frame that has any of them to `records`.
    /// Returns the bytes that they took.
    fn frame(&mut self, records: &mut Vec<Record>) -> Result<usize, JournalError> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.open(self.next)?,
        };
        loop {
            let path = self.segments.path(current.segment.first);
            let (offset, position) = (current.offset, current.position);
            let unreadable = || failed("cannot read", &path);
            let start = match current.window.sector(offset).map_err(unreadable())? {
                Some(sector) => frame::start(sector, self.seed),
                None => Start::Zeros,
            };
            let frame = match start {
                Start::Frame(frame) => frame,
                Start::Other(fault) => return Err(corrupt(&path, offset, fault.what)),
                Start::Zeros => {
                    current = self.follow_on(current)?;
                    continue;
                }
            };
            if frame.first != position || frame.is_close_mark() {
                let what = format!("another frame stands where position {position} belongs");
                return Err(corrupt(&path, offset, &what));
            }
            current.offset = offset.saturating_add(frame.span());
            current.position = frame.end();
            if frame.end() <= self.next {
                continue;
            }
            let Some(bytes) = current
                .window
                .get(offset, frame.span())
                .map_err(unreadable())?
            else {
                return Err(corrupt(
                    &path,
                    offset,
                    "a frame reaches past the end of the file",
                ));
            };
            self.decode(&frame, bytes, records)
                .map_err(|(at, what)| corrupt(&path, offset.saturating_add(at), &what))?;
            let length = bytes.len();
            self.next = frame.end();
            self.current = Some(current);
            return Ok(length);
        }
    }

    fn decode(
        &mut self,
        frame: &Header,
        bytes: &[u8],
        records: &mut Vec<Record>,
    ) -> Result<(), (u64, String)> {
        let fault = |fault: frame::Fault| (fault.at, fault.what.to_owned());
        let body = frame::check(frame, bytes, self.seed, &mut self.content).map_err(fault)?;
        for raw in frame::records(frame, body).map_err(fault)? {
            if raw.position < self.next || raw.position > self.last {
                continue;
            }
            let event = decode_event(raw.payload).map_err(|error| {
                let what = format!(
                    "the event at position {} is malformed: {error}",
                    raw.position
                );
                (0, what)
            })?;
            records.push(Record {
                position: raw.position,
                time: micros_to_time(raw.time),
                event,
            });
        }
        Ok(())
    }

    fn open(&self, position: Position) -> Result<Current, JournalError> {
        let (segment, window) = self.segments.open(position)?;
        Ok(Current {
            segment,
            window,
            offset: FIRST_FRAME,
            position: segment.first,
        })
    }

    /// Goes from the end of a segment to the next one.
    fn follow_on(&self, mut ended: Current) -> Result<Current, JournalError> {
        let path = self.segments.path(ended.segment.first);
        let next = self.open(ended.position)?;
        if next.segment.first != ended.position || next.segment.first == ended.segment.first {
            let what = format!(
                "the records from position {} on are missing",
                ended.position
            );
            return Err(corrupt(&path, ended.offset, &what));
        }
        // Nothing is written to a segment that has a successor.
        let written = ended.window.next_written(ended.offset);
        match written.map_err(failed("cannot read", &path))? {
            None => Ok(next),
            Some(at) => Err(corrupt(&path, at, "something follows the last frame")),
        }
    }
}

impl Reader for SegmentReader {
    fn next(&mut self) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        // A frame holds a batch at most, so that fewer than two are returned.
        while self.next <= self.last && bytes < BATCH_BYTES && records.len() < BATCH_RECORDS {
            bytes += self.frame(&mut records)?.max(SECTOR);
        }
        Ok(records)
    }
}
