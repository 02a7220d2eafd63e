//! The changes of both logs, as they were recorded.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

use crossmargin::v1::{self, programme_change::Change as Wire};

use super::sight::Sight;
use crate::{
    arrangement::{
        evidence::{ChangeBatch, Evidence, RegistryContent},
        fact::Fact,
        leg::{Leg, Pair},
        link::LinkTerms,
        name::{LinkId, MemberId},
        parties::Parties,
        registry::{JoinedSuspension, Scope, SuspensionId},
    },
    node::{catalog::Catalog, entry::Held},
    wire,
};

/// Changes of a link's history, at most.
const HISTORY_MAX: usize = 1_000;

/// Where a change stands: the house's leg, the entry, the place in it. Listings ascend by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeKey {
    leg: Leg,
    sequence: u64,
    place: u32,
}

impl From<SuspensionId> for ChangeKey {
    fn from(id: SuspensionId) -> Self {
        Self { leg: id.by, sequence: id.sequence, place: id.place }
    }
}

impl ChangeKey {
    /// Whether it comes after another in a listing of the Treasury house's first, each house's newest first.
    pub(super) fn is_after_newest_first(self, other: Self) -> bool {
        (self.leg, Reverse((self.sequence, self.place))) > (other.leg, Reverse((other.sequence, other.place)))
    }
}

impl fmt::Display for ChangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.leg.index(), self.sequence, self.place)
    }
}

impl FromStr for ChangeKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or(());
        let leg = match part()? {
            "0" => Leg::Treasury,
            "1" => Leg::Futures,
            _ => return Err(()),
        };
        let (sequence, place) = (part()?.parse().map_err(|_| ())?, part()?.parse().map_err(|_| ())?);
        Ok(Self { leg, sequence, place })
    }
}

/// The changes of one house's log or of both, after a place.
pub(super) fn changes<'a>(
    catalog: &'a Catalog,
    parties: &'a Parties,
    only: Option<Leg>,
    after: Option<ChangeKey>,
) -> impl Iterator<Item = (ChangeKey, v1::LoggedChange)> + 'a {
    let legs = Leg::BOTH.into_iter().filter(move |leg| only.is_none_or(|only| only == *leg));
    let entries = legs.flat_map(move |leg| {
        let first = after.filter(|after| after.leg == leg).map_or(1, |after| after.sequence);
        let is_past = after.is_some_and(|after| after.leg > leg);
        let last = if is_past { 0 } else { catalog.registry.sequence(leg) };
        (first..=last).map(move |sequence| (leg, sequence))
    });
    let changes = entries.flat_map(move |(leg, sequence)| entry(catalog, parties, leg, sequence));
    changes.filter(move |(key, _)| after.is_none_or(|after| *key > after))
}

/// The changes of one entry, in order.
pub(super) fn entry(
    catalog: &Catalog,
    parties: &Parties,
    leg: Leg,
    sequence: u64,
) -> Vec<(ChangeKey, v1::LoggedChange)> {
    let Some(batch) = batch(catalog, leg, sequence) else { return Vec::new() };
    let house = parties.houses[leg].as_str();
    let logged = (0..).zip(&batch.changes).map(|(place, change)| {
        let logged = v1::LoggedChange {
            house: house.to_owned(),
            sequence,
            place,
            recorded: Some(recorded_of(batch)),
            change: Some(change.clone()),
        };
        (ChangeKey { leg, sequence, place }, logged)
    });
    logged.collect()
}

/// The entries that name a link, the newest [`HISTORY_MAX`] of each house, the newest first. Each says one thing of the
/// link at least, so no older one can be among the newest changes.
pub(super) fn entries_of(catalog: &Catalog, entries: Pair<&[u64]>) -> Pair<Vec<(u64, Arc<Held>)>> {
    Pair::from_fn(|leg| {
        let newest = entries[leg].iter().rev().take(HISTORY_MAX);
        newest.filter_map(|sequence| Some((*sequence, Arc::clone(held(catalog, leg, *sequence)?)))).collect()
    })
}

/// The changes that are about a link, by time, the newest [`HISTORY_MAX`], as far as the caller may see them. Other
/// links that a change names are left out of it.
pub(super) fn of_link(
    sight: &Sight,
    parties: &Parties,
    link: &LinkId,
    entries: &Pair<Vec<(u64, Arc<Held>)>>,
) -> Vec<v1::LoggedChange> {
    let suspensions = of_this_link(sight, link);
    let mut found = Vec::new();
    for leg in Leg::BOTH {
        let batches = entries[leg].iter().filter_map(|(sequence, held)| Some((*sequence, changes_of(held)?)));
        let placed = batches.flat_map(|(sequence, batch)| {
            let placed: Vec<_> = (0_u32..).zip(&batch.changes).collect();
            placed.into_iter().rev().map(move |(place, change)| (sequence, place, batch, change))
        });
        let about = placed.filter_map(|(sequence, place, batch, change)| {
            let mut told = about(change, link.as_str(), &suspensions)?;
            if !sight.is_all() && is_about_others(change, link.as_str()) {
                told.reason.clear();
            }
            Some(v1::LoggedChange {
                house: parties.houses[leg].to_string(),
                sequence,
                place,
                recorded: Some(sight.recorded(recorded_of(batch))),
                change: Some(told),
            })
        });
        let mut own: Vec<_> = about.take(HISTORY_MAX).collect();
        own.reverse();
        found.append(&mut seen(sight, link, leg, own));
    }
    found.sort_by_key(|logged| {
        let at = logged.recorded.as_ref().and_then(|recorded| recorded.at);
        at.map(|at| (at.seconds, at.nanos))
    });
    found.split_off(found.len().saturating_sub(HISTORY_MAX))
}

/// What a caller sees of one house's changes of a link, ascending: its own terms and moves, and what was recorded under
/// the terms that count for it now. What was recorded before other parties' terms, or under them, is between others; so
/// is why a house said something of the link under the member before.
fn seen(sight: &Sight, link: &LinkId, leg: Leg, changes: Vec<v1::LoggedChange>) -> Vec<v1::LoggedChange> {
    if sight.is_all() {
        return changes;
    }
    let ports = sight.registry.ports_of(link);
    let port_of = |change: &v1::LoggedChange| match what(change)? {
        Wire::Port(port) => ports.iter().find(|joined| {
            joined.effective_from.to_string() == port.effective_from && joined.to.member.as_str() == port.to_member
        }),
        _ => None,
    };
    let begin = bound_from(sight, link, leg, &changes);
    let to_caller = |change: &v1::LoggedChange| port_of(change).is_some_and(|joined| sight.shows(joined.to));
    let moved = if sight.is_member() { changes.iter().rposition(to_caller).unwrap_or(0) } else { 0 };
    let seen = changes.into_iter().enumerate().filter_map(|(at, mut logged)| {
        let is_seen = match what(&logged)? {
            Wire::Link(terms) => shows(sight, terms),
            Wire::Port(_) => port_of(&logged).is_some_and(|joined| sight.shows_port(link, joined)),
            _ => at >= begin,
        };
        if at < moved
            && let Some(change) = logged.change.as_mut()
        {
            change.reason.clear();
        }
        is_seen.then_some(logged)
    });
    seen.collect()
}

/// From which place on the changes of a house are under terms that count for the caller, who sees the link now.
fn bound_from(sight: &Sight, link: &LinkId, leg: Leg, changes: &[v1::LoggedChange]) -> usize {
    let terms = sight.registry.joined_link(link).map(|joined| joined.terms).unwrap_or_default();
    // Recorded alike they are the caller's, or moved to it. Otherwise the other house's may be about other parties.
    let is_callers = terms.treasury == terms.futures || terms[leg].is_some_and(|terms| sight.shows(terms));
    if !is_callers {
        return changes.len();
    }
    let links = changes.iter().enumerate().filter_map(|(at, logged)| match what(logged)? {
        Wire::Link(terms) => Some((at, shows(sight, terms))),
        _ => None,
    });
    let links: Vec<_> = links.collect();
    match links.iter().rposition(|(_, is_shown)| !is_shown) {
        None => links.first().map_or(0, |(at, _)| *at),
        // The newest terms that are not the caller's came to it by a move; older ones were amended.
        Some(foreign) => links.get(foreign + 1).map_or(links[foreign].0, |(at, _)| *at),
    }
}

fn shows(sight: &Sight, terms: &v1::LinkTerms) -> bool {
    LinkTerms::from_wire(terms).is_ok_and(|terms| sight.shows(&terms))
}

fn what(logged: &v1::LoggedChange) -> Option<&Wire> {
    logged.change.as_ref()?.change.as_ref()
}

/// Who recorded an entry, and when.
pub(in crate::api) fn recorded(catalog: &Catalog, leg: Leg, sequence: u64) -> Option<v1::Recorded> {
    batch(catalog, leg, sequence).map(recorded_of)
}

/// The ids of the suspensions of this very link.
fn of_this_link(sight: &Sight, link: &LinkId) -> HashSet<String> {
    let own = sight.registry.suspensions().filter(|joined| joined.suspension.scope == Scope::Link(link.clone()));
    own.map(|joined| joined.id.text(sight.registry.programme())).collect()
}

/// A change cut to what is about the link; `None` where nothing is.
fn about(change: &v1::ProgrammeChange, link: &str, suspensions: &HashSet<String>) -> Option<v1::ProgrammeChange> {
    let is_scope = |scope: &Option<v1::Scope>| {
        let given = scope.as_ref().and_then(|scope| scope.scope.as_ref());
        matches!(given, Some(v1::scope::Scope::LinkId(given)) if given == link)
    };
    let only = |named: &[String]| named.iter().any(|named| named == link).then(|| vec![link.to_owned()]);
    let whole = change.change.as_ref()?;
    let cut = match whole {
        Wire::Document(v1::DocumentRecord { link_ids, kind, digest, dated, member }) => {
            Wire::Document(v1::DocumentRecord {
                link_ids: only(link_ids)?,
                kind: *kind,
                digest: digest.clone(),
                dated: dated.clone(),
                member: member.clone(),
            })
        }
        Wire::Stage(v1::StageChange { link_ids, to }) => {
            Wire::Stage(v1::StageChange { link_ids: only(link_ids)?, to: *to })
        }
        Wire::Link(terms) if terms.link_id == link => whole.clone(),
        Wire::Suspension(suspension) if is_scope(&suspension.scope) => whole.clone(),
        Wire::Override(limit) if is_scope(&limit.scope) => whole.clone(),
        Wire::Lift(lift) if suspensions.contains(&lift.suspension_id) => whole.clone(),
        Wire::Port(port) if port.link_id == link => whole.clone(),
        _ => return None,
    };
    Some(v1::ProgrammeChange { reason: change.reason.clone(), change: Some(cut) })
}

/// Whether a change names other links too: one reason is given for all of them, and may speak of any.
fn is_about_others(change: &v1::ProgrammeChange, link: &str) -> bool {
    match &change.change {
        Some(Wire::Document(document)) => document.link_ids.iter().any(|named| named != link),
        Some(Wire::Stage(stage)) => stage.link_ids.iter().any(|named| named != link),
        _ => false,
    }
}

/// The suspensions of single links that a house recorded before it recorded the link's move to a member: why, is between
/// others.
pub(super) fn before_moves_to(catalog: &Catalog, member: &MemberId) -> BTreeSet<SuspensionId> {
    let is_before = |joined: &JoinedSuspension<'_>| match &joined.suspension.scope {
        Scope::Link(link) => move_to(catalog, link, joined.id.by, member).is_some_and(|moved| moved > joined.id.into()),
        Scope::Member(_) | Scope::Everything => false,
    };
    catalog.registry.suspensions().filter(is_before).map(|joined| joined.id).collect()
}

/// Where a house last recorded a link's move to a member.
fn move_to(catalog: &Catalog, link: &LinkId, leg: Leg, member: &MemberId) -> Option<ChangeKey> {
    let registry = &catalog.registry;
    // Most links never move, and their entries need not be looked through.
    registry.ports_of(link).iter().find(|port| port.to.member == *member)?;
    let is_move = |change: &v1::ProgrammeChange| match &change.change {
        Some(Wire::Port(port)) => port.link_id == link.as_str() && port.to_member == member.as_str(),
        _ => false,
    };
    registry.joined_link(link)?.entries[leg].iter().rev().find_map(|sequence| {
        let place = batch(catalog, leg, *sequence)?.changes.iter().rposition(is_move)?;
        Some(ChangeKey { leg, sequence: *sequence, place: u32::try_from(place).ok()? })
    })
}

/// The changes of an entry, with who recorded them; `None` where there is no such entry.
pub(in crate::api) fn batch(catalog: &Catalog, leg: Leg, sequence: u64) -> Option<&ChangeBatch> {
    changes_of(held(catalog, leg, sequence)?)
}

fn held(catalog: &Catalog, leg: Leg, sequence: u64) -> Option<&Arc<Held>> {
    catalog.evidence(&Fact::Registry { by: leg, sequence })
}

fn changes_of(held: &Held) -> Option<&ChangeBatch> {
    match &held.evidence {
        Evidence::RegistryEntry(entry) => match &entry.content {
            RegistryContent::Changes(batch) => Some(batch),
            RegistryContent::Adoption(_) => None,
        },
        _ => None,
    }
}

fn recorded_of(batch: &ChangeBatch) -> v1::Recorded {
    v1::Recorded { by: batch.by.clone(), at: Some(wire::to_timestamp(batch.at)) }
}
