//! Margins explained: every figure recomputed for one account alone, taken apart, and put together again.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::process::Command;

use crossmargin::v1::{self, RequirementStatus, analysis_service_client::AnalysisServiceClient, market_item::Item};
use gateway::{
    arrangement::{leg::Leg, terms::DEFAULT_TOML},
    csv_book::{self, Book},
    sample,
};
use jiff::civil::{Date, date};
use risk::{
    instrument::Instrument,
    model::{Model, ModelVersion},
    money::Usd,
};
use tonic::{Code, Status, transport::Channel};

use support::{Houses, books::cycle, broken::break_in_round_1, by_hand, clients::Clients};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// The futures house's next model, with a weight of 100 % of the filtered value at risk instead of 90 %.
const NEXT_FUTURES_MODEL: &str = "futures-house/3";
/// The business day before the sample's.
const DAY_BEFORE: Date = date(2026, 2, 12);

fn analysis(clients: &Clients, role: &str) -> AnalysisServiceClient<Channel> {
    AnalysisServiceClient::new(clients.channel(role)).max_decoding_message_size(64 << 20)
}

async fn explain(
    clients: &Clients,
    role: &str,
    account: &str,
    cycle: Option<v1::CycleId>,
) -> Result<v1::ExplainMarginResponse, Status> {
    let request = v1::ExplainMarginRequest { account: account.to_owned(), cycle, ..Default::default() };
    analysis(clients, role).explain_margin(request).await.map(tonic::Response::into_inner)
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn sum<'a>(amounts: impl IntoIterator<Item = &'a String>) -> Usd {
    amounts.into_iter().map(|amount| usd(amount)).sum()
}

/// Everything that must add up in an explanation.
fn check_sums(explained: &v1::ExplainMarginResponse) {
    let figures = explained.figures.as_ref().unwrap();
    let houses = [
        (&explained.treasury_house, &figures.treasury_house, &figures.treasury_charges),
        (&explained.futures_house, &figures.futures_house, &figures.futures_charges),
    ];
    for (house, core, charges) in houses {
        let (house, core) = (house.as_ref().unwrap(), core.as_ref().unwrap());
        let [treasury, futures, both] = &house.parts[..] else { panic!("three parts") };
        assert_eq!((&treasury.core, &futures.core), (&core.treasury_alone, &core.futures_alone));
        let alone = usd(&treasury.core).saturating_add(usd(&futures.core));
        assert_eq!(usd(&both.core).min(alone), usd(&core.combined), "{}", house.model);
        assert_eq!(sum(house.charges.iter().map(|charge| &charge.amount)).ceil_to_cent(), usd(charges));
        house.parts.iter().for_each(check_part);
    }
    let [treasury, futures] = [&figures.treasury_total, &figures.futures_total].map(|total| usd(total));
    let Some(movement) = &explained.movement else { return };
    let names: Vec<&str> = movement.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["positions", "market", "scenarios", "parameters"]);
    let before = movement.before.as_ref().unwrap();
    let changes = sum(movement.steps.iter().map(|step| &step.treasury_total_change));
    assert_eq!(usd(&before.treasury_total).saturating_add(changes), treasury);
    let changes = sum(movement.steps.iter().map(|step| &step.futures_total_change));
    assert_eq!(usd(&before.futures_total).saturating_add(changes), futures);
    assert_eq!(movement.steps[3].after.as_ref(), Some(figures));
}

fn check_part(part: &v1::PartExplanation) {
    let mut largest = usd(&part.maturity_floor).max(Usd::ZERO);
    for component in &part.components {
        assert_eq!(sum(component.terms.iter().map(|term| &term.amount)), usd(&component.amount));
        largest = largest.max(usd(&component.amount));
        component.terms.iter().for_each(check_term);
    }
    let binding = part.components.iter().find(|component| component.name == part.binding);
    match part.binding.as_str() {
        "nothing" => assert_eq!(largest, Usd::ZERO),
        "maturity floor" => assert_eq!(usd(&part.maturity_floor), largest),
        _ => assert_eq!(usd(&binding.unwrap().amount), largest),
    }
    let beside = sum(part.core_charges.iter().map(|charge| &charge.amount)).saturating_add(usd(&part.margin_proxy));
    assert_eq!(usd(&part.core), largest.saturating_add(beside));
}

fn check_term(term: &v1::TermExplanation) {
    for parts in [&term.positions, &term.factors] {
        // A flat leg has no positions, and nothing to add up to.
        assert_eq!(sum(parts.iter().map(|part| &part.amount)), usd(&term.expected_shortfall), "{}", term.name);
        assert_eq!(sum(parts.iter().map(|part| &part.scaled)), usd(&term.measure), "{}", term.name);
    }
    assert_eq!(term.tail.len(), usize::try_from(term.tail_count).unwrap());
    assert_eq!(term.tail.last().unwrap().loss, term.measure, "the measure is the least of the tail");
    assert!(term.tail.is_sorted_by(|one, other| usd(&one.loss) >= usd(&other.loss)));
    let losses = sum(term.tail.iter().map(|scenario| &scenario.loss)).units();
    let count = i128::from(term.tail_count);
    assert_eq!(
        usd(&term.expected_shortfall).units(),
        losses.div_euclid(count) + i128::from(losses.rem_euclid(count) != 0)
    );
    for scenario in &term.tail {
        scenario.date.parse::<Date>().unwrap();
        assert_eq!((scenario.curve_bp.len(), scenario.tenors_months.len()), (11, 11));
    }
}

fn terms(explained: &v1::ExplainMarginResponse) -> impl Iterator<Item = &v1::TermExplanation> {
    let houses = [&explained.treasury_house, &explained.futures_house].into_iter().flatten();
    houses.flat_map(|house| &house.parts).flat_map(|part| &part.components).flat_map(|component| &component.terms)
}

#[tokio::test]
async fn every_account_s_margin_is_recomputed_alone_taken_apart_and_adds_up() {
    let houses = Houses::running(BINARY).await;
    let cycles = [cycle(v1::CycleKind::Itd, 1), cycle(v1::CycleKind::Itd, 2)];
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&cycles[0], 120).await;
    }
    let clients = houses.clients(Leg::Treasury);
    clients.wait_agreed(&cycles[0], 1).await;
    // After its cut-off an amendment is no matter of the first cycle any more.
    for leg in Leg::BOTH {
        let request = v1::CutOffCycleRequest { cycle: Some(cycles[0].clone()) };
        houses.clients(leg).operations().cut_off_cycle(request).await.unwrap();
    }
    let (leg, amendment) = support::books::late_amendment();
    let amended = amendment.accounts()[0].clone();
    let scope = v1::SnapshotScope::Amendment;
    houses.clients(leg).submit_book(amendment, sample::BUSINESS_DATE, 2, scope).await.unwrap();
    for leg in Leg::BOTH {
        houses.clients(leg).open(&cycles[1], 120).await;
    }
    clients.wait_agreed(&cycles[1], 1).await;

    for charged in clients.requirements(&cycles[1], 0).await {
        let link = charged.link.unwrap();
        let explained = explain(&clients, "margin-reader", &link.treasury_account, None).await.unwrap();
        assert_eq!(explained.cycle.as_ref(), Some(&cycles[1]), "the newest where none is given");
        assert_eq!(explained.link.as_ref(), Some(&link));
        let figures = explained.figures.clone().unwrap();
        assert_eq!(
            (&figures.treasury_standalone, &figures.futures_standalone, figures.applied_factor_bp),
            (&charged.treasury_standalone, &charged.futures_standalone, charged.would_be_factor_bp)
        );
        assert_eq!(
            (&figures.treasury_requirement, &figures.futures_requirement),
            (&charged.would_be_treasury_requirement, &charged.would_be_futures_requirement)
        );
        assert_eq!(
            (&figures.treasury_charges, &figures.futures_charges),
            (&charged.treasury_charges, &charged.futures_charges)
        );
        check_sums(&explained);
        assert!(explained.factor_reason.contains(" %"), "{}", explained.factor_reason);
        let expanded = terms(&explained).filter(|term| !term.full_revaluation_measure.is_empty()).count();
        assert_eq!(expanded, 3, "the one term by sensitivities, of three parts, has its measure by full revaluation");

        let movement = explained.movement.unwrap();
        assert_eq!(movement.since, "2026-02-13/ITD/1");
        let is_amended = link.futures_account == amended;
        assert_eq!(movement.before.as_ref() != Some(&figures), is_amended, "{} {movement:#?}", link.link_id);
        for step in &movement.steps[1..] {
            assert_eq!((step.treasury_total_change.as_str(), step.futures_total_change.as_str()), ("0.00", "0.00"));
        }
    }

    for (cycle, since) in [(&cycles[0], &cycles[1]), (&cycles[1], &cycles[1])] {
        let request = v1::ExplainMarginRequest {
            account: "XM-1001".to_owned(),
            cycle: Some(cycle.clone()),
            movement_since: Some(since.clone()),
            ..Default::default()
        };
        let refused = analysis(&clients, "operator").explain_margin(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("cycle 2026-02-13/ITD/2 is not earlier than"), "{}", refused.message());
    }
    let first = explain(&clients, "operator", "XM-1001", Some(cycles[0].clone())).await.unwrap();
    assert_eq!(first.movement, None);
    assert!(first.remarks.iter().any(|remark| remark.starts_with("no movement: ")), "{:?}", first.remarks);

    only_owners_are_answered(&clients).await;
    commands_print_it(&houses);
}

/// A member is told of its own accounts; another's are as if they did not exist.
async fn only_owners_are_answered(clients: &Clients) {
    let member = "member-alder-point";
    explain(clients, member, "GSD-1001", None).await.unwrap();
    explain(clients, "customer-C-7F3A", "XM-1009", None).await.unwrap();
    let unknown = explain(clients, member, "NOBODY", None).await.unwrap_err();
    let hidden = explain(clients, member, "GSD-1002", None).await.unwrap_err();
    assert_eq!((hidden.code(), unknown.code()), (Code::NotFound, Code::NotFound));
    assert_eq!(hidden.message().replace("GSD-1002", "NOBODY"), unknown.message());
    let later = cycle(v1::CycleKind::Eod, 9);
    assert_eq!(explain(clients, member, "GSD-1001", Some(later.clone())).await.unwrap_err().code(), Code::NotFound);
    let request =
        v1::ExplainMarginRequest { account: "GSD-1001".to_owned(), movement_since: Some(later), ..Default::default() };
    let answer = analysis(clients, member).explain_margin(request).await;
    assert_eq!(answer.unwrap_err().code(), Code::NotFound, "an earlier cycle that is asked for must be there");
    let request = v1::CompareModelsRequest::default();
    let refused = analysis(clients, "operator").compare_models(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "the default arrangement names no next model");
    assert!(refused.message().contains("treasury-house/2"), "{}", refused.message());
}

fn commands_print_it(houses: &Houses) {
    let run = |arguments: &[&str]| {
        let output = Command::new(BINARY)
            .args(arguments)
            .args(["--node", &format!("127.0.0.1:{}", houses.port(Leg::Treasury)), "--house", "FICC", "--pki"])
            .arg(houses.directory().join("pki"))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (is_ok, text, error) = run(&["explain", "GSD-1005"]);
    assert!(is_ok, "{error}");
    for part in ["2026-02-13/ITD/2", "treasury-house/2", "value at risk", "movement since 2026-02-13/ITD/1", "FUT:"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let (is_ok, json, error) = run(&["explain", "GSD-1001", "--json", "--as", "member/alder-point"]);
    assert!(is_ok, "{error}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["houses"][0]["model"], "treasury-house/2");
    assert_eq!(json["movement"]["since"], "2026-02-13/ITD/1");
    let (is_ok, _, error) = run(&["explain", "GSD-1002", "--as", "member/alder-point"]);
    assert!(!is_ok && error.contains("GSD-1002"), "{error}");
    let (is_ok, _, error) = run(&["models", "compare", "--cycle", "2026-02-13/ITD/1"]);
    assert!(!is_ok && error.contains("names no model after treasury-house/2"), "{error}");
}

/// The default arrangement, with a first Treasury model until the sample's date and a next futures model after it.
fn with_changing_models() -> String {
    let mut arrangement: toml::Table = by_hand(DEFAULT_TOML).parse().unwrap();
    let models = arrangement["models"].as_table_mut().unwrap();
    let built_in = |from: &str, name: &str| format!("in_force_from = {from:?}\nbuilt_in = {name:?}").parse().unwrap();
    let treasury: [toml::Table; 2] =
        [built_in("2025-01-01", "treasury-house/1"), built_in("2026-02-13", "treasury-house/2")];
    models.insert("treasury".to_owned(), toml::Value::Array(treasury.map(toml::Value::Table).to_vec()));
    let mut heavier = Model { version: ModelVersion(NEXT_FUTURES_MODEL.to_owned()), ..Model::futures_house_default() };
    heavier.components[0].terms[0].weight_basis_points += 1_000;
    let mut next = toml::Table::new();
    next.insert("in_force_from".to_owned(), "2026-06-01".into());
    next.insert("parameters".to_owned(), toml::Value::try_from(heavier).unwrap());
    models["futures"].as_array_mut().unwrap().push(toml::Value::Table(next));
    toml::to_string(&arrangement).unwrap()
}

/// The sample's market as of the day before: histories that end then and moved a little more, prices a little lower, and
/// one issue without one.
fn market_before(without: &str) -> sample::Market {
    let mut market = sample::market();
    let last = i32::try_from(risk::date::days_between(date(1970, 1, 1), DAY_BEFORE)).unwrap();
    let curves = &mut market.curve_history;
    let days = curves.dates.partition_point(|day| *day <= last);
    curves.dates.truncate(days);
    curves.yields_e4.truncate(days * curves.tenors_months.len());
    let past = curves.yields_e4.len() - 10 * curves.tenors_months.len();
    for published in curves.yields_e4[..past].iter_mut().filter(|value| **value != i32::MIN) {
        *published += *published / 50;
    }
    let rates = &mut market.overnight_rates;
    let days = rates.dates.partition_point(|day| *day <= last);
    rates.dates.truncate(days);
    rates.sofr_e4.truncate(days);
    rates.effr_e4.truncate(days);
    for price in &mut market.issue_prices.prices {
        price.clean_price = format!("{:.6}", price.clean_price.parse::<f64>().unwrap() - 0.125);
    }
    market.issue_prices.prices.retain(|price| price.cusip != without);
    market
}

/// A book without what names a text.
fn book_without(leg: Leg, text: &str) -> Book {
    let kept: String =
        sample::book::csv(leg).lines().filter(|line| !line.contains(text)).map(|l| format!("{l}\n")).collect();
    csv_book::parse(kept.as_bytes(), "the book").unwrap()
}

#[tokio::test]
async fn a_movement_over_a_day_goes_by_positions_market_scenarios_and_parameters() {
    let mut houses = Houses::with_arrangement(BINARY, &with_changing_models());
    houses.start_both().await;
    let held = sample::book::book(Leg::Treasury).unwrap();
    // A basket keeps a deliverable issue when one has no price.
    let baskets = sample::market().baskets.baskets;
    let is_spare = |cusip: &String| baskets.iter().all(|basket| basket.deliverables != [cusip.clone()]);
    let issues = held.positions().filter_map(|(account, instrument, _)| match instrument {
        Instrument::Treasury(cusip) => Some((account.to_owned(), cusip.to_string())),
        _ => None,
    });
    let mut issues = issues.filter(|(_, cusip)| is_spare(cusip));
    let (buyer, bought) = issues.next().unwrap();
    let (holder, unpriced) = issues.find(|(account, cusip)| *cusip != bought && *account != buyer).unwrap();

    let before = v1::CycleId { business_date: DAY_BEFORE.to_string(), ..cycle(v1::CycleKind::Eod, 1) };
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        clients.record_links(sample::book::links()).await;
        clients.submit_market(DAY_BEFORE, market_before(&bought).into_items(leg)).await;
        let book = book_without(leg, &bought);
        clients.submit_book(book, DAY_BEFORE, 1, v1::SnapshotScope::Full).await.unwrap();
        clients.open(&before, 120).await;
    }
    let clients = houses.clients(Leg::Futures);
    clients.wait_agreed(&before, 1).await;
    let now = cycle(v1::CycleKind::Eod, 1);
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        let mut items = sample::market().into_items(leg);
        for item in &mut items {
            if let Some(Item::IssuePrices(prices)) = &mut item.item {
                prices.prices.retain(|price| price.cusip != unpriced);
            }
        }
        clients.submit_market(sample::BUSINESS_DATE, items).await;
        let book = sample::book::book(leg).unwrap();
        clients.submit_book(book, sample::BUSINESS_DATE, 2, v1::SnapshotScope::Full).await.unwrap();
        clients.open(&now, 120).await;
    }
    clients.wait_agreed(&now, 1).await;

    let explained = explain(&clients, "margin-reader", &buyer, None).await.unwrap();
    check_sums(&explained);
    let movement = explained.movement.unwrap();
    assert_eq!(movement.since, "2026-02-12/EOD/1");
    let [positions, market, scenarios, parameters] = &movement.steps[..] else { panic!("four steps") };
    assert!(
        positions.remark.contains(&bought) && positions.remark.contains("cannot be valued in the market of 2026-02-12"),
        "{}",
        positions.remark
    );
    assert_eq!(parameters.remark, "treasury-house/2 and futures-house/2 are in force now");
    for (one, other) in [(positions, market), (market, scenarios), (scenarios, parameters)] {
        assert_ne!(one.after, other.after, "{} moves something", other.name);
    }

    let explained = explain(&clients, "margin-reader", &holder, None).await.unwrap();
    check_sums(&explained);
    let proxied = format!("UST:{unpriced} has no price on 2026-02-13: it is margined by proxy");
    assert!(explained.remarks.iter().any(|remark| remark.starts_with(&proxied)), "{:?}", explained.remarks);
    let parts = &explained.treasury_house.as_ref().unwrap().parts;
    assert!(usd(&parts[0].margin_proxy) > Usd::ZERO);
    for term in terms(&explained) {
        let own = term.positions.iter().find(|position| position.name == format!("UST:{unpriced}"));
        assert!(own.is_none_or(|own| own.amount == "0.00"), "nothing is gained or lost in any scenario: {own:?}");
    }

    compare(&clients, &now).await;
}

/// The next futures model beside the current one, page by page, and each caller its own accounts.
async fn compare(clients: &Clients, now: &v1::CycleId) {
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::CompareModelsRequest { cycle: None, page_size: 10, page_token };
        let page = analysis(clients, "margin-reader").compare_models(request).await.unwrap().into_inner();
        assert_eq!(page.cycle.as_ref(), Some(now));
        assert_eq!(
            (page.treasury_model.as_str(), page.next_treasury_model.as_str()),
            ("treasury-house/2", "treasury-house/2")
        );
        assert_eq!(
            (page.futures_model.as_str(), page.next_futures_model.as_str()),
            ("futures-house/2", NEXT_FUTURES_MODEL)
        );
        rows.extend(page.comparisons);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let links: Vec<&str> = rows.iter().map(|row| row.link.as_ref().unwrap().link_id.as_str()).collect();
    assert!(links.is_sorted() && links.len() == 28, "{links:?}");
    for row in &rows {
        let account = &row.link.as_ref().unwrap().futures_account;
        let explained = explain(clients, "margin-reader", account, None).await.unwrap();
        assert_eq!(row.current, explained.figures, "what is in force is what was claimed");
        let [current, next] = [&row.current, &row.next].map(|figures| figures.clone().unwrap());
        assert_eq!(current.treasury_house, next.treasury_house, "the model of that house stays");
    }
    assert!(rows.iter().any(|row| row.current != row.next));
    let request = v1::CompareModelsRequest { page_size: 1_000, ..Default::default() };
    let own = analysis(clients, "member-alder-point").compare_models(request).await.unwrap().into_inner();
    assert_eq!(own.comparisons.len(), sample::book::links().iter().filter(|link| link.member == "alder-point").count());
    let request = v1::CompareModelsRequest { page_token: "00".to_owned(), ..Default::default() };
    let refused = analysis(clients, "margin-reader").compare_models(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

/// Explains an account in a round of a cycle; the round in force where it is 0.
async fn explain_round(clients: &Clients, account: &str, cycle: &v1::CycleId, round: u32) -> v1::ExplainMarginResponse {
    let request = v1::ExplainMarginRequest {
        account: account.to_owned(),
        cycle: Some(cycle.clone()),
        round,
        ..Default::default()
    };
    analysis(clients, "margin-reader").explain_margin(request).await.unwrap().into_inner()
}

/// The status, and why the factor is what it is.
fn status_and_reason(explained: &v1::ExplainMarginResponse) -> (RequirementStatus, &str) {
    (explained.status(), &explained.factor_reason)
}

#[tokio::test]
async fn a_broken_and_a_fallen_back_link_are_explained_as_charged_stand_alone() {
    let mut houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    break_in_round_1(&mut houses, &itd).await;
    let clients = houses.clients(Leg::Treasury);
    let rows = clients.requirements(&itd, 1).await;
    let account = |status| {
        let row = rows.iter().find(|row| row.status() == status).unwrap();
        row.link.as_ref().unwrap().treasury_account.clone()
    };
    let [broken, whole] = [RequirementStatus::Break, RequirementStatus::Agreed].map(account);

    for row in &rows {
        let account = &row.link.as_ref().unwrap().treasury_account;
        let explained = explain_round(&clients, account, &itd, 1).await;
        assert_eq!(explained.status(), row.status(), "{account}");
        assert!(explained.factor_reason.contains(&row.reason), "{}", explained.factor_reason);
        assert!(explained.factor_reason.contains("The agreement of round 2 counts, not these figures"));
    }
    let explained = explain_round(&clients, &broken, &itd, 1).await;
    assert!(explained.factor_reason.contains("positions differ"), "{}", explained.factor_reason);
    let explained = explain_round(&clients, &whole, &itd, 0).await;
    let (status, reason) = status_and_reason(&explained);
    assert!(status == RequirementStatus::Agreed && reason.contains("What is charged has"), "{reason}");

    // CME freezes its positions and dies: FICC can claim and lacks nothing but the other house's claim.
    let eod = cycle(v1::CycleKind::Eod, 1);
    houses.clients(Leg::Futures).open(&eod, 120).await;
    clients.wait(&eod, "the other house's positions", |cycle| cycle.peer_manifest_revision == 1).await;
    houses.kill(Leg::Futures);
    clients.open(&eod, 600).await;
    clients.wait(&eod, "a claim", |cycle| cycle.round == 1).await;
    let explained = explain_round(&clients, &whole, &eod, 0).await;
    let (status, reason) = status_and_reason(&explained);
    assert_eq!(status, RequirementStatus::Pending, "{reason}");
    assert!(reason.contains("Stand-alone core margins are charged") && reason.contains("would follow"), "{reason}");
    let request = v1::CutOffCycleRequest { cycle: Some(eod.clone()) };
    clients.operations().cut_off_cycle(request).await.unwrap();
    let explained = explain_round(&clients, &whole, &eod, 0).await;
    let (status, reason) = status_and_reason(&explained);
    assert_eq!(status, RequirementStatus::FallenBack, "{reason}");
    assert!(reason.contains("claim did not arrive before the cut-off"), "{reason}");
    assert!(explained.figures.as_ref().unwrap().applied_factor_bp > 0 && !reason.contains("What is charged has"));
    check_sums(&explained);
}
