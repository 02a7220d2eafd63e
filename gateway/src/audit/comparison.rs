//! Two houses' ledgers side by side: they must tell one story.

use std::{collections::BTreeSet, path::Path};

use super::{
    findings::Findings,
    history::{History, Word},
};
use crate::{
    arrangement::{digest::Digest, leg::Leg, parties::Parties},
    ledger::{self, LedgerError, Sequence},
    node::entry::Entry,
};

/// One house's ledger, and what it held of its own house's word a moment later: a node may have gone on writing.
pub(super) struct Side<'a> {
    pub(super) leg: Leg,
    pub(super) history: &'a History,
    pub(super) later: &'a BTreeSet<Digest>,
}

/// Compares what both ledgers hold of each house's word.
pub(super) fn compare(parties: &Parties, own: &Side<'_>, other: &Side<'_>, findings: &mut Findings) {
    for ((signer, place), word) in &own.history.places {
        if let Some(theirs) = other.history.places.get(&(*signer, *place))
            && theirs.held.digest != word.held.digest
        {
            let (house, kind) = (&parties.houses[*signer], word.held.evidence.kind().as_str_name());
            let meaning = format!(
                "{house} signed two different things for one place: {kind} in record {} of this ledger and record {} of \
                 the other",
                word.sequence, theirs.sequence
            );
            findings.problem_of_both("signed_twice", meaning);
        }
    }
    for (signer, holder) in [(other, own), (own, other)] {
        for word in denied(signer, holder.history) {
            let (house, kind) = (&parties.houses[signer.leg], word.held.evidence.kind().as_str_name());
            let meaning = format!(
                "the other house holds {kind} {} of {house} (its record {}), which the ledger of {house} does not have: \
                 it lost or denies what it signed",
                word.held.digest, word.sequence
            );
            findings.problem_of_both("word_denied", meaning);
        }
    }
}

/// What a ledger holds of its own house's word now.
///
/// # Errors
/// It cannot be read.
pub(super) fn words_of(parties: &Parties, leg: Leg, path: &Path) -> Result<BTreeSet<Digest>, LedgerError> {
    let mut words = BTreeSet::new();
    ledger::read_offline(path, Sequence(u64::MAX), &mut |record| {
        if let Ok(Entry::Evidence(held)) = Entry::decode(&record.body, parties)
            && held.by == leg
        {
            words.insert(held.digest);
        }
    })?;
    Ok(words)
}

/// What `holder` holds of the signer's word and the signer's own ledger does not.
fn denied<'a>(signer: &'a Side<'_>, holder: &'a History) -> impl Iterator<Item = &'a Word> {
    let held = holder.by_digest.iter().filter(|((by, _), _)| *by == signer.leg);
    held.filter(|((_, digest), _)| !signer.later.contains(digest)).map(|(_, word)| word)
}
