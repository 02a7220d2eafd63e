//! The positions of both legs of every link.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use rayon::prelude::*;
use risk::instrument::Instrument;

use super::{ComputeError, prepared::Prepared};
use crate::{
    arrangement::{
        digest::Digest,
        evidence::PositionManifest,
        leg::{Leg, Pair},
        link::{LinkMode, LinkTerms},
        name::AccountId,
        registry::Registry,
    },
    blobs::BlobStore,
    book::{Holding, columns},
};

/// A frozen book.
pub(super) struct FrozenBook(HashMap<AccountId, Arc<[Holding]>>);

/// One link with the positions of both legs. A link's positions are never added to another's.
pub(super) struct Legs<'a> {
    pub(super) terms: &'a LinkTerms,
    pub(super) mode: LinkMode,
    pub(super) holdings: Pair<&'a [Holding]>,
}

impl FrozenBook {
    /// The positions of an account; `None` where the book was frozen without it. A flat account is there, and empty.
    pub(super) fn holdings(&self, account: &AccountId) -> Option<&[Holding]> {
        self.0.get(account).map(AsRef::as_ref)
    }

    /// The same, to keep.
    pub(super) fn shared_holdings(&self, account: &AccountId) -> Option<Arc<[Holding]>> {
        self.0.get(account).cloned()
    }
}

/// Reads a frozen book.
pub(super) fn load(blobs: &dyn BlobStore, manifest: &PositionManifest) -> Result<FrozenBook, ComputeError> {
    let chunks: Vec<_> = manifest
        .chunks
        .par_iter()
        .map(|chunk| {
            let missing = || ComputeError::new(format!("chunk {} is not in the store", chunk.digest));
            let bytes = blobs.get(&chunk.digest).map_err(ComputeError::new)?.ok_or_else(missing)?;
            columns::read(&bytes).map_err(|error| ComputeError::new(format!("chunk {}: {error}", chunk.digest)))
        })
        .collect::<Result<_, ComputeError>>()?;
    Ok(FrozenBook(chunks.into_iter().flatten().collect()))
}

/// Reads the frozen books of both houses.
pub(super) fn load_both(
    blobs: &dyn BlobStore,
    manifests: &Pair<PositionManifest>,
) -> Result<Pair<FrozenBook>, ComputeError> {
    let books = Pair::from_fn(|leg| load(blobs, &manifests[leg]));
    Ok(Pair { treasury: books.treasury?, futures: books.futures? })
}

/// The links whose accounts both books hold, ascending.
pub(super) fn links<'a>(registry: &'a Registry, books: &'a Pair<FrozenBook>) -> Vec<Legs<'a>> {
    let held = registry.links().filter_map(|(terms, mode)| {
        // A link that came into force after a book was frozen counts from the next freeze on: its account is not flat,
        // it is not there.
        let holdings = Pair::from_fn(|leg| books[leg].holdings(&terms.accounts[leg])).both()?;
        Some(Legs { terms, mode, holdings })
    });
    held.collect()
}

/// Every instrument that a link holds, in order.
pub(super) fn dictionary(links: &[Legs<'_>]) -> Vec<Instrument> {
    let instruments: BTreeSet<Instrument> = links
        .par_chunks(1024)
        .map(|links| {
            let legs = links.iter().flat_map(|link| [link.holdings.treasury, link.holdings.futures]);
            legs.flatten().map(|holding| holding.instrument).collect::<std::collections::HashSet<_>>()
        })
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect();
    instruments.into_iter().collect()
}

/// What a leaf says of a link's positions and of the market that they are valued in.
pub(super) struct LegDigests {
    /// Of each leg's positions.
    pub(super) positions: Pair<Digest>,
    /// Of the scenario rows of the link's instruments.
    pub(super) market: Digest,
}

/// The digests of every link.
pub(super) fn digests(prepared: &Prepared, links: &[Legs<'_>]) -> Vec<LegDigests> {
    links
        .par_iter()
        .map(|link| {
            let positions = Pair::from_fn(|leg| of_holdings(prepared, link.holdings[leg]));
            let mut instruments: Vec<u32> = Leg::BOTH
                .into_iter()
                .flat_map(|leg| link.holdings[leg])
                .filter_map(|holding| prepared.row(&holding.instrument))
                .collect();
            instruments.sort_unstable();
            instruments.dedup();
            let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 market of a link");
            for row in instruments {
                hasher.update(prepared.instrument_digest(row).as_bytes());
            }
            LegDigests { positions, market: Digest(*hasher.finalize().as_bytes()) }
        })
        .collect()
}

fn of_holdings(prepared: &Prepared, holdings: &[Holding]) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 positions of a leg");
    for holding in holdings {
        // The name of the instrument stands in it by digest: names have no fixed length.
        hasher.update(prepared.name_digest(&holding.instrument).as_bytes());
        hasher.update(&holding.quantity.to_le_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}

/// The digest of all positions of both legs.
pub(super) fn digest_of_all(links: &[Legs<'_>], digests: &[LegDigests]) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 positions of all links");
    for (link, digests) in links.iter().zip(digests) {
        hasher.update(Digest::of(link.terms.link.as_str().as_bytes()).as_bytes());
        hasher.update(digests.positions.treasury.as_bytes());
        hasher.update(digests.positions.futures.as_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}
