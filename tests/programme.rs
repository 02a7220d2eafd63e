//! A customer's way through the programme: documents, rehearsal, approvals, live, suspension; what each step charges, and
//! who sees what of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{
    self, LinkStage, RequirementStatus, programme_change::Change, programme_service_client::ProgrammeServiceClient,
};
use gateway::{arrangement::leg::Leg, sample};
use tonic::Code;

use support::{
    Houses,
    books::cycle,
    programme::{change, lift, link_as, problems, record_at_both, stage, suspend_link, wait_stage},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// A customer's link of alder-point; the certificate of its customer is among the tests'.
const LINK: &str = "LNK-0009";

/// Runs a cycle at both houses and gives the link's requirement at each.
async fn requirement(houses: &Houses, run: u32, link: &str) -> [v1::Requirement; 2] {
    let cycle = cycle(v1::CycleKind::Itd, run);
    for leg in Leg::BOTH {
        houses.clients(leg).open(&cycle, 120).await;
    }
    let mut found = Vec::new();
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        clients.wait(&cycle, "an agreement", |cycle| cycle.agreed_round > 0).await;
        let rows = clients.requirements(&cycle, 0).await;
        found.push(rows.into_iter().find(|row| row.link.as_ref().unwrap().link_id == link).unwrap());
    }
    found.try_into().unwrap()
}

fn is_stand_alone(row: &v1::Requirement) -> bool {
    row.applied_factor_bp == 0
        && row.treasury_requirement == row.treasury_standalone
        && row.futures_requirement == row.futures_standalone
}

#[tokio::test]
async fn a_customer_goes_from_rehearsal_to_live_and_back_and_is_charged_reduced_while_live_alone() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let rehearsed = wait_stage(&houses, LINK, LinkStage::Rehearsing).await;
    assert!(rehearsed.missing.iter().any(|text| text.contains("SEC_ORDER")), "{:?}", rehearsed.missing);
    for row in requirement(&houses, 1, LINK).await {
        assert_eq!(row.status(), RequirementStatus::Rehearsal);
        assert!(is_stand_alone(&row) && row.would_be_factor_bp > 0, "{row:?}");
    }

    // Without the approvals no house can consent, and each that is missing is named.
    let clients = houses.clients(Leg::Treasury);
    let refused = clients.record_changes("too-early", vec![stage(LINK, LinkStage::Live)]).await.unwrap_err();
    let told = problems(&refused);
    for approval in ["SEC_ORDER", "CFTC_ORDER", "TREASURY_HOUSE_RULE", "FUTURES_HOUSE_RULE"] {
        assert!(told.iter().any(|text| text.contains(approval)), "{approval} is not in {told:?}");
    }
    record_at_both(&houses, "approvals", &sample::programme::approvals()).await;
    let listed = ProgrammeServiceClient::new(clients.channel("administrator"));
    wait_effective(listed, 4).await;
    record_at_both(&houses, "live", &[stage(LINK, LinkStage::Live)]).await;
    let live = wait_stage(&houses, LINK, LinkStage::Live).await;
    assert!(live.missing.is_empty(), "{live:?}");
    for row in requirement(&houses, 2, LINK).await {
        assert_eq!(row.status(), RequirementStatus::Agreed);
        assert!(row.applied_factor_bp > 0, "{row:?}");
    }

    // One house suspends, alone and at once; lifting takes both.
    let recorded = clients.record_changes("suspend", vec![suspend_link(LINK)]).await.unwrap();
    let suspended = wait_stage(&houses, LINK, LinkStage::Suspended).await;
    let [id] = &suspended.suspension_ids[..] else { panic!("{suspended:?}") };
    assert_eq!(recorded.suspension_ids, std::slice::from_ref(id));
    for row in requirement(&houses, 3, LINK).await {
        assert_eq!(row.status(), RequirementStatus::Suspended);
        assert!(is_stand_alone(&row) && row.would_be_factor_bp > 0, "{row:?}");
    }
    clients.record_changes("lift", vec![lift(id)]).await.unwrap();
    let again = clients.record_changes("lift-twice", vec![lift(id)]).await.unwrap_err();
    assert!(problems(&again)[0].contains("the other house has to"), "{again}");
    assert_eq!(wait_stage(&houses, LINK, LinkStage::Suspended).await.suspension_ids, std::slice::from_ref(id));
    houses.clients(Leg::Futures).record_changes("lift", vec![lift(id)]).await.unwrap();
    wait_stage(&houses, LINK, LinkStage::Live).await;

    // An approval that one house withdraws takes every customer link back to rehearsal.
    let withdrawal = v1::ApprovalWithdrawal { approval_id: "cftc-customers".into(), from: "2026-02-01".into() };
    let withdrawal = change(Change::ApprovalWithdrawal(withdrawal));
    houses.clients(Leg::Futures).record_changes("withdraw", vec![withdrawal]).await.unwrap();
    let back = wait_stage(&houses, LINK, LinkStage::Rehearsing).await;
    assert!(back.missing.iter().any(|text| text.contains("CFTC_ORDER")), "{back:?}");
    for row in requirement(&houses, 4, LINK).await {
        assert_eq!(row.status(), RequirementStatus::Rehearsal);
        assert!(is_stand_alone(&row), "{row:?}");
    }
}

async fn wait_effective(mut programme: ProgrammeServiceClient<tonic::transport::Channel>, wanted: usize) {
    for _ in 0..500 {
        let request = v1::ListApprovalsRequest { date: sample::BUSINESS_DATE.to_string() };
        let approvals = programme.list_approvals(request).await.unwrap().into_inner().approvals;
        if approvals.iter().filter(|approval| approval.is_effective).count() == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the approvals of both houses did not come together");
}

#[tokio::test]
async fn a_member_that_loses_its_registration_is_suspended_from_the_next_cycle_with_the_reason() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let house_link = "LNK-0001";
    wait_stage(&houses, house_link, LinkStage::Live).await;
    let since = |until: &str| Some(v1::DateRange { from: "2020-01-02".into(), until: until.into() });
    let record = v1::MemberRecord {
        member: "alder-point".into(),
        broker_dealer: since("2026-02-12"),
        futures_commission_merchant: since(""),
        membership: since(""),
    };
    let ended = change(Change::Member(record));
    houses.clients(Leg::Futures).record_changes("no-broker-dealer", vec![ended]).await.unwrap();
    let suspended = wait_stage(&houses, LINK, LinkStage::Suspended).await;
    assert_eq!(
        suspended.missing,
        ["CME does not record the member as a registered broker-dealer on the date"],
        "the customer's link needs it"
    );
    for row in requirement(&houses, 1, LINK).await {
        assert_eq!(row.status(), RequirementStatus::Suspended);
        assert!(is_stand_alone(&row), "{row:?}");
    }
    wait_stage(&houses, house_link, LinkStage::Live).await;
}

#[tokio::test]
async fn members_and_customers_see_their_own_links_and_nothing_else() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample::book::links()).await;
    }
    wait_stage(&houses, LINK, LinkStage::Rehearsing).await;
    let clients = houses.clients(Leg::Futures);
    let (member, customer) = ("member-alder-point", "customer-C-7F3A");
    for (role, visible) in [(member, 6), (customer, 1)] {
        let mut programme = ProgrammeServiceClient::new(clients.channel(role));
        let listed = programme.list_links(v1::ListLinksRequest::default()).await.unwrap().into_inner().links;
        assert_eq!(listed.len(), visible, "{role}");
        let other = link_as(&clients, role, "LNK-0014").await.unwrap_err();
        let unknown = link_as(&clients, role, "LNK-9999").await.unwrap_err();
        assert_eq!((other.code(), unknown.code()), (Code::NotFound, Code::NotFound), "{role}");
        assert_eq!(other.message().replace("LNK-0014", "X"), unknown.message().replace("LNK-9999", "X"));

        let own = link_as(&clients, role, LINK).await.unwrap();
        let about: Vec<&Vec<String>> = own
            .history
            .iter()
            .filter_map(|logged| match logged.change.as_ref().unwrap().change.as_ref().unwrap() {
                Change::Document(document) => Some(&document.link_ids),
                Change::Stage(stage) => Some(&stage.link_ids),
                _ => None,
            })
            .collect();
        assert_eq!(about.len(), 8, "three documents and a consent at each house");
        assert!(about.iter().all(|links| **links == [LINK]), "{role} reads of other links: {about:?}");
        let changes = programme.list_changes(v1::ListChangesRequest::default()).await.unwrap_err();
        assert_eq!(changes.code(), Code::PermissionDenied);
        let write = v1::RecordChangesRequest { request_id: "x".into(), ..Default::default() };
        assert_eq!(programme.record_changes(write).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let mut programme = ProgrammeServiceClient::new(clients.channel(member));
    let members = programme.list_members(v1::ListMembersRequest::default()).await.unwrap().into_inner().members;
    assert_eq!(members.iter().map(|m| m.member.as_str()).collect::<Vec<_>>(), ["alder-point"]);
    let mut programme = ProgrammeServiceClient::new(clients.channel(customer));
    let refused = programme.list_members(v1::ListMembersRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn changes_are_streamed_as_they_come_and_from_where_a_watcher_stopped() {
    let mut houses = Houses::running(BINARY).await;
    let mut watching = houses.clients(Leg::Treasury).programme();
    let request = v1::WatchChangesRequest::default();
    let mut stream = watching.watch_changes(request).await.unwrap().into_inner();
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample::book::links()).await;
    }
    let count = sample::programme::onboarding(&sample::book::links()).len();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let told = stream.message().await.unwrap().unwrap().changes;
        assert_eq!(told.len(), count, "one answer for each entry");
        assert!(told.iter().all(|change| change.recorded.as_ref().unwrap().by.starts_with("administrator, ")));
        seen.push(told[0].house.clone());
    }
    seen.sort();
    assert_eq!(seen, ["CME", "FICC"]);
    drop(stream);

    // What was recorded is there after a restart, and the same request gets the same answer.
    houses.kill(Leg::Treasury);
    houses.start(Leg::Treasury).await;
    let clients = houses.clients(Leg::Treasury);
    let again = sample::programme::onboarding(&sample::book::links());
    let again = clients.record_changes("links-0", again).await.unwrap();
    assert!(again.is_replay && again.sequence == 2, "{again:?}");
    clients.record_changes("suspend", vec![suspend_link(LINK)]).await.unwrap();
    let request = v1::WatchChangesRequest { after_treasury_sequence: 2, after_futures_sequence: 2 };
    let mut stream = clients.programme().watch_changes(request).await.unwrap().into_inner();
    let told = stream.message().await.unwrap().unwrap().changes;
    assert_eq!((told.len(), told[0].sequence, told[0].house.as_str()), (1, 3, "FICC"));

    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListChangesRequest { page_size: 50, page_token, house: String::new() };
        let page = clients.programme().list_changes(request).await.unwrap().into_inner();
        listed.extend(page.changes.into_iter().map(|change| (change.house == "CME", change.sequence, change.place)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed.len(), 2 * count + 1);
    assert!(listed.is_sorted(), "by house, entry and place");
}

#[tokio::test]
async fn what_the_houses_record_differently_is_named_and_in_force_nowhere() {
    let houses = Houses::running(BINARY).await;
    let links = sample::book::links();
    let mut theirs = links[0].clone();
    theirs.futures_account = "XM-9999".to_owned();
    houses.clients(Leg::Treasury).record_links(links.clone()).await;
    houses.clients(Leg::Futures).record_links(links[1..].to_vec()).await;
    let clients = houses.clients(Leg::Futures);
    clients.record_changes("other-terms", vec![change(Change::Link(theirs))]).await.unwrap();
    let broken = wait_different(&houses, "LNK-0001").await;
    assert!(!broken.is_linked && broken.stage() == LinkStage::Proposed, "{broken:?}");
    wait_stage(&houses, "LNK-0002", LinkStage::Live).await;
    let refused =
        clients.record_changes("documents", vec![stage("LNK-0001", LinkStage::Rehearsing)]).await.unwrap_err();
    assert!(problems(&refused)[0].contains("this house holds no HOUSE_AGREEMENT"), "{refused}");
}

async fn wait_different(houses: &Houses, link: &str) -> v1::Link {
    for _ in 0..500 {
        let seen = link_as(&houses.clients(Leg::Futures), "administrator", link).await.unwrap().link.unwrap();
        if seen.missing.iter().any(|text| text.contains("different terms (futures_account)")) {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the difference is not named");
}

#[tokio::test]
async fn a_customer_moves_to_another_member_with_its_positions_and_its_past() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let (link, from, to) = ("LNK-0014", "brightwater", "alder-point");
    let [before, _] = requirement(&houses, 1, link).await;
    let role = "member-alder-point";
    let hidden = link_as(&houses.clients(Leg::Treasury), role, link).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);

    let clients = houses.clients(Leg::Treasury);
    let next_day = "2026-02-17";
    let port = || {
        change(Change::Port(v1::Port { link_id: link.into(), to_member: to.into(), effective_from: next_day.into() }))
    };
    let refused = clients.record_changes("no-customer", vec![port()]).await.unwrap_err();
    assert!(problems(&refused)[0].contains("not recorded as a customer of alder-point"), "{refused}");
    let opted_in = Some(v1::DateRange { from: "2026-02-16".into(), until: String::new() });
    let customer = v1::CustomerRecord { customer: "C-03BB".into(), member: to.into(), opted_in };
    let customer = change(Change::Customer(customer));
    // What the customer signed with its former member does not bind the new one.
    let all = || [vec![customer.clone(), port()], documents(link, to)].concat();
    clients.record_changes("port", all()).await.unwrap();
    let ports = |role: &str| {
        let mut programme = ProgrammeServiceClient::new(clients.channel(role));
        async move {
            let request = v1::ListPortsRequest { link_id: link.into() };
            programme.list_ports(request).await.unwrap().into_inner().ports
        }
    };
    let [half] = &ports("administrator").await[..] else { panic!("one move") };
    assert!(!half.is_signed_by_both && half.recorded_by == ["FICC"], "{half:?}");
    assert_eq!(member_on(&clients, link, next_day).await, from, "it takes both");
    houses.clients(Leg::Futures).record_changes("port", all()).await.unwrap();
    while member_on(&clients, link, next_day).await == from {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(member_on(&clients, link, "2026-02-16").await, from);

    // The first cycle of the date has the same positions under the new member.
    let moved = v1::CycleId { business_date: next_day.into(), ..cycle(v1::CycleKind::Itd, 1) };
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        clients.submit_market(next_day.parse().unwrap(), sample::market().into_items(leg)).await;
        let book = sample::book::book(leg).unwrap().of_accounts(|account| account.ends_with("-1014"));
        clients.submit_book(book, next_day.parse().unwrap(), 2, v1::SnapshotScope::Full).await.unwrap();
        clients.open(&moved, 120).await;
    }
    clients.wait(&moved, "an agreement", |cycle| cycle.agreed_round > 0).await;
    let [done] = &ports("administrator").await[..] else { panic!("one move") };
    assert!(done.is_signed_by_both && done.from_member == from && done.to_member == to, "{done:?}");
    let (was, is) = (done.before.as_ref().unwrap(), done.after.as_ref().unwrap());
    assert_eq!((was.link.as_ref().unwrap().member.as_str(), is.link.as_ref().unwrap().member.as_str()), (from, to));
    assert_eq!(was.treasury_requirement, before.treasury_requirement);
    assert_eq!(is.status(), RequirementStatus::Rehearsal, "{is:?}");

    // Its new member sees it and its past.
    link_as(&clients, role, link).await.unwrap();
    let [seen] = &ports(role).await[..] else { panic!("one move") };
    assert!(seen.before.is_some() && seen.after.is_some());
    let mut margin = v1::margin_service_client::MarginServiceClient::new(clients.channel(role));
    let request = v1::ListRequirementsRequest { cycle: Some(cycle(v1::CycleKind::Itd, 1)), ..Default::default() };
    let past = margin.list_requirements(request).await.unwrap().into_inner().requirements;
    assert!(past.iter().any(|row| row.link.as_ref().unwrap().link_id == link));
}

/// The documents of a customer's link that bind a member.
fn documents(link: &str, member: &str) -> Vec<v1::ProgrammeChange> {
    use v1::DocumentKind::{CustomerAgreement, DisclosureAcknowledgement, SubordinationAgreement};
    let document = |kind: v1::DocumentKind| v1::DocumentRecord {
        link_ids: vec![link.to_owned()],
        kind: kind.into(),
        digest: vec![7; 32].into(),
        dated: "2026-01-15".to_owned(),
        member: member.to_owned(),
    };
    let kinds = [CustomerAgreement, SubordinationAgreement, DisclosureAcknowledgement];
    kinds.map(|kind| change(Change::Document(document(kind)))).into()
}

async fn member_on(clients: &support::clients::Clients, link: &str, date: &str) -> String {
    let request = v1::GetLinkRequest { link_id: link.into(), date: date.into() };
    let found = clients.programme().get_link(request).await.unwrap().into_inner();
    found.link.unwrap().terms.unwrap().member
}
