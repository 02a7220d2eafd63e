//! What portfolios that are tried are valued from: a market, the instruments in it, and a frozen book.
//!
//! Rounds come first. What they prepared is taken where it holds what is asked for; what it lacks is valued beside it and
//! kept apart, one market and one set of instruments at a time, so that nothing that is tried grows or replaces it.
//!
//! What is ready answers sooner. So whoever may not see what others hold is lent only the instruments that it holds itself:
//! for everything else it waits as long as if nobody held it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::civil::Date;
use risk::instrument::Instrument;

use super::{
    ComputeError, Computer, Situation, Valued,
    positions::{self, FrozenBook},
    prepared::{Key, Prepared},
    valuation::Known,
};
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{MarketManifest, PositionManifest},
        leg::Pair,
        name::AccountId,
    },
    book::Holding,
};

/// What calls made ready that tried something, kept for the next one.
#[derive(Default)]
pub(super) struct Kept {
    /// The market that was asked for last and that no round had prepared.
    situation: Mutex<Option<(Key, Arc<Situation>)>>,
    /// The instruments that were asked for last and that no round had prepared.
    valued: Mutex<Option<(Key, Arc<Valued>)>>,
    /// The frozen book that was read last, by its chunks.
    book: Mutex<Option<(Vec<Digest>, Arc<FrozenBook>)>>,
}

/// Which instruments a caller is lent where they are valued already.
#[derive(Clone, Debug)]
pub(crate) enum Lent {
    /// Every instrument: the caller sees every account.
    Every,
    /// Those of the caller's own positions; how fast the rest is answered must not tell whether somebody holds it.
    Of(BTreeSet<Instrument>),
}

impl Lent {
    fn includes(&self, instrument: &Instrument) -> bool {
        match self {
            Self::Every => true,
            Self::Of(held) => held.contains(instrument),
        }
    }
}

/// A market in which portfolios are tried.
pub(crate) struct TrialMarket {
    key: Key,
    situation: Arc<Situation>,
    prepared: Option<Arc<Prepared>>,
}

impl TrialMarket {
    /// What instruments are valued from.
    pub(crate) fn situation(&self) -> &Situation {
        &self.situation
    }

    /// Whether a round has valued the instrument in this market and the caller may be told so.
    pub(crate) fn lends(&self, instrument: &Instrument, lent: &Lent) -> bool {
        lent.includes(instrument) && self.prepared.as_ref().is_some_and(|prepared| prepared.row(instrument).is_some())
    }
}

impl Computer {
    /// The market of manifests on a business date.
    ///
    /// # Errors
    /// Content that is not in the store, or that does not fit together.
    pub(crate) fn trial_market(
        &self,
        business_date: Date,
        markets: Pair<&MarketManifest>,
    ) -> Result<TrialMarket, ComputeError> {
        let markets = markets.map(Some);
        let prepared = lock(&self.last).clone().filter(|last| last.key.is_of(business_date, markets));
        if let Some(prepared) = prepared {
            let (key, situation) = (prepared.key.clone(), prepared.shared_situation());
            return Ok(TrialMarket { key, situation, prepared: Some(prepared) });
        }
        let kept = lock(&self.kept.situation).clone();
        if let Some((key, situation)) = kept.filter(|(key, _)| key.is_of(business_date, markets)) {
            return Ok(TrialMarket { key, situation, prepared: None });
        }
        let key = Key::new(business_date, markets, self.models(business_date));
        let assembled = self.items(markets)?.assemble(business_date).map_err(ComputeError::new)?;
        let situation = Arc::new(self.situation(Arc::new(assembled), business_date)?);
        *lock(&self.kept.situation) = Some((key.clone(), Arc::clone(&situation)));
        Ok(TrialMarket { key, situation, prepared: None })
    }

    /// Whether the market of manifests is ready or its content is in the store.
    pub(crate) fn has_market(&self, business_date: Date, markets: Pair<&MarketManifest>) -> bool {
        let named = markets.map(Some);
        let is_ready = lock(&self.last).as_ref().is_some_and(|last| last.key.is_of(business_date, named))
            || lock(&self.kept.situation).as_ref().is_some_and(|(key, _)| key.is_of(business_date, named));
        is_ready
            || markets
                .iter()
                .all(|(_, market)| market.items.iter().all(|item| self.blobs.has(&item.digest).unwrap_or(false)))
    }

    /// Instruments in a market, valued: at least those that are asked for.
    ///
    /// # Errors
    /// The first that cannot be valued.
    pub(crate) fn trial_values(
        &self,
        market: &TrialMarket,
        instruments: &[Instrument],
        lent: &Lent,
    ) -> Result<Arc<Valued>, ComputeError> {
        let ready = self.ready(market, lent);
        let is_lent = instruments.iter().all(|instrument| lent.includes(instrument));
        if let Some(valued) = ready.iter().find(|valued| is_lent && valued.covers(instruments)) {
            return Ok(Arc::clone(valued));
        }
        let valued = Arc::new(market.situation.value_with(instruments, known(&ready, instruments, lent))?);
        if matches!(lent, Lent::Every) {
            *lock(&self.kept.valued) = Some((market.key.clone(), Arc::clone(&valued)));
        }
        Ok(valued)
    }

    /// What is valued already in a market, that of rounds first. What another call had valued is nothing for a caller that
    /// may not see what others try.
    pub(super) fn ready(&self, market: &TrialMarket, lent: &Lent) -> Vec<Arc<Valued>> {
        let prepared = market.prepared.as_ref().map(|prepared| prepared.shared_values());
        let kept = matches!(lent, Lent::Every).then(|| lock(&self.kept.valued).clone()).flatten();
        let kept = kept.filter(|(key, _)| *key == market.key).map(|(_, valued)| valued);
        prepared.into_iter().chain(kept).collect()
    }

    /// The positions of an account in a frozen book; `None` where it was frozen without the account.
    ///
    /// # Errors
    /// A chunk that is not in the store, or damaged.
    pub(crate) fn frozen_holdings(
        &self,
        manifest: &PositionManifest,
        account: &AccountId,
    ) -> Result<Option<Arc<[Holding]>>, ComputeError> {
        let chunks = || manifest.chunks.iter().map(|chunk| chunk.digest);
        let kept = lock(&self.kept.book).clone().filter(|(known, _)| known.iter().copied().eq(chunks()));
        let book = match kept {
            Some((_, book)) => book,
            None => {
                let book = Arc::new(positions::load(&*self.blobs, manifest)?);
                *lock(&self.kept.book) = Some((chunks().collect(), Arc::clone(&book)));
                book
            }
        };
        Ok(book.shared_holdings(account))
    }

    /// Whether every chunk of a frozen book is in the store.
    pub(crate) fn has_frozen(&self, manifest: &PositionManifest) -> bool {
        let is_kept = lock(&self.kept.book)
            .as_ref()
            .is_some_and(|(known, _)| known.iter().copied().eq(manifest.chunks.iter().map(|chunk| chunk.digest)));
        is_kept || manifest.chunks.iter().all(|chunk| self.blobs.has(&chunk.digest).unwrap_or(false))
    }
}

/// The rows of instruments that are lent.
pub(super) fn known(ready: &[Arc<Valued>], instruments: &[Instrument], lent: &Lent) -> Known {
    let instruments: Vec<Instrument> = instruments.iter().filter(|one| lent.includes(one)).copied().collect();
    let mut known = Known::new();
    ready.iter().for_each(|valued| valued.lend(&instruments, &mut known));
    known
}

/// Invariant: a panic leaves a whole value behind, each is replaced at once.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
