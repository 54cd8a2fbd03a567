//! The lock on a data directory: one process at a time.
//!
//! Invariant at its border: while a [`DataDirLock`] lives no other one of the
//! same directory does, on this machine. The operating system gives it up with
//! the process, however that ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::Path,
};

use super::segment::{failed, make_directory};
use crate::journal::JournalError;

/// Holds a data directory.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the lock by way of the file `LOCK` in the directory, which also
    /// tells people who has it. The directory is made if there is none.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] when another process has it.
    pub fn acquire(data_dir: &Path) -> Result<Self, JournalError> {
        make_directory(data_dir).map_err(failed("cannot make directory", data_dir))?;
        let path = data_dir.join("LOCK");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("cannot open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).ok();
                return Err(JournalError::InUse {
                    directory: data_dir.display().to_string(),
                    holder: holder.and_then(|pid| pid.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed("cannot lock", &path)(error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed("cannot write", &path))?;
        Ok(DataDirLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        let first = DataDirLock::acquire(&data_dir).unwrap();
        assert_eq!(
            DataDirLock::acquire(&data_dir).unwrap_err().to_string(),
            format!(
                "data directory {} is in use by process {}; stop it or choose another --data-dir",
                data_dir.display(),
                std::process::id()
            )
        );
        drop(first);
        DataDirLock::acquire(&data_dir).unwrap();
    }
}
