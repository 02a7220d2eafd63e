//! The terms of a link between one account at each house.

use crossmargin::v1;
use prost::Message;

use super::{
    digest::Digest,
    leg::{Leg, Pair},
    name::{AccountId, LinkId, MemberId, NameError, OwnerId},
};

/// Whose positions a link pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// The member's own.
    House,
    /// An eligible affiliate's, margined separately.
    Affiliate,
    /// One end-user customer's.
    Customer,
}

/// Whether the agreed reduction of a link is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkMode {
    /// It is charged.
    Live,
    /// Everything runs and is signed, but stand-alone margin is charged.
    Rehearsal,
    /// The link is suspended or closing: figures are computed and signed, stand-alone margin is charged.
    Suspended,
}

/// What one house recorded of a link; in force once the other has recorded the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkTerms {
    /// The link, the same at both houses.
    pub link: LinkId,
    /// Whose positions it pairs.
    pub kind: LinkKind,
    /// The clearing member at both houses.
    pub member: MemberId,
    /// The owner of both accounts.
    pub owner: OwnerId,
    /// The account at each house.
    pub accounts: Pair<AccountId>,
}

/// What is wrong with one field of a link's terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct LinkProblem {
    /// The field of `LinkTerms`.
    pub field: &'static str,
    /// What is wrong and what is needed.
    pub reason: String,
}

impl LinkTerms {
    /// Reads terms and reports every problem at once: malformed names, a kind that is missing, an owner that does not go
    /// with the kind.
    ///
    /// # Errors
    /// All problems, by field; there is at least one.
    pub fn from_wire(wire: &v1::LinkTerms) -> Result<Self, Vec<LinkProblem>> {
        let mut problems = Vec::new();
        let terms = parse(wire, &mut problems);
        terms.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The terms as the wire carries them.
    #[must_use]
    pub fn to_wire(&self) -> v1::LinkTerms {
        v1::LinkTerms {
            link_id: self.link.to_string(),
            kind: v1::LinkKind::from(self.kind).into(),
            member: self.member.to_string(),
            owner: self.owner.to_string(),
            treasury_account: self.accounts.treasury.to_string(),
            futures_account: self.accounts.futures.to_string(),
        }
    }

    /// Digest of the terms: what a leaf of a claim carries in `terms`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_parts("crossmargin/v1 link terms", [self.to_wire().encode_to_vec().as_slice()])
    }
}

impl LinkKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::House, Self::Affiliate, Self::Customer];

    /// The kind that the wire names; `None` where it names none.
    #[must_use]
    pub fn from_wire(wire: v1::LinkKind) -> Option<Self> {
        match wire {
            v1::LinkKind::Unspecified => None,
            v1::LinkKind::House => Some(Self::House),
            v1::LinkKind::Affiliate => Some(Self::Affiliate),
            v1::LinkKind::Customer => Some(Self::Customer),
        }
    }
}

impl From<LinkKind> for v1::LinkKind {
    fn from(kind: LinkKind) -> Self {
        match kind {
            LinkKind::House => Self::House,
            LinkKind::Affiliate => Self::Affiliate,
            LinkKind::Customer => Self::Customer,
        }
    }
}

impl From<LinkMode> for v1::LinkMode {
    fn from(mode: LinkMode) -> Self {
        match mode {
            LinkMode::Live => Self::Live,
            LinkMode::Rehearsal => Self::Rehearsal,
            LinkMode::Suspended => Self::Suspended,
        }
    }
}

/// The field of `v1::LinkTerms` that names the account of a leg.
pub(crate) fn account_field(leg: Leg) -> &'static str {
    match leg {
        Leg::Treasury => "treasury_account",
        Leg::Futures => "futures_account",
    }
}

/// The account of a leg as a row names it.
pub(crate) fn account_text(wire: &v1::LinkTerms, leg: Leg) -> &str {
    match leg {
        Leg::Treasury => &wire.treasury_account,
        Leg::Futures => &wire.futures_account,
    }
}

fn parse(wire: &v1::LinkTerms, problems: &mut Vec<LinkProblem>) -> Option<LinkTerms> {
    let mut report = |field, reason: String| problems.push(LinkProblem { field, reason });
    let kind = LinkKind::from_wire(wire.kind());
    if kind.is_none() {
        report("kind", format!("{} is not a kind of link: HOUSE, AFFILIATE or CUSTOMER is needed", wire.kind));
    }
    let mut name = |field, reason: NameError| report(field, reason.to_string());
    let link = wire.link_id.parse().map_err(|e| name("link_id", e)).ok();
    let member: Option<MemberId> = wire.member.parse().map_err(|e| name("member", e)).ok();
    let owner: Option<OwnerId> = wire.owner.parse().map_err(|e| name("owner", e)).ok();
    let accounts =
        Pair::from_fn(|leg| account_text(wire, leg).parse().map_err(|e| name(account_field(leg), e)).ok()).both();
    let (kind, member, owner) = (kind?, member?, owner?);
    let is_own = owner.as_str() == member.as_str();
    if is_own != (kind == LinkKind::House) {
        let reason = match kind {
            LinkKind::House => format!("{owner} owns a house link of member {member}: the owner must be the member"),
            LinkKind::Affiliate => format!("{owner} is the member: an affiliate link needs the affiliate"),
            LinkKind::Customer => format!("{owner} is the member: a customer link needs the customer"),
        };
        problems.push(LinkProblem { field: "owner", reason });
        return None;
    }
    Some(LinkTerms { link: link?, kind, member, owner, accounts: accounts? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(link: &str, kind: v1::LinkKind, owner: &str, treasury: &str, futures: &str) -> v1::LinkTerms {
        v1::LinkTerms {
            link_id: link.into(),
            kind: kind.into(),
            member: "BD1".into(),
            owner: owner.into(),
            treasury_account: treasury.into(),
            futures_account: futures.into(),
        }
    }

    #[test]
    fn terms_read_back_as_written() {
        for wire in [
            row("L1", v1::LinkKind::House, "BD1", "T1", "F1"),
            row("L2", v1::LinkKind::Affiliate, "AF1", "T2", "F2"),
            row("L3", v1::LinkKind::Customer, "C-17", "T3", "F3"),
        ] {
            assert_eq!(LinkTerms::from_wire(&wire).unwrap().to_wire(), wire);
        }
    }

    #[test]
    fn every_problem_of_terms_is_named_at_once_by_field() {
        let cases = [
            (row("L1", v1::LinkKind::House, "C-17", "T1", "F1"), &["owner"][..]),
            (row("L 2", v1::LinkKind::Unspecified, "BD1", "", "F2"), &["kind", "link_id", "treasury_account"]),
            (row("L3", v1::LinkKind::Customer, "BD1", "T1", "F3"), &["owner"]),
            (row("L4", v1::LinkKind::Affiliate, "BD1", "T4", "F 3"), &["futures_account", "owner"]),
        ];
        for (wire, fields) in cases {
            let found: Vec<_> = LinkTerms::from_wire(&wire).unwrap_err().into_iter().map(|p| p.field).collect();
            assert_eq!(found, fields);
        }
    }

    #[test]
    fn the_digest_of_terms_tells_every_field() {
        let base = row("L1", v1::LinkKind::Customer, "C1", "T1", "F1");
        let digest = |wire: &v1::LinkTerms| LinkTerms::from_wire(wire).unwrap().digest();
        for changed in [
            v1::LinkTerms { link_id: "L2".into(), ..base.clone() },
            v1::LinkTerms { kind: v1::LinkKind::Affiliate.into(), ..base.clone() },
            v1::LinkTerms { member: "BD2".into(), ..base.clone() },
            v1::LinkTerms { owner: "C2".into(), ..base.clone() },
            v1::LinkTerms { treasury_account: "T2".into(), ..base.clone() },
            v1::LinkTerms { futures_account: "F2".into(), ..base.clone() },
        ] {
            assert_ne!(digest(&base), digest(&changed), "{changed:?}");
        }
    }
}
