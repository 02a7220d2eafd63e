//! The content behind what is taken up: fetched from the other house, and leaves of claims computed anew.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use prost::Message;
use risk::model::ENGINE_VERSION;

use super::{
    RecoverError,
    order::Step,
    story::{Story, fall_back},
};
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{End, Evidence},
        leg::{Leg, Pair},
        terms::Arrangement,
    },
    audit::recompute::Recomputer,
    blobs::BlobStore,
    compute::{Computer, StandAloneJob},
    node::entry::Held,
    peer::link::Link,
};

/// What this house keeps beside a piece of evidence, to be made again.
pub(super) enum Beside {
    /// Nothing.
    Nothing,
    /// The leaves of its claim.
    Leaves,
    /// The stand-alone leaves of a cycle that fell back without a claim.
    StandAlone(Box<StandAloneJob>),
    /// The breaks of its statement.
    Breaks,
}

/// What belongs beside evidence that is taken up into a story.
pub(super) fn beside(story: &Story, held: &Held) -> Beside {
    if held.by != story.us {
        return Beside::Nothing;
    }
    match &held.evidence {
        Evidence::Claim(_) => Beside::Leaves,
        Evidence::Statement(_) => Beside::Breaks,
        Evidence::Outcome(_) => {
            stand_alone(story, held).map_or(Beside::Nothing, |job| Beside::StandAlone(Box::new(job)))
        }
        _ => Beside::Nothing,
    }
}

/// What the stand-alone leaves of a fall-back without a claim were computed from.
fn stand_alone(story: &Story, held: &Held) -> Option<StandAloneJob> {
    let (us, cycle) = (story.us, fall_back(held)?);
    let record = story.machine.on_record().cycle(cycle);
    if record.is_some_and(|record| record.claimed_round(us).is_some()) {
        return None;
    }
    let date = cycle.business_date;
    Some(StandAloneJob {
        business_date: date,
        leg: us,
        manifest: story.history.manifest(us, cycle)?.clone(),
        markets: Pair::from_fn(|leg| story.history.market(leg, date).cloned()),
        registry: Arc::new(story.history.registry_now().clone()),
    })
}

/// Something that is named together: what it is, for a reader, and its digests.
pub(super) struct Named {
    pub(super) what: String,
    pub(super) digests: Vec<Digest>,
}

/// All content that this house's own manifests name, and all that what is taken up needs: the other house's positions and
/// market data behind this house's claims, and breaks.
pub(super) fn wanted<'a>(story: &Story, steps: impl Iterator<Item = &'a Step>) -> Vec<Named> {
    let us = story.us;
    let words = &story.history.by_digest;
    let mut needed: BTreeSet<(Leg, Digest)> =
        words.iter().filter(|((by, _), _)| *by == us).map(|(key, _)| *key).collect();
    let mut wanted = Vec::new();
    for step in steps {
        let Step::Evidence(told) = step else { continue };
        match &told.held.evidence {
            Evidence::Claim(claim) if told.held.by == us => {
                let inputs = Leg::BOTH
                    .into_iter()
                    .flat_map(|leg| [(leg, claim.inputs.manifests[leg]), (leg, claim.inputs.market[leg])]);
                needed.extend(inputs);
            }
            Evidence::Statement(statement) if told.held.by == us && !statement.break_counts.is_empty() => {
                wanted.push(Named {
                    what: format!("the breaks of round {} of {}", statement.round, statement.cycle),
                    digests: vec![statement.breaks],
                });
            }
            _ => {}
        }
    }
    for key in needed {
        let Some(word) = words.get(&key) else { continue };
        let house = &word.held.envelope.house;
        match &word.held.evidence {
            Evidence::MarketManifest(manifest) => wanted.push(Named {
                what: format!("market data of {house} for {}, version {}", manifest.business_date, manifest.version),
                digests: manifest.items.iter().map(|item| item.digest).collect(),
            }),
            Evidence::PositionManifest(manifest) => wanted.push(Named {
                what: format!("positions of {house} in {}, revision {}", manifest.cycle, manifest.revision),
                digests: manifest.chunks.iter().map(|chunk| chunk.digest).collect(),
            }),
            _ => {}
        }
    }
    wanted
}

/// Fetches what is missing. What the other house does not have either is named.
///
/// # Errors
/// The other house or the store does not answer now: what is named as missing is taken for gone, and this may be there.
pub(super) async fn fetch(
    link: Option<&Link>,
    blobs: &Arc<dyn BlobStore>,
    wanted: Vec<Named>,
) -> Result<Vec<String>, RecoverError> {
    let mut missing = Vec::new();
    for named in wanted {
        let is_here = |digest: &Digest| blobs.has(digest).unwrap_or(false);
        let lacking: Vec<Digest> = named.digests.into_iter().filter(|digest| !is_here(digest)).collect();
        if lacking.is_empty() {
            continue;
        }
        let mut failed = None;
        match link {
            None => failed = Some("an export has no content".to_owned()),
            Some(link) => {
                if link.fetch(&lacking, blobs).await.is_err() {
                    // One that is not there ends the answer: the others may be.
                    for digest in lacking.iter().filter(|digest| !is_here(digest)) {
                        let Err(error) = link.fetch(&[*digest], blobs).await else { continue };
                        if error.is_passing() {
                            return Err(RecoverError::Content { what: named.what, reason: error.to_string() });
                        }
                        failed = Some(error.to_string());
                    }
                }
            }
        }
        if let Some(reason) = failed {
            missing.push(format!("{}: {reason}", named.what));
        }
    }
    Ok(missing)
}

/// Makes what this house keeps beside its evidence again. Content must have been fetched.
pub(super) struct Maker<'a> {
    story: &'a Story,
    computer: &'a Computer,
    blobs: &'a Arc<dyn BlobStore>,
    recomputer: Recomputer<'a>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        story: &'a Story,
        arrangement: &'a Arrangement,
        computer: &'a Computer,
        blobs: &'a Arc<dyn BlobStore>,
    ) -> Self {
        let recomputer = Recomputer::new(computer, &arrangement.programme, &story.history);
        Self { story, computer, blobs, recomputer }
    }

    /// The digest of what is kept beside evidence.
    ///
    /// # Errors
    /// Why it cannot be made again.
    pub(super) fn make(&mut self, held: &Held, beside: &Beside) -> Result<Option<Digest>, String> {
        match (beside, &held.evidence) {
            (Beside::Leaves, Evidence::Claim(claim)) => {
                let what = format!("the leaves of the claim of round {} of {}", claim.round, claim.cycle);
                if claim.inputs.engine != ENGINE_VERSION {
                    let engine = &claim.inputs.engine;
                    return Err(format!("{what}: they need engine {engine:?}, and this is {ENGINE_VERSION:?}"));
                }
                let computed = self.recomputer.compute(claim).map_err(|reason| format!("{what}: {reason}"))?;
                if computed.tree.root() != claim.root {
                    let root = computed.tree.root();
                    return Err(format!("{what}: they give root {root}, but {} was claimed", claim.root));
                }
                Ok(Some(computed.leaves_digest))
            }
            (Beside::StandAlone(job), Evidence::Outcome(outcome)) => {
                let mut job = job.as_ref().clone();
                let is_here = |digest: &Digest| self.blobs.has(digest).unwrap_or(false);
                job.markets = job.markets.map(|manifest| {
                    manifest.filter(|manifest| manifest.items.iter().all(|item| is_here(&item.digest)))
                });
                let leaves = self.computer.stand_alone(&job);
                leaves.map(Some).map_err(|error| format!("the stand-alone margins of {}: {error}", outcome.cycle))
            }
            (Beside::Breaks, Evidence::Statement(statement)) => {
                if statement.break_counts.is_empty() {
                    let none = v1::Breaks::default().encode_to_vec();
                    let stored = self.blobs.put(&none.into());
                    return stored.map(Some).map_err(|error| error.to_string());
                }
                let is_here = self.blobs.has(&statement.breaks).map_err(|error| error.to_string())?;
                // That it is not here is told where it was fetched.
                Ok(is_here.then_some(statement.breaks))
            }
            _ => Ok(None),
        }
    }

    /// Whether a late agreement came before settlement, and so changes a charge from then on.
    pub(super) fn is_prospective(&self, arrangement: &Arrangement, held: &Held, at: jiff::Timestamp) -> bool {
        match &held.evidence {
            Evidence::Outcome(outcome) if held.by == self.story.us => {
                matches!(outcome.end, End::Agreed { .. })
                    && arrangement.settlement_of(outcome.cycle).is_some_and(|settlement| at < settlement)
            }
            _ => false,
        }
    }
}
