//! A block of accounts through the matrix.

use super::{
    KernelError, Level, ScenarioMatrix, Tail,
    accumulate::Entry,
    stream::{Keepers, NarrowLegs, Stream},
    tail::TailKeeper,
    wide,
};

/// A quantity of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Row of the instrument in the scenario matrix.
    pub row: u32,
    /// Kernel units of it; negative when short.
    pub units: i64,
}

/// What one account holds at two houses. An account with one leg leaves the other empty.
#[derive(Clone, Copy, Debug)]
pub struct Legs<'a> {
    /// The first house's leg.
    pub first: &'a [Position],
    /// The second house's leg.
    pub second: &'a [Position],
}

/// The tails of one account: of each leg alone, and of both together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountTails {
    /// The first leg alone.
    pub first: Tail,
    /// The second leg alone.
    pub second: Tail,
    /// Both legs in one portfolio.
    pub both: Tail,
}

/// A position larger than 32 bits is carried as several; past this many the account takes the wide path.
const SPLITS_MAX: u64 = 64;

/// The largest P&L, in 1e-8 USD, that an account may reach: sums of it over every scenario still fit 128 bits.
pub(super) const REACH_MAX: u128 = 1 << 100;

/// Accounts that share a tile before the next tile is taken: their entries and candidates stay in the second-level
/// cache beside the tile.
const ACCOUNTS_SHARING: usize = 256;

impl ScenarioMatrix {
    /// The P&L of positions in every scenario, in ascending order of date. Unit: 1e-8 USD; a loss is negative.
    ///
    /// # Errors
    /// A row that the matrix lacks, or positions beyond any real book.
    pub fn vector(&self, positions: &[Position]) -> Result<Vec<i128>, KernelError> {
        self.reach(&Legs { first: positions, second: &[] }, 0)?;
        Ok(wide::vector(self, positions))
    }

    /// The `count` worst scenarios of each account and of each of its legs, in the order of the accounts.
    ///
    /// The result depends on nothing but the matrix, the positions and the count. To use several threads, call it
    /// from each with a part of the accounts; parts of some hundred accounts use the caches best.
    ///
    /// # Errors
    /// A count outside 1 to the number of scenarios; a row that the matrix lacks; positions beyond any
    /// real book.
    pub fn tails(&self, level: Level, count: usize, accounts: &[Legs<'_>]) -> Result<Vec<AccountTails>, KernelError> {
        let mut tails = Vec::with_capacity(accounts.len());
        self.each_account(level, count, accounts, |outcome| {
            tails.push(match outcome {
                Outcome::Narrow(legs, keepers) => {
                    let [first, second, both] = legs.vectors().map(|vector| {
                        vector.map_or_else(|| Tail::flat(count), |v| keepers[v].tail(count, level.count_at_most()))
                    });
                    AccountTails { first, second, both }
                }
                Outcome::Wide(tails) => tails,
            });
        })?;
        Ok(tails)
    }

    /// The order statistics alone, `[first leg, second leg, both]` for each account: the `count`-th worst P&L, in
    /// 1e-8 USD. The same figures as [`Self::tails`], without the scenarios behind them.
    ///
    /// # Errors
    /// As [`Self::tails`].
    pub fn order_statistics(
        &self,
        level: Level,
        count: usize,
        accounts: &[Legs<'_>],
    ) -> Result<Vec<[i128; 3]>, KernelError> {
        let mut statistics = Vec::with_capacity(accounts.len());
        self.each_account(level, count, accounts, |outcome| {
            statistics.push(match outcome {
                Outcome::Narrow(legs, keepers) => {
                    let count_at_most = level.count_at_most();
                    legs.vectors().map(|vector| vector.map_or(0, |v| keepers[v].order_statistic(count, count_at_most)))
                }
                Outcome::Wide(tails) => {
                    [tails.first.order_statistic, tails.second.order_statistic, tails.both.order_statistic]
                }
            });
        })?;
        Ok(statistics)
    }

    fn each_account(
        &self,
        level: Level,
        count: usize,
        accounts: &[Legs<'_>],
        mut take: impl FnMut(Outcome<'_>),
    ) -> Result<(), KernelError> {
        if count == 0 || count > self.scenarios() {
            return Err(KernelError::TailOutOfRange { tail: count, scenarios: self.scenarios() });
        }
        let stream = Stream::new(self, level, count);
        let mut keepers: Vec<Keepers> = Vec::new();
        for (part, sharing) in accounts.chunks(ACCOUNTS_SHARING).enumerate() {
            let base = part * ACCOUNTS_SHARING;
            let narrow = self.narrow_block(base, sharing)?;
            keepers.resize_with(sharing.len().max(keepers.len()), || [(); 3].map(|()| TailKeeper::new()));
            stream.run(&narrow, &mut keepers);
            for (index, legs) in sharing.iter().enumerate() {
                take(match &narrow[index] {
                    Some(narrow) => Outcome::Narrow(narrow, &mut keepers[index]),
                    None => Outcome::Wide(self.wide_tails(legs, count)),
                });
            }
        }
        Ok(())
    }

    fn narrow_block(&self, base: usize, accounts: &[Legs<'_>]) -> Result<Vec<Option<NarrowLegs>>, KernelError> {
        accounts
            .iter()
            .enumerate()
            .map(|(index, legs)| {
                let reach = self.reach(legs, base + index)?;
                // Then every partial sum fits 64 bits.
                Ok(if reach <= u128::from(i64::MAX.unsigned_abs()) { self.narrow(legs) } else { None })
            })
            .collect()
    }

    /// A bound on every sum over positions of the account, in whatever order and whichever part of them.
    fn reach(&self, legs: &Legs<'_>, account: usize) -> Result<u128, KernelError> {
        let mut reach = 0u128;
        for position in legs.first.iter().chain(legs.second) {
            let largest = self.largest(position.row).ok_or_else(|| KernelError::RowOutOfRange {
                account,
                row: position.row,
                rows: self.rows(),
            })?;
            // A product of two 64-bit integers fits 128 bits; only the sum can leave them.
            let product = u128::from(position.units.unsigned_abs()) * u128::from(largest);
            reach = reach.saturating_add(product);
        }
        if reach <= REACH_MAX { Ok(reach) } else { Err(KernelError::Reach { account }) }
    }

    /// The account as 32-bit entries, or `None` where a row or a quantity is wide.
    fn narrow(&self, legs: &Legs<'_>) -> Option<NarrowLegs> {
        let mut entries = Vec::with_capacity(legs.first.len() + legs.second.len());
        for position in legs.first {
            self.split(*position, &mut entries)?;
        }
        let first = entries.len();
        for position in legs.second {
            self.split(*position, &mut entries)?;
        }
        Some(NarrowLegs::new(entries, first))
    }

    /// Carries a position as entries of 32 bits, `None` where the row is wide or it would take too many.
    fn split(&self, position: Position, entries: &mut Vec<Entry>) -> Option<()> {
        let step = i64::from(i32::MAX);
        if self.is_wide(position.row) || position.units.unsigned_abs() / step.unsigned_abs() >= SPLITS_MAX {
            return None;
        }
        let mut left = position.units;
        while left != 0 {
            let part = left.clamp(-step, step);
            entries.push(Entry { row: position.row, units: i32::try_from(part).ok()? });
            left -= part;
        }
        Some(())
    }

    fn wide_tails(&self, legs: &Legs<'_>, count: usize) -> AccountTails {
        let [first, second] = [legs.first, legs.second].map(|positions| wide::vector(self, positions));
        let both: Vec<i128> = first.iter().zip(&second).map(|(one, other)| one + other).collect();
        AccountTails {
            first: Tail::of_vector(&first, count),
            second: Tail::of_vector(&second, count),
            both: Tail::of_vector(&both, count),
        }
    }
}

enum Outcome<'a> {
    Narrow(&'a NarrowLegs, &'a mut Keepers),
    Wide(AccountTails),
}
