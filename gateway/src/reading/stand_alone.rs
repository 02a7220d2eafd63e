//! Stand-alone margins on demand: what a house's own clients are told before anything has been claimed.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        evidence::{MarketManifest, PositionManifest},
        leg::Pair,
    },
    compute::{ComputeError, StandAloneJob},
    node::{context::Context, freezing::ToFreeze},
};

/// Computes this house's stand-alone margins once for the same inputs, however many ask.
#[derive(Default)]
pub(super) struct StandAlone(Mutex<Option<(Key, Digest)>>);

/// What the margins were computed from: chunks of positions, items of market data, the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key(CycleDate, Vec<Digest>, Vec<Digest>, Digest);

type CycleDate = jiff::civil::Date;

impl StandAlone {
    /// The stored leaves of this house's own leg from the newest inputs: the frozen book of `cycle`, or the newest
    /// book where nothing is frozen yet.
    ///
    /// # Errors
    /// What is missing or cannot be valued.
    pub(super) fn leaves(&self, context: &Context, cycle: Option<CycleId>) -> Result<Digest, ComputeError> {
        let job = job(context, cycle)?;
        let key = key_of(&job);
        // One computation at a time: who comes meanwhile finds its result.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, leaves)) = last.as_ref()
            && *known == key
        {
            return Ok(*leaves);
        }
        let leaves = context.computer.stand_alone(&job)?;
        *last = Some((key, leaves));
        Ok(leaves)
    }
}

fn key_of(job: &StandAloneJob) -> Key {
    let items = |manifest: &MarketManifest| manifest.items.iter().map(|item| item.digest).collect::<Vec<_>>();
    Key(
        job.business_date,
        job.manifest.chunks.iter().map(|chunk| chunk.digest).collect(),
        job.markets.iter().flat_map(|(_, manifest)| manifest.as_ref().map(items).unwrap_or_default()).collect(),
        job.registry.digest(),
    )
}

fn job(context: &Context, cycle: Option<CycleId>) -> Result<StandAloneJob, ComputeError> {
    let us = context.us;
    let (frozen, to_freeze, registry) = {
        let catalog = context.catalog.read();
        let frozen = cycle.and_then(|cycle| catalog.newest_manifest(us, cycle).cloned());
        let book = cycle.map_or_else(|| catalog.book(), |cycle| catalog.book_of(cycle.business_date)).cloned();
        let registry = Arc::clone(&catalog.registry);
        let opened = cycle.and_then(|cycle| catalog.cycles.get(&cycle)).filter(|view| view.record.opened[us]);
        let through = opened.map_or(catalog.directions.last(), |view| view.directions_through);
        let to_freeze = book.map(|book| ToFreeze {
            directed: catalog.directions.over(&book, through),
            registry: Arc::clone(&registry),
            book,
        });
        (frozen, to_freeze, registry)
    };
    let (business_date, manifest) = match (frozen, to_freeze) {
        (Some(frozen), _) => (frozen.cycle.business_date, frozen),
        (None, Some(to_freeze)) => {
            let book = &to_freeze.book;
            let cycle = cycle.unwrap_or(CycleId {
                business_date: book.business_date,
                kind: crate::arrangement::cycle_id::CycleKind::Cur,
                run: 1,
            });
            (book.business_date, freeze(context, &to_freeze, cycle)?)
        }
        (None, None) => return Err(ComputeError::new("this house has not submitted its positions")),
    };
    let markets = {
        let catalog = context.catalog.read();
        Pair::from_fn(|leg| catalog.market_manifest(leg, business_date).cloned())
    };
    let is_here =
        |manifest: &MarketManifest| manifest.items.iter().all(|item| context.blobs.has(&item.digest).unwrap_or(false));
    Ok(StandAloneJob {
        business_date,
        leg: us,
        manifest,
        markets: markets.map(|manifest| manifest.filter(is_here)),
        registry,
    })
}

/// The book as it would be frozen now. Nobody signs it.
fn freeze(context: &Context, to_freeze: &ToFreeze, cycle: CycleId) -> Result<PositionManifest, ComputeError> {
    let chunks = context.freeze(to_freeze)?.chunks;
    let book = &to_freeze.book;
    Ok(PositionManifest {
        cycle,
        revision: 1,
        as_of: book.as_of,
        book_version: book.version,
        account_count: chunks.iter().map(|chunk| u64::from(chunk.account_count)).sum(),
        position_count: chunks.iter().map(|chunk| chunk.position_count).sum(),
        chunks,
    })
}
