//! Whether a recorded entry of a registry log changes what this house's open cycles take from the registry.
//!
//! It follows from what is on record up to the entry, so a replay comes to the same.

use jiff::civil::Date;

use super::entry::Entry;
use crate::arrangement::{
    evidence::{Evidence, RegistryContent},
    fact::Fact,
    leg::Leg,
    machine::Record,
    registry::Registry,
};

/// The fact that links changed, where the entry took the registry from `before` to `after` and an open cycle of the house
/// of `us` takes them otherwise now.
pub(super) fn fact(entry: &Entry, before: &Registry, after: &Registry, record: &Record, us: Leg) -> Option<Fact> {
    let Entry::Evidence(held) = entry else { return None };
    let Evidence::RegistryEntry(entry) = &held.evidence else { return None };
    let RegistryContent::Changes(batch) = &entry.content else { return None };
    let mut dates: Vec<Date> = record.open_cycles(us).into_iter().map(|cycle| cycle.business_date).collect();
    dates.dedup();
    let is_changed = after.changes_cycles(before, &batch.changes, &dates);
    is_changed.then_some(Fact::LinksChanged { by: held.by, sequence: entry.sequence })
}
