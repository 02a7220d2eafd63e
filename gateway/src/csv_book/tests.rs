use std::collections::BTreeSet;

use crossmargin::v1::submit_snapshot_request::Part;
use jiff::civil::date;
use proptest::prelude::*;
use risk::date::add_days;

use super::*;

const ROWS: &str = "\
account,instrument,quantity,start_date,start_cash,end_date,end_cash
GSD-1002,UST:91282CMK4,25000000,,,,
GSD-1001,UST:91282CMK4,-100,,,,
GSD-1001,FUT:ZN:2026-03,-250,,,,
GSD-1001,FWD:912810UE6:2026-02-17,1000000,,,,
GSD-1001,USD:2026-02-17,-7,,,,
GSD-1001,REPO:91282CMK4,-50000000,2026-02-13,49875000.00,2026-02-20,49912000.5
GSD-1001,REPO:91282CMK4,-50000000,2026-02-13,49875000.00,2026-02-20,49912000.5
";

#[test]
fn a_book_holds_what_its_rows_say() {
    let book = parse(ROWS.as_bytes(), "book.csv").unwrap();

    assert_eq!(book.accounts(), ["GSD-1002", "GSD-1001"]);
    let positions: Vec<String> = book.positions().map(|(a, i, q)| format!("{a} {i} {q}")).collect();
    assert_eq!(positions[1..3], ["GSD-1001 UST:91282CMK4 -100", "GSD-1001 FUT:ZN:2026-03 -250"]);
    let (account, repo) = book.repos().next().unwrap();
    assert_eq!((account, book.repos().len(), repo.face), ("GSD-1001", 2, -50_000_000));
    assert_eq!((repo.legs.start, repo.legs.end), (date(2026, 2, 13), date(2026, 2, 20)));
    assert_eq!((repo.legs.start_cash_cents, repo.legs.end_cash_cents), (4_987_500_000, 4_991_200_050));
}

#[test]
fn comments_blank_lines_quotation_marks_and_foreign_line_ends_change_nothing() {
    let plain = parse(ROWS.as_bytes(), "book.csv").unwrap();
    let quoted: String =
        ROWS.lines().map(|line| format!("\"{}\"\r\n\r\n# a remark\r\n", line.replace(',', "\",\""))).collect();
    assert_eq!(parse(format!("\u{feff}{quoted}").as_bytes(), "book.csv").unwrap(), plain);
}

#[test]
fn the_examples_of_the_documentation_are_books() {
    let document = include_str!("../../../docs/csv-book.md");
    let indented: Vec<&str> = document.lines().map(|line| line.strip_prefix("    ").unwrap_or_default()).collect();
    let books: Vec<&[&str]> =
        indented.split(|line| line.is_empty()).filter(|lines| lines.first() == Some(&HEADER)).collect();
    assert_eq!(books.len(), 2);
    for lines in books {
        parse(lines.join("\n").as_bytes(), "docs/csv-book.md").unwrap();
    }
}

/// A row, the field that is wrong in it, and what is said about it.
const WRONG_ROWS: &[(&str, Option<Field>, &str)] = &[
    (",UST:91282CMK4,100,,,,", Some(Field::Account), "is missing"),
    ("A B,UST:91282CMK4,100,,,,", Some(Field::Account), "\"A B\" is not an account"),
    ("A,,100,,,,", Some(Field::Instrument), "is missing"),
    ("A,UST:91282CMK5,100,,,,", Some(Field::Instrument), "need 4"),
    ("A,UST 91282CMK4,100,,,,", Some(Field::Instrument), "is not an instrument"),
    ("A,FUT:ZN:2026-13,1,,,,", Some(Field::Instrument), "is not a contract month"),
    ("A,FWD:91282CMK4:2026-02-30,100,,,,", Some(Field::Instrument), "is not a date"),
    ("A,REPO:9128,100,2026-02-13,1,2026-02-20,1", Some(Field::Instrument), "is not a CUSIP"),
    ("A,UST:91282CMK4,,,,,", Some(Field::Quantity), "is missing"),
    ("A,UST:91282CMK4,1e6,,,,", Some(Field::Quantity), "\"1e6\" is not a whole number"),
    ("A,FUT:ZN:2026-03,12.5,,,,", Some(Field::Quantity), "\"12.5\" is not a whole number"),
    ("A,FUT:ZN:2026-03,+5,,,,", Some(Field::Quantity), "is not a whole number"),
    ("A,FUT:ZN:2026-03,0,,,,", Some(Field::Quantity), "is zero"),
    ("A,FUT:ZN:2026-03,9223372036854775808,,,,", Some(Field::Quantity), "too large"),
    ("A,FUT:ZN:2026-03,-9223372036854775808,,,,", Some(Field::Quantity), "too large"),
    ("A,UST:91282CMK4,150,,,,", Some(Field::Quantity), "150 is not a multiple of 100"),
    ("A,FWD:91282CMK4:2026-02-17,-150,,,,", Some(Field::Quantity), "-150 is not a multiple of 100"),
    ("A,REPO:91282CMK4,150,2026-02-13,1,2026-02-20,1", Some(Field::Quantity), "multiple of 100"),
    ("A,REPO:91282CMK4,100,,1,2026-02-20,1", Some(Field::StartDate), "is missing"),
    ("A,REPO:91282CMK4,100,13/02/2026,1,2026-02-20,1", Some(Field::StartDate), "YYYY-MM-DD is needed"),
    ("A,REPO:91282CMK4,100,2026-02-13,,2026-02-20,1", Some(Field::StartCash), "is missing"),
    ("A,REPO:91282CMK4,100,2026-02-13,0.00,2026-02-20,1", Some(Field::StartCash), "positive USD"),
    ("A,REPO:91282CMK4,100,2026-02-13,-5,2026-02-20,1", Some(Field::StartCash), "positive USD"),
    ("A,REPO:91282CMK4,100,2026-02-13,1.005,2026-02-20,1", Some(Field::StartCash), "at most two decimals"),
    ("A,REPO:91282CMK4,100,2026-02-13,1.,2026-02-20,1", Some(Field::StartCash), "at most two decimals"),
    ("A,REPO:91282CMK4,100,2026-02-13,1,2026-02-31,1", Some(Field::EndDate), "\"2026-02-31\" is not a date"),
    ("A,REPO:91282CMK4,100,2026-02-13,1,2026-02-13,1", Some(Field::EndDate), "is not later than"),
    ("A,REPO:91282CMK4,100,2026-02-13,1,2026-02-20,92233720368547758.08", Some(Field::EndCash), "too large"),
    ("A,UST:91282CMK4,100,2026-02-13,,,", Some(Field::StartDate), "the row is not a repo"),
    ("A,UST:91282CMK4,100,,,,1.00", Some(Field::EndCash), "the row is not a repo"),
    ("A,UST:91282CMK4,100", None, "3 fields, but 7 are needed"),
    ("A,UST:91282CMK4,25,000,000,,,,", None, "9 fields, but 7 are needed"),
];

#[test]
fn each_wrong_row_is_named_by_line_field_and_reason() {
    for (row, field, words) in WRONG_ROWS {
        let problems = parse(format!("{HEADER}\n{row}\n").as_bytes(), "book.csv").unwrap_err();
        let [problem] = problems.problems() else { panic!("{row}: {problems}") };
        assert_eq!((problem.line, problem.field), (2, *field), "{row}: {problem}");
        assert!(problem.to_string().contains(words), "{row}: {problem}");
    }
}

#[test]
fn all_problems_of_a_file_come_at_once_in_the_order_of_lines() {
    let rows: String = WRONG_ROWS.iter().map(|(row, ..)| format!("{row}\n")).collect();
    let problems = parse(format!("{HEADER}\n{rows}").as_bytes(), "book.csv").unwrap_err();

    let lines: Vec<usize> = problems.problems().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, (2..2 + WRONG_ROWS.len()).collect::<Vec<_>>());
    assert!(problems.to_string().starts_with("book.csv, line 2, account: is missing\nbook.csv, line 3, account: "));
}

#[test]
fn an_instrument_twice_in_an_account_names_both_lines() {
    let rows = "A,FUT:ZN:2026-03,1,,,,\nB,FUT:ZN:2026-03,1,,,,\nA,FUT:ZN:2026-03,2,,,,\n";
    let problems = parse(format!("{HEADER}\n{rows}").as_bytes(), "book.csv").unwrap_err();
    assert_eq!(
        problems.to_string(),
        "book.csv, line 4, instrument: A has FUT:ZN:2026-03 on line 2 already: write one row with the sum"
    );
}

#[test]
fn a_wrong_header_names_the_column() {
    let said = |header: &str| parse(format!("{header}\n").as_bytes(), "b").unwrap_err().to_string();
    assert!(
        said("account,cusip,quantity,start_date,start_cash,end_date,end_cash").contains("unknown column \"cusip\"")
    );
    assert!(said("instrument,account,quantity,start_date,start_cash,end_date,end_cash").contains("column 1"));
    assert!(said("account,instrument,quantity").contains("column 4 of the header must be \"start_date\", not \"\""));
    assert!(parse(b"", "b").unwrap_err().to_string().contains("the file is empty"));
    assert!(parse(b"account\xff\n", "b").unwrap_err().to_string().contains("line 1: the line is not UTF-8"));
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let rows = "A,FUT:ZN:2026-03,0,,,,\n".repeat(PROBLEMS_MAX + 5);
    let problems = parse(format!("{HEADER}\n{rows}").as_bytes(), "b").unwrap_err();
    assert_eq!((problems.problems().len(), problems.omitted()), (PROBLEMS_MAX, 5));
    assert!(problems.to_string().ends_with("b: and 5 more problems"));
}

#[test]
fn the_wire_has_ascending_accounts_and_instruments_and_no_divided_account() {
    let parts = parse(ROWS.as_bytes(), "book.csv").unwrap().into_wire(2);
    let [Part::Positions(first), Part::Positions(second), Part::Repos(repos)] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    assert_eq!(
        (first.accounts.as_slice(), first.position_counts.as_slice()),
        (["GSD-1001".into()].as_slice(), &[4_u32][..])
    );
    assert_eq!(first.instruments, ["UST:91282CMK4", "FWD:912810UE6:2026-02-17", "USD:2026-02-17", "FUT:ZN:2026-03"]);
    assert_eq!(first.quantities, [-100, 1_000_000, -7, -250]);
    assert_eq!(
        (second.accounts.as_slice(), second.quantities.as_slice()),
        (["GSD-1002".into()].as_slice(), &[25_000_000_i64][..])
    );
    assert_eq!((repos.accounts.len(), repos.collateral.len(), repos.faces.len()), (1, 1, 2));
    assert_eq!((repos.start_dates[0], repos.end_dates[0]), (20_497, 20_504));
    assert_eq!((repos.start_cash_cents[0], repos.end_cash_cents[0]), (4_987_500_000, 4_991_200_050));
}

#[test]
fn an_amendment_takes_all_rows_of_its_accounts_and_no_others() {
    let book = parse(ROWS.as_bytes(), "book.csv").unwrap();
    let amendment = book.of_accounts(|account| account == "GSD-1001");
    assert_eq!(
        (amendment.accounts(), amendment.positions().len(), amendment.repos().len()),
        (&["GSD-1001".to_owned()][..], 4, 2)
    );
}

fn any_instrument() -> impl Strategy<Value = Instrument> {
    let cusip = prop::sample::select(vec!["91282CMK4", "912810UE6", "91282CNL1"])
        .prop_map(|text| text.parse::<Cusip>().unwrap());
    let day = (0..5_000_i64).prop_map(|days| add_days(date(2026, 1, 1), days));
    let contract = prop::sample::select(vec!["FUT:ZN:2026-03", "FUT:SR3:2026-12", "FUT:Z3N:2026-06"]);
    prop_oneof![
        cusip.clone().prop_map(Instrument::Treasury),
        (cusip, day.clone()).prop_map(|(cusip, settle)| Instrument::ForwardTreasury { cusip, settle }),
        day.prop_map(|date| Instrument::Cash { date }),
        contract.prop_map(|text| text.parse().unwrap()),
    ]
}

prop_compose! {
    fn any_book()(
        positions in prop::collection::vec(("[A-Z][A-Z0-9-]{0,3}", any_instrument(), 1..=90_000_000_000_i64, any::<bool>()), 0..40),
        repos in prop::collection::vec(("[A-Z][A-Z0-9-]{0,3}", 1..=1_000_000_i64, 0..4_000_i64, 1..400_i64, 1..=i64::MAX), 0..20),
    ) -> Book {
        let mut builder = BookBuilder::default();
        let mut seen = BTreeSet::new();
        for (account, instrument, size, is_long) in positions {
            if seen.insert((account.clone(), instrument)) {
                builder.add_position(&account, instrument, size * 100 * if is_long { 1 } else { -1 });
            }
        }
        for (account, lots, start, term, cents) in repos {
            let start = add_days(date(2026, 1, 1), start);
            let legs = RepoLegs { start, start_cash_cents: cents, end: add_days(start, term), end_cash_cents: cents };
            builder.add_repo(&account, "91282CMK4".parse().unwrap(), lots * -100, legs);
        }
        builder.finish()
    }
}

proptest! {
    #[test]
    fn every_book_reads_back_as_written(book in any_book()) {
        prop_assert_eq!(parse(book.to_string().as_bytes(), "book.csv").unwrap(), book);
    }

    #[test]
    fn no_position_or_repo_is_lost_on_the_wire(book in any_book(), positions_max in 1_usize..20) {
        let (positions, repos) = (book.positions().len(), book.repos().len());
        let total: i128 = book.positions().map(|(_, _, quantity)| i128::from(quantity)).sum();
        let parts = book.into_wire(positions_max);
        let columns = || parts.iter().filter_map(|part| match part {
            Part::Positions(columns) => Some(columns),
            _ => None,
        });
        prop_assert_eq!(columns().map(|part| part.quantities.len()).sum::<usize>(), positions);
        prop_assert_eq!(columns().flat_map(|part| &part.quantities).map(|&q| i128::from(q)).sum::<i128>(), total);
        let accounts: Vec<_> = columns().flat_map(|part| &part.accounts).collect();
        prop_assert!(accounts.is_sorted_by(|one, next| one < next));
        for part in columns() {
            prop_assert_eq!(part.position_counts.iter().sum::<u32>() as usize, part.quantities.len());
            prop_assert!(part.instrument_indexes.iter().all(|&place| (place as usize) < part.instruments.len()));
        }
        let trades: usize = parts.iter().map(|part| if let Part::Repos(repos) = part { repos.faces.len() } else { 0 }).sum();
        prop_assert_eq!(trades, repos);
    }

    #[test]
    fn any_bytes_are_answered_and_never_panic(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&text, "any");
    }

    #[test]
    fn any_lines_of_the_alphabet_of_books_are_answered(text in "[A,:\"\n#0-9.-]{0,200}") {
        if let Ok(book) = parse(format!("{HEADER}\n{text}").as_bytes(), "any") {
            prop_assert_eq!(parse(book.to_string().as_bytes(), "again").unwrap(), book);
        }
    }
}
