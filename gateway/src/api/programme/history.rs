//! The changes of both logs, as they were recorded.

use std::{fmt, str::FromStr};

use crossmargin::v1::{self, programme_change::Change as Wire};

use crate::{
    arrangement::{
        evidence::{ChangeBatch, Evidence, RegistryContent},
        fact::Fact,
        leg::{Leg, Pair},
        name::LinkId,
        parties::Parties,
    },
    node::catalog::Catalog,
    wire,
};

/// Where a change stands: the house's leg, the entry, the place in it. Listings ascend by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeKey {
    leg: Leg,
    sequence: u64,
    place: u32,
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

/// The changes that are about a link, by time. Other links that a change names are left out of it.
pub(super) fn of_link(
    catalog: &Catalog,
    parties: &Parties,
    link: &LinkId,
    entries: Pair<&[u64]>,
) -> Vec<v1::LoggedChange> {
    let named = Leg::BOTH.into_iter().flat_map(|leg| entries[leg].iter().map(move |sequence| (leg, *sequence)));
    let mut changes: Vec<v1::LoggedChange> = named
        .flat_map(|(leg, sequence)| entry(catalog, parties, leg, sequence))
        .filter_map(|(_, logged)| about(logged, link.as_str(), &lifted(catalog, parties, link)))
        .collect();
    changes.sort_by_key(|logged| {
        let at = logged.recorded.as_ref().and_then(|recorded| recorded.at);
        at.map(|at| (at.seconds, at.nanos))
    });
    changes
}

/// Who recorded an entry, and when.
pub(super) fn recorded(catalog: &Catalog, leg: Leg, sequence: u64) -> Option<v1::Recorded> {
    batch(catalog, leg, sequence).map(recorded_of)
}

/// The ids of the suspensions of this very link.
fn lifted(catalog: &Catalog, parties: &Parties, link: &LinkId) -> Vec<String> {
    use crate::arrangement::registry::Scope;
    let own = catalog.registry.suspensions().filter(|joined| joined.suspension.scope == Scope::Link(link.clone()));
    own.map(|joined| format!("{}/{}/{}", parties.houses[joined.id.by], joined.id.sequence, joined.id.place)).collect()
}

/// A change cut to what is about the link; `None` where nothing is.
fn about(mut logged: v1::LoggedChange, link: &str, suspensions: &[String]) -> Option<v1::LoggedChange> {
    let is_scope = |scope: &Option<v1::Scope>| {
        let given = scope.as_ref().and_then(|scope| scope.scope.as_ref());
        matches!(given, Some(v1::scope::Scope::LinkId(given)) if given == link)
    };
    let is_about = match logged.change.as_mut()?.change.as_mut()? {
        Wire::Link(terms) => terms.link_id == link,
        Wire::Document(v1::DocumentRecord { link_ids, .. }) | Wire::Stage(v1::StageChange { link_ids, .. }) => {
            link_ids.retain(|named| named == link);
            !link_ids.is_empty()
        }
        Wire::Suspension(suspension) => is_scope(&suspension.scope),
        Wire::Override(limit) => is_scope(&limit.scope),
        Wire::Lift(lift) => suspensions.contains(&lift.suspension_id),
        Wire::Port(port) => port.link_id == link,
        _ => false,
    };
    is_about.then_some(logged)
}

fn batch(catalog: &Catalog, leg: Leg, sequence: u64) -> Option<&ChangeBatch> {
    match &catalog.evidence(&Fact::Registry { by: leg, sequence })?.evidence {
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
