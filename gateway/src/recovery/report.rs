//! What a recovery found and did, for people and for programs.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// What a recovery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Result {
    /// The ledger holds everything that its house is known to have signed.
    NothingLost,
    /// The ledger holds everything; its guard did not and was made anew.
    GuardRenewed,
    /// What the other house holds was taken up.
    Recovered,
}

/// A head of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeadReport {
    /// The record.
    pub sequence: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
}

/// The report of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The house.
    pub house: String,
    /// Whether nothing was changed because only a report was asked for.
    pub is_dry_run: bool,
    /// What it came to, or would come to.
    pub result: Result,
    /// The newest record that was left.
    pub kept: HeadReport,
    /// The heads that the house signed and the ledger has no more, ascending.
    pub lost: Vec<HeadReport>,
    /// The newest record now.
    pub head: HeadReport,
    /// Pieces of evidence that were taken up, by house and kind.
    pub restored: BTreeMap<String, u64>,
    /// Cut-offs that were put back.
    pub restored_cut_offs: Vec<String>,
    /// The cycles in which this house signs nothing more.
    pub halted_cycles: Vec<String>,
    /// Content that is gone at both houses, and what could not be computed anew.
    pub missing: Vec<String>,
    /// What the other house signed and does not have any more, while this ledger does: it lost the end of its own.
    pub other_house_lacks: Vec<String>,
    /// What to do next, in order.
    pub next: Vec<String>,
}

impl Report {
    /// What is left to do, by what was found.
    pub(super) fn advise(&mut self) {
        let mut next = Vec::new();
        if self.result == Result::Recovered {
            let lost = self.lost.iter().map(|head| head.sequence).max().unwrap_or(self.kept.sequence);
            next.push(format!(
                "Of the lost records {} to {lost} those of this house alone are gone for good: submit the newest book and \
                 the directions since record {} again, settle open items again, and ask for what was only recorded here.",
                self.kept.sequence + 1,
                self.kept.sequence
            ));
            if !self.missing.is_empty() {
                next.push("Submit the content that is missing again, the same files as before.".to_owned());
            }
            next.push("Start the node: it tells the other house of the recovery before all else.".to_owned());
            if !self.halted_cycles.is_empty() {
                next.push(
                    "Let the cycles named above fall back at their cut-offs, and open re-runs at both houses."
                        .to_owned(),
                );
            }
            next.push(
                "Run `crossmargin ledger verify` with --other once both nodes have met, and keep its report."
                    .to_owned(),
            );
        } else if self.result == Result::GuardRenewed {
            next.push("Start the node.".to_owned());
        }
        if !self.other_house_lacks.is_empty() {
            next.push(
                "The other house lost the end of its ledger too: once this node runs, it stops its own and recovers from \
                 here."
                    .to_owned(),
            );
        }
        if self.is_dry_run && self.result != Result::NothingLost {
            next.insert(0, "Run the command again without --dry-run: nothing was changed.".to_owned());
        }
        self.next = next;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ledger of {}", self.house)?;
        writeln!(f, "  kept        record {}, {}", self.kept.sequence, self.kept.hash)?;
        for head in &self.lost {
            writeln!(f, "  lost        the signed head of record {}, {}", head.sequence, head.hash)?;
        }
        for (what, count) in &self.restored {
            writeln!(f, "  restored    {count} {what}")?;
        }
        for cycle in &self.restored_cut_offs {
            writeln!(f, "  restored    the cut-off of {cycle}")?;
        }
        for cycle in &self.halted_cycles {
            writeln!(f, "  halted      {cycle}: nothing more is signed in it")?;
        }
        for missing in &self.missing {
            writeln!(f, "  MISSING     {missing}")?;
        }
        for lacking in &self.other_house_lacks {
            writeln!(f, "  OTHER LACKS {lacking}")?;
        }
        writeln!(f, "  head        record {}, {}", self.head.sequence, self.head.hash)?;
        for (number, next) in (1..).zip(&self.next) {
            writeln!(f, "  next {number}      {next}")?;
        }
        f.write_str(match (self.result, self.is_dry_run) {
            (Result::NothingLost, _) => "nothing is lost; nothing was changed",
            (Result::GuardRenewed, false) => "nothing is lost; the guard was made anew",
            (Result::GuardRenewed, true) => "nothing is lost; the guard would be made anew",
            (Result::Recovered, false) => "recovered: the ledger goes on from here",
            (Result::Recovered, true) => "the ledger would be recovered as above",
        })
    }
}
