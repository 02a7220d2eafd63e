//! A book as the columns of the wire contract.

use std::collections::HashMap;

use crossmargin::v1::{self, submit_snapshot_request::Part};
use jiff::civil::{Date, date};
use risk::date::days_between;

use super::{Book, Repo, index, short};

impl Book {
    /// The book as parts of a snapshot, to be sent after its header: positions, then repos.
    ///
    /// Accounts ascend, and so do the instruments within an account. Each part has a dictionary of its own. An account
    /// is never divided between parts, so that a part may exceed `positions_max` where a single account does.
    #[must_use]
    pub fn into_wire(self, positions_max: usize) -> Vec<Part> {
        let positions = self.position_parts(positions_max.max(1)).into_iter().map(Part::Positions);
        let repos = self.repos.chunks(positions_max.max(1)).map(|trades| Part::Repos(self.repo_columns(trades)));
        positions.chain(repos).collect()
    }

    fn position_parts(&self, positions_max: usize) -> Vec<v1::PositionColumns> {
        let rank = |order: &[u32]| {
            let mut ranks = vec![0_usize; order.len()];
            order.iter().enumerate().for_each(|(place, &old)| ranks[index(old)] = place);
            ranks
        };
        let mut accounts: Vec<u32> = (0..short(self.accounts.len())).collect();
        accounts.sort_unstable_by_key(|&account| &self.accounts[index(account)]);
        let mut instruments: Vec<u32> = (0..short(self.instruments.len())).collect();
        instruments.sort_unstable_by_key(|&instrument| self.instruments[index(instrument)]);
        let (account_ranks, instrument_ranks) = (rank(&accounts), rank(&instruments));
        let mut positions = self.positions.clone();
        positions.sort_unstable_by_key(|position| {
            (account_ranks[index(position.account)], instrument_ranks[index(position.instrument)])
        });

        let texts: Vec<String> = self.instruments.iter().map(ToString::to_string).collect();
        let mut parts: Vec<v1::PositionColumns> = Vec::new();
        let mut dictionary: HashMap<u32, u32> = HashMap::new();
        for held in positions.chunk_by(|one, next| one.account == next.account) {
            let is_full = parts.last().is_none_or(|part| part.quantities.len() + held.len() > positions_max);
            if is_full {
                parts.push(v1::PositionColumns::default());
                dictionary.clear();
            }
            let Some(part) = parts.last_mut() else { continue };
            part.accounts.push(self.accounts[index(held[0].account)].clone());
            part.position_counts.push(short(held.len()));
            for position in held {
                let place = *dictionary.entry(position.instrument).or_insert_with(|| {
                    part.instruments.push(texts[index(position.instrument)].clone());
                    short(part.instruments.len() - 1)
                });
                part.instrument_indexes.push(place);
                part.quantities.push(position.quantity);
            }
        }
        parts
    }

    fn repo_columns(&self, trades: &[Repo]) -> v1::RepoColumns {
        let mut columns = v1::RepoColumns::default();
        let mut accounts = HashMap::new();
        let mut collateral = HashMap::new();
        for trade in trades {
            columns.account_indexes.push(*accounts.entry(trade.account).or_insert_with(|| {
                columns.accounts.push(self.accounts[index(trade.account)].clone());
                short(columns.accounts.len() - 1)
            }));
            columns.collateral_indexes.push(*collateral.entry(trade.collateral).or_insert_with(|| {
                columns.collateral.push(trade.collateral.to_string());
                short(columns.collateral.len() - 1)
            }));
            columns.faces.push(trade.face);
            columns.start_dates.push(epoch_days(trade.legs.start));
            columns.end_dates.push(epoch_days(trade.legs.end));
            columns.start_cash_cents.push(trade.legs.start_cash_cents);
            columns.end_cash_cents.push(trade.legs.end_cash_cents);
        }
        columns
    }
}

/// Days since 1970-01-01.
fn epoch_days(day: Date) -> i32 {
    // Dates end in the year 9999: about 2.9 million days.
    i32::try_from(days_between(date(1970, 1, 1), day)).unwrap_or(i32::MAX)
}
