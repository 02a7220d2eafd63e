//! Reading a ledger as far as it reads, damaged or not.

use std::path::Path;

use rusqlite::Connection;

use super::{GuardSlots, Head, LedgerError, Record, SignedHead};
use crate::{
    arrangement::parties::Party,
    ledger::{
        chain::ChainWalk,
        sqlite::{connect_read_only, rows, schema, sql_error, with_ending},
    },
};

/// What is beside the records of a ledger that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The newest signed head in the ledger; its signature is not checked.
    pub head: Option<SignedHead>,
    /// The newest head whose slot in the guard is sound; its signature is not checked.
    pub guard: Option<SignedHead>,
}

/// Opens a ledger to read it only, and answers whose it says that it is. Damage elsewhere than there stops nothing.
pub(super) fn open_offline(path: &Path) -> Result<(Connection, Party), LedgerError> {
    let sql = |error| sql_error("read", path, error);
    let connection = connect_read_only(path).map_err(sql)?;
    let unreadable = match rows::party(&connection) {
        Ok(party) => return Ok((connection, party)),
        Err(error) => error,
    };
    // Another version of the tables holds it elsewhere: then that is what is wrong.
    Err(match schema::foreign(&connection) {
        Ok(Some(problem)) => LedgerError::NotALedger { path: path.to_owned(), problem },
        Ok(None) | Err(_) => sql(unreadable),
    })
}

/// Whose ledger it says that it is, changing nothing.
///
/// # Errors
/// The file cannot be opened or read, or is no ledger of this program's format.
pub fn party_offline(path: &Path) -> Result<Party, LedgerError> {
    open_offline(path).map(|(_, party)| party)
}

/// Reads every record of a ledger that can be read, in order, changing nothing; also while a node writes. What is damaged is
/// told in words in its place, and the reading goes on behind it as long as SQLite can.
///
/// # Errors
/// The file cannot be opened at all.
pub fn scan_offline(path: &Path, take: &mut dyn FnMut(Result<Record, String>)) -> Result<Scanned, LedgerError> {
    let guard = GuardSlots::read(&with_ending(path, ".guard")).ok().flatten();
    let (connection, party) = open_offline(path)?;
    let mut chain = ChainWalk::after(Head::genesis(&party));
    let mut read = |take: &mut dyn FnMut(Result<Record, String>)| -> rusqlite::Result<()> {
        let mut statement = connection.prepare(rows::RECORDS_AFTER)?;
        let mut found = statement.query([0])?;
        while let Some(row) = found.next()? {
            match rows::record(row) {
                Ok(stored) => take(chain.step(stored).map_err(|fault| fault.to_string())),
                Err(error) => take(Err(format!("the row after record {}: {error}", chain.at().seq))),
            }
        }
        Ok(())
    };
    if let Err(error) = read(take) {
        take(Err(format!("behind record {}: SQLite cannot read on: {error}", chain.at().seq)));
    }
    let newest = || -> rusqlite::Result<Option<SignedHead>> {
        let mut statement = connection.prepare(rows::BATCHES_AFTER)?;
        let mut found = statement.query([0])?;
        let mut newest = None;
        while let Some(row) = found.next()? {
            newest = Some(rows::batch(row, &party)?.signed);
        }
        Ok(newest)
    };
    let head = newest().unwrap_or_else(|error| {
        take(Err(format!("the signed heads cannot be read: {error}")));
        None
    });
    Ok(Scanned { head, guard: guard.as_ref().and_then(GuardSlots::newest).cloned() })
}
