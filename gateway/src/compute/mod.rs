//! Computing margins from inputs that are named by digest: the edge between the store and `risk`.
//!
//! Positions and market data come out of the blob store; what goes back in is the leaves of a claim. The figures depend
//! on the inputs alone, not on threads or on what was computed before.

mod leaves;
mod link;
mod past;
mod positions;
mod prepared;
mod round;
#[cfg(test)]
mod tests;
mod trial;
mod valuation;

pub(crate) use leaves::figures as leaf_figures;
pub(crate) use link::LinkInputs;
pub(crate) use past::{Past, PastLink};
pub(crate) use prepared::{Prepared, Situation};
pub(crate) use trial::{Lent, TrialMarket};
pub(crate) use valuation::Valued;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use crossmargin::v1::{self, market_item::Item};
use jiff::civil::Date;
use prost::{Message, bytes::Bytes};
use risk::{
    factor::{Factor, FactorBounds},
    margin::ReductionTerms,
    model::{ENGINE_VERSION, Model},
};

use self::positions::Legs;
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{self, MarketManifest, PositionManifest},
        fact, leaf,
        leg::{Leg, Pair},
        name::LinkId,
        registry::Registry,
        terms::Arrangement,
        tree::MarginTree,
    },
    blobs::BlobStore,
    market::Items,
    wire,
};

/// What one round is computed from.
#[derive(Clone, Debug)]
pub struct Job {
    /// The business date.
    pub business_date: Date,
    /// The versions that the claim will name.
    pub inputs: fact::Inputs,
    /// Both frozen books.
    pub manifests: Pair<PositionManifest>,
    /// Both houses' market data.
    pub markets: Pair<MarketManifest>,
    /// The links.
    pub registry: Arc<Registry>,
}

/// What one house's stand-alone margins are computed from.
#[derive(Clone, Debug)]
pub struct StandAloneJob {
    /// The business date.
    pub business_date: Date,
    /// The house's leg.
    pub leg: Leg,
    /// Its frozen book.
    pub manifest: PositionManifest,
    /// Its own market data, and the newest that it holds of the other house.
    pub markets: Pair<Option<MarketManifest>>,
    /// The links.
    pub registry: Arc<Registry>,
}

/// The margins of a round.
#[derive(Debug)]
pub struct Computed {
    /// The versions that they were computed from.
    pub inputs: fact::Inputs,
    /// The same with the digests of what they contain, as the claim names them.
    pub named_inputs: evidence::Inputs,
    /// The leaves.
    pub tree: Arc<MarginTree>,
    /// Digest of the stored leaves.
    pub leaves_digest: Digest,
    /// Number of leaves.
    pub link_count: u64,
    /// How long each step took, in microseconds.
    pub steps: Vec<(&'static str, u64)>,
}

/// Why margins cannot be computed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ComputeError(String);

/// Remarks on missing prices that one line of the log names; all are counted.
const REMARKS_TOLD: usize = 20;

/// Computes margins under one arrangement.
pub struct Computer {
    arrangement: Arc<Arrangement>,
    blobs: Arc<dyn BlobStore>,
    /// What was last prepared: rounds of a day share the market and the instruments.
    last: Mutex<Option<Arc<Prepared>>>,
    /// What portfolios that are tried need beside it.
    kept: trial::Kept,
}

impl ComputeError {
    pub(crate) fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl Computer {
    /// A computer of the arrangement's margins from inputs in `blobs`.
    #[must_use]
    pub fn new(arrangement: Arc<Arrangement>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { arrangement, blobs, last: Mutex::new(None), kept: trial::Kept::default() }
    }

    /// Both houses' models in force on a business date.
    #[must_use]
    pub fn models(&self, business_date: Date) -> [&Model; 2] {
        let models = &self.arrangement.models;
        [models.treasury.in_force(business_date), models.futures.in_force(business_date)]
    }

    /// The margins of a round: both models, each leg alone and both together, for every link that takes part. The leaves are
    /// durable when it returns.
    ///
    /// # Errors
    /// What is missing or cannot be valued.
    pub fn joint(&self, job: &Job) -> Result<Computed, ComputeError> {
        let mut clock = Steps::default();
        let books = positions::load_both(&*self.blobs, &job.manifests)?;
        let links = positions::links(&job.registry, &books, job.business_date);
        clock.done("load");
        let markets = job.markets.as_ref().map(Some);
        let prepared = self.prepare(job.business_date, markets, &positions::dictionary(&links))?;
        clock.done("reprice");
        let digests = positions::digests(&prepared, &links);
        clock.done("digest");
        let margins = leaves::margins(prepared.valued(), &links, &self.terms())?;
        clock.done("margin");
        let leaves = leaves::encode(&links, &digests, &margins)?;
        let (tree, leaves_digest) = self.store(leaves)?;
        clock.done("leaves");
        let named_inputs = evidence::Inputs {
            manifests: job.inputs.manifests,
            market: job.inputs.markets,
            registry_sequences: job.inputs.registry,
            positions: positions::digest_of_all(&links, &digests),
            prices: prepared.prices,
            scenarios: prepared.scenarios,
            parameters: self.parameters(job.business_date),
            registry: job.registry.digest(),
            engine: ENGINE_VERSION.to_owned(),
        };
        let link_count = links.len() as u64;
        Ok(Computed {
            inputs: job.inputs,
            named_inputs,
            tree: Arc::new(tree),
            leaves_digest,
            link_count,
            steps: clock.0,
        })
    }

    /// The stand-alone margins of one house's leg of every link in force, as leaves in which only that leg's figures
    /// are filled in. The leaves are durable when it returns.
    ///
    /// # Errors
    /// What is missing or cannot be valued.
    pub fn stand_alone(&self, job: &StandAloneJob) -> Result<Digest, ComputeError> {
        let book = positions::load(&*self.blobs, &job.manifest)?;
        let links: Vec<Legs<'_>> = job
            .registry
            .links_on(job.business_date)
            .filter_map(|(terms, mode)| {
                let own = book.holdings(&terms.accounts[job.leg])?;
                let holdings = Pair::from_fn(|leg| if leg == job.leg { own } else { &[] });
                let cap = leaf::override_factor(job.registry.cap_bp(terms, job.business_date));
                Some(Legs { terms, mode, holdings, cap })
            })
            .collect();
        let dictionary = positions::dictionary(&links);
        let markets = job.markets.as_ref().map(Option::as_ref);
        // What the other house sent may be wrong: then this house's own market data has to do, where it can.
        let prepared = self.prepare(job.business_date, markets, &dictionary).or_else(|error| {
            let own = Pair::from_fn(|leg| if leg == job.leg { markets[leg] } else { None });
            tracing::warn!(%error, "stand-alone margins from this house's own market data alone");
            self.prepare(job.business_date, own, &dictionary).map_err(|_| error)
        })?;
        let digests = positions::digests(&prepared, &links);
        let margins = leaves::margins(prepared.valued(), &links, &self.terms())?;
        let leaves = leaves::encode(&links, &digests, &margins)?;
        self.store(leaves).map(|(_, digest)| digest)
    }

    /// Reads the leaves of a claim again.
    ///
    /// # Errors
    /// When they are not in the store, or damaged.
    pub fn read_leaves(&self, digest: Digest) -> Result<Vec<Bytes>, ComputeError> {
        let bytes = self.blob(digest)?;
        Ok(wire::decode::<v1::MarginLeaves>(bytes).map_err(ComputeError::new)?.leaves)
    }

    /// Builds the tree over leaves again.
    ///
    /// # Errors
    /// When a leaf cannot be read.
    pub fn tree_of(leaves: Vec<Bytes>) -> Result<MarginTree, ComputeError> {
        let keyed = leaves.into_iter().map(|bytes| {
            let leaf = v1::MarginLeaf::decode(bytes.clone()).map_err(ComputeError::new)?;
            Ok((leaf.link_id.parse::<LinkId>().map_err(ComputeError::new)?, bytes))
        });
        MarginTree::build(keyed.collect::<Result<Vec<_>, ComputeError>>()?).map_err(ComputeError::new)
    }

    /// Digest of the arrangement's parameters and of both models in force on a business date.
    #[must_use]
    pub fn parameters(&self, business_date: Date) -> Digest {
        let [treasury, futures] = self.models(business_date).map(Model::digest);
        let arrangement = self.arrangement.digest();
        Digest::of_parts("crossmargin 2026 parameters of a claim", [arrangement.as_bytes(), &treasury, &futures])
    }

    /// The market items behind manifests.
    ///
    /// # Errors
    /// When one is not in the store, or damaged.
    pub fn items(&self, manifests: Pair<Option<&MarketManifest>>) -> Result<Items, ComputeError> {
        let mut items = Items::default();
        let references = manifests.iter().flat_map(|(_, manifest)| manifest.iter().flat_map(|m| &m.items));
        for reference in references.collect::<Vec<_>>() {
            if let Some(item) = self.item(reference.digest)? {
                items.insert(item);
            }
        }
        Ok(items)
    }

    fn item(&self, digest: Digest) -> Result<Option<Item>, ComputeError> {
        let bytes = self.blob(digest)?;
        Ok(wire::decode::<v1::MarketItem>(bytes).map_err(ComputeError::new)?.item)
    }

    fn prepare(
        &self,
        business_date: Date,
        markets: Pair<Option<&MarketManifest>>,
        dictionary: &[risk::instrument::Instrument],
    ) -> Result<Arc<Prepared>, ComputeError> {
        let models = self.models(business_date);
        let key = prepared::Key::new(business_date, markets, models);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = &last
            && last.key == key
            && last.covers(dictionary)
        {
            return Ok(Arc::clone(last));
        }
        let reusable = last.as_deref().filter(|last| last.key == key);
        let prepared = Arc::new(match reusable {
            Some(last) => last.extended(dictionary)?,
            None => Prepared::new(models, key, &self.items(markets)?, markets, dictionary)?,
        });
        let remarks: Vec<String> = prepared.valued().remarks().collect();
        if !remarks.is_empty() {
            let told = remarks.iter().take(REMARKS_TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
            tracing::warn!(%business_date, count = remarks.len(), "some prices are missing: {told}");
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&prepared));
        Ok(prepared)
    }

    fn store(&self, leaves: Vec<(LinkId, Bytes)>) -> Result<(MarginTree, Digest), ComputeError> {
        let tree = MarginTree::build(leaves).map_err(ComputeError::new)?;
        let set = v1::MarginLeaves { leaves: tree.leaves().iter().map(|leaf| leaf.bytes.clone()).collect() };
        let digest = self.blobs.put(&set.encode_to_vec().into()).map_err(ComputeError::new)?;
        Ok((tree, digest))
    }

    fn blob(&self, digest: Digest) -> Result<Bytes, ComputeError> {
        let missing = || ComputeError(format!("content {digest} is not in the store"));
        self.blobs.get(&digest).map_err(ComputeError::new)?.ok_or_else(missing)
    }

    fn terms(&self) -> ReductionTerms {
        let bounds = &self.arrangement.bounds;
        // Invariant: a checked arrangement's bounds are basis points of the whole.
        let factor = |bp: u32| u16::try_from(bp).ok().and_then(|bp| Factor::from_basis_points(bp).ok());
        ReductionTerms {
            bounds: FactorBounds {
                largest: factor(bounds.max_bp).unwrap_or(Factor::ZERO),
                smallest: factor(bounds.min_bp).unwrap_or(Factor::ONE),
            },
            floor_at_combined: bounds.closes_shortfall,
        }
    }
}

/// How long each step took.
#[derive(Debug)]
struct Steps(Vec<(&'static str, u64)>, Instant);

impl Default for Steps {
    fn default() -> Self {
        Self(Vec::new(), Instant::now())
    }
}

impl Steps {
    fn done(&mut self, step: &'static str) {
        let now = Instant::now();
        let micros = now.duration_since(self.1).as_micros();
        self.0.push((step, u64::try_from(micros).unwrap_or(u64::MAX)));
        self.1 = now;
    }
}
