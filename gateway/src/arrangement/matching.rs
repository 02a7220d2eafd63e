//! From two claims to one statement: a pure function, so that both houses reach the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use crossmargin::{bounded::DecodeError, v1};
use prost::{Message, bytes::Bytes};

use super::{
    digest::Digest,
    evidence::{Claim, Inputs, Statement, Totals},
    grant::AdvanceGrants,
    leg::{Leg, Pair},
    name::LinkId,
    parties::Parties,
    tree::MarginTree,
    walk::Difference,
};

/// A claim with its name.
#[derive(Clone, Copy, Debug)]
pub struct NamedClaim<'a> {
    /// Payload digest of the claim.
    pub digest: Digest,
    /// The claim.
    pub claim: &'a Claim,
}

/// What follows from the two claims of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The links on which the claims differ, ascending by link.
    pub breaks: v1::Breaks,
    /// The encoded breaks: what the statement's `breaks` is the digest of.
    pub breaks_payload: Bytes,
    /// The statement.
    pub statement: Statement,
    /// The encoded statement: the bytes that both houses sign.
    pub statement_payload: Bytes,
    /// BLAKE3 of the encoded statement.
    pub digest: Digest,
}

/// Why two claims cannot be matched. Every case is a fault of the caller or of the other house, never a break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchingError {
    /// The claims belong to different rounds or cycles.
    #[error("the claims are of different rounds: {treasury} and {futures}")]
    Round {
        /// Of the Treasury house's claim.
        treasury: String,
        /// Of the futures house's claim.
        futures: String,
    },
    /// The leaves are not those of this house's claim.
    #[error("the leaves have root {found}, but this house claimed {claimed}")]
    OwnRoot {
        /// As claimed.
        claimed: Digest,
        /// Of the leaves.
        found: Digest,
    },
    /// The differences do not lead from one claim to the other.
    #[error("link {0} is said to differ, but this house's leaf is another one or the same on both sides")]
    Difference(LinkId),
    /// A leaf is no `MarginLeaf`.
    #[error("the leaf of link {link} cannot be read: {reason}")]
    Leaf {
        /// The link.
        link: LinkId,
        /// Why.
        reason: DecodeError,
    },
    /// A total is out of range.
    #[error("the totals are out of range at link {0}")]
    Total(LinkId),
}

/// Matches the claims of a round; the statement carries what the arrangement grants in advance. `own` is the leg of this house, `leaves` the tree behind its claim, `differences` what
/// the walk down the other house's tree found.
///
/// A link is agreed where the leaves are equal to the last bit, whatever else the claims say; it is a break otherwise.
///
/// # Errors
/// The claims, the leaves and the differences do not belong together.
pub fn match_claims(
    parties: &Parties,
    advance_grants: &AdvanceGrants,
    claims: &Pair<NamedClaim<'_>>,
    own: Leg,
    leaves: &MarginTree,
    differences: &[Difference],
) -> Result<Matched, MatchingError> {
    check_claims(claims, own, leaves)?;
    let inputs = Pair { treasury: &claims.treasury.claim.inputs, futures: &claims.futures.claim.inputs };
    let mut breaks = BTreeMap::new();
    for difference in differences {
        let is_ours = leaves.leaf(&difference.link) == difference.ours.as_ref();
        if !is_ours || difference.ours == difference.theirs {
            return Err(MatchingError::Difference(difference.link.clone()));
        }
        breaks.insert(&difference.link, break_of(difference, own, &inputs)?);
    }

    let mut counts = BTreeMap::new();
    for item in breaks.values() {
        *counts.entry(item.cause()).or_insert(0) += 1;
    }
    let Agreed { live, rehearsal, suspended } = sum_agreed(leaves, &breaks.keys().copied().collect())?;
    let agreed_root = leaves.root_without(breaks.keys().copied());
    let breaks = v1::Breaks { breaks: breaks.into_values().collect() };
    let breaks_payload: Bytes = breaks.encode_to_vec().into();
    let statement = Statement {
        cycle: claims.treasury.claim.cycle,
        round: claims.treasury.claim.round,
        claims: Pair { treasury: claims.treasury.digest, futures: claims.futures.digest },
        agreed_root,
        live_count: live.count,
        rehearsal_count: rehearsal.count,
        breaks: Digest::of(&breaks_payload),
        break_counts: counts.into_iter().collect(),
        live_totals: live.totals,
        rehearsal_totals: rehearsal.totals,
        suspended_count: suspended.count,
        advance_grants: advance_grants.clone(),
    };
    let statement_payload: Bytes = statement.to_wire(parties.arrangement.as_str()).encode_to_vec().into();
    let digest = Digest::of(&statement_payload);
    Ok(Matched { breaks, breaks_payload, statement, statement_payload, digest })
}

/// Why the leaves of a link differ: the first cause in the order of [`v1::BreakCause`] that touches this link.
///
/// The link's own digests come first, for they say what differs here; the claims' digests only say why. Where the
/// scenario rows differ, the first input of the repricing that differs is named: prices, scenarios, parameters, engine.
/// Where the rows and the positions are the same, prices and scenarios have no part in the difference, so parameters
/// and engine remain. Where no input differs, the arithmetic did.
#[must_use]
pub fn cause(leaves: &Pair<Option<v1::MarginLeaf>>, inputs: &Pair<&Inputs>) -> v1::BreakCause {
    let Pair { treasury: Some(a), futures: Some(b) } = leaves else { return v1::BreakCause::Link };
    let (x, y) = (inputs.treasury, inputs.futures);
    let is_repriced = a.market != b.market;
    if a.terms != b.terms || a.mode != b.mode {
        v1::BreakCause::Link
    } else if a.treasury_positions != b.treasury_positions || a.futures_positions != b.futures_positions {
        v1::BreakCause::Position
    } else if is_repriced && x.prices != y.prices {
        v1::BreakCause::Price
    } else if is_repriced && x.scenarios != y.scenarios {
        v1::BreakCause::Scenario
    } else if x.parameters != y.parameters {
        v1::BreakCause::Parameter
    } else if x.engine != y.engine {
        v1::BreakCause::Engine
    } else {
        v1::BreakCause::Arithmetic
    }
}

/// Sums over the agreed links, by mode.
#[derive(Default)]
struct Agreed {
    live: Sum,
    rehearsal: Sum,
    suspended: Sum,
}

/// Sums over links.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) totals: Totals,
}

impl Sum {
    /// Adds a link; `None` where a total is out of range.
    pub(super) fn add(&mut self, leaf: &v1::MarginLeaf) -> Option<()> {
        let totals = &mut self.totals;
        for (total, amount) in [
            (&mut totals.standalone_cents.treasury, leaf.treasury_standalone_cents),
            (&mut totals.standalone_cents.futures, leaf.futures_standalone_cents),
            (&mut totals.requirement_cents.treasury, leaf.treasury_requirement_cents),
            (&mut totals.requirement_cents.futures, leaf.futures_requirement_cents),
            (&mut totals.shortfall_cents, leaf.shortfall_cents),
            (&mut totals.charges_cents.treasury, leaf.treasury_charges_cents),
            (&mut totals.charges_cents.futures, leaf.futures_charges_cents),
        ] {
            *total = total.checked_add(amount)?;
        }
        self.count += 1;
        Some(())
    }
}

fn check_claims(claims: &Pair<NamedClaim<'_>>, own: Leg, leaves: &MarginTree) -> Result<(), MatchingError> {
    let place = |leg: Leg| (claims[leg].claim.cycle, claims[leg].claim.round);
    if place(Leg::Treasury) != place(Leg::Futures) {
        let text = |leg| format!("{} round {}", place(leg).0, place(leg).1);
        return Err(MatchingError::Round { treasury: text(Leg::Treasury), futures: text(Leg::Futures) });
    }
    let claimed = claims[own].claim.root;
    if claimed != leaves.root() {
        return Err(MatchingError::OwnRoot { claimed, found: leaves.root() });
    }
    Ok(())
}

fn break_of(difference: &Difference, own: Leg, inputs: &Pair<&Inputs>) -> Result<v1::Break, MatchingError> {
    let bytes = |leg| if leg == own { &difference.ours } else { &difference.theirs };
    let read = |leg| bytes(leg).as_ref().map(|bytes| read_leaf(&difference.link, bytes)).transpose();
    let leaves = Pair { treasury: read(Leg::Treasury)?, futures: read(Leg::Futures)? };
    let name =
        |leg| bytes(leg).as_ref().map_or_else(Bytes::new, |leaf| Bytes::copy_from_slice(Digest::of(leaf).as_bytes()));
    Ok(v1::Break {
        link_id: difference.link.to_string(),
        cause: cause(&leaves, inputs).into(),
        treasury_leaf: name(Leg::Treasury),
        futures_leaf: name(Leg::Futures),
    })
}

/// Sums over the leaves outside `broken` by the mode of their links.
fn sum_agreed(leaves: &MarginTree, broken: &BTreeSet<&LinkId>) -> Result<Agreed, MatchingError> {
    let mut agreed = Agreed::default();
    for leaf in leaves.leaves().iter().filter(|leaf| !broken.contains(&leaf.link)) {
        let figures = read_leaf(&leaf.link, &leaf.bytes)?;
        let sum = match figures.mode() {
            v1::LinkMode::Live => &mut agreed.live,
            v1::LinkMode::Rehearsal => &mut agreed.rehearsal,
            v1::LinkMode::Suspended | v1::LinkMode::Unspecified => &mut agreed.suspended,
        };
        sum.add(&figures).ok_or_else(|| MatchingError::Total(leaf.link.clone()))?;
    }
    Ok(agreed)
}

fn read_leaf(link: &LinkId, bytes: &Bytes) -> Result<v1::MarginLeaf, MatchingError> {
    crate::wire::decode(bytes.clone()).map_err(|reason| MatchingError::Leaf { link: link.clone(), reason })
}

#[cfg(test)]
mod tests;
