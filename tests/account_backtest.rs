//! Backtests of accounts at a node: every account in order, counts that the days bear out, one at a time.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    process::{Command, Output},
    time::{Duration, Instant},
};

use crossmargin::v1::{self, analysis_service_client::AnalysisServiceClient};
use gateway::arrangement::leg::Leg;
use risk::money::Usd;
use serde_json::Value;
use support::{Houses, books::cycle};
use tonic::{Code, Streaming, transport::Channel};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
const DAYS: u32 = 3;

type Client = AnalysisServiceClient<Channel>;

/// Both houses with the sample, agreed once.
async fn agreed() -> Houses {
    let houses = Houses::running(BINARY).await;
    let itd = cycle(v1::CycleKind::Itd, 1);
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
        houses.clients(leg).open(&itd, 120).await;
    }
    houses.clients(Leg::Treasury).wait_agreed(&itd, 1).await;
    houses
}

fn client(houses: &Houses, role: &str) -> Client {
    AnalysisServiceClient::new(houses.clients(Leg::Treasury).channel(role))
}

fn request(account: &str, days: u32) -> v1::BacktestAccountsRequest {
    v1::BacktestAccountsRequest { account: account.to_owned(), days, with_days: true }
}

async fn all(mut answers: Streaming<v1::BacktestAccountsResponse>) -> Vec<v1::BacktestAccountsResponse> {
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        all.push(answer);
    }
    all
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn houses_of(answer: &v1::BacktestAccountsResponse) -> [&v1::BacktestSummary; 2] {
    [answer.treasury_house.as_ref().unwrap(), answer.futures_house.as_ref().unwrap()]
}

#[tokio::test]
async fn every_account_is_tested_one_call_at_a_time_and_the_days_bear_the_counts_out() {
    let houses = agreed().await;
    let mut reader = client(&houses, "margin-reader");

    let tested = all(reader.backtest_accounts(request("", DAYS)).await.unwrap().into_inner()).await;
    let links: Vec<&str> = tested.iter().map(|answer| answer.link.as_ref().unwrap().link_id.as_str()).collect();
    assert_eq!(links.len(), 28);
    assert!(links.is_sorted(), "{links:?}");
    for answer in &tested {
        let [treasury, futures] = houses_of(answer);
        assert_eq!((treasury.horizon_days, futures.horizon_days), (3, 1));
        assert_eq!((treasury.model.as_str(), futures.model.as_str()), ("treasury-house/2", "futures-house/2"));
        for summary in [treasury, futures] {
            assert_eq!((summary.observations, summary.confidence_bp), (DAYS, 9_900));
            let dates: Vec<&str> = summary.days.iter().map(|day| day.date.as_str()).collect();
            // The business date is the 13th; three days after the 10th it has come.
            assert_eq!(dates, ["2026-02-06", "2026-02-09", "2026-02-10"]);
            let losses =
                summary.days.iter().filter(|day| -usd(&day.profit_and_loss).units() > usd(&day.margin).units());
            assert_eq!(u32::try_from(losses.count()).unwrap(), summary.breaches);
            assert_eq!(summary.worst_breaches.len(), usize::try_from(summary.breaches).unwrap());
            assert!(summary.days.iter().all(|day| usd(&day.margin).units() >= 0));
        }
    }
    let margins = |house: usize| tested.iter().map(move |answer| usd(&houses_of(answer)[house].days[0].margin).units());
    assert!(margins(0).filter(|margin| *margin > 0).count() > 20, "most accounts of the sample carry risk");
    assert!(margins(1).filter(|margin| *margin > 0).count() > 20);

    // An account of the other house names the same link, and alone it has the same figures.
    let link = tested[4].link.clone().unwrap();
    for account in [&link.treasury_account, &link.futures_account] {
        let alone = all(reader.backtest_accounts(request(account, DAYS)).await.unwrap().into_inner()).await;
        assert_eq!(alone, tested[4..5], "{account}");
    }
    by_command(&houses, &link, houses_of(&tested[4]));

    // Other callers, since each may make only so many heavy calls in a row.
    let mut operator = client(&houses, "operator");
    for (account, days, code, words) in [
        ("NOBODY", 1, Code::NotFound, "no link in force has account NOBODY"),
        ("GSD 1", 1, Code::InvalidArgument, "account"),
        ("", 2_501, Code::InvalidArgument, "2501 is above 2500"),
        ("", 2_500, Code::FailedPrecondition, "days can be tested, not 2500"),
    ] {
        let refused = operator.backtest_accounts(request(account, days)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    let refused = client(&houses, "member-alder-point").backtest_accounts(request("", 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    one_at_a_time(&mut client(&houses, "auditor")).await;
}

/// While one runs another is refused; once its caller has gone away it ends, and makes room.
async fn one_at_a_time(reader: &mut Client) {
    let first = reader.backtest_accounts(request("", 500)).await.unwrap().into_inner();
    let refused = reader.backtest_accounts(request("", 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("another backtest runs"), "{}", refused.message());
    drop(first);
    let begin = Instant::now();
    loop {
        match reader.backtest_accounts(request("GSD-1001", 1)).await {
            Ok(answers) => break drop(answers),
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
        }
        assert!(begin.elapsed() < support::PATIENCE, "the abandoned backtest goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The command shows the same, in words, as JSON and as a picture.
fn by_command(houses: &Houses, link: &v1::LinkTerms, summaries: [&v1::BacktestSummary; 2]) {
    let picture = houses.directory().join("backtest.svg");
    let run = |rest: &[&str]| -> Output {
        let output = Command::new(BINARY)
            .args(["backtest", "--days", "3", "--house", "FICC", "--account", &link.treasury_account, "--pki"])
            .arg(houses.directory().join("pki"))
            .args(["--node", &format!("127.0.0.1:{}", houses.port(Leg::Treasury))])
            .args(rest)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    };
    let Value::Array(views) = serde_json::from_slice(&run(&["--json", "--rows"]).stdout).unwrap() else { panic!() };
    let [view] = views.as_slice() else { panic!("{views:?}") };
    assert_eq!(view["link"], link.link_id);
    for (house, summary) in ["treasury_house", "futures_house"].into_iter().zip(summaries) {
        let view = &view[house];
        assert_eq!((&view["model"], &view["breaches"]), (&summary.model.clone().into(), &summary.breaches.into()));
        assert_eq!(view["light"]["colour"], summary.traffic_light);
        assert_eq!(view["kupiec"]["statistic"], summary.kupiec_ratio);
        assert_eq!(view["christoffersen"]["p_value"], summary.christoffersen_p_value);
        let days: Vec<&str> =
            view["days"].as_array().unwrap().iter().map(|day| day["margin"].as_str().unwrap()).collect();
        assert!(days.iter().eq(summary.days.iter().map(|day| &day.margin)), "{days:?}");
    }
    let text = run(&["--plot", &picture.display().to_string()]).stdout;
    let text = String::from_utf8(text).unwrap();
    for words in [link.futures_account.as_str(), "treasury-house/2", "over 3 days", "futures-house/2", "over 1 day"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let svg = fs::read_to_string(picture).unwrap();
    assert!(svg.contains("treasury-house/2") && svg.contains("futures-house/2"), "a picture of both houses");
}
