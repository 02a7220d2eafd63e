//! A member in default at two houses: the suspension, the package that both make alike, the choice of close-out, the results
//! and the allocation that both sign.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use crossmargin::v1::{
    self, CloseOut, LinkStage, RequirementStatus, default_service_client::DefaultServiceClient,
    programme_change::Change,
};
use gateway::{
    arrangement::{
        default_loss::{CloseOut as Choice, LossSharing},
        default_package::{self, LossPool, Verified},
        leg::{Leg, Pair},
        terms::Arrangement,
    },
    sample,
};
use serde_json::Value;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use support::{
    Houses, NAMES,
    books::cycle,
    programme::{change, link_as, problems, suspend_link, wait_stage},
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
const MEMBER: &str = "brightwater";
/// A customer of the member.
const CUSTOMER: &str = "C-03BB";

fn defaults(houses: &Houses, leg: Leg) -> DefaultServiceClient<Channel> {
    DefaultServiceClient::new(houses.clients(leg).channel("administrator"))
}

async fn make_package(
    houses: &Houses,
    leg: Leg,
    request_id: &str,
    suspension: &str,
) -> Result<v1::MakePackageResponse, Status> {
    let request = v1::MakePackageRequest { request_id: request_id.into(), suspension_id: suspension.into() };
    defaults(houses, leg).make_package(request).await.map(tonic::Response::into_inner)
}

async fn settle(
    houses: &Houses,
    leg: Leg,
    request_id: &str,
    (suspension, customer): (&str, &str),
) -> Result<v1::RecordLossAllocationResponse, Status> {
    let request = v1::RecordLossAllocationRequest {
        request_id: request_id.into(),
        suspension_id: suspension.into(),
        customer: customer.into(),
    };
    defaults(houses, leg).record_loss_allocation(request).await.map(tonic::Response::into_inner)
}

async fn standing(houses: &Houses, leg: Leg, suspension: &str) -> v1::MemberDefault {
    let request = v1::GetDefaultRequest { suspension_id: suspension.into() };
    defaults(houses, leg).get_default(request).await.unwrap().into_inner().default.unwrap()
}

/// Waits until both houses see the default so: what one recorded reaches the other a moment later.
async fn wait_default(
    houses: &Houses,
    suspension: &str,
    is_it: impl Fn(&v1::MemberDefault) -> bool,
) -> Pair<v1::MemberDefault> {
    let mut found = Pair::<Option<v1::MemberDefault>>::default();
    for leg in Leg::BOTH {
        let begin = std::time::Instant::now();
        loop {
            let seen = standing(houses, leg, suspension).await;
            if is_it(&seen) {
                found[leg] = Some(seen);
                break;
            }
            assert!(begin.elapsed() < support::PATIENCE, "at {}: {seen:#?}", NAMES[leg]);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    found.both().unwrap()
}

async fn run_cycle(houses: &Houses, run: u32) -> v1::CycleId {
    let cycle = cycle(v1::CycleKind::Itd, run);
    for leg in Leg::BOTH {
        houses.clients(leg).open(&cycle, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait(&cycle, "an agreement", |cycle| cycle.agreed_round > 0).await;
    }
    cycle
}

/// Suspends a member in default at a house, waits until both know it, and gives the id.
async fn suspend(houses: &Houses, leg: Leg, member: &str) -> String {
    let scope = Some(v1::Scope { scope: Some(v1::scope::Scope::Member(member.into())) });
    let suspension = change(Change::Suspension(v1::Suspension { scope, is_default: true }));
    let request_id = format!("default-of-{member}");
    let recorded = houses.clients(leg).record_changes(&request_id, vec![suspension]).await.unwrap();
    let id = format!("{}/{}/0", NAMES[leg], recorded.sequence);
    let mut other = defaults(houses, leg.other());
    while other.get_default(v1::GetDefaultRequest { suspension_id: id.clone() }).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    id
}

fn choice(suspension: &str, close_out: CloseOut) -> Vec<v1::ProgrammeChange> {
    let suspension_id = suspension.into();
    vec![change(Change::CloseOut(v1::CloseOutChoice { suspension_id, close_out: close_out.into() }))]
}

fn result(suspension: &str, customer: &str, result: &str) -> Vec<v1::ProgrammeChange> {
    let (suspension_id, result, customer) = (suspension.into(), result.into(), customer.into());
    vec![change(Change::Liquidation(v1::LiquidationResult { suspension_id, result, customer }))]
}

async fn record(houses: &Houses, leg: Leg, request_id: &str, changes: Vec<v1::ProgrammeChange>) {
    houses.clients(leg).record_changes(request_id, changes).await.unwrap();
}

fn command(houses: &Houses, leg: Leg, args: &[&str]) -> Output {
    let node = format!("127.0.0.1:{}", houses.port(leg));
    let mut command = Command::new(BINARY);
    command.current_dir(houses.directory()).arg("default").args(args).args(["--house", NAMES[leg], "--node", &node]);
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is missing, by subject.
fn missing(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    let details = status.get_details_precondition_failure().unwrap();
    let missing = details.violations.into_iter().map(|violation| {
        assert!(!violation.description.is_empty());
        violation.subject
    });
    missing.collect()
}

fn verified(houses: &Houses, bytes: &[u8]) -> Verified {
    let arrangement = fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let arrangement = Arrangement::from_toml(&arrangement).unwrap();
    default_package::verify(bytes, &arrangement, |_, _, _, _| Ok::<(), String>(())).unwrap()
}

fn pool<'a>(found: &'a v1::MemberDefault, customer: &str) -> &'a v1::LossPool {
    found.pools.iter().find(|pool| pool.customer == customer).unwrap()
}

#[tokio::test]
async fn both_houses_come_from_one_suspension_to_one_package_one_close_out_and_one_allocation() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    wait_stage(&houses, "LNK-0002", LinkStage::Live).await;
    run_cycle(&houses, 1).await;
    run_cycle(&houses, 2).await;
    let id = suspend(&houses, Leg::Futures, MEMBER).await;

    // From then on the member's links are charged stand-alone at both houses.
    wait_stage(&houses, "LNK-0002", LinkStage::Suspended).await;
    let after = run_cycle(&houses, 3).await;
    for leg in Leg::BOTH {
        let rows = houses.clients(leg).requirements(&after, 0).await;
        let own: Vec<_> = rows.iter().filter(|row| row.link.as_ref().unwrap().member == MEMBER).collect();
        assert_eq!(own.len(), 7);
        for row in own {
            assert_eq!(row.status(), RequirementStatus::Suspended);
            assert_eq!(row.applied_factor_bp, 0, "{row:?}");
            assert_eq!(row.treasury_requirement, row.treasury_standalone);
            assert_eq!(row.futures_requirement, row.futures_standalone);
        }
    }

    // The cycle before it is still open, so the suspension begins a round in it. What counts is the last one without it.
    let before = cycle(v1::CycleKind::Itd, 2);
    for leg in Leg::BOTH {
        houses.clients(leg).wait(&before, "a round after the suspension", |cycle| cycle.agreed_round == 2).await;
    }

    // Both make the package of the last round agreed before it, in equal bytes.
    let first = make_package(&houses, Leg::Treasury, "package", &id).await.unwrap();
    assert!(!first.is_signed_by_both && !first.is_replay, "{first:?}");
    let again = make_package(&houses, Leg::Treasury, "package", &id).await.unwrap();
    assert!(again.is_replay && (again.sequence, &again.record) == (first.sequence, &first.record), "{again:?}");
    let other = json(&command(&houses, Leg::Futures, &["package", &id, "--json"]));
    assert_eq!(other["package"], hex::encode(&first.record.as_ref().unwrap().package));
    let seen = wait_default(&houses, &id, |seen| seen.is_package_signed_by_both).await;
    for (_, seen) in seen.iter() {
        assert_eq!((seen.cycle.as_ref(), seen.round), (Some(&before), 1), "the newest before the suspension");
        assert!(seen.problems.is_empty() && seen.member == MEMBER, "{seen:#?}");
        assert_eq!(seen.pools.len(), 6, "the member's own and five customers");
    }

    // What is fetched at either house verifies offline with either configuration.
    let mut files = Vec::new();
    for leg in Leg::BOTH {
        let file = format!("{}.package", NAMES[leg]);
        let fetched = json(&command(&houses, leg, &["fetch", &id, "--out", &file, "--json"]));
        assert_eq!(fetched["package"], other["package"]);
        let path = houses.directory().join(&file);
        for leg in Leg::BOTH {
            let config = houses.config(leg);
            let verify = ["default", "verify", path.to_str().unwrap(), "--config", config.to_str().unwrap(), "--json"];
            let shown = json(&Command::new(BINARY).args(verify).output().unwrap());
            assert_eq!((&shown["suspension"], &shown["member"]), (&id.as_str().into(), &MEMBER.into()));
        }
        files.push(fs::read(path).unwrap());
    }
    assert_eq!(files[0], files[1]);
    let package = verified(&houses, &files[0]);

    // The close-out is settled where both chose the same.
    record(&houses, Leg::Treasury, "choose", choice(&id, CloseOut::Joint)).await;
    let args = ["choose", &id, "--close-out", "separate", "--reason", "no joint desk", "--json"];
    json(&command(&houses, Leg::Futures, &args));
    let seen = wait_default(&houses, &id, |seen| seen.problems.len() == 1).await;
    assert!(!seen.treasury.is_close_out_settled, "{:?}", seen.treasury);
    assert!(seen.futures.problems[0].contains("chose differently (FICC joint, CME separate)"), "{:?}", seen.futures);
    record(&houses, Leg::Treasury, "choose-again", choice(&id, CloseOut::Separate)).await;
    wait_default(&houses, &id, |seen| seen.is_close_out_settled && seen.problems.is_empty()).await;

    // Each reports its results; the pools stand apart.
    record(&houses, Leg::Treasury, "result", result(&id, "", "-25000000.00")).await;
    json(&command(&houses, Leg::Futures, &["result", &id, "--usd", "30000000", "--json"]));
    record(&houses, Leg::Treasury, "result-customer", result(&id, CUSTOMER, "1.00")).await;
    json(&command(&houses, Leg::Futures, &["result", &id, "--usd", "-3.50", "--customer", CUSTOMER, "--json"]));
    wait_default(&houses, &id, |seen| ["", CUSTOMER].iter().all(|customer| pool(seen, customer).allocation.is_some()))
        .await;

    // Both record what follows, and it is what the rule gives.
    for (customer, results) in [
        ("", Pair { treasury: -2_500_000_000_i64, futures: 3_000_000_000 }),
        (CUSTOMER, Pair { treasury: 100, futures: -350 }),
    ] {
        let of = customer.parse().map_or(LossPool::Proprietary, LossPool::Customer);
        let inputs = package.loss_inputs(&of, results, Choice::Separate).unwrap();
        let allocation = LossSharing::Assumed1.allocate(inputs).unwrap();
        let cents = allocation.payment.map_or(0, |payment| payment.cents);
        let payer = allocation.payment.map(|payment| NAMES[payment.payer]).unwrap_or_default();
        let amount = format!("{}.{:02}", cents / 100, cents % 100);

        let request_id = format!("settle-{customer}");
        let recorded = settle(&houses, Leg::Treasury, &request_id, (&id, customer)).await.unwrap();
        let record = recorded.record.clone().unwrap();
        assert_eq!((record.payer.as_str(), record.amount.as_str()), (payer, amount.as_str()), "{customer}");
        assert!(!recorded.is_signed_by_both && !recorded.is_replay);
        let again = settle(&houses, Leg::Treasury, &request_id, (&id, customer)).await.unwrap();
        assert!(again.is_replay && (again.sequence, again.record) == (recorded.sequence, recorded.record));
        // The id is that pool's alone.
        let of_another = settle(&houses, Leg::Treasury, &request_id, (&id, "another-customer")).await.unwrap_err();
        assert!(problems(&of_another)[0].contains("another request"), "{of_another}");
        let mut args = vec!["settle", &id, "--json"];
        args.extend(if customer.is_empty() { vec![] } else { vec!["--customer", customer] });
        assert_eq!(json(&command(&houses, Leg::Futures, &args))["amount"], amount);
        let seen = wait_default(&houses, &id, |seen| pool(seen, customer).is_signed_by_both).await;
        for (_, seen) in seen.iter() {
            let pool = pool(seen, customer);
            let follows = pool.allocation.as_ref().unwrap();
            assert!(pool.problems.is_empty() && follows.is_assumed, "{pool:#?}");
            assert_eq!((&follows.amount, &pool.treasury_record), (&amount, &Some(record.clone())));
            assert!(follows.steps[0].contains("assumed"), "{follows:?}");
        }
    }
    assert!(pool(&standing(&houses, Leg::Treasury, &id).await, "").treasury_record.as_ref().unwrap().payer == "CME");

    // A result that a house replaces afterwards is a break, not silence.
    record(&houses, Leg::Futures, "result-again", result(&id, "", "0.00")).await;
    let seen = wait_default(&houses, &id, |seen| !pool(seen, "").problems.is_empty()).await;
    assert_eq!(pool(&seen.treasury, "").problems.len(), 2, "{:#?}", pool(&seen.treasury, ""));
    assert!(pool(&seen.treasury, CUSTOMER).problems.is_empty());
    let shown = command(&houses, Leg::Treasury, &["show", &id]);
    let text = String::from_utf8(shown.stdout).unwrap();
    for words in [MEMBER, "signed by both", "separate, settled", "BREAK: FICC recorded", "assumed", "customer C-03BB"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let listed = json(&command(&houses, Leg::Futures, &["list", "--json"]));
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["suspension"]), (1, &id.as_str().into()));

    // A node that was restarted answers the same, and makes the same package from what it has stored.
    houses.kill(Leg::Treasury);
    houses.start(Leg::Treasury).await;
    let replayed = make_package(&houses, Leg::Treasury, "package", &id).await.unwrap();
    assert!(replayed.is_replay && replayed.is_signed_by_both && replayed.record == first.record, "{replayed:?}");
    let anew = make_package(&houses, Leg::Treasury, "package-anew", &id).await.unwrap();
    assert!(!anew.is_replay && anew.is_signed_by_both && anew.record == first.record, "{anew:?}");
}

#[tokio::test]
async fn every_thing_that_an_operation_needs_is_named_where_it_is_missing() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let us = Leg::Treasury;
    wait_stage(&houses, "LNK-0002", LinkStage::Live).await;
    let clients = houses.clients(us);
    let plain = clients.record_changes("plain", vec![suspend_link("LNK-0003")]).await.unwrap();
    let plain = format!("{}/{}/0", NAMES[us], plain.sequence);

    // What both houses have not recorded, and what is no default.
    let early = suspend(&houses, us, "alder-point").await;
    let record_of_nobody = v1::MemberRecord { member: "nobody".into(), ..Default::default() };
    record(&houses, us, "nobody", vec![change(Change::Member(record_of_nobody))]).await;
    let rows = [
        (make_package(&houses, us, "a", &plain).await.unwrap_err(), vec!["suspension_id"]),
        (settle(&houses, us, "b", (&plain, "")).await.unwrap_err(), vec!["suspension_id"]),
        (make_package(&houses, us, "c", &early).await.unwrap_err(), vec!["cycle"]),
        (settle(&houses, us, "d", (&early, "")).await.unwrap_err(), vec!["package", "close_out", "results", "results"]),
    ];
    for (status, wanted) in rows {
        assert_eq!(missing(&status), wanted, "{status}");
    }
    run_cycle(&houses, 1).await;
    let late = make_package(&houses, us, "e", &early).await.unwrap_err();
    assert_eq!(missing(&late), ["cycle"], "a cycle that knows the suspension is none before it: {late}");
    let unlinked = suspend(&houses, us, "nobody").await;
    assert_eq!(missing(&make_package(&houses, us, "f", &unlinked).await.unwrap_err()), ["links"]);

    // A default of which a part is there names the rest.
    let id = suspend(&houses, us, MEMBER).await;
    make_package(&houses, us, "g", &id).await.unwrap();
    record(&houses, us, "h", choice(&id, CloseOut::Joint)).await;
    record(&houses, us, "i", result(&id, "", "-1.00")).await;
    let partly = settle(&houses, us, "j", (&id, "")).await.unwrap_err();
    assert_eq!(missing(&partly), ["package", "close_out", "results"]);
    for words in ["CME has made no package", "CME has chosen no close-out", "CME has recorded no result"] {
        assert!(partly.message().contains(words), "{words}: {partly}");
    }
    make_package(&houses, us.other(), "k", &id).await.unwrap();
    record(&houses, us.other(), "l", choice(&id, CloseOut::Transfer)).await;
    record(&houses, us.other(), "m", result(&id, "", "2.00")).await;
    let has_both_results = |seen: &v1::MemberDefault| {
        let of_members = seen.pools.iter().find(|pool| pool.customer.is_empty());
        of_members.is_some_and(|pool| !pool.treasury_result.is_empty() && !pool.futures_result.is_empty())
    };
    // The other house's records come one by one, and its results last.
    wait_default(&houses, &id, |seen| has_both_results(seen) && !seen.problems.is_empty()).await;
    assert_eq!(missing(&settle(&houses, us, "n", (&id, "")).await.unwrap_err()), ["close_out"]);
    let stranger = settle(&houses, us, "o", (&id, "C-7F3A")).await.unwrap_err();
    assert_eq!(missing(&stranger), ["customer", "close_out", "results", "results"], "{stranger}");

    // Nothing of it was recorded, and what is wrong with a request is told at once.
    assert!(standing(&houses, us, &id).await.pools.iter().all(|pool| pool.treasury_record.is_none()));
    let wrong = settle(&houses, us, "", ("FICC", "-")).await.unwrap_err();
    let fields: Vec<_> = problems(&wrong).iter().map(|text| text.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(fields, ["request_id", "suspension_id", "customer"]);
    let unknown = make_package(&houses, us, "p", "FICC/999/0").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let other_kind = make_package(&houses, us, "h", &id).await.unwrap_err();
    assert!(problems(&other_kind)[0].contains("another request"), "{other_kind}");
    let request = v1::GetPackageRequest { suspension_id: early };
    assert_eq!(defaults(&houses, us).get_package(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_round_that_one_house_claimed_with_the_suspension_is_not_the_last_one_agreed_on_the_member() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let first = run_cycle(&houses, 1).await;

    // On the next day the suspending house has claimed, and the other is down until the suspension is recorded.
    let (by, other) = (Leg::Treasury, Leg::Futures);
    let date = "2026-02-17";
    let second = v1::CycleId { business_date: date.into(), ..first.clone() };
    let submit_market = async |houses: &Houses, leg: Leg| {
        houses.clients(leg).submit_market(date.parse().unwrap(), sample::market().into_items(leg)).await;
    };
    submit_market(&houses, other).await;
    for leg in Leg::BOTH {
        let book = sample::book::book(leg).unwrap().of_accounts(|account| account.ends_with("-1014"));
        let clients = houses.clients(leg);
        clients.submit_book(book, date.parse().unwrap(), 2, v1::SnapshotScope::Full).await.unwrap();
        clients.open(&second, 120).await;
    }
    for leg in Leg::BOTH {
        let exchanged = |c: &v1::Cycle| c.own_manifest_revision == 1 && c.complete_peer_manifest_revision == 1;
        houses.clients(leg).wait(&second, "both books frozen", exchanged).await;
    }
    houses.kill(other);
    submit_market(&houses, by).await;
    houses.clients(by).wait(&second, "a claim", |cycle| cycle.round == 1).await;
    let scope = Some(v1::Scope { scope: Some(v1::scope::Scope::Member(MEMBER.into())) });
    let suspension = change(Change::Suspension(v1::Suspension { scope, is_default: true }));
    let recorded = houses.clients(by).record_changes("default", vec![suspension]).await.unwrap();
    let id = format!("{}/{}/0", NAMES[by], recorded.sequence);
    houses.start(other).await;
    for leg in Leg::BOTH {
        houses.clients(leg).wait(&second, "a second round", |cycle| cycle.agreed_round == 2).await;
    }

    // Which it is depends on what the other house had of the suspension when it claimed; never a round of which the
    // member's links are breaks.
    let is_broken = !houses.clients(by).breaks(&second, 1).await.is_empty();
    for leg in Leg::BOTH {
        make_package(&houses, leg, "package", &id).await.unwrap();
    }
    let seen = wait_default(&houses, &id, |seen| seen.is_package_signed_by_both).await;
    let wanted = if is_broken { &first } else { &second };
    for (_, seen) in seen.iter() {
        assert_eq!((seen.cycle.as_ref(), seen.round), (Some(wanted), 1));
    }
}

#[tokio::test]
async fn what_follows_from_records_is_taken_from_no_caller_and_shown_to_no_member() {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).record_links(sample::book::links()).await;
    }
    wait_stage(&houses, "LNK-0001", LinkStage::Live).await;
    let id = suspend(&houses, Leg::Treasury, "alder-point").await;
    let clients = houses.clients(Leg::Treasury);
    let package = v1::DefaultPackageRecord { suspension_id: id.clone(), package: vec![1; 32].into(), size_bytes: 9 };
    let allocation = v1::LossAllocationRecord {
        suspension_id: id.clone(),
        payer: "CME".into(),
        amount: "1.00".into(),
        rule: "assumed-1".into(),
        customer: String::new(),
    };
    let changes = vec![change(Change::DefaultPackage(package)), change(Change::LossAllocation(allocation))];
    let refused = problems(&clients.record_changes("derived", changes).await.unwrap_err());
    assert!(refused[0].contains("changes[0].default_package") && refused[0].contains("DefaultService.MakePackage"));
    assert!(refused[1].contains("changes[1].loss_allocation") && refused[1].contains("RecordLossAllocation"));

    let roles = ["member-alder-point", "customer-C-7F3A", "margin-reader", "operator", "auditor", "administrator"];
    for (role, reads) in roles.into_iter().zip([false, false, false, true, true, true]) {
        let mut service = DefaultServiceClient::new(clients.channel(role));
        let denied = |code: Code| code == Code::PermissionDenied;
        let suspension_id = id.clone();
        let list = service.list_defaults(v1::ListDefaultsRequest {}).await;
        let get = service.get_default(v1::GetDefaultRequest { suspension_id: suspension_id.clone() }).await;
        let fetch = service.get_package(v1::GetPackageRequest { suspension_id: suspension_id.clone() }).await;
        assert_eq!([list.is_ok(), get.is_ok()], [reads; 2], "{role}");
        assert_eq!(denied(fetch.unwrap_err().code()), !reads, "{role}");
        let request = v1::MakePackageRequest { request_id: role.into(), suspension_id: suspension_id.clone() };
        let made = service.make_package(request).await.unwrap_err();
        let request =
            v1::RecordLossAllocationRequest { request_id: role.into(), suspension_id, customer: String::new() };
        let settled = service.record_loss_allocation(request).await.unwrap_err();
        let writes = role == "administrator";
        assert_eq!([denied(made.code()), denied(settled.code())], [!writes; 2], "{role}");
    }
    // A member sees its own suspension where it sees its links.
    let own = link_as(&clients, "member-alder-point", "LNK-0001").await.unwrap().link.unwrap();
    assert_eq!((own.stage(), &own.suspension_ids), (LinkStage::Suspended, &vec![id]));
}
