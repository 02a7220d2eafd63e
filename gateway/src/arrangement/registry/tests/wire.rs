//! Changes as an administrator gives them, each in one line, around one customer's link.

use crossmargin::v1::{self, ApprovalKind, DocumentKind, LinkStage, programme_change::Change};

/// The member that carries the links, and the one that they can move to.
pub(super) const MEMBERS: [&str; 2] = ["M1", "M2"];
pub(super) const MEMBER: &str = MEMBERS[0];
pub(super) const CUSTOMER: &str = "C-1";
pub(super) const AFFILIATE: &str = "AF1";
pub(super) const LINK: &str = "L-customer";
pub(super) const HOUSE_LINK: &str = "L-house";
pub(super) const AFFILIATE_LINK: &str = "L-affiliate";

/// Since when everything holds, and some day after it.
pub(super) const SINCE: &str = "2026-01-02";
pub(super) const DAY: &str = "2026-04-20";

pub(super) const CUSTOMER_DOCUMENTS: [DocumentKind; 3] =
    [DocumentKind::CustomerAgreement, DocumentKind::SubordinationAgreement, DocumentKind::DisclosureAcknowledgement];
pub(super) const APPROVALS: [ApprovalKind; 4] =
    [ApprovalKind::SecOrder, ApprovalKind::CftcOrder, ApprovalKind::TreasuryHouseRule, ApprovalKind::FuturesHouseRule];

/// A change that is explained.
pub(super) fn of(change: Change) -> v1::ProgrammeChange {
    v1::ProgrammeChange { reason: "a test".to_owned(), change: Some(change) }
}

pub(super) fn range(from: &str, until: &str) -> Option<v1::DateRange> {
    Some(v1::DateRange { from: from.to_owned(), until: until.to_owned() })
}

pub(super) fn always() -> Option<v1::DateRange> {
    range(SINCE, "")
}

pub(super) fn member_record(member: &str) -> v1::MemberRecord {
    v1::MemberRecord {
        member: member.to_owned(),
        broker_dealer: always(),
        futures_commission_merchant: always(),
        membership: always(),
    }
}

pub(super) fn member(member: &str) -> v1::ProgrammeChange {
    of(Change::Member(member_record(member)))
}

pub(super) fn affiliate(member: &str, eligible: Option<v1::DateRange>) -> v1::ProgrammeChange {
    let (member, affiliate) = (member.to_owned(), AFFILIATE.to_owned());
    of(Change::Affiliate(v1::AffiliateRecord { affiliate, member, eligible }))
}

pub(super) fn customer(member: &str, opted_in: Option<v1::DateRange>) -> v1::ProgrammeChange {
    let (member, customer) = (member.to_owned(), CUSTOMER.to_owned());
    of(Change::Customer(v1::CustomerRecord { customer, member, opted_in }))
}

pub(super) fn account(account: &str, owner: &str, usage: v1::AccountUse) -> v1::ProgrammeChange {
    let (account, member, owner) = (account.to_owned(), MEMBER.to_owned(), owner.to_owned());
    of(Change::Account(v1::AccountRecord { account, member, owner, r#use: usage.into() }))
}

/// An account that a member carries.
pub(super) fn account_at(member: &str, name: &str, owner: &str, usage: v1::AccountUse) -> v1::ProgrammeChange {
    let mut change = account(name, owner, usage);
    if let Some(Change::Account(record)) = &mut change.change {
        record.member = member.to_owned();
    }
    change
}

/// The terms of a link of each kind; the account at each house is named after the link.
pub(super) fn terms(link: &str) -> v1::LinkTerms {
    let (kind, owner) = match link {
        HOUSE_LINK => (v1::LinkKind::House, MEMBER),
        AFFILIATE_LINK => (v1::LinkKind::Affiliate, AFFILIATE),
        _ => (v1::LinkKind::Customer, CUSTOMER),
    };
    v1::LinkTerms {
        link_id: link.to_owned(),
        kind: kind.into(),
        member: MEMBER.to_owned(),
        owner: owner.to_owned(),
        treasury_account: format!("T{}", &link[1..]),
        futures_account: format!("F{}", &link[1..]),
    }
}

pub(super) fn link(terms: v1::LinkTerms) -> v1::ProgrammeChange {
    of(Change::Link(terms))
}

pub(super) fn document(link: &str, kind: DocumentKind) -> v1::ProgrammeChange {
    let digest = vec![kind as u8; 32].into();
    let (link_ids, dated) = (vec![link.to_owned()], SINCE.to_owned());
    of(Change::Document(v1::DocumentRecord { link_ids, kind: kind.into(), digest, dated, member: String::new() }))
}

/// A document that binds a member, of a date.
pub(super) fn document_of(member: &str, link_id: &str, kind: DocumentKind, dated: &str) -> v1::ProgrammeChange {
    let mut change = document(link_id, kind);
    if let Some(Change::Document(record)) = &mut change.change {
        (record.member, record.dated) = (member.to_owned(), dated.to_owned());
    }
    change
}

pub(super) fn stage(link: &str, to: LinkStage) -> v1::ProgrammeChange {
    of(Change::Stage(v1::StageChange { link_ids: vec![link.to_owned()], to: to.into() }))
}

pub(super) fn of_link(link: &str) -> Option<v1::Scope> {
    Some(v1::Scope { scope: Some(v1::scope::Scope::LinkId(link.to_owned())) })
}

pub(super) fn of_member(member: &str) -> Option<v1::Scope> {
    Some(v1::Scope { scope: Some(v1::scope::Scope::Member(member.to_owned())) })
}

pub(super) fn of_everything() -> Option<v1::Scope> {
    Some(v1::Scope { scope: Some(v1::scope::Scope::Everything(true)) })
}

pub(super) fn suspend(scope: Option<v1::Scope>) -> v1::ProgrammeChange {
    of(Change::Suspension(v1::Suspension { scope, is_default: false }))
}

pub(super) fn default_of(member: &str) -> v1::ProgrammeChange {
    of(Change::Suspension(v1::Suspension { scope: of_member(member), is_default: true }))
}

pub(super) fn lift(suspension: &str) -> v1::ProgrammeChange {
    of(Change::Lift(v1::Lift { suspension_id: suspension.to_owned() }))
}

pub(super) fn approval_record(kind: ApprovalKind) -> v1::ApprovalRecord {
    v1::ApprovalRecord {
        approval_id: format!("A-{}", kind as i32),
        kind: kind.into(),
        reference: "90 FR 58525".to_owned(),
        scope: vec![v1::LinkKind::Customer.into()],
        effective_from: SINCE.to_owned(),
        conditions: String::new(),
    }
}

pub(super) fn approval(record: v1::ApprovalRecord) -> v1::ProgrammeChange {
    of(Change::Approval(record))
}

pub(super) fn withdraw(kind: ApprovalKind, from: &str) -> v1::ProgrammeChange {
    let approval_id = approval_record(kind).approval_id;
    of(Change::ApprovalWithdrawal(v1::ApprovalWithdrawal { approval_id, from: from.to_owned() }))
}

pub(super) fn limit(scope: Option<v1::Scope>, max_factor_bp: u32) -> v1::ProgrammeChange {
    limit_of(scope, max_factor_bp, SINCE, "")
}

/// A limit of some days.
pub(super) fn limit_of(scope: Option<v1::Scope>, max_factor_bp: u32, from: &str, until: &str) -> v1::ProgrammeChange {
    of(Change::Override(v1::ReductionOverride { scope, max_factor_bp, in_force: range(from, until) }))
}

pub(super) fn port(link: &str, to: &str, from: &str) -> v1::ProgrammeChange {
    let (link_id, to_member) = (link.to_owned(), to.to_owned());
    of(Change::Port(v1::Port { link_id, to_member, effective_from: from.to_owned() }))
}

pub(super) fn package(suspension: &str) -> v1::ProgrammeChange {
    let (suspension_id, package) = (suspension.to_owned(), vec![1; 32].into());
    of(Change::DefaultPackage(v1::DefaultPackageRecord { suspension_id, package, size_bytes: 9 }))
}

pub(super) fn close_out(suspension: &str) -> v1::ProgrammeChange {
    let close_out = v1::CloseOut::Joint.into();
    of(Change::CloseOut(v1::CloseOutChoice { suspension_id: suspension.to_owned(), close_out }))
}

pub(super) fn liquidation(suspension: &str, result: &str) -> v1::ProgrammeChange {
    let (suspension_id, result) = (suspension.to_owned(), result.to_owned());
    of(Change::Liquidation(v1::LiquidationResult { suspension_id, result, customer: String::new() }))
}

pub(super) fn allocation(suspension: &str, payer: &str, amount: &str) -> v1::ProgrammeChange {
    let (suspension_id, rule) = (suspension.to_owned(), "assumed-1".to_owned());
    let (payer, amount) = (payer.to_owned(), amount.to_owned());
    let customer = String::new();
    of(Change::LossAllocation(v1::LossAllocationRecord { suspension_id, payer, amount, rule, customer }))
}

/// A result or an allocation of a customer's accounts.
pub(super) fn of_customer(customer: &str, mut change: v1::ProgrammeChange) -> v1::ProgrammeChange {
    match &mut change.change {
        Some(Change::Liquidation(result)) => result.customer = customer.to_owned(),
        Some(Change::LossAllocation(record)) => record.customer = customer.to_owned(),
        other => panic!("{other:?} is about no pool"),
    }
    change
}

/// The documents that the kind of a link requires.
pub(super) fn documents_of(link: &str) -> &'static [DocumentKind] {
    match link {
        HOUSE_LINK => &[DocumentKind::HouseAgreement],
        AFFILIATE_LINK => &[DocumentKind::AffiliateAgreement],
        _ => &CUSTOMER_DOCUMENTS,
    }
}

/// Everything that one house records before a link of any kind is live, in order.
pub(super) fn onboarding(link_id: &str) -> Vec<v1::ProgrammeChange> {
    let mut changes = vec![member(MEMBER)];
    match link_id {
        HOUSE_LINK => {}
        AFFILIATE_LINK => changes.push(affiliate(MEMBER, always())),
        _ => {
            changes.push(customer(MEMBER, always()));
            changes.extend(APPROVALS.map(|kind| approval(approval_record(kind))));
        }
    }
    changes.push(link(terms(link_id)));
    changes.extend(documents_of(link_id).iter().map(|kind| document(link_id, *kind)));
    changes.extend([stage(link_id, LinkStage::Rehearsing), stage(link_id, LinkStage::Live)]);
    changes
}
