//! Days from one to another as commands and files write them: `2026-03-02` without an end, `2026-03-02..2027-03-01` with
//! the last day.

use crossmargin::v1;
use jiff::civil::Date;

/// Reads a period: the first day, and after two dots the last one where there is one.
///
/// # Errors
/// The form that is needed, or that the last day is before the first.
pub fn parse(text: &str) -> Result<v1::DateRange, String> {
    let day = |text: &str| {
        let form = || format!("{text:?} is not a date: FROM or FROM..UNTIL is needed, such as 2026-03-02..2027-03-01");
        Date::strptime("%Y-%m-%d", text).map_err(|_| form())
    };
    let (from, until) = match text.split_once("..") {
        Some((from, until)) => (day(from)?, Some(day(until)?)),
        None => (day(text)?, None),
    };
    if let Some(until) = until.filter(|until| *until < from) {
        return Err(format!("{until} is before {from}: the last day must not be before the first"));
    }
    let until = until.map(|until| until.to_string()).unwrap_or_default();
    Ok(v1::DateRange { from: from.to_string(), until })
}

/// A period as it is typed; empty where there is none.
#[must_use]
pub fn text(period: Option<&v1::DateRange>) -> String {
    match period {
        None => String::new(),
        Some(v1::DateRange { from, until }) if until.is_empty() => from.clone(),
        Some(v1::DateRange { from, until }) => format!("{from}..{until}"),
    }
}

/// A period in a sentence: `from 2026-03-02 on`, `from 2026-03-02 to 2027-03-01`.
#[must_use]
pub fn words(period: Option<&v1::DateRange>) -> String {
    match period {
        None => "never".to_owned(),
        Some(v1::DateRange { from, until }) if until.is_empty() => format!("from {from} on"),
        Some(v1::DateRange { from, until }) => format!("from {from} to {until}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_reads_back_as_it_is_typed() {
        for typed in ["2026-03-02", "2026-03-02..2027-03-01", "2026-03-02..2026-03-02"] {
            assert_eq!(text(Some(&parse(typed).unwrap())), typed);
        }
        assert_eq!(text(None), "");
    }

    #[test]
    fn a_sentence_says_whether_a_period_ends() {
        assert_eq!(words(Some(&parse("2026-03-02").unwrap())), "from 2026-03-02 on");
        assert_eq!(words(Some(&parse("2026-03-02..2026-03-06").unwrap())), "from 2026-03-02 to 2026-03-06");
        assert_eq!(words(None), "never");
    }

    #[test]
    fn what_is_no_period_is_told_with_its_form() {
        for (typed, part) in [
            ("", "FROM..UNTIL"),
            ("tomorrow", "\"tomorrow\""),
            ("2026-02-30", "FROM..UNTIL"),
            ("2026-03-02..", "FROM..UNTIL"),
            ("..2026-03-02", "FROM..UNTIL"),
            ("2026-03-02..2026-03-01", "2026-03-01 is before 2026-03-02"),
        ] {
            let told = parse(typed).unwrap_err();
            assert!(told.contains(part), "{typed}: {told}");
        }
    }
}
