//! A book as it is frozen for a cycle: every cross-margin account that the house has recorded, flat ones included.
//!
//! Whether a link is in force is no question here: it may come into force while the cycle runs, and then the account's
//! positions must be there. An account that is not in the frozen book is not flat; its link counts from the next freeze.

use std::sync::Arc;

use prost::bytes::Bytes;

use super::{Book, Holding, columns};
use crate::{
    arrangement::{digest::Digest, evidence::ChunkRef, leg::Leg, registry::Registry},
    blobs::{BlobError, BlobStore},
};

/// Freezes `book`, the book of the house that carries `leg`, and stores its chunks: they are durable when it returns.
///
/// # Errors
/// Those of the store.
pub(crate) fn freeze(
    book: &Book,
    leg: Leg,
    registry: &Registry,
    blobs: &dyn BlobStore,
) -> Result<Vec<ChunkRef>, BlobError> {
    let flat: Arc<[Holding]> = Arc::from([]);
    let accounts: Vec<_> =
        registry.recorded_accounts(leg).map(|account| (account, book.accounts.get(account).unwrap_or(&flat))).collect();
    let chunks = columns::chunks(&accounts);
    let references = chunks.iter().map(|chunk| chunk.reference.clone()).collect::<Vec<_>>();
    let bytes: Vec<Bytes> = chunks.into_iter().map(|chunk| chunk.bytes.into()).collect();
    let digests: Vec<Digest> = blobs.put_many(&bytes)?;
    let frozen = references.iter().zip(digests).map(|(reference, digest)| ChunkRef {
        digest,
        size_bytes: reference.size_bytes,
        account_count: reference.account_count,
        position_count: reference.position_count,
    });
    Ok(frozen.collect())
}
