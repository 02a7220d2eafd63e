//! One digest over every row of a small market pins the exact results: on any machine, thread count, instruction set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use rayon::prelude::*;
use risk::{instrument::Instrument, revaluation::Revaluer, scenario::ScenarioSet, sensitivity::SensitivityRevaluer};

/// Of the rows by sensitivities.
const GOLDEN_SENSITIVITY: &str = "47dfa03cdb59456360c9f4ee464acdcc98d06ec874bb6c9bc6c315e9419849d2";

/// Of the rows of full revaluation.
const GOLDEN: &str = "0329c735ff1042c310c401e9078363b3d377eb194697857e1af253cab5421aae";

#[test]
fn the_rows_of_a_fixed_market_have_the_golden_digest() {
    let market = fixture::market();
    let set = fixture::varied(503);
    let revaluer = Revaluer::new(&market, &set).unwrap();
    let digest = digest_of_rows(&fixture::instruments(&market), |instrument| revaluer.row(instrument).unwrap());
    assert_eq!(digest, GOLDEN, "a change of results is a change of the engine's version");
}

#[test]
fn the_rows_by_sensitivities_have_the_golden_digest() {
    let market = fixture::market();
    let set = ScenarioSet { spread_shifts: fixture::varied(506).curve_shifts[33..].to_vec(), ..fixture::varied(503) };
    let revaluer = SensitivityRevaluer::new(&market, &set).unwrap();
    let digest = digest_of_rows(&fixture::instruments(&market), |instrument| revaluer.row(instrument).unwrap());
    assert_eq!(digest, GOLDEN_SENSITIVITY, "a change of results is a change of the engine's version");
}

fn digest_of_rows(instruments: &[Instrument], row: impl Fn(Instrument) -> Vec<i64> + Sync) -> String {
    // In parallel, so that a result that depends on who computes first would show.
    let rows: Vec<Vec<i64>> = instruments.par_iter().map(|&instrument| row(instrument)).collect();
    let mut digest = blake3::Hasher::new();
    for (instrument, row) in instruments.iter().zip(&rows) {
        digest.update(instrument.to_string().as_bytes());
        for entry in row {
            digest.update(&entry.to_le_bytes());
        }
    }
    digest.finalize().to_hex().to_string()
}
