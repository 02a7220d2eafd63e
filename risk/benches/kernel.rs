//! The kernel on its job, on every instruction set of the machine, with two threads.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod job;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use risk::kernel::Level;

use crate::job::{ACCOUNTS, Job, Shape};

fn kernel(criterion: &mut Criterion) {
    let job = Job::new();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for shape in [Shape::OneLeg, Shape::TwoLegs] {
        let legs = job.legs(shape);
        let mut group = criterion.benchmark_group(format!("kernel/{shape:?}"));
        group.throughput(Throughput::Elements(u64::try_from(ACCOUNTS).unwrap())).sample_size(20);
        for level in Level::available() {
            group.bench_function(level.name(), |bencher| {
                pool.install(|| bencher.iter(|| job.run(level, &legs).unwrap()));
            });
        }
        group.finish();
    }
    let legs = job.legs(Shape::TwoLegs);
    criterion.bench_function("kernel/one account", |bencher| {
        bencher.iter(|| job.matrix.order_statistics(Level::best(), job::TAIL, &legs[..1]).unwrap());
    });
}

criterion_group!(benches, kernel);
criterion_main!(benches);
