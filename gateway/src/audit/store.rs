//! The stores that a verification reads, and never writes.

use std::sync::Arc;

use prost::bytes::Bytes;

use crate::{
    arrangement::digest::Digest,
    blobs::{BlobError, BlobStore},
};

/// Several stores for reading. What is put is named and forgotten: computing margins again leaves nothing behind.
pub(super) struct ReadOnly {
    stores: Vec<Arc<dyn BlobStore>>,
}

impl ReadOnly {
    /// Reads from the first store that has the content.
    pub(super) fn new(stores: Vec<Arc<dyn BlobStore>>) -> Self {
        Self { stores }
    }
}

impl BlobStore for ReadOnly {
    fn put_many(&self, blobs: &[Bytes]) -> Result<Vec<Digest>, BlobError> {
        Ok(blobs.iter().map(|blob| Digest::of(blob)).collect())
    }

    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        for store in &self.stores {
            if let Some(bytes) = store.get(digest)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        for store in &self.stores {
            if store.has(digest)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
