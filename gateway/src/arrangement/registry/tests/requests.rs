//! What a house refuses to record though its log would take it: each rule by the smallest request that breaks it.

use crossmargin::v1::{self, AccountUse, ApprovalKind, LinkStage, programme_change::Change as Wire};

use super::{wire::*, *};

/// What each house's log holds, what the Treasury house is asked to record, and what it answers: field and reason.
type Row = (Pair<Vec<v1::ProgrammeChange>>, v1::ProgrammeChange, &'static str, &'static str);

fn asked() -> Asked {
    Asked { on: day(DAY), last_cycle: Some(day("2026-04-19")), is_derived: true }
}

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

/// The parties of the customer's link, and the Treasury house's account recorded at another member.
fn known_at_m2() -> Pair<Vec<v1::ProgrammeChange>> {
    let parties = [member(MEMBER), customer(MEMBER, always()), member("M2")];
    with(both(&parties), Leg::Treasury, &[account_at("M2", "T-customer", CUSTOMER, AccountUse::CrossMargin)])
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
        (known_at_m2(), link(terms(LINK)), "link.treasury_account", "as one of another member"),
        (
            with(no(|_| {}), Leg::Futures, &[suspend(of_member("M2"))]),
            port(LINK, "M2", DAY),
            "port.to_member",
            "CME suspended member M2",
        ),
        (
            both(&[&onboarding(LINK)[..], &[member("M2"), customer("M2", always()), port(LINK, "M2", DAY)]].concat()),
            port(LINK, "M2", "2026-04-21"),
            "port.to_member",
            "L-customer is at M2 on 2026-04-21 already, by both houses' records",
        ),
        (
            both(&onboarding(LINK)),
            document_of("", LINK, v1::DocumentKind::CustomerAgreement, "2026-04-21"),
            "document.dated",
            "2026-04-21 is to come",
        ),
        (no(|_| {}), port(LINK, "M2", "2026-04-19"), "port.effective_from", "cycles of 2026-04-19 were opened already"),
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
        let problems = registry.check(Leg::Treasury, &changes, asked()).unwrap_err();
        assert_eq!(problems.len(), 1, "row {row}: {:?}", told(&problems));
        assert_eq!(problems[0].field, field, "row {row}: {:?}", told(&problems));
        assert!(problems[0].reason.contains(reason), "row {row}: {:?}", told(&problems));
        assert_eq!(try_record(&mut registry, Leg::Treasury, &changes), Ok(()), "row {row}: the log takes it");
    }
}

#[test]
fn a_request_names_the_problems_of_the_log_and_those_of_both_logs_by_row() {
    let registry = adopted();
    let unreadable = registry.check(Leg::Treasury, &[suspend(None), lift("12")], asked()).unwrap_err();
    assert_eq!(unreadable.iter().map(|problem| problem.row).collect::<Vec<_>>(), [0, 1]);
    let hopeless = registry.check(Leg::Treasury, &[lift("CME/2/0"), package("CME/2/0")], asked()).unwrap_err();
    assert_eq!(hopeless.iter().map(|problem| problem.row).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn what_follows_from_the_records_is_recorded_by_the_house_itself_and_for_no_caller() {
    let registry = holding(&both(&[member(MEMBER), default_of(MEMBER)]));
    let id = "FICC/2/1";
    let given = [package(id), allocation(id, "", "0"), of_customer(CUSTOMER, allocation(id, "", "0"))];
    assert_eq!(registry.check(Leg::Treasury, &given, asked()), Ok(()));
    let problems = registry.check(Leg::Treasury, &given, Asked { is_derived: false, ..asked() }).unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.row, problem.field.as_str())).collect();
    assert_eq!(found, [(0, "default_package"), (1, "loss_allocation"), (2, "loss_allocation")]);
    assert!(problems[0].reason.contains("call DefaultService.MakePackage"), "{:?}", told(&problems));
    assert!(problems[1].reason.contains("call DefaultService.RecordLossAllocation"), "{:?}", told(&problems));
    // What a house reports of its own close-out follows from nothing.
    let own = [close_out(id), liquidation(id, "1"), of_customer(CUSTOMER, liquidation(id, "2"))];
    assert_eq!(registry.check(Leg::Treasury, &own, Asked { is_derived: false, ..asked() }), Ok(()));
}

#[test]
fn results_and_allocations_of_one_pool_leave_those_of_others_alone() {
    let mut registry = holding(&both(&[member(MEMBER), default_of(MEMBER)]));
    let (name, customer) = ("FICC/2/1", CUSTOMER.parse().unwrap());
    let id = SuspensionId::parse(name, registry.programme()).unwrap();
    let cents = |registry: &Registry| [None, Some(&customer)].map(|pool| registry.liquidations(id, pool).treasury);
    assert!(registry.recorded_pools(id).is_empty());
    try_record(&mut registry, Leg::Treasury, &[of_customer(CUSTOMER, liquidation(name, "-2.00"))]).unwrap();
    assert_eq!(cents(&registry), [None, Some(-200)]);
    try_record(&mut registry, Leg::Treasury, &[liquidation(name, "5"), allocation(name, "CME", "1")]).unwrap();
    assert_eq!(cents(&registry), [Some(500), Some(-200)]);
    try_record(&mut registry, Leg::Treasury, &[of_customer(CUSTOMER, liquidation(name, "-3.00"))]).unwrap();
    assert_eq!(cents(&registry), [Some(500), Some(-300)], "the later one replaces that of its own pool");
    assert_eq!(registry.recorded_pools(id).into_iter().collect::<Vec<_>>(), [None, Some(customer.clone())]);
    assert!(registry.loss_allocations(id, None).treasury.is_some());
    assert_eq!(registry.loss_allocations(id, Some(&customer)), Pair::default());
    assert_eq!(registry.liquidations(id, None).futures, None, "each house reports its own");
}

#[test]
fn a_house_may_record_its_part_while_the_others_is_still_to_come() {
    let approvals: Vec<_> = APPROVALS.map(|kind| approval(approval_record(kind))).into();
    let parts = onboarding(LINK);
    let mut registry = adopted();
    try_record(&mut registry, Leg::Futures, &[&[member(MEMBER)][..], &approvals].concat()).unwrap();
    for change in parts {
        let changes = [change];
        assert_eq!(registry.check(Leg::Treasury, &changes, asked()), Ok(()), "{changes:?}");
        try_record(&mut registry, Leg::Treasury, &changes).unwrap();
    }
}

#[test]
fn a_check_changes_nothing() {
    let registry = holding(&rehearsing());
    let before = registry.clone();
    registry.check(Leg::Treasury, &[stage(LINK, LinkStage::Live)], asked()).unwrap();
    assert_eq!(registry, before);
}
