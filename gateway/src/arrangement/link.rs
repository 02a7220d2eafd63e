//! The terms of a link between one account at each house.

use std::collections::BTreeMap;

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

/// What is wrong with one row of a batch of links.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("links[{row}].{field}: {reason}")]
pub struct LinkProblem {
    /// The row, counted from 0.
    pub row: usize,
    /// The field of `LinkTerms`.
    pub field: &'static str,
    /// What is wrong and what is needed.
    pub reason: String,
}

/// Reads a batch of links and reports every problem at once: malformed names, a kind that is missing, an owner that
/// does not go with the kind, a link or an account that the batch names twice.
///
/// # Errors
/// All problems, by row and field; there is at least one.
pub fn parse_batch(rows: &[v1::LinkTerms]) -> Result<Vec<LinkTerms>, Vec<LinkProblem>> {
    let mut problems = Vec::new();
    let parsed: Vec<LinkTerms> =
        rows.iter().enumerate().filter_map(|(row, wire)| parse_row(row, wire, &mut problems)).collect();
    report_repeats(rows, &mut problems);
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}

impl LinkTerms {
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

fn parse_row(row: usize, wire: &v1::LinkTerms, problems: &mut Vec<LinkProblem>) -> Option<LinkTerms> {
    let mut report = |field, reason: String| problems.push(LinkProblem { row, field, reason });
    let kind = match wire.kind() {
        v1::LinkKind::Unspecified => {
            report("kind", format!("{} is not a kind of link: HOUSE, AFFILIATE or CUSTOMER is needed", wire.kind));
            None
        }
        v1::LinkKind::House => Some(LinkKind::House),
        v1::LinkKind::Affiliate => Some(LinkKind::Affiliate),
        v1::LinkKind::Customer => Some(LinkKind::Customer),
    };
    let mut name = |field, reason: NameError| problems.push(LinkProblem { row, field, reason: reason.to_string() });
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
        problems.push(LinkProblem { row, field: "owner", reason });
        return None;
    }
    Some(LinkTerms { link: link?, kind, member, owner, accounts: accounts? })
}

/// Reports links and accounts that stand in more than one row. It reads the raw rows, so that a row with another
/// problem does not hide a repeat.
fn report_repeats(rows: &[v1::LinkTerms], problems: &mut Vec<LinkProblem>) {
    let mut report = |field: &'static str, text_of: &dyn Fn(&v1::LinkTerms) -> String| {
        let mut first_row = BTreeMap::new();
        for (row, wire) in rows.iter().enumerate() {
            let text = text_of(wire);
            if text.is_empty() {
                continue;
            }
            if let Some(first) = first_row.get(&text) {
                let reason = format!("{text} stands in links[{first}] too: it may stand in one link only");
                problems.push(LinkProblem { row, field, reason });
            } else {
                first_row.insert(text, row);
            }
        }
    };
    report("link_id", &|wire| wire.link_id.clone());
    for leg in Leg::BOTH {
        report(account_field(leg), &|wire| account_text(wire, leg).to_owned());
    }
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
    fn a_batch_reads_back_as_written() {
        let rows = vec![
            row("L1", v1::LinkKind::House, "BD1", "T1", "F1"),
            row("L2", v1::LinkKind::Affiliate, "AF1", "T2", "F2"),
            row("L3", v1::LinkKind::Customer, "C-17", "T3", "F3"),
        ];
        let parsed = parse_batch(&rows).unwrap();
        assert_eq!(parsed.iter().map(LinkTerms::to_wire).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn every_problem_of_a_batch_is_named_at_once_by_row_and_field() {
        let rows = vec![
            row("L1", v1::LinkKind::House, "C-17", "T1", "F1"),
            row("L 2", v1::LinkKind::Unspecified, "BD1", "", "F2"),
            row("L3", v1::LinkKind::Customer, "BD1", "T1", "F3"),
            row("L1", v1::LinkKind::Affiliate, "BD1", "T4", "F3"),
        ];
        let mut found: Vec<_> = parse_batch(&rows).unwrap_err().into_iter().map(|p| (p.row, p.field)).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                (0, "owner"),
                (1, "kind"),
                (1, "link_id"),
                (1, "treasury_account"),
                (2, "owner"),
                (2, "treasury_account"),
                (3, "futures_account"),
                (3, "link_id"),
                (3, "owner"),
            ]
        );
    }

    #[test]
    fn the_digest_of_terms_tells_every_field() {
        let base = row("L1", v1::LinkKind::Customer, "C1", "T1", "F1");
        let digest = |wire: &v1::LinkTerms| parse_batch(std::slice::from_ref(wire)).unwrap()[0].digest();
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
