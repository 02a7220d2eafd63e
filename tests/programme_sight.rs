//! What members and customers are told of the programme: what is theirs, and nothing of anybody else's.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, LinkStage, programme_change::Change, programme_service_client::ProgrammeServiceClient};
use gateway::{arrangement::leg::Leg, sample};
use tonic::Code;

use support::{
    Houses,
    programme::{change, link_as, problems, record_at_both, suspend_link, wait_stage},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// A customer's link of alder-point; the certificate of its customer is among the tests'.
const LINK: &str = "LNK-0009";

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

/// What a history tells: house and kind of the change, in order.
fn told_of(history: &[v1::LoggedChange]) -> Vec<(&str, &'static str)> {
    let kind = |logged: &v1::LoggedChange| match logged.change.as_ref().unwrap().change.as_ref().unwrap() {
        Change::Link(_) => "link",
        Change::Document(_) => "document",
        Change::Stage(_) => "stage",
        _ => "other",
    };
    history.iter().map(|logged| (logged.house.as_str(), kind(logged))).collect()
}

#[tokio::test]
async fn terms_and_documents_of_other_parties_are_in_no_history_of_a_member() {
    let houses = Houses::running(BINARY).await;
    let links = sample::book::links();
    let terms = |link: &str, member: &str| {
        let own = links.iter().find(|own| own.link_id == link).unwrap();
        v1::LinkTerms { member: member.into(), ..own.clone() }
    };
    let documented = |link: &str, member: &str| {
        let mut changes = sample::programme::onboarding(&[terms(link, member)]);
        changes.retain(|change| !matches!(change.change, Some(Change::Stage(_))));
        changes
    };
    // One link was proposed under brightwater and amended; of the other the houses recorded different members.
    let (amended, unlike) = ("LNK-0009", "LNK-0010");
    record_at_both(&houses, "first", &documented(amended, "brightwater")).await;
    record_at_both(&houses, "amended", &documented(amended, "alder-point")).await;
    houses.clients(Leg::Treasury).record_changes("own", documented(unlike, "alder-point")).await.unwrap();
    houses.clients(Leg::Futures).record_changes("own", documented(unlike, "brightwater")).await.unwrap();
    wait_stage(&houses, amended, LinkStage::Documented).await;
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        loop {
            let seen = link_as(&clients, "administrator", unlike).await.unwrap().link.unwrap();
            if seen.missing.iter().any(|text| text.contains("different terms (member)")) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let all = link_as(&clients, "administrator", amended).await.unwrap().history;
        assert_eq!(told_of(&all).len(), 16, "twice the terms and three documents, at each house");
        for role in ["member-alder-point", "customer-C-7F3A"] {
            let own = link_as(&clients, role, amended).await.unwrap().history;
            let of = |house: &str, kind| told_of(&own).iter().filter(|told| **told == (house, kind)).count();
            let owned = if role.starts_with("member") { (1, 3) } else { (2, 6) };
            for house in ["FICC", "CME"] {
                assert_eq!((of(house, "link"), of(house, "document")), owned, "{role} {house}: {:?}", told_of(&own));
            }
        }
        let hidden = link_as(&clients, "member-brightwater", amended).await.unwrap_err();
        assert_eq!(hidden.code(), Code::NotFound);

        // Whose an unlike link is, the house that answers says.
        let (house, whose, not) = match leg {
            Leg::Treasury => ("FICC", "member-alder-point", "member-brightwater"),
            Leg::Futures => ("CME", "member-brightwater", "member-alder-point"),
        };
        let own = link_as(&clients, whose, unlike).await.unwrap().history;
        let at_house = [(house, "link"), (house, "document"), (house, "document"), (house, "document")];
        assert_eq!(told_of(&own), at_house);
        assert_eq!(link_as(&clients, not, unlike).await.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test]
async fn a_customer_is_not_told_what_ails_its_member_nor_a_member_who_suspended_it() {
    use v1::scope::Scope as Given;
    const WHY: &str = "a test asks for it";
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample::book::links()).await;
    }
    wait_stage(&houses, LINK, LinkStage::Rehearsing).await;
    let clients = houses.clients(Leg::Treasury);
    let suspend = |scope: Given| {
        let scope = Some(v1::Scope { scope: Some(scope) });
        change(Change::Suspension(v1::Suspension { scope, is_default: false }))
    };
    let not_a_broker = change(Change::Member(v1::MemberRecord {
        member: "alder-point".into(),
        membership: Some(v1::DateRange { from: "2020-01-02".into(), until: String::new() }),
        ..Default::default()
    }));
    let changes = vec![suspend(Given::Member("alder-point".into())), suspend(Given::Everything(true)), not_a_broker];
    let ids = clients.record_changes("wide", changes).await.unwrap().suspension_ids;
    let missing = async |role: &str| {
        let link = link_as(&clients, role, LINK).await.unwrap().link.unwrap();
        assert_eq!(link.suspension_ids, ids, "{role}");
        link.missing
    };
    let own = missing("customer-C-7F3A").await;
    assert_eq!(own, ["the member's links are suspended", "every link is suspended"]);
    let of_member = missing("member-alder-point").await;
    assert_eq!(of_member.iter().filter(|text| text.contains(WHY)).count(), 2, "{of_member:?}");
    assert!(of_member.iter().any(|text| text.contains("broker-dealer")), "{of_member:?}");

    clients.record_changes("narrow", vec![suspend_link(LINK)]).await.unwrap();
    let own = link_as(&clients, "customer-C-7F3A", LINK).await.unwrap().link.unwrap().missing;
    assert!(own.iter().any(|text| text.contains(WHY)), "why its own link is suspended it is told: {own:?}");

    let list = |role: &str, request: v1::ListSuspensionsRequest| {
        let mut programme = ProgrammeServiceClient::new(clients.channel(role));
        async move { programme.list_suspensions(request).await.map(tonic::Response::into_inner) }
    };
    for (role, count) in [("administrator", 3), ("member-alder-point", 3), ("member-brightwater", 1)] {
        let mut seen = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListSuspensionsRequest { page_size: 1, page_token, ..Default::default() };
            let page = list(role, request).await.unwrap();
            assert_eq!(page.suspensions.len(), 1, "{role}");
            seen.extend(page.suspensions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen.len(), count, "{role}");
        for suspension in seen {
            assert_eq!(suspension.reason, WHY, "{role}");
            let by = suspension.recorded.unwrap().by;
            assert_eq!(by == "administrator", role != "administrator", "{role} is told {by}");
        }
    }
    let filters = [("alder-point", "", 1), ("brightwater", "", 0), ("", LINK, 1), ("", "LNK-0010", 0)];
    for (member, link_id, count) in filters {
        let wanted =
            v1::ListSuspensionsRequest { member: member.into(), link_id: link_id.into(), ..Default::default() };
        assert_eq!(list("administrator", wanted).await.unwrap().suspensions.len(), count, "{member}{link_id}");
    }
    // A long life is told from its newest end.
    let limits = (1..=1_100).map(|max_factor_bp| {
        let scope = Some(v1::Scope { scope: Some(Given::LinkId(LINK.into())) });
        let in_force = Some(v1::DateRange { from: "2026-02-13".into(), until: String::new() });
        change(Change::Override(v1::ReductionOverride { scope, max_factor_bp, in_force }))
    });
    clients.record_changes("limits", limits.collect()).await.unwrap();
    for role in ["administrator", "member-alder-point", "customer-C-7F3A"] {
        let history = link_as(&clients, role, LINK).await.unwrap().history;
        let limit = |logged: &v1::LoggedChange| match logged.change.as_ref().unwrap().change.as_ref().unwrap() {
            Change::Override(limit) => limit.max_factor_bp,
            _ => 0,
        };
        let ends = (history.first().map(limit), history.last().map(limit));
        assert_eq!((history.len(), ends), (1_000, (Some(101), Some(1_100))), "{role}");
    }
    let both = v1::ListSuspensionsRequest { member: "caldera".into(), link_id: LINK.into(), ..Default::default() };
    assert!(problems(&list("administrator", both).await.unwrap_err())[0].starts_with("link_id: a member is given"));
}

/// What a move to another member needs: the customer there, its documents anew, and the move itself.
fn move_of(terms: &v1::LinkTerms, to: &str, effective_from: &str) -> Vec<v1::ProgrammeChange> {
    let opted_in = Some(v1::DateRange { from: "2026-02-16".into(), until: String::new() });
    let customer = v1::CustomerRecord { customer: terms.owner.clone(), member: to.into(), opted_in };
    let port = v1::Port { link_id: terms.link_id.clone(), to_member: to.into(), effective_from: effective_from.into() };
    let signed = sample::programme::onboarding(&[v1::LinkTerms { member: to.into(), ..terms.clone() }]);
    let signed = signed.into_iter().filter_map(|recorded| match recorded.change {
        Some(Change::Document(document)) => {
            Some(change(Change::Document(v1::DocumentRecord { member: to.into(), ..document })))
        }
        _ => None,
    });
    [change(Change::Customer(customer)), change(Change::Port(port))].into_iter().chain(signed).collect()
}

#[tokio::test]
async fn why_a_link_was_suspended_is_not_told_to_whom_it_moved_afterwards() {
    const BETWEEN_OTHERS: &str = "a margin call of brightwater was missed";
    const LATER: &str = "a review of the new member";
    let houses = Houses::running(BINARY).await;
    let links = sample::book::links();
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(links.clone()).await;
    }
    let terms = links.iter().find(|link| link.link_id == "LNK-0014").unwrap();
    wait_stage(&houses, &terms.link_id, LinkStage::Rehearsing).await;
    let because = |reason: &str| v1::ProgrammeChange { reason: reason.into(), ..suspend_link(&terms.link_id) };
    record_at_both(&houses, "suspended", &[because(BETWEEN_OTHERS)]).await;
    record_at_both(&houses, "moved", &move_of(terms, "alder-point", "2026-02-17")).await;
    let member = "member-alder-point";
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        while link_as(&clients, member, &terms.link_id).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    record_at_both(&houses, "again", &[because(LATER)]).await;
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        let told = loop {
            let link = link_as(&clients, member, &terms.link_id).await.unwrap();
            if link.link.as_ref().unwrap().suspension_ids.len() == 4 {
                break link;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        let missing = &told.link.as_ref().unwrap().missing;
        assert_eq!(missing.iter().filter(|text| text.contains("before it moved here")).count(), 2, "{missing:?}");
        assert_eq!(missing.iter().filter(|text| text.contains(LATER)).count(), 2, "{missing:?}");
        let list = async |role: &str| {
            let mut programme = ProgrammeServiceClient::new(clients.channel(role));
            let request = v1::ListSuspensionsRequest { link_id: terms.link_id.clone(), ..Default::default() };
            let listed = programme.list_suspensions(request).await.unwrap().into_inner().suspensions;
            let mut reasons: Vec<_> = listed.into_iter().map(|suspension| suspension.reason).collect();
            reasons.sort();
            reasons
        };
        assert_eq!(list(member).await, ["", "", LATER, LATER]);
        assert_eq!(list("operator").await, [BETWEEN_OTHERS, BETWEEN_OTHERS, LATER, LATER]);
        let all = format!("{told:?}");
        assert!(!all.contains(BETWEEN_OTHERS), "{all}");
        // The customer is the same before and after, and reads why its own link is suspended.
        let house = link_as(&clients, "auditor", &terms.link_id).await.unwrap();
        assert!(format!("{house:?}").contains(BETWEEN_OTHERS), "who sees all sees why");
    }
}

#[tokio::test]
async fn one_reason_for_several_links_is_told_to_the_house_alone() {
    const SHARED: &str = "brightwater and alder-point are reviewed together";
    const OWN: &str = "its documents are complete";
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample::book::links()).await;
    }
    let close = |links: &[&str], reason: &str| v1::ProgrammeChange {
        reason: reason.into(),
        change: Some(Change::Stage(v1::StageChange {
            link_ids: links.iter().map(|&link| link.to_owned()).collect(),
            to: LinkStage::Closing.into(),
        })),
    };
    let clients = houses.clients(Leg::Treasury);
    let changes = vec![close(&[LINK, "LNK-0014"], SHARED), close(&["LNK-0010"], OWN)];
    clients.record_changes("closing", changes).await.unwrap();
    let reasons = async |role: &str, link: &str| -> Vec<String> {
        let history = link_as(&clients, role, link).await.unwrap().history;
        let closing = history.into_iter().filter_map(|logged| logged.change).filter(|change| match &change.change {
            Some(Change::Stage(stage)) => stage.to() == LinkStage::Closing,
            _ => false,
        });
        closing.map(|change| change.reason).collect()
    };
    assert_eq!(reasons("administrator", LINK).await, [SHARED]);
    assert_eq!(reasons("member-alder-point", LINK).await, [""]);
    assert_eq!(reasons("customer-C-7F3A", LINK).await, [""]);
    assert_eq!(reasons("member-alder-point", "LNK-0010").await, [OWN]);
}
