//! The tables, and what sets a ledger file apart from any other SQLite file.

use rusqlite::{Connection, Transaction};

use crate::arrangement::parties::Party;

/// `application_id` of a ledger: "XMLG".
const APPLICATION_ID: i32 = 0x584D_4C47;
/// `user_version`: the version of the tables.
const FORMAT: i32 = 2;

/// A trigger that refuses `action` on `table`.
macro_rules! refuse {
    ($name:literal, $action:literal, $table:literal) => {
        concat!(
            "CREATE TRIGGER ",
            $name,
            " BEFORE ",
            $action,
            " ON ",
            $table,
            "\nBEGIN SELECT RAISE(ABORT, '",
            $table,
            " is append-only'); END"
        )
    };
}
/// Every object of a ledger, as (name, statement).
///
/// The tables are append-only, which triggers hold against anyone with a SQL prompt; the chain and the signatures hold
/// it against anyone with a hex editor. Only old snapshots are ever deleted: they are a cache.
const OBJECTS: &[(&str, &str)] = &[
    (
        "ledger",
        "CREATE TABLE ledger (
    arrangement TEXT NOT NULL,
    mode        TEXT NOT NULL CHECK (mode IN ('live', 'rehearsal')),
    house       TEXT NOT NULL
) STRICT",
    ),
    (
        "records",
        "CREATE TABLE records (
    seq            INTEGER PRIMARY KEY CHECK (seq > 0),
    kind           INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL,
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    body           BLOB NOT NULL
) STRICT",
    ),
    (
        "batches",
        "CREATE TABLE batches (
    last_seq  INTEGER PRIMARY KEY CHECK (last_seq >= first_seq),
    first_seq INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    head_hash BLOB NOT NULL CHECK (length(head_hash) = 32),
    key_id    TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT",
    ),
    (
        "snapshots",
        "CREATE TABLE snapshots (
    seq       INTEGER PRIMARY KEY CHECK (seq > 0),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    key_id    TEXT NOT NULL,
    signature BLOB NOT NULL,
    state     BLOB NOT NULL
) STRICT",
    ),
    ("ledger_no_update", refuse!("ledger_no_update", "UPDATE", "ledger")),
    ("ledger_no_delete", refuse!("ledger_no_delete", "DELETE", "ledger")),
    ("records_no_update", refuse!("records_no_update", "UPDATE", "records")),
    ("records_no_delete", refuse!("records_no_delete", "DELETE", "records")),
    ("batches_no_update", refuse!("batches_no_update", "UPDATE", "batches")),
    ("batches_no_delete", refuse!("batches_no_delete", "DELETE", "batches")),
    ("snapshots_no_update", refuse!("snapshots_no_update", "UPDATE", "snapshots")),
    // REPLACE removes the old row without a DELETE trigger; only an INSERT trigger sees it.
    (
        "records_no_replace",
        "CREATE TRIGGER records_no_replace BEFORE INSERT ON records
WHEN EXISTS (SELECT 1 FROM records WHERE seq >= NEW.seq)
BEGIN SELECT RAISE(ABORT, 'records is append-only'); END",
    ),
    (
        "batches_no_replace",
        "CREATE TRIGGER batches_no_replace BEFORE INSERT ON batches
WHEN EXISTS (SELECT 1 FROM batches WHERE last_seq >= NEW.first_seq)
BEGIN SELECT RAISE(ABORT, 'batches is append-only'); END",
    ),
];

/// Makes the tables in an empty database.
pub(super) fn create(transaction: &Transaction<'_>, party: &Party) -> rusqlite::Result<()> {
    for (_, statement) in OBJECTS {
        transaction.execute_batch(statement)?;
    }
    let Party { arrangement, mode, house } = party;
    let names = [arrangement.as_str(), mode.as_str(), house.as_str()];
    transaction.execute("INSERT INTO ledger (arrangement, mode, house) VALUES (?1, ?2, ?3)", names)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)
}

/// Whether nothing has been made in the database yet.
pub(super) fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(objects == 0 && application_id(connection)? == 0)
}

/// What shows that the database is none of this program's ledgers: another kind of file, or another version of the tables.
pub(in crate::ledger) fn foreign(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let application_id = application_id(connection)?;
    if application_id != APPLICATION_ID {
        return Ok(Some(format!("its application id is {application_id:#x}")));
    }
    let format: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let problem = format!("its format is {format}, this program knows format {FORMAT}");
    Ok((format != FORMAT).then_some(problem))
}

fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// What differs between the database's objects and a ledger's: each as a sentence.
pub(in crate::ledger) fn differences(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema")?;
    let found = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut differences = Vec::new();
    for (name, expected) in OBJECTS {
        match found.iter().find(|(found_name, _)| found_name == name) {
            None => differences.push(format!("{name} is missing")),
            Some((_, sql)) if sql != expected => differences.push(format!("{name} is not as it was made")),
            Some(_) => {}
        }
    }
    for (name, _) in &found {
        if !OBJECTS.iter().any(|(known, _)| known == name) {
            differences.push(format!("{name} does not belong to a ledger"));
        }
    }
    Ok(differences)
}
