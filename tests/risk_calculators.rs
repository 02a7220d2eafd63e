//! The calculators on the command line give published figures to the last digit, and name everything that is wrong with
//! a file.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// Runs `crossmargin risk ARGUMENTS`, separated by blanks, with a text on standard input.
fn risk(arguments: &str, input: &str) -> Output {
    let mut child = Command::new(BINARY)
        .arg("risk")
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its options does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The objects that a run prints with `--json`.
fn rows(arguments: &str, input: &str) -> Vec<Value> {
    let output = risk(&format!("{arguments} --json"), input);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Exit status and standard error of a run that fails and prints no answer.
fn refusal(arguments: &str, input: &str) -> (i32, String) {
    let output = risk(arguments, input);
    assert_eq!(output.stdout, b"", "{arguments}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field}: {row}"))
}

fn number(row: &Value, field: &str) -> f64 {
    row[field].as_f64().unwrap_or_else(|| panic!("{field}: {row}"))
}

fn is_near(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance
}

/// A file of the published data, where `CROSSMARGIN_DATA` names its folder.
fn published(name: &str) -> Option<(PathBuf, Vec<Vec<String>>)> {
    let path = PathBuf::from(std::env::var_os("CROSSMARGIN_DATA")?).join(name);
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    let lines = std::fs::read_to_string(&path).unwrap().lines().map(cells).collect();
    Some((path, lines))
}

/// 31 CFR 356 Appendix B, examples A to G, as issued: dated date, issue date, first coupon, maturity, coupon, yield, then
/// price, accrued interest and price with it. Dates that follow from a regular or short first period are left empty.
const REGULATION: [(&str, [&str; 3]); 7] = [
    (",1990-05-15,,2020-05-15,8.75,8.84", ["99.057893", "0.000000", "99.057893"]),
    ("1990-04-02,1990-04-02,,1992-03-31,8.5,8.59", ["99.838183", "0.000000", "99.838183"]),
    ("1990-03-01,1990-03-01,1990-11-15,1995-05-15,8.5,8.53", ["99.805118", "0.000000", "99.805118"]),
    (",1985-11-29,,1995-11-15,9.5,9.54", ["99.730918", "0.367403", "100.098321"]),
    ("1985-07-02,1985-11-04,1986-02-15,2005-08-15,10.75,10.47", ["102.214586", "3.672798", "105.887384"]),
    ("1983-05-16,1983-08-15,,1991-05-15,10.5,10.53", ["99.777074", "2.596467", "102.373541"]),
    ("1988-10-15,1988-11-15,1989-06-15,1994-12-15,9.75,9.79", ["99.738045", "0.825820", "100.563865"]),
];

#[test]
fn the_regulations_examples_come_out_to_the_last_digit_and_back() {
    let header = "dated_date,issue_date,first_coupon_date,maturity_date,coupon";
    let mut by_yield = format!("{header},yield\n");
    let mut by_price = format!("{header},price\n");
    for (row, [price, ..]) in REGULATION {
        by_yield.push_str(&format!("{row}\n"));
        by_price.push_str(&format!("{},{price}\n", row.rsplit_once(',').unwrap().0));
    }
    let command = "treasury --convention treasury --in -";
    let answers = [rows(command, &by_yield), rows(command, &by_price)];
    assert!(answers.iter().all(|rows| rows.len() == REGULATION.len()), "an answer for each row");
    for (row, (given, [price, accrued, dirty])) in answers[0].iter().zip(REGULATION) {
        let found = [text(row, "price"), text(row, "accrued_per_100"), text(row, "dirty")];
        assert_eq!(found, [price, accrued, dirty], "{given}");
    }
    for (row, (given, [price, accrued, dirty])) in answers[1].iter().zip(REGULATION) {
        let expected: f64 = given.rsplit_once(',').unwrap().1.parse().unwrap();
        assert!(is_near(number(row, "yield"), expected, 1e-6), "{given}: {row}");
        let found = [text(row, "price"), text(row, "accrued_per_100"), text(row, "dirty")];
        assert_eq!(found, [price, accrued, dirty], "{given}");
    }
}

/// Two independent libraries agree on these to 1e-12; printed to six places.
#[test]
fn street_prices_agree_with_independent_libraries() {
    // Columns in another order, with a column that is nobody's, as a spreadsheet writes it.
    let file = "\u{feff}yield,Coupon,remark,maturity,Settle Date\r\n\
        4.00,3.875,\"a, b\",2033-08-15,2025-02-14\r\n\
        4.00,3.875,,2033-08-15,2025-02-18\r\n\
        4.00,3.875,,2033-08-15,2025-08-15\r\n";
    let found = rows("treasury --convention street --in -", file);
    for (row, (price, accrued)) in
        found.iter().zip([(99.106_414, 1.926_970), (99.107_179, 0.032_113), (99.151_393, 0.0)])
    {
        assert!(is_near(number(row, "price"), price, 6e-7), "{row}");
        assert!(is_near(number(row, "accrued_per_100"), accrued, 6e-7), "{row}");
        assert!(is_near(number(row, "dirty"), number(row, "price") + number(row, "accrued_per_100"), 1e-13), "{row}");
        let parts: f64 = row["key_rate_dv01"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum();
        assert!(is_near(parts, number(row, "dv01_per_100"), 1e-16), "{row}");
    }
    let lines: Vec<u64> = found.iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4]);
}

#[test]
fn a_printed_street_price_gives_its_yield_back_below_zero_too() {
    for at in ["4.123456789012", "0", "-0.9"] {
        let issue = "treasury --convention street --coupon 0.625 --maturity-date 2030-05-15 --settle-date 2025-03-04";
        let [quoted] = &rows(&format!("{issue} --yield {at}"), "")[..] else { panic!("one row") };
        let [back] = &rows(&format!("{issue} --price {}", quoted["price"]), "")[..] else { panic!("one row") };
        assert!(is_near(number(back, "yield"), at.parse().unwrap(), 1e-12), "{back}");
        assert_eq!(back["price"], quoted["price"]);
        assert_eq!(quoted["line"], Value::Null, "options have no line");
    }
}

#[test]
fn the_dv01_is_split_between_the_two_tenors_around_the_maturity() {
    // 8.5 years: half-way from 7 to 10. Its DV01 against the price a hundredth of a basis point either side.
    let of = |at: f64| {
        let issue = "treasury --convention street --coupon 4 --maturity-date 2034-08-15 --settle-date 2026-02-15";
        rows(&format!("{issue} --yield {at}"), "").remove(0)
    };
    let row = of(4.0);
    let dv01 = number(&row, "dv01_per_100");
    let fall = (number(&of(3.9999), "price") - number(&of(4.0001), "price")) * 50.0;
    assert!(is_near(dv01, fall, 1e-9), "{dv01} {fall}");
    let parts = row["key_rate_dv01"].as_object().unwrap();
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["10Y", "7Y"]);
    assert!(parts.values().all(|part| is_near(part.as_f64().unwrap(), dv01 / 2.0, 1e-16)), "{row}");
}

/// CME's tables of conversion factors, by each kind of code.
#[test]
fn published_factors_come_out_by_any_code_of_the_contract() {
    let file = "contract,delivery_month,coupon,maturity\n\
        TY,2015-12-01,0.02125,2022-06-30\nZN,2015-12,0.0225,2024-11-15\n21,2015-12,0.02125,2022-06-30\n\
        17,2011-09,0.06625,2027-02-15\nUBE,2015-12,0.02875,2045-08-15\n25,2015-12,0.01375,2020-02-29\n\
        TU,2011-09,0.00375,2013-07-31\nZ3N,2009-03,0.01125,2012-01-15\n";
    let found = rows("factor --in -", file);
    let factors: Vec<&str> = found.iter().map(|row| text(row, "factor")).collect();
    assert_eq!(factors, ["0.7939", "0.7475", "0.7939", "1.0618", "0.5702", "0.8317", "0.9037", "0.8747"]);
    let contracts: Vec<&str> = found.iter().map(|row| text(row, "contract")).collect();
    assert_eq!(contracts, ["ZN", "ZN", "ZN", "ZB", "UB", "ZF", "ZT", "Z3N"]);
    let by_options = rows("factor --contract ZN --delivery-month 2015-12 --coupon 0.02125 --maturity 2022-06-30", "");
    assert_eq!(text(&by_options[0], "factor"), "0.7939");
}

/// Two real baskets of December 2015, traded 2015-11-18: figures of the cheapest to deliver, computed elsewhere.
#[test]
fn the_baskets_of_december_2015_come_out_as_computed_elsewhere() {
    // Dearer issues beside the cheapest: priced at its yield, they have a higher duration or a higher basis.
    for (options, file, repo, basis_32nds, dv01, futures_dv01, cheapest) in [
        (
            "--contract TY --futures-price 126-18.5",
            "cusip,coupon,maturity,price,factor\n912828XQ,2,2022-07-31,100-20,\n912828XG,2.125,2022-06-30,100-23,0.7939\n\
             ,2.25,2024-11-15,100-20,0.7475\n",
            0.1195,
            7.31,
            61.90,
            77.97,
            "912828XG",
        ),
        (
            "--contract ZF --futures-price 119-00",
            "cusip,coupon,maturity_date,price,dated_date\n912828J5,1.375,2020-02-29,99-03,2015-02-28\n\
             912828L6,1.375,2020-09-30,98.5,2015-09-30\n",
            0.4517,
            3.89,
            41.01,
            49.31,
            "912828J5",
        ),
    ] {
        let options = format!("basket --delivery-month 2015-12 --settle 2015-11-19 --repo {repo} {options} --in -");
        let found = rows(&options, file);
        assert_eq!(found.iter().filter(|row| row["is_cheapest"] == true).count(), 1);
        let first = &found[0];
        assert_eq!((text(first, "cusip"), &first["is_cheapest"], &first["rank"]), (cheapest, &true.into(), &1.into()));
        assert!(is_near(number(first, "implied_repo"), repo, 0.000_05), "{first}");
        assert!(is_near(number(first, "gross_basis_32nds"), basis_32nds, 0.005), "{first}");
        assert!(is_near(number(first, "dv01_per_100") * 1_000.0, dv01, 0.005), "{first}");
        // A point of the five- and ten-year future is worth USD 1,000.
        assert!(is_near(number(first, "futures_dv01_usd"), futures_dv01, 0.005), "{first}");
        // Financed at the implied repo nothing is left of the basis.
        assert!(is_near(number(first, "net_basis"), 0.0, 1e-5), "{first}");
        let repos: Vec<f64> =
            found.iter().filter(|row| row["is_deliverable"] == true).map(|row| number(row, "implied_repo")).collect();
        assert!(repos.len() > 1 && repos.is_sorted_by(|one, next| one >= next), "{repos:?}");
    }
}

#[test]
fn an_issue_outside_the_grade_is_named_and_never_the_cheapest() {
    // The ten-year note takes less than eight years; without the rule the last row would win.
    let file = "cusip,coupon,dated_date,maturity_date,price\n\
        ,2.125,2015-06-30,2022-06-30,100-23\n,2.25,2014-11-15,2024-11-15,70\n";
    let options = "basket --contract ZN --delivery-month 2015-12 --futures-price 126-18.5 --settle 2015-11-19 --in -";
    let found = rows(options, file);
    assert_eq!((&found[0]["line"], &found[0]["is_cheapest"]), (&2.into(), &true.into()));
    assert_eq!(
        (&found[1]["is_deliverable"], &found[1]["rank"], &found[1]["net_basis"]),
        (&false.into(), &Value::Null, &Value::Null)
    );
    let reason = text(&found[1], "not_deliverable_because");
    assert!(reason.contains("less than 8 years must be left on 2015-12-01"), "{reason}");
    let (status, told) = refusal(options, "coupon,maturity,price\n2.25,2024-11-15,99\n2.25,2016-11-15,99\n");
    assert_eq!(status, 1);
    assert!(told.contains("no issue of the basket can be delivered into ZN 2015-12"), "{told}");
    assert!(told.contains("line 3: it matures on 2016-11-15, but at least 6 years 6 months must be left"), "{told}");
}

/// SOFR and the effective Fed funds rate of March 2023, of the Federal Reserve Bank of New York, in hundredths.
const MARCH_2023: [(u8, u16, u16); 23] = [
    (1, 455, 458),
    (2, 455, 457),
    (3, 455, 457),
    (6, 455, 457),
    (7, 455, 457),
    (8, 455, 457),
    (9, 455, 457),
    (10, 455, 457),
    (13, 455, 458),
    (14, 455, 458),
    (15, 458, 458),
    (16, 457, 458),
    (17, 455, 458),
    (20, 455, 458),
    (21, 455, 458),
    (22, 455, 458),
    (23, 480, 483),
    (24, 480, 483),
    (27, 481, 483),
    (28, 484, 483),
    (29, 483, 483),
    (30, 482, 483),
    (31, 487, 483),
];

/// A file of fixings in a folder of its own.
fn fixings(header: &str, row: impl Fn(&(u8, u16, u16)) -> String) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fixings.csv");
    let rows: String = MARCH_2023.iter().map(row).collect();
    std::fs::write(&path, format!("{header}\r\n{rows}")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn average_futures_settle_where_the_official_fixings_put_them() {
    let (_folder, path) = fixings("# as published\r\ndate,sofr,effr", |(day, sofr, effr)| {
        format!("2023-03-{day:02},{}.{:02},{}.{:02}\r\n", sofr / 100, sofr % 100, effr / 100, effr % 100)
    });
    let command = format!("settle --fixings {path}");
    let found =
        rows(&format!("{command} --in -"), "contract,start_date\nSR1,2023-03-01\nZQ,2023-03-01\n41,2023-03-01\n");
    let settlements: Vec<&str> = found.iter().map(|row| text(row, "settlement")).collect();
    assert_eq!(settlements, ["95.370", "95.351", "95.351"]);
    let (status, told) = refusal(&format!("{command} --contract SR3 --start-date 2023-03-15"), "");
    assert_eq!(status, 1);
    assert!(
        told.contains("--start-date: the SOFR fixing of 2023-04-03 is missing, and 53 more up to 2023-06-20"),
        "{told}"
    );
}

#[test]
fn every_problem_of_the_fixings_is_told_and_only_of_the_rates_that_are_needed() {
    let (_folder, path) = fixings("date,sofr", |(day, ..)| match day {
        6 => "2023-03-06,4,57\n".to_owned(),
        7 => "2023-03-06,4.55\n2023-03-06,4.55\n".to_owned(),
        8 => "2023-03-08,x\n".to_owned(),
        _ => format!("2023-03-{day:02},4.55\n"),
    });
    let command = format!("settle --fixings {path} --in -");
    let (status, told) = refusal(&command, "contract,start_date\nSR1,2023-03-01\nZQ,2023-03-01\n");
    assert_eq!(status, 1);
    for part in
        [":5: 3 columns", ":7: 2023-03-06 was given before", ":8: column 2 (sofr): \"x\"", ":1: column 1 is headed"]
    {
        assert_eq!(told.matches(part).count(), 1, "{part}: {told}");
    }
}

/// Arguments, file, exit status, and what standard error says.
type Case<'a> = (&'a str, &'a str, i32, &'a [&'a str]);

#[test]
fn everything_that_is_wrong_is_told_at_once_by_line_and_column() {
    let street = "treasury --convention street --in -";
    let basket = "basket --contract ZN --delivery-month 2015-12 --futures-price 126-18.5 --settle 2015-11-19 --in -";
    let cases: [Case<'_>; 18] = [
        (street, "", 1, &["standard input: the file is empty"]),
        (street, "coupon,maturity_date,yield\n", 1, &["there is no row below the header"]),
        (street, "coupon,yield\n4,4\n4,4\n", 1, &["line 1: the column maturity_date is missing"]),
        (
            street,
            "coupon,InterestRate,maturity_date\n4,4,2030-05-15\n",
            1,
            &["coupon and InterestRate are both the column coupon"],
        ),
        (
            street,
            "# remark\ncoupon,maturity_date,settle_date,yield,price\nx,2030-02-30,2025-1-1,4%,\n\n4,2030-05-15,2025-01-15,,\n\
             4,2030-05-15,,4,\n4,2030-05-15,2025-01-15,4,99\n4,2030-05-15\n,2030-05-15,2025-01-15,4,\n",
            1,
            &[
                "line 3, coupon: \"x\" is not a decimal number",
                "line 3, maturity_date: \"2030-02-30\" is not a date",
                "line 3, settle_date: \"2025-1-1\" is not a date",
                "line 3, yield: \"4%\" is not a number",
                "line 5, yield: is missing, and so is a price",
                "line 6, settle_date: is missing, and there is no issue date",
                "line 7, yield: a price is given too",
                "line 8: 2 columns, but the header has 5",
                "line 9, coupon: is missing",
            ],
        ),
        (
            "treasury --convention treasury --in -",
            "dated_date,issue_date,first_coupon_date,maturity_date,coupon,yield\n,2031-01-01,,2030-05-15,4,4\n\
             2025-01-15,2025-01-10,,2030-05-15,4,4\n,2025-01-15,2025-05-14,2030-05-15,4,4\n,2025-01-15,,2030-05-15,25,4\n\
             2023-01-15,2025-01-15,2025-05-15,2030-05-15,4,4\n,2025-01-15,,2030-05-15,4,-200\n,2025-01-15,,2130-05-15,4,-179\n",
            1,
            &[
                "line 2, settle_date: settlement 2031-01-01 is not before the maturity 2030-05-15",
                "line 3, settle_date: settlement 2025-01-10 is before the dated date 2025-01-15",
                "line 4, first_coupon_date: first coupon 2025-05-14 is not a whole number of half-years",
                "line 5, coupon: coupon 25 is outside 0 to 20 per cent",
                "line 6, dated_date: first interest period",
                "line 7, yield: -200 is outside -180 to 2000 per cent",
                "line 8, yield: a price of",
            ],
        ),
        (
            street,
            "coupon,maturity,settle_date,price\n4,2030-05-15,2025-01-15,1e-9\n4,2030-05-15,2025-01-15,-1\n",
            1,
            &["line 3, price: -1 is not a price"],
        ),
        (
            street,
            "kind,coupon,maturity,issue_date,yield\nbill,,2025-05-15,2025-01-15,\ntips,1,2030-05-15,2025-01-15,1\n",
            1,
            &["line 2, kind: a bill pays no coupon", "line 3, kind: \"tips\" is not priced here"],
        ),
        (
            "treasury --convention street --coupon 4 --yield x",
            "",
            2,
            &["--maturity-date: is missing", "--settle-date: is missing", "--yield: \"x\" is not a number"],
        ),
        ("treasury --convention street --coupon 4 --in -", "", 2, &["cannot be used with"]),
        ("treasury --convention banker --in -", "", 2, &["banker"]),
        (
            "factor --in -",
            "contract,delivery_month,coupon,maturity\nES,2015-12,0.02,2022-06-30\nSR3,2015-12,0.02,2022-06-30\n\
             ZN,2015-12-15,2.125,2022-06-30\nZN,2015-12,0.02,2015-11-30\n",
            1,
            &[
                "line 2, contract: \"ES\" is not a contract",
                "line 3, contract: SR3 settles in cash",
                "line 4, delivery_month: \"2015-12-15\" is not a delivery month",
                "line 4, coupon: coupon 2.125 is outside 0 to 0.2",
                "line 5, maturity: 2015-11-30 is before the delivery month 2015-12",
            ],
        ),
        (
            basket,
            "cusip,coupon,maturity,price,factor\n912828XG9,2.125,2022-06-30,100-23,\n912828XG,0.02125,2022-06-30,100-235,0\n\
             ,2.125,2015-11-30,99,\n912828L6,2,2022-07-31,99,\n912828L6,2,2022-07-31,99,\n",
            1,
            &[
                "line 2, cusip: CUSIP 912828XG9 has check digit 9",
                "line 3, coupon: coupon 0.02125 is below the lowest of a note or bond",
                "line 3, price: \"100-235\" is not a price",
                "line 3, factor: 0 is not a conversion factor",
                "line 4, maturity: 2015-11-30 is before the delivery month",
                "line 6, cusip: 912828L6 stands on line 5 already",
            ],
        ),
        (basket, "coupon,maturity,price\n", 1, &["there is no row below the header"]),
        (
            "basket --contract ZN --delivery-month 2015-12 --futures-price 126 --settle 2015-11-19",
            "",
            2,
            &["--in FILE is needed"],
        ),
        (
            "basket --contract ZQ --delivery-month 2015-12 --futures-price 126 --settle 2015-11-19 --in -",
            "",
            2,
            &["ZQ settles in cash"],
        ),
        (
            "basket --contract ZN --delivery-month 2015-12 --futures-price 126 --settle 2015-11-19 --delivery 2016-01-04 --in -",
            "",
            2,
            &["--delivery: 2016-01-04 is outside the deliveries of ZN 2015-12, 2015-12-01 to 2015-12-31"],
        ),
        (
            "basket --contract ZN --delivery-month 2015-12 --futures-price 126 --settle 2015-12-31 --in -",
            "",
            2,
            &["--settle: 2015-12-31 is not before the delivery"],
        ),
    ];
    for (arguments, file, expected, parts) in cases {
        let (status, told) = refusal(arguments, file);
        assert_eq!(status, expected, "{arguments}: {told}");
        for part in parts {
            assert!(told.contains(part), "{arguments}: {part}: {told}");
        }
    }
}

#[test]
fn a_contract_that_does_not_start_there_is_told_where_it_does() {
    let (_folder, path) = fixings("date,sofr,effr", |(day, ..)| format!("2023-03-{day:02},4.55,4.58\n"));
    let file = "contract,start_date\nSR3,2023-03-16\nSR1,2023-03-02\nTY,2023-03-01\nZQ,2023-04-01\n";
    let (status, told) = refusal(&format!("settle --fixings {path} --in -"), file);
    assert_eq!(status, 1);
    for part in [
        "line 2, start_date: SR3 of 2023-03 starts on 2023-03-15, the third Wednesday of the month, not on 2023-03-16",
        "line 3, start_date: SR1 of 2023-03 starts on 2023-03-01, the first day of the month, not on 2023-03-02",
        "line 4, contract: TY settles by delivery",
        "line 5, start_date: the effective Fed funds fixing of 2023-04-03 is missing, and 19 more up to 2023-04-28",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for command in ["factor --in no/such.csv", "settle --fixings no/such.csv --in -"] {
        let (status, told) = refusal(command, "");
        assert!(status == 1 && told.contains("no/such.csv"), "{told}");
    }
}

#[test]
fn without_json_the_answer_is_a_table() {
    let output = risk("factor --contract ZN --delivery-month 2015-12 --coupon 0.02125 --maturity 2022-06-30", "");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("delivery month") && table.contains("0.7939"), "{table}");
}

#[test]
fn every_published_coupon_auction_comes_out_to_the_last_digit() {
    let Some((path, lines)) = published("treasury_auctions.csv") else { return };
    let command = format!("treasury --convention treasury --in {}", path.display());
    let (status, told) = refusal(&command, "");
    let bills = lines.iter().filter(|line| line[1] == "Bill").count();
    assert_eq!((status, told.matches("a bill pays no coupon").count()), (1, bills), "{told}");
    let found = rows(&format!("{command} --skip-bills"), "");
    assert_eq!(found.len() + bills, lines.len() - 1);
    let column = |name: &str| lines[0].iter().position(|heading| heading == name).unwrap();
    let (price, accrued) = (column("PricePer100"), column("AccruedInterestPer1000"));
    for row in found {
        let line = &lines[usize::try_from(row["line"].as_u64().unwrap()).unwrap() - 1];
        assert_eq!(text(&row, "cusip"), line[0]);
        assert_eq!(text(&row, "price"), line[price], "{line:?}");
        let published: f64 = if line[accrued].is_empty() { 0.0 } else { line[accrued].parse().unwrap() };
        let per_100: f64 = text(&row, "accrued_per_100").parse().unwrap();
        assert!(is_near(per_100 * 10.0, published, 6e-6), "{line:?}");
    }
}

#[test]
fn every_published_factor_comes_out_to_the_last_digit() {
    let Some((path, lines)) = published("conversion_factors.csv") else { return };
    let found = rows(&format!("factor --in {}", path.display()), "");
    assert_eq!(found.len(), lines.len() - 1);
    for (row, line) in found.iter().zip(&lines[1..]) {
        let published: f64 = line[4].parse().unwrap();
        assert_eq!(text(row, "factor"), format!("{published:.4}"), "{line:?}");
    }
}

#[test]
fn three_month_futures_settle_where_the_official_fixings_put_them() {
    let Some((path, _)) = published("usd_overnight_rates.csv") else { return };
    let file = "contract,start_date\nSR3,2023-03-15\nSR3,2020-03-18\nSR3,2025-06-18\nSR1,2023-03-01\nZQ,2023-03-01\n";
    let found = rows(&format!("settle --fixings {} --in -", path.display()), file);
    let settlements: Vec<&str> = found.iter().map(|row| text(row, "settlement")).collect();
    assert_eq!(settlements, ["95.0571", "99.9607", "95.6240", "95.370", "95.351"]);
}
