//! The positions of both legs of every link.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::civil::Date;
use prost::bytes::Bytes;
use rayon::prelude::*;
use risk::{factor::Factor, instrument::Instrument};

use super::{ComputeError, prepared::Prepared};
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{ChunkRef, PositionManifest},
        leaf,
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
    /// The most that the houses' overrides let be granted.
    pub(super) cap: Factor,
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
        .map(|chunk| columns::read(&bytes_of(blobs, chunk)?).map_err(|error| damaged(chunk, &error)))
        .collect::<Result<_, ComputeError>>()?;
    Ok(FrozenBook(chunks.into_iter().flatten().collect()))
}

/// The positions of one account in a frozen book; `None` where the book was frozen without it. Reads the chunk that can
/// hold it alone, by the order of accounts over the chunks.
pub(super) fn of_account(
    blobs: &dyn BlobStore,
    manifest: &PositionManifest,
    account: &AccountId,
) -> Result<Option<Arc<[Holding]>>, ComputeError> {
    let mut chunks = &manifest.chunks[..];
    while let Some(chunk) = chunks.get(chunks.len() / 2) {
        let bytes = bytes_of(blobs, chunk)?;
        let middle = chunks.len() / 2;
        match columns::place(&bytes, account).map_err(|error| damaged(chunk, &error))? {
            Ordering::Less => chunks = &chunks[..middle],
            Ordering::Greater => chunks = &chunks[middle + 1..],
            Ordering::Equal => {
                let accounts = columns::read(&bytes).map_err(|error| damaged(chunk, &error))?;
                match accounts.into_iter().find(|(held, _)| held == account) {
                    Some((_, holdings)) => return Ok(Some(holdings)),
                    None => break,
                }
            }
        }
    }
    // No computation asks for that order, so a book of the other house may lack it.
    Ok(load(blobs, manifest)?.shared_holdings(account))
}

fn bytes_of(blobs: &dyn BlobStore, chunk: &ChunkRef) -> Result<Bytes, ComputeError> {
    let missing = || ComputeError::new(format!("chunk {} is not in the store", chunk.digest));
    blobs.get(&chunk.digest).map_err(ComputeError::new)?.ok_or_else(missing)
}

fn damaged(chunk: &ChunkRef, error: &columns::ColumnsError) -> ComputeError {
    ComputeError::new(format!("chunk {}: {error}", chunk.digest))
}

/// Reads the frozen books of both houses.
pub(super) fn load_both(
    blobs: &dyn BlobStore,
    manifests: &Pair<PositionManifest>,
) -> Result<Pair<FrozenBook>, ComputeError> {
    let books = Pair::from_fn(|leg| load(blobs, &manifests[leg]));
    Ok(Pair { treasury: books.treasury?, futures: books.futures? })
}

/// The links of a business date whose accounts both books hold, ascending, with the overrides in force.
pub(super) fn links<'a>(registry: &'a Registry, books: &'a Pair<FrozenBook>, business_date: Date) -> Vec<Legs<'a>> {
    let held = registry.links_on(business_date).filter_map(|(terms, mode)| {
        // A link that came into force after a book was frozen counts from the next freeze on: its account is not flat,
        // it is not there.
        let holdings = Pair::from_fn(|leg| books[leg].holdings(&terms.accounts[leg])).both()?;
        let cap = leaf::override_factor(registry.cap_bp(terms, business_date));
        Some(Legs { terms, mode, holdings, cap })
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
    leaf::positions_digest(holdings.iter().map(|holding| (prepared.name_digest(&holding.instrument), holding.quantity)))
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

#[cfg(test)]
mod tests {
    use crossmargin::v1;

    use super::*;
    use crate::blobs::MemoryBlobStore;

    /// A book of three chunks, of which these are stored.
    fn book(stored: impl Fn(usize) -> bool) -> (MemoryBlobStore, PositionManifest) {
        let holding = |quantity| Holding { instrument: "FUT:ZN:2026-03".parse().unwrap(), quantity };
        let accounts = (1..=1_200).map(|number: i64| {
            let holdings: Arc<[Holding]> = Arc::new([holding(number)]);
            (name(number), holdings)
        });
        let blobs = MemoryBlobStore::new();
        let chunks = columns::chunks_of(&accounts.collect()).into_iter().enumerate().map(|(place, chunk)| {
            let digest = Digest::of(&chunk.bytes);
            if stored(place) {
                assert_eq!(blobs.put(&chunk.bytes.into()).unwrap(), digest);
            }
            let v1::ChunkRef { size_bytes, account_count, position_count, .. } = chunk.reference;
            ChunkRef { digest, size_bytes, account_count, position_count }
        });
        let chunks: Vec<_> = chunks.collect();
        assert_eq!(chunks.len(), 3);
        let manifest = PositionManifest {
            cycle: "2026-02-13/EOD/1".parse().unwrap(),
            revision: 1,
            as_of: jiff::Timestamp::UNIX_EPOCH,
            book_version: 1,
            account_count: 1_200,
            position_count: 1_200,
            chunks,
        };
        (blobs, manifest)
    }

    fn name(number: i64) -> AccountId {
        format!("A-{number:05}").parse().unwrap()
    }

    fn quantity(
        blobs: &MemoryBlobStore,
        manifest: &PositionManifest,
        number: i64,
    ) -> Result<Option<i64>, ComputeError> {
        of_account(blobs, manifest, &name(number)).map(|held| held.map(|holdings| holdings[0].quantity))
    }

    #[test]
    fn an_account_reads_alone_as_in_the_whole_book_whatever_the_order_of_its_chunks() {
        let (blobs, mut manifest) = book(|_| true);
        for _ in 0..3 {
            manifest.chunks.rotate_left(1);
            for number in (1..=1_200).step_by(7).chain([512, 513, 1_024, 1_025, 1_200]) {
                assert_eq!(quantity(&blobs, &manifest, number).unwrap(), Some(number));
            }
            assert_eq!(quantity(&blobs, &manifest, 0).unwrap(), None);
            assert_eq!(quantity(&blobs, &manifest, 1_201).unwrap(), None);
        }
    }

    #[test]
    fn an_account_reads_without_the_chunks_that_cannot_hold_it() {
        let (blobs, manifest) = book(|place| place == 1);
        assert_eq!(quantity(&blobs, &manifest, 600).unwrap(), Some(600));
        let missing = quantity(&blobs, &manifest, 1).unwrap_err();
        assert!(missing.to_string().contains("is not in the store"), "{missing}");
    }
}
