//! Whose heads are believed: those that the house signed for its ledger of this arrangement in this mode.

use super::*;
use crate::{
    arrangement::{
        evidence::{KeptHead, Recovery},
        parties::ArrangementMode,
        terms::{Arrangement, DEFAULT_TOML},
    },
    identity::{SigningKey, signing::Validity},
    node::catalog::Catalog,
};

/// The parties, both houses' keys, and the key of the house that carries the Treasury leg.
fn known() -> (Parties, VerifyingKeys, SigningKey) {
    let parties = Arrangement::from_toml(DEFAULT_TOML).unwrap().parties;
    let [own, other] = [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]).unwrap());
    let mut keys = VerifyingKeys::new();
    for (leg, key) in [(Leg::Treasury, &own), (Leg::Futures, &other)] {
        keys.insert(parties.houses[leg].clone(), key.public().clone(), Validity::default()).unwrap();
    }
    (parties, keys, own)
}

fn signed(party: &Party, key: &SigningKey) -> SignedHead {
    let head = Head { seq: Sequence(12), hash: RecordHash([3; 32]) };
    let signer = |message: &[u8]| Ok(HeadSignature { key_id: key.id().to_string(), bytes: key.sign(message).to_vec() });
    SignedHead::sign(party, head, Epoch(1), &signer).unwrap()
}

#[test]
fn a_head_that_was_signed_for_another_ledger_is_believed_neither_when_told_nor_as_lost() {
    let (parties, keys, key) = known();
    let own = parties.party(Leg::Treasury);
    let cases = [
        ("its own", own.clone(), true),
        ("another arrangement's", Party { arrangement: "FICC-RFX".parse().unwrap(), ..own.clone() }, false),
        ("the rehearsal's", Party { mode: ArrangementMode::Rehearsal, ..own.clone() }, false),
        ("the other house's", parties.party(Leg::Futures), false),
    ];
    for (whose, party, is_believed) in cases {
        let head = signed(&party, &key);
        let outcomes = [
            believe(&parties, &keys, Leg::Treasury, &to_wire(&head)),
            believe_lost(&parties, &keys, Leg::Treasury, &to_lost(&head)),
        ];
        for outcome in outcomes {
            match outcome {
                Ok(believed) => assert_eq!((is_believed, believed), (true, head.clone()), "{whose}"),
                Err(error) => {
                    assert!(!is_believed, "{whose}: {error}");
                    assert_eq!(error.field, "head.signature", "{whose}");
                }
            }
        }
        // Nor is it the other house's: the key is not that house's.
        let error = believe(&parties, &keys, Leg::Futures, &to_wire(&head)).unwrap_err();
        assert_eq!(error.field, "head.signature", "{whose}");
    }
}

#[test]
fn a_recovery_takes_away_the_head_that_it_accounts_for_and_no_other() {
    let arrangement = Arrangement::from_toml(DEFAULT_TOML).unwrap();
    let head = |sequence: u64, hash: u8| v1::LedgerHead {
        sequence,
        hash: Bytes::copy_from_slice(&[hash; 32]),
        ..Default::default()
    };
    let lost = |sequence: u64, hash: u8| LostHead {
        sequence,
        hash: Digest([hash; 32]),
        epoch: 0,
        key_id: String::new(),
        signature: Bytes::new(),
    };
    let recovery = Recovery {
        at: jiff::Timestamp::UNIX_EPOCH,
        kept: KeptHead { sequence: 90, hash: Digest([1; 32]) },
        lost: vec![lost(95, 2), lost(100, 3)],
        restored_count: 0,
        cycles: Vec::new(),
    };
    let told = head(97, 4);
    for (what, held, is_accounted) in [
        ("none was held", None, true),
        ("one before the loss", Some(head(80, 9)), true),
        ("one that is named", Some(head(100, 3)), true),
        ("the one that is told", Some(told.clone()), true),
        ("one of the place of a named one", Some(head(100, 9)), false),
        ("one between those that are named", Some(head(99, 9)), false),
        ("one beyond them", Some(head(120, 9)), false),
    ] {
        let mut catalog = Catalog::new(Leg::Treasury, &arrangement.programme);
        catalog.peer_head = held.clone();
        assert_eq!(catalog.note_recovery(&recovery, Some(&told)), is_accounted, "{what}");
        let stands = if is_accounted { Some(told.clone()) } else { held };
        assert_eq!(catalog.peer_head, stands, "{what}");
    }
}
