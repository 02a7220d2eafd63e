//! Signed heads and recoveries: a house's ledger must hold every record that its house signed the head of, unless it told the
//! other house that it lost it.

use std::path::Path;

use super::{
    Subject,
    comparison::Side,
    findings::Findings,
    history::{History, Word},
    words::name,
};
use crate::{
    arrangement::evidence::Recovery,
    ledger::{self, Head, HeadPlace, LedgerError, RecordHash, Sequence},
    node::heads,
};

/// Judges what one ledger says of heads: those of the other house are signed, and its own recoveries follow on its chain.
///
/// # Errors
/// The ledger cannot be read.
pub(super) fn check(
    subject: &Subject,
    path: &Path,
    history: &History,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    let (us, parties) = (subject.us, &subject.arrangement.parties);
    for (sequence, head) in &history.peer_heads {
        if let Err(error) = heads::believe(parties, &subject.keys, us.other(), head) {
            let meaning = format!("the head of record {} of {}: {error}", head.sequence, name(subject, us.other()));
            findings.problem(*sequence, "known_head_signature", meaning);
        }
    }
    for (leg, words) in history.recoveries.iter() {
        for (word, recovery) in words.iter().filter_map(|word| Some((word, word.recovery()?))) {
            let house = name(subject, leg);
            for lost in &recovery.lost {
                if let Err(error) = heads::believe_lost(parties, &subject.keys, leg, lost) {
                    let meaning = format!("the lost head of record {} of {house}: {error}", lost.sequence);
                    findings.problem(word.sequence, "recovery", meaning);
                }
            }
            let kept = kept(recovery);
            // One that was itself lost and taken up again may name a record that was lost with it.
            let is_original = leg == us && word.held.keeping.restored_at.is_none();
            let follows = || -> Result<bool, LedgerError> {
                let places = ledger::places_offline(path, &[kept])?;
                Ok(places == [HeadPlace::OnChain] && kept.seq.0 < word.sequence)
            };
            if is_original && !follows()? {
                let meaning = format!("the recovery says that {kept} was left, which is not in the ledger before it");
                findings.problem(word.sequence, "recovery", meaning);
            }
            findings.note(word.sequence, "recovery", told(&house, recovery));
        }
    }
    Ok(())
}

/// Compares what `holder` holds of the heads of `signer` with the ledger of `signer` at `path`, as it is now.
///
/// # Errors
/// The ledger cannot be read.
pub(super) fn compare(
    house: &str,
    signer: &Side<'_>,
    path: &Path,
    holder: &History,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    let heads = holder.peer_heads.iter().filter_map(|(sequence, head)| {
        let hash = <[u8; 32]>::try_from(&head.hash[..]).ok()?;
        Some((*sequence, Head { seq: Sequence(head.sequence), hash: RecordHash(hash) }))
    });
    let (sequences, heads): (Vec<u64>, Vec<Head>) = heads.unzip();
    let places = ledger::places_offline(path, &heads)?;
    for ((sequence, head), place) in sequences.into_iter().zip(heads).zip(places) {
        if place == HeadPlace::OnChain || is_told_lost(signer, holder, sequence, head) {
            continue;
        }
        let (code, what) = match place {
            HeadPlace::Beyond => ("behind_known_head", "which its ledger does not reach: it lost its end"),
            HeadPlace::Off | HeadPlace::OnChain => ("off_known_head", "where its ledger has another record"),
        };
        let meaning =
            format!("the other house holds (its record {sequence}) the signed head {head} of {house}, {what}");
        findings.problem_of_both(code, meaning);
    }
    Ok(())
}

/// Whether a head that `holder` recorded in `sequence` was lost in a recovery that both ledgers hold: it is of the records
/// that were lost, and `holder` had it before it was told.
fn is_told_lost(signer: &Side<'_>, holder: &History, sequence: u64, head: Head) -> bool {
    let recoveries = holder.recoveries[signer.leg].iter().filter(|word| signer.later.contains(&word.held.digest));
    recoveries.filter(|word| word.sequence > sequence).filter_map(Word::recovery).any(|recovery| {
        let last = recovery.lost.iter().map(|lost| lost.sequence).max().unwrap_or(0);
        (recovery.kept.sequence + 1..=last).contains(&head.seq.0)
    })
}

fn kept(recovery: &Recovery) -> Head {
    Head { seq: Sequence(recovery.kept.sequence), hash: RecordHash(recovery.kept.hash.0) }
}

/// A break of the history, for a reader.
fn told(house: &str, recovery: &Recovery) -> String {
    let lost: Vec<String> = recovery.lost.iter().map(|lost| lost.sequence.to_string()).collect();
    let mut text = format!(
        "{house} lost the end of its ledger: record {} was left, the signed heads of records {} are gone; {} pieces of evidence \
         were taken up from the other house on {}",
        recovery.kept.sequence,
        lost.join(", "),
        recovery.restored_count,
        recovery.at
    );
    if !recovery.cycles.is_empty() {
        let cycles: Vec<String> = recovery.cycles.iter().map(ToString::to_string).collect();
        text += &format!("; it signs nothing more in {}", cycles.join(", "));
    }
    text
}
