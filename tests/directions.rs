//! Members direct positions during the day: what is directed counts from the next cycle on, survives a restart, and is held
//! against later snapshots.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{self, watch_directions_response::News};
use gateway::{arrangement::leg::Leg, csv_book, sample};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
/// The regular account of the owner of the first link of the sample.
const REGULAR: &str = "REG-1001";
/// The administration of the member of that link, as its certificate's file is named.
const MEMBER_ROLE: &str = "member-administrator-alder-point";
/// The administration of another member.
const OTHER_MEMBER: &str = "member-administrator-brightwater";

const ZN: &str = "FUT:ZN:2026-03";
/// The account of the link of the owner that the regular account has too.
const XM: &str = "XM-1001";
/// What the regular account holds by the first snapshot.
const HELD: i64 = -500;

fn leg(from: &str, to: &str, quantity: i64) -> v1::PositionLeg {
    v1::PositionLeg { from_account: from.to_owned(), to_account: to.to_owned(), instrument: ZN.to_owned(), quantity }
}

fn request(id: &str, legs: Vec<v1::PositionLeg>) -> v1::DirectPositionsRequest {
    v1::DirectPositionsRequest {
        request_id: id.to_owned(),
        business_date: sample::BUSINESS_DATE.to_string(),
        legs,
        ..Default::default()
    }
}

/// The futures house's book with the regular account, after so many contracts were moved into the cross-margin account.
fn book_after(moved: i64) -> csv_book::Book {
    let mut text = sample::book::csv(Leg::Futures)
        .replace("XM-1001,FUT:ZN:2026-03,-46980", &{ format!("XM-1001,FUT:ZN:2026-03,{}", -46_980 + moved) });
    if HELD != moved {
        text.push_str(&format!("{REGULAR},{ZN},{},,,,\n", HELD - moved));
    }
    csv_book::parse(text.as_bytes(), "the book").unwrap()
}

/// Both houses, with links, market data and books.
async fn ready() -> Houses {
    let nodes = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        let clients = nodes.clients(leg);
        clients.record_links(sample::book::links()).await;
        clients.submit_market(sample::BUSINESS_DATE, sample::market().into_items(leg)).await;
    }
    let account = v1::AccountRecord {
        account: REGULAR.into(),
        member: "alder-point".into(),
        owner: "alder-point".into(),
        r#use: v1::AccountUse::Regular.into(),
    };
    let change = v1::programme_change::Change::Account(account);
    let changes = vec![v1::ProgrammeChange { reason: String::new(), change: Some(change) }];
    nodes.clients(Leg::Futures).record_changes("regular", changes).await.unwrap();
    let treasury = sample::book::book(Leg::Treasury).unwrap();
    submit(&nodes, Leg::Treasury, treasury, 1, 0).await.unwrap();
    submit(&nodes, Leg::Futures, book_after(0), 1, 0).await.unwrap();
    nodes
}

/// Stops a node, which takes a snapshot of its state, and starts it again.
async fn restart(nodes: &mut Houses, leg: Leg) {
    let status = nodes.stop(leg).await;
    assert!(status.success(), "{status}: {}", nodes.log_text(leg));
    nodes.start(leg).await;
}

async fn submit(
    nodes: &Houses,
    leg: Leg,
    book: csv_book::Book,
    version: u64,
    through: u64,
) -> Result<v1::SubmitSnapshotResponse, Status> {
    let full = v1::SnapshotScope::Full;
    nodes.clients(leg).submit_book_through(book, sample::BUSINESS_DATE, version, full, through).await
}

async fn direct(
    nodes: &Houses,
    role: &str,
    request: v1::DirectPositionsRequest,
) -> Result<v1::DirectPositionsResponse, Status> {
    let answer = nodes.clients(Leg::Futures).directions(role).direct_positions(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Opens a cycle at both houses and gives the futures house's stand-alone margin of the link once it is agreed.
async fn margin_in(nodes: &Houses, run: u32) -> String {
    let cycle = cycle(v1::CycleKind::Cur, run);
    for leg in Leg::BOTH {
        nodes.clients(leg).open(&cycle, 120).await;
    }
    for leg in Leg::BOTH {
        nodes.clients(leg).wait_agreed(&cycle, 1).await;
    }
    margin_of(nodes, run).await
}

async fn margin_of(nodes: &Houses, run: u32) -> String {
    let all = nodes.clients(Leg::Futures).requirements(&cycle(v1::CycleKind::Cur, run), 0).await;
    let of_link = |requirement: &v1::Requirement| requirement.link.as_ref().is_some_and(|l| l.futures_account == XM);
    all.into_iter().find(of_link).unwrap().futures_standalone
}

async fn positions(nodes: &Houses, role: &str, account: &str) -> Result<Vec<(i64, i64, i64)>, Status> {
    let request = v1::GetComposedPositionsRequest { account: account.to_owned() };
    let answer = nodes.clients(Leg::Futures).directions(role).get_composed_positions(request).await?.into_inner();
    let of_zn = answer.positions.into_iter().filter(|position| position.instrument == ZN);
    Ok(of_zn.map(|p| (p.snapshot_quantity, p.directed_quantity, p.quantity)).collect())
}

async fn directions(nodes: &Houses, role: &str) -> Vec<v1::Direction> {
    let request = v1::ListDirectionsRequest::default();
    let answer = nodes.clients(Leg::Futures).directions(role).list_directions(request).await;
    answer.unwrap().into_inner().directions
}

async fn items(nodes: &Houses, open_only: bool) -> Vec<v1::ReconciliationState> {
    let request = v1::ListReconciliationItemsRequest { open_only, ..Default::default() };
    let answer = nodes.clients(Leg::Futures).directions("operator").list_reconciliation_items(request).await;
    answer.unwrap().into_inner().items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_directed_at_noon_counts_in_the_next_cycle_and_survives_a_restart() {
    let mut nodes = ready().await;
    let before = margin_in(&nodes, 1).await;
    let noon = request("noon", vec![leg(REGULAR, XM, HELD)]);
    let first = direct(&nodes, MEMBER_ROLE, noon.clone()).await.unwrap();
    assert_eq!((first.number, first.is_replay), (1, false));
    assert!(first.explanation.contains("the next cycle that this house opens"), "{}", first.explanation);
    assert_eq!(positions(&nodes, MEMBER_ROLE, XM).await.unwrap(), [(-46_980, -500, -47_480)]);
    assert_eq!(positions(&nodes, MEMBER_ROLE, REGULAR).await.unwrap(), [(-500, 500, 0)]);
    assert_eq!(margin_of(&nodes, 1).await, before, "the cycle that was open stays without it");
    let after = margin_in(&nodes, 2).await;
    assert_ne!(after, before, "the next cycle counts it");

    restart(&mut nodes, Leg::Futures).await;
    let other =
        direct(&nodes, MEMBER_ROLE, v1::DirectPositionsRequest { legs: vec![], ..noon.clone() }).await.unwrap_err();
    assert!(other.message().contains("given to another request"), "{other}");
    let again = direct(&nodes, MEMBER_ROLE, noon).await.unwrap();
    assert_eq!(again, v1::DirectPositionsResponse { is_replay: true, ..first });
    assert_eq!(positions(&nodes, MEMBER_ROLE, XM).await.unwrap(), [(-46_980, -500, -47_480)]);
    assert_eq!(margin_in(&nodes, 3).await, after);
    let listed = directions(&nodes, "auditor").await;
    let [direction] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(direction.first_cycle, Some(cycle(v1::CycleKind::Cur, 2)));
    assert!(direction.by.starts_with("member-administrator/alder-point, "), "{}", direction.by);

    // A snapshot that includes it gives the same positions, and so the same margin.
    let accepted = submit(&nodes, Leg::Futures, book_after(HELD), 2, 1).await.unwrap();
    assert_eq!(accepted.item_ids, [] as [&str; 0]);
    assert_eq!(positions(&nodes, MEMBER_ROLE, XM).await.unwrap(), [(-47_480, 0, -47_480)]);
    assert_eq!(margin_in(&nodes, 4).await, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_snapshot_contradicts_is_told_until_somebody_settles_it() {
    let mut nodes = ready().await;
    direct(&nodes, "administrator", request("a", vec![leg(REGULAR, XM, -300)])).await.unwrap();
    direct(&nodes, "administrator", request("b", vec![leg(REGULAR, XM, -200)])).await.unwrap();
    // It says that it includes the first, and gives ten contracts less; the second moves more than is left.
    let mut text =
        sample::book::csv(Leg::Futures).replace("XM-1001,FUT:ZN:2026-03,-46980", "XM-1001,FUT:ZN:2026-03,-47270");
    text.push_str(&format!("{REGULAR},{ZN},-150,,,,\n"));
    let book = csv_book::parse(text.as_bytes(), "the book").unwrap();
    let too_many = submit(&nodes, Leg::Futures, book.clone(), 2, 9).await.unwrap_err();
    assert!(too_many.message().contains("header.directions_through: 9 is above"), "{}", too_many.message());
    let accepted = submit(&nodes, Leg::Futures, book, 3, 1).await.unwrap();
    assert_eq!(accepted.item_ids, ["R-1", "R-2", "R-3"]);
    let told: Vec<_> = items(&nodes, true)
        .await
        .into_iter()
        .map(|state| state.item.unwrap())
        .map(|item| (item.kind(), item.account, item.expected_quantity, item.found_quantity, item.direction_numbers))
        .collect();
    use v1::ReconciliationKind::{Differs, SetAside};
    assert_eq!(
        told,
        [
            (Differs, REGULAR.to_owned(), -200, -150, vec![1]),
            (Differs, XM.to_owned(), -47_280, -47_270, vec![1]),
            (SetAside, REGULAR.to_owned(), -200, -150, vec![2]),
        ]
    );
    assert_eq!(positions(&nodes, "administrator", XM).await.unwrap(), [(-47_270, 0, -47_270)]);
    assert_eq!(directions(&nodes, "operator").await[1].set_aside_by, "R-3");
    let settle = v1::ResolveReconciliationItemRequest {
        request_id: "settle".into(),
        item_id: "R-2".into(),
        note: "ten were given up at the close".into(),
    };
    let resolve = |nodes: &Houses, role: &str, request: &v1::ResolveReconciliationItemRequest| {
        let (mut client, request) = (nodes.clients(Leg::Futures).directions(role), request.clone());
        async move { client.resolve_reconciliation_item(request).await.map(tonic::Response::into_inner) }
    };
    let settled = resolve(&nodes, "operator", &settle).await.unwrap();
    assert!(!settled.is_replay);
    restart(&mut nodes, Leg::Futures).await;
    let again = resolve(&nodes, "operator", &settle).await.unwrap();
    assert_eq!(again, v1::ResolveReconciliationItemResponse { is_replay: true, ..settled });
    let other = v1::ResolveReconciliationItemRequest { note: "another note".into(), ..settle.clone() };
    let other = resolve(&nodes, "operator", &other).await.unwrap_err();
    assert!(other.message().contains("given to another request"), "{other}");
    assert_eq!(items(&nodes, true).await.len(), 2);
    assert_eq!(items(&nodes, false).await.len(), 3);
    for (id, note, code) in
        [("R-2", "again", Code::FailedPrecondition), ("R-9", "x", Code::NotFound), ("R-1", " ", Code::InvalidArgument)]
    {
        let request = v1::ResolveReconciliationItemRequest {
            request_id: format!("other {id}"),
            item_id: id.into(),
            note: note.into(),
        };
        assert_eq!(resolve(&nodes, "administrator", &request).await.unwrap_err().code(), code, "{id}");
    }
    assert_eq!(resolve(&nodes, MEMBER_ROLE, &settle).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_directs_and_sees_its_own_accounts_alone() {
    let nodes = ready().await;
    direct(&nodes, MEMBER_ROLE, request("mine", vec![leg(REGULAR, XM, -1)])).await.unwrap();
    let foreign = direct(&nodes, OTHER_MEMBER, request("mine", vec![leg(REGULAR, XM, -1)])).await.unwrap_err();
    let unknown = direct(&nodes, OTHER_MEMBER, request("none", vec![leg("NONE-1", "NONE-2", -1)])).await.unwrap_err();
    let words = |status: &Status| {
        let found = status.get_details_bad_request().unwrap().field_violations;
        found.into_iter().map(|f| f.description.replace(REGULAR, "?").replace(XM, "?")).collect::<Vec<_>>()
    };
    let same = |text: &String| text.replace("NONE-1", "?").replace("NONE-2", "?");
    assert_eq!(words(&foreign), words(&unknown).iter().map(same).collect::<Vec<_>>());
    assert_eq!(directions(&nodes, OTHER_MEMBER).await, []);
    assert_eq!(positions(&nodes, OTHER_MEMBER, XM).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(directions(&nodes, MEMBER_ROLE).await.len(), 1);
    for role in ["operator", "auditor", "position-source", "member-alder-point", "margin-reader"] {
        let refused = direct(&nodes, role, request("role", vec![leg(REGULAR, XM, -1)])).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
    for role in ["administrator", "operator", "auditor", "position-source"] {
        assert_eq!(directions(&nodes, role).await.len(), 1, "{role}");
    }
    // The ids of the house stand apart from a member's.
    let of_house = direct(&nodes, "administrator", request("mine", vec![leg(REGULAR, XM, -1)])).await.unwrap();
    assert_eq!((of_house.number, of_house.is_replay), (2, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn directions_are_listed_page_by_page_and_by_what_is_asked_for() {
    let nodes = ready().await;
    for number in 1..=3 {
        direct(&nodes, "administrator", request(&format!("d{number}"), vec![leg(REGULAR, XM, -1)])).await.unwrap();
    }
    let mut client = nodes.clients(Leg::Futures).directions("auditor");
    let mut list =
        async |request: v1::ListDirectionsRequest| client.list_directions(request).await.unwrap().into_inner();
    let mut request = v1::ListDirectionsRequest { page_size: 2, account: XM.into(), ..Default::default() };
    let first = list(request.clone()).await;
    request.page_token = first.next_page_token.clone();
    let second = list(request).await;
    let numbers = |page: &v1::ListDirectionsResponse| page.directions.iter().map(|d| d.number).collect::<Vec<_>>();
    assert_eq!((numbers(&first), numbers(&second)), (vec![1, 2], vec![3]));
    assert_eq!((second.next_page_token.as_str(), second.last_number), ("", 3));
    for (member, account, business_date, count) in [
        ("alder-point", REGULAR, "2026-02-13", 3),
        ("brightwater", "", "", 0),
        ("", "XM-1002", "", 0),
        ("", "", "2026-02-12", 0),
    ] {
        let request = v1::ListDirectionsRequest {
            member: member.into(),
            account: account.into(),
            business_date: business_date.into(),
            ..Default::default()
        };
        assert_eq!(list(request).await.directions.len(), count, "{member} {account} {business_date}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrong_batch_is_told_whole_and_nothing_of_it_counts() {
    let nodes = ready().await;
    let mut wrong = request("wrong", vec![leg(REGULAR, XM, -100), leg(REGULAR, XM, -401), leg(REGULAR, REGULAR, 0)]);
    wrong.business_date = "2026-02-12".into();
    let refused = direct(&nodes, "administrator", wrong).await.unwrap_err();
    let fields: Vec<String> =
        refused.get_details_bad_request().unwrap().field_violations.into_iter().map(|found| found.field).collect();
    assert_eq!(fields, ["legs[2].quantity", "business_date", "legs[1].quantity"]);
    let only_checked =
        v1::DirectPositionsRequest { validate_only: true, ..request("check", vec![leg(REGULAR, XM, -500)]) };
    assert_eq!(direct(&nodes, "administrator", only_checked.clone()).await.unwrap().number, 0);
    assert_eq!(positions(&nodes, "administrator", XM).await.unwrap(), [(-46_980, 0, -46_980)]);
    // The id of what was only checked is free.
    let recorded = v1::DirectPositionsRequest { validate_only: false, ..only_checked };
    assert_eq!(direct(&nodes, "administrator", recorded).await.unwrap().number, 1);
    // A cycle that is open can no longer be the first.
    let cur = cycle(v1::CycleKind::Cur, 1);
    nodes.clients(Leg::Futures).open(&cur, 120).await;
    let late = v1::DirectPositionsRequest { not_before: Some(cur), ..request("late", vec![leg(XM, REGULAR, -500)]) };
    let refused = direct(&nodes, "administrator", late).await.unwrap_err();
    assert!(refused.message().contains("not_before"), "{}", refused.message());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_directed_at_a_passive_house() {
    let nodes = ready().await;
    let mut client = nodes.clients(Leg::Treasury).directions("administrator");
    let refused = client.direct_positions(request("x", vec![leg("GSD-1", "GSD-1001", 1)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("allocation is passive"), "{}", refused.message());
    let every = margin_in(&nodes, 1).await;
    assert!(!every.is_empty());
    let request = v1::ListExclusionsRequest { cycle: Some(cycle(v1::CycleKind::Cur, 1)) };
    let none = client.list_exclusions(request).await.unwrap().into_inner();
    assert_eq!((none.revision, none.exclusions), (1, vec![]));
    let request = v1::ListExclusionsRequest { cycle: Some(cycle(v1::CycleKind::Cur, 2)) };
    assert_eq!(client.list_exclusions(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watcher_gets_what_it_has_not_and_everything_new() {
    let nodes = ready().await;
    for number in 1..=2 {
        direct(&nodes, "administrator", request(&format!("d{number}"), vec![leg(REGULAR, XM, -1)])).await.unwrap();
    }
    let watch = v1::WatchDirectionsRequest { after_number: 1, ..Default::default() };
    let mut stream =
        nodes.clients(Leg::Futures).directions("operator").watch_directions(watch).await.unwrap().into_inner();
    let mut next = async || match stream.message().await.unwrap().unwrap().news.unwrap() {
        News::Direction(direction) => direction.number.to_string(),
        News::Item(item) => item.item_id,
    };
    assert_eq!(next().await, "2");
    direct(&nodes, "administrator", request("d3", vec![leg(REGULAR, XM, -1)])).await.unwrap();
    assert_eq!(next().await, "3");
    // None of the three is in the positions that say that they include all of them.
    submit(&nodes, Leg::Futures, book_after(0), 2, 3).await.unwrap();
    assert_eq!([next().await, next().await], ["R-1", "R-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_expired_contract_leaves_the_frozen_book_visibly() {
    let nodes = ready().await;
    // An amendment of a later date carries on with positions of February; the March contracts have expired meanwhile.
    let april = jiff::civil::date(2026, 4, 15);
    let later =
        csv_book::parse(format!("{}\nXM-1005,FUT:ZF:2026-06,1,,,,\n", csv_book::HEADER).as_bytes(), "b").unwrap();
    let amendment = v1::SnapshotScope::Amendment;
    nodes.clients(Leg::Futures).submit_book_through(later, april, 2, amendment, 0).await.unwrap();
    let cycle = v1::CycleId { business_date: april.to_string(), ..cycle(v1::CycleKind::Cur, 1) };
    let clients = nodes.clients(Leg::Futures);
    clients.open(&cycle, 120).await;
    clients.wait(&cycle, "a frozen book", |cycle| cycle.own_manifest_revision == 1).await;
    let listed = async |role: &str| {
        let request = v1::ListExclusionsRequest { cycle: Some(cycle.clone()) };
        clients.directions(role).list_exclusions(request).await.unwrap().into_inner().exclusions
    };
    let all = listed("operator").await;
    let zn = all.iter().find(|exclusion| exclusion.account == XM && exclusion.instrument == ZN).unwrap();
    assert_eq!(zn.quantity, -46_980);
    assert!(zn.reason.contains("expired: it last traded on 2026-03"), "{}", zn.reason);
    assert!(all.iter().all(|exclusion| exclusion.reason.starts_with("expired: ")), "{all:?}");
    assert!(all.iter().all(|exclusion| exclusion.account != "XM-1005"), "it was amended");
    let own = listed(MEMBER_ROLE).await;
    assert!(!own.is_empty() && own.len() < all.len(), "a member is shown its own: {} of {}", own.len(), all.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_suspended_link_is_frozen_both_ways() {
    let nodes = ready().await;
    direct(&nodes, MEMBER_ROLE, request("before", vec![leg(REGULAR, XM, -1)])).await.unwrap();
    let scope = Some(v1::Scope { scope: Some(v1::scope::Scope::LinkId("LNK-0001".into())) });
    let change = v1::programme_change::Change::Suspension(v1::Suspension { scope, is_default: false });
    let changes = vec![v1::ProgrammeChange { reason: "a question of margin".into(), change: Some(change) }];
    nodes.clients(Leg::Futures).record_changes("suspend", changes).await.unwrap();
    for (id, legs) in [("in", leg(REGULAR, XM, -1)), ("out", leg(XM, REGULAR, -1))] {
        let refused = direct(&nodes, MEMBER_ROLE, request(id, vec![legs])).await.unwrap_err();
        assert!(refused.message().contains("link LNK-0001 of account XM-1001 is suspended"), "{}", refused.message());
    }
}
