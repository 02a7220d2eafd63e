//! Statements: they follow from the two claims of their round, and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crossmargin::v1;
use prost::Message;

use super::{
    super::{
        Counts, Subject,
        findings::Findings,
        history::{History, RoundWords, Word},
        words::name,
    },
    RoundLeaves,
};
use crate::arrangement::{
    cycle_id::{CycleId, Round},
    digest::Digest,
    evidence::{Statement, Totals},
    leg::{Leg, Pair},
    matching::{self, NamedClaim},
    name::LinkId,
    parties::ArrangementMode,
    terms::Arrangement,
    tree::MarginTree,
    walk::Difference,
};

/// Judges the statements of a round.
pub(super) fn check(
    subject: &Subject,
    history: &History,
    (cycle, round): (CycleId, Round),
    (words, leaves): (&RoundWords, &RoundLeaves),
    findings: &mut Findings,
    counts: &mut Counts,
) {
    let us = subject.us;
    for (leg, word) in words.statements.iter() {
        let Some((word, statement)) = word.as_ref().and_then(|word| Some((word, word.statement()?))) else { continue };
        counts.statements += 1;
        check_claims(subject, words, leg, (word, statement), findings);
    }
    let own = words.statements[us].as_ref().and_then(|word| Some((word, word.statement()?)));
    let Some((word, statement)) = own else { return };
    if history.cut_offs.get(&cycle).is_some_and(|cut_off| *cut_off < word.sequence) {
        let meaning = format!("this house signed a statement for round {round} of {cycle} after its own cut-off");
        findings.problem(word.sequence, "statement", meaning);
    }
    if statement.advance_grants != subject.arrangement.advance_grants() {
        let meaning = format!(
            "the statement of round {round} of {cycle} grants in advance what the arrangement does not: {:?}",
            statement.advance_grants
        );
        findings.problem(word.sequence, "statement", meaning);
    }
    let Some(breaks) = kept_breaks(subject, word, statement, findings) else { return };
    if let Some(kept) = &leaves.kept {
        check_content(word, statement, kept, &breaks, findings);
    }
    match matched_anew(subject, words, leaves) {
        Some(Ok(digest)) if digest == word.held.digest => counts.statements_recomputed += 1,
        Some(Ok(_)) => {
            let meaning = format!("the statement of round {round} of {cycle} is not what follows from the two claims");
            findings.problem(word.sequence, "statement", meaning);
        }
        Some(Err(reason)) => findings.problem(word.sequence, "statement", format!("the claims do not match: {reason}")),
        None => {}
    }
    let statements = words.statements.as_ref();
    if let (Some(treasury), Some(futures)) = (statements.treasury, statements.futures)
        && treasury.held.digest != futures.held.digest
    {
        let meaning = format!("the houses signed statements over different content in round {round} of {cycle}");
        findings.note(treasury.sequence.max(futures.sequence), "statements_differ", meaning);
    }
    if words.agreed().is_some() {
        counts.agreements += 1;
        counts.breaks += breaks.len() as u64;
        count_factors(subject, leaves, &breaks, counts);
    }
}

/// A statement names the claims that both houses made, and comes after them.
fn check_claims(
    subject: &Subject,
    words: &RoundWords,
    by: Leg,
    (word, statement): (&Word, &Statement),
    findings: &mut Findings,
) {
    for (leg, claim) in words.claims.iter() {
        // The other house's statement may overtake nothing either: it is sent after both claims were exchanged.
        let is_named = claim.as_ref().is_some_and(|claim| claim.held.digest == statement.claims[leg]);
        if !is_named {
            let (signer, claimant) = (name(subject, by), name(subject, leg));
            let meaning =
                format!("the statement of {signer} names a claim that {claimant} has not made on this record");
            findings.problem(word.sequence, "statement", meaning);
        }
        if by == subject.us && claim.as_ref().is_some_and(|claim| claim.sequence > word.sequence) {
            let meaning = "this house signed a statement before both claims were on record";
            findings.problem(word.sequence, "statement", meaning);
        }
    }
}

/// The breaks that a house keeps with its statement.
fn kept_breaks(
    subject: &Subject,
    word: &Word,
    statement: &Statement,
    findings: &mut Findings,
) -> Option<BTreeMap<LinkId, v1::Break>> {
    let digest = statement.breaks;
    let breaks = match word.held.keeping.attachment {
        Some(attachment) if attachment == digest => read_breaks(subject, digest),
        _ => Err(format!("the statement names breaks {digest}, but others are kept")),
    };
    breaks.map_err(|reason| findings.problem(word.sequence, "breaks", reason)).ok()
}

fn read_breaks(subject: &Subject, digest: Digest) -> Result<BTreeMap<LinkId, v1::Break>, String> {
    let bytes = subject.blobs.get(&digest).map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("content {digest} is not in the store"))?;
    let breaks = v1::Breaks::decode(bytes).map_err(|error| error.to_string())?.breaks;
    breaks.into_iter().map(|found| Ok((found.link_id.parse().map_err(|error| format!("{error}"))?, found))).collect()
}

/// Root, counts and totals of a statement are those of the house's own leaves without the breaks.
fn check_content(
    word: &Word,
    statement: &Statement,
    kept: &MarginTree,
    breaks: &BTreeMap<LinkId, v1::Break>,
    findings: &mut Findings,
) {
    let mut wrong = |what: &str, stated: String, follows: String| {
        if stated != follows {
            let meaning = format!("the statement says {what} {stated}, but {follows} follows from the leaves");
            findings.problem(word.sequence, "statement", meaning);
        }
    };
    wrong("agreed root", statement.agreed_root.to_string(), kept.root_without(breaks.keys()).to_string());
    let mut counts = BTreeMap::new();
    for found in breaks.values() {
        *counts.entry(found.cause()).or_insert(0_u64) += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    wrong("breaks by cause", format!("{:?}", statement.break_counts), format!("{counts:?}"));
    let mut sums = [Sum::default(), Sum::default()];
    let mut suspended_count = 0_u64;
    for leaf in agreed(kept, breaks) {
        match leaf.mode() {
            v1::LinkMode::Live => sums[0].add(&leaf),
            v1::LinkMode::Rehearsal => sums[1].add(&leaf),
            v1::LinkMode::Suspended | v1::LinkMode::Unspecified => suspended_count += 1,
        }
    }
    wrong("suspended links", statement.suspended_count.to_string(), suspended_count.to_string());
    let stated =
        [(statement.live_count, statement.live_totals), (statement.rehearsal_count, statement.rehearsal_totals)];
    for ((mode, (count, totals)), sum) in ["live", "rehearsal"].into_iter().zip(stated).zip(sums) {
        wrong(&format!("{mode} links"), count.to_string(), sum.count.to_string());
        wrong(&format!("{mode} totals"), format!("{:?}", amounts(&totals)), format!("{:?}", sum.amounts));
    }
}

/// The statement that follows from both claims, where the leaves of both are known.
fn matched_anew(
    subject: &Subject,
    words: &RoundWords,
    leaves: &RoundLeaves,
) -> Option<Result<Digest, matching::MatchingError>> {
    let us = subject.us;
    let (kept, theirs) = (leaves.kept.as_ref()?, leaves.recomputed[us.other()].as_ref()?);
    let links: BTreeSet<&LinkId> = kept.leaves().iter().chain(theirs.leaves()).map(|leaf| &leaf.link).collect();
    let differences: Vec<Difference> = links
        .into_iter()
        .map(|link| Difference {
            link: link.clone(),
            ours: kept.leaf(link).cloned(),
            theirs: theirs.leaf(link).cloned(),
        })
        .filter(|difference| difference.ours != difference.theirs)
        .collect();
    let named = |leg: Leg| {
        let word = words.claims[leg].as_ref()?;
        Some(NamedClaim { digest: word.held.digest, claim: word.claim()? })
    };
    let claims = Pair { treasury: named(Leg::Treasury)?, futures: named(Leg::Futures)? };
    let Arrangement { parties, .. } = &*subject.arrangement;
    let grants = subject.arrangement.advance_grants();
    let matched = matching::match_claims(parties, &grants, &claims, us, kept, &differences);
    Some(matched.map(|matched| matched.digest))
}

/// Counts what an agreement grants, and what of it came out again.
fn count_factors(subject: &Subject, leaves: &RoundLeaves, breaks: &BTreeMap<LinkId, v1::Break>, counts: &mut Counts) {
    let (Some(kept), ArrangementMode::Live) = (&leaves.kept, subject.arrangement.parties.mode) else { return };
    let is_granted = |leaf: &v1::MarginLeaf| leaf.mode() == v1::LinkMode::Live && leaf.applied_factor_bp > 0;
    let granted = agreed(kept, breaks).filter(is_granted).count() as u64;
    counts.granted_factors += granted;
    if leaves.recomputed[subject.us].is_some() {
        counts.granted_factors_recomputed += granted;
    }
}

/// The leaves that are not in a break.
fn agreed<'a>(
    tree: &'a MarginTree,
    breaks: &'a BTreeMap<LinkId, v1::Break>,
) -> impl Iterator<Item = v1::MarginLeaf> + 'a {
    let agreed = tree.leaves().iter().filter(|leaf| !breaks.contains_key(&leaf.link));
    agreed.filter_map(|leaf| v1::MarginLeaf::decode(leaf.bytes.clone()).ok())
}

/// Sums in a width that nothing overflows.
#[derive(Default)]
struct Sum {
    count: u64,
    amounts: [i128; 7],
}

impl Sum {
    fn add(&mut self, leaf: &v1::MarginLeaf) {
        self.count += 1;
        let amounts = [
            leaf.treasury_standalone_cents,
            leaf.futures_standalone_cents,
            leaf.treasury_requirement_cents,
            leaf.futures_requirement_cents,
            leaf.shortfall_cents,
            leaf.treasury_charges_cents,
            leaf.futures_charges_cents,
        ];
        for (sum, amount) in self.amounts.iter_mut().zip(amounts) {
            *sum += i128::from(amount);
        }
    }
}

fn amounts(totals: &Totals) -> [i128; 7] {
    [
        totals.standalone_cents.treasury,
        totals.standalone_cents.futures,
        totals.requirement_cents.treasury,
        totals.requirement_cents.futures,
        totals.shortfall_cents,
        totals.charges_cents.treasury,
        totals.charges_cents.futures,
    ]
    .map(i128::from)
}
