//! Scenario repricing: the time of one row by kind of instrument, and of a whole dictionary.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use risk::{instrument::Instrument, revaluation::Revaluer, scenario::ScenarioSet, sensitivity::SensitivityRevaluer};

const SCENARIOS: u64 = 2_500;

fn revaluation(criterion: &mut Criterion) {
    let market = fixture::market();
    let set = fixture::varied(SCENARIOS);
    let mut group = criterion.benchmark_group("revaluation");

    // A new revaluer each time: nothing shared is left over from the row before.
    group.throughput(Throughput::Elements(SCENARIOS));
    for text in [
        "UST:912810UP1",
        "FWD:912810UJ5:2026-09-01",
        "USD:2026-03-11",
        "USD:2027-03-10",
        "FUT:ZF:2026-03",
        "FUT:SR3:2026-03",
    ] {
        let instrument: Instrument = text.parse().unwrap();
        group.bench_function(text, |bencher| {
            bencher.iter_batched(
                || Revaluer::new(&market, &set).unwrap(),
                |revaluer| black_box(revaluer.row(instrument).unwrap()),
                criterion::BatchSize::LargeInput,
            );
        });
    }

    let dictionary = fixture::instruments(&market);
    group.throughput(Throughput::Elements(SCENARIOS * dictionary.len() as u64));
    group.bench_function("dictionary", |bencher| {
        bencher.iter(|| {
            let revaluer = Revaluer::new(&market, &set).unwrap();
            let rows: Vec<Vec<i64>> =
                dictionary.par_iter().map(|&instrument| revaluer.row(instrument).unwrap()).collect();
            black_box(rows)
        });
    });
    group.finish();
}

/// The sensitivities of an instrument in a market that has been used, and the row by them.
fn sensitivity(criterion: &mut Criterion) {
    let market = fixture::market();
    let held = fixture::varied(SCENARIOS);
    let set = ScenarioSet { spread_shifts: held.curve_shifts.clone(), ..held };
    let revaluer = SensitivityRevaluer::new(&market, &set).unwrap();
    let mut group = criterion.benchmark_group("sensitivity");
    for text in ["UST:912810UP1", "FWD:912810UJ5:2026-09-01", "USD:2046-06-15", "FUT:ZF:2026-03", "FUT:SR3:2026-03"] {
        let instrument: Instrument = text.parse().unwrap();
        let sensitivities = revaluer.sensitivities(instrument).unwrap();
        group.bench_function(format!("{text} sensitivities"), |bencher| {
            bencher.iter(|| black_box(revaluer.sensitivities(black_box(instrument)).unwrap()));
        });
        group.bench_function(format!("{text} row"), |bencher| {
            bencher.iter(|| black_box(revaluer.row_of(black_box(&sensitivities)).unwrap()));
        });
        group.bench_function(format!("{text} split"), |bencher| {
            bencher.iter(|| black_box(revaluer.split(black_box(&sensitivities), 7, 0).unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, revaluation, sensitivity);
criterion_main!(benches);
