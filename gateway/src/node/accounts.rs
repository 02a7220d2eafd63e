//! What a node knows of its house's own accounts.

use crate::{
    arrangement::{leg::Leg, name::AccountId, registry::Registry},
    book::direction::account::{AccountDirectory, AccountFacts, LinkStanding, Purpose},
};

/// Where a node knows accounts from. A seam: tests and benchmarks put accounts in that no registry has.
pub trait AccountSource: Send + Sync + 'static {
    /// The facts of an account of the house that carries `leg`; `None` for one that it has not recorded.
    fn facts(&self, registry: &Registry, leg: Leg, account: &AccountId) -> Option<AccountFacts>;
}

/// Accounts as the registry has them.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfRegistry;

impl AccountSource for OfRegistry {
    fn facts(&self, registry: &Registry, leg: Leg, account: &AccountId) -> Option<AccountFacts> {
        let (terms, _) = registry.link_of_account(leg, account)?;
        Some(AccountFacts {
            member: terms.member.clone(),
            owner: terms.owner.clone(),
            purpose: Purpose::CrossMargin { link: terms.link.clone(), standing: LinkStanding::Open },
        })
    }
}

/// The accounts of a house at one state of its registry.
pub(crate) struct Accounts<'a> {
    pub(crate) source: &'a dyn AccountSource,
    pub(crate) registry: &'a Registry,
    pub(crate) leg: Leg,
}

impl AccountDirectory for Accounts<'_> {
    fn facts(&self, account: &AccountId) -> Option<AccountFacts> {
        self.source.facts(self.registry, self.leg, account)
    }
}
