//! What an advance grant of a cycle that fell back rests on: the newest agreement before it, with the link's leaf in it.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, civil::Date};

use super::{
    Leaves, Reader,
    figures::{Breaks, cause_of},
    requirements::{breaks_digest, claim_leaves},
    rules::Advance,
    selected::mode_of,
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::Evidence,
        fact::FallBackCause,
        grant::{AdvanceGrant, AgreedLink, GrantCase, LastAgreed, LinkNow, Refusal, granted},
        leaf::FactorBounds,
        leg::Leg,
        link::{LinkMode, LinkTerms},
        name::LinkId,
        registry::Registry,
        terms::FallBack,
    },
    node::catalog::{Catalog, CycleView},
};

/// What an advance grant rests on in a cycle that fell back.
pub(super) struct Grounds {
    cause: FallBackCause,
    last: Result<Agreed, Refusal>,
}

/// The last agreement, and what it says of its links.
struct Agreed {
    last: LastAgreed,
    leaves: Arc<Leaves>,
    breaks: Arc<Breaks>,
}

impl Reader {
    /// What an advance grant rests on in a cycle; `None` where the arrangement grants none for its kind, or the cycle has
    /// not fallen back here.
    pub(super) fn grounds(&self, cycle: CycleId) -> Option<Grounds> {
        let context = &self.context;
        let Some(FallBack::LastAgreed(_)) = context.arrangement.fall_back.get(&cycle.kind) else { return None };
        let us = context.us;
        let (cause, last, leaves, breaks) = {
            let catalog = context.catalog.read();
            let (at, cause) = catalog.cycles.get(&cycle)?.fell_back?;
            let grant_of = |content| grant_of(&catalog, us, content, cycle);
            let Some(last) = last_agreed(&catalog.cycles, us, (cycle, at), grant_of) else {
                return Some(Grounds { cause, last: Err(Refusal::NoAgreement) });
            };
            let record = &catalog.cycles.get(&last.cycle)?.record;
            let leaves = claim_leaves(&catalog, us, record, last.round);
            (cause, last, leaves, breaks_digest(&catalog, us, record, last.round))
        };
        let leaves = leaves.and_then(|digest| self.readable(self.leaves(digest), last.cycle));
        let breaks = breaks.and_then(|digest| self.readable(self.breaks(digest), last.cycle));
        // Without the breaks nobody knows what was agreed.
        let agreed = leaves.zip(breaks).map(|(leaves, breaks)| Agreed { last, leaves, breaks });
        Some(Grounds { cause, last: agreed.ok_or(Refusal::Unreadable(last.cycle)) })
    }

    /// A requirement is always answered: what cannot be read grants nothing.
    fn readable<T, E: std::fmt::Display>(&self, read: Result<T, E>, cycle: CycleId) -> Option<T> {
        read.inspect_err(|error| tracing::warn!(%cycle, %error, "what was agreed cannot be read: no advance grant"))
            .ok()
    }
}

impl Grounds {
    /// The advance grant of a link, or why there is none.
    pub(super) fn advance(&self, link: &LinkId, now: LinkNow, override_bp: u32, bounds: &FactorBounds) -> Advance {
        let outcome = match &self.last {
            Err(refusal) => Err(*refusal),
            Ok(agreed) => {
                let case = GrantCase { last: agreed.last, agreed: agreed.link(link), now, override_bp };
                granted(&case, bounds)
            }
        };
        Advance { cause: self.cause, outcome }
    }
}

impl Agreed {
    fn link(&self, link: &LinkId) -> AgreedLink {
        if cause_of(&self.breaks, link).is_some() {
            return AgreedLink::Broken;
        }
        match self.leaves.get(link).map(|leaf| (mode_of(leaf), leaf.applied_factor_bp)) {
            None => AgreedLink::Absent,
            Some((Some(LinkMode::Live), factor_bp)) => AgreedLink::Live(factor_bp),
            Some(_) => AgreedLink::Rehearsal,
        }
    }
}

/// How a link stands by the registry on a date; `mode` is that of the present figures, which no grant goes beyond.
pub(super) fn link_now(registry: &Registry, terms: &LinkTerms, mode: LinkMode, date: Date) -> LinkNow {
    match (registry.link_on(&terms.link, date), mode) {
        (None, _) => LinkNow::NotInForce,
        (Some((_, LinkMode::Suspended)), _) | (Some(_), LinkMode::Suspended) => LinkNow::Suspended,
        (Some((_, LinkMode::Live)), LinkMode::Live) => LinkNow::Live,
        (Some(_), _) => LinkNow::Rehearsal,
    }
}

/// The grant that a statement carries for a kind of cycle.
fn grant_of(catalog: &Catalog, us: Leg, content: Digest, cycle: CycleId) -> Option<AdvanceGrant> {
    match &catalog.by_digest(us, content)?.evidence {
        Evidence::Statement(statement) => statement.advance_grants.get(&cycle.kind).copied(),
        _ => None,
    }
}

/// The newest earlier cycle that charges and of which this house held two equal statements with a grant when `cycle` fell
/// back, in the order of the books' instants. What is recorded later changes no charge of a cycle that fell back before.
fn last_agreed(
    cycles: &BTreeMap<CycleId, CycleView>,
    us: Leg,
    (cycle, fell_back_at): (CycleId, Timestamp),
    grant_of: impl Fn(Digest) -> Option<AdvanceGrant>,
) -> Option<LastAgreed> {
    let place = |id: CycleId, view: &CycleView| (id.business_date, view.as_of, id);
    let present = place(cycle, cycles.get(&cycle)?);
    let mut earlier: Vec<_> =
        cycles.iter().filter(|(id, view)| id.kind.charges() && place(**id, view) < present).collect();
    earlier.sort_unstable_by_key(|(id, view)| Reverse(place(**id, view)));
    let mut fallen_back = 1_u32;
    for (id, view) in earlier {
        if let Some((round, grant)) = agreed_by(view, fell_back_at, &grant_of) {
            return Some(LastAgreed { cycle: *id, round, grant, fallen_back });
        }
        let has_fallen_back = view.fell_back.is_some_and(|(at, _)| at <= fell_back_at);
        fallen_back = fallen_back.saturating_add(u32::from(view.record.opened[us] && has_fallen_back));
    }
    None
}

/// The newest round of a cycle that was agreed here by an instant with a grant.
fn agreed_by(
    view: &CycleView,
    instant: Timestamp,
    grant_of: impl Fn(Digest) -> Option<AdvanceGrant>,
) -> Option<(Round, AdvanceGrant)> {
    view.record.rounds.iter().rev().find_map(|(round, record)| {
        let content = record.agreed()?;
        let is_by_then = view.agreed_at.get(round).is_some_and(|at| *at <= instant);
        is_by_then.then(|| grant_of(content)).flatten().map(|grant| (*round, grant))
    })
}

#[cfg(test)]
mod tests;
