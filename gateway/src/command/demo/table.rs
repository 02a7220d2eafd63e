//! The margin officer's table of a cycle.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    report::{Account, CycleReport, Totals},
    words,
};
use crate::command::output::{self, grouped};

/// Names of the columns; those of figures are the third to the eleventh.
const HEADER: [&str; 12] = [
    "accounts",
    "kind",
    "FICC alone",
    "CME alone",
    "FICC",
    "CME",
    "applied",
    "FICC requires",
    "CME requires",
    "saving",
    "charges",
    "status",
];

/// A cycle for people: a row for each linked pair, totals, and what is to be known of the agreement.
pub(super) fn cycle(report: &CycleReport) -> String {
    shown(report, |_| true)
}

/// The same with rows for some pairs alone; the others are added up in one row.
pub(super) fn shown(report: &CycleReport, is_shown: impl Fn(&Account) -> bool) -> String {
    let (rows, others): (Vec<&Account>, Vec<&Account>) = report.accounts.iter().partition(|account| is_shown(account));
    let mut table = output::table(&HEADER, |at| (2..=10).contains(&at));
    for account in rows {
        table.add_row(row(account));
    }
    if !others.is_empty() {
        let name = format!("{} other pairs", others.len());
        table.add_row(sums(name, &Totals::of(others)));
    }
    table.add_row(sums("total".to_owned(), &report.totals));
    format!("{}\n{table}\n{}\n", words::headline(report), words::notes(report).join("\n"))
}

fn row(account: &Account) -> Vec<String> {
    let is_rehearsal = account.status == "rehearsal";
    // What would be, in brackets.
    let bracketed = |text: String| if is_rehearsal { format!("({text})") } else { text };
    let applied = if is_rehearsal { account.would_be_factor } else { Some(account.applied_factor) };
    let saving = if is_rehearsal { account.would_be_saving } else { account.saving };
    vec![
        format!("{} {}", account.ficc_account, account.cme_account),
        account.kind.clone(),
        dollars(account.ficc_standalone),
        dollars(account.cme_standalone),
        percent(account.ficc_factor),
        percent(account.cme_factor),
        bracketed(percent(applied)),
        dollars(account.ficc_requirement),
        dollars(account.cme_requirement),
        bracketed(dollars(saving)),
        dollars(account.ficc_charges.zip(account.cme_charges).map(|(ficc, cme)| ficc + cme)),
        account.status.replace('_', " "),
    ]
}

fn sums(name: String, totals: &Totals) -> Vec<String> {
    let mut row = vec![String::new(); HEADER.len()];
    row[0] = name;
    for (at, sum) in [
        (2, totals.ficc_standalone),
        (3, totals.cme_standalone),
        (7, totals.ficc_requirement),
        (8, totals.cme_requirement),
        (9, totals.saving),
        (10, totals.ficc_charges + totals.cme_charges),
    ] {
        row[at] = dollars(Some(sum));
    }
    row
}

/// Whole dollars, upwards, with separators.
pub(super) fn dollars(amount: Option<Decimal>) -> String {
    let whole = |amount: Decimal| amount.round_dp_with_strategy(0, RoundingStrategy::ToPositiveInfinity).to_string();
    amount.map_or_else(|| "-".to_owned(), |amount| grouped(&whole(amount)))
}

fn percent(factor: Option<f64>) -> String {
    factor.map_or_else(|| "-".to_owned(), |factor| format!("{:.2} %", factor * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::demo::report::tests::account;

    #[test]
    fn dollars_are_whole_upwards_and_grouped() {
        assert_eq!(dollars(Some(Decimal::new(123_456_701, 2))), "1,234,568");
        assert_eq!(dollars(Some(Decimal::new(100_000, 2))), "1,000");
        assert_eq!(dollars(None), "-");
    }

    #[test]
    fn what_a_pair_in_rehearsal_would_save_stands_in_brackets() {
        let cells = row(&Account {
            applied_factor: 0.0,
            saving: Some(0.into()),
            would_be_saving: Some(195.into()),
            status: "rehearsal".into(),
            ..account()
        });
        assert_eq!((cells[6].as_str(), cells[9].as_str()), ("(65.43 %)", "(195)"));
    }

    #[test]
    fn a_factor_that_nobody_knows_is_a_dash() {
        assert_eq!(row(&Account { ficc_factor: None, ..account() })[4], "-");
    }
}
