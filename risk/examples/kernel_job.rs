fn main() {
    use risk::kernel::*;
    use std::time::Instant;
    let (a, k, i, s) = (10_000usize, 60usize, 600usize, 2_500usize);
    let mut seed = 0x1234_5678_9abc_def0u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let rows: Vec<Vec<i64>> = (0..i)
        .map(|_| {
            (0..s)
                .map(|_| {
                    let mut x = 0i64;
                    for _ in 0..4 {
                        x += (next() % 200_000_001) as i64 - 100_000_000;
                    }
                    x
                })
                .collect()
        })
        .collect();
    let m = ScenarioMatrix::new(s, &rows).unwrap();
    let accts: Vec<Vec<Position>> = (0..a)
        .map(|_| {
            let mut idx: Vec<u32> = (0..i as u32).collect();
            for j in 0..k {
                let r = j + (next() as usize % (i - j));
                idx.swap(j, r);
            }
            idx[..k].iter().map(|r| Position { row: *r, units: (next() % 10001) as i64 - 5000 }).collect()
        })
        .collect();
    let one: Vec<Legs> = accts.iter().map(|p| Legs { first: p, second: &[] }).collect();
    let two: Vec<Legs> = accts.iter().map(|p| Legs { first: &p[..30], second: &p[30..] }).collect();
    for l in Level::available() {
        for (n, set) in [("one", &one), ("two", &two)] {
            let mut ts = vec![];
            let mut h = 0i128;
            for _ in 0..9 {
                let t = Instant::now();
                let half = a / 2;
                let r = std::thread::scope(|sc| {
                    let x = sc.spawn(|| m.order_statistics(l, 25, &set[..half]).unwrap());
                    let y = m.order_statistics(l, 25, &set[half..]).unwrap();
                    let mut x = x.join().unwrap();
                    x.extend(y);
                    x
                });
                ts.push(t.elapsed().as_secs_f64() * 1e3);
                h = r.iter().map(|x| x[0] ^ x[2]).fold(0, |a, b| a ^ b);
            }
            ts.sort_by(f64::total_cmp);
            println!("{} {n} min {:.1} med {:.1} {h}", l.name(), ts[0], ts[4]);
        }
    }
}
