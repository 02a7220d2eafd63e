//! Offline verification of a house's ledger: nobody has to believe the node.
//!
//! Checked are the chain of records and its signed heads; the signature of everything that either house signed; that
//! neither house signed two things for one round; that every claim is over leaves that are here and whose figures
//! follow from each other; that every statement follows from its two claims; that an outcome is what the statements
//! say; and that each granted factor follows from its inputs, by computing the margins again from the positions, market
//! data and links that the claim names. Nothing is written.

mod comparison;
mod findings;
mod heads;
pub(crate) mod history;
pub(crate) mod recompute;
mod report;
mod rounds;
mod store;
#[cfg(test)]
mod tests;
mod words;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use findings::Finding;
pub use report::{Counts, LedgerReport, Report};

use self::{comparison::Side, findings::Findings, history::History, store::ReadOnly};
use crate::{
    arrangement::{
        leg::{Leg, Pair},
        terms::Arrangement,
    },
    blobs::{BlobStore, FileBlobStore},
    compute::Computer,
    config::Config,
    identity::VerifyingKeys,
    ledger::{self, LedgerError, Record, VerifyOptions},
    node,
};

/// The folder of the blobs in a data directory.
const BLOBS: &str = "blobs";
/// The ledger's file in a data directory.
const LEDGER: &str = "ledger.sqlite";

/// Why a ledger cannot be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Something that is needed to verify cannot be used.
    #[error("{0}")]
    Setup(String),
    /// A ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What to verify beside the ledger of a node's configuration.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Another copy of the ledger than the configured one, its guard file beside it; and its blobs, else the
    /// configured ones are read.
    pub ledger: Option<PathBuf>,
    /// The other house's data directory: its ledger is verified too, and that both tell one story.
    pub other: Option<PathBuf>,
}

/// Verifies the ledger of a node's configuration, and what else is chosen. Also while the nodes run.
///
/// # Errors
/// What cannot be opened or used. What is wrong in a ledger is in the report.
pub fn verify(config: &Config, choice: &Choice) -> Result<Report, AuditError> {
    let setup = |error: &dyn std::fmt::Display| AuditError::Setup(error.to_string());
    let (arrangement, us) = node::load_own_arrangement(config).map_err(|error| setup(&error))?;
    let arrangement = Arc::new(arrangement);
    let own_key = config.signing_key().map_err(|error| setup(&error))?;
    let keys = config.verifying_keys(&own_key).map_err(|error| setup(&error))?;
    let beside = choice.ledger.as_ref().and_then(|ledger| ledger.parent()).filter(|folder| folder.join(BLOBS).is_dir());
    let blobs = open_blobs(beside.unwrap_or(&config.data_directory))?;
    let other_blobs = choice.other.as_ref().map(open_blobs).transpose()?;
    let subject = |leg: Leg, own: &Arc<dyn BlobStore>, theirs: Option<&Arc<dyn BlobStore>>| {
        Subject::new(leg, &arrangement, &keys, own, theirs)
    };
    let own = subject(us, &blobs, other_blobs.as_ref())?;
    let path = choice.ledger.clone().unwrap_or_else(|| config.data_directory.join(LEDGER));
    let Some((directory, their_blobs)) = choice.other.as_ref().zip(other_blobs.as_ref()) else {
        let (own_report, _) = verify_ledger(&own, &path)?;
        return Ok(Report { ledgers: vec![own_report], comparison: Vec::new() });
    };
    let theirs = subject(us.other(), their_blobs, Some(&blobs))?;
    let their_path = directory.join(LEDGER);
    let (own_report, own_history) = verify_ledger(&own, &path)?;
    let (other_report, other_history) = verify_ledger(&theirs, &their_path)?;
    let parties = &arrangement.parties;
    let own_words = comparison::words_of(parties, us, &path)?;
    let their_words = comparison::words_of(parties, us.other(), &their_path)?;
    let mut findings = Findings::default();
    let own_side = Side { leg: us, history: &own_history, later: &own_words };
    let other_side = Side { leg: us.other(), history: &other_history, later: &their_words };
    comparison::compare(parties, &own_side, &other_side, &mut findings);
    let house = |leg: Leg| parties.houses[leg].as_str();
    heads::compare(house(us), &own_side, &path, &other_history, &mut findings)?;
    heads::compare(house(us.other()), &other_side, &their_path, &own_history, &mut findings)?;
    Ok(Report { ledgers: vec![own_report, other_report], comparison: findings.problems() })
}

/// One house's records and the store of what they cite, wherever they are kept.
pub struct Kept {
    /// The records, in order, from the first on.
    pub records: Vec<Record>,
    /// The store.
    pub blobs: Arc<dyn BlobStore>,
}

/// What a judgement of both houses' records finds.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What was checked at each house.
    pub counts: Pair<Counts>,
    /// Everything that is wrong at each house.
    pub problems: Pair<Vec<Finding>>,
    /// Where the two contradict each other.
    pub comparison: Vec<Finding>,
}

/// Judges the records of both houses as [`verify`] does, without files: the chain of hashes, the signed heads and the guard
/// are the ledger's own and are not checked here.
///
/// # Errors
/// What cannot be used.
pub fn judge(arrangement: &Arc<Arrangement>, keys: &VerifyingKeys, kept: &Pair<Kept>) -> Result<Judgement, AuditError> {
    let mut histories = Vec::new();
    let (mut counts, mut problems) = (Pair::default(), Pair::default());
    for leg in Leg::BOTH {
        let (own, theirs) = (&kept[leg], &kept[leg.other()]);
        let subject = Subject::new(leg, arrangement, keys, &own.blobs, Some(&theirs.blobs))?;
        let (history, findings, counted) = subject.inspect(|take| own.records.iter().cloned().for_each(take));
        counts[leg] = counted;
        problems[leg] = findings.problems();
        let own_words = history.by_digest.keys().filter(|(by, _)| *by == leg).map(|(_, digest)| *digest).collect();
        histories.push((leg, history, own_words));
    }
    let mut findings = Findings::default();
    let sides: Vec<_> = histories.iter().map(|(leg, history, later)| Side { leg: *leg, history, later }).collect();
    if let [own, other] = &sides[..] {
        comparison::compare(&arrangement.parties, own, other, &mut findings);
    }
    Ok(Judgement { counts, problems, comparison: findings.problems() })
}

/// One house's ledger and what is needed to judge it.
struct Subject {
    us: Leg,
    arrangement: Arc<Arrangement>,
    keys: VerifyingKeys,
    blobs: Arc<dyn BlobStore>,
    computer: Computer,
}

impl Subject {
    fn new(
        us: Leg,
        arrangement: &Arc<Arrangement>,
        keys: &VerifyingKeys,
        own: &Arc<dyn BlobStore>,
        theirs: Option<&Arc<dyn BlobStore>>,
    ) -> Result<Self, AuditError> {
        let stores = std::iter::once(own).chain(theirs).cloned().collect();
        let blobs: Arc<dyn BlobStore> = Arc::new(ReadOnly::new(stores));
        let computer = Computer::new(Arc::clone(arrangement), Arc::clone(&blobs));
        Ok(Self { us, arrangement: Arc::clone(arrangement), keys: keys.clone(), blobs, computer })
    }

    /// Judges records, in order.
    fn inspect(&self, records: impl FnOnce(&mut dyn FnMut(Record))) -> (History, Findings, Counts) {
        let mut history = History::new(&self.arrangement.programme);
        let (mut findings, mut counts) = (Findings::default(), Counts::default());
        records(&mut |record| words::take(self, &record, &mut history, &mut findings, &mut counts));
        rounds::check(self, &history, &mut findings, &mut counts);
        (history, findings, counts)
    }
}

fn verify_ledger(subject: &Subject, path: &Path) -> Result<(LedgerReport, History), AuditError> {
    let party = subject.arrangement.parties.party(subject.us);
    let verifier = node::head_verifier(&subject.keys, party.house.as_str());
    let options = VerifyOptions { party: Some(party), ..VerifyOptions::new(path, Arc::new(verifier)) };
    let chain = ledger::verify(&options)?;
    let mut failure = None;
    let (history, mut findings, counts) = subject.inspect(|take| {
        failure = ledger::read_offline(path, chain.head.seq, take).err();
    });
    heads::check(subject, path, &history, &mut findings)?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok((LedgerReport::new(path, &chain, counts, findings), history)),
    }
}

fn open_blobs(directory: impl AsRef<Path>) -> Result<Arc<dyn BlobStore>, AuditError> {
    let store = FileBlobStore::open_for_reading(directory.as_ref().join(BLOBS));
    Ok(Arc::new(store.map_err(|error| AuditError::Setup(error.to_string()))?))
}
