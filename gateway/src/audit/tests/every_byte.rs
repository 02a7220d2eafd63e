//! Whatever is changed, byte by byte, of what a house keeps of an agreed cycle is found: in its blobs and in its
//! records, from its own ledger or beside the other house's.
//!
//! The short form changes a sample of positions, `CROSSMARGIN_EVERY_BYTE=1` every one of every blob and of the database.

use std::{collections::BTreeMap, fs, os::unix::fs::FileExt};

use super::*;
use crate::ledger::{Problem, SignedHead, tests::common::tamper};

fn is_long() -> bool {
    std::env::var_os("CROSSMARGIN_EVERY_BYTE").is_some()
}

/// Every position of `length` in the long form; else every `stride`th, and the last.
fn positions(length: usize, stride: usize) -> impl Iterator<Item = usize> {
    let stride = if is_long() { 1 } else { stride };
    (0..length).step_by(stride).chain(length.checked_sub(1))
}

/// Changes one byte of a file while `look` looks at it.
fn with_a_changed_byte<T>(path: &Path, bytes: &[u8], position: usize, look: impl FnOnce() -> T) -> T {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[bytes[position] ^ (1 << (position % 8))], position as u64).unwrap();
    let seen = look();
    file.write_all_at(&bytes[position..=position], position as u64).unwrap();
    seen
}

#[test]
fn a_changed_byte_of_any_blob_is_found_from_the_houses_ledger_alone() {
    let story = Story::told(|_| {});
    let directory = on_disk(&story);
    let store = FileBlobStore::open_for_reading(directory.path().join(BLOBS)).unwrap();
    let contents: BTreeMap<Digest, _> = story.contents().into_iter().map(|blob| (Digest::of(&blob), blob)).collect();
    assert!(contents.len() > 5, "{} blobs", contents.len());
    println!("{} blobs of {:?} bytes", contents.len(), contents.values().map(|bytes| bytes.len()).collect::<Vec<_>>());
    for (digest, bytes) in contents.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let path = store.path_of(digest);
        // A changed byte anywhere makes the blob unreadable under its name.
        for position in positions(bytes.len(), 1_999) {
            let read = with_a_changed_byte(&path, bytes, position, || store.get(digest));
            assert!(read.is_err(), "byte {position} of {digest}");
        }
        // And the verification reads every blob.
        let position = bytes.len() / 2;
        let report = with_a_changed_byte(&path, bytes, position, || verified(&story, &directory));
        assert_ne!(report.problems, Vec::new(), "byte {position} of {digest}, {} bytes", bytes.len());
    }
    assert_eq!(verified(&story, &directory).problems, Vec::new());
}

#[test]
fn a_changed_byte_of_the_database_is_found_or_changes_no_word_of_either_house() {
    let story = Story::told(|_| {});
    let directory = on_disk(&story);
    let path = directory.path().join(LEDGER);
    let bytes = fs::read(&path).unwrap();
    let blobs = open_blobs(directory.path()).unwrap();
    let subject = Subject::new(US, &story.arrangement, &story.keys, &blobs, None).unwrap();
    let digests = |history: &History| -> BTreeSet<(Leg, Digest)> { history.by_digest.keys().copied().collect() };
    let (_, untouched) = verify_ledger(&subject, &path).unwrap();
    let (mut found, mut harmless) = (0, 0);
    // Most zeros lie between what is stored and hold nothing: the short form leaves them out.
    let candidates: Vec<usize> = (0..bytes.len()).filter(|position| is_long() || bytes[*position] != 0).collect();
    for position in positions(candidates.len(), candidates.len() / 60).map(|number| candidates[number]) {
        let judged = with_a_changed_byte(&path, &bytes, position, || verify_ledger(&subject, &path));
        match judged {
            Ok((report, history)) if report.problems.is_empty() => {
                harmless += 1;
                assert_eq!(digests(&history), digests(&untouched), "byte {position}");
                let differences = compared_with(&story, &history);
                assert_eq!(differences, Vec::<&str>::new(), "byte {position}");
            }
            // Judged unsound, or not to be opened at all.
            _ => found += 1,
        }
    }
    println!("{} bytes, {} changed: {found} found, {harmless} changed no word", bytes.len(), found + harmless);
    // Of all bytes half are zeros that nothing reads, in the database of this story.
    assert!(2 * found > harmless, "{found} found, {harmless} harmless");
}

#[test]
fn a_ledger_that_lost_its_last_commits_is_found_by_its_guard_by_a_known_head_and_by_the_other_ledger() {
    let story = Story::told(|_| {});
    let whole = on_disk_by_commits(&story, 1);
    let newest = newest_head(&story, &whole);
    let count = story.entries.len() as u64;
    for lost in 1..count {
        let directory = on_disk_by_commits(&story, 1);
        let path = directory.path().join(LEDGER);
        let last = count - lost;
        tamper(&path, &format!("DELETE FROM records WHERE seq > {last}; DELETE FROM batches WHERE last_seq > {last}"));
        assert!(codes(&verified(&story, &directory).problems).contains(&"guard_behind"), "{lost} lost");

        fs::remove_file(path.with_extension("sqlite.guard")).unwrap();
        assert!(codes(&verified(&story, &directory).problems).contains(&"guard_missing"), "{lost} lost");

        let report = ledger::verify(&options(&story, &directory, vec![newest.clone()])).unwrap();
        assert!(report.problems.iter().map(Problem::code).any(|code| code == "behind_known_head"), "{lost} lost");

        let blobs = open_blobs(directory.path()).unwrap();
        let subject = Subject::new(US, &story.arrangement, &story.keys, &blobs, None).unwrap();
        let (_, history) = verify_ledger(&subject, &path).unwrap();
        let last = usize::try_from(last).unwrap();
        let is_own = |entry: &Entry| matches!(entry, Entry::Evidence(held) if held.by == US);
        let is_denied = compared_with(&story, &history).contains(&"word_denied");
        assert_eq!(is_denied, story.entries[last..].iter().any(is_own), "{lost} lost");
    }
}

/// What the ledger of the story's other house, which holds the same words, says against this history.
fn compared_with(story: &Story, own: &History) -> Vec<&'static str> {
    let blobs: Arc<dyn BlobStore> = Arc::clone(&story.blobs) as _;
    let subject = Subject::new(US.other(), &story.arrangement, &story.keys, &blobs, None).unwrap();
    let mut theirs = History::new(&story.arrangement.programme);
    let (mut findings, mut counts) = (Findings::default(), Counts::default());
    for record in records(story) {
        words::take(&subject, &record, &mut theirs, &mut findings, &mut counts);
    }
    let words = |history: &History, leg: Leg| -> BTreeSet<Digest> {
        history.by_digest.keys().filter(|(by, _)| *by == leg).map(|(_, digest)| *digest).collect()
    };
    let (own_words, their_words) = (words(own, US), words(&theirs, US.other()));
    let mut findings = Findings::default();
    let own = Side { leg: US, history: own, later: &own_words };
    let theirs = Side { leg: US.other(), history: &theirs, later: &their_words };
    comparison::compare(&story.arrangement.parties, &own, &theirs, &mut findings);
    codes(&findings.problems())
}

fn options(story: &Story, directory: &TempDir, known_heads: Vec<SignedHead>) -> VerifyOptions {
    let party = story.arrangement.parties.party(US);
    let verifier = Arc::new(node::head_verifier(&story.keys, party.house.as_str()));
    VerifyOptions { party: Some(party), known_heads, ..VerifyOptions::new(directory.path().join(LEDGER), verifier) }
}

/// The head of the newest commit, as the house told it to the other one.
fn newest_head(story: &Story, directory: &TempDir) -> SignedHead {
    match ledger::verify(&options(story, directory, Vec::new())).unwrap().guard {
        ledger::GuardReport::Holds(head) => head,
        other => panic!("{other:?}"),
    }
}
