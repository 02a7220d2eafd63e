//! Who reads what: the house everything, a member and a customer their own accounts, and always an answer.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{
    self, CyclePhase, RequirementStatus, margin_service_client::MarginServiceClient,
    operations_service_client::OperationsServiceClient,
};
use gateway::{arrangement::leg::Leg, sample};
use tonic::{Code, transport::Channel};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

async fn requirement(
    client: &mut MarginServiceClient<Channel>,
    account: &str,
    cycle: Option<v1::CycleId>,
) -> Result<v1::Requirement, tonic::Status> {
    let request = v1::GetRequirementRequest { account: account.to_owned(), cycle };
    client.get_requirement(request).await.map(|answer| answer.into_inner().requirement.unwrap())
}

#[tokio::test]
async fn members_and_customers_see_their_own_accounts_and_no_others_exist_for_them() {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    houses.clients(Leg::Treasury).wait_agreed(&itd, 1).await;
    let clients = houses.clients(Leg::Treasury);
    let links = sample::book::links();
    type Owns = fn(&v1::LinkTerms) -> bool;
    let callers: [(&str, Owns); 2] = [
        ("member-alder-point", |link| link.member == "alder-point"),
        ("customer-C-7F3A", |link| link.owner == "C-7F3A"),
    ];
    for (role, is_theirs) in callers {
        let (own, others): (Vec<_>, Vec<_>) = links.iter().partition(|link| is_theirs(link));
        assert!(!own.is_empty() && !others.is_empty(), "the sample has links of {role} and of others");
        let mut margin = MarginServiceClient::new(clients.channel(role));
        for link in &own {
            for account in [&link.treasury_account, &link.futures_account] {
                let found = requirement(&mut margin, account, None).await.unwrap();
                assert_eq!(found.link.as_ref(), Some(*link));
            }
        }
        let unknown = requirement(&mut margin, "NOBODY", None).await.unwrap_err();
        for link in &others {
            let hidden = requirement(&mut margin, &link.treasury_account, None).await.unwrap_err();
            assert_eq!(hidden.code(), Code::NotFound);
            assert_eq!(
                hidden.message().replace(&link.treasury_account, "NOBODY"),
                unknown.message(),
                "an account of somebody else is told like one that does not exist"
            );
        }
        let request = v1::ListRequirementsRequest { cycle: Some(itd.clone()), ..Default::default() };
        let listed = margin.list_requirements(request).await.unwrap().into_inner().requirements;
        assert_eq!(listed.len(), own.len(), "{role} lists its own links");
        let request = v1::GetAgreementRequest { cycle: Some(itd.clone()), round: 0 };
        assert_eq!(margin.get_agreement(request).await.unwrap_err().code(), Code::PermissionDenied);
    }
}

#[tokio::test]
async fn a_members_totals_are_the_sums_of_its_links_and_nobody_else_reads_them() {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    houses.clients(Leg::Treasury).wait_agreed(&itd, 1).await;
    let clients = houses.clients(Leg::Treasury);
    let request =
        |member: &str| v1::GetMemberTotalsRequest { member: member.to_owned(), cycle: Some(itd.clone()), round: 0 };
    let rows = clients.requirements(&itd, 0).await;
    let cents = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let mut member = MarginServiceClient::new(clients.channel("member-alder-point"));
    let totals = member.get_member_totals(request("alder-point")).await.unwrap().into_inner().totals.unwrap();
    for (total, kind) in [
        (&totals.house, v1::LinkKind::House),
        (&totals.affiliates, v1::LinkKind::Affiliate),
        (&totals.customers, v1::LinkKind::Customer),
    ] {
        let total = total.as_ref().unwrap();
        let is_part = |link: &v1::LinkTerms| link.member == "alder-point" && link.kind() == kind;
        let part: Vec<_> = rows.iter().filter(|row| row.link.as_ref().is_some_and(is_part)).collect();
        assert_eq!(total.link_count, part.len() as u64);
        let (treasury, futures) = (total.treasury.as_ref().unwrap(), total.futures.as_ref().unwrap());
        let sum = |of: fn(&v1::Requirement) -> &str| part.iter().map(|row| cents(of(row))).sum::<i64>();
        assert_eq!(cents(&treasury.standalone), sum(|row| &row.treasury_standalone));
        assert_eq!(cents(&treasury.requirement), sum(|row| &row.treasury_requirement));
        assert_eq!(cents(&treasury.charges), sum(|row| &row.treasury_charges));
        assert_eq!(cents(&treasury.total), sum(|row| &row.treasury_total));
        assert_eq!(cents(&futures.total), sum(|row| &row.futures_total));
        assert_eq!(cents(&futures.saved), sum(|row| &row.futures_standalone) - sum(|row| &row.futures_requirement));
    }
    assert!(totals.customers.unwrap().link_count > 1 && totals.note.contains("gross"));
    let newest = v1::GetMemberTotalsRequest { member: "alder-point".to_owned(), ..Default::default() };
    let of_newest = member.get_member_totals(newest.clone()).await.unwrap().into_inner().totals.unwrap();
    assert_eq!((of_newest.cycle.as_ref(), of_newest.house), (Some(&itd), totals.house));

    let other = rows.iter().map(|row| row.link.as_ref().unwrap().member.as_str()).find(|name| *name != "alder-point");
    let other = other.unwrap();
    let hidden = member.get_member_totals(request(other)).await.unwrap_err();
    let unknown = member.get_member_totals(request("nobody")).await.unwrap_err();
    assert_eq!((hidden.code(), unknown.code()), (Code::NotFound, Code::NotFound));
    assert_eq!(hidden.message().replace(other, "nobody"), unknown.message());
    for role in ["operator", "auditor"] {
        let mut reader = MarginServiceClient::new(clients.channel(role));
        assert!(reader.get_member_totals(request(other)).await.is_ok(), "{role}");
    }
    assert!(clients.margin().get_member_totals(request(other)).await.is_ok());
    let mut customer = MarginServiceClient::new(clients.channel("customer-C-7F3A"));
    let refused = customer.get_member_totals(request("alder-point")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    for (request, field) in [
        (v1::GetMemberTotalsRequest { member: String::new(), ..newest.clone() }, "member"),
        (v1::GetMemberTotalsRequest { round: 1, ..newest.clone() }, "round"),
    ] {
        let wrong = clients.margin().get_member_totals(request).await.unwrap_err();
        assert_eq!(wrong.code(), Code::InvalidArgument);
        assert!(wrong.message().contains(field), "{}", wrong.message());
    }
}

#[tokio::test]
async fn a_house_answers_stand_alone_before_anything_is_agreed() {
    let houses = Houses::running(BINARY).await;
    let clients = houses.clients(Leg::Treasury);
    clients.submit_sample(Leg::Treasury).await;
    // A link is in force once both houses have recorded it.
    houses.clients(Leg::Futures).record_links(sample::book::links()).await;
    let mut margin = clients.margin();
    let mut found = requirement(&mut margin, "GSD-1001", None).await;
    for _ in 0..200 {
        if found.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        found = requirement(&mut margin, "GSD-1001", None).await;
    }
    let before_any_cycle = found.unwrap();
    assert_eq!(before_any_cycle.status(), RequirementStatus::Pending);
    assert!(before_any_cycle.reason.contains("no margin cycle has run yet"), "{}", before_any_cycle.reason);
    assert!(before_any_cycle.treasury_requirement.parse::<f64>().unwrap() > 0.0, "{before_any_cycle:?}");
    assert_eq!(before_any_cycle.futures_requirement, "", "the other house's book is not known here");

    let itd = cycle(v1::CycleKind::Itd, 1);
    clients.open(&itd, 120).await;
    clients.wait(&itd, "the frozen book", |cycle| cycle.own_manifest_revision == 1).await;
    let open = requirement(&mut margin, "GSD-1001", None).await.unwrap();
    assert_eq!(open.cycle, Some(itd));
    assert_eq!(open.status(), RequirementStatus::Pending);
    assert_eq!(open.treasury_requirement, before_any_cycle.treasury_requirement, "the same book, the same margin");

    let unknown = requirement(&mut margin, "GSD-1001", Some(cycle(v1::CycleKind::Eod, 9))).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert!(unknown.message().contains("crossmargin cycle"), "{}", unknown.message());
}

#[tokio::test]
async fn a_watcher_is_told_once_of_each_result_and_lists_come_in_pages() {
    let houses = Houses::running(BINARY).await;
    let clients = houses.clients(Leg::Futures);
    let mut results =
        clients.margin().watch_results(v1::WatchResultsRequest { with_requirements: true }).await.unwrap().into_inner();
    let cycles = [cycle(v1::CycleKind::Itd, 1), cycle(v1::CycleKind::Eod, 1)];
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    for cycle in &cycles {
        for leg in Leg::BOTH {
            houses.clients(leg).open(cycle, 120).await;
        }
        let told = results.message().await.unwrap().unwrap();
        let ended = told.cycle.unwrap();
        assert_eq!(ended.id.as_ref(), Some(cycle));
        assert_eq!(ended.phase(), CyclePhase::Agreed);
        assert_eq!(told.requirements.len(), 28);
    }

    let mut links = Vec::new();
    let mut page_token = String::new();
    let mut sizes = Vec::new();
    loop {
        let cycle = Some(cycles[0].clone());
        let request = v1::ListRequirementsRequest { cycle, page_size: 10, page_token, ..Default::default() };
        let page = clients.margin().list_requirements(request).await.unwrap().into_inner();
        sizes.push(page.requirements.len());
        links.extend(page.requirements.into_iter().map(|row| row.link.unwrap().link_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 8]);
    let customers_of = v1::ListRequirementsRequest {
        cycle: Some(cycles[0].clone()),
        member: "alder-point".into(),
        kind: v1::LinkKind::Customer.into(),
        ..Default::default()
    };
    let filtered = clients.margin().list_requirements(customers_of).await.unwrap().into_inner().requirements;
    assert_eq!(filtered.len(), 5, "the customers of one member");
    assert!(links.is_sorted(), "ascending by link: {links:?}");
    let mut operations = OperationsServiceClient::new(clients.channel("operator"));
    let mut list = async |page_size: i32, page_token: String| {
        operations.list_cycles(v1::ListCyclesRequest { page_size, page_token }).await.unwrap().into_inner()
    };
    let first = list(1, String::new()).await;
    assert_eq!(first.cycles[0].id.as_ref(), Some(&cycles[1]), "the newest first");
    let second = list(1, first.next_page_token).await;
    assert_eq!(second.cycles[0].id.as_ref(), Some(&cycles[0]));
    assert_eq!(second.next_page_token, "");
}

#[tokio::test]
async fn an_operator_reads_the_contract_from_the_node() {
    let houses = Houses::running(BINARY).await;
    let mut reflection = ServerReflectionClient::new(houses.clients(Leg::Treasury).channel("operator"));
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = reflection.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = answer else { panic!("{answer:?}") };
    let names: Vec<String> = listed.service.into_iter().map(|service| service.name).collect();
    for service in ["PeerService", "PositionKeepingService", "MarketDataService", "ProgrammeService", "MarginService"] {
        assert!(names.contains(&format!("crossmargin.v1.{service}")), "{names:?}");
    }
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
    let mut member = ServerReflectionClient::new(houses.clients(Leg::Treasury).channel("member-alder-point"));
    let refused = member.server_reflection_info(tokio_stream::iter(Vec::new())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
