use proptest::prelude::*;

use crate::ledger::{Head, RecordHash, RecordKind, Sequence};

#[test]
fn the_hash_is_blake3_over_the_documented_bytes() {
    let genesis = RecordHash::genesis("FICC");
    let mut bytes = genesis.0.to_vec();
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&7_u16.to_le_bytes());
    bytes.extend_from_slice(&(-5_i64).to_le_bytes());
    bytes.extend_from_slice(&3_u64.to_le_bytes());
    bytes.extend_from_slice(b"abc");
    let by_hand = blake3::derive_key("crossmargin ledger record v1", &bytes);
    assert_eq!(genesis.chain(Sequence(1), RecordKind(7), -5, b"abc"), RecordHash(by_hand));
}

#[test]
fn the_hashes_of_a_known_chain_never_change() {
    let genesis = RecordHash::genesis("FICC");
    let first = genesis.chain(Sequence(1), RecordKind(1), 0, b"first");
    assert_eq!(genesis.to_string(), GENESIS);
    assert_eq!(first.to_string(), FIRST);
}

const GENESIS: &str = "a73be63779a65e16998758c45ba143b94245a517dc69bbd4b674f79e83975009";
const FIRST: &str = "098e826be11db6baa97942693108256f5f70bf561573e43db031cc9f56dd27be";

#[test]
fn each_house_chains_from_a_genesis_of_its_own() {
    assert_ne!(Head::genesis("FICC").hash, Head::genesis("CME").hash);
}

proptest! {
    #[test]
    fn a_change_of_any_part_changes_the_hash(
        prev: [u8; 32], seq: u64, kind: u16, at: i64, body: Vec<u8>,
        other_prev: [u8; 32], other_seq: u64, other_kind: u16, other_at: i64, other_body: Vec<u8>,
    ) {
        let hash = RecordHash(prev).chain(Sequence(seq), RecordKind(kind), at, &body);
        prop_assert_eq!(RecordHash(prev).chain(Sequence(seq), RecordKind(kind), at, &body), hash);
        let changed = [
            (other_prev != prev, RecordHash(other_prev).chain(Sequence(seq), RecordKind(kind), at, &body)),
            (other_seq != seq, RecordHash(prev).chain(Sequence(other_seq), RecordKind(kind), at, &body)),
            (other_kind != kind, RecordHash(prev).chain(Sequence(seq), RecordKind(other_kind), at, &body)),
            (other_at != at, RecordHash(prev).chain(Sequence(seq), RecordKind(kind), other_at, &body)),
            (other_body != body, RecordHash(prev).chain(Sequence(seq), RecordKind(kind), at, &other_body)),
        ];
        for (differs, other) in changed {
            prop_assert_eq!(differs, other != hash);
        }
    }
}
