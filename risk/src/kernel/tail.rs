//! The worst scenarios of one vector: kept while it streams by, exact whatever the order it comes in.

use super::accumulate::CountAtMost;

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

/// Gathers what can be among the worst of a stream: everything of a first sample, and from then on what is at or below
/// a threshold guessed from it.
///
/// A guess cannot make the tail wrong: below the threshold nothing is dropped, so that as many candidates as the tail
/// needs are proof of it; with fewer the stream is run again without a guess.
#[derive(Debug)]
pub(super) struct TailKeeper {
    threshold: i64,
    values: Vec<i64>,
    scenarios: Vec<u32>,
}

impl TailKeeper {
    /// A keeper that takes nothing until it is opened: no sum of the narrow path is as low.
    pub(super) fn new() -> Self {
        Self { threshold: i64::MIN, values: Vec::new(), scenarios: Vec::new() }
    }

    pub(super) fn threshold(&self) -> i64 {
        self.threshold
    }

    /// Forgets the last stream, and takes everything of the next; with room for so many candidates at once.
    pub(super) fn open(&mut self, room: usize) {
        self.close();
        self.threshold = i64::MAX;
        self.values.reserve(room);
        self.scenarios.reserve(room);
    }

    /// Forgets the last stream, and takes nothing of the next.
    pub(super) fn close(&mut self) {
        self.threshold = i64::MIN;
        self.values.clear();
        self.scenarios.clear();
    }

    pub(super) fn push(&mut self, pnl: i64, scenario: u32) {
        self.values.push(pnl);
        self.scenarios.push(scenario);
    }

    pub(super) fn push_all<const N: usize>(&mut self, pnls: &[i64; N], scenarios: &[u32; N]) {
        self.values.extend_from_slice(pnls);
        self.scenarios.extend_from_slice(scenarios);
    }

    /// Lowers the threshold until at least `rank` candidates are at or below it, and drops those above.
    pub(super) fn lower(&mut self, rank: usize, count_at_most: CountAtMost) {
        if self.values.len() <= rank {
            return;
        }
        let (mut low, mut high) =
            self.values.iter().fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        // At or below `high` there are always enough; a few too many do no harm.
        let enough = rank + rank / 4;
        while low < high {
            // Rounded down, as the search needs; `midpoint` rounds towards zero.
            let middle = (low & high) + ((low ^ high) >> 1);
            let count = count_at_most(&self.values, middle);
            if count < rank {
                low = middle + 1;
            } else {
                high = middle;
                if count <= enough {
                    break;
                }
            }
        }
        self.threshold = high;
        let mut kept = 0;
        for index in 0..self.values.len() {
            let value = self.values[index];
            self.values[kept] = value;
            self.scenarios[kept] = self.scenarios[index];
            kept += usize::from(value <= high);
        }
        self.values.truncate(kept);
        self.scenarios.truncate(kept);
    }

    /// Whether the tail can be told from what was kept.
    pub(super) fn holds(&self, count: usize) -> bool {
        self.values.len() >= count
    }

    /// The order statistic alone. The keeper holds at least `count` candidates.
    pub(super) fn order_statistic(&mut self, count: usize, count_at_most: CountAtMost) -> i128 {
        self.lower(count, count_at_most);
        let (_, statistic, _) = self.values.select_nth_unstable(count - 1);
        i128::from(*statistic)
    }

    /// The tail with its scenarios. The keeper holds at least `count` candidates.
    pub(super) fn tail(&mut self, count: usize, count_at_most: CountAtMost) -> Tail {
        self.lower(count, count_at_most);
        let mut ranked: Vec<(i64, u32)> = self.values.iter().copied().zip(self.scenarios.iter().copied()).collect();
        ranked.sort_unstable();
        ranked.truncate(count);
        Tail::of_ranked(&ranked)
    }
}
