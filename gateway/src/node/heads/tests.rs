//! Whose heads are believed: those that the house signed for its ledger of this arrangement in this mode.

use super::*;
use crate::{
    arrangement::{
        parties::ArrangementMode,
        terms::{Arrangement, DEFAULT_TOML},
    },
    identity::{SigningKey, signing::Validity},
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
