//! A book as it is frozen for a cycle: every cross-margin account that the house has recorded, flat ones included, with the
//! directions that count in the cycle, and without what is not eligible any more.
//!
//! Whether a link is in force is no question here: it may come into force while the cycle runs, and then the account's
//! positions must be there. An account that is not in the frozen book is not flat; its link counts from the next freeze.

use std::{collections::HashMap, sync::Arc};

use crossmargin::v1;
use prost::bytes::Bytes;
use risk::instrument::Instrument;

use super::{Book, Holding, columns, direction::overlay::Overlay};
use crate::{
    arrangement::{digest::Digest, evidence::ChunkRef, leg::Leg, name::AccountId, registry::Registry},
    blobs::{BlobError, BlobStore},
};

/// A frozen book.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    /// Its chunks, durable.
    pub(crate) chunks: Vec<ChunkRef>,
    /// What is left out of it.
    pub(crate) exclusions: v1::Exclusions,
}

/// Freezes `book`, the book of the house that carries `leg`, with the net of the directions that count, and stores its
/// chunks: they are durable when it returns. `lost` says why an instrument is not eligible any more.
///
/// # Errors
/// Those of the store.
pub(crate) fn freeze(
    book: &Book,
    directed: &Overlay,
    lost: impl Fn(&Instrument) -> Option<String>,
    leg: Leg,
    registry: &Registry,
    blobs: &dyn BlobStore,
) -> Result<Frozen, BlobError> {
    let mut eligible = Eligible { lost, known: HashMap::new(), exclusions: Vec::new() };
    let accounts: Vec<(&AccountId, Arc<[Holding]>)> = registry
        .recorded_accounts(leg)
        .map(|account| (account, eligible.only(account, directed.compose(book, account))))
        .collect();
    let chunks = columns::chunks(&accounts.iter().map(|(account, holdings)| (*account, holdings)).collect::<Vec<_>>());
    let references = chunks.iter().map(|chunk| chunk.reference.clone()).collect::<Vec<_>>();
    let bytes: Vec<Bytes> = chunks.into_iter().map(|chunk| chunk.bytes.into()).collect();
    let digests: Vec<Digest> = blobs.put_many(&bytes)?;
    let frozen = references.iter().zip(digests).map(|(reference, digest)| ChunkRef {
        digest,
        size_bytes: reference.size_bytes,
        account_count: reference.account_count,
        position_count: reference.position_count,
    });
    Ok(Frozen { chunks: frozen.collect(), exclusions: v1::Exclusions { exclusions: eligible.exclusions } })
}

/// Takes out what is not eligible any more; each instrument is judged once.
struct Eligible<F> {
    lost: F,
    known: HashMap<Instrument, Option<String>>,
    exclusions: Vec<v1::Exclusion>,
}

impl<F: Fn(&Instrument) -> Option<String>> Eligible<F> {
    fn only(&mut self, account: &AccountId, holdings: Arc<[Holding]>) -> Arc<[Holding]> {
        let excluded = self.exclusions.len();
        for holding in holdings.iter() {
            let lost = self.known.entry(holding.instrument).or_insert_with(|| (self.lost)(&holding.instrument));
            self.exclusions.extend(lost.as_ref().map(|reason| v1::Exclusion {
                account: account.to_string(),
                instrument: holding.instrument.to_string(),
                quantity: holding.quantity,
                reason: reason.clone(),
            }));
        }
        if self.exclusions.len() == excluded {
            return holdings;
        }
        holdings
            .iter()
            .filter(|holding| self.known.get(&holding.instrument).is_none_or(Option::is_none))
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests;
