//! Which links a caller may see.

use crate::{
    arrangement::link::LinkTerms,
    identity::{CustomerId, MemberId, Role},
};

/// Which links a caller may see. What it may not see does not exist for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// Every link.
    All,
    /// The links of one member.
    Member(MemberId),
    /// The links of one owner.
    Owner(CustomerId),
}

impl Visibility {
    /// What a role may see.
    pub(crate) fn of(role: &Role) -> Self {
        match role {
            Role::Member(member) | Role::MemberAdministrator(member) => Self::Member(member.clone()),
            Role::Customer(customer) => Self::Owner(customer.clone()),
            _ => Self::All,
        }
    }

    /// Whether the caller sees every link, and so what anybody holds.
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether the caller may see what is about a member.
    pub(crate) fn shows_member(&self, member: &crate::arrangement::name::MemberId) -> bool {
        self.shows_member_named(member.as_str())
    }

    /// The same for a member by its name on the wire.
    pub(crate) fn shows_member_named(&self, member: &str) -> bool {
        match self {
            Self::All => true,
            Self::Member(own) => own.as_str() == member,
            Self::Owner(_) => false,
        }
    }

    /// Whether the caller may see a link.
    pub(crate) fn shows(&self, terms: &LinkTerms) -> bool {
        match self {
            Self::All => true,
            Self::Member(member) => terms.member.as_str() == member.as_str(),
            Self::Owner(owner) => terms.owner.as_str() == owner.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrangement::{leg::Pair, link::LinkKind};

    fn link(member: &str, owner: &str) -> LinkTerms {
        LinkTerms {
            link: "L1".parse().unwrap(),
            kind: LinkKind::Customer,
            member: member.parse().unwrap(),
            owner: owner.parse().unwrap(),
            accounts: Pair { treasury: "T1".parse().unwrap(), futures: "F1".parse().unwrap() },
        }
    }

    #[test]
    fn a_member_sees_its_own_links_alone() {
        let sees = Visibility::of(&Role::Member(MemberId::new("BD1").unwrap()));
        assert!(sees.shows(&link("BD1", "C1")));
        assert!(!sees.shows(&link("BD2", "C1")));
        // A customer that bears a member's name is not that member.
        assert!(!sees.shows(&link("BD2", "BD1")));
    }

    #[test]
    fn a_customer_sees_its_own_links_alone() {
        let sees = Visibility::of(&Role::Customer(CustomerId::new("C1").unwrap()));
        assert!(sees.shows(&link("BD1", "C1")));
        assert!(sees.shows(&link("BD2", "C1")));
        assert!(!sees.shows(&link("BD1", "C2")));
        assert!(!sees.shows(&link("C1", "C2")));
    }

    #[test]
    fn the_house_sees_every_link() {
        for role in [Role::MarginReader, Role::Operator, Role::Auditor] {
            assert!(Visibility::of(&role).shows(&link("BD1", "C1")));
        }
    }
}
