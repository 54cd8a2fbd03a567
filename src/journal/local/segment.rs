//! A segment file: its name, its header, how it comes to be, and a window to
//! read it through.
//!
//! Invariant at its border: a file with a segment's name is complete, with its
//! header and its full length of allocated bytes. It gets the name only then.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::{Buf, BufMut};
use uuid::Uuid;

use super::{
    disk::Disk,
    frame::{SECTOR, is_zero},
};
use crate::{journal::JournalError, model::Position};

const MAGIC: [u8; 8] = *b"LCjournl";
/// Version of the format that is written, and the newest that is read.
const VERSION: u32 = 1;
/// Bytes of the header that its checksum, at the end of the sector, covers.
const CHECKED: usize = SECTOR - 4;
const SUFFIX: &str = ".segment";
/// Ends the names of files that are not complete.
pub(super) const UNFINISHED: &str = ".tmp";

/// Where the first frame of a segment starts.
pub(super) const FIRST_FRAME: u64 = SECTOR as u64;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Id of the journal.
    pub journal: Uuid,
    /// Position of the first record.
    pub first: Position,
    /// `first` of the segment before, 0 if there never was one: shows that one
    /// is missing.
    pub previous: Position,
    /// Time of the last record before this segment, in microseconds since 1970.
    pub last_time: Option<i64>,
    /// Length of the file in bytes.
    pub length: u64,
}

impl SegmentHeader {
    fn encode(&self) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        let mut fields = &mut sector[..];
        fields.put_slice(&MAGIC);
        fields.put_u32_le(VERSION);
        fields.put_slice(self.journal.as_bytes());
        fields.put_u64_le(self.first);
        fields.put_u64_le(self.previous);
        fields.put_i64_le(self.last_time.unwrap_or(i64::MIN));
        fields.put_u64_le(self.length);
        let checksum = crc32fast::hash(&sector[..CHECKED]);
        sector[CHECKED..].copy_from_slice(&checksum.to_le_bytes());
        sector
    }

    fn decode(sector: &[u8; SECTOR], path: &Path) -> Result<Self, JournalError> {
        let (checked, mut checksum) = sector.split_at(CHECKED);
        if checked[..MAGIC.len()] != MAGIC {
            return Err(corrupt(path, 0, "this is no segment of a journal"));
        }
        // Every version keeps the checksum where it is, so that a newer one can
        // be told from a damaged one.
        if checksum.get_u32_le() != crc32fast::hash(checked) {
            return Err(corrupt(path, 0, "the checksum of the header is wrong"));
        }
        let mut fields = &checked[MAGIC.len()..];
        let version = fields.get_u32_le();
        if version != VERSION {
            return Err(unsupported(path, version, VERSION));
        }
        let mut journal = uuid::Bytes::default();
        fields.copy_to_slice(&mut journal);
        let first = fields.get_u64_le();
        let previous = fields.get_u64_le();
        let last_time = fields.get_i64_le();
        Ok(SegmentHeader {
            journal: Uuid::from_bytes(journal),
            first,
            previous,
            last_time: (last_time != i64::MIN).then_some(last_time),
            length: fields.get_u64_le(),
        })
    }

    /// Reads and checks the header of a segment, its file's length included.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(failed("cannot open", path))?;
        let length = file.metadata().map_err(failed("cannot read", path))?.len();
        let mut sector = [0; SECTOR];
        if length < SECTOR as u64 {
            return Err(corrupt(path, length, "the file ends within its header"));
        }
        file.read_exact_at(&mut sector, 0)
            .map_err(failed("cannot read", path))?;
        let header = SegmentHeader::decode(&sector, path)?;
        if header.length != length {
            let what = format!(
                "the file was made with {} bytes and has {length}",
                header.length
            );
            return Err(corrupt(path, length.min(header.length), &what));
        }
        Ok(header)
    }
}

/// Name of the segment whose first record has this position.
pub(super) fn name(first: Position) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The position in a segment's name; `None` for another file.
pub(super) fn position_in_name(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

/// An allocated file without header and without a segment's name.
pub(super) struct Blank {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Blank {
    /// Makes one. If that fails, nothing is left of it.
    pub fn allocate(disk: &dyn Disk, path: PathBuf, length: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        let blank = Blank { file, path, length };
        match disk.allocate(&blank.file, length) {
            Ok(()) => Ok(blank),
            Err(error) => {
                blank.discard();
                Err(error)
            }
        }
    }

    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes it a segment. Its name is durable only after the directory has
    /// been synced.
    pub fn into_segment(self, disk: &dyn Disk, header: &SegmentHeader) -> io::Result<File> {
        let named = self.path.with_file_name(name(header.first));
        let done = disk
            .write(&self.file, &header.encode(), 0)
            .and_then(|()| disk.sync(&self.file))
            .and_then(|()| fs::rename(&self.path, named));
        match done {
            Ok(()) => Ok(self.file),
            Err(error) => {
                self.discard();
                Err(error)
            }
        }
    }

    /// Removes the file.
    pub fn discard(self) {
        // One that stays is removed at the next opening.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes a directory, and those above it, so that they survive power loss.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = match directory.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Err(io::ErrorKind::NotADirectory.into()),
    };
    make_directory(above)?;
    match fs::create_dir(directory) {
        // Another process may be making it as well.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        made => made?,
    }
    sync_directory(above)
}

/// How much a window reads at least, in bytes.
const WINDOW: usize = 256 << 10;

/// Reads a file in order, a stretch at a time.
///
/// Bytes may be served from a stretch that was read before, so nothing may be
/// read through it that is still being written.
pub(super) struct Window {
    file: File,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub fn open(path: &Path, length: u64) -> io::Result<Self> {
        Ok(Window {
            file: File::open(path)?,
            length,
            start: 0,
            bytes: Vec::new(),
        })
    }

    /// The `count` bytes from `offset`; `None` if the file ends before.
    pub fn get(&mut self, offset: u64, count: u64) -> io::Result<Option<&[u8]>> {
        let left = self.length.saturating_sub(offset);
        let (Ok(count), true) = (usize::try_from(count), count <= left) else {
            return Ok(None);
        };
        let at = offset.checked_sub(self.start).map(|at| at as usize);
        let held = at.filter(|at| at.saturating_add(count) <= self.bytes.len());
        let at = match held {
            Some(at) => at,
            None => {
                let more = usize::try_from(left).unwrap_or(WINDOW).min(WINDOW);
                self.bytes.resize(count.max(more), 0);
                self.start = offset;
                if let Err(error) = self.file.read_exact_at(&mut self.bytes, offset) {
                    self.bytes.clear();
                    return Err(error);
                }
                0
            }
        };
        Ok(self.bytes.get(at..at + count))
    }

    /// The sector at `offset`; `None` at the end of the file.
    pub fn sector(&mut self, offset: u64) -> io::Result<Option<&[u8; SECTOR]>> {
        let bytes = self.get(offset, SECTOR as u64)?;
        Ok(bytes.and_then(|bytes| bytes.first_chunk()))
    }

    /// Offset of the first sector at or after `offset` that is not all zeros.
    pub fn next_written(&mut self, mut offset: u64) -> io::Result<Option<u64>> {
        while let Some(sector) = self.sector(offset)? {
            if !is_zero(sector) {
                return Ok(Some(offset));
            }
            offset += SECTOR as u64;
        }
        Ok(None)
    }
}

/// The error that says where something is corrupt and what to do.
pub(super) fn corrupt(path: &Path, offset: u64, what: &str) -> JournalError {
    JournalError::Corrupt(format!(
        "{} at byte {offset}: {what}; restore the data directory from a backup, or move it away \
         to begin anew",
        path.display()
    ))
}

pub(super) fn unsupported(path: &Path, version: u32, known: u32) -> JournalError {
    JournalError::Unsupported(format!(
        "{} has format version {version} and this program reads version {known}; run the program \
         that wrote it, or a newer one",
        path.display()
    ))
}

/// Puts the operating system's answer into words.
pub(super) fn failed(what: &str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let what = format!("{what} {}", path.display());
    move |source| JournalError::Io { what, source }
}
