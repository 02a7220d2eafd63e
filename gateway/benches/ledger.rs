//! Durable commits per second: what the house's word costs on this machine's disk.
//!
//! `single` waits for each record before the next; `queued` keeps 64 appends of one record waiting, which the writer
//! commits together; `batch` appends 1,000 records at once. `verify` walks a ledger of 100,000 records. The folder is
//! that of `TMPDIR`: set it to the disk that the ledger will be on.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing better to do than to stop")]

use std::{fs, hint::black_box, sync::Arc};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway::{
    arrangement::parties::{ArrangementMode, Party},
    blobs::{BlobStore, FileBlobStore},
    ledger::{
        Epoch, HeadRejection, HeadSignature, HeadSigner, HeadVerifier, Ledger, LedgerOptions, NewRecord, RecordKind,
        SigningFault, SqliteLedger, Ticket, VerifyOptions, verify,
    },
};
use prost::bytes::Bytes;
use tempfile::TempDir;

criterion_group!(benches, appends, verification, blobs, fsync_floor);
criterion_main!(benches);

const EPOCH: Epoch = Epoch(1);
/// A record of digests and results.
const BODY_BYTES: usize = 300;

fn appends(criterion: &mut Criterion) {
    let folder = TempDir::new().expect("a folder for the benchmark");
    let ledger = open(&folder);
    let mut group = criterion.benchmark_group("ledger/append");
    group.sample_size(20);

    group.throughput(Throughput::Elements(1));
    group.bench_function("single", |bencher| {
        bencher.iter(|| append(&ledger, 1).wait().expect("durable"));
    });

    const WAITING: usize = 64;
    group.throughput(Throughput::Elements(WAITING as u64));
    group.bench_function(BenchmarkId::new("queued", WAITING), |bencher| {
        bencher.iter(|| {
            let first = ledger.head().head.seq.next();
            let tickets: Vec<Ticket> =
                (0..WAITING).map(|number| ledger.append(first.plus(number), EPOCH, records(1))).collect();
            for ticket in tickets {
                ticket.wait().expect("durable");
            }
        });
    });

    const BATCH: usize = 1000;
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(BenchmarkId::new("batch", BATCH), |bencher| {
        bencher.iter(|| append(&ledger, BATCH).wait().expect("durable"));
    });
    group.finish();
}

fn verification(criterion: &mut Criterion) {
    const RECORDS: usize = 100_000;
    let folder = TempDir::new().expect("a folder for the benchmark");
    let ledger = open(&folder);
    for _ in 0..RECORDS / 1000 {
        append(&ledger, 1000).wait().expect("durable");
    }
    drop(ledger);
    let (_, verifier) = keys();
    let options = VerifyOptions::new(folder.path().join("ledger.db"), verifier);
    let mut group = criterion.benchmark_group("ledger/verify");
    group.sample_size(10);
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function(BenchmarkId::from_parameter(RECORDS), |bencher| {
        bencher.iter(|| assert!(verify(&options).expect("readable").is_sound()));
    });
    group.finish();
}

fn blobs(criterion: &mut Criterion) {
    const BLOBS: usize = 60;
    let folder = TempDir::new().expect("a folder for the benchmark");
    let store = FileBlobStore::open(folder.path()).expect("a blob store");
    let mut number = 0_u64;
    let mut cycle = || -> Vec<Bytes> {
        (0..BLOBS)
            .map(|_| {
                number += 1;
                let mut bytes = vec![7; 64 << 10];
                bytes[..8].copy_from_slice(&number.to_le_bytes());
                Bytes::from(bytes)
            })
            .collect()
    };
    let mut group = criterion.benchmark_group("blobs");
    group.sample_size(10);
    group.throughput(Throughput::Elements(BLOBS as u64));
    group.bench_function("put_many/60 x 64 KiB", |bencher| {
        bencher.iter_batched(
            &mut cycle,
            |blobs| store.put_many(&blobs).expect("durable"),
            criterion::BatchSize::PerIteration,
        );
    });
    group.bench_function("put one by one/60 x 64 KiB", |bencher| {
        bencher.iter_batched(
            &mut cycle,
            |blobs| {
                for blob in &blobs {
                    store.put(blob).expect("durable");
                }
            },
            criterion::BatchSize::PerIteration,
        );
    });
    let stored = cycle();
    let digests = store.put_many(&stored).expect("durable");
    group.bench_function("put_many again/60 x 64 KiB", |bencher| {
        bencher.iter(|| store.put_many(&stored).expect("durable"));
    });
    group.bench_function("get/60 x 64 KiB", |bencher| {
        bencher.iter(|| digests.iter().for_each(|digest| drop(black_box(store.get(digest).expect("sound")))));
    });
    group.finish();
}

/// What the disk alone allows: one write and `fdatasync` of a page. An append pays two (log and guard).
fn fsync_floor(criterion: &mut Criterion) {
    use std::os::unix::fs::FileExt;
    let folder = TempDir::new().expect("a folder for the benchmark");
    let file = fs::File::create(folder.path().join("floor")).expect("a file");
    file.write_all_at(&[0; 8192], 0).and_then(|()| file.sync_all()).expect("written");
    let mut byte = 0_u8;
    criterion.benchmark_group("disk").sample_size(20).bench_function("write and fdatasync of 4 KiB", |bencher| {
        bencher.iter(|| {
            byte = byte.wrapping_add(1);
            file.write_all_at(&[byte; 4096], 0).and_then(|()| file.sync_data()).expect("synced");
        });
    });
}

fn open(folder: &TempDir) -> SqliteLedger {
    let (signer, verifier) = keys();
    let party = Party {
        arrangement: "FICC-CME".parse().expect("a name"),
        mode: ArrangementMode::Live,
        house: "FICC".parse().expect("a name"),
    };
    let options = LedgerOptions::new(folder.path().join("ledger.db"), party, signer, verifier);
    SqliteLedger::open(options).expect("a new ledger")
}

fn append(ledger: &SqliteLedger, count: usize) -> Ticket {
    ledger.append(ledger.head().head.seq.next(), EPOCH, records(count))
}

fn records(count: usize) -> Vec<NewRecord> {
    (0..count).map(|_| NewRecord { kind: RecordKind(1), body: vec![7; BODY_BYTES], recorded_at_ms: 0 }).collect()
}

fn keys() -> (Arc<dyn HeadSigner>, Arc<dyn HeadVerifier>) {
    const KEY_ID: &str = "bench";
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key from a seed");
    let public = pair.public_key().as_ref().to_vec();
    let signer = move |message: &[u8]| -> Result<HeadSignature, SigningFault> {
        Ok(HeadSignature { key_id: KEY_ID.to_owned(), bytes: pair.sign(message).as_ref().to_vec() })
    };
    let verifier = move |_: &str, message: &[u8], signature: &[u8]| {
        UnparsedPublicKey::new(&ED25519, &public).verify(message, signature).map_err(|_| HeadRejection::BadSignature)
    };
    (Arc::new(signer), Arc::new(verifier))
}
