//! `crossmargin risk var` and `risk backtest`: published figures to the cent, an independent route on a made-up history,
//! and clear words for bad input.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use jiff::{ToSpan, civil::Date};
use serde_json::Value;

/// Runs `crossmargin risk` with arguments that hold no blanks.
fn risk(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossmargin")).arg("risk").args(arguments.split_whitespace()).output().unwrap()
}

/// The one object of the array that `--json` prints.
fn json(arguments: &str) -> Value {
    let output = risk(&format!("{arguments} --json"));
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    let Value::Array(mut answers) = serde_json::from_slice(&output.stdout).unwrap() else { panic!("no array") };
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// An amount in 1e-8 USD.
fn units(amount: &Value) -> i128 {
    amount.as_str().unwrap().parse::<risk::money::Usd>().unwrap().units()
}

/// An amount to the nearest cent, as independent programs print it.
fn cents(amount: &Value) -> String {
    risk::money::Usd::from_units(units(amount) - 500_000).ceil_to_cent().to_string()
}

/// `None` where no folder of published data is named.
fn published() -> Option<String> {
    let path = PathBuf::from(std::env::var_os("CROSSMARGIN_DATA")?).join("ust_par_yield_daily.csv");
    assert!(path.exists(), "{} is not there", path.display());
    Some(path.display().to_string())
}

/// Weekdays from 2025-01-01 on, with a ten-year yield in per cent that swings, and a five-year yield below it.
fn made_up_days(count: usize) -> Vec<(Date, f64)> {
    let start = jiff::civil::date(2025, 1, 1);
    let weekdays = (0..).map(|day: i64| start + day.days()).filter(|date| date.weekday().to_monday_one_offset() < 6);
    let swing = |day: usize| 400 + (day * day * 7 + day * 13) % 41 + day % 5;
    (0..count).zip(weekdays).map(|(day, date)| (date, f64::from(u32::try_from(swing(day)).unwrap()) / 100.0)).collect()
}

fn write_history(folder: &Path, days: &[(Date, f64)]) -> String {
    let mut text = "date,5Y,10Y\n".to_owned();
    for (date, ten_year) in days {
        writeln!(text, "{date},{:.2},{ten_year:.2}", ten_year - 0.5).unwrap();
    }
    let path = folder.join("history.csv");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// What 100 of face of a ten-year par bond struck at one yield gains at another: by the closed form of an annuity.
fn gain(coupon: f64, per_cent: f64) -> f64 {
    let last = (1.0 + per_cent / 200.0).powi(-20);
    coupon / per_cent * 100.0 * (1.0 - last) + 100.0 * last - 100.0
}

#[test]
fn the_published_years_give_the_published_figures_to_the_cent() {
    let Some(history) = published() else { return };
    let of = |rest: &str| json(&format!("var --history {history} --as-of 2025-12-31 --scenarios 2500 {rest}"));
    let long = of("--days 3 --confidence 0.99 --par-bond 10Y:100000000");
    assert_eq!(cents(&long["var"]), "1843739.15");
    assert_eq!(cents(&long["es"]), "2319847.63");
    assert_eq!(cents(&long["worst"]), "3569643.94");
    assert_eq!((&long["k"], &long["first_scenario"]), (&25.into(), &"2015-12-31".into()));
    assert_eq!(cents(&of("--days 3 --par-bond 10Y:-100000000")["var"]), "1967864.53");
    assert_eq!(cents(&of("--days 1 --par-bond 10Y:100000000")["var"]), "1127122.23");
    // A position is rounded once, whatever its size: figures of a program that carries all digits.
    assert_eq!(cents(&of("--days 3 --par-bond 10Y:1000000000")["var"]), "18437391.48");
    let past =
        json(&format!("var --history {history} --as-of 2019-12-31 --scenarios 2500 --days 3 --par-bond 3Y:1000000000"));
    assert_eq!(cents(&past["var"]), "4943979.95");
    let filtered = of("--days 1 --par-bond 10Y:100000000 --filtered 0.97 --seed-from 2007-01-03 --seed-days 250");
    assert_eq!(cents(&filtered["var"]), "660579.54");
}

#[test]
fn contributions_of_mixed_tenors_add_up_to_the_shortfall_digit_for_digit() {
    let folder = tempfile::tempdir().unwrap();
    let history = write_history(folder.path(), &made_up_days(200));
    let found = json(&format!(
        "var --history {history} --as-of 2025-09-30 --days 3 --scenarios 150 --confidence 0.953 \
         --par-bond 10Y:73000100 5Y:-91000300 --par-bond 30Y:700"
    ));
    let shares: Vec<i128> =
        found["contributions"].as_array().unwrap().iter().map(|share| units(&share["contribution"])).collect();
    assert_eq!(shares.len(), 3);
    assert!(shares[0] > 0 && shares[1] < 0, "{shares:?}: the short bond hedges the long one");
    assert_eq!(shares.iter().sum::<i128>(), units(&found["es"]));
    let tail: Vec<i128> = found["tail"].as_array().unwrap().iter().map(|scenario| units(&scenario["loss"])).collect();
    // ceil(0.047 x 150) = 8.
    assert_eq!((found["k"].as_u64(), tail.len()), (Some(8), 8));
    assert_eq!((tail.iter().sum::<i128>() + 7).div_euclid(8), units(&found["es"]), "the mean, rounded up");
    assert_eq!((tail[7], tail[0]), (units(&found["var"]), units(&found["worst"])));
}

#[test]
fn a_value_at_risk_is_the_ranked_loss_of_the_annuity_formula() {
    let folder = tempfile::tempdir().unwrap();
    let days = made_up_days(43);
    let history = write_history(folder.path(), &days);
    let as_of = days[42].0;
    let found = json(&format!(
        "var --history {history} --as-of {as_of} --days 2 --scenarios 40 --confidence 0.9 --par-bond 10Y:1000000"
    ));
    let par = days[42].1;
    let mut losses: Vec<f64> = (3..43).map(|end| -10_000.0 * gain(par, par + days[end].1 - days[end - 2].1)).collect();
    losses.sort_by(|one, other| other.total_cmp(one));
    let close = |amount: &Value, expected: f64| {
        let found = units(amount) as f64 / 1e8;
        assert!((found - expected).abs() < 0.001, "{found} {expected}");
    };
    close(&found["var"], losses[3]);
    close(&found["worst"], losses[0]);
    close(&found["es"], losses[..4].iter().sum::<f64>() / 4.0);
    assert_eq!(found["first_scenario"], days[3].0.to_string());
}

#[test]
fn a_backtest_holds_each_day_s_value_at_risk_against_the_days_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let days = made_up_days(80);
    let history = write_history(folder.path(), &days);
    let (as_of, last) = (days[79].0, 79);
    let asked = format!("--history {history} --days 2 --scenarios 40 --confidence 0.9 --par-bond 10Y:1000000");
    let picture = folder.path().join("picture.svg");
    let found = json(&format!("backtest {asked} --as-of {as_of} --window 30 --rows --plot {}", picture.display()));
    let rows = found["days"].as_array().unwrap();
    assert_eq!(rows.len(), 30);
    let mut breaches = 0;
    for (row, day) in rows.iter().zip(last - 31..) {
        let (date, struck) = days[day];
        assert_eq!(row["date"], date.to_string());
        let realised = 10_000.0 * gain(struck, days[day + 2].1);
        assert!((units(&row["realised"]) as f64 / 1e8 - realised).abs() < 0.001, "{row} {realised}");
        let margin = json(&format!("var {asked} --as-of {date}"))["var"].clone();
        assert_eq!(row["margin"], margin, "the margin of a day is the value at risk as of the day");
        let is_breach = -units(&row["realised"]) > units(&row["margin"]);
        assert_eq!(row["breach"], is_breach);
        breaches += usize::from(is_breach);
    }
    assert!(breaches > 0, "the made-up history has a breach");
    assert_eq!(found["breaches"], breaches);
    assert_eq!(found["worst"].as_array().unwrap().len(), breaches);
    assert_eq!(found["expected_breaches"], 3.0);
    let transitions = ["n00", "n01", "n10", "n11"].map(|name| found["christoffersen"][name].as_u64().unwrap());
    assert_eq!(transitions.iter().sum::<u64>(), 29);
    assert!(found["notes"].to_string().contains("overlap"), "{}", found["notes"]);
    let svg = fs::read_to_string(&picture).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<circle").count(), breaches, "every breach is marked");
    let text = risk(&format!("backtest {asked} --as-of {as_of} --window 30"));
    assert!(text.status.success());
    let text = String::from_utf8(text.stdout).unwrap();
    for words in ["traffic light (Basel)", "frequency (Kupiec)", "worst breaches", "note: results over 2 days overlap"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_published_year_of_tariffs_has_its_breaches_in_april() {
    let Some(history) = published() else { return };
    let found = json(&format!(
        "backtest --history {history} --as-of 2025-12-31 --days 3 --par-bond 10Y:100000000 --window 250"
    ));
    // The ten-year yield rose from 4.01 on 2025-04-04 to 4.34 three days of history later, and from 4.15 on 2025-04-07 to
    // 4.40.
    assert_eq!(found["light"]["colour"], "green");
    let worst: Vec<&str> = found["worst"].as_array().unwrap().iter().map(|day| day["date"].as_str().unwrap()).collect();
    assert_eq!(worst, ["2025-04-04", "2025-04-07"]);
}

#[test]
fn instruments_are_valued_in_the_market_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let market = folder.path().join("market");
    for leg in ["treasury", "futures"] {
        let made = Command::new(env!("CARGO_BIN_EXE_crossmargin"))
            .args(["market", "sample", leg, "--out"])
            .arg(&market)
            .output()
            .unwrap();
        assert!(made.status.success());
    }
    let cusip = gateway::sample::issues::issues()[0].cusip.to_string();
    let file = folder.path().join("portfolio.csv");
    let rows = format!("PAR:10Y,5000000\nUST:{cusip},10000000\nFUT:ZN:2026-03,-50\nUSD:2026-03-16,-1000000\n");
    fs::write(&file, format!("instrument,quantity\n{rows}")).unwrap();
    let asked = format!("--market {} --as-of 2026-02-13 --portfolio {}", market.display(), file.display());
    let found = json(&format!("var {asked} --days 1 --scenarios 500"));
    let shares = found["contributions"].as_array().unwrap();
    assert_eq!(shares.len(), 4);
    assert_eq!(shares.iter().map(|share| units(&share["contribution"])).sum::<i128>(), units(&found["es"]));
    let tested = json(&format!("backtest {asked} --days 1 --scenarios 500 --window 20 --filtered 0.97"));
    assert_eq!(tested["window"], 20);
    assert!(tested["notes"].to_string().contains("market of 2026-02-13"), "{}", tested["notes"]);

    // The folder's curves serve a par bond; another history takes their place.
    let par = format!("--market {} --days 1 --scenarios 30 --par-bond 10Y:100", market.display());
    assert!(risk(&format!("var {par} --as-of 2026-02-13")).status.success());
    let history = write_history(folder.path(), &made_up_days(60));
    let found = json(&format!("var {par} --as-of 2025-03-20 --history {history}"));
    assert_eq!(found["last_scenario"], "2025-03-20");

    // Without a market there is no value.
    let output = risk(&format!("var --history {history} --as-of 2025-03-20 --days 1 --portfolio {}", file.display()));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains(&format!("UST:{cusip}")) && told.contains("give --market FOLDER"), "{told}");
    // A market as of a day that it is not complete for says what is missing.
    let output =
        risk(&format!("var --market {} --as-of 2030-02-13 --days 1 --portfolio {}", market.display(), file.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("as of 2030-02-13:"));
}

#[test]
fn days_that_the_history_lacks_are_no_days_and_blanks_are_filled() {
    let folder = tempfile::tempdir().unwrap();
    let mut days = made_up_days(60);
    // A gap of a week, and an as-of day on the weekend after it.
    days.drain(30..35);
    let history = write_history(folder.path(), &days);
    let friday = days.iter().rev().find(|(date, _)| date.weekday() == jiff::civil::Weekday::Friday).unwrap().0;
    let sunday = friday + 2.days();
    let found = json(&format!(
        "var --history {history} --as-of {sunday} --days 1 --scenarios 40 --par-bond 7Y:100000 --confidence 0.9"
    ));
    assert_eq!(found["last_scenario"], friday.to_string());
    assert!(found["notes"].to_string().contains(&format!("{friday} stands for it")), "{}", found["notes"]);
    let first = days.iter().position(|(date, _)| *date == friday).unwrap() - 39;
    assert_eq!(found["first_scenario"], days[first].0.to_string(), "40 days of history, not of the calendar");
    // Of 5 scenarios at 99 % not one lies beyond: the figure is the worst, and says so.
    let few = json(&format!("var --history {history} --as-of {friday} --days 1 --scenarios 5 --par-bond 7Y:100000"));
    assert_eq!(few["var"], few["worst"]);
    assert!(few["notes"].to_string().contains("the value at risk is the largest loss"), "{}", few["notes"]);
}

#[test]
fn bad_input_is_told_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let days = made_up_days(60);
    let history = write_history(folder.path(), &days);
    let last = days[59].0;
    let stale = last + 8.days();
    let early = "2024-12-31";
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let broken = folder.path().join("broken.csv");
    fs::write(&broken, "date,10Y\n2025-01-02,4.0\n2025-01-03,x\n2025-01-02,4.1\n").unwrap();
    let (broken, empty) = (broken.display(), empty.display());
    let base = format!("--history {history} --as-of {last} --days 1");
    let one = "--par-bond 10Y:100";
    // (arguments, exit status, words)
    let cases = [
        // The command line.
        (format!("var {base} --par-bond 4Y:100"), 2, "\"4Y\" is not a tenor: 6M, 1Y, 2Y, 3Y, 5Y, 7Y, 10Y, 20Y, 30Y"),
        (format!("var {base} --par-bond 10Y:0"), 2, "a quantity of 0 is no position"),
        (format!("var {base} --par-bond 10Y:150"), 2, "multiple of 100 USD"),
        (format!("var {base} --par-bond 10Y"), 2, "such as 10Y:100000000"),
        (format!("var {base}"), 2, "--par-bond"),
        (format!("var {base} {one} --portfolio p.csv"), 2, "cannot be used with"),
        (format!("var --as-of {last} --days 1 {one}"), 2, "--history"),
        (format!("var --history {history} --days 1 {one}"), 2, "--as-of"),
        (format!("var --history {history} --as-of 31.12.2025 --days 1 {one}"), 2, "--as-of"),
        (format!("var --history {history} --as-of {last} --days 0 {one}"), 2, "--days"),
        (format!("var {base} {one} --confidence 1"), 2, "such as 0.99"),
        (format!("var {base} {one} --confidence 99"), 2, "such as 0.99"),
        (format!("var {base} {one} --confidence 0.99999"), 2, "such as 0.99"),
        (format!("var {base} {one} --filtered 1"), 2, "such as 0.97"),
        (format!("var {base} {one} --filtered 0"), 2, "such as 0.97"),
        (format!("var {base} {one} --seed-from 2025-01-01"), 2, "--filtered"),
        (format!("var {base} {one} --filtered 0.97 --seed-days 0"), 2, "--seed-days"),
        (format!("var {base} {one} --scenarios 0"), 2, "--scenarios"),
        (format!("backtest {base} {one} --window 0"), 2, "--window"),
        // The histories.
        (format!("var {base} {one}"), 1, "holds 60 days from 2025-01-01"),
        (format!("var {base} {one}"), 1, "need 2501: load a longer history"),
        (format!("var --history {history} --as-of {stale} --days 1 --scenarios 9 {one}"), 1, "more than 7 days before"),
        (format!("var --history {history} --as-of {early} --days 1 --scenarios 9 {one}"), 1, "no day on or before"),
        (format!("var {base} {one} --scenarios 9 --filtered 0.97 --seed-days 60"), 1, "needs 61"),
        (format!("var --history nowhere.csv --as-of {last} --days 1 {one}"), 1, "--history nowhere.csv"),
        (format!("var --history {broken} --as-of 2025-01-03 --days 1 {one}"), 1, "broken.csv:3: column 2 (10Y): \"x\""),
        (format!("var --history {broken} --as-of 2025-01-03 --days 1 {one}"), 1, "2025-01-02 was given before"),
        (format!("var --history {history} {history} --as-of {last} --days 1 {one}"), 1, "was given before"),
        (format!("var --market {empty} --as-of {last} --days 1 {one}"), 1, "none of issues.csv"),
        // The portfolio.
        (format!("var {base} --par-bond 10Y:100 10Y:200 --scenarios 9"), 1, "PAR:10Y is there twice"),
        (format!("var {base} --portfolio nowhere.csv"), 1, "--portfolio nowhere.csv"),
        // The backtest.
        (format!("backtest {base} {one} --scenarios 9 --window 60"), 1, "holds 60 days up to"),
        (format!("backtest {base} {one} --scenarios 9 --window 60"), 1, "need 61: load a longer history or test fewer"),
        (format!("backtest {base} {one} --scenarios 9 --window 55"), 1, "backtest of 2025-01-07: taking scenarios"),
        (format!("backtest {base} {one} --scenarios 9 --window 5 --plot {empty}"), 1, "--plot"),
    ];
    for (arguments, status, words) in cases {
        let output = risk(&arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments}: {told}");
        assert!(told.contains(words), "{arguments}\n  should be told: {words}\n  but was told: {told}");
        assert!(output.stdout.is_empty(), "{arguments}");
    }
}
