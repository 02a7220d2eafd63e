//! What a loss may take and what not, and how cycles ended whose last second was cut off: read from both ledgers in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gateway::arrangement::{
    cycle_id::{CycleId, Round},
    digest::Digest,
    evidence::{End, Evidence},
    leg::{Leg, Pair},
};

use super::{
    checker::{Word, place, words},
    node::Site,
    setting::{NAMES, Setting},
    told::Told,
    trace::Trace,
};

/// Checks what losses have left.
pub fn check(setting: &Setting, sites: &Pair<Arc<Site>>, kept: &Pair<Vec<Word>>, told: &Told, trace: &Trace) {
    for leg in Leg::BOTH {
        remembered(leg, kept, trace);
        let lost = words(setting, &sites[leg].disk.lost());
        halted(leg, &kept[leg], &lost, trace);
        let withdrawn = words(setting, &sites[leg].disk.withdrawn());
        charges_explained(leg, lost.iter().chain(&withdrawn), told, trace);
        if lost.iter().any(|word| word.held.by == leg) {
            trace.count("losses: with signed words among what is lost");
        }
    }
    count_late_agreements(kept, trace);
}

/// Whether an auditor's finding is of content that the recovery of the house has named as gone.
pub fn is_excused(leg: Leg, word: &Word, meaning: &str, told: &Told) -> bool {
    let is_restored = word.held.by == leg && word.held.keeping.restored_at.is_some();
    let is_gone = word.held.evidence.cycle().is_some_and(|cycle| told.is_missing(leg, &cycle.to_string()));
    let of_content = ["is not in the store", "the claim has no leaves", "but others are kept"];
    is_restored && is_gone && of_content.iter().any(|what| meaning.contains(what))
}

fn own(leg: Leg, words: &[Word]) -> impl Iterator<Item = &Word> {
    words.iter().filter(move |word| word.held.by == leg)
}

/// Whatever the other house holds of a house's word, the house holds itself: a recovery brings it back.
fn remembered(leg: Leg, kept: &Pair<Vec<Word>>, trace: &Trace) {
    let here: BTreeSet<Digest> = own(leg, &kept[leg]).map(|word| word.held.digest).collect();
    for word in own(leg, &kept[leg.other()]).filter(|word| !here.contains(&word.held.digest)) {
        let what = place(&word.held.evidence).unwrap_or_else(|| format!("{:?}", word.held.evidence));
        let (house, other, sequence) = (NAMES[leg], NAMES[leg.other()], word.sequence);
        trace.violation(format!("{other} holds {what} of {house} (record {sequence}), and {house} does not"));
    }
}

/// What a house signs in a cycle, and what it might therefore have signed and lost.
fn signed_in(evidence: &Evidence) -> Option<CycleId> {
    match evidence {
        Evidence::Claim(_) | Evidence::Statement(_) | Evidence::Decline(_) => evidence.cycle(),
        _ => None,
    }
}

/// After a recovery nothing more is signed in a cycle in which something may have been signed and lost, and nobody signs
/// another thing in the place of a word that is lost.
fn halted(leg: Leg, kept: &[Word], lost: &[Word], trace: &Trace) {
    let house = NAMES[leg];
    let places: BTreeMap<String, Digest> = own(leg, lost)
        .filter(|word| signed_in(&word.held.evidence).is_some())
        .filter_map(|word| Some((place(&word.held.evidence)?, word.held.digest)))
        .collect();
    let cycles: BTreeSet<CycleId> = own(leg, lost).filter_map(|word| signed_in(&word.held.evidence)).collect();
    let mut is_recovered = false;
    let mut halted: BTreeSet<CycleId> = BTreeSet::new();
    for word in own(leg, kept) {
        if let Evidence::Recovery(recovery) = &word.held.evidence {
            trace.count("losses: recoveries on record");
            is_recovered = true;
            halted.extend(&recovery.cycles);
        }
        let Some(cycle) = signed_in(&word.held.evidence) else { continue };
        let what = place(&word.held.evidence).unwrap_or_default();
        if is_recovered && (halted.contains(&cycle) || cycles.contains(&cycle)) {
            trace.violation(format!("{house} signed {what} (record {}) after it lost its disk", word.sequence));
        }
        if let Some(lost) = places.get(&what).filter(|lost| **lost != word.held.digest) {
            trace.violation(format!(
                "{house} signed {} for {what}, and had signed {lost}, which it lost",
                word.held.digest
            ));
        }
    }
}

/// A charge whose agreement nobody can show any more rested on a statement that was lost, or taken away with an old copy.
fn charges_explained<'a>(leg: Leg, gone: impl Iterator<Item = &'a Word>, told: &Told, trace: &Trace) {
    let stated: BTreeSet<(String, u32)> = gone
        .filter(|word| word.held.by == leg)
        .filter_map(|word| match &word.held.evidence {
            Evidence::Statement(statement) => Some((statement.cycle.to_string(), statement.round.0)),
            _ => None,
        })
        .collect();
    for (_, id, round) in told.lost_unbacked().into_iter().filter(|(of, _, _)| *of == leg) {
        if stated.contains(&(id.clone(), round)) {
            trace.count("losses: charges on an agreement that was lost");
        } else {
            let house = NAMES[leg];
            let text = format!("{house}: {id} round {round} was charged reduced, and its agreement is gone");
            trace.violation(text);
        }
    }
}

/// How a house ended a cycle: whether it fell back first, and the rounds that it agreed in time and late.
#[derive(Default)]
struct Ending {
    fell_back: bool,
    in_time: BTreeSet<Round>,
    late: BTreeSet<Round>,
}

/// Counts the cycles that were agreed at one house by its cut-off, while the other fell back and learnt it later.
fn count_late_agreements(kept: &Pair<Vec<Word>>, trace: &Trace) {
    let endings = Pair::from_fn(|leg| {
        let mut endings: BTreeMap<CycleId, Ending> = BTreeMap::new();
        for word in own(leg, &kept[leg]) {
            let Evidence::Outcome(outcome) = &word.held.evidence else { continue };
            let ending = endings.entry(outcome.cycle).or_default();
            match outcome.end {
                End::Agreed { round, is_late: false, .. } => ending.in_time.insert(round),
                End::Agreed { round, .. } => ending.late.insert(round),
                End::FellBack(_) => std::mem::replace(&mut ending.fell_back, true),
            };
        }
        endings
    });
    for (id, one) in &endings.treasury {
        let Some(other) = endings.futures.get(id) else { continue };
        let is_apart = |one: &Ending, other: &Ending| !one.in_time.is_disjoint(&other.late);
        let counted = match () {
            () if is_apart(one, other) && other.fell_back || is_apart(other, one) && one.fell_back => {
                "cycles agreed at one house, late at the other"
            }
            () if is_apart(one, other) || is_apart(other, one) => "cycles with a round in time at one house alone",
            () if !one.late.is_disjoint(&other.late) => "cycles agreed late at both houses",
            () => continue,
        };
        trace.count(counted);
        trace.add("CHECKER", format!("{id}: {counted}"));
    }
}
