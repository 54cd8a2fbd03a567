//! Snapshots of the fold, one file each: `snapshot-<position>`.
//!
//! Invariant at its border: a file with a snapshot's name is whole; it gets the
//! name only when its bytes are durable, and every byte is checked when it is
//! read.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::{Buf, BufMut};
use crc32fast::Hasher;
use uuid::Uuid;

use super::segment::{UNFINISHED, corrupt, failed, sync_directory, unsupported};
use crate::{journal::JournalError, model::Position};

const MAGIC: [u8; 8] = *b"LCsnapsh";
/// Version of the format that is written, and the newest that is read.
const VERSION: u32 = 1;
const HEADER: usize = 48;
/// The header without its checksum, which covers it and the contents.
const HEADER_CHECKED: usize = HEADER - 4;
const PREFIX: &str = "snapshot-";
/// How many are kept.
const KEPT: usize = 2;

/// The snapshots in a directory.
pub(super) struct Snapshots {
    directory: PathBuf,
    journal: Uuid,
    /// Held while files come and go.
    changing: Mutex<()>,
}

impl Snapshots {
    pub fn new(directory: &Path, journal: Uuid) -> Self {
        Snapshots {
            directory: directory.to_owned(),
            journal,
            changing: Mutex::new(()),
        }
    }

    /// Stores one, durably, and removes all but the two of the highest
    /// positions.
    pub fn save(&self, position: Position, snapshot: &[u8]) -> Result<(), JournalError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = path(&self.directory, position);
        let unfinished = self.directory.join(format!("snapshot{UNFINISHED}"));
        self.write(&unfinished, position, snapshot)
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| sync_directory(&self.directory))
            .map_err(failed("cannot write", &path))?;
        for old in positions(&self.directory)?.into_iter().skip(KEPT) {
            let path = self::path(&self.directory, old);
            fs::remove_file(&path).map_err(failed("cannot remove", &path))?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, position: Position, snapshot: &[u8]) -> io::Result<()> {
        let written = File::create(path).and_then(|mut file| {
            file.write_all(&self.header(position, snapshot))?;
            file.write_all(snapshot)?;
            file.sync_all()
        });
        if written.is_err() {
            // Gives the space back; one that stays is removed at the next
            // opening.
            let _ = fs::remove_file(path);
        }
        written
    }

    fn header(&self, position: Position, snapshot: &[u8]) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let mut fields = &mut header[..];
        fields.put_slice(&MAGIC);
        fields.put_u32_le(VERSION);
        fields.put_slice(self.journal.as_bytes());
        fields.put_u64_le(position);
        fields.put_u64_le(snapshot.len() as u64);
        let checksum = checksum(&header[..HEADER_CHECKED], snapshot);
        header[HEADER_CHECKED..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// Reads and checks all of them, the newest first.
    pub fn load(&self) -> Result<Vec<(Position, Vec<u8>)>, JournalError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        positions(&self.directory)?
            .into_iter()
            .map(|position| Ok((position, self.read(position)?)))
            .collect()
    }

    fn read(&self, position: Position) -> Result<Vec<u8>, JournalError> {
        let path = path(&self.directory, position);
        let corrupt = |at: usize, what: &str| {
            JournalError::Corrupt(format!(
                "{} at byte {at}: {what}; remove the file to start from an older snapshot, if the \
                 journal still has the records behind that one, or restore the data directory \
                 from a backup",
                path.display()
            ))
        };
        let mut bytes = fs::read(&path).map_err(failed("cannot read", &path))?;
        let Some((header, content)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(corrupt(bytes.len(), "the file ends within its header"));
        };
        let (checked, mut own) = header.split_at(HEADER_CHECKED);
        if checked[..MAGIC.len()] != MAGIC {
            return Err(corrupt(0, "this is no snapshot"));
        }
        if own.get_u32_le() != checksum(checked, content) {
            return Err(corrupt(0, "the checksum of the snapshot is wrong"));
        }
        let mut fields = &checked[MAGIC.len()..];
        let version = fields.get_u32_le();
        if version != VERSION {
            return Err(unsupported(&path, version, VERSION));
        }
        let mut journal = uuid::Bytes::default();
        fields.copy_to_slice(&mut journal);
        if journal != *self.journal.as_bytes() {
            let what = format!("the snapshot is of journal {}", Uuid::from_bytes(journal));
            return Err(corrupt(0, &what));
        }
        if fields.get_u64_le() != position || fields.get_u64_le() != content.len() as u64 {
            return Err(corrupt(0, "the snapshot has another one's name"));
        }
        bytes.drain(..HEADER);
        Ok(bytes)
    }
}

/// The positions of the snapshots in a directory, the highest first.
pub(super) fn positions(directory: &Path) -> Result<Vec<Position>, JournalError> {
    let mut positions: Vec<Position> = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed("cannot read", directory))? {
        let entry = entry.map_err(failed("cannot read", directory))?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(position) = digits.and_then(|digits| digits.parse().ok()) {
            positions.push(position);
        }
    }
    positions.sort_unstable_by(|a, b| b.cmp(a));
    Ok(positions)
}

/// Refuses a journal that ends before its newest snapshot: it has lost records
/// that were durable.
pub(super) fn check_reached(directory: &Path, head: Position) -> Result<(), JournalError> {
    match positions(directory)?.first() {
        Some(newest) if *newest > head => {
            let what = format!(
                "there is a snapshot at position {newest} and the journal ends at {head}: records \
                 are missing"
            );
            Err(corrupt(&path(directory, *newest), 0, &what))
        }
        _ => Ok(()),
    }
}

fn path(directory: &Path, position: Position) -> PathBuf {
    directory.join(format!("{PREFIX}{position:020}"))
}

fn checksum(header: &[u8], content: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(header);
    hasher.update(content);
    hasher.finalize()
}
