//! Whether an entry changes what cycles take from the registry: only then are margins computed again.

use std::collections::{BTreeMap, BTreeSet};

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    OnDate, Registry,
    change::{self, Change, Scope},
};
use crate::arrangement::{
    leg::Leg,
    link::{LinkMode, LinkTerms},
    name::{LinkId, MemberId, OwnerId},
};

/// The links that the changes of an entry can reach: all of them together, so that an entry of thousands of changes takes
/// one pass over the links.
#[derive(Default)]
struct Reach {
    is_everything: bool,
    links: BTreeSet<LinkId>,
    members: BTreeSet<MemberId>,
    owners: BTreeMap<MemberId, BTreeSet<OwnerId>>,
}

/// What a cycle takes from the registry of one link: terms, mode, and the most that is granted.
type Taken<'a> = Option<(&'a LinkTerms, LinkMode, u32)>;

impl Registry {
    /// Whether these changes, recorded on `before`, let a link take part otherwise in the cycles of one of the dates.
    #[must_use]
    pub fn changes_cycles(&self, before: &Self, changes: &[v1::ProgrammeChange], dates: &[Date]) -> bool {
        if dates.is_empty() {
            return false;
        }
        let mut reach = Reach::default();
        for wire in changes.iter().filter(|wire| Change::is_material(wire)) {
            // Invariant: they were recorded, so they can be read.
            if let Some(change) = change::read(0, wire, &self.rules, &mut Vec::new()) {
                reach.extend(self, change);
            }
        }
        dates.iter().any(|date| self.differs(before, &reach, *date))
    }

    fn differs(&self, before: &Self, reach: &Reach, date: Date) -> bool {
        let (now, then) = (self.on(date), before.on(date));
        let is_other = |link: &LinkId| self.taken(&now, link, date) != before.taken(&then, link, date);
        if reach.names_links_alone() {
            return reach.links.iter().any(is_other);
        }
        // Only what both houses recorded takes part in cycles.
        self.logs.treasury.links.keys().filter(|link| self.is_reached(reach, link, date)).any(is_other)
    }

    fn is_reached(&self, reach: &Reach, link: &LinkId, date: Date) -> bool {
        reach.is_everything
            || reach.links.contains(link)
            || self.terms_on(link, date).is_some_and(|terms| {
                reach.members.contains(&terms.member)
                    || reach.owners.get(&terms.member).is_some_and(|owners| owners.contains(&terms.owner))
            })
    }

    fn taken<'a>(&'a self, on: &OnDate<'a>, link: &LinkId, date: Date) -> Taken<'a> {
        let (terms, mode) = on.link(link)?;
        Some((terms, mode, self.cap_bp(terms, date)))
    }
}

impl Reach {
    fn names_links_alone(&self) -> bool {
        !self.is_everything && self.members.is_empty() && self.owners.is_empty()
    }

    fn extend(&mut self, registry: &Registry, change: Change) {
        match change {
            Change::Stage { links, .. } | Change::Document { links, .. } => self.links.extend(links),
            Change::Port(port) => self.links.extend([port.link]),
            Change::Suspend(suspension) => self.extend_by(suspension.scope),
            Change::Override(limit) => self.extend_by(limit.scope),
            Change::Lift(id) => {
                if let Some(joined) = registry.suspension(id) {
                    self.extend_by(joined.suspension.scope.clone());
                }
            }
            Change::Member(record) => self.members.extend([record.member]),
            Change::Affiliate { member, affiliate: owner, .. } | Change::Customer { member, customer: owner, .. } => {
                self.owners.entry(member).or_default().insert(owner);
            }
            Change::Account(record) => {
                let links = Leg::BOTH.into_iter().filter_map(|leg| registry.link_of_account(leg, &record.account));
                self.links.extend(links.cloned());
            }
            Change::Approve(_) | Change::Withdraw { .. } => self.is_everything = true,
            Change::Link(_)
            | Change::Package { .. }
            | Change::CloseOut { .. }
            | Change::Liquidation { .. }
            | Change::LossAllocation { .. } => {}
        }
    }

    fn extend_by(&mut self, scope: Scope) {
        match scope {
            Scope::Link(link) => self.links.extend([link]),
            Scope::Member(member) => self.members.extend([member]),
            Scope::Everything => self.is_everything = true,
        }
    }
}
