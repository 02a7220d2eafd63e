//! What readers see of the registry: links, approvals and suspensions as both logs together give them.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{
    Registry,
    change::{ApprovalRecord, Suspension, SuspensionId},
    log::Log,
};
use crate::arrangement::{
    leg::{Leg, Pair},
    link::LinkTerms,
    name::LinkId,
};

/// A link as the join sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedLink<'a> {
    /// What each house recorded; at least one did.
    pub terms: Pair<Option<&'a LinkTerms>>,
    /// The entries of each house's log that name it, ascending.
    pub entries: Pair<&'a [u64]>,
}

/// An approval as the join sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedApproval<'a> {
    /// What was recorded, by the Treasury house where both did.
    pub record: &'a ApprovalRecord,
    /// The houses that recorded it.
    pub by: Pair<bool>,
    /// Whether both houses recorded the same.
    pub is_signed_by_both: bool,
    /// The first date on which it does not count; `None` where nobody withdrew it.
    pub withdrawn_from: Option<Date>,
}

/// A move of a link to another member as the join sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedPort<'a> {
    /// The first business date.
    pub effective_from: Date,
    /// The terms from then on.
    pub to: &'a LinkTerms,
    /// The houses that recorded it.
    pub by: Pair<bool>,
}

/// A suspension as the join sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedSuspension<'a> {
    /// Its id.
    pub id: SuspensionId,
    /// What was suspended, and why.
    pub suspension: &'a Suspension,
    /// The houses that consented to lifting it.
    pub lifted_by: Pair<bool>,
}

impl JoinedApproval<'_> {
    /// Whether it counts on a date.
    #[must_use]
    pub fn is_effective(&self, date: Date) -> bool {
        self.is_signed_by_both
            && self.record.effective_from <= date
            && self.withdrawn_from.is_none_or(|withdrawn| date < withdrawn)
    }
}

impl JoinedSuspension<'_> {
    /// Whether it is in force: not both houses have consented to lifting it.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        !(self.lifted_by.treasury && self.lifted_by.futures)
    }
}

impl Registry {
    /// Every link that at least one house recorded after `after`, ascending by link.
    pub fn joined<'a>(&'a self, after: Option<&LinkId>) -> impl Iterator<Item = (&'a LinkId, JoinedLink<'a>)> {
        let mut logs = self.logs.as_ref().map(|log| log.links.after(after).peekable());
        std::iter::from_fn(move || {
            let heads = Pair::from_fn(|leg| logs[leg].peek().map(|(link, _)| *link));
            let next = [heads.treasury, heads.futures].into_iter().flatten().min()?;
            let own = Pair::from_fn(|leg| logs[leg].next_if(|(link, _)| *link == next).map(|(_, own)| own));
            let terms = own.map(|own| own.map(|own| &own.terms));
            let entries = own.map(|own| own.map_or(&[][..], |own| &own.entries));
            Some((next, JoinedLink { terms, entries }))
        })
    }

    /// A link that at least one house recorded.
    #[must_use]
    pub fn joined_link(&self, link: &LinkId) -> Option<JoinedLink<'_>> {
        let own = Pair::from_fn(|leg| self.logs[leg].links.get(link));
        let entries = own.map(|own| own.map_or(&[][..], |own| &own.entries));
        let is_recorded = own.treasury.is_some() || own.futures.is_some();
        is_recorded.then(|| JoinedLink { terms: own.map(|own| own.map(|own| &own.terms)), entries })
    }

    /// The moves of a link that a house recorded, by date and member.
    #[must_use]
    pub fn ports_of(&self, link: &LinkId) -> Vec<JoinedPort<'_>> {
        let own = Pair::from_fn(|leg| self.logs[leg].links.get(link));
        let keys: BTreeSet<_> = own.iter().flat_map(|(_, own)| own.iter().flat_map(|own| own.ports.keys())).collect();
        let joined = keys.into_iter().filter_map(|key| {
            let to = own.map(|own| own.and_then(|own| own.ports.get(key)));
            let by = to.map(|to| to.is_some());
            Some(JoinedPort { effective_from: key.0, to: to.treasury.or(to.futures)?, by })
        });
        joined.collect()
    }

    /// Every approval that a house recorded, ascending.
    pub fn approvals(&self) -> impl Iterator<Item = JoinedApproval<'_>> {
        let Pair { treasury, futures } = self.logs.as_ref().map(|log: &Log| &log.approvals);
        let ids: BTreeSet<_> = treasury.keys().chain(futures.keys()).collect();
        ids.into_iter().filter_map(move |id| {
            let records = Pair { treasury: treasury.get(id), futures: futures.get(id) };
            let withdrawn = Leg::BOTH.into_iter().filter_map(|leg| self.logs[leg].withdrawals.get(id)).min();
            Some(JoinedApproval {
                record: records.treasury.or(records.futures)?,
                by: records.map(|record| record.is_some()),
                is_signed_by_both: records.treasury == records.futures,
                withdrawn_from: withdrawn.copied(),
            })
        })
    }

    /// Every suspension, the Treasury house's first, each house's newest first.
    pub fn suspensions(&self) -> impl Iterator<Item = JoinedSuspension<'_>> {
        let all = Leg::BOTH.into_iter().flat_map(|leg| self.logs[leg].suspensions.iter().rev());
        all.map(|(id, suspension)| JoinedSuspension {
            id: *id,
            suspension,
            lifted_by: Pair::from_fn(|leg| self.logs[leg].lifts.contains(id)),
        })
    }

    /// A suspension by its id.
    #[must_use]
    pub fn suspension(&self, id: SuspensionId) -> Option<JoinedSuspension<'_>> {
        let suspension = self.logs[id.by].suspensions.get(&id)?;
        let lifted_by = Pair::from_fn(|leg| self.logs[leg].lifts.contains(&id));
        Some(JoinedSuspension { id, suspension, lifted_by })
    }
}
