//! The calls that change what a segment holds, behind a trait so that tests can
//! have a full or a failing disk.
//!
//! Invariant at the border: what [`Disk::sync`] said yes to survives power loss,
//! provided that the space was allocated by [`Disk::allocate`].

use std::{fs::File, io, os::unix::fs::FileExt};

use rustix::{fs::FallocateFlags, io::Errno};

/// Zeros are written in pieces of this size, and each is synced, so that the
/// writer's own syncs never wait behind many; and large enough that these syncs
/// are few beside the writer's.
const PIECE: usize = 4 << 20;

/// A disk, as far as the journal writes to one.
pub(super) trait Disk: Send + Sync + 'static {
    /// Gives a new file `length` bytes of zeros, durably, so that writing there
    /// later changes no metadata and needs no space.
    fn allocate(&self, file: &File, length: u64) -> io::Result<()>;

    /// Writes all of `bytes`; after an error, part of them may be written.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes durable what was written.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The operating system's.
pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn allocate(&self, file: &File, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length) {
            // Writing the zeros allocates just as well, it only fails later.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let zeros = vec![0; PIECE];
        let mut offset = 0;
        while offset < length {
            let left = usize::try_from(length - offset).unwrap_or(PIECE);
            let piece = &zeros[..left.min(PIECE)];
            file.write_all_at(piece, offset)?;
            file.sync_data()?;
            offset += piece.len() as u64;
        }
        file.sync_all()
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Whether the error says that there is no space.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
