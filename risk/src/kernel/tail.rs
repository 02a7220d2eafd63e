//! The worst scenarios of one vector: kept while it streams by, exact whatever the order it comes in.

/// One scenario of a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailScenario {
    /// Index of the scenario, in ascending order of date.
    pub scenario: u32,
    /// The account's P&L in it, in 1e-8 USD; a loss is negative.
    pub pnl: i128,
}

/// The k worst scenarios of a vector, summed up. Among equal P&Ls the earlier date ranks as the worse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The k-th worst P&L, in 1e-8 USD.
    pub order_statistic: i128,
    /// The sum of the k worst P&Ls, in 1e-8 USD.
    pub sum: i128,
    /// The worst scenarios, the worst first.
    pub worst: Vec<TailScenario>,
}

impl Tail {
    /// The tail of a whole vector in ascending order of date.
    pub(super) fn of_vector(vector: &[i128], count: usize) -> Self {
        let mut ranked: Vec<(i128, u32)> = vector.iter().copied().zip(0..).collect();
        ranked.sort_unstable();
        ranked.truncate(count);
        Self::of_ranked(&ranked)
    }

    /// The tail of a leg that holds nothing: no P&L in any scenario.
    pub(super) fn flat(count: usize) -> Self {
        Self::of_ranked(&(0..).take(count).map(|scenario| (0i64, scenario)).collect::<Vec<_>>())
    }

    fn of_ranked<P: Copy + Into<i128>>(ranked: &[(P, u32)]) -> Self {
        Self {
            order_statistic: ranked.last().map_or(0, |(pnl, _)| (*pnl).into()),
            sum: ranked.iter().map(|(pnl, _)| (*pnl).into()).sum(),
            worst: ranked.iter().map(|&(pnl, scenario)| TailScenario { scenario, pnl: pnl.into() }).collect(),
        }
    }
}

/// Keeps the `count` worst of a stream, and at most a few times as many candidates.
#[derive(Debug)]
pub(super) struct TailKeeper {
    count: usize,
    /// Nothing above it can be among the worst; what equals it can, by an earlier date.
    threshold: i64,
    candidates: Vec<(i64, u32)>,
    capacity: usize,
}

impl TailKeeper {
    pub(super) fn new(count: usize) -> Self {
        // Measured: from two to three times the tail, the pruning costs least.
        let capacity = 2 * count + 32;
        Self { count, threshold: i64::MAX, candidates: Vec::with_capacity(capacity), capacity }
    }

    pub(super) fn threshold(&self) -> i64 {
        self.threshold
    }

    /// Forgets the last stream and takes the next.
    pub(super) fn open(&mut self) {
        self.threshold = i64::MAX;
        self.candidates.clear();
    }

    /// Takes nothing: no sum of the narrow path is as low.
    pub(super) fn close(&mut self) {
        self.threshold = i64::MIN;
        self.candidates.clear();
    }

    pub(super) fn push(&mut self, pnl: i64, scenario: u32) {
        if self.candidates.len() == self.capacity {
            self.prune();
        }
        self.candidates.push((pnl, scenario));
    }

    /// Drops all but the worst. A stream has at least `count` scenarios, so by its end as many candidates were pushed.
    fn prune(&mut self) {
        if self.candidates.len() >= self.count {
            let (_, kth, _) = self.candidates.select_nth_unstable(self.count - 1);
            self.threshold = kth.0;
            self.candidates.truncate(self.count);
        }
    }

    /// The order statistic alone.
    pub(super) fn order_statistic(&mut self) -> i128 {
        self.prune();
        i128::from(self.threshold)
    }

    /// The tail with its scenarios.
    pub(super) fn tail(&mut self) -> Tail {
        self.prune();
        self.candidates.sort_unstable();
        Tail::of_ranked(&self.candidates)
    }
}
