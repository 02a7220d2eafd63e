use proptest::prelude::*;

use super::common::party;
use crate::ledger::{RecordHash, RecordKind, Sequence};

#[test]
fn the_hash_is_blake3_over_the_documented_bytes() {
    let genesis = RecordHash::genesis(&party());
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
    let genesis = RecordHash::genesis(&party());
    let first = genesis.chain(Sequence(1), RecordKind(1), 0, b"first");
    assert_eq!(genesis.to_string(), GENESIS);
    assert_eq!(first.to_string(), FIRST);
}

const GENESIS: &str = "50c5be1f161cd1a47d13e27994a2158f0f91f779b0079cd30d5376e8ec541c92";
const FIRST: &str = "2988d9d01d02cccab99a8da999acb287cd9ffa9415bb49ec9c59d5a69aba60ae";

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
