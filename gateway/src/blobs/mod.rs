//! Blobs: bulk inputs (snapshots, market data, scenario rows), addressed by their content.
//!
//! A record of the ledger cites a blob by its digest, so the blob is durable before the record is written. A blob is
//! checked against its digest whenever it is read: what is returned is what was stored, or there is an error.

mod file;
mod memory;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc};

pub use file::FileBlobStore;
pub use memory::MemoryBlobStore;
use prost::bytes::Bytes;

use crate::arrangement::digest::Digest;

/// A store of blobs. Synchronous: callers in an async runtime use `spawn_blocking`.
pub trait BlobStore: Send + Sync + 'static {
    /// Stores `blobs`, in one go, and answers their digests in the same order. When it returns, all are durable; after
    /// an error some may be. Storing what is there already is cheap and changes nothing.
    ///
    /// # Errors
    /// A blob above the store's limit (nothing is stored then), or the disk's own errors.
    fn put_many(&self, blobs: &[Bytes]) -> Result<Vec<Digest>, BlobError>;

    /// Stores one blob. See [`BlobStore::put_many`], which is much faster for many.
    ///
    /// # Errors
    /// Those of [`BlobStore::put_many`].
    fn put(&self, blob: &Bytes) -> Result<Digest, BlobError> {
        let digest = Digest::of(blob);
        self.put_many(std::slice::from_ref(blob))?;
        Ok(digest)
    }

    /// The blob of this digest; `None` if it is not here.
    ///
    /// # Errors
    /// [`BlobError::Corrupt`] if what is here no longer gives the digest, or the disk's own errors.
    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError>;

    /// Whether a blob of this digest is here. Its content is not looked at, and a put that is still running may show
    /// before it is durable.
    ///
    /// # Errors
    /// The disk's own errors.
    fn has(&self, digest: &Digest) -> Result<bool, BlobError>;
}

/// Why a blob was not stored or not read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The blob is above the store's limit.
    #[error("blob of {bytes} bytes is above the limit of {bytes_max}: send it in several blobs")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// What is stored under the digest is something else.
    #[error(
        "blob {digest} at {} is damaged: its {bytes} bytes give {found}. Move the file away and put the blob again, \
         from a copy or from the other house",
        path.display()
    )]
    Corrupt {
        /// The digest asked for.
        digest: Digest,
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The digest of what is there.
        found: Digest,
    },
    /// What is stored under the digest is longer than any blob, and was not read.
    #[error(
        "blob {digest} at {} is damaged: it has {bytes} bytes, the limit is {bytes_max}. Move the file away and put the \
         blob again, from a copy or from the other house",
        path.display()
    )]
    Oversized {
        /// The digest asked for.
        digest: Digest,
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Another process, or another store of this one, writes to the folder.
    #[error("the blob store {} is in use (its lock file is held): stop the other node first", root.display())]
    InUse {
        /// The store's folder.
        root: PathBuf,
    },
    /// The store was opened for reading.
    #[error("the blob store {} was opened for reading: open it for writing to put blobs", root.display())]
    ReadOnly {
        /// The store's folder.
        root: PathBuf,
    },
    /// The disk, or the folder's quota, is full.
    #[error("no space left to {doing} {}: free space, then put the blob again", path.display())]
    StorageFull {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The disk failed.
    #[error("cannot {doing} {}", path.display())]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

/// The limit that the stores start with: a snapshot of a million positions takes a tenth of it.
pub const BLOB_BYTES_MAX: u64 = 256 << 20;

fn within(blobs: &[Bytes], bytes_max: u64) -> Result<(), BlobError> {
    blobs
        .iter()
        .map(length)
        .try_for_each(|bytes| if bytes > bytes_max { Err(BlobError::TooLarge { bytes, bytes_max }) } else { Ok(()) })
}

fn length(blob: &Bytes) -> u64 {
    u64::try_from(blob.len()).unwrap_or(u64::MAX)
}
