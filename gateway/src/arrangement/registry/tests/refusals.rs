//! Every reason for which a change cannot be read: field by field, all of one change at once.

use crossmargin::v1::{self, ApprovalKind, DocumentKind, LinkStage, programme_change::Change as Wire};

use super::{wire::*, *};

fn named(problems: &[ChangeProblem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.field.as_str()).collect()
}

fn scope(scope: v1::scope::Scope) -> Option<v1::Scope> {
    Some(v1::Scope { scope: Some(scope) })
}

fn unexplained(change: v1::ProgrammeChange) -> v1::ProgrammeChange {
    v1::ProgrammeChange { reason: " ".to_owned(), ..change }
}

/// The smallest change that breaks a rule, the field that is named, and a part of the reason.
fn rows() -> Vec<(v1::ProgrammeChange, &'static str, &'static str)> {
    let member_of = |change: fn(&mut v1::MemberRecord)| {
        let mut record = member_record(MEMBER);
        change(&mut record);
        of(Wire::Member(record))
    };
    let link_of = |change: fn(&mut v1::LinkTerms)| {
        let mut wire = terms(LINK);
        change(&mut wire);
        link(wire)
    };
    let document_of = |change: fn(&mut v1::DocumentRecord)| {
        let mut wire = document(LINK, DocumentKind::CustomerAgreement);
        if let Some(Wire::Document(record)) = &mut wire.change {
            change(record);
        }
        wire
    };
    let approval_of = |change: fn(&mut v1::ApprovalRecord)| {
        let mut record = approval_record(ApprovalKind::SecOrder);
        change(&mut record);
        approval(record)
    };
    let limit_of = |change: fn(&mut v1::ReductionOverride)| {
        let mut limit = v1::ReductionOverride { scope: of_everything(), max_factor_bp: 1, in_force: always() };
        change(&mut limit);
        of(Wire::Override(limit))
    };
    let package_of = |change: fn(&mut v1::DefaultPackageRecord)| {
        let mut wire = package("CME/2/0");
        if let Some(Wire::DefaultPackage(record)) = &mut wire.change {
            change(record);
        }
        wire
    };
    let default_of = |scope| of(Wire::Suspension(v1::Suspension { scope, is_default: true }));
    let stages = |link_ids: &[&str], to: LinkStage| {
        let link_ids = link_ids.iter().map(|link| (*link).to_owned()).collect();
        of(Wire::Stage(v1::StageChange { link_ids, to: to.into() }))
    };
    vec![
        (v1::ProgrammeChange::default(), "change", "is missing"),
        (v1::ProgrammeChange { reason: "x".repeat(1_025), ..member(MEMBER) }, "reason", "longer than 1024"),
        (unexplained(stage(LINK, LinkStage::Live)), "reason", "is explained"),
        (unexplained(suspend(of_everything())), "reason", "is explained"),
        (unexplained(lift("CME/2/0")), "reason", "is explained"),
        (unexplained(withdraw(ApprovalKind::SecOrder, DAY)), "reason", "is explained"),
        (unexplained(limit(of_everything(), 1)), "reason", "is explained"),
        (unexplained(port(LINK, "M2", DAY)), "reason", "is explained"),
        (unexplained(close_out("CME/2/0")), "reason", "is explained"),
        (member_of(|record| record.member.clear()), "member.member", "it is empty"),
        (member_of(|record| record.membership = range("", "")), "member.membership.from", "is not a date"),
        (member_of(|record| record.broker_dealer = range(SINCE, "x")), "member.broker_dealer.until", "is not a date"),
        (
            member_of(|record| record.futures_commission_merchant = range(DAY, SINCE)),
            "member.futures_commission_merchant.until",
            "2026-01-02 is before from 2026-04-20",
        ),
        (member_of(|record| record.membership = range("2026-2-3", "")), "member.membership.from", "YYYY-MM-DD"),
        (affiliate("", always()), "affiliate.member", "it is empty"),
        (affiliate(AFFILIATE, always()), "affiliate.affiliate", "is the member"),
        (affiliate(MEMBER, None), "affiliate.eligible", "is missing"),
        (affiliate(MEMBER, range("2026-02-30", "")), "affiliate.eligible.from", "is not a date"),
        (customer("M 1", always()), "customer.member", "another character"),
        (customer(CUSTOMER, always()), "customer.customer", "is the member"),
        (customer(MEMBER, None), "customer.opted_in", "is missing"),
        (account("", CUSTOMER, v1::AccountUse::Regular), "account.account", "it is empty"),
        (account("T1", "", v1::AccountUse::Regular), "account.owner", "it is empty"),
        (account("T1", CUSTOMER, v1::AccountUse::Unspecified), "account.use", "REGULAR or CROSS_MARGIN"),
        (link_of(|terms| terms.link_id.clear()), "link.link_id", "it is empty"),
        (link_of(|terms| terms.kind = 9), "link.kind", "HOUSE, AFFILIATE or CUSTOMER"),
        (link_of(|terms| terms.member.clear()), "link.member", "it is empty"),
        (link_of(|terms| terms.owner = MEMBER.into()), "link.owner", "needs the customer"),
        (link_of(|terms| terms.treasury_account.clear()), "link.treasury_account", "it is empty"),
        (link_of(|terms| terms.futures_account = "-".into()), "link.futures_account", "starts or ends"),
        (document_of(|record| record.link_ids.clear()), "document.link_ids", "1 to 20000"),
        (document_of(|record| record.link_ids.push(String::new())), "document.link_ids[1]", "it is empty"),
        (document_of(|record| record.member = "M 1".into()), "document.member", "another character"),
        (document_of(|record| record.kind = 77), "document.kind", "not known here"),
        (document_of(|record| record.digest = vec![0; 31].into()), "document.digest", "31 were given"),
        (document_of(|record| record.dated = "20260102".into()), "document.dated", "is not a date"),
        (stages(&[], LinkStage::Live), "stage.link_ids", "names 0 links"),
        (stages(&["L1", "L 2"], LinkStage::Live), "stage.link_ids[1]", "another character"),
        (stages(&["L1"], LinkStage::Unspecified), "stage.to", "REHEARSING, LIVE, CLOSING or CLOSED"),
        (stages(&["L1"], LinkStage::Proposed), "stage.to", "follow from links"),
        (stages(&["L1"], LinkStage::Documented), "stage.to", "follow from links"),
        (stages(&["L1"], LinkStage::Suspended), "stage.to", "follow from links"),
        (suspend(None), "suspension.scope", "one of link_id, member or everything"),
        (suspend(Some(v1::Scope::default())), "suspension.scope", "one of link_id"),
        (suspend(scope(v1::scope::Scope::Everything(false))), "suspension.scope", "one of link_id"),
        (suspend(of_link("")), "suspension.scope.link_id", "it is empty"),
        (suspend(of_member("")), "suspension.scope.member", "it is empty"),
        (default_of(of_link(LINK)), "suspension.is_default", "scope as a member"),
        (default_of(of_everything()), "suspension.is_default", "scope as a member"),
        (lift("12"), "lift.suspension_id", "<house>/<sequence>/<place>"),
        (lift("NSCC/2/0"), "lift.suspension_id", "is not a party"),
        (approval_of(|record| record.approval_id.clear()), "approval.approval_id", "it is empty"),
        (approval_of(|record| record.kind = 0), "approval.kind", "is not given"),
        (approval_of(|record| record.reference.clear()), "approval.reference", "1 to 1024"),
        (approval_of(|record| record.conditions = "x".repeat(1_025)), "approval.conditions", "0 to 1024"),
        (approval_of(|record| record.scope.clear()), "approval.scope", "each once"),
        (approval_of(|record| record.scope = vec![3, 3]), "approval.scope", "each once"),
        (approval_of(|record| record.scope = vec![3, 1]), "approval.scope", "ascending"),
        (approval_of(|record| record.scope = vec![3, 4]), "approval.scope", "kinds of links"),
        (approval_of(|record| record.scope = vec![0]), "approval.scope", "kinds of links"),
        (approval_of(|record| record.effective_from.clear()), "approval.effective_from", "is not a date"),
        (withdraw(ApprovalKind::SecOrder, "soon"), "approval_withdrawal.from", "is not a date"),
        (limit_of(|limit| limit.scope = None), "override.scope", "one of link_id"),
        (limit_of(|limit| limit.max_factor_bp = 10_001), "override.max_factor_bp", "is 10001: 0 to 10000"),
        (limit_of(|limit| limit.in_force = None), "override.in_force", "is missing"),
        (port("", "M2", DAY), "port.link_id", "it is empty"),
        (port(LINK, "", DAY), "port.to_member", "it is empty"),
        (port(LINK, "M2", ""), "port.effective_from", "is not a date"),
        (package_of(|record| record.suspension_id.clear()), "default_package.suspension_id", "is no suspension"),
        (package_of(|record| record.package.clear()), "default_package.package", "0 were given"),
        (package_of(|record| record.size_bytes = 0), "default_package.size_bytes", "1 to 1073741824"),
        (close_out("CME"), "close_out.suspension_id", "is no suspension"),
        (
            of(Wire::CloseOut(v1::CloseOutChoice { suspension_id: "CME/2/0".into(), close_out: 0 })),
            "close_out.close_out",
            "JOINT, TRANSFER or SEPARATE",
        ),
        (liquidation("", "0"), "liquidation.suspension_id", "is no suspension"),
        (liquidation("CME/2/0", "1.001"), "liquidation.result", "at most two digits"),
        (of_customer("-", liquidation("CME/2/0", "1.00")), "liquidation.customer", "\"-\""),
        (of_customer("C 1", allocation("CME/2/0", "", "0")), "loss_allocation.customer", "\"C 1\""),
        (allocation("CME/2", "FICC", "1.00"), "loss_allocation.suspension_id", "is no suspension"),
        (allocation("CME/2/0", "FICC", "-1.00"), "loss_allocation.amount", "is below zero"),
        (allocation("CME/2/0", "", "a lot"), "loss_allocation.amount", "is not an amount"),
        (allocation("CME/2/0", "NSCC", "1.00"), "loss_allocation.payer", "\"NSCC\" is not a party"),
        (allocation("CME/2/0", "", "1.00"), "loss_allocation.payer", "only where, there is an amount"),
        (allocation("CME/2/0", "CME", "0.00"), "loss_allocation.payer", "only where, there is an amount"),
    ]
}

#[test]
fn every_change_that_cannot_be_read_names_its_field_and_what_is_needed() {
    let mut registry = adopted();
    let before = registry.clone();
    for (row, (change, field, reason)) in rows().into_iter().enumerate() {
        let problems = try_record(&mut registry, Leg::Treasury, &[change]).unwrap_err();
        assert_eq!(named(&problems), [field], "row {row}: {:?}", told(&problems));
        assert!(problems[0].reason.contains(reason), "row {row}: {:?}", told(&problems));
    }
    assert_eq!(registry, before, "a refused entry leaves no trace");
}

#[test]
fn a_batch_names_all_its_problems_at_once_by_row() {
    let (changes, fields): (Vec<_>, Vec<_>) = rows().into_iter().map(|(change, field, _)| (change, field)).unzip();
    let problems = try_record(&mut adopted(), Leg::Futures, &changes).unwrap_err();
    let wanted: Vec<(usize, &str)> = fields.into_iter().enumerate().collect();
    let found: Vec<_> = problems.iter().map(|problem| (problem.row, problem.field.as_str())).collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_change_names_all_its_problems_at_once() {
    let nameless = of(Wire::Affiliate(v1::AffiliateRecord { member: "M 1".into(), ..Default::default() }));
    let bare = |change| v1::ProgrammeChange { reason: String::new(), change: Some(change) };
    let rows = [
        (nameless, &["affiliate.member", "affiliate.affiliate", "affiliate.eligible"][..]),
        (
            bare(Wire::Customer(v1::CustomerRecord { customer: "-".into(), ..Default::default() })),
            &["customer.member", "customer.customer", "customer.opted_in"],
        ),
        (
            bare(Wire::Account(v1::AccountRecord::default())),
            &["account.account", "account.member", "account.owner", "account.use"],
        ),
        (
            bare(Wire::Document(v1::DocumentRecord::default())),
            &["document.link_ids", "document.kind", "document.digest", "document.dated"],
        ),
        (bare(Wire::Stage(v1::StageChange::default())), &["reason", "stage.link_ids", "stage.to"]),
        (
            bare(Wire::Approval(v1::ApprovalRecord::default())),
            &[
                "approval.approval_id",
                "approval.kind",
                "approval.reference",
                "approval.scope",
                "approval.effective_from",
            ],
        ),
        (
            bare(Wire::ApprovalWithdrawal(v1::ApprovalWithdrawal::default())),
            &["reason", "approval_withdrawal.approval_id", "approval_withdrawal.from"],
        ),
        (
            bare(Wire::Override(v1::ReductionOverride { max_factor_bp: 10_001, ..Default::default() })),
            &["reason", "override.scope", "override.max_factor_bp", "override.in_force"],
        ),
        (bare(Wire::Port(v1::Port::default())), &["reason", "port.link_id", "port.to_member", "port.effective_from"]),
        (
            bare(Wire::DefaultPackage(v1::DefaultPackageRecord::default())),
            &["default_package.suspension_id", "default_package.package", "default_package.size_bytes"],
        ),
        (
            bare(Wire::Liquidation(v1::LiquidationResult::default())),
            &["liquidation.suspension_id", "liquidation.result"],
        ),
        (
            bare(Wire::LossAllocation(v1::LossAllocationRecord { payer: "X".into(), ..Default::default() })),
            &[
                "loss_allocation.suspension_id",
                "loss_allocation.amount",
                "loss_allocation.payer",
                "loss_allocation.rule",
            ],
        ),
    ];
    for (change, fields) in rows {
        let problems = try_record(&mut adopted(), Leg::Treasury, &[change]).unwrap_err();
        assert_eq!(named(&problems), fields, "{:?}", told(&problems));
    }
}

#[test]
fn an_entry_holds_one_change_at_least_and_a_bounded_number() {
    let many = vec![member(MEMBER); BATCH_CHANGES_MAX + 1];
    for (changes, reason) in [(&[][..], "0 are given"), (&many, "20001 are given")] {
        let problems = try_record(&mut adopted(), Leg::Treasury, changes).unwrap_err();
        assert_eq!(named(&problems), ["change"]);
        assert!(problems[0].reason.contains(reason), "{:?}", told(&problems));
    }
    assert_eq!(try_record(&mut adopted(), Leg::Treasury, &many[1..]), Ok(()));
}
