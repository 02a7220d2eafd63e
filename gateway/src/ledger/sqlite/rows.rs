//! Rows of the tables, read and written.

use std::error::Error;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use crate::{
    arrangement::parties::{ArrangementMode, Party},
    ledger::{
        Epoch, Head, HeadSignature, NewRecord, RecordHash, RecordKind, Sequence, SignedHead, StateSnapshot,
        chain::StoredRecord, snapshot::SignedSnapshot,
    },
};

/// One commit's signed head, and where the commit began.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct StoredBatch {
    pub(in crate::ledger) first: Sequence,
    pub(in crate::ledger) signed: SignedHead,
}

/// Whose ledger it says that it is.
pub(in crate::ledger) fn party(connection: &Connection) -> rusqlite::Result<Party> {
    connection.query_row("SELECT arrangement, mode, house FROM ledger", [], |row| {
        let mode: String = row.get(1)?;
        let no_mode = || format!("{mode:?} is no mode of an arrangement");
        Ok(Party {
            arrangement: row.get::<_, String>(0)?.parse().map_err(|error| malformed(0, error))?,
            mode: ArrangementMode::from_name(&mode).ok_or_else(no_mode).map_err(|error| malformed(1, error))?,
            house: row.get::<_, String>(2)?.parse().map_err(|error| malformed(2, error))?,
        })
    })
}

/// Rows with sequences above `?1`, in order: to be read with [`record`].
pub(in crate::ledger) const RECORDS_AFTER: &str =
    "SELECT seq, kind, recorded_at_ms, hash, body FROM records WHERE seq > ?1 ORDER BY seq";

/// Rows with sequences above `?1`, in order: to be read with [`batch`].
pub(in crate::ledger) const BATCHES_AFTER: &str = "SELECT last_seq, first_seq, epoch, head_hash, key_id, signature FROM batches WHERE last_seq > ?1 ORDER BY last_seq";

/// All rows, newest first: to be read with [`snapshot`].
pub(in crate::ledger) const SNAPSHOTS: &str =
    "SELECT seq, hash, key_id, signature, state FROM snapshots ORDER BY seq DESC";

pub(in crate::ledger) fn record(row: &Row<'_>) -> rusqlite::Result<StoredRecord> {
    Ok(StoredRecord {
        seq: Sequence(unsigned(row, 0)?),
        kind: RecordKind(u16::try_from(row.get::<_, i64>(1)?).map_err(|error| conversion(1, error))?),
        recorded_at_ms: row.get(2)?,
        hash: RecordHash(row.get(3)?),
        body: row.get(4)?,
    })
}

pub(in crate::ledger) fn batch(row: &Row<'_>, party: &Party) -> rusqlite::Result<StoredBatch> {
    Ok(StoredBatch {
        first: Sequence(unsigned(row, 1)?),
        signed: SignedHead {
            party: party.clone(),
            head: Head { seq: Sequence(unsigned(row, 0)?), hash: RecordHash(row.get(3)?) },
            epoch: Epoch(unsigned(row, 2)?),
            signature: HeadSignature { key_id: row.get(4)?, bytes: row.get(5)? },
        },
    })
}

pub(in crate::ledger) fn snapshot(row: &Row<'_>) -> rusqlite::Result<SignedSnapshot> {
    Ok(SignedSnapshot {
        snapshot: StateSnapshot {
            at: Head { seq: Sequence(unsigned(row, 0)?), hash: RecordHash(row.get(1)?) },
            state: row.get(4)?,
        },
        signature: HeadSignature { key_id: row.get(2)?, bytes: row.get(3)? },
    })
}

/// The stored hash at `seq`; `None` if there is no such record. Sequence 0 is the genesis.
pub(in crate::ledger) fn hash_at(
    connection: &Connection,
    party: &Party,
    seq: Sequence,
) -> rusqlite::Result<Option<RecordHash>> {
    if seq == Sequence::GENESIS {
        return Ok(Some(RecordHash::genesis(party)));
    }
    let mut statement = connection.prepare_cached("SELECT hash FROM records WHERE seq = ?1")?;
    statement.query_row([signed(seq.0)?], |row| Ok(RecordHash(row.get(0)?))).optional()
}

/// The newest batch that ends at `seq` or before.
pub(in crate::ledger) fn batch_before(
    connection: &Connection,
    party: &Party,
    seq: Sequence,
) -> rusqlite::Result<Option<StoredBatch>> {
    let mut statement = connection.prepare_cached(
        "SELECT last_seq, first_seq, epoch, head_hash, key_id, signature FROM batches \
         WHERE last_seq <= ?1 ORDER BY last_seq DESC LIMIT 1",
    )?;
    statement.query_row([signed(seq.0)?], |row| batch(row, party)).optional()
}

pub(super) fn insert_record(
    connection: &Connection,
    seq: Sequence,
    record: &NewRecord,
    hash: RecordHash,
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("INSERT INTO records (seq, kind, recorded_at_ms, hash, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![signed(seq.0)?, record.kind.0, record.recorded_at_ms, hash.0, record.body])?;
    Ok(())
}

pub(super) fn insert_batch(connection: &Connection, first: Sequence, head: &SignedHead) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO batches (last_seq, first_seq, epoch, head_hash, key_id, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![
        signed(head.head.seq.0)?,
        signed(first.0)?,
        signed(head.epoch.0)?,
        head.head.hash.0,
        head.signature.key_id,
        head.signature.bytes
    ])?;
    Ok(())
}

/// Stores a snapshot and drops all but it and the newest before it.
pub(super) fn insert_snapshot(connection: &Connection, signed_snapshot: &SignedSnapshot) -> rusqlite::Result<()> {
    let SignedSnapshot { snapshot, signature } = signed_snapshot;
    let seq = signed(snapshot.at.seq.0)?;
    connection.execute("DELETE FROM snapshots WHERE seq = ?1", [seq])?;
    connection.execute(
        "INSERT INTO snapshots (seq, hash, key_id, signature, state) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![seq, snapshot.at.hash.0, signature.key_id, signature.bytes, snapshot.state],
    )?;
    connection
        .execute("DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT 2)", [])?;
    Ok(())
}

/// SQLite's integers are signed; sequences and epochs stay below 2^63.
pub(in crate::ledger) fn signed(value: u64) -> rusqlite::Result<i64> {
    i64::try_from(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|error| conversion(column, error))
}

fn conversion(column: usize, error: std::num::TryFromIntError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error))
}

fn malformed(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
