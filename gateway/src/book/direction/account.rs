//! What has to be known of an account before positions are directed from or to it.

use crate::arrangement::name::{AccountId, LinkId, MemberId, OwnerId};

/// What a house knows of its own accounts.
pub trait AccountDirectory {
    /// The facts of an account; `None` for one that this house has not recorded.
    fn facts(&self, account: &AccountId) -> Option<AccountFacts>;
}

/// An account of the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// The member that carries it.
    pub member: MemberId,
    /// Its owner.
    pub owner: OwnerId,
    /// What it is for.
    pub purpose: Purpose,
}

/// What an account is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its positions take no part in cross-margining.
    Regular,
    /// It is designated for cross-margining and stands in no link: positions are neither directed from it nor to it.
    Unlinked,
    /// It is the account of a link: its positions are margined with those at the other house.
    CrossMargin {
        /// The link.
        link: LinkId,
        /// How far the link takes directions.
        standing: LinkStanding,
    },
}

/// How far a link takes directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStanding {
    /// Into it and out of it.
    Open,
    /// Neither: its positions are frozen.
    Suspended,
    /// Out of it alone.
    Closing,
    /// Neither: it takes part in no cycle any more.
    Closed,
}

/// The accounts of one member; all others do not exist for it.
pub struct OfMember<'a> {
    /// All accounts.
    pub directory: &'a dyn AccountDirectory,
    /// The member; `None` where every account is shown.
    pub member: Option<&'a MemberId>,
}

impl AccountDirectory for OfMember<'_> {
    fn facts(&self, account: &AccountId) -> Option<AccountFacts> {
        let facts = self.directory.facts(account)?;
        self.member.is_none_or(|member| *member == facts.member).then_some(facts)
    }
}
