//! Opening: checks the segments, finds the end of the journal, and tells a
//! write that a crash has torn from damage.
//!
//! The rules are those in the parent module. Invariant at its border: what is
//! cut was never acknowledged; whatever else is not as it was written is an
//! error, and the files stay as they are.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{info, warn};
use uuid::Uuid;

use super::{
    disk::Disk,
    frame::{self, Fault, MAX_SPAN, SECTOR, Seed, Start},
    segment::{
        Blank, FIRST_FRAME, SegmentHeader, UNFINISHED, Window, corrupt, failed, name,
        position_in_name, sync_directory,
    },
    segments::Segments,
    snapshot,
};
use crate::{journal::JournalError, model::Position};

/// The end of a journal, from where it is written on.
pub(super) struct End {
    /// The last segment.
    pub header: SegmentHeader,
    /// Its file, open for writing.
    pub file: File,
    /// Where the next frame goes.
    pub offset: u64,
    /// Position of the next record.
    pub next: Position,
    /// Time of the last record, in microseconds since 1970.
    pub last_time: Option<i64>,
}

/// Opens the journal in `directory`, or makes a new one if there is none.
pub(super) fn open(
    directory: &Path,
    disk: &dyn Disk,
    segment_bytes: u64,
) -> Result<(Arc<Segments>, End), JournalError> {
    let mut headers = read_headers(directory)?;
    let header = match headers.last() {
        Some(last) => *last,
        None => {
            snapshot::check_reached(directory, 0)?;
            let header = SegmentHeader {
                journal: Uuid::new_v4(),
                first: 1,
                previous: 0,
                last_time: None,
                length: segment_bytes,
            };
            create(directory, disk, &header).map_err(failed("cannot write", directory))?;
            info!(journal = %header.journal, directory = %directory.display(), "made a new journal");
            headers.push(header);
            header
        }
    };
    let segments = Arc::new(Segments::new(directory, header.journal, headers));
    let path = segments.path(header.first);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(failed("cannot open", &path))?;
    let scan = Scan::run(&path, &header, segments.seed())?;
    snapshot::check_reached(directory, scan.next.saturating_sub(1))?;
    if let Some(rest) = &scan.rest {
        if let Rest::Torn { bytes } = rest {
            warn!(
                segment = %path.display(),
                offset = scan.offset,
                bytes,
                after_position = scan.next.saturating_sub(1),
                "cut a write that a crash has torn; nothing of it was acknowledged"
            );
        }
        let zeros = vec![0; rest.bytes()];
        disk.write(&file, &zeros, scan.offset)
            .and_then(|()| disk.sync(&file))
            .map_err(failed("cannot write", &path))?;
    }
    let end = End {
        header,
        file,
        offset: scan.offset,
        next: scan.next,
        last_time: scan.last_time,
    };
    Ok((segments, end))
}

fn create(directory: &Path, disk: &dyn Disk, header: &SegmentHeader) -> io::Result<()> {
    let path = directory.join(format!("first{UNFINISHED}"));
    Blank::allocate(disk, path, header.length)?.into_segment(disk, header)?;
    sync_directory(directory)
}

/// Reads the headers of all segments and checks that they belong together.
/// Removes files that a crash left unfinished.
fn read_headers(directory: &Path) -> Result<Vec<SegmentHeader>, JournalError> {
    let mut segments: Vec<(Position, PathBuf)> = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed("cannot read", directory))? {
        let entry = entry.map_err(failed("cannot read", directory))?;
        let path = entry.path();
        let file_name = entry.file_name().into_string().unwrap_or_else(lossy);
        if file_name.ends_with(UNFINISHED) {
            fs::remove_file(&path).map_err(failed("cannot remove", &path))?;
        } else if let Some(first) = position_in_name(&file_name) {
            segments.push((first, path));
        }
    }
    segments.sort_unstable();

    let mut headers: Vec<SegmentHeader> = Vec::with_capacity(segments.len());
    for (first, path) in segments {
        let header = SegmentHeader::read(&path)?;
        if header.first != first {
            let what = format!("the segment was written as {}", name(header.first));
            return Err(corrupt(&path, 0, &what));
        }
        if let Some(before) = headers.last() {
            if header.journal != before.journal {
                let what = format!(
                    "the segment is of journal {}, the one before it of journal {}",
                    header.journal, before.journal
                );
                return Err(corrupt(&path, 0, &what));
            }
            if header.previous != before.first {
                let what = format!("the segment before, {}, is missing", name(header.previous));
                return Err(corrupt(&path, 0, &what));
            }
        }
        headers.push(header);
    }
    Ok(headers)
}

fn lossy(name: OsString) -> String {
    name.to_string_lossy().into_owned()
}

/// What follows the last whole frame, and makes way for the next one.
enum Rest {
    /// Part of a frame.
    Torn { bytes: usize },
    /// The mark of a clean close, which is not true any more from now on.
    CloseMark,
}

impl Rest {
    fn bytes(&self) -> usize {
        match self {
            Rest::Torn { bytes } => *bytes,
            Rest::CloseMark => SECTOR,
        }
    }
}

/// What the last segment holds.
struct Scan {
    offset: u64,
    next: Position,
    last_time: Option<i64>,
    rest: Option<Rest>,
}

impl Scan {
    fn run(path: &Path, header: &SegmentHeader, seed: Seed) -> Result<Scan, JournalError> {
        let io = || failed("cannot read", path);
        let mut window = Window::open(path, header.length).map_err(io())?;
        let mut content = Vec::new();
        let mut scan = Scan {
            offset: FIRST_FRAME,
            next: header.first,
            last_time: header.last_time,
            rest: None,
        };
        loop {
            let offset = scan.offset;
            let fault = |fault: Fault| corrupt(path, offset + fault.at, fault.what);
            let Some(sector) = window.sector(offset).map_err(io())? else {
                return Ok(scan);
            };
            let frame = match frame::start(sector, seed) {
                Start::Frame(frame) => frame,
                Start::Other(other) => return Err(fault(other)),
                Start::Zeros => {
                    scan.rest = headless(&mut window, offset, path, seed)?;
                    return Ok(scan);
                }
            };
            if frame.first != scan.next {
                let what = format!(
                    "position {} stands where {} belongs",
                    frame.first, scan.next
                );
                return Err(corrupt(path, offset, &what));
            }
            let end = offset.saturating_add(frame.span());
            let Some(bytes) = window.get(offset, frame.span()).map_err(io())? else {
                return Err(corrupt(
                    path,
                    offset,
                    "a frame reaches past the end of the file",
                ));
            };
            let body = match frame::check(&frame, bytes, seed, &mut content) {
                Ok(body) => body,
                Err(why) => {
                    let torn = judge_torn(bytes, why).map_err(fault)?;
                    scan.rest = Some(torn);
                    return match window.next_written(end).map_err(io())? {
                        None => Ok(scan),
                        Some(at) => Err(corrupt(path, at, "something follows a torn frame")),
                    };
                }
            };
            if frame.is_close_mark() {
                scan.rest = Some(Rest::CloseMark);
                return match window.next_written(end).map_err(io())? {
                    None => Ok(scan),
                    Some(at) => Err(corrupt(path, at, "something follows the mark of the close")),
                };
            }
            let records = frame::records(&frame, body).map_err(fault)?;
            if scan.last_time.is_some_and(|last| frame.base_time <= last) {
                return Err(corrupt(path, offset, "time runs backwards"));
            }
            scan.last_time = records.last().map(|record| record.time);
            scan.next = frame.end();
            scan.offset = end;
        }
    }
}

/// Whether a frame with a good header was torn: each of its sectors is as it
/// was written or was never written, and there is one of the latter.
fn judge_torn(frame: &[u8], why: Fault) -> Result<Rest, Fault> {
    let (sectors, _) = frame.as_chunks::<SECTOR>();
    let mut unwritten = false;
    for (number, sector) in sectors.iter().enumerate() {
        if frame::is_zero(sector) {
            unwritten = true;
        } else if !frame::is_stamped(sector) {
            return Err(Fault {
                at: (number * SECTOR) as u64,
                what: "a sector of a frame lacks its stamp",
            });
        }
    }
    if unwritten {
        Ok(Rest::Torn { bytes: frame.len() })
    } else {
        Err(why)
    }
}

/// Looks for parts of a frame whose first sector was never written.
fn headless(
    window: &mut Window,
    offset: u64,
    path: &Path,
    seed: Seed,
) -> Result<Option<Rest>, JournalError> {
    let io = || failed("cannot read", path);
    let mut end = offset;
    while let Some(at) = window.next_written(end).map_err(io())? {
        let Some(sector) = window.sector(at).map_err(io())? else {
            break;
        };
        if let Start::Frame(frame) = frame::start(sector, seed) {
            let what = format!(
                "position {} follows a stretch that is empty: records before it are missing",
                frame.first
            );
            return Err(corrupt(path, at, &what));
        }
        if !frame::is_stamped(sector) {
            return Err(corrupt(path, at, "this is no part of a frame"));
        }
        end = at + SECTOR as u64;
        if end - offset > MAX_SPAN {
            return Err(corrupt(
                path,
                at,
                "this is too far from the end of the journal",
            ));
        }
    }
    let bytes = usize::try_from(end - offset).unwrap_or(usize::MAX);
    Ok((bytes > 0).then_some(Rest::Torn { bytes }))
}
