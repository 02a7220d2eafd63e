//! The rules of one house's own log: what an entry may say after the entries before it.

use crossmargin::v1::{self, AccountUse, ApprovalKind, DocumentKind, LinkStage, programme_change::Change as Wire};

use super::{wire::*, *};

/// What the log holds before, the change, and the field and a part of the reason of its refusal.
type Row = (Vec<v1::ProgrammeChange>, v1::ProgrammeChange, &'static str, &'static str);

/// The log of a house with the first `count` changes of the onboarding of the customer's link.
fn first(count: usize) -> Vec<v1::ProgrammeChange> {
    onboarding(LINK)[..count].to_vec()
}

fn proposed() -> Vec<v1::ProgrammeChange> {
    first(7)
}

fn documented() -> Vec<v1::ProgrammeChange> {
    first(10)
}

fn live() -> Vec<v1::ProgrammeChange> {
    onboarding(LINK)
}

fn and(
    mut log: Vec<v1::ProgrammeChange>,
    more: impl IntoIterator<Item = v1::ProgrammeChange>,
) -> Vec<v1::ProgrammeChange> {
    log.extend(more);
    log
}

fn closing() -> Vec<v1::ProgrammeChange> {
    and(live(), [stage(LINK, LinkStage::Closing)])
}

fn closed() -> Vec<v1::ProgrammeChange> {
    and(closing(), [stage(LINK, LinkStage::Closed)])
}

fn movable() -> Vec<v1::ProgrammeChange> {
    and(live(), [member("M2"), customer("M2", always())])
}

fn parties_and_links() -> Vec<Row> {
    let other = |change: fn(&mut v1::LinkTerms)| {
        let mut wire = v1::LinkTerms { link_id: "L-other".into(), ..terms("L-other") };
        change(&mut wire);
        link(wire)
    };
    let amended = link(v1::LinkTerms { futures_account: "F-new".into(), ..terms(LINK) });
    let of_another = account("T-customer", "C-2", AccountUse::CrossMargin);
    vec![
        (vec![], affiliate(MEMBER, always()), "affiliate.member", "record the member first"),
        (vec![], customer(MEMBER, always()), "customer.member", "record the member first"),
        (vec![], account("T-1", CUSTOMER, AccountUse::Regular), "account.member", "record the member first"),
        (proposed(), of_another.clone(), "account.owner", "L-customer of owner C-1: an account has one owner"),
        (
            vec![member(MEMBER), of_another],
            link(terms(LINK)),
            "link.treasury_account",
            "T-customer is recorded as an account of C-2: an account has one owner",
        ),
        (proposed(), link(terms(LINK)), "link.link_id", "with these terms already; it is proposed"),
        (live(), link(terms(LINK)), "link.link_id", "with these terms already; it is live"),
        (live(), amended.clone(), "link.link_id", "this house's word on it is live"),
        (closed(), amended, "link.link_id", "propose another"),
        (
            proposed(),
            other(|terms| terms.treasury_account = "T-customer".into()),
            "link.treasury_account",
            "T-customer already stands in link L-customer",
        ),
        (
            closing(),
            other(|terms| terms.futures_account = "F-customer".into()),
            "link.futures_account",
            "F-customer already stands in link L-customer",
        ),
        (
            vec![],
            document(LINK, DocumentKind::CustomerAgreement),
            "document.link_ids[0]",
            "has not recorded link L-customer: record its terms first",
        ),
        (
            closed(),
            document(LINK, DocumentKind::CustomerAgreement),
            "document.link_ids[0]",
            "is closed: it takes no document",
        ),
        (
            proposed(),
            document_of("M2", LINK, DocumentKind::CustomerAgreement, SINCE),
            "document.member",
            "M2 is not recorded by this house: record the member first",
        ),
        (
            and(
                first(7),
                [member("M2")].into_iter().chain(CUSTOMER_DOCUMENTS.map(|kind| document_of("M2", LINK, kind, SINCE))),
            ),
            stage(LINK, LinkStage::Rehearsing),
            "stage.link_ids[0]",
            "this house holds no CUSTOMER_AGREEMENT",
        ),
        (vec![], stage(LINK, LinkStage::Rehearsing), "stage.link_ids[0]", "record its terms first"),
        (
            first(8),
            stage(LINK, LinkStage::Rehearsing),
            "stage.link_ids[0]",
            "this house holds no SUBORDINATION_AGREEMENT, DISCLOSURE_ACKNOWLEDGEMENT: record it first",
        ),
        (documented(), stage(LINK, LinkStage::Live), "stage.link_ids[0]", "comes to live from rehearsing alone"),
        (live(), stage(LINK, LinkStage::Live), "stage.link_ids[0]", "this house's word is live already"),
        (live(), stage(LINK, LinkStage::Closed), "stage.link_ids[0]", "comes to closed from closing or"),
        (closing(), stage(LINK, LinkStage::Live), "stage.link_ids[0]", "this house's word is closing"),
        (closed(), stage(LINK, LinkStage::Rehearsing), "stage.link_ids[0]", "this house's word is closed"),
    ]
}

fn suspensions_and_approvals() -> Vec<Row> {
    let second = || approval_record(ApprovalKind::SecOrder);
    let withdrawn = || [approval(second()), withdraw(ApprovalKind::SecOrder, DAY)];
    vec![
        (vec![], suspend(of_link(LINK)), "suspension.scope.link_id", "record its terms first"),
        (vec![], suspend(of_member(MEMBER)), "suspension.scope.member", "record the member first"),
        (vec![], default_of(MEMBER), "suspension.scope.member", "record the member first"),
        (vec![], limit(of_link(LINK), 1), "override.scope.link_id", "record its terms first"),
        (vec![], limit(of_member(MEMBER), 1), "override.scope.member", "record the member first"),
        (vec![], lift("FICC/2/0"), "lift.suspension_id", "this house recorded no such suspension"),
        (
            vec![suspend(of_everything()), lift("FICC/2/0")],
            lift("FICC/2/0"),
            "lift.suspension_id",
            "consented already; the other house has to",
        ),
        (vec![lift("CME/2/0")], lift("CME/2/0"), "lift.suspension_id", "consented already"),
        (vec![approval(second())], approval(second()), "approval.approval_id", "A-1 is recorded like this already"),
        (withdrawn().into(), approval(second()), "approval.approval_id", "record the new approval under another id"),
        (
            vec![],
            withdraw(ApprovalKind::SecOrder, DAY),
            "approval_withdrawal.approval_id",
            "this house recorded no approval A-1",
        ),
    ]
}

fn moves_and_defaults() -> Vec<Row> {
    let plain = || vec![suspend(of_everything())];
    let mut rows = vec![
        (vec![], port(LINK, "M2", DAY), "port.link_id", "record its terms first"),
        (onboarding(HOUSE_LINK), port(HOUSE_LINK, "M2", DAY), "port.link_id", "is no customer's link"),
        (documented(), port(LINK, "M2", DAY), "port.link_id", "amend its terms instead"),
        (closing(), port(LINK, "M2", DAY), "port.link_id", "closing or closed"),
        (closed(), port(LINK, "M2", DAY), "port.link_id", "closing or closed"),
        (live(), port(LINK, "M2", DAY), "port.to_member", "C-1 is not recorded as a customer of M2"),
        (movable(), port(LINK, MEMBER, DAY), "port.to_member", "is at M1 on 2026-04-20 already"),
        (
            and(movable(), [port(LINK, "M2", DAY)]),
            port(LINK, "M2", DAY),
            "port.to_member",
            "is at M2 on 2026-04-20 already",
        ),
        (
            and(movable(), [port(LINK, "M2", DAY)]),
            port(LINK, MEMBER, DAY),
            "port.effective_from",
            "moves to M2 on 2026-04-20 already",
        ),
    ];
    for change in [package, close_out, |id: &str| liquidation(id, "0"), |id: &str| allocation(id, "", "0")] {
        let field = match &change("FICC/2/0").change {
            Some(Wire::DefaultPackage(_)) => "default_package.suspension_id",
            Some(Wire::CloseOut(_)) => "close_out.suspension_id",
            Some(Wire::Liquidation(_)) => "liquidation.suspension_id",
            _ => "loss_allocation.suspension_id",
        };
        rows.push((vec![], change("FICC/2/0"), field, "recorded no such suspension"));
        rows.push((plain(), change("FICC/2/0"), field, "suspend it as one"));
    }
    rows
}

#[test]
fn every_rule_of_a_log_refuses_the_smallest_change_that_breaks_it() {
    for (row, (before, change, field, reason)) in
        [parties_and_links(), suspensions_and_approvals(), moves_and_defaults()].into_iter().flatten().enumerate()
    {
        let mut registry = adopted();
        if !before.is_empty() {
            try_record(&mut registry, Leg::Treasury, &before).unwrap();
        }
        let as_before = registry.clone();
        let problems = try_record(&mut registry, Leg::Treasury, std::slice::from_ref(&change)).unwrap_err();
        assert_eq!(problems.len(), 1, "row {row}: {:?}", told(&problems));
        assert_eq!(problems[0].field, field, "row {row}: {:?}", told(&problems));
        assert!(problems[0].reason.contains(reason), "row {row}: {:?}", told(&problems));
        assert_eq!(registry, as_before, "row {row} leaves a trace");
        // The same within one batch: a change sees those before it.
        let place = before.len();
        let together = try_record(&mut adopted(), Leg::Treasury, &and(before, [change])).unwrap_err();
        assert_eq!((together[0].row, together[0].field.as_str()), (place, field), "{:?}", told(&together));
    }
}

#[test]
fn a_batch_reports_every_problem_of_the_log_and_takes_nothing() {
    let mut registry = adopted();
    let before = registry.clone();
    let links = vec!["L-1".to_owned(), LINK.to_owned(), "L-2".to_owned()];
    let changes = [
        member(MEMBER),
        link(terms(LINK)),
        of(Wire::Stage(v1::StageChange { link_ids: links, to: LinkStage::Closed.into() })),
        customer("M2", always()),
        suspend(None),
    ];
    let problems = try_record(&mut registry, Leg::Futures, &changes).unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.row, problem.field.as_str())).collect();
    let wanted = [(2, "stage.link_ids[0]"), (2, "stage.link_ids[2]"), (3, "customer.member"), (4, "suspension.scope")];
    assert_eq!(found, wanted);
    assert_eq!(registry, before);
}

#[test]
fn an_account_of_a_closed_or_amended_link_can_stand_in_another() {
    let reused = v1::LinkTerms { treasury_account: "T-customer".into(), ..terms("L-other") };
    let amended = link(v1::LinkTerms { treasury_account: "T-new".into(), ..terms(LINK) });
    for before in [closed(), and(proposed(), [amended])] {
        let mut registry = adopted();
        try_record(&mut registry, Leg::Treasury, &and(before, [link(reused.clone())])).unwrap();
        let account = "T-customer".parse().unwrap();
        assert_eq!(registry.link_of_account(Leg::Treasury, &account), Some(&"L-other".parse().unwrap()));
    }
}

#[test]
fn documents_of_former_parties_do_not_stand_for_others() {
    let others = v1::LinkTerms { owner: "C-2".into(), ..terms(LINK) };
    let log = and(documented(), [link(others), stage(LINK, LinkStage::Rehearsing)]);
    let problems = try_record(&mut adopted(), Leg::Treasury, &log).unwrap_err();
    assert!(problems[0].reason.contains("holds no CUSTOMER_AGREEMENT"), "{:?}", told(&problems));
    // Another account of the same customer is under the same agreements.
    let same = v1::LinkTerms { treasury_account: "T-new".into(), ..terms(LINK) };
    let log = and(documented(), [link(same), stage(LINK, LinkStage::Rehearsing)]);
    assert_eq!(try_record(&mut adopted(), Leg::Treasury, &log), Ok(()));
}

#[test]
fn entries_continue_the_log_of_their_house_and_nothing_else() {
    let mut registry = adopted();
    let (good, digest) = next_entry(&registry, Leg::Treasury, batch(&[member(MEMBER)]));
    let gap = RegistryEntry { sequence: 3, ..good.clone() };
    let chain = RegistryEntry { previous: Digest([1; 32]), ..good.clone() };
    let adoption = RegistryEntry { content: RegistryContent::Adoption(ARRANGEMENT), ..good.clone() };
    let before = registry.clone();
    let head = registry.next(Leg::Treasury).1;
    for (entry, wanted) in [
        (&gap, RegistryError::Gap { found: 3, needed: 2 }),
        (&chain, RegistryError::Chain { found: Digest([1; 32]), needed: head }),
        (&adoption, RegistryError::Adoption(2)),
    ] {
        assert_eq!(registry.record(Leg::Treasury, entry, digest), Err(wanted));
    }
    assert_eq!(registry, before);
    assert_eq!(registry.record(Leg::Treasury, &good, digest), Ok(Recorded::Now));
    let after = registry.clone();
    assert_eq!(registry.record(Leg::Treasury, &good, digest), Ok(Recorded::Before));
    let contradiction = RegistryError::Contradiction { sequence: 2, recorded: digest };
    assert_eq!(registry.record(Leg::Treasury, &good, Digest([2; 32])), Err(contradiction));
    assert_eq!(registry, after);
    let (changes, digest) = next_entry(&Registry::new(rules()), Leg::Futures, batch(&[member(MEMBER)]));
    assert_eq!(Registry::new(rules()).record(Leg::Futures, &changes, digest), Err(RegistryError::Adoption(1)));
    let zero = RegistryEntry { sequence: 0, ..changes };
    let gap = RegistryError::Gap { found: 0, needed: 1 };
    assert_eq!(Registry::new(rules()).record(Leg::Futures, &zero, digest), Err(gap));
}
