//! The report of a verification, for people and for programs.

use std::{fmt, path::Path};

use serde::Serialize;

use super::findings::{Finding, Findings};
use crate::{
    arrangement::parties::Party,
    ledger::{GuardReport, VerifyReport},
};

/// What a verification found in one ledger, or in both houses'.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The ledgers, that of the configured house first.
    pub ledgers: Vec<LedgerReport>,
    /// Where two houses' ledgers contradict each other; empty for one ledger.
    pub comparison: Vec<Finding>,
}

/// What a verification found in one ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// The house, and the arrangement and mode, whose ledger it says that it is; left out if that could not be read.
    #[serde(flatten)]
    pub party: Option<Party>,
    /// The ledger's file.
    pub ledger: String,
    /// The newest record.
    pub sequence: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
    /// Records read.
    pub records: u64,
    /// Commits read, each with its signature.
    pub commits: u64,
    /// State snapshots read.
    pub snapshots: u64,
    /// What the guard of the last signed head holds.
    pub guard: String,
    /// What was checked.
    pub counts: Counts,
    /// Everything that is wrong.
    pub problems: Vec<Finding>,
    /// What an auditor should know and that is not wrong.
    pub notes: Vec<Finding>,
}

/// What was checked, and held unless a problem says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Signatures of evidence.
    pub signatures: u64,
    /// Pieces of content, each against its digest.
    pub contents: u64,
    /// Claims of both houses.
    pub claims: u64,
    /// Claims whose root came out again when the margins were computed anew.
    pub claims_recomputed: u64,
    /// Leaves whose figures follow from each other.
    pub leaves: u64,
    /// Statements of both houses.
    pub statements: u64,
    /// Statements that follow byte for byte from the two claims.
    pub statements_recomputed: u64,
    /// Rounds that both houses signed over equal content.
    pub agreements: u64,
    /// Reductions that those agreements grant: live links with a factor above 0.
    pub granted_factors: u64,
    /// Those of them that follow from their inputs, computed anew.
    pub granted_factors_recomputed: u64,
    /// Links in those agreements that are charged stand-alone because the houses differ.
    pub breaks: u64,
    /// Cycles that fell back.
    pub fall_backs: u64,
    /// Contradictions of the other house on record.
    pub contradictions: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count() == 0
    }

    /// How much is wrong.
    #[must_use]
    pub fn problem_count(&self) -> usize {
        self.comparison.len() + self.ledgers.iter().map(|ledger| ledger.problems.len()).sum::<usize>()
    }
}

impl LedgerReport {
    pub(super) fn new(path: &Path, chain: &VerifyReport, counts: Counts, findings: Findings) -> Self {
        let (found, notes) = findings.into_parts();
        let of_chain = chain.problems.iter().map(|problem| Finding {
            // The problem's own words name its record.
            sequence: None,
            code: problem.code(),
            meaning: problem.to_string(),
        });
        Self {
            party: chain.party.clone(),
            ledger: path.display().to_string(),
            sequence: chain.head.seq.0,
            hash: chain.head.hash.to_string(),
            records: chain.records,
            commits: chain.commits,
            snapshots: chain.snapshots,
            guard: match &chain.guard {
                GuardReport::Absent => "absent".to_owned(),
                GuardReport::Unreadable => "unreadable".to_owned(),
                GuardReport::Holds(head) => format!("holds record {}", head.head.seq),
            },
            counts,
            problems: of_chain.chain(found).collect(),
            notes,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ledger in &self.ledgers {
            write!(f, "{ledger}")?;
        }
        if self.ledgers.len() > 1 && self.comparison.is_empty() {
            writeln!(f, "both ledgers tell one story")?;
        }
        for problem in &self.comparison {
            writeln!(f, "  PROBLEM     {problem}")?;
        }
        match self.problem_count() {
            0 => write!(f, "sound: nothing is wrong"),
            1 => write!(f, "NOT SOUND: 1 problem"),
            count => write!(f, "NOT SOUND: {count} problems"),
        }
    }
}

impl fmt::Display for LedgerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            signatures,
            contents,
            claims,
            claims_recomputed,
            leaves,
            statements,
            statements_recomputed,
            agreements,
            granted_factors,
            granted_factors_recomputed,
            breaks,
            fall_backs,
            contradictions,
        } = self.counts;
        match &self.party {
            Some(party) => writeln!(f, "{}: ledger of {party}", self.ledger)?,
            None => writeln!(f, "{}: ledger of nobody that it names", self.ledger)?,
        }
        writeln!(f, "  head        record {}, {}", self.sequence, self.hash)?;
        writeln!(
            f,
            "  chain       {} records in {} signed commits, {} snapshots",
            self.records, self.commits, self.snapshots
        )?;
        writeln!(f, "  guard       {}", self.guard)?;
        writeln!(f, "  evidence    {signatures} signatures, {contents} pieces of content")?;
        writeln!(
            f,
            "  claims      {claims} of both houses, {claims_recomputed} computed anew; {leaves} leaves checked"
        )?;
        writeln!(f, "  statements  {statements} of both houses, {statements_recomputed} matched anew")?;
        writeln!(f, "  agreements  {agreements}, with {breaks} breaks; {fall_backs} fall-backs")?;
        writeln!(
            f,
            "  factors     {granted_factors} granted, {granted_factors_recomputed} computed anew from their inputs"
        )?;
        if contradictions > 0 {
            writeln!(f, "  contradictions of the other house on record: {contradictions}")?;
        }
        for note in &self.notes {
            writeln!(f, "  note        {note}")?;
        }
        for problem in &self.problems {
            writeln!(f, "  PROBLEM     {problem}")?;
        }
        Ok(())
    }
}
