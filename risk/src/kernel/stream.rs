//! Every tile of a matrix past every account of a block.

use super::{
    Level, ScenarioMatrix,
    accumulate::{CountAtMost, Entry, LANES, LaneMask, OutputLanes, Strip, TileSums},
    tail::TailKeeper,
};

/// The worst of the first leg, of the second, of both.
pub(super) type Keepers = [TailKeeper; 3];

/// An account on the narrow path: entries of both legs, the first leg's before the second's.
pub(super) struct NarrowLegs {
    entries: Vec<Entry>,
    first: usize,
}

/// Tiles that are gathered whole before a threshold is guessed: enough that the guess is seldom too low, few enough
/// that what a block of accounts gathers stays in the second-level cache.
const SAMPLE_TILES: usize = 6;

/// A matrix ready to stream past accounts, for tails of one size.
pub(super) struct Stream<'a> {
    /// The sampled tiles first.
    tiles: Vec<Tile<'a>>,
    sampled: usize,
    /// The rank in the sample that the threshold is guessed from.
    rank: usize,
    count: usize,
    tile_sums: TileSums,
    count_at_most: CountAtMost,
}

struct Tile<'a> {
    strips: &'a [Strip],
    /// The scenario in each output lane.
    scenarios: [u32; LANES],
    /// The lanes that hold a scenario: the last ones may lie past the end.
    valid: LaneMask,
}

impl NarrowLegs {
    pub(super) fn new(entries: Vec<Entry>, first: usize) -> Self {
        Self { entries, first }
    }

    /// Which of the streamed vectors gives the first leg, the second, and both. A leg that holds nothing has none,
    /// and then both is the other leg.
    pub(super) fn vectors(&self) -> [Option<usize>; 3] {
        match (self.first > 0, self.entries.len() > self.first) {
            (true, true) => [Some(0), Some(1), Some(2)],
            (true, false) => [Some(0), None, Some(0)],
            (false, true) => [None, Some(1), Some(1)],
            (false, false) => [None; 3],
        }
    }
}

impl<'a> Stream<'a> {
    pub(super) fn new(matrix: &'a ScenarioMatrix, level: Level, count: usize) -> Self {
        // Neighbouring tiles hold neighbouring days, whose moves overlap: a sample of tiles far apart says more.
        let step = (matrix.tiles() / SAMPLE_TILES).max(1);
        let in_sample = |tile: &usize| tile.is_multiple_of(step) && tile / step < SAMPLE_TILES;
        let (sample, rest): (Vec<usize>, Vec<usize>) = (0..matrix.tiles()).partition(in_sample);
        let sampled = sample.len();
        // The count expected in the sample, and four standard deviations of it: a guess that is too low costs a second
        // stream, one that is too high a few more candidates.
        let expected = (count * sampled).div_ceil(matrix.tiles());
        Self {
            tiles: sample.into_iter().chain(rest).map(|tile| Tile::new(matrix, tile)).collect(),
            sampled,
            rank: expected + 4 * expected.isqrt() + 3,
            count,
            tile_sums: level.tile_sums(),
            count_at_most: level.count_at_most(),
        }
    }

    /// Leaves in the keepers of every account enough to tell the tails of its vectors.
    pub(super) fn run(&self, accounts: &[Option<NarrowLegs>], keepers: &mut [Keepers]) {
        let mut open: Vec<(&NarrowLegs, &mut Keepers)> =
            accounts.iter().zip(keepers).filter_map(|(account, keepers)| Some((account.as_ref()?, keepers))).collect();
        // Everything of the sample is gathered: without room for it each keeper would grow step by step.
        let room = self.sampled * LANES;
        for (account, keepers) in &mut open {
            open_all(account, keepers, room);
        }
        let (sample, rest) = self.tiles.split_at(self.sampled);
        self.pass(sample, &mut open);
        if !rest.is_empty() {
            for keeper in open.iter_mut().flat_map(|(_, keepers)| keepers.iter_mut()) {
                keeper.lower(self.rank, self.count_at_most);
            }
            self.pass(rest, &mut open);
        }
        for (account, keepers) in open {
            let guessed_too_low = account.vectors().iter().flatten().any(|vector| !keepers[*vector].holds(self.count));
            if guessed_too_low {
                open_all(account, keepers, room);
                self.pass(&self.tiles, &mut [(account, keepers)]);
            }
        }
    }

    fn pass(&self, tiles: &[Tile<'_>], accounts: &mut [(&NarrowLegs, &mut Keepers)]) {
        let mut sums = [OutputLanes::ZERO; 3];
        for tile in tiles {
            for (account, keepers) in accounts.iter_mut() {
                let thresholds = [keepers[0].threshold(), keepers[1].threshold(), keepers[2].threshold()];
                let (first, second) = account.entries.split_at(account.first);
                let below = (self.tile_sums)(tile.strips, first, second, &thresholds, &mut sums);
                for ((keeper, below), sums) in keepers.iter_mut().zip(below).zip(&sums) {
                    let mut lanes = below & tile.valid;
                    if lanes == LaneMask::MAX {
                        keeper.push_all(&sums.0, &tile.scenarios);
                        continue;
                    }
                    while lanes != 0 {
                        let lane = lanes.trailing_zeros() as usize;
                        lanes &= lanes - 1;
                        keeper.push(sums.0[lane], tile.scenarios[lane]);
                    }
                }
            }
        }
    }
}

impl<'a> Tile<'a> {
    fn new(matrix: &'a ScenarioMatrix, tile: usize) -> Self {
        let mut scenarios = [0; LANES];
        let mut valid = 0;
        for (lane, slot) in scenarios.iter_mut().enumerate() {
            let scenario = matrix.scenario(tile, lane);
            if scenario < matrix.scenarios() {
                valid |= 1 << lane;
                // Invariant: a matrix has at most 2^20 scenarios.
                *slot = u32::try_from(scenario).unwrap_or(u32::MAX);
            }
        }
        Self { strips: matrix.tile(tile), scenarios, valid }
    }
}

/// Opens the keepers of the vectors that the account has, and no others.
fn open_all(account: &NarrowLegs, keepers: &mut Keepers, room: usize) {
    keepers.iter_mut().for_each(TailKeeper::close);
    for vector in account.vectors().into_iter().flatten() {
        keepers[vector].open(room);
    }
}
