//! The walk along records and commits that both the opening of a ledger and its offline verification take.

use rusqlite::{Connection, Rows};

use super::Problem;
use crate::{
    arrangement::parties::Party,
    ledger::{
        Epoch, Head, HeadVerifier, Sequence, SignedHead,
        chain::{ChainFault, ChainWalk},
        sqlite::rows::{self, StoredBatch},
    },
};

/// What the walk passed.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Walked {
    /// The last record.
    pub(in crate::ledger) end: Head,
    /// The newest commit, if any.
    pub(in crate::ledger) newest: Option<SignedHead>,
    pub(in crate::ledger) records: u64,
    pub(in crate::ledger) commits: u64,
}

/// Walks from the record after `start` (whose hash is taken as given) to the end, and tells `report` all problems.
pub(in crate::ledger) fn walk(
    connection: &Connection,
    party: &Party,
    start: Head,
    verifier: &dyn HeadVerifier,
    report: &mut dyn FnMut(Problem),
) -> rusqlite::Result<Walked> {
    let before = rows::batch_before(connection, party, start.seq)?;
    let mut commits = Commits {
        party,
        verifier,
        last: before.as_ref().map_or(Sequence::GENESIS, |batch| batch.signed.head.seq),
        epoch: before.as_ref().map_or(Epoch::default(), |batch| batch.signed.epoch),
        newest: None,
        count: 0,
    };
    if let Some(before) = before {
        commits.check_before_start(connection, before.signed, report)?;
    }
    let mut batch_statement = connection.prepare(rows::BATCHES_AFTER)?;
    let mut batches = batch_statement.query([rows::signed(start.seq.0)?])?;
    let mut batch = commits.next(&mut batches, report);

    let mut chain = ChainWalk::after(start);
    let mut records = 0;
    let mut record_statement = connection.prepare(rows::RECORDS_AFTER)?;
    let mut record_rows = record_statement.query([rows::signed(start.seq.0)?])?;
    loop {
        let row = match record_rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => {
                report(Problem::Unreadable {
                    what: format!("records after {}", chain.at().seq),
                    detail: error.to_string(),
                });
                break;
            }
        };
        let stored = match rows::record(row) {
            Ok(stored) => stored,
            Err(error) => {
                let after = chain.at().seq;
                report(Problem::Malformed { table: "records", after, detail: error.to_string() });
                continue;
            }
        };
        records += 1;
        if let Err(fault) = chain.step(stored) {
            report(fault.into());
        }
        while let Some(passed) = batch.take_if(|batch| batch.signed.head.seq <= chain.at().seq) {
            commits.check(passed, Some(chain.at()), report);
            batch = commits.next(&mut batches, report);
        }
    }

    if commits.last < chain.at().seq && batch.is_none() {
        report(Problem::UnsignedTail { from: commits.last.next(), to: chain.at().seq });
    }
    while let Some(ahead) = batch.take() {
        report(Problem::RecordsLost { signed_to: ahead.signed.head.seq, end: chain.at().seq });
        commits.check(ahead, None, report);
        batch = commits.next(&mut batches, report);
    }
    Ok(Walked { end: chain.at(), newest: commits.newest, records, commits: commits.count })
}

struct Commits<'a> {
    party: &'a Party,
    verifier: &'a dyn HeadVerifier,
    last: Sequence,
    epoch: Epoch,
    newest: Option<SignedHead>,
    count: u64,
}

impl Commits<'_> {
    fn next(&self, batches: &mut Rows<'_>, report: &mut dyn FnMut(Problem)) -> Option<StoredBatch> {
        loop {
            let row = match batches.next() {
                Ok(row) => row?,
                Err(error) => {
                    report(Problem::Unreadable {
                        what: format!("commits after record {}", self.last),
                        detail: error.to_string(),
                    });
                    return None;
                }
            };
            match rows::batch(row, self.party) {
                Ok(batch) => return Some(batch),
                Err(error) => {
                    report(Problem::Malformed { table: "batches", after: self.last, detail: error.to_string() });
                }
            }
        }
    }

    /// The commit before the walk's start may be the newest there is: it must be the house's word all the same.
    fn check_before_start(
        &mut self,
        connection: &Connection,
        signed: SignedHead,
        report: &mut dyn FnMut(Problem),
    ) -> rusqlite::Result<()> {
        let seq = signed.head.seq;
        match rows::hash_at(connection, self.party, seq)? {
            Some(hash) => self.check_signed(&signed, Some(Head { seq, hash }), report),
            None => report(Problem::Gap { from: seq, to: seq }),
        }
        self.newest = Some(signed);
        Ok(())
    }

    fn check(&mut self, batch: StoredBatch, at: Option<Head>, report: &mut dyn FnMut(Problem)) {
        let StoredBatch { first, signed } = batch;
        let seq = signed.head.seq;
        self.count += 1;
        if first != self.last.next() {
            report(Problem::CommitGap { seq, expected: self.last.next(), found: first });
        }
        if signed.epoch < self.epoch {
            report(Problem::CommitEpoch { seq });
        }
        self.check_signed(&signed, at, report);
        self.last = seq;
        self.epoch = signed.epoch;
        self.newest = Some(signed);
    }

    fn check_signed(&self, signed: &SignedHead, at: Option<Head>, report: &mut dyn FnMut(Problem)) {
        let seq = signed.head.seq;
        // A commit whose last record is gone has no hash to compare; the gap itself is reported by the chain.
        if let Some(at) = at
            && at.seq == seq
            && at.hash != signed.head.hash
        {
            report(Problem::CommitHead { seq, signed: signed.head.hash, chain: at.hash });
        }
        if let Err(rejection) = signed.check(self.party, self.verifier) {
            report(Problem::CommitSignature { seq, key_id: signed.signature.key_id.clone(), rejection });
        }
    }
}

impl From<ChainFault> for Problem {
    fn from(fault: ChainFault) -> Self {
        match fault {
            ChainFault::Gap { expected, found } if found < expected => Self::Malformed {
                table: "records",
                after: expected.previous(),
                detail: format!("record {found} is out of order"),
            },
            ChainFault::Gap { expected, found } => Self::Gap { from: expected, to: found.previous() },
            ChainFault::Hash { seq, stored, computed } => Self::RecordChanged { seq, stored, computed },
        }
    }
}
