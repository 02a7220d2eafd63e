//! What the walk before decoding costs, beside the decoding itself.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark: a failure is a panic")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use crossmargin::{bounded, v1};
use prost::{Message, Name};

/// Positions of a chunk.
const POSITIONS: u32 = 10_000;

fn columns() -> v1::PositionColumns {
    v1::PositionColumns {
        instruments: (0..600).map(|place| format!("UST:91282C{place:03}")).collect(),
        accounts: (0..512).map(|place| format!("GSD-{place:06}")).collect(),
        position_counts: vec![POSITIONS / 512; 512],
        instrument_indexes: (0..POSITIONS).map(|place| place % 600).collect(),
        quantities: (0..POSITIONS).map(|place| i64::from(place) * 100_000 - 500_000_000).collect(),
    }
}

fn requirements() -> v1::ListRequirementsResponse {
    let link = v1::LinkTerms {
        link_id: "L-000001".into(),
        member: "alder-point".into(),
        owner: "alder-point".into(),
        treasury_account: "GSD-000001".into(),
        futures_account: "XM-000001".into(),
        ..Default::default()
    };
    let requirement = v1::Requirement { link: Some(link), ..Default::default() };
    v1::ListRequirementsResponse { requirements: vec![requirement; 1_000], ..Default::default() }
}

fn compare<M: Message + Name + Default>(criterion: &mut Criterion, what: &str, message: &M) {
    let bytes = message.encode_to_vec();
    let mut group = criterion.benchmark_group(format!("{what}, {} bytes", bytes.len()));
    group.bench_function("walk", |bencher| {
        bencher.iter(|| bounded::cost::<M>(black_box(&bytes), bounded::MESSAGE_DECODED_BYTES_MAX).unwrap());
    });
    group.bench_function("decode", |bencher| bencher.iter(|| M::decode(black_box(&bytes[..])).unwrap()));
    group.finish();
}

fn decoding(criterion: &mut Criterion) {
    compare(criterion, "10,000 positions in columns", &columns());
    compare(criterion, "1,000 requirements", &requirements());
}

criterion_group!(benches, decoding);
criterion_main!(benches);
