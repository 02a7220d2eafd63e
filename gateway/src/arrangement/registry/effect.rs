//! Whether an entry changes what cycles take from the registry: only then are margins computed again.

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Registry,
    change::{self, Change, Scope},
};
use crate::arrangement::{
    leg::Leg,
    link::{LinkMode, LinkTerms},
    name::{LinkId, MemberId},
};

/// The links that a change can reach.
enum Reach {
    Nothing,
    Links(Vec<LinkId>),
    Member(MemberId),
    Everything,
}

/// What a cycle takes from the registry of one link: terms, mode, and the most that is granted.
type Taken<'a> = Option<(&'a LinkTerms, LinkMode, u32)>;

impl Registry {
    /// Whether these changes, recorded on `before`, let a link take part otherwise in the cycles of one of the dates.
    #[must_use]
    pub fn changes_cycles(&self, before: &Self, changes: &[v1::ProgrammeChange], dates: &[Date]) -> bool {
        !dates.is_empty()
            && changes.iter().filter(|wire| Change::is_material(wire)).any(|wire| {
                // Invariant: they were recorded, so they can be read.
                let change = change::read(0, wire, &self.rules, &mut Vec::new());
                change.is_some_and(|change| dates.iter().any(|date| self.differs(before, &self.reach(&change), *date)))
            })
    }

    fn differs(&self, before: &Self, reach: &Reach, date: Date) -> bool {
        let is_other = |link: &LinkId| self.taken(link, date) != before.taken(link, date);
        match reach {
            Reach::Nothing => false,
            Reach::Links(links) => links.iter().any(is_other),
            Reach::Member(member) => self.shared_links().filter(|link| self.is_of(link, member, date)).any(is_other),
            Reach::Everything => self.shared_links().any(is_other),
        }
    }

    fn taken(&self, link: &LinkId, date: Date) -> Taken<'_> {
        let (terms, mode) = self.link_on(link, date)?;
        Some((terms, mode, self.cap_bp(terms, date)))
    }

    fn is_of(&self, link: &LinkId, member: &MemberId, date: Date) -> bool {
        self.terms_on(link, date).is_some_and(|terms| terms.member == *member)
    }

    fn shared_links(&self) -> impl Iterator<Item = &LinkId> {
        self.logs.treasury.links.keys()
    }

    fn reach(&self, change: &Change) -> Reach {
        let of_scope = |scope: &Scope| match scope {
            Scope::Link(link) => Reach::Links(vec![link.clone()]),
            Scope::Member(member) => Reach::Member(member.clone()),
            Scope::Everything => Reach::Everything,
        };
        match change {
            Change::Stage { links, .. } => Reach::Links(links.clone()),
            Change::Port(port) => Reach::Links(vec![port.link.clone()]),
            Change::Suspend(suspension) => of_scope(&suspension.scope),
            Change::Override(limit) => of_scope(&limit.scope),
            Change::Lift(id) => {
                self.suspension(*id).map_or(Reach::Nothing, |joined| of_scope(&joined.suspension.scope))
            }
            Change::Member(record) => Reach::Member(record.member.clone()),
            Change::Affiliate { member, .. } | Change::Customer { member, .. } => Reach::Member(member.clone()),
            Change::Account(record) => {
                let links = Leg::BOTH.into_iter().filter_map(|leg| self.link_of_account(leg, &record.account));
                Reach::Links(links.cloned().collect())
            }
            Change::Approve(_) | Change::Withdraw { .. } => Reach::Everything,
            Change::Link(_)
            | Change::Document { .. }
            | Change::Package { .. }
            | Change::CloseOut { .. }
            | Change::Liquidation { .. }
            | Change::LossAllocation { .. } => Reach::Nothing,
        }
    }
}
