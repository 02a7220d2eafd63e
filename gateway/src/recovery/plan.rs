//! What is to be taken up: what the other house holds, held against what is left.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crossmargin::v1;

use super::{
    RecoverError,
    content::{self, Beside},
    order::{self, Step},
    source::Source,
    story::{Story, Told},
};
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{HALTED_CYCLES_MAX, LOST_HEADS_MAX},
        leg::Leg,
        terms::Arrangement,
    },
    audit::history::Word,
    ledger::{GuardConflict, HeadPlace, LedgerError, Lost, SignedHead},
    node::entry::Entry,
};

/// What is to be appended, before content and signatures.
pub(super) struct Plan {
    /// The story with everything that is taken up.
    pub(super) story: Story,
    pub(super) steps: Vec<(Step, Beside)>,
    /// The signed heads that are lost, ascending.
    pub(super) lost: Vec<SignedHead>,
    pub(super) peer_head: Option<v1::LedgerHead>,
    /// The other house's own word that it does not have any more.
    pub(super) lacking: Vec<String>,
}

/// The story that is left.
///
/// # Errors
/// A record that cannot be read, or that contradicts an earlier one.
pub(super) fn kept(ledger: &dyn Lost, us: Leg, arrangement: &Arrangement) -> Result<Story, RecoverError> {
    let mut story = Story::new(us, arrangement);
    let mut failure = None;
    ledger.read(&mut |record| {
        let sequence = record.seq.0;
        let entry = Entry::decode(&record.body, &arrangement.parties).map_err(|error| error.to_string());
        if let Err(reason) = entry.and_then(|entry| story.take(sequence, &entry)) {
            failure.get_or_insert(RecoverError::Record { sequence, reason });
        }
    })?;
    failure.map_or(Ok(story), Err)
}

/// What is to be taken up, and which heads are lost.
///
/// # Errors
/// The ledger cannot be read, or every contradiction.
pub(super) fn plan(ledger: &dyn Lost, mut story: Story, source: Source) -> Result<Plan, RecoverError> {
    let Source { heads, peer_head, told, mut problems } = source;
    let (us, kept) = (story.us, ledger.head().head);
    let lost = lost_heads(ledger, &story, heads)?;
    let lacking = lacking(&story, &told);
    let mut steps = Vec::new();
    for (place, step) in (kept.seq.0 + 1..).zip(order::steps(&story, told)) {
        let (beside, entry) = match &step {
            Step::Evidence(told) => (content::beside(&story, &told.held), Entry::Evidence(Arc::new(told.held.clone()))),
            Step::CutOff { cycle, at } => {
                (Beside::Nothing, Entry::CutOff { cycle: *cycle, at: *at, is_restored: true })
            }
        };
        problems.extend(cut_off_too_early(&story, &step));
        problems.extend(story.take(place, &entry).err());
        steps.push((step, beside));
    }
    let own = steps.iter().filter(|(step, _)| matches!(step, Step::Evidence(told) if told.held.by == us)).count();
    if lost.is_empty() && own == 0 {
        // What is not here of the other house is on its way: nothing is lost.
        steps.clear();
    } else if lost.is_empty() {
        problems.push(format!(
            "the other house holds {own} pieces of evidence of this house that are not here, but no signed head that is \
             not here: it cannot be shown that they are lost"
        ));
    }
    if lost.len() > LOST_HEADS_MAX {
        problems.push(format!("{} signed heads are lost, at most {LOST_HEADS_MAX} can be told", lost.len()));
    }
    let open = story.machine.signable().len();
    if open > HALTED_CYCLES_MAX {
        problems.push(format!("{open} cycles are open, at most {HALTED_CYCLES_MAX} can be closed to signing at once"));
    }
    if problems.is_empty() {
        Ok(Plan { story, steps, lost, peer_head, lacking })
    } else {
        Err(RecoverError::Contradicted(problems))
    }
}

/// Why this house cannot have signed what is to be taken up where it would come: a node that ran on an old copy has cut the
/// cycle off since.
fn cut_off_too_early(story: &Story, step: &Step) -> Option<String> {
    let Step::Evidence(told) = step else { return None };
    let cycle = order::before_cut_off(story, told)?;
    // Words of a cycle that an earlier loss halted may have arrived after that recovery.
    if story.machine.on_record().cycle(cycle).is_some_and(|cycle| cycle.is_halted) {
        return None;
    }
    let cut_off = story.history.cut_offs.get(&cycle)?;
    let (house, kind) = (&told.held.envelope.house, told.held.evidence.kind().as_str_name());
    Some(format!(
        "record {cut_off} here is the cut-off of {cycle}, but the other house holds {kind} {} that {house} signed before its \
         cut-off: a node ran on this copy; put the copy in place as it was before",
        told.held.digest
    ))
}

/// What this ledger holds of the other house's word and that house does not: it lost the end of its own ledger.
fn lacking(kept: &Story, told: &[Told]) -> Vec<String> {
    let peer = kept.us.other();
    let theirs: HashSet<Digest> =
        told.iter().filter(|told| told.held.by == peer).map(|told| told.held.digest).collect();
    let missing = kept.history.by_digest.iter().filter(|((by, digest), _)| *by == peer && !theirs.contains(digest));
    let mut missing: Vec<&Word> = missing.map(|(_, word)| word).collect();
    missing.sort_by_key(|word| word.sequence);
    let told = |word: &&Word| {
        let kind = word.held.evidence.kind().as_str_name();
        format!("{kind} {} of {}, record {} here", word.held.digest, word.held.envelope.house, word.sequence)
    };
    missing.iter().map(told).collect()
}

/// The heads that this house signed, by its guard and by the other house, and that are not in what is left. Those of an
/// earlier recovery are old news.
fn lost_heads(ledger: &dyn Lost, kept: &Story, told: Vec<SignedHead>) -> Result<Vec<SignedHead>, LedgerError> {
    let guard = ledger.conflict().and_then(GuardConflict::word).cloned();
    let mut lost: BTreeMap<(u64, [u8; 32]), SignedHead> = BTreeMap::new();
    for head in guard.into_iter().chain(told) {
        if ledger.place_of(head.head)? != HeadPlace::OnChain && !kept.knows_lost(head.head) {
            lost.insert((head.head.seq.0, head.head.hash.0), head);
        }
    }
    Ok(lost.into_values().collect())
}

#[cfg(test)]
mod tests;
