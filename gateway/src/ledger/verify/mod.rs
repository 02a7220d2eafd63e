//! Offline verification: reads a ledger's files, changes none, and lists everything that is wrong with them.

mod problem;
mod scan;
mod walk;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::Connection;

use super::{
    GuardConflict, Head, HeadPlace, HeadVerifier, LedgerError, Record, RecordHash, Sequence, SignedHead,
    chain::ChainWalk,
    guard::{GuardSlots, Slot},
    sqlite::{connect_read_only, integrity_problems, rows, schema, sql_error, with_ending},
};
pub use problem::Problem;
pub use scan::{Scanned, house_offline, scan_offline};
pub(super) use walk::walk;

/// What to verify, and against what.
#[derive(Clone)]
pub struct VerifyOptions {
    /// The ledger's database file.
    pub path: PathBuf,
    /// Its guard file.
    pub guard_path: PathBuf,
    /// The house it should be of; `None` takes the ledger's word.
    pub house: Option<String>,
    /// Knows the public half of every key that ever signed in this ledger.
    pub verifier: Arc<dyn HeadVerifier>,
    /// Heads of this house that others hold, the other house's newest above all.
    pub known_heads: Vec<SignedHead>,
}

impl VerifyOptions {
    /// The ledger at `path` with its guard beside it, no particular house and no known heads.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, verifier: Arc<dyn HeadVerifier>) -> Self {
        let path = path.into();
        Self { guard_path: with_ending(&path, ".guard"), path, house: None, verifier, known_heads: Vec::new() }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// The house that the ledger names; empty if it could not be read.
    pub house: String,
    /// The newest record.
    pub head: Head,
    /// Records read.
    pub records: u64,
    /// Commits read, each with its signature.
    pub commits: u64,
    /// State snapshots read.
    pub snapshots: u64,
    /// What the guard holds.
    pub guard: GuardReport,
    /// Everything that is wrong, in the order in which it was found. Empty: the ledger holds what the house wrote, all
    /// of it up to the guard's head and the known heads.
    pub problems: Vec<Problem>,
}

/// What a verification found in the guard file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardReport {
    /// There is no guard file.
    Absent,
    /// No slot is sound.
    Unreadable,
    /// The newest head in it. At most one commit behind the ledger, after a crash between the two.
    Holds(SignedHead),
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Verifies a ledger's files: SQLite's structure, tables, every record's hash, every commit's signature, snapshots, the
/// guard, and the heads that others hold. Also while a node writes: it sees the ledger at one instant.
///
/// # Errors
/// Only when the files cannot be opened at all; whatever is wrong inside them is in the report.
pub fn verify(options: &VerifyOptions) -> Result<VerifyReport, LedgerError> {
    let storage = |path: &Path, error: std::io::Error| LedgerError::Storage {
        doing: "read",
        path: path.to_owned(),
        source: Arc::new(error),
    };
    // The guard first: it can then only be behind what the ledger holds a moment later.
    let slots = GuardSlots::read(&options.guard_path).map_err(|error| storage(&options.guard_path, error))?;
    std::fs::metadata(&options.path).map_err(|error| storage(&options.path, error))?;

    let mut report = VerifyReport {
        house: String::new(),
        head: Head::genesis(""),
        records: 0,
        commits: 0,
        snapshots: 0,
        guard: match slots.as_ref().map(GuardSlots::newest) {
            None => GuardReport::Absent,
            Some(None) => GuardReport::Unreadable,
            Some(Some(head)) => GuardReport::Holds(head.clone()),
        },
        problems: Vec::new(),
    };
    if let Err(error) = inspect(options, slots.as_ref(), &mut report) {
        report.problems.push(Problem::Unreadable { what: "the ledger".to_owned(), detail: error.to_string() });
    }
    Ok(report)
}

/// Reads a ledger's records up to `last` in order, changing nothing; also while a node writes. What does not follow on
/// the chain is left out: [`verify`] reports it.
///
/// # Errors
/// The file cannot be opened or read.
pub fn read_offline(path: &Path, last: Sequence, take: &mut dyn FnMut(Record)) -> Result<(), LedgerError> {
    let read = |take: &mut dyn FnMut(Record)| -> rusqlite::Result<()> {
        let connection = connect_read_only(path)?;
        let house = rows::house(&connection)?;
        let mut chain = ChainWalk::after(Head::genesis(&house));
        let mut statement = connection.prepare(rows::RECORDS_AFTER)?;
        let mut found = statement.query([0])?;
        while let Some(row) = found.next()? {
            let Ok(stored) = rows::record(row) else { continue };
            if stored.seq > last {
                break;
            }
            if let Ok(record) = chain.step(stored) {
                take(record);
            }
        }
        Ok(())
    };
    read(take).map_err(|error| sql_error("read", path, error))
}

/// How the chain that ends at `end` contradicts the guard, if it does.
pub(super) fn guard_conflict(
    connection: &Connection,
    house: &str,
    end: Head,
    path: &Path,
    slots: Option<&GuardSlots>,
    verifier: &dyn HeadVerifier,
) -> rusqlite::Result<Option<GuardConflict>> {
    let Some(slots) = slots else {
        return Ok(Some(GuardConflict::Missing { path: path.to_owned(), ledger: end }));
    };
    let unreadable = |problem| GuardConflict::Unreadable { path: path.to_owned(), problem, ledger: end };
    let Some(guard) = slots.newest() else {
        return Ok(Some(unreadable(slots.problem())));
    };
    if guard.house != house {
        return Ok(Some(unreadable(format!("it is of the house {:?}", guard.house))));
    }
    if let Err(rejection) = guard.check(verifier) {
        return Ok(Some(unreadable(format!("key {:?}: {rejection}", guard.signature.key_id))));
    }
    word_conflict(connection, house, end, guard)
}

/// How the chain that ends at `end` contradicts a head that its house signed, if it does.
pub(super) fn word_conflict(
    connection: &Connection,
    house: &str,
    end: Head,
    word: &SignedHead,
) -> rusqlite::Result<Option<GuardConflict>> {
    Ok(match place(connection, house, end, word.head)? {
        Place::OnChain => None,
        Place::Beyond => Some(GuardConflict::Behind { ledger: end, guard: word.clone() }),
        Place::Off(on_chain) => Some(GuardConflict::Diverged { on_chain, guard: word.clone() }),
    })
}

enum Place {
    OnChain,
    Beyond,
    Off(Head),
}

fn place(connection: &Connection, house: &str, end: Head, head: Head) -> rusqlite::Result<Place> {
    Ok(match rows::hash_at(connection, house, head.seq)? {
        Some(hash) if hash == head.hash => Place::OnChain,
        Some(hash) => Place::Off(Head { seq: head.seq, hash }),
        None if head.seq > end.seq => Place::Beyond,
        // A hole in the chain, reported as such.
        None => Place::Off(end),
    })
}

/// Where a head of the house is in the chain that ends at `end`.
pub(super) fn known_place(connection: &Connection, house: &str, end: Head, head: Head) -> rusqlite::Result<HeadPlace> {
    Ok(match place(connection, house, end, head)? {
        Place::OnChain => HeadPlace::OnChain,
        Place::Beyond => HeadPlace::Beyond,
        Place::Off(_) => HeadPlace::Off,
    })
}

/// Where heads of the ledger's house are in it, in the same order; changing nothing, also while a node writes.
///
/// # Errors
/// The file cannot be opened or read.
pub fn places_offline(path: &Path, heads: &[Head]) -> Result<Vec<HeadPlace>, LedgerError> {
    let read = || -> rusqlite::Result<Vec<HeadPlace>> {
        let connection = connect_read_only(path)?;
        let house = rows::house(&connection)?;
        let end: Option<i64> = connection.query_row("SELECT max(seq) FROM records", [], |row| row.get(0))?;
        let seq = Sequence(end.and_then(|end| u64::try_from(end).ok()).unwrap_or(0));
        let end = Head { seq, hash: RecordHash::genesis(&house) };
        heads.iter().map(|head| known_place(&connection, &house, end, *head)).collect()
    };
    read().map_err(|error| sql_error("read", path, error))
}

fn inspect(options: &VerifyOptions, slots: Option<&GuardSlots>, report: &mut VerifyReport) -> rusqlite::Result<()> {
    let connection = connect_read_only(&options.path)?;
    // One instant for all reads.
    connection.execute_batch("BEGIN")?;
    check_file(&connection, report)?;
    report.house = rows::house(&connection)?;
    if let Some(expected) = options.house.as_ref().filter(|expected| **expected != report.house) {
        report.problems.push(Problem::OtherHouse { found: report.house.clone(), expected: expected.clone() });
    }
    let verifier = options.verifier.as_ref();
    let house = report.house.clone();
    let problems = &mut report.problems;
    let walked = walk(&connection, &house, Head::genesis(&house), verifier, &mut |problem| problems.push(problem))?;
    report.head = walked.end;
    report.records = walked.records;
    report.commits = walked.commits;
    check_snapshots(&connection, verifier, report)?;
    check_guard(&connection, options, slots, report)?;
    for known in &options.known_heads {
        check_known(&connection, verifier, known, report)?;
    }
    Ok(())
}

fn check_file(connection: &Connection, report: &mut VerifyReport) -> rusqlite::Result<()> {
    let (application_id, format) = (schema::application_id(connection)?, schema::format(connection)?);
    if application_id != schema::APPLICATION_ID || format != schema::FORMAT {
        let problem = format!("application id {application_id:#x}, format {format}");
        report.problems.push(Problem::NotALedger { problem });
    }
    let lines = integrity_problems(connection)?;
    report.problems.extend(lines.into_iter().map(|line| Problem::Integrity { line }));
    let differences = schema::differences(connection)?;
    report.problems.extend(differences.into_iter().map(|difference| Problem::Schema { difference }));
    let houses: i64 = connection.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0))?;
    if houses != 1 {
        let difference = format!("the table ledger has {houses} rows instead of one");
        report.problems.push(Problem::Schema { difference });
    }
    Ok(())
}

fn check_snapshots(
    connection: &Connection,
    verifier: &dyn HeadVerifier,
    report: &mut VerifyReport,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(rows::SNAPSHOTS)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        report.snapshots += 1;
        let signed = match rows::snapshot(row) {
            Ok(signed) => signed,
            Err(error) => {
                let after = Sequence::GENESIS;
                report.problems.push(Problem::Malformed { table: "snapshots", after, detail: error.to_string() });
                continue;
            }
        };
        let at = signed.snapshot.at;
        let message = signed.snapshot.message(&report.house);
        if let Err(rejection) = verifier.verify(&signed.signature.key_id, &message, &signed.signature.bytes) {
            report.problems.push(Problem::Snapshot { seq: at.seq, reason: rejection.to_string() });
        }
        if rows::hash_at(connection, &report.house, at.seq)? != Some(at.hash) {
            let reason = "its record has another hash in the chain, or is not there".to_owned();
            report.problems.push(Problem::Snapshot { seq: at.seq, reason });
        }
    }
    Ok(())
}

fn check_guard(
    connection: &Connection,
    options: &VerifyOptions,
    slots: Option<&GuardSlots>,
    report: &mut VerifyReport,
) -> rusqlite::Result<()> {
    let verifier = options.verifier.as_ref();
    let conflict = guard_conflict(connection, &report.house, report.head, &options.guard_path, slots, verifier)?;
    report.problems.extend(conflict.map(Problem::from));
    let Some(slots) = slots else { return Ok(()) };
    let Some(newest) = slots.newest() else { return Ok(()) };
    for (index, slot) in slots.slots.iter().enumerate() {
        match slot {
            Slot::Damaged(problem) => {
                report.problems.push(Problem::GuardSlot { slot: index + 1, problem, held: newest.head });
            }
            Slot::Held { head, .. } if head != newest => {
                if let Err(rejection) = head.check(verifier) {
                    report.problems.push(Problem::GuardSignature { head: head.clone(), rejection });
                }
            }
            Slot::Held { .. } | Slot::Empty => {}
        }
    }
    Ok(())
}

fn check_known(
    connection: &Connection,
    verifier: &dyn HeadVerifier,
    known: &SignedHead,
    report: &mut VerifyReport,
) -> rusqlite::Result<()> {
    let known = known.clone();
    if let Err(rejection) = known.check(verifier) {
        report.problems.push(Problem::KnownHeadSignature { head: known, rejection });
        return Ok(());
    }
    match place(connection, &report.house, report.head, known.head)? {
        Place::OnChain => {}
        Place::Beyond => report.problems.push(Problem::BehindKnownHead { ledger: report.head, known }),
        Place::Off(on_chain) => report.problems.push(Problem::OffKnownHead { on_chain, known }),
    }
    Ok(())
}
