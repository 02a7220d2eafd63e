//! What a change says once it is read: the parsed values of each kind, and the limits at their edges.

use crossmargin::v1::{self, AccountUse, ApprovalKind, DocumentKind, LinkStage, programme_change::Change as Wire};

use super::{change::*, *};
use crate::arrangement::{
    link::LinkKind,
    name::{MemberId, OwnerId},
    programme::Period,
    registry::tests::wire::{self, *},
};

fn read(wire: &v1::ProgrammeChange) -> Result<Change, Vec<ChangeProblem>> {
    let mut problems = Vec::new();
    let change = change::read(0, wire, &rules(), &mut problems);
    assert_eq!(change.is_some(), problems.is_empty(), "a change is read where there are no problems");
    change.ok_or(problems)
}

fn since() -> Period {
    Period { from: day(SINCE), until: None }
}

fn a_member() -> MemberId {
    MEMBER.parse().unwrap()
}

fn the_link() -> LinkId {
    LINK.parse().unwrap()
}

fn id(by: Leg) -> SuspensionId {
    SuspensionId { by, sequence: 12, place: 3 }
}

#[test]
fn every_kind_of_change_reads_as_what_was_written() {
    let until = Period { until: Some(day(DAY)), ..since() };
    let owner: OwnerId = CUSTOMER.parse().unwrap();
    let document = Document { digest: Digest([DocumentKind::CustomerAgreement as u8; 32]), dated: day(SINCE) };
    let suspension = |scope, is_default| Suspension { scope, is_default, reason: "a test".to_owned() };
    let step = |to| Change::Stage { links: vec![the_link()], to };
    let cases = [
        (
            of(Wire::Member(v1::MemberRecord { futures_commission_merchant: None, ..member_record(MEMBER) })),
            Change::Member(MemberRecord {
                member: a_member(),
                broker_dealer: Some(since()),
                futures_commission_merchant: None,
                membership: Some(since()),
            }),
        ),
        (
            affiliate(MEMBER, range(SINCE, DAY)),
            Change::Affiliate { member: a_member(), affiliate: AFFILIATE.parse().unwrap(), eligible: until },
        ),
        (
            customer(MEMBER, always()),
            Change::Customer { member: a_member(), customer: owner.clone(), opted_in: since() },
        ),
        (
            account("T1", CUSTOMER, AccountUse::Regular),
            Change::Account(AccountRecord {
                account: "T1".parse().unwrap(),
                member: a_member(),
                owner,
                usage: AccountUse::Regular,
            }),
        ),
        (link(terms(LINK)), Change::Link(LinkTerms::from_wire(&terms(LINK)).unwrap())),
        (
            wire::document(LINK, DocumentKind::CustomerAgreement),
            Change::Document { links: vec![the_link()], member: None, kind: DocumentKind::CustomerAgreement, document },
        ),
        (
            document_of("M2", LINK, DocumentKind::CustomerAgreement, SINCE),
            Change::Document {
                links: vec![the_link()],
                member: Some("M2".parse().unwrap()),
                kind: DocumentKind::CustomerAgreement,
                document,
            },
        ),
        (stage(LINK, LinkStage::Rehearsing), step(Step::Rehearse)),
        (stage(LINK, LinkStage::Live), step(Step::GoLive)),
        (stage(LINK, LinkStage::Closing), step(Step::Close)),
        (stage(LINK, LinkStage::Closed), step(Step::End)),
        (suspend(of_link(LINK)), Change::Suspend(suspension(Scope::Link(the_link()), false))),
        (suspend(of_everything()), Change::Suspend(suspension(Scope::Everything, false))),
        (default_of(MEMBER), Change::Suspend(suspension(Scope::Member(a_member()), true))),
        (lift("FICC/12/3"), Change::Lift(id(Leg::Treasury))),
        (lift("CME/12/3"), Change::Lift(id(Leg::Futures))),
        (
            approval(v1::ApprovalRecord { conditions: "none".into(), ..approval_record(ApprovalKind::CftcOrder) }),
            Change::Approve(ApprovalRecord {
                approval: "A-2".parse().unwrap(),
                kind: ApprovalKind::CftcOrder,
                reference: "90 FR 58525".to_owned(),
                scope: vec![LinkKind::Customer],
                effective_from: day(SINCE),
                conditions: "none".to_owned(),
            }),
        ),
        (withdraw(ApprovalKind::SecOrder, DAY), Change::Withdraw { approval: "A-1".parse().unwrap(), from: day(DAY) }),
        (
            limit(of_member(MEMBER), 2_500),
            Change::Override(Override { scope: Scope::Member(a_member()), max_factor_bp: 2_500, in_force: since() }),
        ),
        (
            port(LINK, "M2", DAY),
            Change::Port(Port { effective_from: day(DAY), to: "M2".parse().unwrap(), link: the_link() }),
        ),
        (
            package("CME/12/3"),
            Change::Package {
                suspension: id(Leg::Futures),
                package: Package { digest: Digest([1; 32]), size_bytes: 9 },
            },
        ),
        (
            wire::close_out("CME/12/3"),
            Change::CloseOut { suspension: id(Leg::Futures), close_out: v1::CloseOut::Joint },
        ),
        (
            liquidation("CME/12/3", "-1200.5"),
            Change::Liquidation { suspension: id(Leg::Futures), customer: None, result_cents: -120_050 },
        ),
        (
            of_customer("C-1", liquidation("CME/12/3", "3.00")),
            Change::Liquidation {
                suspension: id(Leg::Futures),
                customer: Some("C-1".parse().unwrap()),
                result_cents: 300,
            },
        ),
        (
            allocation("CME/12/3", "FICC", "0.07"),
            Change::LossAllocation {
                suspension: id(Leg::Futures),
                customer: None,
                allocation: LossAllocation {
                    payer: Some(Leg::Treasury),
                    amount_cents: 7,
                    rule: "assumed-1".to_owned(),
                },
            },
        ),
        (
            of_customer("C-1", allocation("CME/12/3", "", "0.00")),
            Change::LossAllocation {
                suspension: id(Leg::Futures),
                customer: Some("C-1".parse().unwrap()),
                allocation: LossAllocation { payer: None, amount_cents: 0, rule: "assumed-1".to_owned() },
            },
        ),
    ];
    for (wire, wanted) in cases {
        assert_eq!(read(&wire).as_ref(), Ok(&wanted), "{wire:?}");
    }
}

#[test]
fn an_amount_is_read_to_the_cent_and_in_one_notation() {
    let cents = |text: &str| match read(&liquidation("CME/12/3", text)) {
        Ok(Change::Liquidation { result_cents, .. }) => Some(result_cents),
        _ => None,
    };
    for (text, wanted) in [
        ("0", Some(0)),
        ("0.00", Some(0)),
        ("-0.01", Some(-1)),
        ("12", Some(1_200)),
        ("92233720368547758.07", Some(i64::MAX)),
        ("-92233720368547758.08", Some(i64::MIN)),
        ("92233720368547758.08", None),
        ("79228162514264337593543950335", None),
        ("1.001", None),
        ("1_000", None),
        ("1e3", None),
        ("+1", None),
        ("1,00", None),
        ("", None),
        ("$1", None),
    ] {
        assert_eq!(cents(text), wanted, "{text:?}");
    }
}

#[test]
fn a_limit_holds_to_the_last_value_and_not_beyond() {
    let approval = |reference: usize, conditions: usize| {
        let text = |characters| "é".repeat(characters);
        let (reference, conditions) = (text(reference), text(conditions));
        approval(v1::ApprovalRecord { reference, conditions, ..approval_record(ApprovalKind::SecOrder) })
    };
    let reason = |characters| v1::ProgrammeChange { reason: "é".repeat(characters), ..member(MEMBER) };
    let links = |count| {
        let link_ids = vec![LINK.to_owned(); count];
        of(Wire::Stage(v1::StageChange { link_ids, to: LinkStage::Live.into() }))
    };
    let sized = |size_bytes| {
        let (suspension_id, package) = ("CME/12/3".to_owned(), vec![1; 32].into());
        of(Wire::DefaultPackage(v1::DefaultPackageRecord { suspension_id, package, size_bytes }))
    };
    let rule = |characters| {
        let mut change = allocation("CME/12/3", "FICC", "1.00");
        if let Some(Wire::LossAllocation(record)) = &mut change.change {
            record.rule = "é".repeat(characters);
        }
        change
    };
    let last_and_next = [
        (reason(1_024), reason(1_025)),
        (approval(1_024, 1_024), approval(1_025, 0)),
        (approval(1, 0), approval(0, 0)),
        (approval(1, 0), approval(1, 1_025)),
        (links(20_000), links(20_001)),
        (links(1), links(0)),
        (limit(of_everything(), 10_000), limit(of_everything(), 10_001)),
        (sized(1 << 30), sized((1 << 30) + 1)),
        (sized(1), sized(0)),
        (rule(32), rule(33)),
        (rule(1), rule(0)),
        (customer(MEMBER, range(SINCE, SINCE)), customer(MEMBER, range(SINCE, "2026-01-01"))),
    ];
    for (row, (last, next)) in last_and_next.into_iter().enumerate() {
        assert!(read(&last).is_ok(), "row {row}: {:?}", read(&last));
        assert_eq!(read(&next).unwrap_err().len(), 1, "row {row}: {:?}", read(&next));
    }
}

#[test]
fn a_suspension_has_one_name() {
    for text in ["FICC/12", "FICC/12/3/4", "FICC/012/3", "FICC/+12/3", "FICC/12/-3", "FICC/12/4294967296", "//", ""] {
        let told = SuspensionId::parse(text, &rules()).unwrap_err();
        assert!(told.contains("<house>/<sequence>/<place> is needed, as `FICC/12/0`") || text == "//", "{told}");
    }
    for id in [id(Leg::Treasury), id(Leg::Futures)] {
        assert_eq!(SuspensionId::parse(&id.text(&rules()), &rules()), Ok(id));
    }
}

#[test]
fn a_problem_repeats_only_the_beginning_of_a_hostile_text() {
    let long = "9".repeat(100_000);
    for wire in [
        lift(&long),
        lift(&format!("{long}/1/1")),
        port(LINK, &long, &long),
        liquidation("CME/12/3", &format!("{long}x")),
        allocation("CME/12/3", &long, "1.00"),
    ] {
        for problem in read(&wire).unwrap_err() {
            assert!(problem.reason.len() < 500, "{} characters", problem.reason.len());
        }
    }
}
