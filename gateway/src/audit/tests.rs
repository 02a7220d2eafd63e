//! A ledger made by hand, as a node would have written it, and everything that can be wrong with one.

mod directions;
mod every_byte;
mod story;

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use tempfile::TempDir;

use self::story::{Story, US};
use super::*;
use crate::{
    arrangement::{cycle_id::CycleKind, digest::Digest, evidence::Evidence, grant::AdvanceGrant, leaf},
    blobs::FileBlobStore,
    ledger::{Epoch, Ledger as _, RecordHash, RecordKind, Sequence, SqliteLedger},
    node::entry::Entry,
};

/// What a verification of the story's records finds: problems, notes and counts.
fn judged(story: &Story) -> (Vec<Finding>, Vec<Finding>, Counts) {
    let blobs: Arc<dyn BlobStore> = Arc::clone(&story.blobs) as _;
    let subject = Subject::new(US, &story.arrangement, &story.keys, &blobs, None).unwrap();
    let (_, findings, counts) = subject.inspect(|take| records(story).into_iter().for_each(take));
    let (problems, notes) = findings.into_parts();
    (problems, notes, counts)
}

fn records(story: &Story) -> Vec<Record> {
    let record = |(sequence, entry): (u64, &Entry)| {
        let new = entry.to_record(&story.arrangement.parties, story::AT);
        let hash = RecordHash([0; 32]);
        let (kind, body) = (RecordKind(new.kind.0), new.body);
        Record { seq: Sequence(sequence), prev_hash: hash, hash, kind, recorded_at_ms: new.recorded_at_ms, body }
    };
    (1..).zip(&story.entries).map(record).collect()
}

fn codes(problems: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Raises the reduction of the first live link with one: a smaller combined margin, and everything that follows from it.
fn raise_a_factor(leaves: &mut [v1::MarginLeaf], story_bounds: &leaf::FactorBounds) {
    let leaf = leaves
        .iter_mut()
        .find(|leaf| leaf.mode() == v1::LinkMode::Live && (1..5_000).contains(&leaf.applied_factor_bp))
        .unwrap();
    for figures in [leaf.treasury_house.as_mut(), leaf.futures_house.as_mut()].into_iter().flatten() {
        figures.combined_e8 /= 2;
        figures.factor_bp = leaf::factor_bp(figures.treasury_alone_e8, figures.futures_alone_e8, figures.combined_e8);
    }
    let factors = [leaf.treasury_house.unwrap().factor_bp, leaf.futures_house.unwrap().factor_bp];
    let applied = leaf::applied_factor_bp(factors, leaf.override_bp, story_bounds);
    let alone = [leaf.treasury_house.unwrap().treasury_alone_e8, leaf.futures_house.unwrap().futures_alone_e8];
    let required = alone.map(|alone| leaf::requirement_cents(alone, applied).unwrap());
    let larger = leaf.treasury_house.unwrap().combined_e8.max(leaf.futures_house.unwrap().combined_e8);
    let larger = leaf::requirement_cents(larger, 0).unwrap();
    leaf.applied_factor_bp = applied;
    [leaf.treasury_requirement_cents, leaf.futures_requirement_cents] = required;
    leaf.shortfall_cents = (larger - required[0] - required[1]).max(0);
}

#[test]
fn a_ledger_as_a_node_writes_it_is_sound_and_every_granted_factor_comes_out_again() {
    let story = Story::told(|_| {});
    let (problems, notes, counts) = judged(&story);
    assert_eq!((problems, notes), (Vec::new(), Vec::new()));
    assert_eq!((counts.claims, counts.claims_recomputed), (2, 2));
    assert_eq!((counts.statements, counts.statements_recomputed), (2, 1));
    assert_eq!((counts.agreements, counts.leaves), (1, 28));
    assert!(counts.granted_factors > 0);
    assert_eq!(counts.granted_factors_recomputed, counts.granted_factors);
}

#[test]
fn a_factor_that_both_houses_raised_and_signed_is_found_by_recomputation() {
    let bounds = Arrangement::default().bounds;
    let story = Story::told(|leaves| raise_a_factor(leaves, &bounds));
    let (problems, _, counts) = judged(&story);
    // The figures follow from each other and everything is signed: only the inputs tell.
    assert_eq!(codes(&problems), ["factor", "recomputation"], "{problems:#?}");
    assert_eq!(counts.granted_factors_recomputed, 0);
}

#[test]
fn a_leaf_whose_figures_do_not_follow_from_each_other_is_named() {
    let story = Story::told(|leaves| leaves[3].treasury_requirement_cents += 1);
    let (problems, _, _) = judged(&story);
    let named = problems.iter().find(|problem| problem.code == "leaf").unwrap();
    assert!(named.meaning.contains("treasury_requirement_cents"), "{named}");
}

#[test]
fn a_leaf_that_states_another_override_than_was_in_force_is_named_though_its_figures_follow_from_it() {
    // No reduction of the sample reaches the whole: nothing else of the leaf changes.
    let story = Story::told(|leaves| leaves[3].override_bp = 9_999);
    let (problems, _, _) = judged(&story);
    let named: Vec<_> = problems.iter().filter(|problem| problem.code == "leaf").collect();
    assert_eq!(named.len(), 1, "{named:#?}");
    assert!(named[0].meaning.contains("override_bp is 9999"), "{}", named[0]);
}

#[test]
fn leaves_that_were_exchanged_behind_a_claim_are_found() {
    let mut story = Story::told(|_| {});
    let other = Story::told(|leaves| leaves[0].shortfall_cents += 1);
    let leaves = other.own_claim().keeping.attachment.unwrap();
    story.blobs.put(&other.blobs.get(&leaves).unwrap().unwrap()).unwrap();
    story.change_own_claim(|held| held.keeping.attachment = Some(leaves));
    assert_eq!(codes(&judged(&story).0), ["leaves"]);
}

#[test]
fn missing_leaves_and_breaks_are_found() {
    let mut story = Story::told(|_| {});
    story.change_own_claim(|held| held.keeping.attachment = Some(Digest([9; 32])));
    story.change_own_statement(|held| held.keeping.attachment = None);
    assert_eq!(codes(&judged(&story).0), ["breaks", "leaves"]);
}

#[test]
fn a_changed_signature_is_found_whosever_it_is() {
    for (index, house) in Story::told(|_| {}).signed() {
        let mut story = Story::told(|_| {});
        story.change(index, |held| {
            let mut signature = held.envelope.signature.to_vec();
            signature[0] ^= 1;
            held.envelope.signature = signature.into();
        });
        let (problems, _, _) = judged(&story);
        assert_eq!(codes(&problems), ["signature"], "{house:?} in record {}", index + 1);
        assert_eq!(problems[0].sequence, Some(index as u64 + 1));
    }
}

#[test]
fn a_second_word_of_a_house_for_one_round_is_found() {
    let mut story = Story::told(|_| {});
    let claim = story.own_claim().as_ref().clone();
    let Evidence::Claim(mut content) = claim.evidence else { panic!("a claim") };
    content.link_count += 1;
    story.sign_more(Evidence::Claim(content));
    assert!(codes(&judged(&story).0).contains(&"signed_twice"));
}

#[test]
fn a_statement_after_the_cut_off_and_an_outcome_without_statements_are_found() {
    let mut story = Story::told(|_| {});
    story.cut_off_before_own_statement();
    let (problems, _, _) = judged(&story);
    assert_eq!(codes(&problems), ["outcome", "statement"], "{problems:#?}");

    let mut story = Story::told(|_| {});
    story.forget_their_statement();
    assert_eq!(codes(&judged(&story).0), ["outcome"]);
}

#[test]
fn a_statement_that_says_more_than_its_claims_is_found() {
    let mut story = Story::told(|_| {});
    story.restate(|statement| statement.live_totals.requirement_cents.treasury -= 1);
    let (problems, _, counts) = judged(&story);
    assert_eq!(codes(&problems), ["statement"], "{problems:#?}");
    assert_eq!(counts.statements_recomputed, 0);
}

#[test]
fn a_statement_that_grants_in_advance_what_the_arrangement_does_not_is_found() {
    let mut story = Story::told(|_| {});
    let grant = AdvanceGrant::new(CycleKind::Eod, 2_000, 2).unwrap();
    story.restate(|statement| statement.advance_grants = [(CycleKind::Eod, grant)].into());
    let (problems, _, counts) = judged(&story);
    assert_eq!(codes(&problems), ["statement"], "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.meaning.contains("grants in advance")), "{problems:#?}");
    assert_eq!(counts.statements_recomputed, 0);
}

#[test]
fn another_engine_is_named_and_is_no_fault_of_the_chain() {
    let story = Story::told_by_engine("risk 0.0.1, libm 0.1.0");
    let (problems, notes, counts) = judged(&story);
    assert_eq!(problems, Vec::new());
    assert_eq!(codes(&notes), ["engine"]);
    assert!(notes[0].meaning.contains("risk 0.0.1"), "{}", notes[0]);
    assert_eq!(counts.claims_recomputed, 0);
    assert!(counts.granted_factors > 0 && counts.granted_factors_recomputed == 0);
}

/// The story's ledger and blobs as files.
fn on_disk(story: &Story) -> TempDir {
    on_disk_by_commits(story, story.entries.len())
}

/// The story's ledger and blobs as files, so many records in a commit.
fn on_disk_by_commits(story: &Story, size: usize) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let party = story.arrangement.parties.party(US);
    let key = story.signers[US].clone();
    let signer = move |message: &[u8]| {
        Ok(crate::ledger::HeadSignature { key_id: key.id().to_string(), bytes: key.sign(message).to_vec() })
    };
    let verifier = Arc::new(node::head_verifier(&story.keys, party.house.as_str()));
    let options = crate::ledger::LedgerOptions::new(directory.path().join(LEDGER), party, Arc::new(signer), verifier);
    let ledger = SqliteLedger::open(options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut next = Sequence(1);
    for entries in story.entries.chunks(size) {
        let new: Vec<_> = entries.iter().map(|entry| entry.to_record(&story.arrangement.parties, story::AT)).collect();
        let ticket = ledger.append(next, Epoch::default(), new);
        next = runtime.block_on(ticket).unwrap().last.next();
    }
    let blobs = FileBlobStore::open(directory.path().join(BLOBS)).unwrap();
    blobs.put_many(&story.contents()).unwrap();
    directory
}

fn verified(story: &Story, directory: &TempDir) -> LedgerReport {
    let blobs = open_blobs(directory.path()).unwrap();
    let subject = Subject::new(US, &story.arrangement, &story.keys, &blobs, None).unwrap();
    verify_ledger(&subject, &directory.path().join(LEDGER)).unwrap().0
}

#[test]
fn the_files_of_a_ledger_are_verified_and_not_touched() {
    let story = Story::told(|_| {});
    let directory = on_disk(&story);
    let before = listing(&directory);
    let report = verified(&story, &directory);
    assert_eq!(report.problems, Vec::new());
    assert_eq!(report.records, story.entries.len() as u64);
    assert_eq!(listing(&directory), before, "nothing was written");
    let report = Report { ledgers: vec![report], comparison: Vec::new() };
    let text = report.to_string();
    assert!(text.ends_with("sound: nothing is wrong"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["ledgers"][0]["counts"]["agreements"], 1);
}

#[test]
fn a_changed_record_and_a_changed_blob_are_found() {
    let story = Story::told(|_| {});
    let directory = on_disk(&story);
    let leaves = story.own_claim().keeping.attachment.unwrap();
    let path = FileBlobStore::open_for_reading(directory.path().join(BLOBS)).unwrap().path_of(&leaves);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let report = verified(&story, &directory);
    assert_eq!(codes(&report.problems), ["leaves"]);
    let report = Report { ledgers: vec![report], comparison: Vec::new() };
    assert!(!report.is_sound());
    assert!(report.to_string().contains("NOT SOUND"), "{report}");
}

fn listing(directory: &TempDir) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    let mut folders = vec![directory.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().display().to_string();
                // Readers of a database in WAL mode share an index beside it, which says nothing of its content.
                if !name.ends_with("-shm") && !name.ends_with("-wal") {
                    files.push((name, entry.metadata().unwrap().len()));
                }
            }
        }
    }
    files.sort();
    files
}

#[test]
fn two_ledgers_that_hold_different_words_of_one_house_contradict_each_other() {
    let history = |story: &Story| {
        let blobs: Arc<dyn BlobStore> = Arc::clone(&story.blobs) as _;
        let subject = Subject::new(US, &story.arrangement, &story.keys, &blobs, None).unwrap();
        let mut history = History::new(&story.arrangement.programme);
        let (mut findings, mut counts) = (Findings::default(), Counts::default());
        for record in records(story) {
            words::take(&subject, &record, &mut history, &mut findings, &mut counts);
        }
        history
    };
    let compared = |one: &Story, other: &Story| {
        let (one, other) = (history(one), history(other));
        let words = |history: &History, leg: Leg| -> BTreeSet<Digest> {
            history.by_digest.keys().filter(|(by, _)| *by == leg).map(|(_, digest)| *digest).collect()
        };
        let (own, theirs) = (words(&one, US), words(&other, US.other()));
        let mut findings = Findings::default();
        let own = Side { leg: US, history: &one, later: &own };
        let theirs = Side { leg: US.other(), history: &other, later: &theirs };
        comparison::compare(&Arrangement::default().parties, &own, &theirs, &mut findings);
        codes(&findings.problems())
    };
    let story = Story::told(|_| {});
    assert_eq!(compared(&story, &story), Vec::<&str>::new());
    let other = Story::told(|leaves| leaves[0].shortfall_cents += 1);
    assert_eq!(compared(&story, &other), ["signed_twice", "word_denied"]);
    let mut forgetful = Story::told(|_| {});
    forgetful.forget_their_statement();
    assert_eq!(compared(&story, &forgetful), ["word_denied"]);
}

#[test]
fn records_in_memory_are_judged_as_those_in_files_and_held_against_the_other_houses() {
    let story = Story::told(|_| {});
    let kept = |records: Vec<Record>| Kept { records, blobs: Arc::clone(&story.blobs) as _ };
    let mut both = Pair::from_fn(|leg| kept(if leg == US { records(&story) } else { Vec::new() }));
    let judged = judge(&story.arrangement, &story.keys, &both).unwrap();
    assert!(judged.problems[US].is_empty(), "{judged:#?}");
    assert_eq!((judged.counts[US].statements, judged.counts[US.other()].statements), (2, 0));
    // The ledger of the other house is empty, though this one holds its word.
    assert!(codes(&judged.comparison).contains(&"word_denied"), "{judged:#?}");
    both[US] = kept(Vec::new());
    let judged = judge(&story.arrangement, &story.keys, &both).unwrap();
    assert!(judged.comparison.is_empty(), "{judged:#?}");
}
