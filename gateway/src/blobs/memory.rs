//! Blobs without a disk, for tests and simulation.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prost::bytes::Bytes;

use super::{BLOB_BYTES_MAX, BlobError, BlobStore, Digest, within};

/// A store in memory. A clone is another handle of the same store, so that it outlives a simulated crash of the node.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobStore {
    blobs: Arc<Mutex<BTreeMap<Digest, Bytes>>>,
}

impl MemoryBlobStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Bytes>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobStore for MemoryBlobStore {
    fn put_many(&self, blobs: &[Bytes]) -> Result<Vec<Digest>, BlobError> {
        within(blobs, BLOB_BYTES_MAX)?;
        let mut stored = self.lock();
        Ok(blobs
            .iter()
            .map(|blob| {
                let digest = Digest::of(blob);
                stored.entry(digest).or_insert_with(|| blob.clone());
                digest
            })
            .collect())
    }

    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        Ok(self.lock().get(digest).cloned())
    }

    fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        Ok(self.lock().contains_key(digest))
    }
}
