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
    wait_effective(listed.clone(), 4).await;
    assert_eq!(
        approvals_page_by_page(listed).await,
        ["cftc-customers", "futures-house-customers", "sec-customers", "treasury-house-customers"]
    );
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

async fn approvals_page_by_page(mut programme: ProgrammeServiceClient<tonic::transport::Channel>) -> Vec<String> {
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListApprovalsRequest { page_size: 3, page_token, ..Default::default() };
        let page = programme.list_approvals(request).await.unwrap().into_inner();
        assert!(page.approvals.len() <= 3);
        listed.extend(page.approvals.into_iter().filter_map(|approval| Some(approval.record?.approval_id)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}

async fn wait_effective(mut programme: ProgrammeServiceClient<tonic::transport::Channel>, wanted: usize) {
    for _ in 0..500 {
        let request = v1::ListApprovalsRequest { date: sample::BUSINESS_DATE.to_string(), ..Default::default() };
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
            let request = v1::ListPortsRequest { link_id: link.into(), ..Default::default() };
            programme.list_ports(request).await.unwrap().into_inner().ports
        }
    };
    // A proposal is for who carries the link, without the figures of who would.
    let [proposed] = &ports("member-brightwater").await[..] else { panic!("one move") };
    assert!(proposed.before.is_some() && proposed.after.is_none() && !proposed.is_signed_by_both);
    assert!(ports(role).await.is_empty(), "a proposal of one house is nothing to whom the link would move");
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

    a_chain_of_moves_is_told_to_each_member_as_far_as_it_is_its_own(&houses, link).await;
}

/// The link, which moved from brightwater to alder-point, is to move on to caldera at a date that is far away.
async fn a_chain_of_moves_is_told_to_each_member_as_far_as_it_is_its_own(houses: &Houses, link: &str) {
    let far = "2199-01-02";
    let opted_in = Some(v1::DateRange { from: "2026-02-16".into(), until: String::new() });
    let customer = v1::CustomerRecord { customer: "C-03BB".into(), member: "caldera".into(), opted_in };
    let port = v1::Port { link_id: link.into(), to_member: "caldera".into(), effective_from: far.into() };
    record_at_both(houses, "onwards", &[change(Change::Customer(customer)), change(Change::Port(port))]).await;
    let clients = houses.clients(Leg::Treasury);
    while member_on(&clients, link, far).await != "caldera" {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let list = |role: &str, request: v1::ListPortsRequest| {
        let mut programme = ProgrammeServiceClient::new(clients.channel(role));
        async move { programme.list_ports(request).await.unwrap().into_inner() }
    };
    let seen = async |role: &str| {
        let ports = list(role, v1::ListPortsRequest::default()).await.ports;
        ports.into_iter().map(|p| (p.to_member, p.before.is_some(), p.after.is_some())).collect::<Vec<_>>()
    };
    let row = |to: &str, before, after| (to.to_owned(), before, after);
    assert_eq!(seen("administrator").await, [row("alder-point", true, true), row("caldera", true, false)]);
    assert_eq!(seen("member-brightwater").await, [row("alder-point", true, false)], "who gave it never sees after");
    assert_eq!(seen("member-alder-point").await, [row("alder-point", true, true), row("caldera", true, false)]);
    assert_eq!(seen("member-caldera").await, [row("caldera", false, false)], "its past comes with the date alone");
    assert_eq!(seen("customer-C-7F3A").await, [], "it is another customer's");

    let first = v1::ListPortsRequest { page_size: 1, ..Default::default() };
    let page = list("administrator", first.clone()).await;
    assert_eq!((page.ports.len(), page.ports[0].to_member.as_str()), (1, "alder-point"));
    let page = list("administrator", v1::ListPortsRequest { page_token: page.next_page_token, ..first }).await;
    assert_eq!((page.ports.len(), page.ports[0].to_member.as_str()), (1, "caldera"));
    assert_eq!(page.next_page_token, "");
    for (member, moves) in [("brightwater", 1), ("alder-point", 2), ("caldera", 1), ("nobody", 0)] {
        for link_id in ["", link] {
            let wanted = v1::ListPortsRequest { member: member.into(), link_id: link_id.into(), ..Default::default() };
            assert_eq!(list("administrator", wanted).await.ports.len(), moves, "{member} {link_id}");
        }
    }

    // Who carries it now sees it whatever the date, and nobody else on any.
    for date in ["", "2026-02-13", far] {
        let request = v1::GetLinkRequest { link_id: link.into(), date: date.into() };
        for member in ["member-brightwater", "member-caldera"] {
            let mut programme = ProgrammeServiceClient::new(clients.channel(member));
            let hidden = programme.get_link(request.clone()).await.unwrap_err();
            assert_eq!(hidden.code(), Code::NotFound, "{member} {date}");
            let links = v1::ListLinksRequest { date: date.into(), ..Default::default() };
            let links = programme.list_links(links).await.unwrap().into_inner().links;
            assert!(links.iter().all(|seen| seen.terms.as_ref().unwrap().link_id != link), "{member} {date}");
        }
        let mut programme = ProgrammeServiceClient::new(clients.channel("member-alder-point"));
        let own = programme.get_link(request).await.unwrap().into_inner();
        assert_eq!(own.link.unwrap().terms.unwrap().member, "alder-point", "{date:?}");
        let mut moves = 0;
        for logged in &own.history {
            assert_eq!(logged.recorded.as_ref().unwrap().by, "administrator", "no certificate is told");
            let told = logged.change.as_ref().unwrap();
            match told.change.as_ref().unwrap() {
                Change::Link(terms) => panic!("the terms of another member are told: {terms:?}"),
                Change::Port(_) => moves += 1,
                // What binds itself, and why, is its own.
                Change::Document(document) if document.member == "alder-point" => {}
                _ => assert_eq!(told.reason, "", "why a house did what it did under another member: {told:?}"),
            }
        }
        assert_eq!(moves, 4, "two moves at each house");
    }
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
