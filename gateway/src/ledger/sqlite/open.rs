//! Opening a ledger: lock, tables, chain, guard, and only then the writer.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig};
use tracing::Span;

use super::{ChainCheck, LedgerOptions, Shared, SqliteLedger, intake::Intake, lock, rows, schema, writer::Writer};
use crate::ledger::{
    Epoch, GuardConflict, Head, LedgerError, Sequence, SignedHead, StateSnapshot,
    guard::{FILE_MODE, Guard, GuardSlots, sync_directory_of},
    verify::{Problem, guard_conflict, walk},
};

/// Opens or makes a ledger.
pub(super) fn open(options: LedgerOptions) -> Result<SqliteLedger, LedgerError> {
    let lock = lock::take(&options)?;
    let (mut connection, slots) = connect(&options)?;
    let slots = guard_of_new(&connection, &options, slots)?;
    prepare(&mut connection, &options, slots.as_ref())?;
    let newest = check_chain(&connection, &options)?;
    let held = check_guard(&connection, &options, &newest, slots.as_ref())?;

    let shared = Arc::new(Shared {
        intake: Intake::after(&newest),
        reader: Mutex::new(connect_reader(&options)?),
        newest: Mutex::new(newest.clone()),
        held: held.map_or_else(OnceLock::new, OnceLock::from),
        options,
    });
    if let Some(conflict) = shared.held.get() {
        tracing::error!(path = %shared.options.path.display(), %conflict, "the ledger takes no appends");
        return Ok(SqliteLedger { shared, writer: None, _lock: lock });
    }
    let guard = ready_guard(&shared.options, slots.as_ref(), &newest)?;
    allow_writes(&connection).map_err(|error| sql_error("open", &shared.options.path, error))?;
    let writer = Writer { shared: Arc::clone(&shared), connection, guard, head: newest.head, is_word_in_guard: false };
    let span = Span::current();
    let thread = thread::Builder::new()
        .name("ledger-writer".to_owned())
        .spawn(move || span.in_scope(|| writer.run()))
        .map_err(|error| io_error("start the writer of", &shared.options.path, error))?;
    Ok(SqliteLedger { shared, writer: Some(thread), _lock: lock })
}

/// Connects, and reads the guard. Changes nothing where the guard knows of records that are gone.
pub(super) fn connect(options: &LedgerOptions) -> Result<(Connection, Option<GuardSlots>), LedgerError> {
    let slots = GuardSlots::read(&options.guard_path)
        .map_err(|error| io_error("read the guard", &options.guard_path, error))?;
    // SQLite deletes the write-ahead log of an empty database, and with it what could still be repaired.
    let is_empty = std::fs::metadata(&options.path).map_or(true, |metadata| metadata.len() == 0);
    if is_empty {
        refuse_if_guarded(options, slots.as_ref())?;
        make_file(options)?;
    }
    Ok((connect_to(options)?, slots))
}

fn make_file(options: &LedgerOptions) -> Result<(), LedgerError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&options.path)
        .and_then(|file: File| file.sync_all())
        .and_then(|()| sync_directory_of(&options.path))
        .map_err(|error| io_error("make", &options.path, error))
}

fn connect_to(options: &LedgerOptions) -> Result<Connection, LedgerError> {
    let sql = |error| sql_error("open", &options.path, error);
    let connection = Connection::open_with_flags(&options.path, WRITE_FLAGS).map_err(sql)?;
    harden(&connection).map_err(sql)?;
    // Until chain and guard are checked, not even a close may touch the files.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
    Ok(connection)
}

/// Makes the guard of a ledger that is about to be made, before its tables: a ledger without a guard is then never a new
/// one, but one that may have lost everything with its write-ahead log.
fn guard_of_new(
    connection: &Connection,
    options: &LedgerOptions,
    slots: Option<GuardSlots>,
) -> Result<Option<GuardSlots>, LedgerError> {
    let is_blank = schema::is_blank(connection).map_err(|error| sql_error("open", &options.path, error))?;
    if slots.is_some() || !is_blank {
        return Ok(slots);
    }
    let made = Guard::create(&options.guard_path, &signed_genesis(options)?);
    let read = made.and_then(|_| GuardSlots::read(&options.guard_path));
    read.map_err(|error| io_error("make the guard", &options.guard_path, error))
}

/// The signed head of a ledger before its first record.
pub(super) fn signed_genesis(options: &LedgerOptions) -> Result<SignedHead, LedgerError> {
    SignedHead::sign(&options.party, Head::genesis(&options.party), Epoch::default(), options.signer.as_ref())
        .map_err(|fault| LedgerError::Signing { source: Arc::new(fault) })
}

/// Makes the tables in a blank file; in any other, checks that they are this party's ledger.
pub(super) fn prepare(
    connection: &mut Connection,
    options: &LedgerOptions,
    slots: Option<&GuardSlots>,
) -> Result<(), LedgerError> {
    let sql = |error| sql_error("open", &options.path, error);
    if schema::is_blank(connection).map_err(sql)? {
        refuse_if_guarded(options, slots)?;
        create(connection, options).map_err(|error| sql_error("make", &options.path, error))?;
    }
    if let Some(problem) = schema::foreign(connection).map_err(sql)? {
        return Err(LedgerError::NotALedger { path: options.path.clone(), problem });
    }
    let corrupted = |problem| LedgerError::Corrupted { path: options.path.clone(), problem };
    if let Some(difference) = schema::differences(connection).map_err(sql)?.into_iter().next() {
        return Err(corrupted(Problem::Schema { difference }.to_string()));
    }
    let found = rows::party(connection).map_err(sql)?;
    if found != options.party {
        return Err(LedgerError::OtherParty { path: options.path.clone(), found, expected: options.party.clone() });
    }
    if options.integrity_check
        && let Some(line) = integrity_problems(connection).map_err(sql)?.into_iter().next()
    {
        return Err(corrupted(Problem::Integrity { line }.to_string()));
    }
    #[cfg(test)]
    if let Some(pages_max) = options.pages_max {
        connection.pragma_update(None, "max_page_count", pages_max).map_err(sql)?;
    }
    Ok(())
}

/// Walks the chain as far as asked, and answers the newest signed head.
pub(super) fn check_chain(connection: &Connection, options: &LedgerOptions) -> Result<SignedHead, LedgerError> {
    let sql = |error| sql_error("read", &options.path, error);
    let genesis = Head::genesis(&options.party);
    let start = match options.chain_check {
        ChainCheck::SinceSnapshot => {
            newest_sound_snapshot(connection, options)?.map_or(genesis, |snapshot| snapshot.at)
        }
        ChainCheck::Whole => genesis,
    };
    let mut first_problem = None;
    let walked = walk(connection, &options.party, start, options.verifier.as_ref(), &mut |problem| {
        first_problem.get_or_insert(problem);
    })
    .map_err(sql)?;
    if let Some(problem) = first_problem {
        return Err(LedgerError::Corrupted { path: options.path.clone(), problem: problem.to_string() });
    }
    match walked.newest {
        Some(newest) => Ok(newest),
        None => signed_genesis(options),
    }
}

/// Connects to a ledger and checks that it is this party's, whatever its guard knows; `None` where there is no file, or one
/// without tables. Changes nothing.
pub(super) fn connect_if_there(options: &LedgerOptions) -> Result<Option<Connection>, LedgerError> {
    if std::fs::metadata(&options.path).map_or(true, |metadata| metadata.len() == 0) {
        return Ok(None);
    }
    let mut connection = connect_to(options)?;
    if schema::is_blank(&connection).map_err(|error| sql_error("open", &options.path, error))? {
        return Ok(None);
    }
    prepare(&mut connection, options, None)?;
    Ok(Some(connection))
}

/// Makes the tables of a ledger that is gone, whatever its guard knows.
pub(super) fn connect_and_create(options: &LedgerOptions) -> Result<Connection, LedgerError> {
    make_file(options)?;
    let mut connection = connect_to(options)?;
    create(&mut connection, options).map_err(|error| sql_error("make", &options.path, error))?;
    Ok(connection)
}

/// The newest snapshot whose signature counts and whose record is in the chain.
pub(super) fn newest_sound_snapshot(
    connection: &Connection,
    options: &LedgerOptions,
) -> Result<Option<StateSnapshot>, LedgerError> {
    let sql = |error| sql_error("read a snapshot of", &options.path, error);
    let mut statement = connection.prepare_cached(rows::SNAPSHOTS).map_err(sql)?;
    let mut found = statement.query([]).map_err(sql)?;
    while let Some(row) = found.next().map_err(sql)? {
        let reason = match rows::snapshot(row) {
            Err(error) => error.to_string(),
            Ok(signed) => {
                let at = signed.snapshot.at;
                let message = signed.snapshot.message(&options.party);
                match options.verifier.verify(&signed.signature.key_id, &message, &signed.signature.bytes) {
                    Err(rejection) => format!("record {}: {rejection}", at.seq),
                    Ok(()) if rows::hash_at(connection, &options.party, at.seq).map_err(sql)? != Some(at.hash) => {
                        format!("record {} has another hash in the chain", at.seq)
                    }
                    Ok(()) => return Ok(Some(signed.snapshot)),
                }
            }
        };
        tracing::warn!(path = %options.path.display(), reason, "a state snapshot cannot be trusted and is passed over");
    }
    Ok(None)
}

pub(in crate::ledger) fn integrity_problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// A connection that cannot write, not even by a checkpoint at its close.
pub(in crate::ledger) fn connect_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, READ_FLAGS)?;
    harden(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

pub(super) fn io_error(doing: &'static str, path: &Path, error: io::Error) -> LedgerError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            LedgerError::StorageFull { doing, path: path.to_owned() }
        }
        _ => LedgerError::Storage { doing, path: path.to_owned(), source: Arc::new(error) },
    }
}

pub(in crate::ledger) fn sql_error(doing: &'static str, path: &Path, error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LedgerError::StorageFull { doing, path: path.to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => {
            LedgerError::Corrupted { path: path.to_owned(), problem: error.to_string() }
        }
        Some(ErrorCode::NotADatabase) => LedgerError::NotALedger { path: path.to_owned(), problem: error.to_string() },
        _ if is_short(&error) => {
            let problem = "the file is shorter than it says: its end was cut off".to_owned();
            LedgerError::Corrupted { path: path.to_owned(), problem }
        }
        _ if is_malformed_row(&error) => LedgerError::Corrupted { path: path.to_owned(), problem: error.to_string() },
        _ => LedgerError::Storage { doing, path: path.to_owned(), source: Arc::new(error) },
    }
}

const WRITE_FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
const READ_FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// A large commit's write-ahead log shrinks back to this after a checkpoint.
const WAL_BYTES_KEPT: i64 = 64 << 20;

fn create(connection: &mut Connection, options: &LedgerOptions) -> rusqlite::Result<()> {
    use_wal(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    schema::create(&transaction, &options.party)?;
    transaction.commit()?;
    // Into the database file at once, so that a lost write-ahead log does not make a ledger look like a blank file.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        Ok(())
    } else {
        Err(rusqlite::Error::InvalidParameterName(format!(
            "journal_mode is {mode}: this file system cannot hold a WAL"
        )))
    }
}

fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

fn connect_reader(options: &LedgerOptions) -> Result<Connection, LedgerError> {
    connect_read_only(&options.path).map_err(|error| sql_error("open", &options.path, error))
}

/// Chain and guard are checked: from here on the files may change.
pub(super) fn allow_writes(connection: &Connection) -> rusqlite::Result<()> {
    use_wal(connection)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

fn refuse_if_guarded(options: &LedgerOptions, slots: Option<&GuardSlots>) -> Result<(), LedgerError> {
    match slots.and_then(GuardSlots::newest) {
        Some(guard) if guard.head.seq > Sequence::GENESIS => {
            Err(LedgerError::Missing { path: options.path.clone(), guard: guard.head, party: guard.party.clone() })
        }
        _ => Ok(()),
    }
}

fn check_guard(
    connection: &Connection,
    options: &LedgerOptions,
    newest: &SignedHead,
    slots: Option<&GuardSlots>,
) -> Result<Option<GuardConflict>, LedgerError> {
    guard_conflict(connection, &options.party, newest.head, &options.guard_path, slots, options.verifier.as_ref())
        .map_err(|error| sql_error("read", &options.path, error))
}

/// The guard, holding the newest head: what the node shows from now on, its guard has seen.
fn ready_guard(options: &LedgerOptions, slots: Option<&GuardSlots>, newest: &SignedHead) -> Result<Guard, LedgerError> {
    let ready = || match slots {
        // Not reached: a ledger without a guard is held.
        None => Guard::create(&options.guard_path, newest),
        Some(slots) => {
            let mut guard = Guard::open(&options.guard_path, slots)?;
            guard.store(newest)?;
            Ok(guard)
        }
    };
    ready().map_err(|error| io_error("write the guard", &options.guard_path, error))
}

/// SQLite reports a page behind the end of the file as an error of the disk.
fn is_short(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ)
}

fn is_malformed_row(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows
    )
}
