//! What a verification finds.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Findings of one kind at one record that are told one by one; more are counted.
const TOLD_MAX: usize = 5;

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The record that it is at, where it is at one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// A stable name for programs.
    pub code: &'static str,
    /// What it means.
    pub meaning: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sequence) = self.sequence {
            write!(f, "record {sequence}: ")?;
        }
        f.write_str(&self.meaning)
    }
}

/// Collects findings. A flood of one kind at one record is counted, not told.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Finding>,
    notes: Vec<Finding>,
    told: BTreeMap<(Option<u64>, &'static str), usize>,
}

impl Findings {
    /// Something is wrong.
    pub(super) fn problem(&mut self, sequence: u64, code: &'static str, meaning: impl fmt::Display) {
        self.add(true, Some(sequence), code, meaning);
    }

    /// Something is wrong that is at no record of one ledger.
    pub(super) fn problem_of_both(&mut self, code: &'static str, meaning: impl fmt::Display) {
        self.add(true, None, code, meaning);
    }

    /// Something that an auditor should know and that is not wrong.
    pub(super) fn note(&mut self, sequence: u64, code: &'static str, meaning: impl fmt::Display) {
        self.add(false, Some(sequence), code, meaning);
    }

    /// Everything that is wrong.
    pub(super) fn problems(self) -> Vec<Finding> {
        self.into_parts().0
    }

    /// Everything that is wrong, and everything else.
    pub(super) fn into_parts(mut self) -> (Vec<Finding>, Vec<Finding>) {
        for ((sequence, code), count) in self.told {
            if count > TOLD_MAX {
                let meaning = format!("and {} more of these", count - TOLD_MAX);
                let finding = Finding { sequence, code, meaning };
                let is_problem = self.problems.iter().any(|known| known.code == code && known.sequence == sequence);
                let list = if is_problem { &mut self.problems } else { &mut self.notes };
                list.push(finding);
            }
        }
        self.problems.sort_by_key(|finding| finding.sequence);
        self.notes.sort_by_key(|finding| finding.sequence);
        (self.problems, self.notes)
    }

    fn add(&mut self, is_problem: bool, sequence: Option<u64>, code: &'static str, meaning: impl fmt::Display) {
        let told = self.told.entry((sequence, code)).or_default();
        *told += 1;
        if *told <= TOLD_MAX {
            let list = if is_problem { &mut self.problems } else { &mut self.notes };
            list.push(Finding { sequence, code, meaning: meaning.to_string() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_counted() {
        let mut findings = Findings::default();
        (0..8).for_each(|number| findings.problem(3, "leaf", number));
        findings.problem(2, "leaf", "another record");
        findings.note(1, "engine", "a note");
        let (problems, notes) = findings.into_parts();
        assert_eq!(problems.len(), 1 + TOLD_MAX + 1);
        assert_eq!(problems.last().map(|last| last.meaning.as_str()), Some("and 3 more of these"));
        assert_eq!(problems[0].sequence, Some(2));
        assert_eq!(notes.len(), 1);
    }
}
