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
use crate::arrangement::parties::Party;
pub use problem::Problem;
pub use scan::{Scanned, party_offline, scan_offline};
pub(super) use walk::walk;

/// What to verify, and against what.
#[derive(Clone)]
pub struct VerifyOptions {
    /// The ledger's database file.
    pub path: PathBuf,
    /// Its guard file.
    pub guard_path: PathBuf,
    /// Whose ledger it should be; `None` takes the ledger's word.
    pub party: Option<Party>,
    /// Knows the public half of every key that ever signed in this ledger.
    pub verifier: Arc<dyn HeadVerifier>,
    /// Heads of this ledger that others hold, the other house's newest above all.
    pub known_heads: Vec<SignedHead>,
}

impl VerifyOptions {
    /// The ledger at `path` with its guard beside it, of whomever it says, and no known heads.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, verifier: Arc<dyn HeadVerifier>) -> Self {
        let path = path.into();
        Self { guard_path: with_ending(&path, ".guard"), path, party: None, verifier, known_heads: Vec::new() }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Whose ledger it says that it is; `None` if that could not be read, and then nothing behind it was.
    pub party: Option<Party>,
    /// The newest record; before anything could be read a head without a record, its hash all zeros.
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
        party: None,
        head: Head { seq: Sequence::GENESIS, hash: RecordHash([0; 32]) },
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
    let (connection, party) = scan::open_offline(path)?;
    let read = |take: &mut dyn FnMut(Record)| -> rusqlite::Result<()> {
        let mut chain = ChainWalk::after(Head::genesis(&party));
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
    party: &Party,
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
    if guard.party != *party {
        return Ok(Some(unreadable(format!("it is of {}, not of {party}", guard.party))));
    }
    if let Err(rejection) = guard.check(party, verifier) {
        return Ok(Some(unreadable(format!("key {:?}: {rejection}", guard.signature.key_id))));
    }
    word_conflict(connection, party, end, guard)
}

/// How the chain that ends at `end` contradicts a head that its house signed, if it does.
pub(super) fn word_conflict(
    connection: &Connection,
    party: &Party,
    end: Head,
    word: &SignedHead,
) -> rusqlite::Result<Option<GuardConflict>> {
    Ok(match place(connection, party, end, word.head)? {
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

fn place(connection: &Connection, party: &Party, end: Head, head: Head) -> rusqlite::Result<Place> {
    Ok(match rows::hash_at(connection, party, head.seq)? {
        Some(hash) if hash == head.hash => Place::OnChain,
        Some(hash) => Place::Off(Head { seq: head.seq, hash }),
        None if head.seq > end.seq => Place::Beyond,
        // A hole in the chain, reported as such.
        None => Place::Off(end),
    })
}

/// Where a head of the ledger's party is in the chain that ends at `end`.
pub(super) fn known_place(
    connection: &Connection,
    party: &Party,
    end: Head,
    head: Head,
) -> rusqlite::Result<HeadPlace> {
    Ok(match place(connection, party, end, head)? {
        Place::OnChain => HeadPlace::OnChain,
        Place::Beyond => HeadPlace::Beyond,
        Place::Off(_) => HeadPlace::Off,
    })
}

/// Where heads of the ledger's party are in it, in the same order; changing nothing, also while a node writes.
///
/// # Errors
/// The file cannot be opened or read.
pub fn places_offline(path: &Path, heads: &[Head]) -> Result<Vec<HeadPlace>, LedgerError> {
    let (connection, party) = scan::open_offline(path)?;
    let read = || -> rusqlite::Result<Vec<HeadPlace>> {
        let end: Option<i64> = connection.query_row("SELECT max(seq) FROM records", [], |row| row.get(0))?;
        let seq = Sequence(end.and_then(|end| u64::try_from(end).ok()).unwrap_or(0));
        let end = Head { seq, hash: RecordHash::genesis(&party) };
        heads.iter().map(|head| known_place(&connection, &party, end, *head)).collect()
    };
    read().map_err(|error| sql_error("read", path, error))
}

fn inspect(options: &VerifyOptions, slots: Option<&GuardSlots>, report: &mut VerifyReport) -> rusqlite::Result<()> {
    let connection = connect_read_only(&options.path)?;
    // One instant for all reads.
    connection.execute_batch("BEGIN")?;
    check_file(&connection, report)?;
    let party = rows::party(&connection)?;
    report.party = Some(party.clone());
    if let Some(expected) = options.party.as_ref().filter(|expected| **expected != party) {
        report.problems.push(Problem::OtherParty { found: party.clone(), expected: expected.clone() });
    }
    let verifier = options.verifier.as_ref();
    let problems = &mut report.problems;
    let walked = walk(&connection, &party, Head::genesis(&party), verifier, &mut |problem| problems.push(problem))?;
    report.head = walked.end;
    report.records = walked.records;
    report.commits = walked.commits;
    check_snapshots(&connection, &party, verifier, report)?;
    check_guard(&connection, &party, options, slots, report)?;
    for known in &options.known_heads {
        check_known(&connection, &party, verifier, known, report)?;
    }
    Ok(())
}

fn check_file(connection: &Connection, report: &mut VerifyReport) -> rusqlite::Result<()> {
    report.problems.extend(schema::foreign(connection)?.map(|problem| Problem::NotALedger { problem }));
    let lines = integrity_problems(connection)?;
    report.problems.extend(lines.into_iter().map(|line| Problem::Integrity { line }));
    let differences = schema::differences(connection)?;
    report.problems.extend(differences.into_iter().map(|difference| Problem::Schema { difference }));
    let parties: i64 = connection.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0))?;
    if parties != 1 {
        let difference = format!("the table ledger has {parties} rows instead of one");
        report.problems.push(Problem::Schema { difference });
    }
    Ok(())
}

fn check_snapshots(
    connection: &Connection,
    party: &Party,
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
        let message = signed.snapshot.message(party);
        if let Err(rejection) = verifier.verify(&signed.signature.key_id, &message, &signed.signature.bytes) {
            report.problems.push(Problem::Snapshot { seq: at.seq, reason: rejection.to_string() });
        }
        if rows::hash_at(connection, party, at.seq)? != Some(at.hash) {
            let reason = "its record has another hash in the chain, or is not there".to_owned();
            report.problems.push(Problem::Snapshot { seq: at.seq, reason });
        }
    }
    Ok(())
}

fn check_guard(
    connection: &Connection,
    party: &Party,
    options: &VerifyOptions,
    slots: Option<&GuardSlots>,
    report: &mut VerifyReport,
) -> rusqlite::Result<()> {
    let verifier = options.verifier.as_ref();
    let conflict = guard_conflict(connection, party, report.head, &options.guard_path, slots, verifier)?;
    report.problems.extend(conflict.map(Problem::from));
    let Some(slots) = slots else { return Ok(()) };
    let Some(newest) = slots.newest() else { return Ok(()) };
    for (index, slot) in slots.slots.iter().enumerate() {
        match slot {
            Slot::Damaged(problem) => {
                report.problems.push(Problem::GuardSlot { slot: index + 1, problem, held: newest.head });
            }
            Slot::Held { head, .. } if head != newest => {
                // Whose the newest is has been told already.
                if let Err(rejection) = head.check(&newest.party, verifier) {
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
    party: &Party,
    verifier: &dyn HeadVerifier,
    known: &SignedHead,
    report: &mut VerifyReport,
) -> rusqlite::Result<()> {
    let known = known.clone();
    if let Err(rejection) = known.check(party, verifier) {
        report.problems.push(Problem::KnownHeadSignature { head: known, rejection });
        return Ok(());
    }
    match place(connection, party, report.head, known.head)? {
        Place::OnChain => {}
        Place::Beyond => report.problems.push(Problem::BehindKnownHead { ledger: report.head, known }),
        Place::Off(on_chain) => report.problems.push(Problem::OffKnownHead { on_chain, known }),
    }
    Ok(())
}
