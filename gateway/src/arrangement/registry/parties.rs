//! Members, affiliates and customers as both logs together give them, and what followed a member's default.

use std::collections::BTreeSet;

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Registry,
    change::{LossAllocation, MemberRecord, Package, Scope, SuspensionId},
    obstacle::Obstacle,
};
use crate::arrangement::{
    leg::{Leg, Pair},
    link::LinkKind,
    name::{MemberId, OwnerId},
};

impl Registry {
    /// Every member that a house recorded after `after`, ascending, with what each house recorded.
    pub fn members<'a>(
        &'a self,
        after: Option<&MemberId>,
    ) -> impl Iterator<Item = (&'a MemberId, Pair<Option<&'a MemberRecord>>)> {
        let of = |leg: Leg| self.logs[leg].members.keys();
        let names: BTreeSet<&MemberId> = of(Leg::Treasury).chain(of(Leg::Futures)).collect();
        let after = after.cloned();
        let later = names.into_iter().filter(move |member| after.as_ref().is_none_or(|after| *member > after));
        later.map(|member| (member, Pair::from_fn(|leg| self.logs[leg].members.get(member))))
    }

    /// Whether a house has recorded a member.
    #[must_use]
    pub fn is_member(&self, member: &MemberId) -> bool {
        Leg::BOTH.into_iter().any(|leg| self.logs[leg].members.contains_key(member))
    }

    /// What keeps links of a kind of a member from being charged reduced on a date, apart from the links themselves.
    #[must_use]
    pub fn member_standing(&self, member: &MemberId, kind: LinkKind, date: Date) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        for leg in Leg::BOTH {
            self.member_obstacles(leg, member, kind, date, &mut obstacles);
        }
        let touching = self.suspensions_in_force().filter(|(_, suspension)| match &suspension.scope {
            Scope::Member(suspended) => suspended == member,
            Scope::Everything => true,
            Scope::Link(_) => false,
        });
        obstacles.extend(touching.map(|(id, suspension)| Obstacle::Suspended(id, suspension.clone())));
        obstacles
    }

    /// The default package of a suspension as each house recorded it.
    #[must_use]
    pub fn packages(&self, suspension: SuspensionId) -> Pair<Option<Package>> {
        Pair::from_fn(|leg| self.logs[leg].packages.get(&suspension).copied())
    }

    /// The close-out that each house chose.
    #[must_use]
    pub fn close_outs(&self, suspension: SuspensionId) -> Pair<Option<v1::CloseOut>> {
        Pair::from_fn(|leg| self.logs[leg].close_outs.get(&suspension).copied())
    }

    /// The pools of a suspension of which a house recorded a result or an allocation, ascending: the member's own accounts
    /// and its affiliates' first, as `None`, then its customers.
    #[must_use]
    pub fn recorded_pools(&self, suspension: SuspensionId) -> BTreeSet<Option<OwnerId>> {
        let pools = Leg::BOTH.into_iter().flat_map(|leg| {
            let log = &self.logs[leg];
            log.liquidations.keys().chain(log.allocations.keys())
        });
        pools.filter(|(of, _)| *of == suspension).map(|(_, customer)| customer.clone()).collect()
    }

    /// What each house's liquidation of a pool came to, US cents: of a customer's accounts, or of the member's own and its
    /// affiliates' together.
    #[must_use]
    pub fn liquidations(&self, suspension: SuspensionId, customer: Option<&OwnerId>) -> Pair<Option<i64>> {
        let key = (suspension, customer.cloned());
        Pair::from_fn(|leg| self.logs[leg].liquidations.get(&key).copied())
    }

    /// What each house recorded of the payment between them for a pool.
    #[must_use]
    pub fn loss_allocations(
        &self,
        suspension: SuspensionId,
        customer: Option<&OwnerId>,
    ) -> Pair<Option<&LossAllocation>> {
        let key = (suspension, customer.cloned());
        Pair::from_fn(|leg| self.logs[leg].allocations.get(&key))
    }
}
