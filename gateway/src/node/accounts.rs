//! What a node knows of its house's own accounts.

use crossmargin::v1::AccountUse;
use jiff::civil::Date;

use crate::{
    arrangement::{
        leg::Leg,
        name::{AccountId, LinkId},
        registry::{Registry, stage::Stage},
    },
    book::direction::account::{AccountDirectory, AccountFacts, LinkStanding, Purpose},
};

/// The accounts of a house as its registry has them on a date.
pub(crate) struct Accounts<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) leg: Leg,
    pub(crate) date: Date,
}

impl AccountDirectory for Accounts<'_> {
    fn facts(&self, account: &AccountId) -> Option<AccountFacts> {
        if let Some(link) = self.registry.link_of_account(self.leg, account) {
            return self.of_link(link);
        }
        let record = self.registry.own_account(self.leg, account)?;
        let (member, owner) = (record.member.clone(), record.owner.clone());
        let purpose = match record.usage {
            AccountUse::Regular => Purpose::Regular,
            // Records with an unspecified use are refused.
            AccountUse::CrossMargin | AccountUse::Unspecified => Purpose::Unlinked,
        };
        Some(AccountFacts { member, owner, purpose })
    }
}

impl Accounts<'_> {
    /// The account of a link that this house has recorded. Until both houses agree on its terms this house's own count.
    fn of_link(&self, link: &LinkId) -> Option<AccountFacts> {
        let agreed = self.registry.terms_on(link, self.date);
        let terms = match agreed {
            Some(terms) => terms,
            None => self.registry.joined_link(link)?.terms[self.leg]?,
        };
        let standing = match self.registry.standing(link, self.date)?.stage {
            Stage::Proposed | Stage::Documented | Stage::Rehearsing | Stage::Live => LinkStanding::Open,
            Stage::Suspended => LinkStanding::Suspended,
            Stage::Closing => LinkStanding::Closing,
            Stage::Closed => LinkStanding::Closed,
        };
        Some(AccountFacts {
            member: terms.member.clone(),
            owner: terms.owner.clone(),
            purpose: Purpose::CrossMargin { link: link.clone(), standing },
        })
    }
}
