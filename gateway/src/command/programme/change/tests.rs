use super::*;
use crate::sample;

fn logged(reason: &str, change: Change) -> v1::LoggedChange {
    v1::LoggedChange {
        house: "FICC".into(),
        sequence: 12,
        place: 1,
        recorded: Some(v1::Recorded {
            by: "administrator, CN=administration, certificate 0a1b".into(),
            at: Some(prost_types::Timestamp { seconds: 1_770_000_000, nanos: 5 }),
        }),
        change: Some(v1::ProgrammeChange { reason: reason.into(), change: Some(change) }),
    }
}

#[test]
fn a_change_is_told_in_a_line_with_when_who_what_and_why() {
    let stage = v1::StageChange { link_ids: vec!["L1".into()], to: v1::LinkStage::Live.into() };
    let view = ChangeView::from(&logged("rehearsed for a month", Change::Stage(stage)));
    let line = view.line();
    for part in ["2026-02-02T02:40:00Z", "FICC/12/1", "link L1 to live", "(rehearsed for a month)"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.ends_with("by administrator, CN=administration"), "{line}");
    assert_eq!((view.change, &view.fields), ("stage", &json!({"link_ids": ["L1"], "to": "live"})));
}

#[test]
fn every_change_of_the_sample_has_a_sentence_that_names_what_it_is_about() {
    let links = sample::book::links();
    let changes = sample::programme::onboarding(&links).into_iter().chain(sample::programme::approvals());
    for change in changes {
        let change = change.change.unwrap();
        let (what, fields) = (what(&change), fields(&change));
        let subject = match &change {
            Change::Member(r) => r.member.as_str(),
            Change::Affiliate(r) => &r.affiliate,
            Change::Customer(r) => &r.customer,
            Change::Link(t) => &t.link_id,
            Change::Document(r) => &r.link_ids[0],
            Change::Stage(s) => &s.link_ids[0],
            Change::Approval(r) => &r.approval_id,
            other => panic!("{other:?}"),
        };
        assert!(what.contains(subject) && fields.to_string().contains(subject), "{what}");
    }
}

#[test]
fn many_links_are_counted_after_the_first_ones() {
    let links: Vec<String> = (1..=7).map(|at| format!("L{at}")).collect();
    assert_eq!(listed(&links), "links L1, L2, L3, L4, L5 and 2 more");
    assert_eq!(listed(&links[..1]), "link L1");
}

#[test]
fn what_restricts_a_link_is_told_with_its_scope() {
    let about = |scope: Scope| Some(v1::Scope { scope: Some(scope) });
    let suspended = v1::Suspension { scope: about(Scope::Member("BD1".into())), is_default: true };
    assert_eq!(what(&Change::Suspension(suspended.clone())), "suspends member BD1 in default");
    assert_eq!(fields(&Change::Suspension(suspended)), json!({"scope": {"member": "BD1"}, "is_default": true}));
    let limit = v1::ReductionOverride {
        scope: about(Scope::Everything(true)),
        max_factor_bp: 5_000,
        in_force: Some(v1::DateRange { from: "2026-03-02".into(), until: "2026-03-06".into() }),
    };
    assert_eq!(what(&Change::Override(limit)), "grants everything at most 50.00 % from 2026-03-02 to 2026-03-06");
    let nobody = v1::LossAllocationRecord { suspension_id: "FICC/12/1".into(), rule: "r".into(), ..Default::default() };
    assert_eq!(what(&Change::LossAllocation(nobody)), "nobody pays for FICC/12/1, by rule r");
    let result =
        v1::LiquidationResult { suspension_id: "FICC/12/1".into(), result: "-7.00".into(), customer: "C-1".into() };
    assert_eq!(fields(&Change::Liquidation(result.clone()))["customer"], "C-1");
    assert_eq!(what(&Change::Liquidation(result)), "liquidation of FICC/12/1, customer C-1, came to -7.00");
}

#[test]
fn a_member_that_is_nothing_any_more_is_told_so() {
    let gone = v1::MemberRecord { member: "BD1".into(), ..Default::default() };
    assert_eq!(what(&Change::Member(gone)), "member BD1: neither member nor registered");
}
