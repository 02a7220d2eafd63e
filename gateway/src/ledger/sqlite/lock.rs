//! The lock file: one process, and in it one handle, has the ledger open for writing.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    sync::Arc,
};

use super::LedgerOptions;
use crate::ledger::{LedgerError, guard::FILE_MODE};

/// Takes the lock, which holds until the file is dropped or the process ends, however it ends.
///
/// A file of its own, because SQLite's locks on the database do not keep out a second writer that takes turns, and
/// because closing any descriptor of the database would drop them.
pub(super) fn take(options: &LedgerOptions) -> Result<File, LedgerError> {
    let path = options.lock_path();
    let storage =
        |source: std::io::Error| LedgerError::Storage { doing: "lock", path: path.clone(), source: Arc::new(source) };
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(&path).map_err(storage)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { path: options.path.clone() }),
        Err(TryLockError::Error(error)) => Err(storage(error)),
    }
}
