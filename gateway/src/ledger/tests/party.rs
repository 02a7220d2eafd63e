//! A ledger is one house's, of one arrangement in one mode: nothing of it passes for another's, though one key signs both.

use std::fs;

use proptest::prelude::*;

use super::common::{EPOCH, Files, append, ledger_of, other_parties, party, record, signer, verifier};
use crate::{
    arrangement::parties::{ArrangementMode, Party},
    ledger::{
        Epoch, GuardConflict, Head, HeadRejection, Ledger, LedgerError, LostLedger, MemoryLedger, Problem, RecordHash,
        Sequence, SignedHead, SqliteLedger, Standing, VerifyOptions, guard::Guard, party_offline, places_offline,
        read_offline, rebase_guard, scan_offline, verify,
    },
};

const SOME: Head = Head { seq: Sequence(2), hash: RecordHash([3; 32]) };

fn signed_for(party: &Party, head: Head) -> SignedHead {
    SignedHead::sign(party, head, EPOCH, signer().as_ref()).unwrap()
}

#[test]
fn a_head_counts_for_no_other_house_arrangement_or_mode_though_one_key_signs_for_all() {
    let check = |head: &SignedHead| head.check(&party(), verifier().as_ref());
    assert_eq!(check(&signed_for(&party(), SOME)), Ok(()));
    for other in other_parties() {
        let theirs = signed_for(&other, SOME);
        assert_eq!(theirs.check(&other, verifier().as_ref()), Ok(()), "{other}");
        assert_eq!(check(&theirs), Err(HeadRejection::OtherParty), "{other}");
        // Told without its names, as on the wire.
        let renamed = SignedHead { party: party(), ..theirs };
        assert_eq!(check(&renamed), Err(HeadRejection::BadSignature), "{other}");
    }
}

#[test]
fn the_signed_bytes_of_a_head_are_as_documented() {
    let mut expected = Vec::new();
    let mut part = |bytes: &[u8], has_length: bool| {
        if has_length {
            expected.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        }
        expected.extend_from_slice(bytes);
    };
    part(b"crossmargin/ledger/head/v2", true);
    part(b"FICC-CME", true);
    part(&1_i32.to_le_bytes(), false);
    part(b"FICC", true);
    part(&7_u64.to_le_bytes(), false);
    part(&2_u64.to_le_bytes(), false);
    part(&[3; 32], false);
    assert_eq!(SignedHead::message(&party(), SOME, Epoch(7)), expected);
}

#[test]
fn ledgers_of_two_houses_arrangements_or_modes_share_no_hash() {
    let mut hashes = std::collections::HashSet::new();
    let parties: Vec<Party> = other_parties().into_iter().chain([party()]).collect();
    for party in &parties {
        let ledger = MemoryLedger::unsigned(party.clone());
        hashes.insert(ledger.head().head.hash);
        for text in ["same", "records"] {
            hashes.insert(append(&ledger, text).unwrap().hash);
        }
    }
    assert_eq!(hashes.len(), 3 * parties.len());
}

fn parties() -> impl Strategy<Value = Party> {
    ("[a-c]{1,3}", "[a-c]{1,3}", any::<bool>()).prop_map(|(arrangement, house, is_live)| Party {
        arrangement: arrangement.parse().unwrap(),
        mode: if is_live { ArrangementMode::Live } else { ArrangementMode::Rehearsal },
        house: house.parse().unwrap(),
    })
}

proptest! {
    #[test]
    fn no_two_parties_have_one_genesis_or_one_message_to_sign((a, b) in (parties(), parties())) {
        prop_assert_eq!(a == b, RecordHash::genesis(&a) == RecordHash::genesis(&b));
        prop_assert_eq!(a == b, SignedHead::message(&a, SOME, EPOCH) == SignedHead::message(&b, SOME, EPOCH));
    }
}

#[test]
fn a_ledger_opens_recovers_and_rebases_only_for_its_own_party_and_tells_whose_it_is() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let before = fs::read(files.path()).unwrap();
    for other in other_parties() {
        let options = files.options_of(other.clone());
        let refusals = [
            SqliteLedger::open(options.clone()).unwrap_err(),
            LostLedger::open(&options).unwrap_err(),
            rebase_guard(&options).unwrap_err(),
        ];
        for refusal in refusals {
            assert!(matches!(&refusal, LedgerError::OtherParty { .. }), "{refusal}");
            let words = format!("belongs to FICC in FICC-CME (live), not to {other}");
            assert!(refusal.to_string().contains(&words), "{refusal}");
        }
        let options = VerifyOptions { party: Some(other), ..files.verify_options() };
        let codes: Vec<_> = verify(&options).unwrap().problems.iter().map(Problem::code).collect();
        assert_eq!(codes, ["other_party"]);
    }
    assert_eq!(fs::read(files.path()).unwrap(), before);
    assert_eq!(party_offline(&files.path()).unwrap(), party());
}

#[test]
fn a_ledger_that_is_given_another_name_does_not_verify_under_it() {
    let cases = [("house = 'CME'", 0), ("arrangement = 'FICC-RFX'", 1), ("mode = 'rehearsal'", 2)];
    for (change, at) in cases {
        let files = Files::new();
        drop(ledger_of(&files, 2));
        files.tamper(&format!("UPDATE ledger SET {change}"));
        let named = &other_parties()[at];
        assert_eq!(files.verify().party.as_ref(), Some(named));
        let expected = ["record_changed", "commit_signature", "commit_signature", "guard_unreadable"];
        assert_eq!(files.problem_codes(), expected, "{change}");
        let error = SqliteLedger::open(files.options_of(named.clone())).unwrap_err();
        assert!(matches!(error, LedgerError::Corrupted { .. }), "{change}: {error}");
    }
}

#[test]
fn a_guard_of_another_party_beside_a_ledger_is_told_and_nothing_is_appended() {
    for other in other_parties() {
        let (files, theirs) = (Files::new(), Files::new());
        drop(ledger_of(&files, 3));
        let ledger = SqliteLedger::open(theirs.options_of(other.clone())).unwrap();
        for text in ["record 1", "record 2", "record 3"] {
            append(&ledger, text).unwrap();
        }
        drop(ledger);
        fs::copy(theirs.guard_path(), files.guard_path()).unwrap();

        let ledger = files.open();
        let Standing::HeldByGuard(conflict) = ledger.standing() else { panic!("{other}: {:?}", ledger.standing()) };
        assert!(matches!(&conflict, GuardConflict::Unreadable { .. }), "{other}: {conflict}");
        let words = format!("it is of {other}, not of FICC in FICC-CME (live)");
        assert!(conflict.to_string().contains(&words), "{conflict}");
        assert!(append(&ledger, "fourth").is_err());
        drop(ledger);
        assert_eq!(files.problem_codes(), ["guard_unreadable"], "{other}");
        assert_eq!(LostLedger::open(&files.options()).unwrap().guard(), None, "{other}: it shows no loss");
    }
}

#[test]
fn a_head_of_another_party_in_the_older_slot_of_a_guard_is_told() {
    for other in other_parties() {
        let files = Files::new();
        let ledger = ledger_of(&files, 3);
        let own = ledger.head();
        drop(ledger);
        let mut guard = Guard::create(&files.guard_path(), &signed_for(&other, SOME)).unwrap();
        guard.store(&own).unwrap();
        assert_eq!(files.problem_codes(), ["guard_signature"], "{other}");
    }
}

#[test]
fn a_guard_without_its_ledger_says_whose_ledger_is_missing() {
    for other in other_parties() {
        let files = Files::new();
        Guard::create(&files.guard_path(), &signed_for(&other, SOME)).unwrap();
        let error = SqliteLedger::open(files.options()).unwrap_err();
        assert!(matches!(&error, LedgerError::Missing { party, .. } if *party == other), "{error}");
        assert!(error.to_string().contains(&format!("of {other}: put")), "{error}");
        assert!(!files.path().exists(), "{other}");
    }
}

#[test]
fn a_head_of_another_party_that_others_hold_shows_no_loss() {
    let files = Files::new();
    drop(ledger_of(&files, 3));
    let beyond = Head { seq: Sequence(9), hash: RecordHash([3; 32]) };
    let codes = |known: SignedHead| {
        let options = VerifyOptions { known_heads: vec![known], ..files.verify_options() };
        verify(&options).unwrap().problems.iter().map(Problem::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(signed_for(&party(), beyond)), ["behind_known_head"]);
    for other in other_parties() {
        assert_eq!(codes(signed_for(&other, beyond)), ["known_head_signature"], "{other}");
    }
}

#[test]
fn a_snapshot_that_was_signed_for_another_party_is_passed_over() {
    for other in other_parties() {
        let files = Files::new();
        let ledger = ledger_of(&files, 3);
        futures_util::FutureExt::now_or_never(ledger.put_snapshot(Sequence(2), b"state".to_vec()));
        drop(ledger);
        let snapshot = files.open().latest_snapshot_blocking().unwrap().unwrap();
        let signature = signer().sign(&snapshot.message(&other)).unwrap();
        files.tamper(&format!("UPDATE snapshots SET signature = x'{}'", hex::encode(signature.bytes)));
        assert_eq!(files.open().latest_snapshot_blocking().unwrap(), None, "{other}");
        assert_eq!(files.problem_codes(), ["snapshot"], "{other}");
    }
}

#[test]
fn files_of_the_former_format_are_refused_with_both_formats() {
    let files = Files::new();
    drop(ledger_of(&files, 2));
    files.tamper(
        "DROP TABLE ledger; CREATE TABLE ledger (house TEXT NOT NULL) STRICT; INSERT INTO ledger VALUES ('FICC'); \
         PRAGMA user_version = 1",
    );
    let words = "its format is 1, this program knows format 2";
    let refusals = [
        SqliteLedger::open(files.options()).unwrap_err(),
        LostLedger::open(&files.options()).unwrap_err(),
        party_offline(&files.path()).unwrap_err(),
        scan_offline(&files.path(), &mut |_| ()).unwrap_err(),
        read_offline(&files.path(), Sequence(2), &mut |_| ()).unwrap_err(),
        places_offline(&files.path(), &[SOME]).unwrap_err(),
    ];
    for refusal in refusals {
        assert!(matches!(&refusal, LedgerError::NotALedger { .. }), "{refusal}");
        assert!(refusal.to_string().contains(words), "{refusal}");
    }
    // A number alone hides nothing that can be read.
    let renumbered = Files::new();
    drop(ledger_of(&renumbered, 2));
    renumbered.tamper("PRAGMA user_version = 1");
    assert_eq!(party_offline(&renumbered.path()).unwrap(), party());
    let first = files.verify().problems.into_iter().next().unwrap();
    assert_eq!(first.code(), "not_a_ledger");
    assert!(first.to_string().contains(words), "{first}");
}

#[tokio::test]
async fn the_ledger_in_memory_signs_for_its_party_alone() {
    for other in other_parties() {
        let ledger = MemoryLedger::new(other.clone(), signer()).unwrap();
        ledger.append(Sequence(1), EPOCH, vec![record("a")]).await.unwrap();
        let head = ledger.head();
        assert_eq!(head.check(&other, verifier().as_ref()), Ok(()));
        assert_eq!(head.check(&party(), verifier().as_ref()), Err(HeadRejection::OtherParty));
    }
}
