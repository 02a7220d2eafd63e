//! What-if of members: figures that agree with what is charged, laws of changes, paths and suggestions, and what nobody
//! can do with them.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use crossmargin::v1::{
    self, ChangeKind, PositionChange, TryPositionsRequest, analysis_service_client::AnalysisServiceClient,
};
use gateway::{arrangement::leg::Leg, sample};
use risk::money::Usd;
use support::{Houses, books::cycle};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

type Client = AnalysisServiceClient<Channel>;

/// Both houses with the sample, agreed on a cycle.
async fn agreed() -> Houses {
    let houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    agree(&houses).await;
    houses
}

async fn agree(houses: &Houses) {
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd, 120).await;
    }
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&itd, 1).await;
    }
}

fn change(kind: ChangeKind, instrument: &str, quantity: i64) -> PositionChange {
    PositionChange { instrument: instrument.to_owned(), kind: kind.into(), quantity }
}

fn add(instrument: &str, quantity: i64) -> PositionChange {
    change(ChangeKind::Add, instrument, quantity)
}

fn request(account: &str, changes: Vec<PositionChange>) -> TryPositionsRequest {
    TryPositionsRequest { account: account.to_owned(), changes, business_date: String::new() }
}

async fn positions(client: &mut Client, account: &str, changes: Vec<PositionChange>) -> v1::TryPositionsResponse {
    client.try_positions(request(account, changes)).await.unwrap().into_inner()
}

/// What a command prints as JSON, called at the Treasury house.
fn command(houses: &Houses, args: &[&str]) -> serde_json::Value {
    let node = format!("127.0.0.1:{}", houses.port(Leg::Treasury));
    let output = std::process::Command::new(BINARY)
        .current_dir(houses.directory())
        .args(args)
        .args(["--json", "--house", "FICC", "--node", &node])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn total(figures: &v1::JointFigures) -> Usd {
    usd(&figures.treasury_total).saturating_add(usd(&figures.futures_total))
}

/// Every problem as `field: description`.
fn problems(status: &Status) -> Vec<String> {
    let found = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    found.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
}

#[tokio::test]
async fn trying_nothing_gives_what_was_claimed_and_changes_add_what_they_say() {
    let mut houses = agreed().await;
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        let mut analysis = clients.analysis("margin-reader");
        let listed = v1::ListRequirementsRequest { cycle: Some(cycle(v1::CycleKind::Itd, 1)), ..Default::default() };
        let listed = clients.margin().list_requirements(listed).await.unwrap().into_inner().requirements;
        assert_eq!(listed.len(), 28);
        for claimed in &listed {
            let link = claimed.link.as_ref().unwrap();
            let account = if leg == Leg::Treasury { &link.futures_account } else { &link.treasury_account };
            let tried = positions(&mut analysis, account, vec![]).await;
            assert_eq!(tried.incremental_requirement, "0.00");
            assert_eq!(tried.before, tried.after);
            assert_eq!(tried.business_date, sample::BUSINESS_DATE.to_string());
            let after = tried.after.unwrap();
            let factors = [&after.treasury_house, &after.futures_house].map(|house| house.as_ref().unwrap().factor_bp);
            assert_eq!(factors, [claimed.treasury_factor_bp, claimed.futures_factor_bp], "{}", link.link_id);
            let found = [
                &after.treasury_standalone,
                &after.futures_standalone,
                &after.treasury_charges,
                &after.futures_charges,
            ];
            let expected = [
                &claimed.treasury_standalone,
                &claimed.futures_standalone,
                &claimed.treasury_charges,
                &claimed.futures_charges,
            ];
            assert_eq!(found, expected, "{}", link.link_id);
            assert_eq!(after.applied_factor_bp, claimed.would_be_factor_bp);
            assert_eq!(after.treasury_requirement, claimed.would_be_treasury_requirement);
            assert_eq!(after.futures_requirement, claimed.would_be_futures_requirement);
        }
    }

    let clients = houses.clients(Leg::Treasury);
    let mut analysis = clients.analysis("margin-reader");
    let note = "UST:91282CPJ4";
    let undone = vec![add("FUT:ZF:2026-03", 700), change(ChangeKind::Remove, "FUT:ZF:2026-03", 0)];
    let undone = positions(&mut analysis, "GSD-1001", undone).await;
    assert_eq!((undone.before.as_ref(), undone.incremental_requirement.as_str()), (undone.after.as_ref(), "0.00"));

    let tried = positions(&mut analysis, "GSD-1001", vec![add(note, 250_000_000), add("FUT:ZN:2026-06", -40)]).await;
    let (before, after) = (tried.before.as_ref().unwrap(), tried.after.as_ref().unwrap());
    assert_ne!(before, after);
    let added = |after: &str, before: &str| usd(after).saturating_sub(usd(before)).to_string();
    assert_eq!(tried.incremental_treasury_requirement, added(&after.treasury_total, &before.treasury_total));
    assert_eq!(tried.incremental_futures_requirement, added(&after.futures_total, &before.futures_total));
    assert_eq!(usd(&tried.incremental_requirement), total(after).saturating_sub(total(before)));
    // In one step and in two it is the same portfolio.
    let twice = vec![add(note, 100_000_000), add("FUT:ZN:2026-06", -40), add(note, 150_000_000)];
    assert_eq!(positions(&mut analysis, "GSD-1001", twice).await.after, tried.after);

    // A portfolio without an account is margined by the same rules, and a leg alone grants nothing.
    let alone = positions(&mut analysis, "", vec![add(note, 100_000_000)]).await;
    assert_eq!(alone.before, None);
    let figures = alone.after.unwrap();
    assert_eq!((figures.applied_factor_bp, figures.futures_total.as_str()), (0, "0.00"));
    assert_eq!(alone.incremental_requirement, figures.treasury_total);
    assert!(usd(&figures.treasury_total) > Usd::ZERO);

    // The command shows the same.
    let shown = command(&houses, &["try", "positions", "--account", "GSD-1001", "--change", "add:FUT:ZN:2026-06:-40"]);
    let called = positions(&mut analysis, "GSD-1001", vec![add("FUT:ZN:2026-06", -40)]).await;
    assert_eq!(shown["incremental_requirement"], called.incremental_requirement);
    assert_eq!(shown["after"]["treasury_total"], called.after.unwrap().treasury_total);

    // Nothing of all this touched the book.
    let mut operator =
        v1::position_keeping_service_client::PositionKeepingServiceClient::new(clients.channel("operator"));
    let book =
        operator.get_positions(v1::GetPositionsRequest { account: "GSD-1001".into() }).await.unwrap().into_inner();
    assert_eq!(book.book_version, 1);
    assert!(!book.positions.unwrap().instruments.contains(&"FUT:ZN:2026-06".to_owned()));
    assert_eq!(positions(&mut analysis, "GSD-1001", vec![]).await.after.as_ref(), Some(before));

    // A node that has just started has prepared nothing, and answers the same.
    houses.stop(Leg::Treasury).await;
    houses.start(Leg::Treasury).await;
    let mut analysis = houses.clients(Leg::Treasury).analysis("margin-reader");
    assert_eq!(positions(&mut analysis, "GSD-1001", vec![]).await.after.as_ref(), Some(before));
    let again = positions(&mut analysis, "GSD-1001", vec![add(note, 250_000_000), add("FUT:ZN:2026-06", -40)]).await;
    assert_eq!(again, tried);
}

#[tokio::test]
async fn a_path_begins_at_todays_figures_and_suggestions_free_what_they_say() {
    let houses = agreed().await;
    let mut analysis = houses.clients(Leg::Futures).analysis("operator");
    let account = "XM-1002";
    let changes = vec![add("UST:91282CPJ4", 50_000_000)];
    let today = positions(&mut analysis, account, changes.clone()).await.after.unwrap();
    let still = v1::CurveMove { overnight_bp: 0.0, curve_bp: vec![0.0] };
    let shock = v1::CurveMove { overnight_bp: 25.0, curve_bp: vec![60.0] };
    let path =
        |days: Vec<v1::CurveMove>| v1::TryPathRequest { positions: Some(request(account, changes.clone())), days };
    let calm = analysis.try_path(path(vec![still.clone(); 3])).await.unwrap().into_inner();
    assert_eq!(calm.points.iter().map(|point| point.day).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(calm.points[0].figures.as_ref(), Some(&today));
    assert!(calm.points.iter().all(|point| point.profit_and_loss == "0.00"));
    let alone = |point: &v1::PathPoint| usd(&point.figures.as_ref().unwrap().futures_house.as_ref().unwrap().combined);
    assert!(calm.points.windows(2).all(|pair| alone(&pair[1]) <= alone(&pair[0])), "volatility decays: {calm:?}");

    let shocked = analysis.try_path(path(vec![shock, still])).await.unwrap().into_inner();
    assert_ne!(shocked.points[1].profit_and_loss, "0.00");
    assert_eq!(shocked.points[1].profit_and_loss, shocked.points[2].profit_and_loss);
    assert!(alone(&shocked.points[1]) > alone(&shocked.points[0]), "a shock raises what is forecast");

    // What is suggested is worth what trying it says.
    let start = |account: &str| Some(request(account, vec![]));
    let asked = v1::SuggestFuturesRequest { positions: start("XM-1003"), ..Default::default() };
    let found = analysis.suggest_futures(asked).await.unwrap().into_inner();
    assert!(!found.additions.is_empty() && found.additions.len() <= 5 && found.directions.is_empty());
    let freed: Vec<Usd> = found.additions.iter().map(|found| usd(&found.freed)).collect();
    assert!(freed.iter().all(|freed| *freed > Usd::ZERO) && freed.is_sorted_by(|one, next| one >= next), "{freed:?}");
    for suggestion in &found.additions {
        let tried = positions(&mut analysis, "XM-1003", vec![add(&suggestion.instrument, suggestion.contracts)]).await;
        assert_eq!(tried.before, found.before);
        assert_eq!(tried.after, suggestion.after, "{}", suggestion.instrument);
        assert_eq!(usd(&tried.incremental_requirement), Usd::ZERO.saturating_sub(usd(&suggestion.freed)));
    }

    // What is directed leaves the portfolio where it was held, which is charged without it.
    let best = &found.additions[0];
    let held = add(&best.instrument, best.contracts * 2);
    let asked = v1::SuggestFuturesRequest {
        positions: start("XM-1003"),
        candidates: vec![best.instrument.clone()],
        directable: vec![held.clone()],
        suggestion_count: 1,
    };
    let found = analysis.suggest_futures(asked).await.unwrap().into_inner();
    let [direction] = found.directions.as_slice() else { panic!("one direction: {found:?}") };
    assert!(direction.contracts.signum() == held.quantity.signum());
    assert!(direction.contracts.unsigned_abs() <= held.quantity.unsigned_abs());
    let mut outside = async |contracts: i64| match contracts {
        0 => Usd::ZERO,
        _ => total(&positions(&mut analysis, "", vec![add(&held.instrument, contracts)]).await.after.unwrap()),
    };
    let before = total(found.before.as_ref().unwrap()).saturating_add(outside(held.quantity).await);
    let left = outside(held.quantity - direction.contracts).await;
    let after = total(direction.after.as_ref().unwrap()).saturating_add(left);
    assert_eq!(usd(&direction.freed), before.saturating_sub(after));
}

#[tokio::test]
async fn members_try_their_own_accounts_alone_and_as_often_as_they_may() {
    let houses = agreed().await;
    let clients = houses.clients(Leg::Treasury);
    let links = sample::book::links();
    for (role, is_theirs) in [
        ("member-alder-point", (|link| link.member == "alder-point") as fn(&v1::LinkTerms) -> bool),
        ("customer-C-7F3A", |link| link.owner == "C-7F3A"),
    ] {
        let mut analysis = clients.analysis(role);
        let unknown = analysis.try_positions(request("NOBODY", vec![])).await.unwrap_err();
        let other = links.iter().find(|link| !is_theirs(link)).unwrap();
        let hidden = analysis.try_positions(request(&other.futures_account, vec![])).await.unwrap_err();
        assert_eq!((unknown.code(), hidden.code()), (Code::NotFound, Code::NotFound));
        assert_eq!(hidden.message().replace(&other.futures_account, "NOBODY"), unknown.message());
        let positions = Some(request(&other.treasury_account, vec![]));
        let days = vec![v1::CurveMove { overnight_bp: 0.0, curve_bp: vec![1.0] }];
        let path = v1::TryPathRequest { positions: positions.clone(), days };
        assert_eq!(analysis.try_path(path).await.unwrap_err().code(), Code::NotFound);
        let futures = v1::SuggestFuturesRequest { positions, ..Default::default() };
        assert_eq!(analysis.suggest_futures(futures).await.unwrap_err().code(), Code::NotFound);
        let own = links.iter().find(|link| is_theirs(link)).unwrap();
        analysis.try_positions(request(&own.treasury_account, vec![])).await.unwrap();
        analysis.try_positions(request("", vec![add("FUT:ZN:2026-03", 10)])).await.unwrap();
    }

    let mut analysis = clients.analysis("member-alder-point");
    let futures = || v1::SuggestFuturesRequest {
        positions: Some(request("GSD-1001", vec![])),
        candidates: vec!["FUT:ZN:2026-03".into()],
        ..Default::default()
    };
    let mut refused = None;
    for _ in 0..60 {
        if let Err(status) = analysis.suggest_futures(futures()).await {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("sixty heavy calls are more than a caller may");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.message().contains("try again in"), "{}", refused.message());
    let retry = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    // Another caller is not held up by it.
    clients.analysis("customer-C-7F3A").try_positions(request("GSD-1009", vec![])).await.unwrap();
    tokio::time::sleep(retry).await;
    analysis.suggest_futures(futures()).await.unwrap();
}

#[tokio::test]
async fn every_wrong_request_is_told_by_field_and_what_is_not_here_yet_by_name() {
    let houses = Houses::running(BINARY).await;
    let mut analysis = houses.clients(Leg::Treasury).analysis("margin-reader");
    let early = analysis.try_positions(request("", vec![add("FUT:ZN:2026-03", 10)])).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert!(early.message().contains("market data"), "{}", early.message());
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let mut waiting = analysis.try_positions(request("GSD-1001", vec![])).await.unwrap_err();
    for _ in 0..100 {
        if waiting.code() == Code::FailedPrecondition && waiting.message().contains("CME's positions") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        waiting = analysis.try_positions(request("GSD-1001", vec![])).await.unwrap_err();
    }
    assert!(waiting.message().contains("CME's positions are not here yet"), "{}", waiting.message());
    let unfetched = analysis.try_positions(request("", vec![add("FUT:ZN:2026-03", 10)])).await.unwrap_err();
    assert_eq!(unfetched.code(), Code::FailedPrecondition);
    assert!(unfetched.message().contains("CME's market data of 2026-02-13"), "{}", unfetched.message());
    agree(&houses).await;

    let known = "UST:91282CPJ4";
    let far = vec![add("USD:2070-01-01", 1)];
    let many = vec![add(known, 100); 10_001];
    let huge = vec![add("FUT:ZN:2026-03", 9_000_000), add("FUT:ZN:2026-03", 9_000_000)];
    let unknown_kind = vec![PositionChange { kind: 9, ..add(known, 100) }];
    // (changes, field, words of the reason)
    let cases: Vec<(Vec<PositionChange>, &str, &str)> = vec![
        (vec![], "changes", "nothing to try"),
        (vec![add("UST:912828ZZ5", 100)], "changes[0].instrument", "check digit"),
        (vec![add("BOND:1", 100)], "changes[0].instrument", "is not an instrument"),
        (vec![add(known, 100), add("UST:037833100", 100)], "changes[1].instrument", "no note or bond"),
        (vec![add(known, 150)], "changes[0].quantity", "multiple of USD 100"),
        (vec![add(known, 0)], "changes[0].quantity", "zero"),
        (vec![change(ChangeKind::Replace, known, i64::MIN)], "changes[0].quantity", "out of range"),
        (huge, "changes[1].quantity", "out of range"),
        (unknown_kind, "changes[0].kind", "no kind of change"),
        (vec![change(ChangeKind::Remove, known, 0)], "changes[0].instrument", "nothing to remove"),
        (vec![add("FUT:ES:2026-03", 1)], "changes[0].instrument", "not eligible under the arrangement"),
        (vec![add("FUT:ZN:2036-03", 1)], "changes[0].instrument", "no settlement price"),
        (vec![add("USD:2026-02-13", 100)], "changes[0].instrument", "not after the business date"),
        (vec![add("FWD:91282CPJ4:2026-02-13", 100)], "changes[0].instrument", "not after the business date"),
        (vec![add("FWD:91282CPJ4:2036-02-13", 100)], "changes[0].instrument", "91282CPJ4"),
        (far, "changes[0].instrument", "beyond the cash curve"),
        (many, "changes", "at most 10000"),
    ];
    for (changes, field, reason) in cases {
        let status = analysis.try_positions(request("", changes)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        let told = problems(&status);
        assert!(told.iter().any(|told| told.starts_with(field) && told.contains(reason)), "{field} {reason}: {told:?}");
    }
    let both = analysis.try_positions(request("", vec![add(known, 1), add("x", 1)])).await.unwrap_err();
    assert_eq!(problems(&both).len(), 2, "all at once");
    let wrong = TryPositionsRequest { business_date: "13.2.2026".into(), ..request("", vec![add(known, 100)]) };
    assert!(problems(&analysis.try_positions(wrong).await.unwrap_err())[0].starts_with("business_date"));
    let past = TryPositionsRequest { business_date: "2020-01-02".into(), ..request("", vec![add(known, 100)]) };
    let past = analysis.try_positions(past).await.unwrap_err();
    assert_eq!(past.code(), Code::FailedPrecondition, "{past:?}");
    let account = analysis.try_positions(request("a b", vec![])).await.unwrap_err();
    assert!(problems(&account)[0].starts_with("account"), "{account:?}");

    let mut analysis = houses.clients(Leg::Treasury).analysis("operator");
    let day = |overnight_bp: f64, curve_bp: Vec<f64>| v1::CurveMove { overnight_bp, curve_bp };
    let flat = day(0.0, vec![0.0]);
    let paths: Vec<(Vec<v1::CurveMove>, &str)> = vec![
        (vec![], "days"),
        (vec![flat.clone(); 61], "days"),
        (vec![flat.clone(), day(f64::NAN, vec![0.0])], "days[1].overnight_bp"),
        (vec![day(0.0, vec![1_000.1])], "days[0].curve_bp"),
        (vec![day(0.0, vec![0.0; 10])], "days[0].curve_bp"),
        (vec![day(0.0, [vec![0.0; 10], vec![f64::INFINITY]].concat())], "days[0].curve_bp[10]"),
        (vec![day(0.0, vec![-1_000.0]); 5], "days"),
        (vec![day(0.0, vec![-600.0]), day(0.0, vec![1_000.0]), day(0.0, vec![1_000.0])], "days[0]"),
    ];
    for (days, field) in paths {
        let positions = Some(request("", vec![add(known, 100)]));
        let status = analysis.try_path(v1::TryPathRequest { positions, days }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(problems(&status).iter().any(|told| told.starts_with(field)), "{field}: {:?}", problems(&status));
    }
    let mut analysis = houses.clients(Leg::Treasury).analysis("auditor");
    let futures =
        |candidates: &[&str], directable: Vec<PositionChange>, suggestion_count: i32| v1::SuggestFuturesRequest {
            positions: Some(request("", vec![add(known, 100)])),
            candidates: candidates.iter().map(|text| (*text).to_owned()).collect(),
            directable,
            suggestion_count,
        };
    let searches = [
        (futures(&["FUT:ZN:2026-03", known], vec![], 0), "candidates[1]"),
        (futures(&[], vec![add("FUT:ZN:2026-03", 0)], 0), "directable[0].quantity"),
        (futures(&[], vec![add(known, 100)], 0), "directable[0].instrument"),
        (futures(&[], vec![add("FUT:ZN:2026-03", 1); 2], 0), "directable[1].instrument"),
        (futures(&[], vec![change(ChangeKind::Remove, "FUT:ZN:2026-03", 1)], 0), "directable[0].kind"),
        (futures(&[], vec![], -1), "suggestion_count"),
        (v1::SuggestFuturesRequest::default(), "positions"),
    ];
    for (asked, field) in searches {
        let status = analysis.suggest_futures(asked).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(problems(&status).iter().any(|told| told.starts_with(field)), "{field}: {:?}", problems(&status));
    }
}
