//! The programme of the sample: its members, affiliates, customers and links, documented and as far as they can go.
//!
//! House and affiliate links are live. Customer links rehearse: no approval of the sample covers them.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use crossmargin::v1::{self, programme_change::Change};

use crate::arrangement::link::LinkKind;

/// Since when the sample's firms are registered and members.
const SINCE: &str = "2020-01-02";
/// The date of the sample's documents.
const DATED: &str = "2026-01-15";

/// Everything that a house records to bring these links as far as they can go without approvals, in order.
#[must_use]
pub fn onboarding(links: &[v1::LinkTerms]) -> Vec<v1::ProgrammeChange> {
    let mut changes = parties(links);
    changes.extend(links.iter().map(|terms| recorded(Change::Link(terms.clone()))));
    for (kind, documents) in DOCUMENTS {
        let of_kind = ids(links, |link| link.kind() == v1::LinkKind::from(kind));
        if of_kind.is_empty() {
            continue;
        }
        changes.extend(documents.iter().map(|document| {
            recorded(Change::Document(v1::DocumentRecord {
                link_ids: of_kind.clone(),
                kind: (*document).into(),
                digest: digest(&SHA256, document.as_str_name().as_bytes()).as_ref().to_vec().into(),
                dated: DATED.to_owned(),
                member: String::new(),
            }))
        }));
    }
    changes.push(stage(ids(links, |_| true), v1::LinkStage::Rehearsing, "the documents are complete"));
    let live = ids(links, |link| link.kind() != v1::LinkKind::Customer);
    if !live.is_empty() {
        changes.push(stage(live, v1::LinkStage::Live, "the rehearsal was accepted"));
    }
    changes
}

/// The members, affiliates and customers of links.
#[must_use]
pub fn parties(links: &[v1::LinkTerms]) -> Vec<v1::ProgrammeChange> {
    let since = || Some(v1::DateRange { from: SINCE.to_owned(), until: String::new() });
    let members: BTreeSet<&str> = links.iter().map(|link| link.member.as_str()).collect();
    let mut changes: Vec<v1::ProgrammeChange> = members
        .into_iter()
        .map(|member| {
            recorded(Change::Member(v1::MemberRecord {
                member: member.to_owned(),
                broker_dealer: since(),
                futures_commission_merchant: since(),
                membership: since(),
            }))
        })
        .collect();
    let owners: BTreeSet<(&str, &str, i32)> =
        links.iter().map(|link| (link.member.as_str(), link.owner.as_str(), link.kind)).collect();
    changes.extend(owners.into_iter().filter_map(|(member, owner, kind)| {
        let (member, owner) = (member.to_owned(), owner.to_owned());
        match LinkKind::from_wire(v1::LinkKind::try_from(kind).ok()?)? {
            LinkKind::House => None,
            LinkKind::Affiliate => {
                Some(recorded(Change::Affiliate(v1::AffiliateRecord { affiliate: owner, member, eligible: since() })))
            }
            LinkKind::Customer => {
                Some(recorded(Change::Customer(v1::CustomerRecord { customer: owner, member, opted_in: since() })))
            }
        }
    }));
    changes
}

/// The approvals that customer links require under the default arrangement, effective from the sample's documents on.
#[must_use]
pub fn approvals() -> Vec<v1::ProgrammeChange> {
    let approval = |(id, kind, reference): (&str, v1::ApprovalKind, &str)| {
        recorded(Change::Approval(v1::ApprovalRecord {
            approval_id: id.to_owned(),
            kind: kind.into(),
            reference: reference.to_owned(),
            scope: vec![v1::LinkKind::Customer.into()],
            effective_from: DATED.to_owned(),
            conditions: "made up for the sample".to_owned(),
        }))
    };
    [
        ("sec-customers", v1::ApprovalKind::SecOrder, "sample: order of the SEC"),
        ("cftc-customers", v1::ApprovalKind::CftcOrder, "sample: order of the CFTC"),
        ("treasury-house-customers", v1::ApprovalKind::TreasuryHouseRule, "sample: rule filing of the Treasury house"),
        ("futures-house-customers", v1::ApprovalKind::FuturesHouseRule, "sample: rule filing of the futures house"),
    ]
    .map(approval)
    .into()
}

/// The onboarding of links as the content of a registry entry.
#[cfg(test)]
pub(crate) fn entry(links: &[v1::LinkTerms]) -> crate::arrangement::evidence::RegistryContent {
    use crate::arrangement::evidence::{ChangeBatch, RegistryContent};
    let at = jiff::Timestamp::UNIX_EPOCH;
    RegistryContent::Changes(ChangeBatch { changes: onboarding(links), by: "administrator".to_owned(), at })
}

/// A change of the stage of links.
#[must_use]
pub fn stage(link_ids: Vec<String>, to: v1::LinkStage, reason: &str) -> v1::ProgrammeChange {
    let change = Change::Stage(v1::StageChange { link_ids, to: to.into() });
    v1::ProgrammeChange { reason: reason.to_owned(), change: Some(change) }
}

/// A change that needs no reason.
#[must_use]
pub fn recorded(change: Change) -> v1::ProgrammeChange {
    v1::ProgrammeChange { reason: String::new(), change: Some(change) }
}

/// The documents of each kind of link under the default arrangement.
const DOCUMENTS: [(LinkKind, &[v1::DocumentKind]); 3] = [
    (LinkKind::House, &[v1::DocumentKind::HouseAgreement]),
    (LinkKind::Affiliate, &[v1::DocumentKind::AffiliateAgreement]),
    (
        LinkKind::Customer,
        &[
            v1::DocumentKind::CustomerAgreement,
            v1::DocumentKind::SubordinationAgreement,
            v1::DocumentKind::DisclosureAcknowledgement,
        ],
    ),
];

fn ids(links: &[v1::LinkTerms], is_wanted: impl Fn(&v1::LinkTerms) -> bool) -> Vec<String> {
    links.iter().filter(|link| is_wanted(link)).map(|link| link.link_id.clone()).collect()
}
