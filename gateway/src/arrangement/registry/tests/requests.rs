//! What a house refuses to record though its log would take it: each rule by the smallest request that breaks it.

use crossmargin::v1::{self, AccountUse, ApprovalKind, LinkStage, programme_change::Change as Wire};

use super::{wire::*, *};

/// What each house's log holds, what the Treasury house is asked to record, and what it answers: field and reason.
type Row = (Pair<Vec<v1::ProgrammeChange>>, v1::ProgrammeChange, &'static str, &'static str);

fn both(changes: &[v1::ProgrammeChange]) -> Pair<Vec<v1::ProgrammeChange>> {
    Pair { treasury: changes.to_vec(), futures: changes.to_vec() }
}

fn rehearsing() -> Pair<Vec<v1::ProgrammeChange>> {
    let all = onboarding(LINK);
    both(&all[..all.len() - 1])
}

fn with(
    mut logs: Pair<Vec<v1::ProgrammeChange>>,
    leg: Leg,
    more: &[v1::ProgrammeChange],
) -> Pair<Vec<v1::ProgrammeChange>> {
    logs[leg].extend_from_slice(more);
    logs
}

fn movable(record: v1::MemberRecord) -> Pair<Vec<v1::ProgrammeChange>> {
    let more = [of(Wire::Member(record)), customer("M2", always())];
    let logs = with(both(&onboarding(LINK)), Leg::Treasury, &more);
    with(logs, Leg::Futures, &[member("M2"), customer("M2", always())])
}

fn rows() -> Vec<Row> {
    let go_live = || stage(LINK, LinkStage::Live);
    let live = |change: v1::ProgrammeChange| with(rehearsing(), Leg::Treasury, &[change]);
    let no = |change: fn(&mut v1::MemberRecord)| {
        let mut record = member_record("M2");
        change(&mut record);
        movable(record)
    };
    let known = |owner: v1::ProgrammeChange| both(&[member(MEMBER), owner]);
    let past = || range(SINCE, "2026-04-19");
    let regular = account("T-customer", CUSTOMER, AccountUse::Regular);
    let differing = link(v1::LinkTerms { futures_account: "F-new".into(), ..terms(LINK) });
    let documented = onboarding(LINK)[..10].to_vec();
    vec![
        (both(&[]), link(terms(HOUSE_LINK)), "link.member", "FICC has not recorded the member"),
        (
            both(&[of(Wire::Member(v1::MemberRecord { membership: past(), ..member_record(MEMBER) }))]),
            link(terms(HOUSE_LINK)),
            "link.member",
            "not a clearing member of FICC",
        ),
        (both(&[member(MEMBER)]), link(terms(AFFILIATE_LINK)), "link.owner", "the affiliate as eligible"),
        (known(affiliate(MEMBER, past())), link(terms(AFFILIATE_LINK)), "link.owner", "the affiliate as eligible"),
        (both(&[member(MEMBER)]), link(terms(LINK)), "link.owner", "has opted in"),
        (known(customer(MEMBER, past())), link(terms(LINK)), "link.owner", "has opted in"),
        (
            both(&[member(MEMBER), customer(MEMBER, always()), regular.clone()]),
            link(terms(LINK)),
            "link.treasury_account",
            "it has to designate it",
        ),
        (
            with(both(&documented), Leg::Futures, &[differing]),
            stage(LINK, LinkStage::Rehearsing),
            "stage.link_ids[0]",
            "cannot be rehearsing: the houses recorded different terms (futures_account)",
        ),
        (live(suspend(of_link(LINK))), go_live(), "stage.link_ids[0]", "FICC suspended link L-customer"),
        (live(regular), go_live(), "stage.link_ids[0]", "it has to designate it"),
        (live(customer(MEMBER, past())), go_live(), "stage.link_ids[0]", "has opted in"),
        (
            live(withdraw(ApprovalKind::CftcOrder, DAY)),
            go_live(),
            "stage.link_ids[0]",
            "cannot be live: no CFTC_ORDER is effective on the date",
        ),
        (
            with(rehearsing(), Leg::Futures, &[stage(LINK, LinkStage::Closing)]),
            go_live(),
            "stage.link_ids[0]",
            "CME closes it",
        ),
        (both(&[]), lift("CME/2/0"), "lift.suspension_id", "no such suspension is recorded"),
        (no(|record| record.membership = None), port(LINK, "M2", DAY), "port.to_member", "clearing member of FICC"),
        (no(|record| record.broker_dealer = None), port(LINK, "M2", DAY), "port.to_member", "broker-dealer"),
        (
            no(|record| record.futures_commission_merchant = None),
            port(LINK, "M2", DAY),
            "port.to_member",
            "futures commission merchant",
        ),
        (
            with(no(|_| {}), Leg::Futures, &[suspend(of_member("M2"))]),
            port(LINK, "M2", DAY),
            "port.to_member",
            "CME suspended member M2",
        ),
        (no(|_| {}), port(LINK, "M2", "2026-04-19"), "port.effective_from", "give 2026-04-20 or later"),
        (both(&[]), package("CME/2/0"), "default_package.suspension_id", "no member was suspended in default"),
        (both(&[]), close_out("CME/2/0"), "close_out.suspension_id", "no member was suspended in default"),
        (both(&[]), liquidation("CME/2/0", "0"), "liquidation.suspension_id", "no member was suspended in default"),
        (
            both(&[suspend(of_everything())]),
            allocation("CME/2/0", "", "0"),
            "loss_allocation.suspension_id",
            "no member was suspended in default",
        ),
    ]
}

fn holding(logs: &Pair<Vec<v1::ProgrammeChange>>) -> Registry {
    let mut registry = adopted();
    for (leg, changes) in logs.iter().filter(|(_, changes)| !changes.is_empty()) {
        try_record(&mut registry, leg, changes).unwrap();
    }
    registry
}

#[test]
fn a_request_that_leads_nowhere_is_refused_though_the_log_would_take_it() {
    for (row, (logs, change, field, reason)) in rows().into_iter().enumerate() {
        let mut registry = holding(&logs);
        let changes = [change];
        let problems = registry.check(Leg::Treasury, &changes, day(DAY)).unwrap_err();
        assert_eq!(problems.len(), 1, "row {row}: {:?}", told(&problems));
        assert_eq!(problems[0].field, field, "row {row}: {:?}", told(&problems));
        assert!(problems[0].reason.contains(reason), "row {row}: {:?}", told(&problems));
        assert_eq!(try_record(&mut registry, Leg::Treasury, &changes), Ok(()), "row {row}: the log takes it");
    }
}

#[test]
fn a_request_names_the_problems_of_the_log_and_those_of_both_logs_by_row() {
    let registry = adopted();
    let unreadable = registry.check(Leg::Treasury, &[suspend(None), lift("12")], day(DAY)).unwrap_err();
    assert_eq!(unreadable.iter().map(|problem| problem.row).collect::<Vec<_>>(), [0, 1]);
    let hopeless = registry.check(Leg::Treasury, &[lift("CME/2/0"), package("CME/2/0")], day(DAY)).unwrap_err();
    assert_eq!(hopeless.iter().map(|problem| problem.row).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_house_may_record_its_part_while_the_others_is_still_to_come() {
    let approvals: Vec<_> = APPROVALS.map(|kind| approval(approval_record(kind))).into();
    let parts = onboarding(LINK);
    let mut registry = adopted();
    try_record(&mut registry, Leg::Futures, &[&[member(MEMBER)][..], &approvals].concat()).unwrap();
    for change in parts {
        let changes = [change];
        assert_eq!(registry.check(Leg::Treasury, &changes, day(DAY)), Ok(()), "{changes:?}");
        try_record(&mut registry, Leg::Treasury, &changes).unwrap();
    }
}

#[test]
fn a_check_changes_nothing() {
    let registry = holding(&rehearsing());
    let before = registry.clone();
    registry.check(Leg::Treasury, &[stage(LINK, LinkStage::Live)], day(DAY)).unwrap();
    assert_eq!(registry, before);
}
