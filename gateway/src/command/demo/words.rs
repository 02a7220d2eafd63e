//! What is said about a cycle above and below its table.

use super::{
    report::{CycleReport, HouseReport},
    table::dollars,
};
use crate::command::output::short;

/// The cycle, its round, and what became of its pairs.
pub(super) fn headline(report: &CycleReport) -> String {
    let round = if report.round > 0 { format!(" round {}", report.round) } else { String::new() };
    let count = |status: &str| report.accounts.iter().filter(|account| account.status == status).count();
    let states = [
        ("agreed", "agreed and charged"),
        ("rehearsal", "agreed in rehearsal"),
        ("suspended", "agreed and suspended"),
        ("break", "in a break"),
        ("fallen_back", "fallen back to stand-alone"),
        ("advance_grant", "fallen back to what was granted in advance"),
    ];
    let counted = states.into_iter().map(|(status, words)| (count(status), words)).filter(|(count, _)| *count > 0);
    let parts: Vec<String> = counted.map(|(count, words)| format!("{count} {words}")).collect();
    format!("{}{round}: {}", report.cycle, parts.join(", "))
}

/// The lines under the table.
pub(super) fn notes(report: &CycleReport) -> Vec<String> {
    let mut lines = Vec::new();
    if report.accounts.iter().any(|account| account.status == "rehearsal") {
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
    lines.extend(report.houses.iter().map(holding));
    let is_agreed = report.houses.iter().all(|house| house.signature_count == 2);
    if is_agreed {
        lines.push("Both houses hold the same agreement; both signatures verify.".to_owned());
        lines.extend(report.houses.iter().filter_map(|house| steps(report, house)));
    }
    lines.push(format!("{} ms from the opening to what is shown.", report.elapsed_ms));
    lines
}

/// What a house holds: the agreement and its signatures, or why there is none.
fn holding(house: &HouseReport) -> String {
    if house.agreement_digest.is_empty() {
        return format!("{:<5} {}", house.house, house.explanation);
    }
    let signed: Vec<String> =
        house.signatures.iter().map(|signed| format!("{} {}", signed.house, short(&signed.signature))).collect();
    format!("{:<5} agreement {}  signed {}", house.house, house.agreement_digest, signed.join("  "))
}

/// How long the steps of the shown round took at a house; what led to its first round belongs to that.
fn steps(report: &CycleReport, house: &HouseReport) -> Option<String> {
    let is_of_round = |round: u32| round == report.round || (round == 0 && report.round == 1);
    let timings = house.timings.iter().filter(|timing| is_of_round(timing.round));
    let told: Vec<String> = timings
        .map(|timing| format!("{} {}.{:01}", timing.step, timing.duration_us / 1_000, timing.duration_us % 1_000 / 100))
        .collect();
    if told.is_empty() { None } else { Some(format!("{:<5} ms: {}", house.house, told.join("  "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{demo::report::tests::cycle, view::TimingView};

    #[test]
    fn the_headline_counts_the_pairs_of_each_status() {
        let mut report = cycle(&["agreed", "rehearsal", "rehearsal", "break"]);
        report.round = 1;
        let expected = "2026-02-13/ITD/1 round 1: 1 agreed and charged, 2 agreed in rehearsal, 1 in a break";
        assert_eq!(headline(&report), expected);
    }

    #[test]
    fn a_break_is_told_with_its_reason() {
        let mut report = cycle(&["break"]);
        report.accounts[0].reason = "the positions differ".into();
        let told = notes(&report).join("\n");
        assert!(told.contains("BREAK LNK-1 (T1 F1): the positions differ"), "{told}");
    }

    #[test]
    fn only_the_steps_of_the_shown_round_are_told() {
        let mut report = cycle(&["agreed"]);
        report.round = 2;
        let timing = |step: &str, round| TimingView { step: step.into(), round, duration_us: 1_250 };
        report.houses[0].timings = vec![timing("freeze", 0), timing("match", 1), timing("margin", 2)];
        assert_eq!(steps(&report, &report.houses[0]).unwrap(), "FICC  ms: margin 1.2");
    }
}
