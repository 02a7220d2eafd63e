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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossmargin::v1::{self, programme_change::Change};

    use super::*;
    use crate::{
        arrangement::{
            digest::Digest,
            evidence::{ChangeBatch, RegistryContent, RegistryEntry},
            terms::Arrangement,
        },
        sample::{self, programme::recorded},
    };

    #[test]
    fn an_account_is_what_its_link_or_its_record_makes_of_it() {
        let link = sample::book::links().swap_remove(0);
        let account = |account: &str, usage: AccountUse| {
            let (member, owner) = (link.member.clone(), link.owner.clone());
            let record = v1::AccountRecord { account: account.into(), member, owner, r#use: usage.into() };
            recorded(Change::Account(record))
        };
        let mut changes = sample::programme::onboarding(std::slice::from_ref(&link));
        changes.extend([account("REG", AccountUse::Regular), account("XM", AccountUse::CrossMargin)]);
        let batch = ChangeBatch { changes, by: "administrator".to_owned(), at: jiff::Timestamp::UNIX_EPOCH };
        let mut registry = Registry::new(Arc::clone(&Arrangement::default().programme));
        let leg = Leg::Futures;
        for content in [RegistryContent::Adoption(Digest([7; 32])), RegistryContent::Changes(batch)] {
            let (sequence, previous) = registry.next(leg);
            let digest = Digest::of(&sequence.to_le_bytes());
            registry.record(leg, &RegistryEntry { sequence, previous, content }, digest).unwrap();
        }
        let accounts = Accounts { registry: &registry, leg, date: sample::BUSINESS_DATE };
        let purpose = |name: &str| accounts.facts(&name.parse().unwrap()).map(|facts| facts.purpose);
        assert_eq!(purpose("REG"), Some(Purpose::Regular));
        assert_eq!(purpose("XM"), Some(Purpose::Unlinked));
        let of_link = purpose(&link.futures_account);
        assert!(matches!(of_link, Some(Purpose::CrossMargin { .. })), "{of_link:?}");
        assert_eq!(purpose("NOBODY"), None);
    }
}
