//! Work that the rules ask for and that takes time: each piece runs beside the loop and reports back to it.

use std::{sync::Arc, time::Duration};

use prost::Message;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::{context::Context, freezing::ToFreeze, heads::LostWord, input::Input, snapshot, trees};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::{ChunkRef, Claim, Evidence, MarketManifest, PositionManifest},
        fact::{Event, Inputs, Outcome},
        leg::{Leg, Pair},
        matching::{self, NamedClaim},
        walk::{Progress, Walk},
    },
    compute::{ComputeError, Computed, StandAloneJob},
    peer::link::FetchError,
    telemetry,
};

/// Between attempts at something that needs the other house.
const PAUSE_SHORTEST: Duration = Duration::from_millis(20);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// Starts work.
pub(crate) struct Workshop {
    context: Arc<Context>,
    internal: mpsc::UnboundedSender<Input>,
}

impl Workshop {
    pub(crate) fn new(context: Arc<Context>, internal: mpsc::UnboundedSender<Input>) -> Self {
        Self { context, internal }
    }

    /// Freezes the newest book of the cycle's business date with the directions that were recorded before its opening.
    pub(crate) fn freeze(&self, cycle: CycleId, revision: u64) {
        let context = Arc::clone(&self.context);
        let started = context.clock.now();
        self.report(cycle, "freeze", async move {
            let of_cycle = {
                let context = Arc::clone(&context);
                move || to_freeze(&context, cycle).map(Arc::new)
            };
            let Some(to_freeze) = step_of(&context, cycle, "freeze", of_cycle).await? else {
                return Some(note(cycle, "freeze", "the book of this date is no longer in memory: submit it again"));
            };
            let book_version = to_freeze.book.version;
            loop {
                let freezing = {
                    let (context, to_freeze) = (Arc::clone(&context), Arc::clone(&to_freeze));
                    move || frozen(&context, &to_freeze)
                };
                let error = match step_of(&context, cycle, "freeze", freezing).await? {
                    Ok((chunks, exclusions)) => {
                        return Some(Input::Frozen { cycle, revision, book_version, chunks, exclusions, started });
                    }
                    Err(error) => error,
                };
                tracing::error!(%cycle, %error, "the frozen book cannot be stored; it is tried again");
                tokio::select! {
                    biased;
                    () = context.stop.cancelled() => return Some(note(cycle, "freeze", error.to_string())),
                    () = tokio::time::sleep(PAUSE_LONGEST) => {}
                }
            }
        });
    }

    /// Fetches what a manifest of the other house names, until it is all here.
    pub(crate) fn fetch(&self, digest: Digest) {
        let context = Arc::clone(&self.context);
        let internal = self.internal.clone();
        let peer = context.us.other();
        let named = match context.catalog.read().by_digest(peer, digest).map(|held| &held.evidence) {
            Some(Evidence::PositionManifest(manifest)) => {
                (Some((manifest.cycle, manifest.as_of)), manifest.chunks.iter().map(|chunk| chunk.digest).collect())
            }
            Some(Evidence::MarketManifest(manifest)) => (None, manifest.items.iter().map(|i| i.digest).collect()),
            _ => (None, Vec::<Digest>::new()),
        };
        let (frozen, digests) = named;
        let span = cycle_span(frozen.map(|(cycle, _)| cycle), &self.context, "fetch");
        self.spawn(
            async move {
                if let Some((cycle, as_of)) = frozen
                    && !is_close(&context, cycle, as_of)
                {
                    let text = "the other house froze its book too far from this house's instant";
                    tracing::error!(%cycle, %as_of, "ALARM: {text}");
                    drop(internal.send(note(cycle, "fetch", text)));
                    return;
                }
                let mut pause = PAUSE_SHORTEST;
                while let Err(error) = context.peer.fetch(&digests, &context.blobs).await {
                    if matches!(error, FetchError::Tampered(_)) {
                        tracing::error!(%error, "ALARM: tampered content");
                    }
                    if let Some((cycle, _)) = frozen {
                        drop(internal.send(note(cycle, "fetch", error.to_string())));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_LONGEST);
                }
                if let Some((cycle, _)) = frozen {
                    drop(internal.send(note(cycle, "fetch", "")));
                }
                drop(internal.send(Input::Event(Event::Held(digest))));
            }
            .instrument(span),
        );
    }

    /// Computes the margins of a round.
    pub(crate) fn compute(&self, cycle: CycleId, round: Round, inputs: Inputs) {
        let context = Arc::clone(&self.context);
        let started = context.clock.now();
        let job = context.job(cycle, inputs);
        self.blocking(cycle, "compute", move || match job.and_then(|job| context.computer.joint(&job)) {
            Ok(computed) => Input::Computed { cycle, round, computed: Arc::new(computed), started },
            Err(error) => {
                Input::NotComputable { event: Event::NotComputable { cycle, inputs }, reason: error.to_string() }
            }
        });
    }

    /// Keeps the tree of what was computed, for the other house to read.
    pub(crate) fn keep_tree(&self, computed: &Computed) {
        self.context.trees.write().keep(computed.leaves_digest, Arc::clone(&computed.tree));
    }

    /// Computes this house's own stand-alone margins for a cycle that falls back without a claim.
    pub(crate) fn compute_stand_alone(&self, cycle: CycleId, outcome: Outcome) {
        let context = Arc::clone(&self.context);
        self.blocking(cycle, "stand-alone", move || {
            let leaves = stand_alone_job(&context, cycle).and_then(|job| context.computer.stand_alone(&job));
            let leaves = leaves.map_err(|error| {
                tracing::error!(%cycle, %error, "stand-alone margins cannot be computed");
            });
            Input::StandAlone { cycle, outcome, leaves: leaves.ok() }
        });
    }

    /// Matches the two claims of a round, reading what differs from the other house.
    pub(crate) fn match_claims(&self, cycle: CycleId, round: Round, claims: Pair<Digest>) {
        let context = Arc::clone(&self.context);
        let internal = self.internal.clone();
        let started = context.clock.now();
        let span = cycle_span(Some(cycle), &self.context, "match");
        self.spawn(
            async move {
                let mut pause = PAUSE_SHORTEST;
                let input = loop {
                    match try_match(&context, claims).await {
                        Ok((statement, breaks)) => {
                            break Input::Matched { statement: Box::new(statement), breaks, started };
                        }
                        Err(MatchError::Unreadable(reason)) => {
                            drop(internal.send(note(cycle, "match", reason)));
                            tokio::time::sleep(pause).await;
                            pause = (pause * 2).min(PAUSE_LONGEST);
                        }
                        Err(MatchError::Untrue(reason)) => {
                            tracing::error!(%cycle, %round, %reason, "ALARM: the other house's claim does not stand up");
                            drop(internal.send(note(cycle, "match", reason)));
                            break Input::Event(Event::NotMatchable { cycle, round });
                        }
                    }
                };
                drop(internal.send(input));
            }
            .instrument(span),
        );
    }

    /// Takes a snapshot of the state, so that the next start need not read all.
    pub(crate) fn take_snapshot(&self) {
        let context = Arc::clone(&self.context);
        self.spawn(async move {
            if let Err(error) = snapshot::take(&*context.ledger).await {
                tracing::warn!(%error, "no snapshot of the state; the next start reads more of the ledger");
            }
        });
    }

    /// Has the ledger's guard hold a word of this house that the ledger does not have.
    pub(crate) fn give_guard(&self, lost: Box<LostWord>) {
        let context = Arc::clone(&self.context);
        let internal = self.internal.clone();
        self.spawn(async move {
            let result = context.ledger.hold_to(lost.word.clone()).await;
            drop(internal.send(Input::GuardGiven { lost, result }));
        });
    }

    /// Tells the rules when the guard and the cut-off of a cycle have come.
    pub(crate) fn set_deadline(&self, cycle: CycleId) {
        let context = Arc::clone(&self.context);
        let internal = self.internal.clone();
        let cut_off = context.catalog.read().cycles.get(&cycle).and_then(|view| view.cut_off);
        let Some(cut_off) = cut_off else { return };
        let guard = context.arrangement.last_signing(cut_off);
        self.spawn(async move {
            context.clock.sleep_until(guard).await;
            drop(internal.send(Input::Event(Event::GuardReached(cycle))));
            context.clock.sleep_until(cut_off).await;
            drop(internal.send(Input::Event(Event::CutOffReached(cycle))));
        });
    }

    /// Whether no statement may be signed for the cycle any more, by this house's clock.
    pub(crate) fn guard_is_reached(&self, cycle: CycleId) -> bool {
        let cut_off = self.context.catalog.read().cycles.get(&cycle).and_then(|view| view.cut_off);
        cut_off.is_none_or(|cut_off| self.context.clock.now() >= self.context.arrangement.last_signing(cut_off))
    }

    /// Whether an agreement of the cycle still changes a charge, by this house's clock.
    pub(crate) fn is_before_settlement(&self, cycle: CycleId) -> bool {
        let settlement = self.context.arrangement.settlement_of(cycle);
        settlement.is_some_and(|settlement| self.context.clock.now() < settlement)
    }

    fn blocking(&self, cycle: CycleId, step: &'static str, work: impl FnOnce() -> Input + Send + 'static) {
        let context = Arc::clone(&self.context);
        self.report(cycle, step, async move { step_of(&context, cycle, step, work).await });
    }

    /// Reports the outcome of a step of a cycle to the loop. A step that has begun is done before the node has stopped.
    fn report(
        &self,
        cycle: CycleId,
        step: &'static str,
        outcome: impl Future<Output = Option<Input>> + Send + 'static,
    ) {
        let internal = self.internal.clone();
        let span = cycle_span(Some(cycle), &self.context, step);
        let reported = async move {
            if let Some(input) = outcome.await {
                drop(internal.send(input));
            }
        };
        self.context.tasks.spawn(reported.instrument(span));
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.context.stop.clone();
        let work = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        };
        self.context.tasks.spawn(work.in_current_span());
    }
}

/// Does a piece of work for a cycle. None when it panicked: the rules wait for the outcome, and without one the cycle would
/// stand still and nobody would know, so the node stops.
async fn step_of<T: Send + 'static>(
    context: &Context,
    cycle: CycleId,
    step: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let done = context.executor.run(work).await.ok();
    if done.is_none() {
        tracing::error!(%cycle, step, "ALARM: a step of the cycle panicked; the node stops");
        context.stop.cancel();
    }
    done
}

enum MatchError {
    /// The other house cannot be read now.
    Unreadable(String),
    /// What it shows is not what it signed.
    Untrue(String),
}

async fn try_match(
    context: &Arc<Context>,
    claims: Pair<Digest>,
) -> Result<(crate::arrangement::evidence::Statement, Digest), MatchError> {
    let us = context.us;
    let (ours, theirs) = (claims[us], claims[us.other()]);
    let tree = {
        let context = Arc::clone(context);
        let executor = context.executor.clone();
        let tree = executor.run(move || trees::of_claim(&context, ours)).await;
        let tree = tree.map_err(|error| MatchError::Unreadable(error.to_string()))?;
        tree.map_err(|error| MatchError::Unreadable(error.to_string()))?
    };
    let (own_claim, peer_claim) = match (claim_of(context, us, ours), claim_of(context, us.other(), theirs)) {
        (Some(own), Some(peer)) => (own, peer),
        _ => return Err(MatchError::Unreadable("a claim is not here".to_owned())),
    };
    let mut walk = Walk::new(Arc::clone(&tree), peer_claim.root, peer_claim.link_count);
    let differences = loop {
        let wanted = walk.wants();
        let nodes = if wanted.is_empty() {
            Vec::new()
        } else {
            let nodes = context.peer.read_nodes(theirs, wanted).await;
            nodes.map_err(|status| MatchError::Unreadable(format!("{}: {}", status.code(), status.message())))?
        };
        match walk.feed(nodes).map_err(|error| MatchError::Untrue(error.to_string()))? {
            Progress::Walking => {}
            Progress::Done(differences) => break differences,
        }
    };
    let executor = context.executor.clone();
    let context = Arc::clone(context);
    let matched = move || {
        let named = Pair::from_fn(|leg| NamedClaim {
            digest: claims[leg],
            claim: if leg == us { &own_claim } else { &peer_claim },
        });
        let grants = context.arrangement.advance_grants();
        let matched = matching::match_claims(&context.parties, &grants, &named, us, &tree, &differences);
        let matched = matched.map_err(|error| MatchError::Untrue(error.to_string()))?;
        let breaks = context.blobs.put(&matched.breaks_payload);
        let breaks = breaks.map_err(|error| MatchError::Unreadable(error.to_string()))?;
        Ok((matched.statement, breaks))
    };
    executor.run(matched).await.map_err(|error| MatchError::Unreadable(error.to_string()))?
}

fn claim_of(context: &Context, by: Leg, digest: Digest) -> Option<Claim> {
    match &context.catalog.read().by_digest(by, digest)?.evidence {
        Evidence::Claim(claim) => Some(claim.clone()),
        _ => None,
    }
}

/// Chunks of a frozen book, and what is left out of it where there is something; all of it stored.
fn frozen(context: &Context, to_freeze: &ToFreeze) -> Result<(Vec<ChunkRef>, Option<Digest>), ComputeError> {
    let frozen = context.freeze(to_freeze)?;
    let excluded = &frozen.exclusions;
    let stored = (!excluded.exclusions.is_empty()).then(|| context.blobs.put(&excluded.encode_to_vec().into()));
    Ok((frozen.chunks, stored.transpose().map_err(ComputeError::new)?))
}

/// The book of a cycle with the directions that count in it.
fn to_freeze(context: &Context, cycle: CycleId) -> Option<ToFreeze> {
    let catalog = context.catalog.read();
    let book = Arc::clone(catalog.book_of(cycle.business_date)?);
    let through = catalog.cycles.get(&cycle).map_or(0, |view| view.directions_through);
    let directed = catalog.directions.over(&book, through);
    Some(ToFreeze { book, directed, registry: Arc::clone(&catalog.registry) })
}

/// What this house's stand-alone margins can be computed from: its own frozen book and market data, and the newest
/// market data of the other house that is here.
fn stand_alone_job(context: &Context, cycle: CycleId) -> Result<StandAloneJob, ComputeError> {
    let catalog = context.catalog.read();
    let us = context.us;
    let manifest: PositionManifest = catalog
        .newest_manifest(us, cycle)
        .cloned()
        .ok_or_else(|| ComputeError::new("no book of the business date was submitted"))?;
    let market = |leg: Leg| -> Option<MarketManifest> { catalog.market_manifest(leg, cycle.business_date).cloned() };
    let held =
        |manifest: &MarketManifest| manifest.items.iter().all(|item| context.blobs.has(&item.digest).unwrap_or(false));
    Ok(StandAloneJob {
        business_date: cycle.business_date,
        leg: us,
        manifest,
        markets: Pair::from_fn(|leg| market(leg).filter(held)),
        registry: Arc::clone(&catalog.registry),
    })
}

/// Whether the other house froze its book close enough to this house's instant.
fn is_close(context: &Context, cycle: CycleId, as_of: jiff::Timestamp) -> bool {
    let own = context.catalog.read().cycles.get(&cycle).and_then(|view| view.as_of);
    own.is_none_or(|own| context.arrangement.is_within_tolerance(own, as_of))
}

/// A span in the trace of a cycle, which has the same id at both houses.
fn cycle_span(cycle: Option<CycleId>, context: &Context, step: &'static str) -> tracing::Span {
    let span = tracing::info_span!("cycle step", step, cycle = tracing::field::Empty);
    telemetry::name_node(&span, &context.parties, context.us);
    if let Some(cycle) = cycle {
        span.record("cycle", tracing::field::display(cycle));
        telemetry::join_cycle(&span, &format!("{}/{cycle}", context.parties.arrangement));
    }
    span
}

fn note(cycle: CycleId, topic: &'static str, text: impl Into<String>) -> Input {
    Input::Note { cycle, topic, text: text.into() }
}
