//! Two houses' ledgers side by side: they must tell one story.

use super::{
    findings::Findings,
    history::{History, Word},
};
use crate::arrangement::{leg::Leg, parties::Parties};

/// Compares what both ledgers hold of each house's word.
pub(super) fn compare(parties: &Parties, (us, own): (Leg, &History), other: &History, findings: &mut Findings) {
    for ((signer, place), word) in &own.places {
        if let Some(theirs) = other.places.get(&(*signer, *place))
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
    for (signer, holder, ledger) in [(us.other(), own, other), (us, other, own)] {
        for word in missing(signer, holder, ledger) {
            let (house, kind) = (&parties.houses[signer], word.held.evidence.kind().as_str_name());
            let meaning = format!(
                "the other house holds {kind} {} of {house} (its record {}), which the ledger of {house} does not have: \
                 it lost or denies what it signed",
                word.held.digest, word.sequence
            );
            findings.problem_of_both("word_denied", meaning);
        }
    }
}

/// What `holder` holds of `signer`'s word and `ledger`, the signer's own, does not.
fn missing<'a>(signer: Leg, holder: &'a History, ledger: &'a History) -> impl Iterator<Item = &'a Word> {
    let held = holder.by_digest.iter().filter(move |((by, _), _)| *by == signer);
    held.filter(|(key, _)| !ledger.by_digest.contains_key(*key)).map(|(_, word)| word)
}
