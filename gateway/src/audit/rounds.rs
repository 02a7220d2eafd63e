//! Judging rounds: claims from their inputs, statements from their claims, outcomes from their statements.

mod claims;
mod statements;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Counts, Subject,
    findings::Findings,
    history::{History, RoundWords},
    recompute::Recomputer,
};
use crate::arrangement::{
    cycle_id::{CycleId, Round},
    evidence::{End, Evidence},
    leg::Pair,
    tree::MarginTree,
};

/// What is known of the leaves behind the two claims of a round.
pub(super) struct RoundLeaves {
    /// The leaves that the house of the ledger keeps with its claim, where they give its root.
    kept: Option<Arc<MarginTree>>,
    /// The leaves that come out when each claim is computed anew, where they give its root.
    recomputed: Pair<Option<Arc<MarginTree>>>,
}

/// Judges every round and outcome.
pub(super) fn check(subject: &Subject, history: &History, findings: &mut Findings, counts: &mut Counts) {
    let mut recomputer = Recomputer::new(&subject.computer, &subject.arrangement.programme, history);
    for ((cycle, round), words) in &history.rounds {
        let leaves = claims::check(subject, &mut recomputer, words, findings, counts);
        statements::check(subject, history, (*cycle, *round), (words, &leaves), findings, counts);
        check_order(subject, history, (*cycle, *round), words, findings);
    }
    check_outcomes(history, findings, counts);
}

/// A house claims a round once its part in the one before is closed.
fn check_order(
    subject: &Subject,
    history: &History,
    (cycle, round): (CycleId, Round),
    words: &RoundWords,
    findings: &mut Findings,
) {
    let us = subject.us;
    let Some(claim) = &words.claims[us] else { return };
    if round.0 > subject.arrangement.max_rounds {
        let meaning = format!("round {round} of {cycle} is above the arrangement's {}", subject.arrangement.max_rounds);
        findings.problem(claim.sequence, "round", meaning);
    }
    let Some(before) = round.0.checked_sub(1).filter(|before| *before > 0).map(Round) else { return };
    let closed = history
        .rounds
        .get(&(cycle, before))
        .and_then(|words| words.statements[us].as_ref().map(|word| word.sequence).or(words.declined[us]));
    if closed.is_none_or(|closed| closed > claim.sequence) {
        let meaning = format!("round {round} of {cycle} was claimed before this house had closed round {before}");
        findings.problem(claim.sequence, "round", meaning);
    }
}

/// An agreed outcome rests on two statements over equal content.
fn check_outcomes(history: &History, findings: &mut Findings, counts: &mut Counts) {
    let mut ends = BTreeMap::new();
    for word in &history.outcomes {
        let Evidence::Outcome(outcome) = &word.held.evidence else { continue };
        ends.insert(outcome.cycle, outcome.end);
        let End::Agreed { round, agreement, is_late } = outcome.end else { continue };
        let cycle = outcome.cycle;
        let agreed = history.rounds.get(&(cycle, round)).and_then(RoundWords::agreed);
        let Some((treasury, futures)) = agreed.filter(|(statement, _)| statement.held.digest == agreement) else {
            let meaning =
                format!("says that {cycle} is agreed in round {round}, but there are no two equal statements");
            findings.problem(word.sequence, "outcome", meaning);
            continue;
        };
        let complete = treasury.sequence.max(futures.sequence);
        if complete > word.sequence {
            let meaning = format!("says that {cycle} is agreed before the second statement, record {complete}");
            findings.problem(word.sequence, "outcome", meaning);
        }
        if !is_late && history.cut_offs.get(&cycle).is_some_and(|cut_off| *cut_off < complete) {
            let meaning =
                format!("says that {cycle} was agreed in time, but the cut-off came before record {complete}");
            findings.problem(word.sequence, "outcome", meaning);
        }
    }
    counts.fall_backs = ends.values().filter(|end| matches!(end, End::FellBack(_))).count() as u64;
}
