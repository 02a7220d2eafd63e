//! One digest over every row of a small market pins the exact results: on any machine, thread count, instruction set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use rayon::prelude::*;
use risk::revaluation::Revaluer;

const GOLDEN: &str = "0329c735ff1042c310c401e9078363b3d377eb194697857e1af253cab5421aae";

#[test]
fn the_rows_of_a_fixed_market_have_the_golden_digest() {
    let market = fixture::market();
    let set = fixture::varied(503);
    let instruments = fixture::instruments(&market);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    // In parallel, so that a result that depends on who computes first would show.
    let rows: Vec<Vec<i64>> = instruments.par_iter().map(|&instrument| revaluer.row(instrument).unwrap()).collect();
    let mut digest = blake3::Hasher::new();
    for (instrument, row) in instruments.iter().zip(&rows) {
        digest.update(instrument.to_string().as_bytes());
        for entry in row {
            digest.update(&entry.to_le_bytes());
        }
    }
    assert_eq!(digest.finalize().to_hex().as_str(), GOLDEN, "a change of results is a change of the engine's version");
}
