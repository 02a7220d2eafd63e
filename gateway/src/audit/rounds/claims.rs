//! Claims: their leaves are here, follow from each other, and come out again when the margins are computed anew.

use std::sync::Arc;

use crossmargin::v1;
use prost::Message;
use risk::model::ENGINE_VERSION;

use super::{
    super::{
        Counts, Subject,
        findings::Findings,
        history::{RoundWords, Word},
        recompute::Recomputer,
        words::name,
    },
    RoundLeaves,
};
use crate::{
    arrangement::{
        evidence::{self, Claim},
        leaf,
        leg::{Leg, Pair},
        tree::MarginTree,
    },
    compute::Computer,
};

/// Judges both claims of a round.
pub(super) fn check(
    subject: &Subject,
    recomputer: &mut Recomputer<'_>,
    words: &RoundWords,
    findings: &mut Findings,
    counts: &mut Counts,
) -> RoundLeaves {
    let us = subject.us;
    let mut leaves = RoundLeaves { kept: None, recomputed: Pair::default() };
    for (leg, word) in words.claims.iter() {
        let Some((word, claim)) = word.as_ref().and_then(|word| Some((word, word.claim()?))) else { continue };
        counts.claims += 1;
        if leg == us {
            check_precedence(subject, recomputer, word, claim, findings);
            leaves.kept = kept(subject, word, claim, findings);
            if let Some(kept) = &leaves.kept {
                check_leaves(subject, recomputer, (word, claim), kept, findings, counts);
            }
        }
        let kept = leaves.kept.clone().filter(|_| leg == us);
        leaves.recomputed[leg] = recompute(subject, recomputer, leg, (word, claim), kept.as_deref(), findings);
        counts.claims_recomputed += u64::from(leaves.recomputed[leg].is_some());
    }
    leaves
}

/// A claim comes after everything that it was computed from.
fn check_precedence(
    subject: &Subject,
    recomputer: &Recomputer<'_>,
    word: &Word,
    claim: &Claim,
    findings: &mut Findings,
) {
    for leg in Leg::BOTH {
        for digest in [claim.inputs.manifests[leg], claim.inputs.market[leg]] {
            let cited = recomputer.history().by_digest.get(&(leg, digest));
            if cited.is_none_or(|cited| cited.sequence > word.sequence) {
                let house = name(subject, leg);
                let meaning = format!("the claim names {digest} of {house}, which is not on record before it");
                findings.problem(word.sequence, "claim_inputs", meaning);
            }
        }
    }
}

/// The tree over the leaves that a house keeps with its claim.
fn kept(subject: &Subject, word: &Word, claim: &Claim, findings: &mut Findings) -> Option<Arc<MarginTree>> {
    let tree = word.held.keeping.attachment.ok_or_else(|| "the claim has no leaves".to_owned()).and_then(|digest| {
        let leaves = subject.computer.read_leaves(digest).map_err(|error| error.to_string())?;
        Computer::tree_of(leaves).map_err(|error| error.to_string())
    });
    let tree = match tree {
        Ok(tree) => tree,
        Err(reason) => {
            findings.problem(word.sequence, "leaves", format!("the leaves of the claim cannot be read: {reason}"));
            return None;
        }
    };
    let (root, count) = (tree.root(), tree.len() as u64);
    if root != claim.root || count != claim.link_count {
        let meaning = format!(
            "the claim is over {} leaves with root {}, but the {count} leaves that are kept give {root}",
            claim.link_count, claim.root
        );
        findings.problem(word.sequence, "leaves", meaning);
        return None;
    }
    Some(Arc::new(tree))
}

/// Every leaf follows from its own figures, and is of a link that was in force.
fn check_leaves(
    subject: &Subject,
    recomputer: &mut Recomputer<'_>,
    (word, claim): (&Word, &Claim),
    tree: &MarginTree,
    findings: &mut Findings,
    counts: &mut Counts,
) {
    let registry = recomputer.registry(claim);
    if let Err(reason) = &registry {
        findings.problem(word.sequence, "claim_inputs", reason);
    }
    let on = registry.as_ref().ok().map(|registry| registry.on(claim.cycle.business_date));
    for kept in tree.leaves() {
        counts.leaves += 1;
        let leaf = match v1::MarginLeaf::decode(kept.bytes.clone()) {
            Ok(leaf) => leaf,
            Err(error) => {
                findings.problem(word.sequence, "leaf", format!("link {}: {error}", kept.link));
                continue;
            }
        };
        if let Err(error) = leaf::check(&leaf, &subject.arrangement.bounds, leaf::requirement_cents) {
            findings.problem(word.sequence, "leaf", error);
        }
        let (Ok(registry), Some(on)) = (&registry, &on) else { continue };
        let is_in_force = on.link(&kept.link).is_some_and(|(terms, mode)| {
            leaf.terms[..] == *terms.digest().as_bytes() && leaf.mode() == v1::LinkMode::from(mode)
        });
        if !is_in_force {
            let meaning = format!("link {} was not in force on these terms and in this mode", kept.link);
            findings.problem(word.sequence, "leaf", meaning);
        }
        let date = claim.cycle.business_date;
        let override_bp = registry.terms_on(&kept.link, date).map_or(10_000, |terms| registry.cap_bp(terms, date));
        if leaf.override_bp != override_bp {
            let meaning = format!(
                "link {}: override_bp is {}, but the houses' overrides on {date} let {override_bp} be granted",
                kept.link, leaf.override_bp
            );
            findings.problem(word.sequence, "leaf", meaning);
        }
    }
}

/// Computes a claim anew. Where it does not come out, a house's own claim is a problem of its ledger; the other house's
/// is a note, for nothing was granted by it alone.
fn recompute(
    subject: &Subject,
    recomputer: &mut Recomputer<'_>,
    leg: Leg,
    (word, claim): (&Word, &Claim),
    kept: Option<&MarginTree>,
    findings: &mut Findings,
) -> Option<Arc<MarginTree>> {
    let house = name(subject, leg);
    let sequence = word.sequence;
    if claim.inputs.engine != ENGINE_VERSION {
        let engine = &claim.inputs.engine;
        let meaning = format!(
            "the claim of {house} needs engine {engine:?} to be computed anew, and this is {ENGINE_VERSION:?}: \
             verify it with the release that has that engine"
        );
        findings.note(sequence, "engine", meaning);
        return None;
    }
    let is_ours = leg == subject.us;
    let mut tell = |code, meaning: String| {
        if is_ours { findings.problem(sequence, code, meaning) } else { findings.note(sequence, code, meaning) }
    };
    let computed = match recomputer.compute(claim) {
        Ok(computed) => computed,
        Err(reason) => {
            tell("recomputation", format!("the claim of {house} cannot be computed anew: {reason}"));
            return None;
        }
    };
    let differing = differing_inputs(&claim.inputs, &computed.named_inputs);
    if !differing.is_empty() {
        let meaning = format!("the claim of {house} names other digests of its inputs than they have: {differing}");
        tell("recomputation", meaning);
    }
    if computed.tree.root() == claim.root {
        return Some(Arc::clone(&computed.tree));
    }
    let root = computed.tree.root();
    tell("recomputation", format!("the claim of {house} has root {}, but its inputs give {root}", claim.root));
    for leaf in kept.into_iter().flat_map(MarginTree::leaves) {
        if computed.tree.leaf(&leaf.link) != Some(&leaf.bytes) {
            let (claimed, follows) = (factor(Some(&leaf.bytes)), factor(computed.tree.leaf(&leaf.link)));
            tell("factor", format!("link {}: {claimed} was claimed, and {follows} follows from the inputs", leaf.link));
        }
    }
    None
}

fn differing_inputs(claimed: &evidence::Inputs, found: &evidence::Inputs) -> String {
    let differs = [
        ("positions", claimed.positions != found.positions),
        ("prices", claimed.prices != found.prices),
        ("scenarios", claimed.scenarios != found.scenarios),
        ("parameters", claimed.parameters != found.parameters),
        ("registry", claimed.registry != found.registry),
    ];
    differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The factor and requirements of a leaf, for a reader.
fn factor(leaf: Option<&prost::bytes::Bytes>) -> String {
    match leaf.map(|bytes| v1::MarginLeaf::decode(bytes.clone())) {
        None => "no such link".to_owned(),
        Some(Err(error)) => format!("an unreadable leaf ({error})"),
        Some(Ok(leaf)) => format!(
            "a factor of {} basis points, of at most {}, with requirements of {} and {} US cents",
            leaf.applied_factor_bp, leaf.override_bp, leaf.treasury_requirement_cents, leaf.futures_requirement_cents
        ),
    }
}
