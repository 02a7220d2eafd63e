//! The margin officer's table of a cycle.

use rust_decimal::{Decimal, RoundingStrategy};

use super::report::{Account, CycleReport};
use crate::command::output::{self, grouped, short};

/// A cycle for people: a row for each linked pair, totals, the agreement with both signatures, how long it took.
pub(super) fn cycle(report: &CycleReport) -> String {
    let round = if report.round > 0 { format!(" round {}", report.round) } else { String::new() };
    let mut text = format!("{}{round}: {}\n", report.cycle, headline(report));
    let header = [
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
        "status",
    ];
    let mut table = output::table(&header, |at| (2..=9).contains(&at));
    for account in &report.accounts {
        table.add_row(row(account));
    }
    let totals = &report.totals;
    let sums = [&totals.ficc_standalone, &totals.cme_standalone].map(|sum| dollars(Some(*sum)));
    let required = [&totals.ficc_requirement, &totals.cme_requirement].map(|sum| dollars(Some(*sum)));
    let [ficc, cme] = sums;
    let [ficc_required, cme_required] = required;
    let saving = dollars(Some(totals.saving));
    let none = String::new;
    table.add_row(vec![
        "total".to_owned(),
        none(),
        ficc,
        cme,
        none(),
        none(),
        none(),
        ficc_required,
        cme_required,
        saving,
        none(),
    ]);
    text.push_str(&table.to_string());
    text.push('\n');
    for line in notes(report) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// What became of the cycle, in one line.
fn headline(report: &CycleReport) -> String {
    let count = |status: &str| report.accounts.iter().filter(|account| account.status == status).count();
    let mut parts = Vec::new();
    for (status, words) in [
        ("agreed", "agreed and charged"),
        ("rehearsal", "agreed in rehearsal"),
        ("break", "in a break"),
        ("fallen_back", "fallen back to stand-alone"),
    ] {
        match count(status) {
            0 => {}
            found => parts.push(format!("{found} {words}")),
        }
    }
    parts.join(", ")
}

fn row(account: &Account) -> Vec<String> {
    let is_rehearsal = account.status == "rehearsal";
    // What would be, in brackets.
    let bracketed = |text: String| if is_rehearsal { format!("({text})") } else { text };
    let applied = if is_rehearsal { account.would_be_factor } else { account.applied_factor };
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
        account.status.replace('_', " "),
    ]
}

/// The lines under the table.
fn notes(report: &CycleReport) -> Vec<String> {
    let mut lines = Vec::new();
    let is_rehearsal = report.accounts.iter().any(|account| account.status == "rehearsal");
    if is_rehearsal {
        let all = dollars(Some(report.totals.would_be_saving));
        lines.push(format!(
            "USD. In brackets: what it would be with the programme's approvals; all pairs would save {all}."
        ));
    } else {
        lines.push("USD.".to_owned());
    }
    for account in report.accounts.iter().filter(|account| account.status == "break") {
        lines.push(format!(
            "BREAK {} ({} {}): {}",
            account.link, account.ficc_account, account.cme_account, account.reason
        ));
    }
    for house in &report.houses {
        if house.agreement_digest.is_empty() {
            lines.push(format!("{:<5} {}", house.house, house.explanation));
        } else {
            let signed: Vec<String> = house
                .signatures
                .iter()
                .map(|signed| format!("{} {}", signed.house, short(&signed.signature)))
                .collect();
            lines.push(format!(
                "{:<5} agreement {}  signed by {}",
                house.house,
                short(&house.agreement_digest),
                signed.join(", ")
            ));
        }
    }
    let is_agreed = report.houses.iter().all(|house| house.signature_count == 2);
    if is_agreed {
        lines.push("Both houses hold the same agreement; both signatures verify.".to_owned());
    }
    lines.push(format!("{}.{:03} s from the opening", report.elapsed_ms / 1_000, report.elapsed_ms % 1_000));
    for house in &report.houses {
        let steps: Vec<String> = house
            .timings
            .iter()
            .map(|timing| {
                format!("{} {}.{:01} ms", timing.step, timing.duration_us / 1_000, timing.duration_us % 1_000 / 100)
            })
            .collect();
        if !steps.is_empty() && is_agreed {
            lines.push(format!("{:<5} {}", house.house, steps.join(", ")));
        }
    }
    lines
}

/// Whole dollars, upwards, with separators.
fn dollars(amount: Option<Decimal>) -> String {
    let whole = |amount: Decimal| amount.round_dp_with_strategy(0, RoundingStrategy::ToPositiveInfinity).to_string();
    amount.map_or_else(|| "-".to_owned(), |amount| grouped(&whole(amount)))
}

fn percent(factor: f64) -> String {
    format!("{:.2} %", factor * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_whole_upwards_and_grouped() {
        assert_eq!(dollars(Some(Decimal::new(123_456_701, 2))), "1,234,568");
        assert_eq!(dollars(Some(Decimal::new(100_000, 2))), "1,000");
        assert_eq!(dollars(None), "-");
    }

    #[test]
    fn what_a_pair_in_rehearsal_would_save_stands_in_brackets() {
        let account = Account {
            account: "L".into(),
            kind: "customer".into(),
            member: "M".into(),
            link: "L".into(),
            ficc_account: "T1".into(),
            cme_account: "F1".into(),
            ficc_standalone: Some(100.into()),
            cme_standalone: Some(200.into()),
            ficc_factor: 0.7,
            cme_factor: 0.6543,
            applied_factor: 0.0,
            would_be_factor: 0.6543,
            ficc_requirement: Some(100.into()),
            cme_requirement: Some(200.into()),
            would_be_ficc_requirement: Some(35.into()),
            would_be_cme_requirement: Some(70.into()),
            saving: Some(0.into()),
            would_be_saving: Some(195.into()),
            status: "rehearsal".into(),
            reason: String::new(),
        };
        let cells = row(&account);
        assert_eq!((cells[6].as_str(), cells[7].as_str(), cells[9].as_str()), ("(65.43 %)", "100", "(195)"));
    }
}
