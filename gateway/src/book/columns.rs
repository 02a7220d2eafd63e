//! The canonical columns of a book: what a house stores, freezes for a cycle and shows to the other house.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use crossmargin::v1;
use prost::{Message, bytes::Bytes};
use rayon::prelude::*;
use risk::instrument::{Instrument, InstrumentError};

use super::{Accounts, Holding};
use crate::{
    arrangement::{
        digest::Digest,
        name::{AccountId, NameError},
    },
    wire,
};

/// An account with its holdings, ascending by instrument.
pub type Held = (AccountId, Arc<[Holding]>);

/// Accounts in one chunk.
const CHUNK_ACCOUNTS: usize = 512;

/// A chunk: its encoded bytes and what the manifest says of it.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The encoded `PositionColumns`.
    pub bytes: Vec<u8>,
    /// Digest, size and counts.
    pub reference: v1::ChunkRef,
}

/// Why columns are not canonical.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// The bytes are no `PositionColumns`.
    #[error("the bytes are not position columns: {0}")]
    Encoding(String),
    /// The columns have different lengths.
    #[error("{0}")]
    Shape(&'static str),
    /// A dictionary entry is not an instrument.
    #[error("instruments[{index}]: {error}")]
    Instrument {
        /// Its place.
        index: usize,
        /// Why.
        error: InstrumentError,
    },
    /// A dictionary entry is not an account.
    #[error("accounts[{index}]: {error}")]
    Account {
        /// Its place.
        index: usize,
        /// Why.
        error: NameError,
    },
    /// Accounts, or instruments of an account, do not ascend.
    #[error("account {0}: accounts and the instruments of each must ascend without repetition")]
    Order(AccountId),
    /// A quantity is zero.
    #[error("account {0}: a quantity is zero")]
    Zero(AccountId),
}

/// Cuts accounts into chunks, in order. Equal accounts make equal bytes.
#[must_use]
pub fn chunks(accounts: &[(&AccountId, &Arc<[Holding]>)]) -> Vec<Chunk> {
    accounts.par_chunks(CHUNK_ACCOUNTS).map(chunk).collect()
}

/// All chunks of a set of accounts.
#[must_use]
pub fn chunks_of(accounts: &Accounts) -> Vec<Chunk> {
    chunks(&accounts.iter().collect::<Vec<_>>())
}

/// The columns of one account.
#[must_use]
pub fn of_account(account: &AccountId, holdings: &Arc<[Holding]>) -> v1::PositionColumns {
    columns_of(&[(account, holdings)])
}

fn chunk(accounts: &[(&AccountId, &Arc<[Holding]>)]) -> Chunk {
    let columns = columns_of(accounts);
    let positions = columns.quantities.len();
    let bytes = columns.encode_to_vec();
    let reference = v1::ChunkRef {
        digest: Bytes::copy_from_slice(Digest::of(&bytes).as_bytes()),
        size_bytes: bytes.len() as u64,
        account_count: u32::try_from(accounts.len()).unwrap_or(u32::MAX),
        position_count: positions as u64,
    };
    Chunk { bytes, reference }
}

fn columns_of(accounts: &[(&AccountId, &Arc<[Holding]>)]) -> v1::PositionColumns {
    let mut dictionary: BTreeMap<Instrument, u32> =
        accounts.iter().flat_map(|(_, holdings)| holdings.iter().map(|h| (h.instrument, 0))).collect();
    for (index, entry) in (0..).zip(dictionary.values_mut()) {
        *entry = index;
    }
    let positions: usize = accounts.iter().map(|(_, holdings)| holdings.len()).sum();
    let mut columns = v1::PositionColumns {
        instruments: dictionary.keys().map(ToString::to_string).collect(),
        accounts: Vec::with_capacity(accounts.len()),
        position_counts: Vec::with_capacity(accounts.len()),
        instrument_indexes: Vec::with_capacity(positions),
        quantities: Vec::with_capacity(positions),
    };
    for (account, holdings) in accounts {
        columns.accounts.push(account.to_string());
        columns.position_counts.push(u32::try_from(holdings.len()).unwrap_or(u32::MAX));
        for holding in holdings.iter() {
            columns.instrument_indexes.push(dictionary[&holding.instrument]);
            columns.quantities.push(holding.quantity);
        }
    }
    columns
}

/// Where an account stands by the first and the last account of a chunk: `Equal` where it can only be in that chunk, if
/// the chunks of the book ascend.
///
/// # Errors
/// The bytes are no `PositionColumns`, or those accounts cannot be read.
pub fn place(bytes: &[u8], account: &AccountId) -> Result<Ordering, ColumnsError> {
    let columns: v1::PositionColumns =
        wire::decode(bytes).map_err(|error| ColumnsError::Encoding(error.to_string()))?;
    let parse = |index: usize| -> Result<AccountId, ColumnsError> {
        let name = columns.accounts.get(index).ok_or(ColumnsError::Shape("a chunk has no account"))?;
        name.parse().map_err(|error| ColumnsError::Account { index, error })
    };
    let (first, last) = (parse(0)?, parse(columns.accounts.len().saturating_sub(1))?);
    Ok(if *account < first {
        Ordering::Less
    } else if *account > last {
        Ordering::Greater
    } else {
        Ordering::Equal
    })
}

/// Reads a chunk strictly: whatever is not canonical is refused.
///
/// # Errors
/// The first thing that is wrong, by row.
pub fn read(bytes: &[u8]) -> Result<Vec<Held>, ColumnsError> {
    let columns: v1::PositionColumns =
        wire::decode(bytes).map_err(|error| ColumnsError::Encoding(error.to_string()))?;
    let total: u64 = columns.position_counts.iter().map(|count| u64::from(*count)).sum();
    if columns.accounts.len() != columns.position_counts.len() {
        return Err(ColumnsError::Shape("accounts and position_counts must have the same length"));
    }
    if total != columns.instrument_indexes.len() as u64 || total != columns.quantities.len() as u64 {
        return Err(ColumnsError::Shape(
            "instrument_indexes and quantities must have as many rows as position_counts add up to",
        ));
    }
    let dictionary: Vec<Instrument> = (columns.instruments.iter().enumerate())
        .map(|(index, text)| text.parse().map_err(|error| ColumnsError::Instrument { index, error }))
        .collect::<Result<_, _>>()?;
    let mut accounts: Vec<Held> = Vec::with_capacity(columns.accounts.len());
    let mut rows = columns.instrument_indexes.iter().zip(&columns.quantities);
    for (index, (name, count)) in columns.accounts.iter().zip(&columns.position_counts).enumerate() {
        let account: AccountId = name.parse().map_err(|error| ColumnsError::Account { index, error })?;
        let mut holdings: Vec<Holding> = Vec::with_capacity(*count as usize);
        for (instrument, quantity) in rows.by_ref().take(*count as usize) {
            let instrument = *dictionary
                .get(*instrument as usize)
                .ok_or(ColumnsError::Shape("instrument_indexes has an index that is not in the dictionary"))?;
            if holdings.last().is_some_and(|last| last.instrument >= instrument) {
                return Err(ColumnsError::Order(account));
            }
            if *quantity == 0 {
                return Err(ColumnsError::Zero(account));
            }
            holdings.push(Holding { instrument, quantity: *quantity });
        }
        if accounts.last().is_some_and(|(last, _)| *last >= account) {
            return Err(ColumnsError::Order(account));
        }
        accounts.push((account, holdings.into()));
    }
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let holding = |text: &str, quantity| Holding { instrument: text.parse().unwrap(), quantity };
        let first = [holding("UST:91282CMK4", 100), holding("FUT:ZN:2026-03", -7)];
        let second = [holding("USD:2026-02-17", 5)];
        Accounts::from([("A-1".parse().unwrap(), first.into()), ("A-2".parse().unwrap(), second.into())])
    }

    #[test]
    fn a_book_reads_back_as_written() {
        let chunks = chunks_of(&accounts());
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].reference.position_count, 3);
        assert_eq!(read(&chunks[0].bytes).unwrap().into_iter().collect::<Accounts>(), accounts());
    }

    #[test]
    fn an_account_is_placed_by_the_ends_of_a_chunk() {
        let bytes = &chunks_of(&accounts())[0].bytes;
        let place_of = |name: &str| place(bytes, &name.parse().unwrap()).unwrap();
        let names = ["A-0", "A-1", "A-10", "A-2", "A-3"];
        use Ordering::{Equal, Greater, Less};
        assert_eq!(names.map(place_of), [Less, Equal, Equal, Equal, Greater]);
        let none = v1::PositionColumns::default().encode_to_vec();
        assert!(matches!(place(&none, &"A-1".parse().unwrap()), Err(ColumnsError::Shape(_))));
        assert!(matches!(place(&[0xff], &"A-1".parse().unwrap()), Err(ColumnsError::Encoding(_))));
    }

    #[test]
    fn whatever_is_not_canonical_is_refused() {
        let change = |edit: fn(&mut v1::PositionColumns)| {
            let mut columns = v1::PositionColumns::decode(&chunks_of(&accounts())[0].bytes[..]).unwrap();
            edit(&mut columns);
            read(&columns.encode_to_vec()).unwrap_err()
        };
        assert!(matches!(change(|c| c.quantities[0] = 0), ColumnsError::Zero(_)));
        assert!(matches!(change(|c| c.accounts.swap(0, 1)), ColumnsError::Order(_)));
        assert!(matches!(change(|c| c.instrument_indexes.swap(0, 1)), ColumnsError::Order(_)));
        assert!(matches!(change(|c| c.position_counts[0] = u32::MAX), ColumnsError::Shape(_)));
        assert!(matches!(change(|c| c.instrument_indexes[0] = 9), ColumnsError::Shape(_)));
        assert!(matches!(change(|c| c.instruments[0].push('x')), ColumnsError::Instrument { index: 0, .. }));
        assert!(matches!(change(|c| c.accounts[1].clear()), ColumnsError::Account { index: 1, .. }));
        assert!(matches!(read(&[0xff]), Err(ColumnsError::Encoding(_))));
    }
}
