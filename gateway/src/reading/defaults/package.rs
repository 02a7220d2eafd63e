//! The package of a member in default, from what this house holds.

use std::sync::Arc;

use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        default_package::{self, LinkParts, Package, Parts, Verified},
        digest::Digest,
        evidence::Evidence,
        fact::{ClaimFact, Fact},
        leg::{Leg, Pair},
        link::LinkTerms,
        name::LinkId,
        registry::{Registry, SuspensionId},
        tree::MarginTree,
    },
    book::columns,
    compute::ComputeError,
    identity::name::HouseId,
    node::{catalog::Catalog, context::Context, trees},
    problem::Problems,
};

use super::{DefaultError, member_in_default};
use crate::reading::{ReadError, Reader, requirements::breaks_digest};

/// The last agreed round before a suspension.
struct LastAgreed {
    cycle: CycleId,
    round: Round,
    /// Payload digest of the statement.
    content: Digest,
    /// The claim of this house.
    claim: ClaimFact,
    /// The breaks of the round.
    breaks: Option<Digest>,
}

impl Reader {
    /// Makes the package of a suspension from what both houses last agreed before it, verifies it like anybody else, and keeps
    /// it in the store. Equal records at both houses make equal packages.
    ///
    /// # Errors
    /// What is missing, or cannot be read.
    pub(crate) fn make_package(&self, suspension: SuspensionId) -> Result<Package, DefaultError> {
        let context = &self.context;
        let registry = Arc::clone(&context.catalog.read().registry);
        let member = member_in_default(&registry, suspension)?.clone();
        let house = &context.parties.houses[suspension.by];
        let last = last_agreed(&context.catalog.read(), context.us, suspension).ok_or_else(|| {
            let why = format!(
                "this house agreed on no charging cycle that both houses claimed by the log of {house} before its entry {}: \
                 there are no agreed figures to work from",
                suspension.sequence
            );
            Problems::one("cycle", why)
        })?;
        let agreed = self.agreed_tree(&last)?;
        let terms = terms_of(&registry, &agreed, &last, |terms| terms.member == member);
        if terms.is_empty() {
            let LastAgreed { cycle, round, .. } = last;
            let why =
                format!("cycle {cycle}, round {round}, the last one agreed before, has no agreed link of {member}");
            return Err(Problems::one("links", why).into());
        }
        let job = context.job(last.cycle, last.claim.inputs).map_err(unreadable)?;
        let links = terms.into_iter().map(|terms| {
            let inputs = context.computer.link_inputs(&job, &terms).map_err(unreadable)?;
            let positions = Pair::from_fn(|leg| columns::of_account(&terms.accounts[leg], &inputs.holdings[leg]));
            Ok(LinkParts { terms, positions })
        });
        let links = links.collect::<Result<Vec<_>, ReadError>>()?;
        let (suspension_entry, statements) = envelopes(context, suspension, last.content)?;
        let parts = Parts {
            parties: &context.parties,
            member,
            suspension: suspension.text(registry.programme()),
            suspension_entry,
            statements,
            agreed: &agreed,
            links,
        };
        let package = default_package::build(parts).map_err(|error| ReadError::Damaged(error.to_string()))?;
        self.verified(&package.bytes)?;
        context.blobs.put(&package.bytes).map_err(|error| ReadError::Damaged(error.to_string()))?;
        Ok(package)
    }

    /// A package that this house keeps, verified.
    ///
    /// # Errors
    /// It is not in the store, or does not verify.
    pub(crate) fn package(&self, digest: Digest) -> Result<Arc<Verified>, ReadError> {
        self.packages.get(digest, || {
            let bytes = self.context.blobs.get(&digest).map_err(|error| ReadError::Damaged(error.to_string()))?;
            let bytes = bytes.ok_or_else(|| ReadError::Damaged(format!("package {digest} is not in the store")))?;
            self.verified(&bytes)
        })
    }

    fn verified(&self, bytes: &[u8]) -> Result<Verified, ReadError> {
        let context = &self.context;
        let verified = default_package::verify(bytes, &context.arrangement, |house, key_id, message, signature| {
            let house = HouseId::new(house.as_str()).map_err(|error| error.to_string())?;
            let key_id = key_id.parse().map_err(|error| format!("{error}"))?;
            // What is on record was signed in the key's time.
            let checked = context.verifying_keys.verify_undated(&house, key_id, message, signature);
            checked.map_err(|error| error.to_string())
        });
        verified.map_err(|problems| ReadError::Damaged(format!("the package does not verify: {problems}")))
    }

    /// The tree over the leaves that both houses agreed on: those of this house's claim without the breaks.
    fn agreed_tree(&self, last: &LastAgreed) -> Result<MarginTree, ReadError> {
        let claimed = trees::of_claim(&self.context, last.claim.digest).map_err(unreadable)?;
        let breaks = last.breaks.map(|digest| self.breaks(digest)).transpose()?.unwrap_or_default();
        without(&claimed, |link| breaks.contains_key(link))
    }
}

/// The tree over the leaves that are no breaks.
fn without(claimed: &MarginTree, is_broken: impl Fn(&LinkId) -> bool) -> Result<MarginTree, ReadError> {
    let agreed = claimed.leaves().iter().filter(|leaf| !is_broken(&leaf.link));
    let agreed = agreed.map(|leaf| (leaf.link.clone(), leaf.bytes.clone()));
    MarginTree::build(agreed).map_err(|error| ReadError::Damaged(error.to_string()))
}

/// The newest agreed round of a charging cycle that both houses claimed by the suspending house's log before the suspension:
/// where one of them knew it already, they did not agree on the member's links. It rests on signed content alone, so that both
/// houses come to the same; the instant is the one at which the suspending house froze its book.
fn last_agreed(catalog: &Catalog, us: Leg, suspension: SuspensionId) -> Option<LastAgreed> {
    let by = suspension.by;
    let charging = catalog.cycles.iter().filter(|(cycle, _)| cycle.kind.charges());
    let rounds = charging.flat_map(|(cycle, view)| view.record.rounds.iter().map(move |found| (*cycle, view, found)));
    let agreed = rounds.filter_map(|(cycle, view, (round, record))| {
        let content = record.agreed()?;
        let claims = record.claims.both()?;
        if claims.iter().any(|(_, claim)| claim.inputs.registry[by] >= suspension.sequence) {
            return None;
        }
        let Evidence::PositionManifest(manifest) = &catalog.by_digest(by, claims[by].inputs.manifests[by])?.evidence
        else {
            return None;
        };
        let key = (cycle.business_date, manifest.as_of, cycle, *round);
        let breaks = breaks_digest(catalog, us, &view.record, *round);
        Some((key, LastAgreed { cycle, round: *round, content, claim: claims[us], breaks }))
    });
    agreed.max_by_key(|(key, _)| *key).map(|(_, last)| last)
}

/// The terms of the agreed links on the cycle's date that are wanted.
fn terms_of(
    registry: &Registry,
    agreed: &MarginTree,
    last: &LastAgreed,
    is_wanted: impl Fn(&LinkTerms) -> bool,
) -> Vec<LinkTerms> {
    let terms = agreed.leaves().iter().filter_map(|leaf| registry.terms_on(&leaf.link, last.cycle.business_date));
    terms.filter(|terms| is_wanted(terms)).cloned().collect()
}

/// The entry of the suspension, and the statement as each house signed it.
fn envelopes(
    context: &Context,
    suspension: SuspensionId,
    statement: Digest,
) -> Result<(crossmargin::v1::SignedEnvelope, Pair<crossmargin::v1::SignedEnvelope>), ReadError> {
    let catalog = context.catalog.read();
    let missing = |what: String| ReadError::Damaged(format!("{what} is not here"));
    let entry = catalog.evidence(&Fact::Registry { by: suspension.by, sequence: suspension.sequence });
    let entry = entry.ok_or_else(|| missing(format!("entry {} of the registry log", suspension.sequence)))?;
    let statements = Pair::from_fn(|leg| catalog.by_digest(leg, statement).map(|held| held.envelope.clone()));
    let statements = statements.both().ok_or_else(|| missing(format!("statement {statement}")))?;
    Ok((entry.envelope.clone(), statements))
}

fn unreadable(error: ComputeError) -> ReadError {
    ReadError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use prost::bytes::Bytes;

    use super::*;

    #[test]
    fn the_agreed_tree_is_the_claim_without_the_breaks() {
        let leaves = ["L-1", "L-2", "L-3"].map(|link| (link.parse::<LinkId>().unwrap(), Bytes::from_static(b"a leaf")));
        let claimed = MarginTree::build(leaves.clone()).unwrap();
        let broken = &leaves[1].0;
        let agreed = without(&claimed, |link| link == broken).unwrap();
        assert_eq!((agreed.len(), agreed.leaf(broken)), (2, None));
        assert_eq!(agreed.root(), claimed.root_without([broken]), "as both houses sign it");
    }
}
